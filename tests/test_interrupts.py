"""What an interrupt at a bad moment leaves behind, and settings changed after a fit."""

import contextlib
import itertools
import os
import signal
import sys
import threading
import time

import numpy as np
import pytest

from aevb import AEVB, MCEM, Evaluator, Trainer, WakeSleep, datasets
from aevb.core.engine import ARENAS, Config, Engine
from aevb.training.length import n_validation_draws

OPTIONS = {"n_components": 2, "hidden_layer_sizes": (8,), "random_state": 0}


@pytest.fixture(name="X")
def digits():
    return datasets.load_digits()[:250]


def interrupt_validation(monkeypatch, at):
    """Raise KeyboardInterrupt in the validation bound with this number."""
    calls = []
    real = AEVB._scores

    def scores(*args):
        calls.append(1)
        if len(calls) == at:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(AEVB, "_scores", scores)


def test_interrupted_validation_leaves_a_whole_model(X, monkeypatch, tmp_path):
    trainer = Trainer(AEVB.published(**OPTIONS), X[:200], X_val=X[200:])
    interrupt_validation(monkeypatch, at=2)
    with pytest.raises(KeyboardInterrupt):
        trainer.run(1000)
    assert {len(column) for column in trainer.history.values()} == {1}
    trainer.model.save(tmp_path / "model.safetensors")
    assert AEVB.load(tmp_path / "model.safetensors").n_samples_seen_ == 400

    trainer.run(1000)
    assert trainer.history["samples_seen"] == [200, 400, 600, 800, 1000]
    whole = Trainer(AEVB.published(**OPTIONS), X[:200], X_val=X[200:]).run(1000)
    np.testing.assert_array_equal(trainer.model.transform(X), whole.model.transform(X))


def test_early_stopping_keeps_the_counts_of_what_was_seen(X):
    options = {"early_stopping": True, "patience": 2, "learning_rate": 1.0, "optimizer": "adam"}
    model = AEVB.published(**OPTIONS, **options)
    trainer = Trainer(model, X[:200], X_val=X[200:])
    trainer.run(np.inf)
    assert model.n_samples_seen_ == model.history_["samples_seen"][-1]
    best = int(np.argmax(model.history_["validation_bound"]))
    assert best == len(model.history_["validation_bound"]) - 3
    bound = Evaluator(model).bound(X[200:], n_draws=n_validation_draws(1, 50))
    assert bound.per_row.mean() == model.history_["validation_bound"][best]
    model.partial_fit(X)
    assert np.all(np.diff(model.history_["samples_seen"]) > 0)


@pytest.mark.parametrize("n_threads", [0, -1, 2**31, 1.5])
def test_bad_n_threads_after_fit_is_an_error(X, n_threads):
    model = AEVB.published(**OPTIONS, n_epochs=1).fit(X).set_params(n_threads=n_threads)
    for method in (model.transform, model.score_samples, model.bound_and_gradient):
        with pytest.raises((TypeError, ValueError), match="n_threads"):
            method(X)


def test_settings_after_fit_do_not_let_bad_data_in(X):
    model = AEVB.published(**OPTIONS, n_epochs=1).fit(X).set_params(binarize="threshold")
    with pytest.raises(ValueError, match=r"X: got values .* in \[0, 1\]"):
        model.score_samples(255 * X)
    with pytest.raises(ValueError, match=r"scale: got 0\.5"):
        model.set_params(binarize=None, warm_start=True, scale=0.5).fit(X)


def test_a_bound_without_noise_has_no_error(X):
    """With a decoder that ignores z, draws agree to rounding. Their variance is never negative."""
    model = AEVB.published(**OPTIONS, n_epochs=1).fit(X)
    weights = model.weights_
    weights["decoder.logits.weight"][:] = 0
    weights["encoder.mean.bias"][:] = 5
    estimate = Evaluator(model.set_weights(weights)).bound(X, n_draws=50)
    assert np.all(estimate.stderr <= 1e-6 * np.abs(estimate.per_row))


