"""What a checkpoint holds, that a resumed run restores all of it, and when it is written."""

import json

import kill
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from aevb import AEVB, MCEM, Trainer, WakeSleep
from aevb.core import engine as core_engine
from aevb.core.engine import ARENAS
from aevb.core.state import RunState
from aevb.storage import checkpoint
from aevb.storage.model_file import reading
from aevb.training import trainer as training
from aevb.training.validation import Validation

X = np.random.default_rng(0).random((50, 6), dtype=np.float32)
SMALL = {"n_components": 2, "hidden_layer_sizes": (4,), "batch_size": 20, "random_state": 0}
KINDS = {
    "AEVB": AEVB.published(**SMALL, optimizer="adam"),
    "WakeSleep": WakeSleep.published(**SMALL, optimizer="adam"),
    "MCEM": MCEM.published(**SMALL, optimizer="adam", n_leapfrog=2),
}
kinds = pytest.mark.parametrize("kind", KINDS)
PATIENT = {"early_stopping": True, "patience": 3}


@pytest.fixture(name="path")
def checkpoint_path(tmp_path):
    return tmp_path / "run.safetensors"


def fresh(kind="AEVB", X=X, settings=None, **options):
    return Trainer(type(KINDS[kind])(**KINDS[kind].get_params() | (settings or {})), X, **options)


def read_checkpoint(path):
    with reading(path, "checkpoint"):
        return checkpoint.read_checkpoint(path)


def assert_equal(one, two):
    """Compare bit by bit, through dicts and tuples."""
    assert type(one) is type(two)
    if isinstance(one, dict):
        assert one.keys() == two.keys()
        for name in one:
            assert_equal(one[name], two[name])
    elif isinstance(one, tuple):
        assert len(one) == len(two)
        for a, b in zip(one, two, strict=True):
            assert_equal(a, b)
    elif isinstance(one, np.ndarray):
        assert one.tobytes() == two.tobytes()
    else:
        assert one == two


@kinds
def test_every_part_of_a_run_comes_back(kind, path, monkeypatch):
    """The run is in its third epoch, and its first epoch was the best."""
    bounds = iter([3.5, 2.0, 1.0])
    monkeypatch.setattr(Validation, "score", lambda *_: next(bounds))
    trainer = fresh(kind, settings=PATIENT | {"patience": 9}, X_val=X[:7], checkpoint=path)
    trainer.step(8)  # an epoch has three steps
    trainer._run = trainer._run._replace(n_prior=12345, checkpoint_every=77)
    trainer.save_checkpoint()
    saved, state = read_checkpoint(path)
    assert_equal(saved.state.engine.state(), trainer.model._engine.state())
    assert saved.state.history == trainer.history
    want = trainer._run_state()
    assert want.start == (6, 100, pytest.approx(want.start.bound_sum))
    assert (want.n_worse, want.best[0], want.n_train, want.n_validation) == (1, 3.5, 50, 7)
    assert len(want.fingerprint) == 64
    for name in set(RunState._fields) - {"best", "chains"}:
        assert getattr(state, name) == getattr(want, name), name
    assert state.best[0] == 3.5
    for arena in ARENAS:
        assert_equal(state.best[1].arrays(arena), want.best[1].arrays(arena))
    assert (state.chains is None) == (want.chains is None) == (kind != "MCEM")
    if want.chains is not None:
        assert_equal(state.chains.z, want.chains.z)
        assert_equal(state.chains.step_state, want.chains.step_state)
    resumed = Trainer.resume(path, X, X_val=X[:7])
    for name in set(RunState._fields) - {"best", "chains"}:
        assert getattr(resumed._run_state(), name) == getattr(want, name), name
    monkeypatch.setattr(Validation, "score", lambda *_: 0.0)
    assert kill.state_of(resumed.step(5)) == kill.state_of(trainer.step(5))
    assert kill.state_of(resumed.run(300)) == kill.state_of(trainer.run(300))
    assert resumed._run.n_worse == trainer._run.n_worse > 1


