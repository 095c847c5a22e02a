"""Checkpoints: a stopped run continues to the same bits, and no file is half written."""

import errno
import json
import os
import shutil
import signal
import threading

import kill
import numpy as np
import pytest
import scipy.sparse as sp
from safetensors import safe_open
from safetensors.numpy import save_file

from aevb import AEVB, MCEM, Trainer, WakeSleep, datasets
from aevb.storage import atomic

X = datasets.load_digits()[:300]
SMALL = {"n_components": 2, "hidden_layer_sizes": (8,), "random_state": 0}
MODELS = {
    "AEVB": AEVB.published(**SMALL),
    "the defaults, two layers": AEVB(2, hidden_layer_sizes=(8, 5), random_state=0, patience=50),
    "dynamic": AEVB.published(**SMALL, binarize="dynamic", batch_size=70),
    "WakeSleep": WakeSleep.published(**SMALL, learning_rate=0.05),
    "MCEM": MCEM.published(**SMALL),
    "MCEM of minibatches": MCEM.published(**SMALL, batch_size=70, optimizer="adam"),
}
named = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


@pytest.fixture(name="path")
def checkpoint_path(tmp_path):
    return tmp_path / "run.safetensors"


def fresh(model, **options):
    return Trainer(type(model)(**model.get_params()), X, **options)


def stop_after(n_epochs):
    def callback(trainer):
        if len(trainer.history["seconds"]) == n_epochs:
            raise KeyboardInterrupt

    return callback


@named
@pytest.mark.parametrize("n_threads", [1, 3])
def test_an_interrupted_run_goes_on_to_the_same_bits(model, n_threads, path):
    stopped = fresh(model, checkpoint=path, callbacks=[stop_after(7)])
    with pytest.raises(KeyboardInterrupt):
        stopped.run(6000)
    resumed = Trainer.resume(path, X)
    assert resumed.model.get_params() == model.get_params()
    resumed.model.set_params(n_threads=n_threads)
    assert kill.state_of(resumed.run(6000)) == kill.state_of(fresh(model).run(6000))


@named
def test_a_checkpoint_in_the_midst_of_an_epoch(model, path):
    first = fresh(model, checkpoint=path, checkpoint_every=10**6)
    first.step(2)
    first.save_checkpoint()
    first.step(5)
    second = Trainer.resume(path, X)
    assert kill.state_of(second.step(5)) == kill.state_of(first)


def test_checkpoints_are_written_as_often_as_asked(path):
    counts = []

    def look(trainer):
        if path.exists():
            counts.append(AEVB.load(path).n_samples_seen_)

    fresh(MODELS["AEVB"], checkpoint=path, checkpoint_every=600, callbacks=[look]).run(3000)
    assert len(set(counts)) >= 3
    assert all(count % 300 == 0 for count in counts)
    assert AEVB.load(path).n_samples_seen_ == 3000
    assert Trainer.resume(path, X)._run.checkpoint_every == 600


def test_a_checkpoint_is_not_late(path, monkeypatch):
    """It is not late, however many minibatches one call takes."""
    trainer = fresh(MODELS["AEVB"], checkpoint=path, checkpoint_every=100)
    batch = trainer.model.batch_size
    written, write = [], trainer.save_checkpoint

    def note():
        written.append(trainer.model.n_samples_seen_)
        write()

    monkeypatch.setattr(trainer, "save_checkpoint", note)
    trainer.run(3000)
    assert np.max(np.diff([0, *written])) < 100 + batch


def test_a_signals_handler_may_write_the_checkpoint(path):
    """The handler runs between training calls, when weights and counts fit together."""
    trainer = fresh(MODELS["AEVB"], checkpoint=path, checkpoint_every=10**9)
    written = []

    def handler(*_):
        trainer.save_checkpoint()
        written.append(path.with_name(f"{len(written)}.safetensors"))
        shutil.copy(path, written[-1])

    default = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.02, 0.3)
    try:
        while len(written) < 3:
            trainer.step(1000)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, default)
    for file in written:
        resumed = Trainer.resume(file, X)
        resumed.step(trainer.model.n_steps_ - resumed.model.n_steps_)
        assert kill.state_of(resumed) == kill.state_of(trainer)


