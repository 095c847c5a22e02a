"""Data with missing values: the checks of the observed ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import validate_data

from aevb.data.checks import check_dense, check_unmasked
from aevb.data.frames import filled_in, without_na
from aevb.data.validation import DTYPES, Data, schema_of_fit, value_range


def observed_data(estimator: Any, X: Any, mask: Any) -> tuple[Data, NDArray[np.bool_]]:
    """Return dense data with NaN for each missing value, and the mask of the missing values.

    Parameters
    ----------
    estimator : object
        The fitted estimator that accepts the columns.
    X : array-like or data frame of shape (n_samples, n_features)
        Data. Without a mask, NaN, None and a frame's own missing values are missing.
    mask : array-like of bool of shape (n_samples, n_features) or None
        True where a value is missing.

    Returns
    -------
    data : Data
        The checked data.
    missing : ndarray of bool of shape (n_samples, n_features)
        C-contiguous mask.

    Raises
    ------
    TypeError, ValueError
        If ``mask`` is not boolean or does not have the shape of ``X``, or if `check_data` would
        reject the observed values.
    """
    for name, value in (("X", X), ("mask", mask)):
        check_dense(name, value)
        check_unmasked(name, value)
    schema = schema_of_fit(estimator)
    if schema is not None and not schema.is_numeric:
        validate_data(estimator, X, reset=False, skip_check_array=True)  # the names of the columns
        X = schema.numbers(X)
    else:
        X = without_na(X)
        with np.errstate(all="ignore"):
            X = validate_data(
                estimator,
                X,
                reset=False,
                dtype=DTYPES,
                accept_sparse=False,
                ensure_all_finite=False,
            )
    missing = np.ascontiguousarray(np.isnan(X) if mask is None else mask)
    if missing.dtype != np.bool_:
        raise TypeError(f"mask: got dtype {missing.dtype}, want bool: True where X is missing")
    if missing.shape != X.shape:
        raise ValueError(f"mask: got shape {missing.shape}, want that of X, {X.shape}")
    wrong = ~(missing | np.isfinite(X))
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise ValueError(
            f"X: got {X[row, column]} at row {row}, column {column}, where the mask says "
            f"that it is observed; want a finite number"
            if mask is not None
            else f"X: got {X[row, column]} at row {row}, column {column}; want a finite "
            f"number where X is observed, or NaN"
        )
    holed = np.where(missing, np.nan, X) if missing.any() else X
    holes = bool(missing.any())
    return Data(holed, *value_range(holed, holes=holes), estimator, holes, schema), missing


def completed(data: Data, X: Any, missing: NDArray[np.bool_], filled: NDArray[Any]) -> Any:
    """Return a copy of X with values in place of the missing ones, as `filled_in` does.

    Parameters
    ----------
    data : Data
        What `observed_data` has returned for X.
    X : array-like or data frame of shape (n_samples, n_features)
        The data as they came.
    missing : ndarray of bool of shape (n_samples, n_features)
        True where a value is missing.
    filled : ndarray of shape (n_samples, n_features)
        The values; for categories, the codes of their levels.
    """
    if data.is_numeric:
        return filled_in(X, missing, filled)
    assert data.schema is not None
    return data.schema.restore(np.where(missing, filled, data.X), like=X)
