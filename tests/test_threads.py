"""Threads: any number gives the same bits, they work without the GIL, and Ctrl-C is prompt."""

import _thread
import contextlib
import functools
import os
import resource
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from engines import engine, train
from teams import team_of, whole_teams
from threadpoolctl import threadpool_info, threadpool_limits

from aevb import AEVB, Evaluator, Trainer
from aevb.core.engine import Rows

LIKELIHOODS = ["bernoulli", "gaussian", "bounded-gaussian"]
NETS = {
    "small": {"n": 23, "d": 7, "hidden_layer_sizes": (5,), "n_components": 2, "batch_size": 6},
    "mid-size": {
        "n": 150,
        "d": 64,
        "hidden_layer_sizes": (300,),
        "n_components": 10,
        "batch_size": 100,
    },
    "two layers": {
        "n": 70,
        "d": 133,
        "hidden_layer_sizes": (170, 87),
        "n_components": 4,
        "batch_size": 60,
    },
    "wide z": {
        "n": 40,
        "d": 90,
        "hidden_layer_sizes": (230,),
        "n_components": 70,
        "batch_size": 32,
        "n_draws": 2,
    },
    "many rows": {
        "n": 700,
        "d": 45,
        "hidden_layer_sizes": (70,),
        "n_components": 3,
        "batch_size": 600,
    },
    "three draws": {
        "n": 50,
        "d": 170,
        "hidden_layer_sizes": (167,),
        "n_components": 3,
        "batch_size": 35,
        "n_draws": 3,
    },
}


@functools.cache
def rows(n, d, likelihood):
    """Most cells are zero and some columns too, as in images, unless the data are real-valued."""
    rng = np.random.default_rng(0)
    if likelihood == "gaussian":
        return rng.normal(size=(n, d)).astype(np.float32)
    X = rng.random((n, d), dtype=np.float32)
    X[X < 0.7] = 0
    X[:, ::5] = 0
    return X


def results(X, n_threads, **settings):
    """All results of a fit, as bytes."""
    settings = {"n_epochs": 2, "learning_rate": 0.005, "random_state": 0, **settings}
    model = AEVB.published(**settings, n_threads=n_threads).fit(X)
    bound, gradient = model.bound_and_gradient(X)
    said = {name: weight.tobytes() for name, weight in model.weights_.items()}
    said |= {f"gradient of {name}": g.tobytes() for name, g in gradient.items()}
    said |= {
        "bound": bound.tobytes(),
        "train bound": np.array(model.history_["train_bound"]).tobytes(),
        "validation bound": np.array(model.history_["validation_bound"]).tobytes(),
        "transform": model.transform(X).tobytes(),
        "reconstruct": model.reconstruct(X).tobytes(),
        "score": model.score_samples(X).tobytes(),
        "sample": model.sample(5, random_state=0).tobytes(),
        "evaluator": Evaluator(model, random_state=0).bound(X, n_draws=2).per_row.tobytes(),
    }
    return said


def assert_the_same_bits(X, teams, **settings):
    """Compare bit by bit, with as many threads in each team as the test asks for."""
    with team_of(1):
        one = results(X, 1, **settings)
    for n_threads in teams:
        with team_of(n_threads):
            assert results(X, n_threads, **settings) == one, n_threads


@pytest.mark.parametrize(
    ("likelihood", "net"),
    [("bernoulli", net) for net in NETS] + [(name, "two layers") for name in LIKELIHOODS[1:]],
)
def test_any_number_of_threads_gives_the_same_bits(isa, likelihood, net):
    settings = dict(NETS[net], likelihood=likelihood)
    X = rows(settings.pop("n"), settings.pop("d"), likelihood)
    assert_the_same_bits(X, (2, 3, 7), **settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "sgd"},
        {"optimizer": "adam"},
        {"bound_estimator": "monte-carlo"},
        {"bound_estimator": "score-function"},
        {"binarize": "dynamic"},
        {"activation": "relu", "early_stopping": True},
        {"batch_size": 1, "n_epochs": 1},
        {"batch_size": 1000},
    ],
    ids=str,
)
def test_for_every_setting(vectors, settings):
    X = rows(20 if settings.get("batch_size") == 1 else 120, 137, "bernoulli")
    settings = {"hidden_layer_sizes": (141,), "batch_size": 50, "n_components": 3, **settings}
    assert_the_same_bits(X, (2, 3, 7), **settings)


def test_for_the_papers_net(isa):
    X = rows(100, 784, "bernoulli")
    settings = {"n_components": 20, "batch_size": 50, "n_epochs": 1}
    assert_the_same_bits(X, (2, 3, 7), **settings)


def test_the_number_of_threads_may_change_between_calls():
    X = rows(150, 64, "bernoulli")
    settings = {"hidden_layer_sizes": (50,), "batch_size": 30, "random_state": 0}
    changing, steady = AEVB.published(**settings), AEVB.published(**settings, n_threads=1)
    for n_threads in (1, 4, 2, None, 3):
        changing.set_params(n_threads=n_threads)
        with team_of(n_threads) if n_threads else whole_teams():
            changing.partial_fit(X)
        steady.partial_fit(X)
    for name, weight in steady.weights_.items():
        assert weight.tobytes() == changing.weights_[name].tobytes()


