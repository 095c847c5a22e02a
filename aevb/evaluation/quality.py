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

    With `binary`, values are 1 above 0.5 and 0 elsewhere.
    """
    n_together = max(1, _BLOCK_VALUES // data.n_features)
    for first in range(0, data.n_rows, n_together):
        rows = slice(first, first + n_together)
        block = data.X[rows].toarray() if sparse.issparse(data.X) else data.X[rows]
        x = units.to_model(block)
        yield rows, np.asarray(x > 0.5 if binary else x, np.float64)


def explained(
    blocks: Callable[[], Iterator[tuple[slice, Floats]]],
    means: NDArray[np.float32],
    supports: Sequence[str],
) -> Floats:
    """Return 1 - (deviance from the means) / (deviance from the column's mean) (D,).

    Parameters
    ----------
    blocks : callable
        Returns an iterator over blocks of the rows, as `read_blocks` does.
    means : ndarray of shape (n_rows, D)
        The reconstructions.
    supports : sequence of str
        The support of each column's likelihood.
    """
    total, low, high = 0.0, np.inf, -np.inf
    for _, x in blocks():
        total = total + x.sum(axis=0)
        low, high = np.minimum(low, x.min(axis=0)), np.maximum(high, x.max(axis=0))
    centre = np.asarray(total / len(means))
    lost, whole = np.zeros(len(centre)), np.zeros(len(centre))
    support_of = np.asarray(supports)
    for rows, x in blocks():
        for support in np.unique(support_of):
            columns, deviance = support_of == support, DEVIANCES[support]
            near = np.asarray(means[rows, columns], np.float64)
            lost[columns] += deviance(x[:, columns], near).sum(axis=0)
            whole[columns] += deviance(x[:, columns], centre[columns]).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(low == high, np.nan, 1.0 - lost / whole)
