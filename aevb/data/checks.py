"""Checks of input arrays and of the network's outputs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from aevb.core.engine import all_finite


def check_dense(name: str, value: Any) -> None:
    """Raise a TypeError that names the argument if it is sparse.

    This check comes before scikit-learn's, which prints some sparse arrays. To print a damaged one,
    SciPy may write outside its memory.
    """
    if sparse.issparse(value):
        raise TypeError(f"{name}: got a sparse matrix or array, want a dense one")


def check_unmasked(name: str, value: Any) -> None:
    """Raise a ValueError that names the argument if some of its values are masked.

    NumPy's conversions would read the values under the mask.
    """
    if np.ma.is_masked(value):
        raise ValueError(f"{name}: got masked values, want an array without, or filled ones")


def check_scores(name: str, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the scores. If one is NaN, raise a ValueError that names the argument.

    A score of minus infinity is valid: the density is below float32's range.
    """
    if np.isnan(scores).any():
        row = int(np.isnan(scores).argmax())
        raise ValueError(
            f"{name}: row {row} takes the network, with its current weights, out of float32's "
            f"range; want smaller values"
        )
    return scores


def finite_array(name: str, value: ArrayLike) -> NDArray[np.float32]:
    """Return a contiguous float32 array. ValueError if a value is not a finite real number."""
    check_dense(name, value)
    check_unmasked(name, value)
    try:
        if np.iscomplexobj(value):
            raise ValueError("got complex numbers")
        with np.errstate(all="ignore"):
            array = np.ascontiguousarray(value, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: want an array of real numbers, {error}") from error
    if not all_finite(array):
        raise ValueError(f"{name}: has values that are not finite in float32")
    return array


def still_finite(name: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the network's outputs. If one overflowed, raise a ValueError that names the input."""
    if not all_finite(values):
        raise ValueError(
            f"{name}: takes the network, with its current weights, out of float32's range; want "
            f"smaller values"
        )
    return values