def in_threads(*calls):
    """Run the calls at once. Fail rather than hang if they wait for one another."""
    answers, errors = [None] * len(calls), []

    def work(index):
        try:
            answers[index] = calls[index]()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(i,), daemon=True) for i in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "deadlock"
    assert not errors, errors
    return answers


def test_estimators_may_fit_side_by_side():
    X = rows(150, 64, "bernoulli")

    def fit(seed):
        return results(X, 2, hidden_layer_sizes=(50,), n_components=5, random_state=seed)

    with team_of(2):
        alone = [fit(seed) for seed in range(4)]
    with team_of(2):
        together = in_threads(*(lambda seed=seed: fit(seed) for seed in range(4)))
    assert together == alone


def test_one_estimator_may_be_asked_by_many():
    X = rows(400, 64, "bernoulli")
    model = AEVB.published(
        5, hidden_layer_sizes=(50,), n_epochs=2, random_state=0, n_threads=2
    ).fit(X)

    def ask():
        methods = (model.transform, model.score_samples, model.reconstruct)
        return [method(X).tobytes() for _ in range(9) for method in methods]

    with team_of(2):
        alone = ask()
    with team_of(2):
        assert in_threads(*[ask] * 4) == [alone] * 4


def test_the_process_keeps_its_blas_threads(isa):
    """Calls that overlap must not leave NumPy's BLAS on the one thread that the core wants."""

    def blas_threads():
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    X = rows(400, 64, "bernoulli")
    model = AEVB.published(
        5, hidden_layer_sizes=(50,), n_epochs=1, random_state=0, n_threads=2
    ).fit(X)
    before = blas_threads()
    with team_of(2):
        in_threads(*[lambda: [model.transform(X) for _ in range(20)]] * 4)
    after = blas_threads()
    threadpool_limits(before[0], user_api="blas")  # for the tests that follow, if this one fails
    assert after == before


@contextlib.contextmanager
def turns_of_another_thread():
    """Count its turns. It gets one only when the GIL is released, because nothing forces that."""
    turns, done, interval = [0], threading.Event(), sys.getswitchinterval()

    def take_turns():
        while not done.is_set():
            turns[0] += 1
            time.sleep(1e-4)

    thread = threading.Thread(target=take_turns, daemon=True)
    thread.start()
    sys.setswitchinterval(1000)
    try:
        yield lambda: turns[0]
    finally:
        sys.setswitchinterval(interval)
        done.set()
        thread.join()


def parts(X, n_draws):
    return {"begin": 0, "size": len(X), "n_draws": n_draws, "seed": 0, "n_threads": 1}


def predict(model, X):
    options = {"n_draws": 1, "n_adaptations": 0, "n_samples": 1, "mean": True}
    options["deviation"] = True
    ids = np.arange(len(X), dtype=np.uint64)
    return model.predict(Rows(X), ids, **options, seed=0, n_threads=1)


WITHOUT_THE_GIL = {
    "train": train,
    "encode": lambda model, X: model.encode(Rows(X), n_threads=1),
    "decode": lambda model, X: model.decode(X[:, :2].copy(), n_threads=1),
    "sample": lambda model, X: model.sample(len(X), seed=0, n_threads=1),
    "bound": lambda model, X: model.bound(Rows(X), split=False, **parts(X, 1)),
    "importance": lambda model, X: model.importance(Rows(X), n_adaptations=0, **parts(X, 1)),
    "predict": lambda model, X: predict(model, X),
    "gradient": lambda model, X: model.bound_and_gradient(Rows(X), None, seed=0, n_threads=1),
    "joint": lambda model, X: model.log_joint(Rows(X), X[None, :, :2].copy(), n_threads=1),
}


@pytest.mark.parametrize("call", WITHOUT_THE_GIL)
def test_the_gil_is_free_while_the_core_works(call):
    """Another Python thread gets a turn between the start and the end of a call."""
    X, work = rows(500, 64, "bernoulli"), WITHOUT_THE_GIL[call]
    model = engine(64, hidden_layer_sizes=[50], batch_size=100)
    with turns_of_another_thread() as turns:
        for _ in range(3000):  # the other thread may sleep through one call or more
            before = turns()
            work(model, X)
            if turns() > before:
                return
    raise AssertionError("no turn in any call")


@contextlib.contextmanager
def interrupt_after(seconds, interrupt):
    """Interrupt the main thread once, but never after the end of the block."""
    sent, lock = [], threading.Lock()

    def send():
        with lock:
            if not sent:
                sent.append(True)
                interrupt()

    timer = threading.Timer(seconds, send)
    timer.start()
    try:
        yield
    finally:
        with lock:
            sent.append(True)
        timer.cancel()
        timer.join()


