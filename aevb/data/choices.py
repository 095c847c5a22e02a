"""The likelihood and the units of each column that "auto" stands for."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from aevb.core.catalogue import JOINT_LIKELIHOODS, LEVEL_LIKELIHOODS, SUPPORTS
from aevb.core.units import Units
from aevb.data.families import FAMILIES, Blocks, asked_families, layout_of
from aevb.data.moments import Moments
from aevb.data.rows import SLACK, in_unit_interval
from aevb.data.validation import Data, values_in_blocks

PIXEL_SCALE = 1.0 / 255.0
# The likelihoods whose columns are standardised: of any real numbers. The mean of bounded-gaussian
# lies in (0, 1).
STANDARDISED = frozenset(
    name for name in FAMILIES if SUPPORTS[name] == "real" and name != "bounded-gaussian"
)
_LEAST_PIXELS = 32  # columns of an image
_LEAST_WHITE = 250  # the highest value of an image with the full range of 0 to 255
_LEAST_STROKES = 0.2  # share of values that are exactly 0 or 1 in an image with floats
# log density of a constant column at its value: the log-variance is then at its floor of -10
_LOG_DENSITY_OF_CONSTANT = 0.5 * (10.0 - math.log(2 * math.pi))
_LEAST_SCALE, _MOST_SCALE = 1e-300, 1e300


class Choice(NamedTuple):
    """What is chosen for a new model.

    Attributes
    ----------
    families : list of str
        The likelihood of each column.
    blocks : str or list
        The core's likelihood.
    scale : float or str
        "standard" or a number.
    units : Units
        The units of the columns.
    """

    families: list[str]
    blocks: Blocks
    scale: float | str
    units: Units


def choose(likelihood: Any, scale: Any, binarize: str | None, data: Data, m: Moments) -> Choice:
    """Return the likelihood of each column, and the units, of a new model.

    Raises
    ------
    ValueError
        If `likelihood` or `scale` does not suit the data.
    """
    families = _families(likelihood, scale, binarize, data, m)
    scale = _scale(families, scale, binarize, data)
    blocks, layout = layout_of(families, data.n_levels)
    if isinstance(blocks, str) and not isinstance(scale, str) and SUPPORTS[blocks] != "positive":
        is_density = SUPPORTS[blocks] == "real"
        units = Units.common(data.n_features, scale, is_density=is_density)
    else:
        units = _units(families, scale, m, layout)
    return Choice(families, blocks, scale, units)


def agreed_families(found: list[list[str]]) -> list[str]:
    """Return the likelihood of each column from those that parts of the rows suggest.

    If these differ, some part has other values than 0 and 1.
    """
    return [each[0] if len(set(each)) == 1 else "gaussian" for each in zip(*found, strict=True)]


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


def _families(
    likelihood: Any, scale: Any, binarize: str | None, data: Data, m: Moments
) -> list[str]:
    """Return the likelihood of each column."""
    families = asked_families(likelihood, data.n_features, data.feature_names)
    for j, family in enumerate(families):
        families[j] = _checked_family(family, j, data)
    if "auto" not in families:
        return families
    whole = "gaussian"
    if data.is_numeric and all(family == "auto" for family in families):
        whole = _likelihood(scale, binarize, data, m)
    binary = np.zeros(data.n_features, np.bool_)
    if whole == "gaussian" and scale == "auto" and binarize is None:
        binary = _binary_columns(data, m) | (np.array(data.kinds) == "boolean")
    for j, family in enumerate(families):
        if family != "auto":
            continue
        if data.kinds[j] == "category":
            families[j] = "ordinal" if data.is_ordered(j) else "categorical"
        else:
            families[j] = "bernoulli" if binary[j] else whole
    return families


def _checked_family(family: str, j: int, data: Data) -> str:
    """Return a column's family. A ValueError if the column has not what the family needs."""
    if family not in ("auto", *LEVEL_LIKELIHOODS) and data.kinds[j] == "category":
        raise ValueError(
            f"likelihood: got {family!r} for {data.name_of(j)}, which has categories; want 'auto' "
            f"or one of {', '.join(map(repr, LEVEL_LIKELIHOODS))}"
        )
    if family in LEVEL_LIKELIHOODS and data.n_levels[j] == 0:
        raise ValueError(
            f"likelihood: got {family!r} for {data.name_of(j)}, which has no values; want 'auto'"
        )
    # one level has no order
    return "categorical" if family == "ordinal" and data.n_levels[j] == 1 else family


