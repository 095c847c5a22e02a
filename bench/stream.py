"""Four ways to learn from a stream that changes: bounds on fresh rows after each batch.

    python bench/stream.py [--seeds 3]

Batches of digits come one after the other. From batch 6 on, the images are transposed. `plain` is
partial_fit as it is. `forgetting` forgets half of what earlier batches have left. `posterior` has a
Gaussian weight posterior, which each batch takes as its prior; `both` halves the precision of this
prior. Bounds are in nats per row, the means over the seeds. The fresh rows are like those of the
batch, and no batch has them.
"""

from __future__ import annotations

import argparse

import numpy as np

from aevb import AEVB
from aevb.datasets import load_digits

N_BATCHES, CHANGE = 12, 6
N_ROWS, N_FRESH = 1000, 300
WAYS = {
    "plain": ({}, {}),
    "forgetting": ({}, {"forgetting": 0.5}),
    "posterior": ({"weight_posterior": "gaussian"}, {"weight_prior": "posterior"}),
    "both": (
        {"weight_posterior": "gaussian"},
        {"weight_prior": "posterior", "forgetting": 0.5},
    ),
}


def turned(X, batch):
    """The images as they are, or transposed from the change on."""
    return X if batch < CHANGE else X.reshape(-1, 8, 8).swapaxes(1, 2).reshape(-1, 64)


def follow(X, seed):
    """Return {way: bound on fresh rows after each batch}."""
    rng = np.random.default_rng(seed)
    X = X[rng.permutation(len(X))]
    fresh, pool = X[:N_FRESH], X[N_FRESH:]
    models = {
        way: AEVB.published(
            5, hidden_layer_sizes=(100,), likelihood="bernoulli", batch_size=20, scale=1 / X.max(),
            random_state=seed, **own,
        )
        for way, (own, _) in WAYS.items()
    }  # fmt: skip
    bounds = {way: [] for way in WAYS}
    for batch in range(N_BATCHES):
        rows = turned(pool[rng.integers(len(pool), size=N_ROWS)], batch)
        for way, (_, options) in WAYS.items():
            models[way].partial_fit(rows, **options)
            bounds[way].append(models[way].score(turned(fresh, batch)))
    return bounds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    X = np.float32(load_digits())
    found = [follow(X, seed) for seed in range(args.seeds)]
    print(f"| batch | {' | '.join(WAYS)} |")
    print("|---|" + "---:|" * len(WAYS))
    for batch in range(N_BATCHES):
        means = (np.mean([bounds[way][batch] for bounds in found]) for way in WAYS)
        print(f"| {batch} | {' | '.join(f'{mean:.2f}' for mean in means)} |")


if __name__ == "__main__":
    main()
