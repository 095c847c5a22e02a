"""What every method passes on: as many threads as asked for, a quiet BLAS, bars if wanted."""

import threading

import numpy as np
import pytest
from sklearn.utils import get_tags
from teams import team_of
from threadpoolctl import threadpool_info

from aevb import AEVB, MCEM, Evaluator, Trainer, WakeSleep, _core, sample_posterior
from aevb.core import threads

N, D = 40, 6
X = np.random.default_rng(0).random((N, D), dtype=np.float32)
MANY = np.tile(X, (10, 1))  # `impute` shares these out to its threads in blocks
SMALL = {"hidden_layer_sizes": (5,), "n_epochs": 1, "random_state": 0}
FEW = {"n_draws": 12, "n_leapfrog": 2, "n_updates": 1}
KINDS = {
    "AEVB": AEVB.published(2, **SMALL),
    "WakeSleep": WakeSleep.published(2, **SMALL),
    "MCEM": MCEM.published(2, **SMALL, **FEW),
}
EVERY = {  # calls, and how often each must limit the threads of BLAS
    "fit": (lambda m: m.fit(X), 1),
    "transform": (lambda m: m.transform(X), 1),
    "inverse_transform": (lambda m: m.inverse_transform(X[:, :2]), 1),
    "reconstruct": (lambda m: m.reconstruct(X), 2),
    "sample": (lambda m: m.sample(N), 1),
    "score_samples": (lambda m: m.score_samples(X), 1),
    "score": (lambda m: m.score(X), 1),
    "partial_fit": (lambda m: m.partial_fit(X), 1),
    "Trainer": (lambda m: Trainer(m, X).step(), 1),
}
ENCODER = EVERY | {
    "bound_and_gradient": (lambda m: m.bound_and_gradient(X), 1),
    "impute": (lambda m: m.impute(MANY, MANY < 0.2, n_iterations=1), 1),
    "impute by importance": (
        lambda m: m.impute(MANY, MANY < 0.2, sampler="importance", n_draws=3),
        1,
    ),
    "bound": (lambda m: Evaluator(m).bound(X), 1),
    "importance": (lambda m: Evaluator(m).log_likelihood(X, n_draws=2), 1),
    "sample_posterior": (lambda m: sample_posterior(m, X, 2, n_warmup=1), 3),
}
STARTED = 1 + 1  # annealing and warm-up, then draws of ten at a time
SAMPLED = EVERY | {
    "transform": (lambda m: m.transform(X), STARTED + 2),
    "reconstruct": (lambda m: m.reconstruct(X), STARTED + 2 + 1),
    "partial_fit": (lambda m: m.partial_fit(X), 2),
    "Trainer": (lambda m: Trainer(m, X).step(), 2),
}
CALLS = [
    pytest.param(kind, call, count, id=f"{kind}-{name}")
    for kind, calls in (("AEVB", ENCODER), ("WakeSleep", ENCODER), ("MCEM", SAMPLED))
    for name, (call, count) in calls.items()
    if not (kind == "WakeSleep" and name in ("sample_posterior", "impute", "importance"))
]
calls = pytest.mark.parametrize(("kind", "call", "count"), CALLS)


def fitted(kind, **options):
    settings = KINDS[kind].get_params() | options
    return type(KINDS[kind])(**settings).fit(X)


@calls
def test_as_many_threads_take_part_as_are_asked_for(kind, call, count):
    """This includes one thread: then no phase of a call uses more."""
    for n_threads in (3, 1):
        model = fitted(kind, n_threads=n_threads)
        with team_of(n_threads):
            call(model)


class CountingLock:
    def __init__(self):
        self.lock, self.count = threading.Lock(), 0

    def __enter__(self):
        self.lock.acquire()
        self.count += 1

    def __exit__(self, *_):
        self.lock.release()


@calls
def test_blas_is_held_back_in_every_call_to_the_core(kind, call, count, monkeypatch):
    model, before = fitted(kind, n_threads=1), _core.backend()
    lock = CountingLock()
    monkeypatch.setattr(threads, "_blas_lock", lock)
    call(model)
    assert (lock.count > 0) == (before == "portable+blas")
    try:
        _core.use_backend("portable+blas")
        lock.count = 0
        call(model)
    finally:
        _core.use_backend(before)
    assert lock.count == count


def blas_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_blas_has_one_thread_where_it_is_called_and_as_many_as_before_elsewhere(isa):
    before = blas_threads()
    with threads.single_threaded_blas():
        assert blas_threads() == ({1} if isa == "portable+blas" else before)
    assert blas_threads() == before
    assert threads.slice_seconds() == (0.05 if isa == "portable+blas" else 0.5)


@pytest.mark.parametrize("verbose", [0, 1, True])
def test_bars_are_shown_if_wanted_alone(verbose, capfd):
    model = AEVB.published(2, **SMALL, verbose=verbose)
    for call, title in (
        (lambda: model.fit(X), "rows"),
        (lambda: model.partial_fit(X), "rows"),
        (lambda: model.impute(X, X < 0.2, n_iterations=2), "imputation"),
        (lambda: model.impute(X, X < 0.2, sampler="importance", n_draws=3), "imputation"),
    ):
        call()
        shown = capfd.readouterr()
        assert shown.out == ""
        assert (title in shown.err) == bool(verbose)


@pytest.mark.parametrize("kind", KINDS)
def test_tags_say_what_may_be_read_and_what_comes_back(kind):
    tags = get_tags(KINDS[kind])
    assert tags.input_tags.sparse
    assert tags.transformer_tags.preserves_dtype == ["float32"]
    assert tags.input_tags.allow_nan
    assert not tags.target_tags.required
    model = fitted(kind)
    assert {model.transform(X.astype(t)).dtype for t in ("f4", "f8")} == {np.dtype("f4")}
    assert list(model.get_feature_names_out()) == [f"{kind.lower()}{i}" for i in range(2)]