def _binary_columns(data: Data, m: Moments) -> NDArray[np.bool_]:
    """Return the columns that have 0 and 1, and nothing else."""
    binary: NDArray[np.bool_] = (m.low == 0) & (m.high == 1)
    if sparse.issparse(data.X):
        values = data.X.data
        binary[data.X.indices[(values != 0) & (values != 1) & ~np.isnan(values)]] = False
        return binary
    for j in np.flatnonzero(binary):
        column = data.X[:, j]
        binary[j] = bool(((column == 0) | (column == 1) | np.isnan(column)).all())
    return binary


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


def _scale(families: list[str], scale: Any, binarize: str | None, data: Data) -> float | str:
    """Return the scale in use: "standard" or a number."""
    standardised = any(family in STANDARDISED for family in families)
    mixed = any(family != families[0] for family in families)
    joint = any(family in JOINT_LIKELIHOODS for family in families)
    if not isinstance(scale, str):
        if joint and scale != 1:
            raise ValueError(
                f"scale: got {scale!r}, but multinomial counts have their own unit; want 'auto' or "
                f"'none'"
            )
        if mixed and scale != 1:
            raise ValueError(
                f"scale: got {scale!r}, but the columns have several likelihoods; want 'auto', "
                f"'standard' or 'none'"
            )
        return float(scale)
    if scale == "standard" and not standardised:
        raise ValueError(
            f"scale: got 'standard', but likelihood={families[0]!r} needs its data as they are; "
            f"want 'auto', 'none' or a number"
        )
    if scale == "none":
        return 1.0
    if standardised and (scale == "standard" or binarize is None):
        return "standard"
    reads_pixels = SUPPORTS[families[0]] in ("unit-interval", "real") and not mixed
    is_bytes = data.X.dtype == np.uint8 and data.high > 1
    return PIXEL_SCALE if reads_pixels and is_bytes else 1.0


def _units(families: list[str], scale: float | str, m: Moments, layout: dict[str, Any]) -> Units:
    """Return the units of columns that differ.

    A standardised column gets the mean 0 and the variance 1, and one of positive numbers the mean
    1. A constant column keeps its unit. A Gaussian one adds 0 to log p(x).
    """
    of = np.array(families)
    constant = m.constant
    standard = np.isin(of, sorted(STANDARDISED)) & (scale == "standard")
    positive = np.isin(of, [name for name in FAMILIES if SUPPORTS[name] == "positive"])
    positive &= scale == "standard" if isinstance(scale, str) else scale != 1.0
    with np.errstate(divide="ignore"):
        by_spread = np.clip(1.0 / m.spread, _LEAST_SCALE, _MOST_SCALE)
        by_mean = np.clip(1.0 / np.abs(m.mean), _LEAST_SCALE, _MOST_SCALE)
    scales = np.where(standard & ~constant, by_spread, np.where(positive, by_mean, 1.0))
    location = np.where(standard, np.where(constant, m.low, m.mean), 0.0)
    at_floor = standard & constant & (of == "gaussian")
    log_jacobian = float(np.log(scales).sum()) - at_floor.sum() * _LOG_DENSITY_OF_CONSTANT
    log_jacobians = np.log(scales) - np.where(at_floor, _LOG_DENSITY_OF_CONSTANT, 0.0)
    return Units(location, scales, float(log_jacobian), log_jacobians, **layout)
