"""Variance of the gradients of four objectives by minibatch size M and draws L, on MNIST.

    python bench/variance.py [--repeats 100] [--out DIR]

The model is 784-100-5 after 100 000 samples. For each objective, M and L, the script computes the
variance of the minibatch's mean gradient, summed over all weights of the encoder, as a multiple of
the squared norm of the full gradient. It does so over minibatches and noise, and over the noise
alone with one minibatch. SGVB B is eq. 7, SGVB A is eq. 6, "score" is the score function of section
2.2 and "baseline" the same less a baseline. The script writes variance.csv and variance.png to
--out.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np

from aevb import AEVB, Trainer, datasets

ESTIMATORS = {
    "SGVB B": "analytic-kl",
    "SGVB A": "monte-carlo",
    "score": "score-function",
    "baseline": "score-function-baseline",
}
OPTIONS = {"n_components": 5, "hidden_layer_sizes": (100,), "random_state": 0}
N_TRAINED = 100_000
SIZES = (1, 10, 100)
DRAWS = (1, 10, 100)


def encoder_gradient(model, X, rng):
    """Return the minibatch's mean gradient with fresh noise, as one vector."""
    noise = rng.standard_normal((model.n_draws, len(X), model.n_components), dtype=np.float32)
    _, gradient = model.bound_and_gradient(X, noise)
    return np.concatenate([g.ravel() for k, g in gradient.items() if k[0] == "e"]) / len(X)


def total_variance(vectors):
    """Return the unbiased variance, summed over coordinates."""
    return np.var(np.stack(list(vectors)), axis=0, ddof=1, dtype=np.float64).sum()


def with_estimator(weights, X, estimator, n_draws):
    options = {"bound_estimator": estimator, "n_draws": n_draws, "likelihood": "bernoulli"}
    model = AEVB.published(**OPTIONS, **options, n_epochs=1)
    return model.fit(X[:1]).set_weights(weights)


def draw(rows, path):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True)
    for panel, by, other, fixed in ((0, "L", "M", 100), (1, "M", "L", 1)):
        for colour, estimator in zip(("C0", "C1", "C2", "C3"), ESTIMATORS, strict=True):
            for what, style in (("total", "-"), ("noise", "--")):
                points = [
                    (r[by], r[what])
                    for r in rows
                    if r["estimator"] == estimator and r[other] == fixed
                ]
                axes[panel].loglog(
                    *zip(*points, strict=True), style, marker="o", color=colour,
                    label=f"{estimator}, {what}",
                )  # fmt: skip
        axes[panel].set(xlabel=by, title=f"{other} = {fixed}")
    axes[0].set_ylabel("variance / |gradient|^2")
    axes[0].legend(fontsize="small")
    figure.savefig(path, dpi=120, bbox_inches="tight")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--out", type=Path, default=Path())
    args = parser.parse_args()
    X = datasets.load_mnist().train
    weights = Trainer(AEVB.published(**OPTIONS), X).run(N_TRAINED).model.weights_
    rng = np.random.default_rng(0)
    reference = with_estimator(weights, X, "analytic-kl", 10)
    full = encoder_gradient(reference, X[rng.permutation(len(X))[:20_000]], rng)
    norm = float(full @ full)
    rows = []
    print("variance over |gradient|^2: over minibatches and noise (over the noise alone)")
    for name, estimator in ESTIMATORS.items():
        for n_draws in DRAWS:
            model = with_estimator(weights, X, estimator, n_draws)
            for size in SIZES:
                batches = (X[rng.integers(len(X), size=size)] for _ in range(args.repeats))
                total = total_variance(encoder_gradient(model, b, rng) for b in batches) / norm
                # the variance of the noise depends on the minibatch, so this is the mean over some
                # minibatches
                noise = np.mean(
                    [
                        total_variance(encoder_gradient(model, b, rng) for _ in range(20)) / norm
                        for b in (X[rng.integers(len(X), size=size)] for _ in range(5))
                    ]
                )
                rows.append(
                    {"estimator": name, "M": size, "L": n_draws, "total": total, "noise": noise}
                )
                print(f"{name}, M = {size}, L = {n_draws}: {total:.3g} ({noise:.3g})", flush=True)
    with open(args.out / "variance.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=rows[0])
        writer.writeheader()
        writer.writerows(rows)
    draw(rows, args.out / "variance.png")


if __name__ == "__main__":
    main()
