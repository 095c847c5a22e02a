"""Mean, spread and range of each column, from passes over the data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from aevb.core.engine import Floats

_BLOCK_VALUES = 1 << 16  # converted to float64 at once, which stay in the cache


class Moments(NamedTuple):
    """Mean, standard deviation, lowest, highest and number of each column's values, (D,) each.

    A column without values has the mean 0 and the spread 0, and is constant.
    """

    mean: Floats
    spread: Floats
    low: Floats
    high: Floats
    n_values: Floats

    @property
    def constant(self) -> NDArray[np.bool_]:
        """The columns that have one value, or values which differ by rounding errors only."""
        rounding = 8 * np.finfo(np.float64).eps * np.maximum(np.abs(self.low), np.abs(self.high))
        constant: NDArray[np.bool_] = self.high - self.low <= rounding
        return constant


def column_moments(X: Any) -> Moments:
    """Return the moments of the columns of an array or CSR matrix (n, D). NaN is a missing value.

    The sums are those of the distances from the first value, so that a large location does not hide
    a small spread. Columns whose squares are out of float64's range take a second pass.
    """
    origin = _first_values(X)
    m = _moments(X, origin, np.ones_like(origin))
    half_range = m.high / 2 - m.low / 2
    lost = (half_range > 0) & ~((m.spread**2 > np.finfo(np.float64).tiny) & (m.spread < np.inf))
    if lost.any():
        m = _moments(X, m.low / 2 + m.high / 2, np.where(lost, half_range, 1.0))
    return m


def column_ranges(X: Any) -> tuple[Floats, Floats]:
    """Return the lowest and the highest value of each column, NaN if it has none."""
    low, high = np.full(X.shape[1], np.nan), np.full(X.shape[1], np.nan)
    for block in _blocks(X):
        np.fmin(low, np.fmin.reduce(block, axis=0), out=low)
        np.fmax(high, np.fmax.reduce(block, axis=0), out=high)
    return low, high


def _first_values(X: Any) -> Floats:
    """Return the first value of each column, or 0 if it has none."""
    first = _dense(X[:1])[0]
    for block in _blocks(X):
        missing = np.isnan(first)
        if not missing.any():
            break
        columns = np.flatnonzero(missing & ~np.isnan(block).all(axis=0))
        has_value = ~np.isnan(block[:, columns])
        first[columns] = block[has_value.argmax(axis=0), columns]
    return np.where(np.isnan(first), 0.0, first)


def _moments(X: Any, origin: Floats, unit: Floats) -> Moments:
    """Return the moments from the sums of (x - origin) / unit and of its squares."""
    total, squares = np.zeros_like(origin), np.zeros_like(origin)
    low, high = np.full_like(origin, np.inf), np.full_like(origin, -np.inf)
    n_values = np.zeros_like(origin)
    with np.errstate(over="ignore", invalid="ignore"):  # the caller looks for lost spreads
        for block in _blocks(X):
            missing = np.isnan(block)
            n_values += len(block)
            np.fmin(low, np.fmin.reduce(block, axis=0), out=low)
            np.fmax(high, np.fmax.reduce(block, axis=0), out=high)
            block -= origin
            block /= unit
            if missing.any():
                n_values -= missing.sum(axis=0)
                block[missing] = 0.0
            total += block.sum(axis=0)
            squares += np.einsum("ij,ij->j", block, block)
        n_least = np.maximum(n_values, 1)
        shift = total / n_least
        variance = np.maximum(squares / n_least - shift * shift, 0.0)
    empty = low > high
    low, high = np.where(empty, 0.0, low), np.where(empty, 0.0, high)
    return Moments(origin + shift * unit, np.sqrt(variance) * unit, low, high, n_values)


def joined_moments(parts: Sequence[Moments]) -> Moments:
    """Return the moments of all rows from those of parts of the rows."""
    if len(parts) == 1:
        return parts[0]
    mean, spread, low, high, n_values = (np.array(arrays) for arrays in zip(*parts, strict=True))
    empty = n_values == 0
    total = n_values.sum(axis=0)
    share = n_values / np.maximum(total, 1)
    # Distances from a part's mean keep a small spread at a large location. In units of their own
    # size, their squares are in float64's range.
    origin = np.take_along_axis(mean, empty.argmin(axis=0)[None], axis=0)[0]
    distance = np.where(empty, 0.0, mean - origin)
    size = np.maximum(spread, abs(distance)).max(axis=0)
    unit = np.where(size > 0, size, 1.0)
    shift = (share * distance).sum(axis=0)
    squares = (spread / unit) ** 2 + ((distance - shift) / unit) ** 2
    none = total == 0
    return Moments(
        origin + shift,
        unit * np.sqrt((share * squares).sum(axis=0)),
        np.where(none, 0.0, np.where(empty, np.inf, low).min(axis=0)),
        np.where(none, 0.0, np.where(empty, -np.inf, high).max(axis=0)),
        total,
    )


def _blocks(X: Any) -> Iterator[Floats]:
    """Yield copies of some rows at a time, which together are all rows."""
    height = max(1, _BLOCK_VALUES // X.shape[1])
    for begin in range(0, X.shape[0], height):
        yield _dense(X[begin : begin + height])


def _dense(block: Any) -> Floats:
    values = block.toarray() if sparse.issparse(block) else block
    return np.array(values, dtype=np.float64)
