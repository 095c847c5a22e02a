"""Checks of arrays: what a caller hands over, and what the network makes of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from aevb.core.engine import all_finite


def check_dense(name: str, value: Any) -> None:
    """TypeError naming the argument if it is sparse.

    Before scikit-learn sees it: that prints some, and SciPy writes where a damaged one points.
    """
    if sparse.issparse(value):
        raise TypeError(f"{name}: got a sparse matrix or array, want a dense one")


def check_unmasked(name: str, value: Any) -> None:
    """ValueError naming the argument if some of a masked array's values are masked.

    NumPy's conversions would read what lies under the mask.
    """
    if np.ma.is_masked(value):
        raise ValueError(f"{name}: got masked values, want an array without, or filled ones")


def check_scores(name: str, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log-probabilities; ValueError naming the argument if some are not a number.

    Minus infinity is one: a density below float32's range.
    """
    if np.isnan(scores).any():
        row = int(np.isnan(scores).argmax())
        raise ValueError(
            f"{name}: row {row} takes the network, with its weights as they are, out of float32's "
            f"finite numbers; want smaller values"
        )
    return scores


def finite_array(name: str, value: ArrayLike) -> NDArray[np.float32]:
    """Return the value as contiguous float32; ValueError naming it if it is not finite numbers."""
    check_dense(name, value)
    check_unmasked(name, value)
    try:
        if np.iscomplexobj(value):
            raise ValueError("got complex ones")
        with np.errstate(all="ignore"):
            array = np.ascontiguousarray(value, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: want an array of real numbers, {error}") from error
    if not all_finite(array):
        raise ValueError(f"{name}: has values that are not finite in float32")
    return array


def still_finite(name: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what the network made of the argument; ValueError naming that if it overflowed."""
    if not all_finite(values):
        raise ValueError(
            f"{name}: takes the network, with its weights as they are, out of float32's finite "
            f"numbers; want smaller values"
        )
    return values
