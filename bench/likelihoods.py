"""log p(x) of MNIST's test set by importance sampling and by annealed importance sampling.

    python bench/likelihoods.py [--rows 10000] [--samples 1e6] [--temperatures 100]

One model of 20 latent variables and 500 units. Prints both means over the same rows with the Monte
Carlo errors of the means, and the mean of the differences row by row; then, for more and more
temperatures, the gap between the bounds of bidirectional Monte Carlo on 100 simulated rows.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from aevb import AEVB, Evaluator, Trainer, datasets

N_SIMULATED = 100


def report(what, estimate, start):
    error = np.sqrt(np.mean(estimate.stderr**2) / len(estimate.per_row))
    ess = np.median(estimate.diagnostics["ess"]) / estimate.diagnostics["n_draws"]
    print(
        f"{what}: {estimate.mean:.3f}, Monte Carlo error {error:.3f}, effective share of draws "
        f"{ess:.2%} (median) [{time.perf_counter() - start:.0f} s]",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--samples", type=float, default=1e6)
    parser.add_argument("--importance-draws", type=int, nargs="+", default=[5000])
    parser.add_argument("--temperatures", type=int, default=100)
    parser.add_argument("--chains", type=int, default=10)
    parser.add_argument("--start", choices=("encoder", "prior"), default="encoder")
    parser.add_argument("--gaps", type=int, nargs="*", default=[50, 100, 200, 500])
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    mnist = datasets.load_mnist()
    model = Trainer(AEVB(20, random_state=args.seed), mnist.train).run(args.samples).model
    evaluator = Evaluator(model, random_state=args.seed)
    X = mnist.test[: args.rows]
    print(f"bound of {len(X)} rows: {evaluator.bound(X, n_draws=100).mean:.2f}", flush=True)
    found = {}
    for n_draws in args.importance_draws:
        start = time.perf_counter()
        found[n_draws] = evaluator.log_likelihood(X, n_draws=n_draws)
        report(f"importance sampling, {n_draws} draws", found[n_draws], start)

    path = {"n_draws": args.chains, "start": args.start}
    for n in args.gaps:
        start = time.perf_counter()
        estimate = evaluator.log_likelihood(
            X[:1], "ais", n_temperatures=n, bidirectional=True, n_simulated=N_SIMULATED, **path
        )
        lower = estimate.diagnostics["simulated_lower"].mean()
        upper = estimate.diagnostics["simulated_upper"].mean()
        print(
            f"{N_SIMULATED} simulated rows, {n} temperatures from the {args.start}: {lower:.3f} to "
            f"{upper:.3f}, gap {estimate.diagnostics['gap']:.3f} "
            f"[{time.perf_counter() - start:.0f} s]",
            flush=True,
        )

    start = time.perf_counter()
    n = args.temperatures
    ais = evaluator.log_likelihood(X, "ais", n_temperatures=n, **path)
    report(f"AIS, {n} temperatures from the {args.start}", ais, start)
    for n_draws, estimate in found.items():
        difference = ais.per_row - estimate.per_row
        print(f"AIS less {n_draws} draws, row by row: mean {difference.mean():+.3f}, ", end="")
        print(f"median {np.median(difference):+.3f}, s.d. {difference.std():.3f}")


if __name__ == "__main__":
    main()
