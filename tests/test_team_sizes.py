"""Team sizes: as many threads as a call's operations are worth, and no more than asked for."""

from itertools import pairwise

import numpy as np
import pytest
from engines import engine, train
from hooks import kernels

from aevb.core.engine import Rows

D, J, HIDDEN, L, N, BATCH = 30, 3, (11, 7), 4, 60, 25
X = np.random.default_rng(0).random((N, D), dtype=np.float32)
PART = {"begin": 0, "size": N, "seed": 0}
PREDICTION = {"n_draws": 6, "n_adaptations": 0, "n_samples": 0, "mean": True, "seed": 0}
PREDICTION["deviation"] = False


def products(n_draws, n_outputs=1):
    """Multiply-adds for a row: the encoder's once, the decoder's for every draw."""
    sides = sum(a * b for a, b in pairwise(HIDDEN))
    encoder = D * HIDDEN[0] + sides + HIDDEN[-1] * 2 * J
    return encoder + n_draws * (J * HIDDEN[-1] + sides + n_outputs * HIDDEN[0] * D)


CALLS = {  # a call and its number of operations: two per product, six where it learns
    "train": (lambda m, t: train(m, X, t, max_steps=1), lambda o: 6 * BATCH * products(L, o)),
    "encode": (lambda m, t: m.encode(Rows(X), n_threads=t), lambda o: 2 * N * products(1, o)),
    "decode": (lambda m, t: m.decode(X[:, :J], n_threads=t), lambda o: 2 * N * products(1, o)),
    "sample": (lambda m, t: m.sample(N, seed=0, n_threads=t), lambda o: 2 * N * products(1, o)),
    "bound": (
        lambda m, t: m.bound(Rows(X), n_draws=5, split=False, n_threads=t, **PART),
        lambda o: 2 * N * products(5, o),
    ),
    "importance": (
        lambda m, t: m.importance(Rows(X), n_draws=6, n_adaptations=0, n_threads=t, **PART),
        lambda o: 2 * N * products(6, o),
    ),
    "predict": (
        lambda m, t: m.predict(Rows(X), np.zeros(N, np.uint64), n_threads=t, **PREDICTION),
        lambda o: 2 * N * products(6, o),
    ),
    "gradient": (
        lambda m, t: m.bound_and_gradient(Rows(X), None, seed=0, n_threads=t),
        lambda o: 2 * N * products(L, o),
    ),
}


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("call", CALLS)
def test_a_team_is_as_large_as_its_work(call, likelihood):
    model = engine(
        D,
        n_components=J,
        hidden_layer_sizes=list(HIDDEN),
        n_draws=L,
        batch_size=BATCH,
        likelihood=likelihood,
    )
    work, flops = CALLS[call]
    worth = flops(1 if likelihood == "bernoulli" else 2)
    before = kernels.set_flops_per_thread(0.0)
    try:
        for threads_worth, n_threads, expected in [
            (0.5, 3, 1),
            (1.99, 3, 1),
            (2.01, 3, 2),
            (2.99, 3, 2),
            (3.01, 3, 3),
            (9.0, 3, 3),
            (9.0, 2, 2),
            (9.0, 1, 1),
        ]:
            kernels.set_flops_per_thread(worth / threads_worth)
            kernels.take_largest_team()
            work(model, n_threads)
            assert kernels.take_largest_team() == expected, (threads_worth, n_threads)
    finally:
        kernels.set_flops_per_thread(before)
    assert before == 4e6  # the threshold outside the tests
