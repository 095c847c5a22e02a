"""Many threads and processes: all get the serial answers, and use no more threads than cores."""

import builtins
import io
import itertools
import os
import pickle
import subprocess
import sys
import textwrap

import joblib
import numpy as np
import pytest
import storm
from teams import team_of
from threadpoolctl import threadpool_info, threadpool_limits

from aevb import AEVB, MCEM, Evaluator, Trainer, WakeSleep, _core, sample_posterior
from aevb.core import threads

X = np.random.default_rng(0).random((200, 64), dtype=np.float32)
SMALL = {"n_components": 3, "hidden_layer_sizes": (60,), "random_state": 0, "n_threads": 2}


def python(code, folder, **environment):
    """Run code in its own process, outside the sources. Kill the process if it hangs."""
    script = textwrap.dedent(COMMON) + textwrap.dedent(code)
    command = [sys.executable, "-W", "error", "-c", script]
    run = subprocess.run(
        command, capture_output=True, text=True, timeout=120, cwd=folder,
        env=os.environ | environment,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return run.stdout.split()


COMMON = """
import os, threading
import numpy as np
from aevb import AEVB, _core
from aevb import _testing as kernels
from aevb.core import threads

X = np.random.default_rng(0).random((300, 64), dtype=np.float32)

def new():
    kernels.set_flops_per_thread(0.0)  # both threads, though the network is small
    return AEVB.published(3, hidden_layer_sizes=(50,), n_epochs=2, n_threads=2, random_state=0)

def team():
    # the threads of the largest team since this was last asked
    return kernels.take_largest_team()

def ask(model):
    return model.transform(X).tobytes() + model.score_samples(X).tobytes()

def fit_and_ask(seed=0):
    return ask(new().set_params(random_state=seed).fit(X))

def in_child(work):
    # exit code of a forked child: 0 if its work says True
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if work() else 3)
        finally:
            os._exit(4)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
"""


def test_everything_at_once_of_one_model(tmp_path):
    model = AEVB.published(**SMALL, n_epochs=1).fit(X)

    def save(i):
        model.save(tmp_path / f"{i}")
        return (tmp_path / f"{i}").read_bytes()

    asks = [
        lambda i: model.transform(X).tobytes(),
        lambda i: model.score_samples(X).tobytes(),
        lambda i: model.reconstruct(X).tobytes(),
        lambda i: model.sample(50, random_state=i % 2).tobytes(),
        lambda i: pickle.dumps(model),
        save,
        lambda i: Evaluator(model).log_likelihood(X[:20], n_draws=20).per_row.tobytes(),
        lambda i: sample_posterior(model, X[:20], 3, n_warmup=5, random_state=0).draws.tobytes(),
        lambda i: model.bound_and_gradient(X)[0].tobytes(),
    ]
    jobs = [lambda ask=ask, i=i: ask(i) for i in range(6) for ask in asks]
    with team_of(2):
        alone = [job() for job in jobs]
    with team_of(2):
        assert storm.at_once(jobs, 12) == alone


def test_models_of_every_kind_fit_at_once():
    def weights(kind, seed):
        model = kind.published(**SMALL | {"random_state": seed}, n_epochs=2)
        return {k: w.tobytes() for k, w in Trainer(model, X).run(400).model.weights_.items()}

    jobs = [lambda k=k, s=s: weights(k, s) for k in (AEVB, WakeSleep, MCEM) for s in range(4)]
    with team_of(2):
        assert storm.at_once(jobs, 12) == [job() for job in jobs]


def test_a_short_storm():
    """This test makes a short storm. tests/storm.py makes one as long as you want."""
    with team_of(3):
        counts = storm.blow(1, n_askers=8, n_fitters=4)
    assert counts["transforms"] > 8
    assert counts["fits"] >= 4
    assert counts["wrong"] == 0


def test_a_wrong_answer_would_be_seen_in_the_storm(monkeypatch):
    right, calls = AEVB.transform, itertools.count()  # each call has its own number

    def wrong(self, X):
        return right(self, X) + (next(calls) == 5)

    monkeypatch.setattr(AEVB, "transform", wrong)
    assert storm.blow(0.1, n_askers=8, n_fitters=1)["wrong"] == 1


# ------------------------------------------------------------------------------------ processes
def test_workers_of_a_server_that_loaded_its_model_first(tmp_path):
    """As with gunicorn's preload: the parent uses its threads, then forks workers that answer.

    In the other case, a process pool forks them.
    """
    python(
        """
        model = new().fit(X)
        want = ask(model)
        assert team() == 2
        for _ in range(3):
            assert in_child(lambda: ask(model) == want and fit_and_ask() == want) == 0
        assert in_child(lambda: ask(model) == want and team() == 1) == 0
        assert ask(model) == want and team() == 2
        assert in_child(lambda: ask(model) == b"") == 3  # a wrong answer would be seen

        import multiprocessing
        want = [fit_and_ask(seed) for seed in range(4)]
        with multiprocessing.get_context("fork").Pool(2) as pool:
            assert pool.map_async(fit_and_ask, range(4)).get(60) == want
        assert fit_and_ask(1) == want[1]
        """,
        tmp_path,
    )


@pytest.mark.parametrize("isa", sorted({_core.backend(), "portable+blas"}))
def test_a_fork_while_other_threads_work(isa, tmp_path):
    python(
        """
        model = new().fit(X)
        want, stop = ask(model), threading.Event()

        def work():
            while not stop.is_set():
                assert fit_and_ask() == want

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for _ in range(5):
            assert in_child(lambda: ask(model) == want) == 0
        assert team() == 2
        stop.set()
        for thread in threads:
            thread.join()
        """,
        tmp_path,
        AEVB_BACKEND=isa,
    )


def test_a_lock_that_another_thread_held_at_the_fork(tmp_path):
    """Nobody will release this lock in the child."""
    python(
        """
        import tqdm
        want = fit_and_ask()
        for lock in (threads._blas_lock, tqdm.tqdm.get_lock()):
            held, done = threading.Event(), threading.Event()

            def hold():
                with lock:
                    held.set()
                    done.wait()

            thread = threading.Thread(target=hold)
            thread.start()
            held.wait()
            code = in_child(lambda: fit_and_ask() == want)
            done.set()
            thread.join()
            assert code == 0
        """,
        tmp_path,
        AEVB_BACKEND="portable+blas",
    )


def test_joblib(tmp_path):
    said = python(
        """
        import joblib

        def work(seed):
            return fit_and_ask(seed), threads.resolve_threads(None)

        alone = [fit_and_ask(seed) for seed in range(2)]
        for backend in ("threading", "multiprocessing", "loky"):
            with joblib.parallel_config(backend):
                answers = joblib.Parallel(2, timeout=60)(joblib.delayed(work)(s) for s in range(2))
            assert [answer for answer, _ in answers] == alone
            if backend != "threading":  # whose threads share the process's settings
                print(max(n for _, n in answers) * 2)
        """,
        tmp_path,
    )
    assert all(int(n) <= max(2, joblib.cpu_count()) for n in said)
    assert len(said) == 2


# ---------------------------------------------------------------------------- number of threads
def test_threadpoolctl_sees_and_limits_the_threads():
    AEVB.published(**SMALL, n_epochs=1).fit(X)
    openmp = [pool for pool in threadpool_info() if pool["user_api"] == "openmp"]
    assert _core.max_threads() in [pool["num_threads"] for pool in openmp]
    usual = threads.resolve_threads(None)
    with threadpool_limits(1, user_api="openmp"):
        assert _core.max_threads() == threads.resolve_threads(None) == 1
    assert threads.resolve_threads(None) == usual
    with threadpool_limits(10**4, user_api="openmp"):  # no more than there are cores
        assert threads.resolve_threads(None) <= joblib.cpu_count()


def test_affinity_is_the_number_of_threads():
    cores = os.sched_getaffinity(0)
    try:
        for n in range(1, len(cores) + 1):
            os.sched_setaffinity(0, sorted(cores)[:n])
            assert threads.resolve_threads(None) <= n
        assert threads.resolve_threads(5) == 5  # who asks for more gets more
    finally:
        os.sched_setaffinity(0, cores)


QUOTAS = {
    "version 2": {"/sys/fs/cgroup/cpu.max": "{quota} 100000"},
    "version 1": {
        "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "{quota}",
        "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
    },
}


@pytest.mark.parametrize("version", QUOTAS)
@pytest.mark.parametrize(("quota", "most"), [(100_000, 1), (50_000, 1), (10**9, 10**4)])
def test_a_container_s_quota_is_the_number_of_threads(version, quota, most, monkeypatch):
    files = {name: text.format(quota=quota) for name, text in QUOTAS[version].items()}
    really_open, really_exists, read = builtins.open, os.path.exists, []

    def fake_open(name, *args, **kwargs):
        if str(name).startswith("/sys/fs/cgroup"):
            read.append(name)
            return io.StringIO(files[name])
        return really_open(name, *args, **kwargs)

    def fake_exists(name):
        return name in files if str(name).startswith("/sys/fs/cgroup") else really_exists(name)

    threads._usable_cores.cache_clear()
    monkeypatch.setattr(builtins, "open", fake_open)
    monkeypatch.setattr(os.path, "exists", fake_exists)
    try:
        with threadpool_limits(16, user_api="openmp"):
            n_threads = threads.resolve_threads(None)
    finally:
        threads._usable_cores.cache_clear()
    assert read  # else the machine's own quota was tested
    assert n_threads == min(most, len(os.sched_getaffinity(0)))
