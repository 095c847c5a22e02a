"""A model shared by threads, callbacks and signal handlers: all see whole steps, or an error."""

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from test_interrupts import ctrl_c

from aevb import AEVB, MCEM, Evaluator, Trainer, WakeSleep
from aevb.core.engine import ARENAS, Engine, Subset

X = np.random.default_rng(0).random((400, 64), dtype=np.float32)
SMALL = {"n_components": 2, "hidden_layer_sizes": (50,), "random_state": 0}
SMALL |= {"likelihood": "bernoulli"}
KINDS = {
    "AEVB": AEVB.published(**SMALL, batch_size=20, optimizer="adam", learning_rate=0.01),
    "WakeSleep": WakeSleep.published(**SMALL, batch_size=20),
    "MCEM": MCEM.published(**SMALL, batch_size=100, n_leapfrog=3, n_updates=3),
}
kinds = pytest.mark.parametrize("kind", KINDS)


def new(kind, **changes):
    return Trainer(type(KINDS[kind])(**KINDS[kind].get_params() | changes), X)


def weights(model):
    return b"".join(w.tobytes() for w in model.weights_.values())


def state(trainer):
    """Counts, weights, accumulators and chains, each read by its own call."""
    engine, chains = trainer.model._engine, trainer._chains
    arenas = [a.tobytes() for which in ARENAS for a in engine.arrays(which).values()]
    moved = [chains.z.tobytes(), *chains.step_state] if chains else []
    return engine.n_steps, engine.n_samples_seen, engine.bound_sum, *arenas, *moved


@contextlib.contextmanager
def in_thread(work):
    """Run `work` in a thread during the block, and raise its exception at the end."""
    errors = []

    def guarded():
        try:
            work()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=guarded, daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        thread.join(60)
        assert not thread.is_alive(), "it waits for ever"
        if errors:
            raise errors[0]


@contextlib.contextmanager
def training(trainer):
    """Train in a thread during the block, a few steps at a time."""
    started, done = threading.Event(), threading.Event()

    def train():
        while not done.is_set():
            trainer.step(3)
            started.set()

    with in_thread(train) as thread:
        assert started.wait(60)
        try:
            yield thread
        finally:
            done.set()


READS = {  # bytes that follow from a model's weights
    "weights_": weights,
    "inverse_transform": lambda m: m.inverse_transform(np.eye(2)).tobytes(),
    "sample": lambda m: m.sample(5, random_state=0).tobytes(),
    "transform": lambda m: m.transform(X[:30]).tobytes(),
    "score_samples": lambda m: m.score_samples(X[:30]).tobytes(),
    "gradient": lambda m: m.bound_and_gradient(X[:30])[1]["decoder.logits.weight"].tobytes(),
    "importance": lambda m: Evaluator(m).log_likelihood(X[:9], n_draws=3).per_row.tobytes(),
}
SLOW = {"transform", "score_samples", "gradient", "importance"}  # slow for MCEM, or not available


@pytest.mark.parametrize("what", READS)
@kinds
def test_what_another_thread_reads_is_of_a_whole_step(kind, what):
    if kind == "MCEM" and what in SLOW:
        return
    trainer, read = new(kind), READS[what]
    trainer.step()
    seen = []
    with training(trainer) as thread:
        while thread.is_alive() and len(set(seen)) < 4:  # it trains at the same time
            seen.append(read(trainer.model))
            time.sleep(0.001)
    assert len(set(seen)) == 4
    n_steps, trainer = trainer.model.n_steps_, new(kind)
    steps = {read(trainer.step().model) for _ in range(n_steps)}
    assert set(seen) <= steps


@kinds
def test_copies_made_meanwhile_are_of_one_step(kind, tmp_path):
    """Counts, weights and accumulators fit together, as in a run that was never copied."""
    trainer, copies = new(kind), []
    with training(trainer):
        for i in range(4):
            model = trainer.model
            copies += [model._engine.copy(), pickle.loads(pickle.dumps(model))._engine]
            model.save(tmp_path / f"{i}")
            copies.append(type(model).load(tmp_path / f"{i}")._engine)
            copies.append(Engine.from_state(model._engine.state()))
            time.sleep(0.01)

    wanted, trainer = {}, new(kind)
    for _ in range(max(copy.n_steps for copy in copies)):
        trainer.step()
        wanted[trainer.model.n_steps_] = pickle.dumps(arrays_of(trainer.model._engine))
    assert [pickle.dumps(arrays_of(copy)) == wanted[copy.n_steps] for copy in copies] == [True] * 16


def arrays_of(engine):
    found = engine.state()
    return {k: v for k, v in found.items() if k not in ("seconds", "config")}


