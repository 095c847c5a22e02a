"""Impute and sample tables with columns of several kinds.

    python bench/mixed.py [--data FOLDER] [--only Wine Breast Adult adult] [--missing 10 20 50]

Wine, Breast and Adult are the tables of HI-VAE (Nazabal and others, arXiv:1807.03653), with the
missing cells and the errors of its authors. The error of a column is the share of wrong values
(categorical), |difference| / number of levels (ordinal), or root mean square error / range
(others), over the missing cells. The script prints the mean over the columns of each kind, and over
all. aevb knows which columns are categorical or ordinal, and has defaults otherwise. "mean, mode"
fills in the mean or the most frequent level. "iterative" is scikit-learn's IterativeImputer with 10
rounds of BayesianRidge, on a column for each level but the first; the largest one counts.

"adult" is the census table with strings as they are, and all defaults. A fifth of its cells is
hidden. The script prints, for each column of strings, the total variation distance between the
shares of levels in the table and in as many sampled rows, and the shares of hidden cells that are
imputed right, by aevb and by the most frequent level.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aevb import AEVB

Kinds = list[str]
HIDDEN = 0.2  # of the cells of "adult"
ADULT = [
    "age",
    "workclass",
    "fnlwgt",
    "education",
    "education-num",
    "marital-status",
    "occupation",
    "relationship",
    "race",
    "sex",
    "capital-gain",
    "capital-loss",
    "hours-per-week",
    "native-country",
    "income",
]


def read_hivae(folder: Path) -> tuple[pd.DataFrame, Kinds, NDArray[np.intp]]:
    """Return a table, the kinds of its columns, and the number of levels of each."""
    types = (folder / "data_types.csv").read_text().split()[1:]
    kinds = [line.split(",")[0] for line in types]
    n_levels = np.array([int(line.split(",")[2] or 0) for line in types])
    return pd.read_csv(folder / "data.csv", header=None), kinds, n_levels


def cells(path: Path, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return which cells a file lists: the row and the column of each, from 1."""
    mask = np.zeros(shape, np.bool_)
    if path.exists():
        row, column = np.loadtxt(path, delimiter=",", dtype=int, ndmin=2).T - 1
        mask[row, column] = True
    return mask


def by_aevb(X: pd.DataFrame, kinds: Kinds) -> pd.DataFrame:
    """Return the table filled in by a model of these rows."""
    families = {"cat": "categorical", "ordinal": "ordinal"}
    chosen = {X.columns[j]: families[k] for j, k in enumerate(kinds) if k in families}
    return AEVB(likelihood=chosen, random_state=0).fit(X).impute(X, random_state=0)


def by_mean(X: pd.DataFrame, kinds: Kinds) -> pd.DataFrame:
    """Return the table filled in with the mean or the most frequent level of each column."""
    fills = [
        X.iloc[:, j].mode().iloc[0] if kind in ("cat", "ordinal") else X.iloc[:, j].mean()
        for j, kind in enumerate(kinds)
    ]
    return X.fillna(dict(zip(X.columns, fills, strict=True)))


def by_regressions(X: pd.DataFrame, kinds: Kinds) -> pd.DataFrame:
    """Return the table filled in by IterativeImputer, with a column for each level."""
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer

    parts = []
    for j, kind in enumerate(kinds):
        column = X.iloc[:, j]
        if kind == "cat":
            part = pd.get_dummies(column, dtype=float).iloc[:, 1:]  # all would predict each other
            part[column.isna()] = np.nan
        else:
            part = column.astype(float).to_frame()
        parts.append(part)
    Z = np.hstack([part.to_numpy() for part in parts])
    spread = np.nanstd(Z, axis=0)
    filled = IterativeImputer(random_state=0).fit_transform(Z / spread) * spread
    out, begin = X.copy(), 0
    for j, (kind, part) in enumerate(zip(kinds, parts, strict=True)):
        block = filled[:, begin : begin + part.shape[1]]
        begin += part.shape[1]
        if kind == "cat":
            shares = np.c_[1.0 - block.sum(axis=1), block]  # of the first level, and the others
            out[X.columns[j]] = np.sort(X.iloc[:, j].dropna().unique())[shares.argmax(axis=1)]
        else:
            levels = kind == "ordinal"
            out[X.columns[j]] = np.rint(block[:, 0]) if levels else block[:, 0]
    return out


