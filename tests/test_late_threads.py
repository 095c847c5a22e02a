"""A late thread changes no bit. Without a barrier, a thread would read what is not yet written.

Each thread of a team in turn leaves its barriers, or starts its blocks of work, a third of a
millisecond after the others. That is longer than the phases of these networks take.
"""

import functools

import numpy as np
import pytest
from engines import engine, train
from teams import late_thread, slow_thread, team_of

from aevb import MCEM
from aevb.core.engine import ARENAS, Rows

N_THREADS = 3
TRAINING = {
    "deep": {"hidden_layer_sizes": [170, 87], "n_components": 4, "optimizer": "adam"},
    "draws": {"n_draws": 3, "bound_estimator": "monte-carlo", "likelihood": "bounded-gaussian"},
    "wide z": {"hidden_layer_sizes": [70], "n_components": 70, "likelihood": "gaussian"},
    "few rows": {"hidden_layer_sizes": [70, 70], "batch_size": 9, "n_draws": 2},
    "score function": {"bound_estimator": "score-function", "n_draws": 2, "binarize": "dynamic"},
    "dreams": {"algorithm": "wake-sleep", "hidden_layer_sizes": [70, 66], "optimizer": "adagrad"},
    "dreams of reals": {"algorithm": "wake-sleep", "likelihood": "gaussian"},
    "dreams by few": {"algorithm": "wake-sleep", "batch_size": 9},
}


def sparse(n, d):
    x = np.random.default_rng(0).random((n, d), dtype=np.float32)
    x[x < 0.7] = 0
    x[:, ::5] = 0
    x[n // 2 :] += np.float32(0.01) * (1 - x[n // 2 :])  # full minibatches among sparse ones
    return x


def made(n_cols, **changes):
    settings = {"hidden_layer_sizes": [70], "n_components": 3, "batch_size": 35, **changes}
    return engine(n_cols, weight_decay=1.0, **settings)


def trained(case, n_threads):
    X, model = sparse(90, 133), made(133, **TRAINING[case])
    sums = [train(model, X, n_threads, epoch=epoch, max_steps=3)[:4] for epoch in range(2)]
    arrays = {arena: model.arrays(arena) for arena in ARENAS}
    return sums, {a: {name: w.tobytes() for name, w in arrays[a].items()} for a in ARENAS}


INFERENCE = {
    "encode": lambda m, X, t: [m.encode(Rows(X), n_threads=t)],
    "decode": lambda m, X, t: [m.decode(X[:, :3].copy(), n_threads=t)],
    "sample": lambda m, X, t: m.sample(len(X), seed=4, n_threads=t),
    "bound": lambda m, X, t: m.bound(
        Rows(X), begin=3, size=len(X) - 3, split=True, n_draws=2, seed=1, n_threads=t
    ),
    "importance": lambda m, X, t: m.importance(
        Rows(X), begin=0, size=len(X), n_draws=70, n_adaptations=1, seed=2, n_threads=t
    ),
    "predict": lambda m, X, t: m.predict(
        Rows(X),
        np.arange(len(X), dtype=np.uint64),
        n_draws=70,
        n_adaptations=1,
        n_samples=60,
        mean=True,
        deviation=True,
        seed=2,
        n_threads=t,
    ),
    "gradient": lambda m, X, t: [
        value if name is None else value[name]
        for value, name in gradient_of(m.bound_and_gradient(Rows(X), None, seed=3, n_threads=t))
    ],
}


def gradient_of(answer):
    bound, gradient = answer
    return [(bound, None), *((gradient, name) for name in gradient)]


def inferred(call, likelihood, n_threads):
    """Use several blocks of a thousand rows, or of fewer rows if there are many draws."""
    n = 150 if call in ("importance", "predict") else 2300
    model = made(20, hidden_layer_sizes=[70, 40], likelihood=likelihood)
    return [a.tobytes() for a in INFERENCE[call](model, sparse(n, 20), n_threads)]


def em(_, n_threads):
    """Use minibatches of three blocks of rows, and of one."""
    said = []
    for batch_size in (2100, 60):
        model = MCEM.published(
            2,
            hidden_layer_sizes=(70, 9),
            batch_size=batch_size,
            n_epochs=1,
            n_updates=2,
            n_leapfrog=1,
            optimizer="adagrad",
            n_draws=1,
            n_threads=n_threads,
            random_state=0,
        ).fit(sparse(batch_size, 12))
        said.append({name: w.tobytes() for name, w in model.weights_.items()})
    return said


WORK = {case: functools.partial(trained, case) for case in TRAINING}
WORK |= {
    f"{call}, {likelihood}": functools.partial(inferred, call, likelihood)
    for call in INFERENCE
    for likelihood in ("bernoulli", "gaussian")
}
WORK["Monte Carlo EM"] = functools.partial(em, None)


@pytest.mark.parametrize("work", WORK)
def test_a_late_thread_changes_no_bit(work):
    alone = WORK[work](1)
    for rank in range(N_THREADS):
        for late in (late_thread, slow_thread):
            with team_of(N_THREADS), late(rank):
                assert WORK[work](N_THREADS) == alone, f"{late.__name__} {rank}"


def test_a_slow_thread_keeps_the_weights_that_it_has_transposed():
    """It continues with a panel after a pause, in which the others transpose theirs."""
    X = sparse(2000, 64)

    def bits(n_threads):
        model = made(64, hidden_layer_sizes=[256, 256], batch_size=len(X))
        train(model, X, n_threads, max_steps=1)
        return [w.tobytes() for w in model.arrays("weights").values()]

    alone = bits(1)
    for rank in range(N_THREADS):
        with team_of(N_THREADS), slow_thread(rank):
            assert bits(N_THREADS) == alone
