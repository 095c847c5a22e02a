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
    origin = _dense(X[:1])[0]
    m = _moments(X, origin, np.ones_like(origin))
    half_range = m.high / 2 - m.low / 2
    lost = (half_range > 0) & ~((m.spread**2 > np.finfo(np.float64).tiny) & (m.spread < np.inf))
    if lost.any():
        m = _moments(X, m.low / 2 + m.high / 2, np.where(lost, half_range, 1.0))
    return m


def _moments(X: Any, origin: Floats, unit: Floats) -> Moments:
    """Return the moments from the sums of (x - origin) / unit and of its squares."""
    total, squares = np.zeros_like(origin), np.zeros_like(origin)
    low, high = np.full_like(origin, np.inf), np.full_like(origin, -np.inf)
    with np.errstate(over="ignore", invalid="ignore"):  # the caller looks for lost spreads
        for block in _blocks(X):
            np.minimum(low, block.min(axis=0), out=low)
            np.maximum(high, block.max(axis=0), out=high)
            block -= origin
            block /= unit
            total += block.sum(axis=0)
            squares += np.einsum("ij,ij->j", block, block)
        shift = total / X.shape[0]
        variance = np.maximum(squares / X.shape[0] - shift * shift, 0.0)
        return Moments(origin + shift * unit, np.sqrt(variance) * unit, low, high)


def _blocks(X: Any) -> Iterator[Floats]:
    """Yield copies of some rows at a time, which together are all rows."""
    height = max(1, _BLOCK_VALUES // X.shape[1])
    for begin in range(0, X.shape[0], height):
        yield _dense(X[begin : begin + height])


def _dense(block: Any) -> Floats:
    values = block.toarray() if sparse.issparse(block) else block
    return np.array(values, dtype=np.float64)
