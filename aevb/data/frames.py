"""Tables with missing values, of NumPy, pandas or Polars: as numbers, and filled in.

A data frame comes from a module that its owner has imported. So no module of frames is imported
here.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray


def is_frame(X: Any, module: str) -> bool:
    """Whether X is a DataFrame of this module."""
    owner = sys.modules.get(module)
    return owner is not None and isinstance(X, owner.DataFrame)


def without_na(X: Any) -> Any:
    """Return X with NaN for each None or pandas.NA among Python objects.

    scikit-learn accepts pandas.NA in columns of numbers alone.

    Parameters
    ----------
    X : array-like or data frame
        Data. They stay as they are.

    Raises
    ------
    ValueError
        If a frame's column of objects has a value that is not a number.
    """
    pandas = sys.modules.get("pandas")
    if is_frame(X, "pandas"):
        objects = [j for j, dtype in enumerate(X.dtypes) if dtype == np.dtype(object)]
        if objects:
            X = X.copy(deep=False)
        for j in objects:
            X.isetitem(j, _numbers(X.iloc[:, j]))
        return X
    if pandas is not None and isinstance(X, np.ndarray) and X.dtype == object:
        return np.where(pandas.isna(X), np.nan, X)
    return X


def _numbers(column: Any) -> NDArray[np.float64]:
    """Return a pandas column as numbers, with NaN for each missing value."""
    try:
        numbers: NDArray[np.float64] = column.to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"X: column {column.name!r} has a value that is not a number ({error}); want numbers "
            f"or missing values"
        ) from error
    return numbers


def filled_in(X: Any, missing: NDArray[np.bool_], filled: NDArray[np.floating[Any]]) -> Any:
    """Return a copy of X with values in place of the missing ones. Other values keep their bits.

    Parameters
    ----------
    X : array-like or data frame of shape (n_samples, n_features)
        Data that `observed_data` accepts.
    missing : ndarray of bool of shape (n_samples, n_features)
        True where a value is missing.
    filled : ndarray of shape (n_samples, n_features)
        The values, of which those that are missing in X are used.

    Returns
    -------
    X : ndarray or DataFrame of shape (n_samples, n_features)
        A pandas or Polars frame for such a frame. Its columns keep their dtype; one of integers or
        objects with missing values becomes float64. An ndarray otherwise, of X's dtype if that is
        floating, or float64.
    """
    if is_frame(X, "pandas"):
        return _fill_pandas(X, missing, filled)
    if is_frame(X, "polars"):
        return _fill_polars(X, missing, filled)
    given = np.asarray(without_na(X))
    out = np.array(given, dtype=given.dtype if given.dtype.kind == "f" else np.float64, order="C")
    np.copyto(out, filled, where=missing, casting="same_kind")
    return out


def like(X: Any, values: NDArray[Any]) -> Any:
    """Return values (n, D) as a frame with the columns and index of X, if X is a frame."""
    if is_frame(X, "pandas"):
        return sys.modules["pandas"].DataFrame(values, index=X.index, columns=X.columns)
    if is_frame(X, "polars"):
        return sys.modules["polars"].DataFrame(values, schema=X.columns)
    return values


def _fill_pandas(X: Any, missing: NDArray[np.bool_], filled: NDArray[np.floating[Any]]) -> Any:
    from pandas.api.types import is_float_dtype

    out = X.copy()
    for j in np.flatnonzero(missing.any(axis=0)):
        column, holes = X.iloc[:, j], missing[:, j]
        values = column.array.copy() if is_float_dtype(column.dtype) else _numbers(column)
        values[holes] = filled[holes, j]
        out.isetitem(j, values)
    return out


def _fill_polars(X: Any, missing: NDArray[np.bool_], filled: NDArray[np.floating[Any]]) -> Any:
    polars = sys.modules["polars"]
    columns = X.get_columns()
    for j in np.flatnonzero(missing.any(axis=0)):
        column = columns[j]
        dtype = column.dtype if column.dtype.is_float() else polars.Float64
        values = column.cast(dtype).to_numpy().copy()
        values[missing[:, j]] = filled[missing[:, j], j]
        columns[j] = polars.Series(column.name, values, dtype=dtype)
    return polars.DataFrame(columns)