def test_readers_and_training_take_turns():
    """Overlapping readers leave no gap for the training, which leaves none for another reader."""
    trainer = Trainer(AEVB.published(**SMALL, batch_size=20, learning_rate=1e-6), LONG)
    n_read, done = [0, 0, 0], threading.Event()

    def read(which):
        while not done.is_set() and n_read[which] < 1000:
            trainer.model._engine.bound(
                trainer._feed.rows, Subset(0, 2000, split=False), n_draws=1, seed=0, n_threads=1
            )
            n_read[which] += 1

    with in_thread(lambda: read(0)), in_thread(lambda: read(1)), in_thread(lambda: read(2)):
        try:
            for _ in range(10):
                before = list(n_read)
                train_some(trainer, max_steps=200)
            assert max(n_read) < 1000  # the training did not wait until they ended
            assert min(n_read) > 0
            assert n_read != before
        finally:
            done.set()


CHANGES = {
    "fit": lambda t: t.model.fit(X),
    "partial_fit": lambda t: t.model.partial_fit(X),
    "step": lambda t: t.step(),
    "run": lambda t: t.run(1e9),
    "another trainer": lambda t: Trainer(t.model, X).step(),
    "set_weights": lambda t: t.model.set_weights(t.model.weights_),
    "options": lambda t: Trainer(t.model.set_params(learning_rate=0.5), X),
    "counts": lambda t: setattr(t.model._engine._model, "n_steps", 0),
}


@pytest.mark.parametrize("change", CHANGES)
@kinds
def test_what_another_thread_would_change_is_an_error(kind, change):
    """The training continues to the same bits as without the attempt."""
    trainer, goes_on, tried = new(kind), threading.Event(), threading.Event()

    def wait(_):
        goes_on.set()
        tried.wait(60)
        return trainer.model.n_samples_seen_ >= 3 * len(X)

    trainer.callbacks = (wait,)
    with in_thread(lambda: trainer.run(1e9)):
        try:
            assert goes_on.wait(60)
            with pytest.raises(RuntimeError, match="model: another thread is training it"):
                CHANGES[change](trainer)
        finally:
            trainer.model.set_params(**KINDS[kind].get_params())
            tried.set()
    assert state(trainer) == state(new(kind).run(3 * len(X)))
    trainer.step()  # the other thread has ended


@kinds
def test_a_callback_of_the_training_may_change_it(kind):
    trainer = new(kind)

    def halve(t):
        t.model.set_weights({k: w / 2 for k, w in t.model.weights_.items()})
        return True

    trainer.callbacks = (halve,)
    trainer.run(1e9)
    plain = new(kind).run(len(X))
    assert weights(trainer.model) == b"".join(
        (w / 2).tobytes() for w in plain.model.weights_.values()
    )


def test_a_callback_of_a_reading_call_cannot():
    """It would wait for the call that it runs in."""
    model = AEVB.published(**SMALL, n_epochs=1).fit(X)
    rows, said = Trainer(model, X)._feed.rows, []

    def change(done):
        weights(model)  # it may read
        try:
            model.set_weights(model.weights_)
        except RuntimeError as error:
            said.append(str(error))
            raise

    with pytest.raises(RuntimeError, match="model: this thread is in a call that reads"):
        model._engine.importance(
            rows, n_draws=50_000, n_adaptations=0, seed=0, n_threads=1, progress=change
        )
    assert len(said) == 1
    model.set_weights(model.weights_)


LONG = np.broadcast_to(X[:1], (2_000_000, 64))


def train_some(trainer, **limits):
    part = {"begin": 0, "size": len(LONG), "split": False, "epoch": 0, "position": 0}
    limits = {"max_steps": 10**9, "max_seconds": 1e9, "n_train": 1, "n_threads": 1} | limits
    return trainer.model._engine._model.train(trainer._feed.rows, **part, **limits)


@pytest.fixture(name="busy")
def busy_trainer():
    """A trainer whose epoch takes far longer than any test."""
    model = AEVB.published(
        2, hidden_layer_sizes=(500,), batch_size=20, learning_rate=1e-6, random_state=0
    )
    return Trainer(model, LONG)


def test_who_waits_for_the_training_hears_ctrl_c(busy):
    with in_thread(lambda: train_some(busy, max_seconds=2.0)) as thread:
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            [weights(busy.model) for _ in range(10**6)]
        assert thread.is_alive()  # the training did not end, so something else ended the wait
    assert weights(busy.model)


@contextlib.contextmanager
def alarm(handler):
    """Send signals, each a hundredth of a second after the end of the last handler."""

    def handle(*args):
        handler(*args)
        signal.setitimer(signal.ITIMER_REAL, 0.01)

    default = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, default)


def test_a_handler_may_use_the_model_that_its_thread_waits_for(busy):
    """The thread waits for readers before it trains. Its handler reads and changes the model."""
    engine, said = busy.model._engine, []

    def read():
        engine.bound(
            busy._feed.rows, Subset(0, 100_000, split=False), n_draws=1, seed=0, n_threads=1
        )

    def handler(*_):
        said.append(weights(busy.model))
        if len(said) == 1:
            engine._model.n_steps += 7

    with in_thread(read) as thread, alarm(handler):
        while thread.is_alive() and not said:
            train_some(busy, max_steps=1)
    assert said
    assert engine.n_steps >= 8


