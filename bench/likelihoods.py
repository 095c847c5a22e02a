"""log p(x) of MNIST's test set by importance sampling and by annealed importance sampling.

    python bench/likelihoods.py [--rows 1000] [--samples 1e6] [--importance-draws 5000]

One model of 20 latent variables and 500 units; prints both means over the same rows, the mean of
the difference row by row with its error, and the gap between the bounds of bidirectional Monte
Carlo on simulated rows for each number of temperatures.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from aevb import AEVB, Evaluator, Trainer, datasets


def timed(work):
    start = time.perf_counter()
    return work(), time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--all-rows", action="store_true", help="importance sampling of all too")
    parser.add_argument("--samples", type=float, default=1e6)
    parser.add_argument("--importance-draws", type=int, default=5000)
    parser.add_argument("--temperatures", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--chains", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    mnist = datasets.load_mnist()
    model = Trainer(AEVB(20, random_state=args.seed), mnist.train).run(args.samples).model
    evaluator = Evaluator(model, random_state=args.seed)
    X = mnist.test[: args.rows]
    print(f"bound of {len(X)} rows: {evaluator.bound(X, n_draws=100).mean:.2f}", flush=True)
    n = args.importance_draws
    found, seconds = timed(lambda: evaluator.log_likelihood(X, n_draws=n))
    ess = np.median(found.diagnostics["ess"])
    error = np.sqrt(np.mean(found.stderr**2) / len(X))
    print(
        f"importance sampling, {n} draws: {found.mean:.3f} (Monte Carlo error {error:.3f}), ",
        end="",
    )
    print(f"median effective draws {ess:.0f} [{seconds:.0f} s]", flush=True)
    for start in ("prior", "encoder"):
        for n_temperatures in args.temperatures:
            ais, seconds = timed(
                lambda start=start, n=n_temperatures: evaluator.log_likelihood(
                    X, "ais", n_draws=args.chains, n_temperatures=n, start=start, bidirectional=True
                )
            )
            difference = ais.per_row - found.per_row
            error = np.sqrt(np.mean(ais.stderr**2) / len(X))
            print(
                f"AIS from the {start}, {n_temperatures} temperatures: {ais.mean:.3f} (Monte Carlo "
                f"error {error:.3f}); less importance sampling {difference.mean():+.3f}, row by row "
                f"within {np.median(np.abs(difference)):.3f} (median); gap on simulated rows "
                f"{ais.diagnostics['gap']:.4f} [{seconds:.0f} s]",
                flush=True,
            )
    if args.all_rows:
        whole, seconds = timed(lambda: evaluator.log_likelihood(mnist.test, n_draws=n))
        print(f"importance sampling of all {len(mnist.test)} rows: {whole.mean:.2f} +- ", end="")
        print(f"{whole.mean_stderr:.2f} (over rows) [{seconds:.0f} s]")


if __name__ == "__main__":
    main()