METHODS: dict[str, Callable[[pd.DataFrame, Kinds], pd.DataFrame]] = {
    "aevb": by_aevb,
    "mean, mode": by_mean,
    "iterative": by_regressions,
}


def column_errors(
    X: pd.DataFrame, filled: pd.DataFrame, kinds: Kinds, n_levels: Any, hidden: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the error of each column over its hidden cells."""
    errors = []
    for j, kind in enumerate(kinds):
        true = X.iloc[hidden[:, j], j].to_numpy(float)
        got = filled.iloc[hidden[:, j], j].to_numpy(float)
        if kind == "cat":
            errors.append(float(np.mean(got != true)))
        elif kind == "ordinal":
            errors.append(float(np.mean(np.abs(got - true))) / n_levels[j])
        else:
            width = X.iloc[:, j].max() - X.iloc[:, j].min()
            errors.append(float(np.sqrt(np.mean((got - true) ** 2))) / width)
    return np.array(errors)


def impute_hivae(folder: Path, name: str, percent: int) -> None:
    """Print a row for each method."""
    X, kinds, n_levels = read_hivae(folder / name)
    unknown = cells(folder / name / "MissingTrue.csv", X.shape) | X.isna().to_numpy()
    hidden = cells(folder / name / f"Missing{percent}_1.csv", X.shape)
    holed = X.astype(float).mask(hidden | unknown)
    hidden &= ~unknown
    for method, fill in METHODS.items():
        start = time.perf_counter()
        errors = column_errors(X, fill(holed, kinds), kinds, n_levels, hidden)
        seconds = time.perf_counter() - start
        of = np.array(["real" if kind in ("pos", "real", "count") else kind for kind in kinds])
        by_kind = [
            errors[of == k].mean() if k in of else np.nan for k in ("real", "ordinal", "cat")
        ]
        text = " | ".join("" if np.isnan(e) else f"{e:.4f}" for e in (*by_kind, errors.mean()))
        print(f"| {name}, {percent} % | {method} | {text} | {seconds:.0f} |", flush=True)


def sample_adult(folder: Path) -> None:
    """Print a row for each column of strings."""
    X = pd.read_csv(
        folder / "mixed/adult-train.csv", names=ADULT, skipinitialspace=True, na_values="?"
    )
    hidden = (np.random.default_rng(0).random(X.shape) < HIDDEN) & X.notna().to_numpy()
    start = time.perf_counter()
    holed = X.mask(hidden)
    model = AEVB(random_state=0).fit(holed)
    seconds = time.perf_counter() - start
    drawn = model.sample(len(X), random_state=0)
    filled = model.impute(holed, random_state=0)
    print(f"fitted in {seconds:.0f} s, {len(model.history_['seconds'])} epochs\n")
    print("| column | levels | total variation | imputed right | most frequent |")
    print("|---|---:|---:|---:|---:|")
    gains = []
    for j, column in enumerate(X):
        if pd.api.types.is_numeric_dtype(X[column]):
            continue
        shares = X[column].value_counts(normalize=True)
        other = drawn[column].value_counts(normalize=True).reindex(shares.index, fill_value=0.0)
        variation = 0.5 * float(np.abs(shares - other).sum())
        true = X[column][hidden[:, j]]
        right = float(np.mean(filled[column][hidden[:, j]].astype(str) == true.astype(str)))
        usual = float(np.mean(true == holed[column].mode().iloc[0]))
        gains.append(right - usual)
        print(f"| {column} | {len(shares)} | {variation:.3f} | {right:.3f} | {usual:.3f} |")
    print(f"\nimputed right, less most frequent: mean {100 * np.mean(gains):.1f} points")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("AEVB_DATA"))
    names = ("Wine", "Breast", "Adult", "adult")
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument(
        "--missing", nargs="+", type=int, choices=(10, 20, 50), default=(10, 20, 50)
    )
    args = parser.parse_args()
    if args.data is None:
        parser.error("--data, or AEVB_DATA, names the folder of the tables")
    warnings.simplefilter("ignore")
    hivae = [name for name in args.only if name != "adult"]
    if hivae:
        print("| table, missing | method | real | ordinal | categorical | all | seconds |")
        print("|---|---|---:|---:|---:|---:|---:|")
    for name in hivae:
        for percent in args.missing:
            impute_hivae(Path(args.data) / "hivae", name, percent)
    if "adult" in args.only:
        sample_adult(Path(args.data))


if __name__ == "__main__":
    main()
