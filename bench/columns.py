"""Time a training step on holes and on columns of several kinds, beside all-Gaussian columns.

    python bench/columns.py [--columns 60] [--hidden 500] [--rounds 9] [--threads 1] [--each]

The script prints the time of a step of 100 rows as a ratio to that of complete Gaussian columns.
One table has a fifth of its cells missing. Another has ten likelihoods, each with as many columns.
The ratios are medians of rounds in turns. A variable with levels has a column of x for each level.
The last ratio is that to as many Gaussian columns as x has. With --each the script also prints
each likelihood alone.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aevb import AEVB, Trainer

N_ROWS = 2000
HOLES = 0.2
MIXED = (
    "gaussian",
    "bernoulli",
    "poisson",
    "negative-binomial",
    "student-t",
    "log-normal",
    "gamma",
    "beta",
    "categorical",
    "ordinal",
)
N_LEVELS = 4


def column(family: str, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return values of a likelihood's support."""
    if family in ("categorical", "ordinal"):
        return rng.integers(0, N_LEVELS, N_ROWS).astype(float)
    if family == "bernoulli":
        return rng.integers(0, 2, N_ROWS).astype(float)
    if family in ("poisson", "negative-binomial"):
        return rng.poisson(3.0, N_ROWS).astype(float)
    if family == "beta":
        return rng.uniform(0.01, 0.99, N_ROWS)
    if family in ("log-normal", "gamma"):
        return rng.gamma(2.0, size=N_ROWS)
    return rng.normal(size=N_ROWS)


def trainer(families: list[str], hidden: int, n_threads: int, holes: float = 0.0) -> Trainer[AEVB]:
    """Return a trainer whose columns have these likelihoods."""
    rng = np.random.default_rng(0)
    X = np.stack([column(family, rng) for family in families], axis=1)
    X[rng.random(X.shape) < holes] = np.nan
    pairs: list[Any] = [
        (family, [j for j, other in enumerate(families) if other == family])
        for family in dict.fromkeys(families)
    ]
    model = AEVB(
        hidden_layer_sizes=(hidden,),
        likelihood=pairs,
        early_stopping=False,
        learning_rate=1e-4,
        n_threads=n_threads,
        random_state=0,
    )
    return Trainer(model, X)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--columns", type=int, default=60, help="a multiple of 10")
    parser.add_argument("--hidden", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--each", action="store_true")
    args = parser.parse_args()
    if args.columns < 1 or args.columns % len(MIXED) != 0:
        parser.error(f"--columns must be a multiple of {len(MIXED)}")
    size, n = (args.hidden, args.threads), args.columns
    of_each = [family for family in MIXED for _ in range(n // len(MIXED))]
    tables = {"gaussian": ["gaussian"] * n, f"{len(MIXED)} likelihoods": of_each}
    if args.each:
        tables |= {family: [family] * n for family in MIXED[1:]}
    cases = {name: trainer(families, *size) for name, families in tables.items()}
    cases["gaussian, a fifth missing"] = trainer(tables["gaussian"], *size, holes=HOLES)
    widths = {name: case.model._engine.n_visible for name, case in cases.items()}
    for width in set(widths.values()) - {n}:
        cases[f"gaussian, {width}"] = trainer(["gaussian"] * width, *size)
        widths[f"gaussian, {width}"] = width
    steps: dict[str, list[float]] = {name: [] for name in cases}
    for case in cases.values():
        case.run(N_ROWS)
    for _ in range(args.rounds):
        for name, case in cases.items():
            start = time.perf_counter()
            case.run(case.model.n_samples_seen_ + 2 * N_ROWS)
            steps[name].append((time.perf_counter() - start) / (2 * N_ROWS / 100))
    print("| columns | of x | ms per step | ratio | ratio, of x |\n|---|---:|---:|---:|---:|")
    for name, seconds in steps.items():
        as_wide = "gaussian" if widths[name] == n else f"gaussian, {widths[name]}"
        ratios = [np.median(np.divide(seconds, steps[base])) for base in ("gaussian", as_wide)]
        print(
            f"| {name} | {widths[name]} | {1e3 * np.median(seconds):.2f} | {ratios[0]:.2f} | "
            f"{ratios[1]:.2f} |"
        )


if __name__ == "__main__":
    main()
