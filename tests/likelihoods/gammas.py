"""What the twins that are made of gamma functions share, with float32 errors (u = 2^-24)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from oracle import U
from scipy.special import gammaln, polygamma, psi


class Positive(NamedTuple):
    """A positive number with the absolute error of its logarithm and its own relative error."""

    log: np.ndarray
    dlog: np.ndarray
    value: np.ndarray
    error: np.ndarray


def bent(raw, low, high):
    """An output, which bends beyond [low, high] by at most 1, its slope, and the value's error.

    The distance t beyond has one rounding. t / (1 + t) is computed from 1 / (1 + t), and has a few
    roundings of 1. The ends and the sum have four roundings of the value.
    """
    above, below = np.maximum(raw - high, 0), np.maximum(low - raw, 0)
    value = np.clip(raw, low, high) + above / (1 + above) - below / (1 + below)
    return value, 1 / ((1 + above) * (1 + below)) ** 2, U * (10 + 4 * np.abs(value))


SLOPE_ERROR = 15 * U  # of bent's slope, relative: four factors with three roundings each


def shape(raw):
    """A shape between 1e-3 and 1e4, and the slope of its logarithm."""
    log, slope, dlog = bent(raw, -5.9, 8.2)
    return Positive(log, dlog, np.exp(log), dlog + 4 * U), slope


def stirling_gap(a):
    """a log a - a - log Gamma(a), and its error. The engine uses Stirling's series from 3.5 on."""
    value, log_gamma = a.value, gammaln(a.value)
    gap = value * a.log - value - log_gamma
    direct = value * (a.dlog + 2 * U * (np.abs(a.log) + 1)) + 9 * U * np.abs(log_gamma)
    series = 0.5 * a.dlog + 4 * U * (0.5 * np.abs(a.log) + 1)
    moved = value * (a.log - psi(value)) * a.error
    return gap, np.where(value < 3.5, direct, series) + moved + U * np.abs(gap)


def digamma_gap(a):
    """log a - digamma(a), and its error. The engine uses a series from 5 on."""
    value = a.value
    gap = a.log - psi(value)
    direct = a.dlog + 10 * U * np.maximum(np.abs(psi(value)), 1) + U * np.abs(a.log)
    moved = (1 + value * polygamma(1, value)) * a.error
    near = np.where(value > 100, 1 / value, 1)  # there the sum of both derivatives is below this
    return gap, np.where(value < 5, direct + moved, 8 * U * gap + near * a.error)