def test_a_resumed_run_goes_on_writing_and_does_as_it_is_told(path, capsys):
    fresh(checkpoint=path, checkpoint_every=70).run(50)
    calls = []
    resumed = Trainer.resume(path, X, callbacks=[lambda t: calls.append(t)], progress=True)
    assert resumed.checkpoint == path
    resumed.run(150)
    assert calls == [resumed] * 2
    assert AEVB.load(path).n_samples_seen_ == 150
    assert "rows" in capsys.readouterr().err
    Trainer.resume(path, X).run(200)
    assert capsys.readouterr().err == ""
    assert Trainer.resume(path, X)._run.checkpoint_every == 70
    assert Trainer.resume(path, X, checkpoint_every=30)._run.checkpoint_every == 30


# Samples seen when a checkpoint is written, with minibatches of 20, 20 and 10 rows.
DUE = {
    "each epoch by default": (None, lambda t: t.run(150), [50, 100, 150, 150]),
    "at the first minibatch that is past due": (30, lambda t: t.run(150), [40, 70, 100, 140, 150]),
    "each minibatch": (1, lambda t: t.run(60), [20, 40, 50, 70, 70]),
    "at the end though it is not due": (1000, lambda t: t.run(50), [50]),
    "no run, no end": (1000, lambda t: t.step(9), []),
    "in steps": (100, lambda t: [t.step() for _ in range(9)], [100]),
    "counted from the last": (60, lambda t: (t.step(), t.save_checkpoint(), t.step(4)), [20, 90]),
}


@pytest.mark.parametrize("slices", [0.0, 100.0])  # a call for each minibatch, or for each epoch
@pytest.mark.parametrize("due", DUE)
def test_checkpoints_are_written_when_they_are_due(due, slices, path, monkeypatch):
    every, train, want = DUE[due]
    trainer, written = fresh(checkpoint=path, checkpoint_every=every), []
    write = training.write_checkpoint

    def note(path, saved, *run):
        written.append(saved.state.engine.n_samples_seen)
        write(path, saved, *run)

    monkeypatch.setattr(training, "write_checkpoint", note)
    monkeypatch.setattr(core_engine, "slice_seconds", lambda: slices)
    train(trainer)
    assert written == want
    if want:
        assert AEVB.load(path).n_samples_seen_ == want[-1]
        assert Trainer.resume(path, X)._checkpoint_due == want[-1] + (every or 50)


def test_ctrl_c_writes_where_it_came(path):
    def stop(trainer):
        if trainer.model.n_samples_seen_ >= 100:
            raise KeyboardInterrupt

    trainer = fresh(checkpoint=path, checkpoint_every=10**6, callbacks=[stop])
    with pytest.raises(KeyboardInterrupt):
        trainer.run(1000)
    assert AEVB.load(path).n_samples_seen_ == 100
    for error in (RuntimeError, SystemExit):  # these are not a wish to stop
        trainer.callbacks = [lambda _, error=error: (_ for _ in ()).throw(error)]
        with pytest.raises(error):
            trainer.run(1000)
    assert AEVB.load(path).n_samples_seen_ == 100


# ------------------------------------------------------------------------------------- the data
@pytest.mark.parametrize("n_rows", [7, 2500])
def test_the_fingerprint_is_of_rows_all_over_the_data(n_rows, path):
    """It covers each row of few rows. Of many rows, it covers both ends and some of any hundred."""
    rows = np.resize(X, (n_rows, 6)) + np.arange(n_rows, dtype=np.float32)[:, None]
    trainer = fresh(X=rows, checkpoint=path)
    trainer.save_checkpoint()
    length = 1 if n_rows == 7 else 100
    changes = [slice(i, i + length) for i in range(0, n_rows, length)] + [[0], [n_rows - 1]]
    for change in changes:
        other = rows.copy()
        other[change, 3] += 0.25
        with pytest.raises(ValueError, match=r"X: got data of shape .* not those which the run in"):
            Trainer.resume(path, other)
    Trainer.resume(path, rows.astype(float))