def state(trainer):
    history = {k: v for k, v in trainer.history.items() if k != "seconds"}
    weights = {name: w.tobytes() for name, w in trainer.model.weights_.items()}
    chains = trainer._chains and trainer._chains.z.tobytes()
    return weights, trainer.model.n_steps_, repr(history), chains


@pytest.mark.parametrize("kind", [AEVB, MCEM])
def test_an_interrupt_between_any_two_calls_of_the_trainer_is_made_good(X, kind):
    def new():
        return Trainer(kind.published(**OPTIONS), X[:60])

    good = state(new().run(240))
    for at in itertools.count():
        trainer, left = new(), itertools.count(-at)

        def interrupt(frame, event, arg, left=left):
            if frame.f_globals["__name__"].startswith("aevb.training") and next(left) == 0:
                raise KeyboardInterrupt

        sys.setprofile(interrupt)
        try:
            trainer.step(2)
            break
        except KeyboardInterrupt:
            pass
        finally:
            sys.setprofile(None)
        assert state(trainer.run(240)) == good, at
    assert at > 20


N_LONG = 2_000_000  # far more rows than a call can finish before the interrupt
LONG_CALLS = {
    "sample": lambda model, X: model.sample(N_LONG),
    "transform": lambda model, X: model.transform(X),
    "score_samples": lambda model, X: model.score_samples(X),
    "reconstruct": lambda model, X: model.reconstruct(X),
    "inverse_transform": lambda model, X: model.inverse_transform(X[:, :2]),
    "bound_and_gradient": lambda model, X: model.bound_and_gradient(X),
    "active_units": lambda model, X: Evaluator(model).active_units(X),
}

CORE_CALLS = {"encode", "decode", "sample", "bound", "bound_and_gradient"}


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("what", LONG_CALLS)
def test_ctrl_c_ends_a_reading_call_and_the_model_answers_as_before(what, n_threads):
    X = np.random.default_rng(0).random((100, 20), dtype=np.float32)
    model = AEVB.published(
        2, hidden_layer_sizes=(300,), n_epochs=1, random_state=0, n_threads=n_threads
    )
    before = model.fit(X).transform(X).tobytes(), model.score_samples(X).tobytes()
    ends, rows = [], np.broadcast_to(X[:1], (N_LONG, 20))

    timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))

    def note(frame, event, called):
        if event.startswith("c_") and called.__name__ in CORE_CALLS:
            ends.append(event)
            if event == "c_call":
                timer.start()

    sys.setprofile(note)
    try:
        with pytest.raises(KeyboardInterrupt):
            LONG_CALLS[what](model, rows)
    finally:
        sys.setprofile(None)
        timer.cancel()
        timer.join()
    # the core raised it: after a full run of the core, only Python would have raised
    assert ends == ["c_call", "c_exception"]
    assert (model.transform(X).tobytes(), model.score_samples(X).tobytes()) == before


def test_an_interrupt_changes_no_bit_of_what_comes_after(X):
    """Reports come between blocks of rows. A report that raises nothing leaves no trace."""
    model = AEVB.published(2, hidden_layer_sizes=(300,), n_epochs=1, random_state=0).fit(X)
    many = np.tile(X, (400, 1))
    calls = [lambda: model.transform(many), lambda: model.sample(10**5, random_state=0)]
    alone = [call().tobytes() for call in calls]
    heard = []
    default = signal.signal(signal.SIGALRM, lambda *_: heard.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
    try:
        assert [call().tobytes() for call in calls] == alone
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, default)
    assert heard


@contextlib.contextmanager
def alarms(first=0.01, raises_at=1):
    """Send a signal every hundredth of a second. Its handler raises at call `raises_at`."""
    heard = itertools.count(1)

    def handler(*_):
        if next(heard) == raises_at:
            raise InterruptedError

    default = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, first, 0.01)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, default)