def test_an_interrupt_does_not_write_what_has_diverged(path, monkeypatch):
    """Ctrl-C arrives between the step that diverges and the check that finds it."""
    trainer = fresh(MODELS["AEVB"], checkpoint=path).run(600)
    before, state = path.read_bytes(), kill.state_of(trainer)

    def advance(*_, **__):
        weights = trainer.model._engine.arrays("weights")
        weights["decoder.logits.bias"][0] = np.nan
        trainer.model._engine.set_arrays(weights, "weights")
        raise KeyboardInterrupt

    monkeypatch.setattr(trainer, "_advance", advance)
    with pytest.raises(KeyboardInterrupt):
        trainer.run(1200)
    assert path.read_bytes() == before
    assert kill.state_of(trainer) == state


def test_a_checkpoint_is_a_model_and_a_model_is_no_checkpoint(path):
    trainer = fresh(MODELS["MCEM"], checkpoint=path).run(600)
    model = MCEM.load(path)
    np.testing.assert_array_equal(model.transform(X[:5]), trainer.model.transform(X[:5]))
    model.save(path)
    with pytest.raises(ValueError, match=f"{path.name}.*no run"):
        Trainer.resume(path, X)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        Trainer.resume(path.with_name("nowhere"), X)


@pytest.mark.parametrize("other", [X[:-1], X[::-1], X + 0.0 * X - 0.01 * (X > 0.5)])
def test_other_data_are_an_error(other, path):
    fresh(MODELS["AEVB"], checkpoint=path).run(300)
    with pytest.raises(ValueError, match="the run in"):
        Trainer.resume(path, other)


@pytest.mark.parametrize("container", [np.asfortranarray, sp.csr_matrix, np.float32])
def test_the_same_data_in_another_container_will_do(container, path):
    fresh(MODELS["AEVB"], checkpoint=path).run(300)
    with pytest.raises(ValueError, match=r"features"):
        Trainer.resume(path, X[:, :-1])
    Trainer.resume(path, container(X)).run(600)


def test_a_full_disk_leaves_the_checkpoint_and_the_model(path, monkeypatch):
    trainer = fresh(MODELS["AEVB"], checkpoint=path).run(300)
    before = path.read_bytes()

    def full(arrays, temporary, metadata):
        temporary.write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(temporary))

    with monkeypatch.context() as patch:
        patch.setattr(atomic, "save_file", full)
        with pytest.raises(OSError, match="No space left"):
            trainer.run(600)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert trainer.model.n_samples_seen_ == 600
    assert kill.state_of(trainer.run(900)) == kill.state_of(fresh(MODELS["AEVB"]).run(900))


def rewrite(path, change):
    with safe_open(path, framework="numpy") as file:
        header = json.loads(file.metadata()["aevb"])
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    change(header, arrays)
    save_file(arrays, path, metadata={"aevb": json.dumps(header)})


