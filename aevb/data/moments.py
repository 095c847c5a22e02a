"""Mean, spread and range of each column, from passes over the data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from aevb.core.engine import Floats

_BLOCK_VALUES = 1 << 16  # converted to float64 at once, which stay in the cache


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
    small spread. Columns whose squares are out of float64's range take a second pass.
    """
    low, high = _range(X)
    origin = _dense(X[:1])[0]
    mean, variance = _mean_and_variance(X, origin, np.ones_like(origin))
    half_range = high / 2 - low / 2
    lost = (half_range > 0) & ~((variance > np.finfo(np.float64).tiny) & (variance < np.inf))
    unit = np.where(lost, half_range, 1.0)
    if lost.any():
        mean, variance = _mean_and_variance(X, low / 2 + high / 2, unit)
    return Moments(mean, np.sqrt(variance) * unit, low, high)


def _range(X: Any) -> tuple[Floats, Floats]:
    low, high = np.full(X.shape[1], np.inf), np.full(X.shape[1], -np.inf)
    for block in _blocks(X):
        np.minimum(low, block.min(axis=0), out=low)
        np.maximum(high, block.max(axis=0), out=high)
    return low, high


def _mean_and_variance(X: Any, origin: Floats, unit: Floats) -> tuple[Floats, Floats]:
    """Return the mean of each column, and the variance of the column divided by its unit."""
    total, squares = np.zeros_like(origin), np.zeros_like(origin)
    with np.errstate(over="ignore", invalid="ignore"):  # the caller looks for lost variances
        for block in _blocks(X):
            block -= origin
            block /= unit
            total += block.sum(axis=0)
            squares += np.einsum("ij,ij->j", block, block)
        shift = total / X.shape[0]
        return origin + shift * unit, np.maximum(squares / X.shape[0] - shift * shift, 0.0)


def _blocks(X: Any) -> Iterator[Floats]:
    """Yield copies of some rows at a time, which together are all rows."""
    height = max(1, _BLOCK_VALUES // X.shape[1])
    for begin in range(0, X.shape[0], height):
        yield _dense(X[begin : begin + height])


def _dense(block: Any) -> Floats:
    values = block.toarray() if sparse.issparse(block) else block
    return np.array(values, dtype=np.float64)
