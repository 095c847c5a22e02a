"""The history: seconds that add up, and one entry per epoch, however training is split."""

import time

import numpy as np
import pytest

from aevb import AEVB, MCEM, Trainer, WakeSleep
from aevb.core import engine as core_engine
from aevb.training.validation import Validation

pytestmark = pytest.mark.filterwarnings("ignore:all latent units have collapsed")  # short fits

X = np.random.default_rng(0).random((50, 6), dtype=np.float32)
SMALL = {"n_components": 2, "hidden_layer_sizes": (4,), "batch_size": 20, "random_state": 0}
KINDS = {
    "AEVB": AEVB.published(**SMALL),
    "WakeSleep": WakeSleep.published(**SMALL),
    "MCEM": MCEM.published(**SMALL, n_leapfrog=2),
}
kinds = pytest.mark.parametrize("kind", KINDS)


def fresh(kind="AEVB", X=X, settings=None, **options):
    return Trainer(type(KINDS[kind])(**KINDS[kind].get_params() | (settings or {})), X, **options)


@kinds
def test_seconds_count_on_over_epochs_runs_and_files(kind, tmp_path, monkeypatch):
    """And are no more than went by; a core call for each minibatch."""
    monkeypatch.setattr(core_engine, "slice_seconds", lambda: 0.0)
    path = tmp_path / "run.safetensors"
    begin = time.monotonic()
    trainer = fresh(kind, checkpoint=path).run(1000)
    trainer = Trainer.resume(path, X).run(1500)
    model = type(trainer.model).load(path).partial_fit(X)
    spent = time.monotonic() - begin
    seconds = model.history_["seconds"]
    assert len(seconds) == 31
    assert seconds[0] > 0
    assert np.diff(seconds).min() > 0
    assert seconds[-1] < spent
    assert model.fit(X).history_["seconds"][0] < spent  # a new fit starts again


@kinds
def test_seconds_are_those_of_the_training(kind):
    """They are most of the time that a long core call takes; at least a tenth."""
    wide = np.random.default_rng(0).random((1000, 200), dtype=np.float32)
    settings = {"hidden_layer_sizes": (200,), "batch_size": 500, "n_threads": 1}
    trainer = fresh(kind, X=wide, settings=settings).step()
    before, begin = trainer.model._engine.seconds, time.monotonic()
    trainer.step(3)
    spent = time.monotonic() - begin
    assert 0.1 * spent < trainer.model._engine.seconds - before < spent


@kinds
@pytest.mark.parametrize("slices", [0.0, 1e-4, 100.0])
def test_the_history_does_not_depend_on_how_calls_are_sliced(kind, slices, monkeypatch):
    def columns(trainer):
        return {k: v for k, v in trainer.history.items() if k != "seconds"}

    whole = fresh(kind).run(300)
    monkeypatch.setattr(core_engine, "slice_seconds", lambda: slices)
    assert columns(fresh(kind).run(300)) == columns(whole)
    assert columns(fresh(kind).step(18)) == columns(whole)
    assert whole.history["samples_seen"] == [50, 100, 150, 200, 250, 300]


def test_a_model_that_goes_on_keeps_its_history():
    model = AEVB.published(**SMALL, n_epochs=2, warm_start=True).fit(X)
    before = {name: list(column) for name, column in model.history_.items()}
    after = model.fit(X[:30]).history_
    assert after["samples_seen"] == [50, 100, 130, 160]
    assert all(after[name][:2] == before[name] or name == "validation_bound" for name in before)
    model.set_params(warm_start=False).fit(X)
    assert model.history_["samples_seen"] == [50, 100]


def test_every_callback_is_called_though_one_has_said_stop():
    calls = []
    callbacks = [
        lambda t: calls.append("first") or True,
        lambda t: calls.append(len(t.history["seconds"])),
    ]
    trainer = fresh(callbacks=callbacks).run(1000)
    assert calls == ["first", 1]
    assert trainer.model.n_samples_seen_ == 50
    trainer.run(1000)  # this asks again
    assert calls == ["first", 1, "first", 2]


@pytest.mark.parametrize(
    ("answer", "n_seen"), [(None, 150), (False, 150), (np.False_, 150), (True, 50), (np.True_, 50)]
)
def test_only_true_stops(answer, n_seen):
    assert fresh(callbacks=[lambda _: answer]).run(150).model.n_samples_seen_ == n_seen


@pytest.mark.parametrize("answer", [0, 1, "yes", [], np.array([True])])
def test_another_answer_of_a_callback_is_an_error(answer):
    with pytest.raises(TypeError, match=r"^callbacks: .* returned .*, want True to end the run"):
        fresh(callbacks=[lambda _: answer]).run(150)


def test_steps_do_not_stop_for_callbacks():
    assert fresh(callbacks=[lambda _: True]).step(9).model.n_steps_ == 9


def test_an_epoch_whose_end_was_interrupted_ends_once(monkeypatch):
    """This holds whatever is called next: `run` with nothing to do, or `step`."""
    real, calls = Validation.score, []

    def interrupted(*args):
        calls.append(1)
        if len(calls) % 2:
            raise KeyboardInterrupt
        return real(*args)

    whole = fresh(X_val=X[:9]).run(100).history
    monkeypatch.setattr(Validation, "score", interrupted)
    for go_on in (lambda t: t.run(0), lambda t: t.step()):
        trainer = fresh(X_val=X[:9])
        with pytest.raises(KeyboardInterrupt):
            trainer.run(50)
        assert trainer.history["samples_seen"] == []
        go_on(trainer)
        assert trainer.history["samples_seen"] == [50]
        with pytest.raises(KeyboardInterrupt):
            trainer.run(100)
        trainer.run(100)
        for name in ("samples_seen", "train_bound", "validation_bound"):
            assert trainer.history[name] == whole[name]