def test_more_or_fewer_rows_are_other_data(path):
    fresh(checkpoint=path).run(50)
    for other in (X[:-1], np.concatenate([X, X[:1]])):
        with pytest.raises(ValueError, match=f"had 0 and 50|the run in {path}"):
            Trainer.resume(path, other)


@pytest.mark.parametrize("held_out", [None, 5, 7])
def test_other_held_out_rows_are_named(held_out, path):
    fresh(X_val=X[:6], checkpoint=path).run(50)
    X_val = None if held_out is None else X[:held_out]
    want = f"X_val: got {held_out or 0} rows held out and 50 to train on.* had 6 and 50"
    with pytest.raises(ValueError, match=want):
        Trainer.resume(path, X, X_val=X_val)
    Trainer.resume(path, X, X_val=X[:6])


# ----------------------------------------------------------------------------------- the header
def rewrite(path, change):
    with safe_open(path, framework="numpy") as file:
        header = json.loads(file.metadata()["aevb"])
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    change(header["trainer"])
    save_file(arrays, path, metadata={"aevb": json.dumps(header)})


COUNTS = {"n_prior": 1, "n_worse": 0, "checkpoint_every": 1, "n_train": 1, "n_validation": 0}


@pytest.mark.parametrize("name", COUNTS)
def test_each_count_is_checked(name, path):
    fresh(X_val=X[:6], checkpoint=path, settings=PATIENT).save_checkpoint()
    whole = path.read_bytes()
    for bad in (COUNTS[name] - 1, -5, 2**62, 1.0, True, "3", None, [1]):
        path.write_bytes(whole)
        rewrite(path, lambda trainer, bad=bad: trainer.update({name: bad}))
        with pytest.raises(ValueError, match=f"{path.name}.*it has the count"):
            read_checkpoint(path)
    path.write_bytes(whole)
    rewrite(path, lambda trainer: trainer.update({name: max(COUNTS[name], 30)}))
    assert getattr(read_checkpoint(path)[1], name) == max(COUNTS[name], 30)


STARTS = {  # for a model that has seen 5 steps and 90 samples, with epochs of 50 rows
    "as it is": ([3, 50, -7.0], True),
    "the epoch is all there": ([2, 40, -7.0], True),
    "now": ([5, 90, -7.0], True),
    "an epoch is shorter": ([2, 39, -7.0], False),
    "after now": ([5, 91, -7.0], False),
    "a step after now": ([6, 90, -7.0], False),
    "a negative step": ([-1, 50, -7.0], False),
    "no sum": ([3, 50, float("nan")], False),
    "an endless sum": ([3, 50, float("inf")], False),
    "too short": ([3, 50], False),
    "too long": ([3, 50, 1.0, 1.0], False),
}


@pytest.mark.parametrize("start", STARTS)
def test_where_the_epoch_starts_is_checked(start, path):
    trainer = fresh(checkpoint=path).step(5)
    trainer.save_checkpoint()
    assert (trainer.model.n_steps_, trainer.model.n_samples_seen_) == (5, 90)
    rewrite(path, lambda trainer: trainer.update(start=STARTS[start][0]))
    if STARTS[start][1]:
        assert read_checkpoint(path)[1].start == tuple(STARTS[start][0])
    else:
        with pytest.raises(ValueError, match=path.name):
            read_checkpoint(path)


@pytest.mark.parametrize("bound", [-3.25, float("inf"), float("-inf")])
def test_a_best_bound_of_any_kind_comes_back(bound, path, monkeypatch):
    monkeypatch.setattr(Validation, "score", lambda *_: bound)
    fresh(X_val=X, checkpoint=path, settings=PATIENT).run(50)
    assert read_checkpoint(path)[1].best[0] == bound


def test_a_bound_that_is_no_number_is_not_the_best(path, monkeypatch):
    monkeypatch.setattr(Validation, "score", lambda *_: float("nan"))
    fresh(X_val=X, checkpoint=path, settings=PATIENT).run(50)
    assert read_checkpoint(path)[1].best is None
