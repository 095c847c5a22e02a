"""Checks of arguments that several modules need."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

_HIGHEST = 2**31 - 1


def check_integer(name: str, value: Any, lowest: int = 1) -> int:
    """Return value as int; TypeError or ValueError naming the parameter if it is none."""
    want = f"want an integer from {lowest} to {_HIGHEST}"
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise TypeError(f"{name}: got {value!r}, {want}")
    if not lowest <= int(value) <= _HIGHEST:
        raise ValueError(f"{name}: got {value!r}, {want}")
    return int(value)


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


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    """ValueError naming the argument if value is none of the choices."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name}: got {value!r}, want one of {', '.join(map(repr, choices))}")
