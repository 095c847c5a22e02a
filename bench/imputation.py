"""Error of imputed values beside k-nearest neighbours, as a model is trained for longer.

    python bench/imputation.py FOLDER [--epochs 100 1000 3000] [--only breast white digits]

FOLDER has UCI's ``winequality-white.csv``. Every second row of a data set trains, complete. A fifth
of the values of the other rows is missing. The table has the root mean square error of these values
for `impute` (mean and mode), KNNImputer and the column means. Columns of real values are
standardised, and their duplicate rows are left out: the nearest neighbour would be a copy.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer
from sklearn.impute import KNNImputer

from aevb import AEVB, datasets

MISSING = 0.2
NAMES = ("breast", "white", "digits")


def standardised(X: Any) -> NDArray[np.float64]:
    """Return the distinct rows in their order, with columns of mean 0 and variance 1."""
    rows = np.sort(np.unique(X, axis=0, return_index=True)[1])
    distinct = np.asarray(X, np.float64)[rows]
    return (distinct - distinct.mean(0)) / distinct.std(0)


def load(name: str, folder: Path) -> tuple[NDArray[np.float64], str]:
    """Return the rows of a data set, and the likelihood of a model of it."""
    if name == "digits":
        return datasets.load_digits().astype(np.float64), "bernoulli"
    if name == "breast":
        return standardised(load_breast_cancer().data), "gaussian"
    with open(folder / "winequality-white.csv") as file:
        lines = [line.replace(";", ",").split(",") for line in file]
    return standardised([row for row in lines if row[0][:1].isdigit()]), "gaussian"


def main() -> None:
    """Print one line for each data set and number of epochs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, nargs="+", default=[100, 1000, 3000])
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES)
    args = parser.parse_args()
    print(f"{'data':8} {'epochs':>6} {'mean':>6} {'mode':>6} {'knn':>6} {'column':>6}")
    for name in args.only:
        X, likelihood = load(name, args.folder)
        missing = np.random.default_rng(0).random(X.shape) < MISSING
        train, truth, hidden = X[::2], X[1::2], missing[1::2]
        given = np.where(hidden, np.nan, truth)

        def error(
            filled: Any, truth: NDArray[np.float64] = truth, hidden: NDArray[np.bool_] = hidden
        ) -> str:
            return f"{np.sqrt(np.mean((filled - truth)[hidden] ** 2)):6.3f}"

        others = (
            KNNImputer().fit(train).transform(given),
            np.broadcast_to(train.mean(0), X[1::2].shape),
        )
        for n_epochs in args.epochs:
            model = AEVB.published(
                5, hidden_layer_sizes=(50,), likelihood=likelihood, optimizer="adam",
                learning_rate=1e-3, batch_size=32, n_epochs=n_epochs, scale="none", random_state=0,
            ).fit(train)  # fmt: skip
            ours = (model.impute(given, method=method) for method in ("mean", "mode"))
            errors = (error(filled) for filled in (*ours, *others))
            print(f"{name:8} {n_epochs:6}", *errors, flush=True)


if __name__ == "__main__":
    main()