def test_an_interrupt_ends_the_drawing_of_the_first_weights(X):
    """There are 60 million weights. A complete drawing would have called the handler once."""
    config = AEVB.published(**OPTIONS, n_epochs=1).fit(X)._engine.config.as_dict()
    wide = Config(**config | {"n_visible": 30_000, "hidden_layer_sizes": [1000]})
    with alarms(raises_at=2), pytest.raises(InterruptedError):
        Engine(wide)


def test_an_interrupt_ends_the_copy_of_a_model(X):
    """A complete copy of its gigabyte would have called the handler once."""
    config = AEVB.published(**OPTIONS, n_epochs=1).fit(X)._engine.config.as_dict()
    wide = Engine(Config(**config | {"n_visible": 30_000, "hidden_layer_sizes": [2000]}))
    with alarms(raises_at=2), pytest.raises(InterruptedError):
        wide.copy()


def arenas(engine):
    return [
        engine.n_steps,
        engine.n_samples_seen,
        engine.bound_sum,
        *(a.tobytes() for which in ARENAS for a in engine.arrays(which).values()),
    ]


@contextlib.contextmanager
def ctrl_c(after):
    """Send SIGINT after so many seconds, to a handler that raises nothing."""
    default = signal.signal(signal.SIGINT, lambda *_: None)
    timer = threading.Timer(after, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        signal.signal(signal.SIGINT, default)


LONG_STEPS = {
    "undone in the update": (  # of two moments, by two draws
        AEVB,
        300,
        {"batch_size": 6_000, "optimizer": "adam", "n_draws": 2, "learning_rate": 0.001},
    ),
    "wake-sleep": (WakeSleep, 300, {"batch_size": 12_000}),
    "few rows, whose update is done to its end": (AEVB, 6000, {"batch_size": 490}),
}


@pytest.mark.parametrize("what", LONG_STEPS)
def test_an_interrupt_in_the_midst_of_a_long_step_leaves_a_whole_one(what):
    """It falls into the forward or backward phases, the update, or the gather of the next rows."""
    kind, n_visible, options = LONG_STEPS[what]
    batch_size = options["batch_size"]
    X = np.random.default_rng(0).random((2 * batch_size, n_visible), dtype=np.float32)
    options = {"hidden_layer_sizes": (500 if batch_size > 1000 else 1500,), **options}
    trainer = Trainer(kind.published(2, random_state=0, **options), X)

    def train(engine, n_steps):
        part = {"begin": 0, "size": len(X), "split": False, "epoch": 0, "n_train": len(X)}
        limits = {"max_steps": n_steps, "max_seconds": 1e9, "n_threads": 2}
        model = engine._model  # the core's own, whose call has no end of its own
        return model.train(trainer._feed.rows, **part, **limits, position=engine.n_samples_seen)

    first = trainer.model._engine
    good = [arenas(first)]
    took = []
    for n in (1, 2):
        engine = first.copy()
        start = time.perf_counter()
        train(engine, n)
        took.append(time.perf_counter() - start)
        good.append(arenas(engine))
    stopped_at = set()
    for at in np.linspace(0.01, 0.9 * took[1], 3):
        engine = first.copy()
        with ctrl_c(at):
            done = train(engine, 2)[0]
        assert engine.n_steps == done
        assert arenas(engine) == good[done], at
        stopped_at.add(done)
        train(engine, 2 - done)
        assert arenas(engine) == good[2], at
    # in the update, the last third of a step, which has a rollback
    n_more = 6 if batch_size > 1000 and kind is AEVB else 0
    for at in np.linspace(0.65, 0.95, n_more) * took[0]:
        engine = first.copy()
        with ctrl_c(at):
            done = train(engine, 1)[0]
        assert arenas(engine) == good[done], at
        stopped_at.add(done)
    assert 0 in stopped_at
