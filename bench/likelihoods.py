"""log p(x) of MNIST by importance sampling and by annealed importance sampling.

    python bench/likelihoods.py [--rows 10000] [--temperatures 100] [--chains 4]
    python bench/likelihoods.py --model FILE --set train --rows 200 --start prior ...

By default the model has 20 latent variables and 500 units and is trained on a million samples.
--model takes a saved model instead. The script prints means over the same rows with their Monte
Carlo errors, and the mean of the differences row by row. For some numbers of temperatures it prints
the gap between the two bounds of bidirectional Monte Carlo on 100 simulated rows. With at most five
latent variables it also prints the result of the paper's method.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from aevb import AEVB, Evaluator, Trainer, datasets

N_SIMULATED = 100
N_SAMPLES = 1_000_000


def report(what, evaluate):
    start = time.perf_counter()
    estimate = evaluate()
    error = np.sqrt(np.mean(estimate.stderr**2) / len(estimate.per_row))
    ess = np.median(estimate.diagnostics["ess"])
    print(
        f"{what}: {estimate.mean:.3f}, Monte Carlo error {error:.3f}, effective draws {ess:.0f} of "
        f"{estimate.diagnostics['n_draws']} (median) [{time.perf_counter() - start:.0f} s]",
        flush=True,
    )
    return estimate


def report_gap(evaluator, x, n_temperatures, path):
    start = time.perf_counter()
    diagnostics = evaluator.log_likelihood(
        x, "ais", n_temperatures=n_temperatures, bidirectional=True, n_simulated=N_SIMULATED, **path
    ).diagnostics
    lower, upper = (diagnostics[f"simulated_{side}"].mean() for side in ("lower", "upper"))
    print(
        f"{N_SIMULATED} simulated rows, {n_temperatures} temperatures: {lower:.3f} to {upper:.3f}, "
        f"gap {diagnostics['gap']:.3f} [{time.perf_counter() - start:.0f} s]",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="a model's file or a checkpoint")
    parser.add_argument("--set", choices=("train", "test"), default="test")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--importance-draws", type=int, default=5000)
    parser.add_argument("--adaptations", type=int, nargs="+", default=[0, 4])
    parser.add_argument("--temperatures", type=int, nargs="+", default=[100])
    parser.add_argument("--chains", type=int, default=4)
    parser.add_argument("--start", choices=("encoder", "prior"), default="encoder")
    parser.add_argument("--gaps", type=int, nargs="*", default=[50, 100, 500])
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    mnist = datasets.load_mnist()
    if args.model:
        model = AEVB.load(args.model)
    else:
        model = (
            Trainer(AEVB.published(20, random_state=args.seed), mnist.train).run(N_SAMPLES).model
        )
    evaluator = Evaluator(model, random_state=args.seed)
    X = getattr(mnist, args.set)[: args.rows]
    print(f"bound of {len(X)} rows: {evaluator.bound(X, n_draws=100).mean:.2f}", flush=True)
    if model.n_components <= 5:
        report("hmc", lambda: evaluator.log_likelihood(X, "hmc"))
    for n in args.adaptations:  # annealing is compared with the last of them
        sampled = report(
            f"importance sampling, {n} adaptations",
            lambda n=n: evaluator.log_likelihood(X, n_draws=args.importance_draws, n_adaptations=n),
        )
    path = {"n_draws": args.chains, "start": args.start}
    for n in args.gaps:
        report_gap(evaluator, X[:1], n, path)
    for n in args.temperatures:
        ais = report(
            f"AIS from the {args.start}, {n} temperatures",
            lambda n=n: evaluator.log_likelihood(X, "ais", n_temperatures=n, **path),
        )
        difference = ais.per_row - sampled.per_row
        print(
            f"  less importance sampling, row by row: mean {difference.mean():+.3f}, median "
            f"{np.median(difference):+.3f}, s.d. {difference.std():.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
