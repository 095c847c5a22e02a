"""The share of each column's variation that reconstructions explain."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import xlogy

from aevb.core.engine import Floats
from aevb.core.units import Units
from aevb.data.validation import Data

_BLOCK_VALUES = 1 << 20
_TINY = float(np.finfo(np.float32).tiny)
_BELOW_ONE = 1.0 - 2.0**-25  # a mean that float32 rounds to 1 is closer to 1 than this


def _squares(x: Floats, mean: Floats) -> Floats:
    return (x - mean) ** 2


def _bernoulli(x: Floats, mean: Floats) -> Floats:
    mean = np.clip(mean, _TINY, _BELOW_ONE)
    deviance: Floats = xlogy(x, x / mean) + xlogy(1 - x, (1 - x) / (1 - mean))
    return 2 * deviance


def _poisson(x: Floats, mean: Floats) -> Floats:
    mean = np.maximum(mean, _TINY)
    deviance: Floats = xlogy(x, x / mean) - x + mean
    return 2 * deviance


def _gamma(x: Floats, mean: Floats) -> Floats:
    ratio = np.maximum(x, _TINY) / np.maximum(mean, _TINY)
    deviance: Floats = ratio - 1 - np.log(ratio)
    return 2 * deviance


# The deviance of each value, for each support of a likelihood: 2 (log p(x | mean x) - log p(x |
# mean)), for a Gaussian without its variance and for a gamma distribution without its shape.
DEVIANCES: dict[str, Callable[[Floats, Floats], Floats]] = {
    "real": _squares,
    "positive": _gamma,
    "unit-interval": _bernoulli,
    "open-unit-interval": _bernoulli,
    "counts": _poisson,
}


def read_blocks(data: Data, units: Units, *, binary: bool) -> Iterator[tuple[slice, Floats]]:
    """Yield the rows in blocks, dense and as the model reads them: (n, D).

    With `binary`, observed values are 1 above 0.5 and 0 elsewhere.
    """
    n_together = max(1, _BLOCK_VALUES // data.n_features)
    for first in range(0, data.n_rows, n_together):
        rows = slice(first, first + n_together)
        block = data.X[rows].toarray() if sparse.issparse(data.X) else data.X[rows]
        x = units.to_model(block)
        yield rows, np.where(np.isnan(x), x, x > 0.5) if binary else x


def explained(
    blocks: Callable[[], Iterator[tuple[slice, Floats]]],
    means: NDArray[np.float32],
    supports: Sequence[str],
) -> Floats:
    """Return 1 - (deviance from the means) / (deviance from the column's mean) (D,).

    Missing values do not count. The result is NaN for columns of levels: see `explained_levels`.

    Parameters
    ----------
    blocks : callable
        Returns an iterator over blocks of the rows, as `read_blocks` does.
    means : ndarray of shape (n_rows, D)
        The reconstructions.
    supports : sequence of str
        The support of each column's likelihood.
    """
    n = len(supports)
    total, n_known, low, high = np.zeros(n), np.zeros(n), np.full(n, np.inf), np.full(n, -np.inf)
    for _, x in blocks():
        total += np.nansum(x, axis=0)
        n_known += (~np.isnan(x)).sum(axis=0)
        low = np.fmin(low, np.fmin.reduce(x, axis=0))
        high = np.fmax(high, np.fmax.reduce(x, axis=0))
    centre = total / np.maximum(n_known, 1)
    lost, whole = np.zeros(n), np.zeros(n)
    support_of = np.asarray(supports)
    for rows, x in blocks():
        for support in set(supports) - {"levels"}:
            columns, deviance = support_of == support, DEVIANCES[support]
            near = np.asarray(means[rows, columns], np.float64)
            lost[columns] += np.nansum(deviance(x[:, columns], near), axis=0)
            whole[columns] += np.nansum(deviance(x[:, columns], centre[columns]), axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(low == high, np.nan, 1.0 - lost / whole)


def explained_levels(codes: Floats, probabilities: NDArray[np.float32]) -> float:
    """Return the share of the deviance of one column of levels, NaN if all have one level.

    Parameters
    ----------
    codes : ndarray of shape (n_rows,)
        The codes of the observed levels, and NaN for missing ones.
    probabilities : ndarray of shape (n_rows, n_levels)
        The reconstructions.
    """
    known = ~np.isnan(codes)
    own = codes[known].astype(np.intp)
    counts = np.bincount(own)
    whole = -xlogy(counts, counts / max(len(own), 1)).sum()
    near = np.asarray(probabilities[known, own], np.float64)
    lost = -np.log(np.maximum(near, _TINY)).sum()
    return 1.0 - float(lost / whole) if whole > 0 else np.nan
