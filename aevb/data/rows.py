"""Rows of data for the core, which reads them in place: checks of what likelihoods accept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from aevb.core.catalogue import SUPPORTS
from aevb.core.engine import Config, Rows
from aevb.core.units import Units
from aevb.data.families import families_of
from aevb.data.moments import column_moments, column_ranges
from aevb.data.validation import DTYPES, Data, blocks_of

_READ_IN_PLACE = frozenset(map(np.dtype, DTYPES))
_FLOAT32_MAX = float(np.finfo(np.float32).max)
# A value in [0, 1] that was scaled in float32 or float64 may leave the interval by less than this.
# It is then clipped.
SLACK = 1e-6
_FLOAT32_TINY = float(np.finfo(np.float32).tiny)
_BELOW_ONE = float(np.nextafter(np.float32(1), np.float32(0)))
# The range of values, in the model's units, for each support of a likelihood. Counts must also be
# integers, which the core does not check.
_RANGES = {
    "real": (-_FLOAT32_MAX, _FLOAT32_MAX),
    "positive": (_FLOAT32_TINY, _FLOAT32_MAX),
    "unit-interval": (0.0, 1.0),
    "open-unit-interval": (_FLOAT32_TINY, _BELOW_ONE),
    "counts": (0.0, _FLOAT32_MAX),
}
_WANTED = {
    "positive": "numbers above 0",
    "unit-interval": "numbers in [0, 1]",
    "open-unit-interval": "numbers in (0, 1), without 0 and 1",
    "counts": "integers >= 0",
}


def in_unit_interval(data: Data, scale: float = 1.0) -> bool:
    """Tell whether all values, times a scale, lie in [0, 1] to within float32's rounding."""
    low, high = _scaled_ends(data, scale)
    return low >= -SLACK and high <= 1.0 + SLACK


def _scaled_ends(data: Data, scale: float) -> tuple[float, float]:
    """Return the lowest and the highest value times a scale, as the core computes them."""
    with np.errstate(over="ignore"):
        low, high = (float(np.float32(v) * np.float32(scale)) for v in (data.low, data.high))
    return low, high


def as_rows(data: Data, units: Units, config: Config) -> Rows:
    """Return the data as rows for the core.

    Raises
    ------
    ValueError
        If the likelihood or dynamic binarisation does not accept a value, or if a value is out of
        float32's range.
    """
    guard = None
    scale = units.common_scale
    if scale is None:
        _check_standardised(data, units)
        _check_columns(data, families_of(config.as_dict()["likelihood"], units))
    else:
        _check_range(data, scale, config)
        if config.support == "unit-interval":
            low, high = _scaled_ends(data, scale)
            if low < 0.0 or high > 1.0:
                guard = (*_RANGES[config.support], SLACK)
        if config.support in ("positive", "open-unit-interval"):
            _check_open_range(data, scale, config)
        if config.support == "counts":
            _check_counts(data, scale, config)
    X = data.X
    if sparse.issparse(X):
        return Rows.csr(X.data, X.indices, X.indptr, X.shape[1], guard, data.holes)
    return Rows(X, guard, data.holes)


def rows_as_they_are(X: Any, units: Units, config: Config) -> Rows | None:
    """Return rows of an array without a check of its values, for a caller that reads them once.

    The core checks the values while it reads them, on all its threads. For a bad value it raises an
    OutOfRangeError. The caller then runs `check_data` and `as_rows`, which say what is wrong. The
    result is None if X is not a plain array, if the model takes counts, or if columns differ in
    their likelihood.
    """
    if not (
        config.support != "counts"
        and not units.places
        and type(X) is np.ndarray
        and X.ndim == 2
        and X.dtype in _READ_IN_PLACE
        and X.shape[0] > 0
        and X.shape[1] == units.n_features
        and X.flags.aligned
    ):
        return None
    slack = SLACK if config.support == "unit-interval" else 0.0
    return Rows(X, (*_RANGES[config.support], slack))


