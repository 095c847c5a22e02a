"""Mean, spread and range of each column, from one pass over the data."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from aevb.core.engine import Floats

_BLOCK_VALUES = 1 << 18  # converted to float64 at once


class Moments(NamedTuple):
    """Mean, standard deviation, lowest and highest value of each column, (D,) each."""

    mean: Floats
    spread: Floats
    low: Floats
    high: Floats

    @property
    def constant(self) -> NDArray[np.bool_]:
        """The columns that have one value, or values which differ by rounding errors only."""
        rounding = 8 * np.finfo(np.float64).eps * np.maximum(np.abs(self.low), np.abs(self.high))
        constant: NDArray[np.bool_] = self.high - self.low <= rounding
        return constant


def column_moments(X: Any) -> Moments:
    """Return the moments of the columns of an array or CSR matrix (n, D).

    The sums are those of the distances from the first row, so that a large location does not hide a
    small spread.
    """
    n_rows, n_columns = X.shape
    height = max(1, _BLOCK_VALUES // n_columns)
    origin = _dense(X[:1])[0]
    total, squares = np.zeros(n_columns), np.zeros(n_columns)
    low, high = origin.copy(), origin.copy()
    with np.errstate(over="ignore", invalid="ignore"):  # see below
        for begin in range(0, n_rows, height):
            block = _dense(X[begin : begin + height])
            np.minimum(low, block.min(axis=0), out=low)
            np.maximum(high, block.max(axis=0), out=high)
            block -= origin
            total += block.sum(axis=0)
            squares += np.einsum("ij,ij->j", block, block)
        shift = total / n_rows
        variance = np.maximum(squares / n_rows - shift * shift, 0.0)
        # Squares of huge or tiny values are out of range: the spread is then half of the range.
        half_range = high / 2 - low / 2
        lost = ~np.isfinite(variance) | (variance < np.finfo(np.float64).tiny)
    return Moments(
        np.where(np.isfinite(shift), origin + shift, low / 2 + high / 2),
        np.where(lost, half_range, np.sqrt(variance)),
        low,
        high,
    )


def _dense(block: Any) -> Floats:
    values = block.toarray() if sparse.issparse(block) else block
    return np.array(values, dtype=np.float64)
