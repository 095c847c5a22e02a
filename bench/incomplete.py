"""Impute tables in which half of the cells are missing, by the protocol of MIWAE.

    python bench/incomplete.py [--data FOLDER] [--only banknote breast ...] [--masks 5]

The whole table is standardised, and floor(n p / 2) of its n p cells are missing completely at
random. The score is the mean squared error of the missing cells, over the masks 0, 1, ... One
setting of aevb serves all tables: 300 epochs, but at most 8000 steps, and p / 2 latent variables,
but at most 10. "published" are the values of Mattei and Frellsen
(arXiv:1812.02633, table 1): MIWAE, and its rivals there are in the paper. KNNImputer has its
defaults; IterativeImputer has 10 rounds of BayesianRidge.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tables import Table, read, tables

from aevb import AEVB

PUBLISHED = {
    "banknote": 0.446,
    "breast": 0.280,
    "concrete": 0.501,
    "red": 0.643,
    "white": 0.735,
    "yeast": 0.964,
}
SETTINGS = {
    "hidden_layer_sizes": (128, 128),
    "activation": "relu",
    "likelihood": "student-t",
    "mask_inputs": False,
    "bound_estimator": "importance-weighted",
    "n_draws": 20,
    "batch_size": 64,
    "learning_rate": 2e-3,
    "weight_decay": 0.0,
    "early_stopping": False,
}
MOST_EPOCHS, MOST_VISITS = 300, 8000 * 64  # of rows, in 8000 steps
N_DRAWS = 2000  # of z, for a row's imputation


def incomplete(folder: Path) -> dict[str, Callable[[], Table]]:
    """Return functions that read the tables of the protocol."""
    known = tables(folder)
    known["concrete"] = lambda: read(folder / "uci/concrete.txt", "\t")[:, :8]
    known["yeast"] = lambda: read(folder / "uci/yeast.data", " ")[:, -8:]
    return {name: known[name] for name in PUBLISHED}


def with_holes(X: Table, mask: int) -> NDArray[np.bool_]:
    """Return which cells are missing."""
    cells = np.random.default_rng(mask).permutation(X.size)[: X.size // 2]
    missing = np.zeros(X.size, np.bool_)
    missing[cells] = True
    return missing.reshape(X.shape)


def by_aevb(X: Table) -> Table:
    """Return the table with its holes filled in by a model of these rows."""
    n, p = X.shape
    epochs = min(MOST_EPOCHS, MOST_VISITS // n)
    model = AEVB(min(10, p // 2), **SETTINGS, n_epochs=epochs, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # more latent units than columns; a bound that still rises
        return np.asarray(
            model.fit(X).impute(X, n_draws=N_DRAWS, random_state=0, sampler="importance")
        )


def by_mean(X: Table) -> Table:
    """Return the table with the means of the columns."""
    return np.where(np.isnan(X), np.nanmean(X, axis=0), X)


def by_neighbours(X: Table) -> Table:
    """Return the table filled in by scikit-learn's KNNImputer."""
    from sklearn.impute import KNNImputer

    return KNNImputer().fit_transform(X)


def by_regressions(X: Table) -> Table:
    """Return the table filled in by scikit-learn's IterativeImputer."""
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it does not converge in 10 rounds
        return IterativeImputer(random_state=0).fit_transform(X)


METHODS = {"aevb": by_aevb, "kNN": by_neighbours, "iterative": by_regressions, "mean": by_mean}


def main() -> None:
    """Print a row for each table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("AEVB_DATA"))
    parser.add_argument("--only", nargs="+", choices=list(PUBLISHED))
    parser.add_argument("--masks", type=int, default=5)
    args = parser.parse_args()
    if args.data is None:
        parser.error("--data, or AEVB_DATA, names the folder of the tables")
    print("| table | " + " | ".join(METHODS) + " | published | seconds of aevb |")
    print("|---|" + "---:|" * (len(METHODS) + 2))
    for name, load in incomplete(Path(args.data)).items():
        if args.only is not None and name not in args.only:
            continue
        X = load()
        X = (X - X.mean(axis=0)) / X.std(axis=0)
        errors: dict[str, list[float]] = {method: [] for method in METHODS}
        seconds = []
        for mask in range(args.masks):
            missing = with_holes(X, mask)
            holed = np.where(missing, np.nan, X)
            for method, fill in METHODS.items():
                start = time.perf_counter()
                error = (fill(holed) - X)[missing]
                errors[method].append(float(np.mean(error**2)))
                if method == "aevb":
                    seconds.append(time.perf_counter() - start)
        cells = [f"{np.mean(e):.3f} ({np.std(e):.3f})" for e in errors.values()]
        print(f"| {name} | {' | '.join(cells)} | {PUBLISHED[name]:.3f} | {np.mean(seconds):.0f} |")


if __name__ == "__main__":
    main()