FORK = """
import os, threading, time
import numpy as np
from aevb import AEVB, Trainer

X = np.random.default_rng(0).random((300, 64), dtype=np.float32)
LONG = np.broadcast_to(X[:1], (2_000_000, 64))
options = {"hidden_layer_sizes": (500,), "batch_size": 20, "random_state": 0}
trainer = Trainer(AEVB.published(2, **options), LONG)
engine, other = trainer.model._engine, AEVB.published(2, n_epochs=1, random_state=0).fit(X)
part = {"begin": 0, "size": len(LONG), "split": False, "n_threads": 1}

def train():
    engine._model.train(trainer._feed.rows, **part, epoch=0, position=0, max_steps=10**9,
                        max_seconds=20.0, n_train=1)

def read():
    engine._model.bound(trainer._feed.rows, **part, n_draws=1, seed=0)

def said_by_child(work):
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except RuntimeError as error:
            os._exit(3 if "was training it when this process was forked" in str(error) else 4)
        finally:
            os._exit(5)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

threading.Thread(target=%s, daemon=True).start()
time.sleep(0.3)
for work in (lambda: engine.arrays("weights"), engine.copy, lambda: trainer.step(),
             lambda: other.transform(X), lambda: other.partial_fit(X)):
    print(said_by_child(work))
os._exit(0)  # without waiting for the thread
"""


@pytest.mark.parametrize(("work", "codes"), [("train", "33300"), ("read", "00000")])
def test_a_forked_child_waits_for_nobody(work, codes, tmp_path):
    """A child with half a step of its parent's weights gets an error."""
    command = [sys.executable, "-u", "-c", FORK % work]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert "".join(run.stdout.split()) == codes, run.stderr


FORGOTTEN = """
import os, threading
import numpy as np
from aevb import AEVB

X = np.random.default_rng(0).random((30, 6), dtype=np.float32)
engine, claims = AEVB.published(2, n_epochs=1, random_state=0).fit(X)._engine, []
claimed, done = threading.Event(), threading.Event()

def claim():
    claims.append(engine.training())
    claimed.set()
    done.wait()

threading.Thread(target=claim, daemon=True).start()
claimed.wait()
child = os.fork()
if child == 0:
    try:
        engine.copy()
        claims.clear()
        with engine.training():
            pass
        said = []
        other = threading.Thread(target=lambda: said.append(engine.training()))
        other.start()
        other.join()
        os._exit(0 if said else 3)
    finally:
        os._exit(5)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
os._exit(0)
"""


def test_a_claim_that_a_child_has_forgotten_may_end_there(tmp_path):
    command = [sys.executable, "-c", FORGOTTEN]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert run.stdout == "0\n", run.stderr


# ------------------------------------------------------------------- signals in training of chains
def test_a_signals_handler_sees_whole_steps_of_chains_and_weights():
    """A step takes some tenths of a second. The core would run handlers every twentieth."""
    trainer, seen = new("MCEM", batch_size=None, n_updates=1500), []
    with alarm(lambda *_: seen.append(state(trainer))):
        for _ in range(4):
            trainer._advance(1)
    assert len(seen) >= 3
    n_steps, trainer = trainer.model.n_steps_, new("MCEM", batch_size=None, n_updates=1500)
    steps = [state(trainer), *(state(trainer.step()) for _ in range(n_steps))]
    assert all(one in steps for one in seen)


LONG_STEPS = {  # most of a step's time; the core checks for signals every twentieth of a second
    "moving the chains": {"n_leapfrog": 6000, "n_updates": 1},
    "updates, undone": {"n_leapfrog": 1, "n_updates": 4000},
}


@pytest.mark.parametrize("what", LONG_STEPS)
def test_ctrl_c_leaves_whole_steps_of_chains_and_weights(what):
    """Ctrl-C may come at any time. The training then continues to the same bits as without it."""
    options = {"batch_size": None, **LONG_STEPS[what]}
    trainer = new("MCEM", **options)
    good = [state(trainer)]
    start = time.perf_counter()
    train_chains(trainer, 1)
    seconds = time.perf_counter() - start
    good.append(state(trainer))
    stopped = 0
    for share in (0.1, 0.4, 0.7):
        trainer = new("MCEM", **options)
        with ctrl_c(share * seconds):
            done = train_chains(trainer, 1)
        stopped += done == 0
        assert state(trainer) == good[done], share
        train_chains(trainer, 1 - done)
        assert state(trainer) == good[1]
    assert stopped > 0


def train_chains(trainer, n_steps):
    engine = trainer.model._engine
    part = {"begin": 0, "size": len(X), "split": False, "epoch": 0, "position": 0}
    limits = {"max_steps": n_steps, "max_seconds": 1e9, "n_train": len(X), "n_threads": 2}
    return trainer._chains.train(engine._model, trainer._feed.rows, **part, **limits)[0]
