"""The likelihood and the units that "auto" stands for."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from aevb.core.catalogue import SUPPORTS
from aevb.core.units import Units
from aevb.data.moments import Moments
from aevb.data.rows import SLACK, Data, in_unit_interval, values_in_blocks

PIXEL_SCALE = 1.0 / 255.0
_LEAST_PIXELS = 32  # columns of an image
_LEAST_WHITE = 250  # the highest value of an image with the full range of 0 to 255
_LEAST_STROKES = 0.2  # share of values that are exactly 0 or 1 in an image with floats
# log density of a constant column at its value: the log-variance is then at its floor of -10
_LOG_DENSITY_OF_CONSTANT = 0.5 * (10.0 - math.log(2 * math.pi))
_LEAST_SCALE, _MOST_SCALE = 1e-300, 1e300


class Choice(NamedTuple):
    """The likelihood of a new model, its scale ("standard" or a number), and its units."""

    likelihood: str
    scale: float | str
    units: Units


def choose(likelihood: str, scale: Any, binarize: str | None, data: Data, m: Moments) -> Choice:
    """Return the likelihood and the units of a new model.

    Raises
    ------
    ValueError
        If `scale` does not suit the likelihood.
    """
    if likelihood == "auto":
        likelihood = _likelihood(scale, binarize, data, m)
    scale = _scale(likelihood, scale, binarize, data)
    if isinstance(scale, str):
        return Choice(likelihood, scale, _standard(m))
    is_density = SUPPORTS[likelihood] == "real"
    return Choice(likelihood, scale, Units.common(data.n_features, scale, is_density=is_density))


def looks_like_pixels(data: Data) -> bool:
    """Tell whether whole numbers look like the pixels of images: many columns, and the full range.

    It reads float data once.
    """
    if data.n_features < _LEAST_PIXELS or data.low != 0 or not _LEAST_WHITE <= data.high <= 255:
        return False
    return all(
        bool(((block == np.rint(block)) | np.isnan(block)).all())
        for block in values_in_blocks(data)
    )


def _likelihood(scale: Any, binarize: str | None, data: Data, m: Moments) -> str:
    """Return the likelihood that "auto" stands for."""
    if binarize == "threshold":
        return "bernoulli"
    if data.X.dtype == np.bool_:
        return "bernoulli"
    if isinstance(scale, str) and data.X.dtype == np.uint8 and looks_like_pixels(data):
        return "bernoulli"
    factor = 1.0 if isinstance(scale, str) else float(scale)
    if not in_unit_interval(data, factor):
        return "gaussian"
    if binarize == "dynamic":
        return "bernoulli"
    n_ends, n_values = _count_ends(data, factor)
    has_strokes = data.n_features >= _LEAST_PIXELS and n_ends >= _LEAST_STROKES * n_values
    is_image = has_strokes and not _spans_unit_interval(m, factor)
    return "bernoulli" if n_ends == n_values or is_image else "gaussian"


def _spans_unit_interval(m: Moments, factor: float) -> bool:
    """Tell whether every column that varies goes from 0 to 1.

    So it is in a table that was scaled column by column, and not in images. Other rows of such a
    table may lie outside of [0, 1].
    """
    spans = (m.low == 0) & (m.high * factor >= 1 - SLACK)
    return bool((spans | m.constant).all())


def _count_ends(data: Data, factor: float) -> tuple[int, int]:
    """Count the values that are 0, or 1 to within rounding errors, and all values."""
    n_ends, n_values = 0, data.n_rows * data.n_features
    least_one = (1 - SLACK) / factor
    n_stored = n_missing = 0
    for block in values_in_blocks(data):
        n_ends += int(np.count_nonzero(block == 0)) + int(np.count_nonzero(block >= least_one))
        n_stored += block.size
        n_missing += int(np.count_nonzero(np.isnan(block))) if data.holes else 0
    return n_ends + n_values - n_stored, n_values - n_missing


def _scale(likelihood: str, scale: Any, binarize: str | None, data: Data) -> float | str:
    """Return the scale in use: "standard" or a number."""
    if not isinstance(scale, str):
        return float(scale)
    is_gaussian = likelihood == "gaussian"
    if scale == "standard" and not is_gaussian:
        raise ValueError(
            f"scale: got 'standard', but likelihood={likelihood!r} needs its data as they are; "
            f"want 'auto', 'none' or a number"
        )
    if scale == "none" or SUPPORTS[likelihood] == "counts":
        return 1.0
    if is_gaussian and (scale == "standard" or binarize is None):
        return "standard"
    return PIXEL_SCALE if data.X.dtype == np.uint8 and data.high > 1 else 1.0


def _standard(m: Moments) -> Units:
    """Return the units in which each column has the mean 0 and the variance 1.

    A constant column keeps its unit, and adds 0 to log p(x).
    """
    constant = m.constant
    with np.errstate(divide="ignore"):
        scale = np.clip(1.0 / m.spread, _LEAST_SCALE, _MOST_SCALE)
    scale = np.where(constant, 1.0, scale)
    location = np.where(constant, m.low, m.mean)
    log_jacobian = float(np.log(scale).sum()) - constant.sum() * _LOG_DENSITY_OF_CONSTANT
    log_jacobians = np.log(scale) - np.where(constant, _LOG_DENSITY_OF_CONSTANT, 0.0)
    return Units(location, scale, float(log_jacobian), log_jacobians)