DAMAGE = {
    "newer": lambda h, a: h.update(format_version=99),
    "other class": lambda h, a: h.update({"class": "Unknown"}),
    "no start": lambda h, a: h["trainer"].pop("start"),
    "bad start": lambda h, a: h["trainer"].update(start=["x", 1, 2]),
    "bad count": lambda h, a: h["trainer"].update(n_prior=-1),
    "bad step": lambda h, a: h["trainer"].update(step_state=[1.0, 2.0]),
    "no step": lambda h, a: h["trainer"].pop("step_state"),
    "claims rows": lambda h, a: h["trainer"].update(n_rows=10**15),
    "chains": lambda h, a: a.update({"trainer/chains": a["trainer/chains"][:-1].copy()}),
    "NaN": lambda h, a: a.update({"trainer/chains": a["trainer/chains"] * np.float32("nan")}),
    "no chains": lambda h, a: a.pop("trainer/chains"),
    "early start": lambda h, a: h["trainer"].update(start=[0, -300, 0.0]),
    "late start": lambda h, a: h["trainer"].update(start=[9, 9999, 0.0]),
    "huge count": lambda h, a: h["trainer"].update(n_prior=10**30),
    "bool for a count": lambda h, a: h["trainer"].update(checkpoint_every=True),
    "parameter": lambda h, a: h["params"].update(n_epochs="5"),
    "other parameter": lambda h, a: h["params"].update(optimizer="adam"),
    "patience": lambda h, a: h["params"].update(patience=3),
    "more": lambda h, a: a.update({"trainer/other": np.zeros(3, np.float32)}),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_checkpoint_is_named(damage, path):
    fresh(MODELS["MCEM"], checkpoint=path).run(300)
    rewrite(path, damage)
    with pytest.raises(ValueError, match=path.name):
        Trainer.resume(path, X)


def test_a_truncated_checkpoint_is_named(path):
    fresh(MODELS["MCEM"], checkpoint=path).run(300)
    whole = path.read_bytes()
    for n in (0, 7, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:n])
        with pytest.raises(ValueError, match=path.name):
            Trainer.resume(path, X)


def test_ctrl_c_in_the_midst_of_a_step_writes_the_last_whole_one(path):
    """A run cannot continue from half of a step's updates."""
    trainer = fresh(MCEM.published(**SMALL, n_updates=1_000_000), checkpoint=path)
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        trainer.run(300)
    timer.join()
    assert trainer.model.n_steps_ == 0
    assert kill.state_of(Trainer.resume(path, X)) == kill.state_of(fresh(trainer.model))


def test_a_run_out_of_patience_does_not_go_on(path):
    model = AEVB.published(**SMALL, learning_rate=1.0, optimizer="adam", patience=2)
    model.set_params(early_stopping=True)
    whole = fresh(model).run(30_000)
    n_epochs = len(whole.history["seconds"])
    assert 3 <= n_epochs < 100
    stopped = fresh(model, checkpoint=path, callbacks=[stop_after(n_epochs)])
    with pytest.raises(KeyboardInterrupt):
        stopped.run(30_000)
    assert kill.state_of(Trainer.resume(path, X).run(30_000)) == kill.state_of(whole)


def test_a_resumed_run_holds_out_the_same_rows(path):
    model = AEVB.published(**SMALL, early_stopping=True)
    Trainer(model, X, X_val=X[:30], checkpoint=path).run(600)
    with pytest.raises(ValueError, match="X_val"):
        Trainer.resume(path, X)


@pytest.mark.parametrize("bad", [{"checkpoint_every": 0}, {"checkpoint": 3}, {"callbacks": 1}])
def test_a_trainer_that_fails_leaves_the_model_as_it_was(bad):
    model = AEVB.published(**SMALL)
    with pytest.raises((TypeError, ValueError)):
        Trainer(model, X, **bad)
    assert not hasattr(model, "weights_")


def test_chains_of_another_shape_are_refused():
    trainer = fresh(MODELS["MCEM"]).step()
    trainer.model.set_params(hidden_layer_sizes=(300,), n_epochs=1).fit(X)
    with pytest.raises(ValueError, match="model: has another shape"):
        trainer.step()


@pytest.mark.parametrize("every", [0, -5, 1.5, "often"])
def test_bad_checkpoint_every_is_named(every, path):
    with pytest.raises((TypeError, ValueError), match="checkpoint_every"):
        fresh(MODELS["AEVB"], checkpoint=path, checkpoint_every=every)


def test_no_path_no_checkpoint():
    with pytest.raises(ValueError, match="checkpoint"):
        fresh(MODELS["AEVB"]).save_checkpoint()


@pytest.mark.parametrize("name", kill.MODELS)
def test_killed_runs_go_on_to_the_same_bits(name, tmp_path):
    """This test makes a few kills. tests/kill.py makes as many as you want."""
    assert kill.kill_and_compare(name, tmp_path, 2, np.random.default_rng(0)) > 2000