def _check_range(data: Data, scale: float, config: Config) -> None:
    low, high = data.low, data.high
    got = f"X: got values from {low!r} to {high!r}"
    if max(-low, high) * max(scale, 1.0) > _FLOAT32_MAX:
        raise ValueError(f"{got}, want values (times scale {scale:g}) in float32's range")
    if config.support == "unit-interval" and not in_unit_interval(data, scale):
        dynamic = config.as_dict()["binarize"] == "dynamic"
        what = "binarize='dynamic'" if dynamic else "the Bernoulli likelihood"
        raise ValueError(
            f"{got}, {what} wants values (times scale {scale:g}) in [0, 1]; rescale X, or "
            f"use binarize='threshold' or likelihood='gaussian'"
        )


def _check_standardised(data: Data, units: Units) -> None:
    """Raise a ValueError if a value is out of float32's range in the model's units."""
    ends = np.array([[data.low], [data.high]])
    with np.errstate(over="ignore", invalid="ignore"):
        if np.abs((ends - units.location) * units.scale).max() <= _FLOAT32_MAX:
            return  # even if every column had the whole range
        m = column_moments(data.X)
        scaled = np.abs((np.stack([m.low, m.high]) - units.location) * units.scale)
    if not (scaled <= _FLOAT32_MAX).all():
        column = int((~(scaled <= _FLOAT32_MAX)).any(axis=0).argmax())
        raise ValueError(
            f"X: {data.name_of(column)} has values from {m.low[column]:g} to {m.high[column]:g}, "
            f"which are out of float32's range in units of its spread in fit, "
            f"{1 / units.scale[column]:g}; want values nearer to those"
        )


def _check_open_range(data: Data, scale: float, config: Config) -> None:
    """Raise a ValueError if a value, times the scale, is not inside of an open interval."""
    low, high = _scaled_ends(data, scale)
    least, most = _RANGES[config.support]
    if not (least <= low and high <= most):
        raise ValueError(
            f"X: got values from {data.low!r} to {data.high!r}, likelihood="
            f"{config.as_dict()['likelihood']!r} wants {_WANTED[config.support]} (values times "
            f"scale {scale:g}); change X, or choose another likelihood for these columns"
        )


def _check_columns(data: Data, families: Sequence[str]) -> None:
    """Raise a ValueError if a column has a value that its likelihood does not accept."""
    supports = [SUPPORTS[family] for family in families]
    if all(support in ("real", "levels") for support in supports):
        return
    lows, highs = column_ranges(data.X)
    for j, support in enumerate(supports):
        if support in ("real", "levels") or np.isnan(lows[j]):
            continue
        slack = SLACK if support == "unit-interval" else 0.0
        least, most = _RANGES[support]
        wrong = lows[j] if lows[j] < least - slack else highs[j]
        fits = least - slack <= lows[j] and highs[j] <= most + slack
        if fits and support == "counts":
            values = data.X[:, [j]].data if sparse.issparse(data.X) else data.X[:, j]
            broken = values[(values != np.rint(values)) & ~np.isnan(values)]
            fits, wrong = broken.size == 0, broken[0] if broken.size else wrong
        if not fits:
            raise ValueError(
                f"X: {data.name_of(j)} has the value {wrong:g}, its likelihood {families[j]!r} "
                f"wants {_WANTED[support]}; change X, or choose another likelihood for the column"
            )


def _check_counts(data: Data, scale: float, config: Config) -> None:
    """Raise a ValueError if a value, times the scale, is not a count."""
    values = data.X.data if sparse.issparse(data.X) else data.X
    factor = np.float32(scale)
    for block in blocks_of(values):
        scaled = block.astype(np.float32) * factor  # as the core reads them
        wrong = (scaled < 0) | (scaled != np.rint(scaled)) & ~np.isnan(scaled)
        if wrong.any():
            raise ValueError(
                f"X: got the value {block[wrong][0]:g}, likelihood="
                f"{config.as_dict()['likelihood']!r} wants integers >= 0 (values times "
                f"scale {scale:g}); change X or scale, or use likelihood='gaussian'"
            )
