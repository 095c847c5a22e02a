"""Fit raw tables with all defaults, beside FactorAnalysis and GaussianMixture.

    python bench/tables.py [--data FOLDER] [--only breast wine ...] [--changed]

The script prints the test log-likelihood in nats per row: by importance sampling for aevb. 30 % of
the rows are the test rows. GaussianMixture has the best number of components for the test rows, so
it is an optimistic yardstick. With --changed, each table is also fitted in other units and with a
constant column. The log-Jacobian of the units is taken off these scores.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.float64]
CONSTANT, UNIX_TIME = 2020.0, 1.7e9


def read(path: Path, delimiter: str) -> Table:
    """Return the columns of a text file that are numbers."""
    with open(path, encoding="utf-8") as file:
        rows = [row for row in csv.reader(file, delimiter=delimiter, skipinitialspace=True) if row]
    columns = [column for column in zip(*rows, strict=True) if all(map(is_number, column))]
    return np.array(columns, dtype=float).T


def is_number(text: str) -> bool:
    """Tell whether a text is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def tables(folder: Path) -> dict[str, Callable[[], Table]]:
    """Return functions that read the tables."""
    from sklearn import datasets

    return {
        "breast": lambda: datasets.load_breast_cancer().data,
        "wine": lambda: datasets.load_wine().data,
        "diabetes": lambda: datasets.load_diabetes().data,
        "banknote": lambda: read(folder / "uci/banknote_authentication.csv", ",")[:, :4],
        "red": lambda: read(folder / "uci/winequality-red.csv", ","),
        "white": lambda: read(folder / "uci/winequality-white.csv", ","),
        "concrete": lambda: read(folder / "uci/concrete.txt", "\t"),
        "abalone": lambda: read(folder / "mixed/abalone.csv", ","),
    }


def fitted_score(train: Table, test: Table, **options: Any) -> tuple[float, float, int]:
    """Return the test log-likelihood of aevb, the seconds of the fit, and its epochs."""
    from aevb import AEVB, Evaluator

    start = time.perf_counter()
    model = AEVB(random_state=0, **options).fit(train)
    seconds = time.perf_counter() - start
    estimate = Evaluator(model).log_likelihood(test, n_draws=500)
    return estimate.mean, seconds, len(model.history_["seconds"])


def peers(train: Table, test: Table) -> tuple[float, float]:
    """Return the test log-likelihoods of the better FactorAnalysis and the best mixture."""
    from sklearn.decomposition import FactorAnalysis
    from sklearn.mixture import GaussianMixture
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(train)  # both are then scaled back: their scores are of raw rows
    a, b = scaler.transform(train), scaler.transform(test)
    jacobian = np.log(scaler.scale_).sum()
    factors = [FactorAnalysis(k).fit(a).score(b) for k in (2, 5) if k <= train.shape[1]]
    mixtures = [GaussianMixture(k, random_state=0).fit(a).score(b) for k in (1, 2, 3, 5, 10)]
    return max(factors) - jacobian, max(mixtures) - jacobian


def changed(X: Table) -> dict[str, tuple[Table, float]]:
    """Return the table in other units, and the change of log p(x) that the units make."""
    factors = np.geomspace(1e-3, 1e6, X.shape[1])
    return {
        "times 1e-3 to 1e6": (X * factors, -float(np.log(factors).sum())),
        "plus 300": (X + 300.0, 0.0),
        "a constant column": (np.c_[X, np.full(len(X), CONSTANT)], 0.0),
        "plus a Unix time": (X + UNIX_TIME, 0.0),
    }


def main() -> None:
    """Print the table."""
    from sklearn.model_selection import train_test_split

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("AEVB_DATA", "."))
    parser.add_argument("--only", nargs="+", metavar="NAME")
    parser.add_argument("--changed", action="store_true")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    print("| table | rows, columns | FactorAnalysis | GaussianMixture | aevb | s | epochs |")
    print("|---|---|---:|---:|---:|---:|---:|")
    for name, load in tables(args.data).items():
        if args.only and name not in args.only:
            continue
        X = load()
        train, test = train_test_split(X, test_size=0.3, random_state=0)
        score, seconds, epochs = fitted_score(train, test)
        cells = [f"{value:.2f}" for value in (*peers(train, test), score)]
        shape = f"{train.shape[0]}, {train.shape[1]}"
        print(f"| {name} | {shape} | {' | '.join(cells)} | {seconds:.1f} | {epochs} |", flush=True)
        if args.changed:
            for change, (other, constant) in changed(X).items():
                a, b = train_test_split(other, test_size=0.3, random_state=0)
                again = fitted_score(a, b)[0] - constant
                print(f"| {name}, {change} | | | | {again:.2f} | | |", flush=True)


if __name__ == "__main__":
    main()