INTERRUPTS = {
    "signal": lambda: os.kill(os.getpid(), signal.SIGINT),
    "interrupt_main": _thread.interrupt_main,
}
LONG = {
    "short epochs": {"d": 20, "n": 50, "hidden_layer_sizes": (10,), "batch_size": 10},
    "long epochs": {"d": 784, "n": 30_000, "hidden_layer_sizes": (1000,), "batch_size": 100},
}


@pytest.mark.parametrize("interrupt", INTERRUPTS)
@pytest.mark.parametrize("how", ["fit", "refit", "partial_fit", "trainer"])
@pytest.mark.parametrize("job", LONG)
def test_ctrl_c_stops_a_fit(job, how, interrupt):
    settings = dict(LONG[job], random_state=0, n_epochs=1_000_000, n_components=3)
    X = rows(settings.pop("n"), settings.pop("d"), "bernoulli")
    model, probe = AEVB.published(**settings), X[:40]
    if how in ("refit", "partial_fit"):
        model.set_params(n_epochs=1).fit(probe).set_params(n_epochs=1_000_000)

    def work():
        if how == "partial_fit":
            while True:  # each call either has happened or has not
                model.partial_fit(X)
        if how == "trainer":
            Trainer(model, X).run(10**12)
        model.fit(X)

    with pytest.raises(KeyboardInterrupt), interrupt_after(0.3, INTERRUPTS[interrupt]):
        work()

    if how in ("fit", "refit"):  # the last whole minibatch stays
        control = Trainer(AEVB.published(**settings), X).step(model.n_steps_).model
        assert model.n_samples_seen_ == control.n_samples_seen_ > 0
        assert model.transform(probe).tobytes() == control.transform(probe).tobytes()
    if how == "partial_fit":
        control = AEVB.published(**settings).set_params(n_epochs=1).fit(probe)
        while control.n_samples_seen_ < model.n_samples_seen_:
            control.partial_fit(X)
        assert model.n_samples_seen_ == control.n_samples_seen_
        assert model.transform(probe).tobytes() == control.transform(probe).tobytes()
    fresh = AEVB.published(**settings).set_params(n_epochs=1).fit(probe)
    model.set_params(n_epochs=1).fit(probe)  # as good as new
    assert model.transform(probe).tobytes() == fresh.transform(probe).tobytes()


def test_a_forked_child_goes_on_alone(tmp_path):
    """OpenMP's threads do not survive a fork, so a child that waited for them would hang."""
    script = """
import os
import numpy as np
from aevb import AEVB

X = np.random.default_rng(0).random((300, 64), dtype=np.float32)

def fit():
    model = AEVB.published(3, hidden_layer_sizes=(300,), batch_size=300, n_epochs=2, n_threads=2,
                 random_state=0)
    return model.fit(X).transform(X)

here = fit()
child = os.fork()
if child == 0:
    os._exit(0 if np.array_equal(fit(), here) else 3)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert np.array_equal(fit(), here)
"""
    command = [sys.executable, "-c", script]  # outside the checkout
    subprocess.run(command, check=True, timeout=60, cwd=tmp_path)


REFUSED = """
import resource
import time
from pathlib import Path

import numpy as np

from aevb import AEVB

X = np.random.default_rng(0).random((300, 64), dtype=np.float32)

def status(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])

def fit(n_threads):
    model = AEVB.published(3, hidden_layer_sizes=(300,), batch_size=300, n_epochs=2,
                           n_threads=n_threads, random_state=0)
    return model.fit(X).transform(X)

alone = fit(1)
before = status("Threads:")
_, hard = resource.getrlimit(resource.RLIMIT_AS)

def check(*asked, refused, more):
    limit = status("VmSize:") * 1024 + 2**29 if refused else hard  # stacks are of a gigabyte
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    for n_threads in asked:
        assert np.array_equal(fit(n_threads), alone)
    until = time.monotonic() + 10  # that threads have ended is seen with a delay
    while status("Threads:") != before + more:
        assert time.monotonic() < until, (asked, status("Threads:") - before)
        time.sleep(0.01)

check(2, 4, refused=True, more=0)
check(2, refused=False, more=1)
check(3, 2, 4, refused=True, more=1)
check(4, refused=False, more=3)
check(2, refused=False, more=1)
check(3, refused=False, more=2)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="sets limits and counts threads as Linux does")
@pytest.mark.skipif(
    "san.so" in os.environ.get("LD_PRELOAD", ""), reason="a sanitizer has threads of its own"
)
def test_threads_that_the_system_refuses_are_done_without(tmp_path):
    """If libgomp were refused a thread, it would end the process."""
    stack = 2**30

    def with_large_stacks():
        _, hard = resource.getrlimit(resource.RLIMIT_STACK)
        resource.setrlimit(resource.RLIMIT_STACK, (stack, hard))

    run = subprocess.run(
        [sys.executable, "-c", REFUSED],
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        preexec_fn=with_large_stacks,
    )
    assert run.returncode == 0, run.stdout + run.stderr
