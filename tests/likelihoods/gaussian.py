"""Appendix C.2: a Gaussian. Its log-variance has a smooth floor.

`density` and `density_error` also serve the likelihood whose mean is a function of the output.
"""

from __future__ import annotations

import math

import numpy as np
from oracle import U, gamma, sigmoid, softplus

OUTPUTS = ("mean", "log_var")
FLOOR = -10.0  # of the log-variance


def floored(raw):
    """The log-variance. It equals raw + softplus(FLOOR - raw)."""
    return FLOOR + softplus(raw - FLOOR)


def density(m, slope, raw, x):
    """log p(x|z) and its gradients. `slope` is the derivative of m by the output."""
    v = floored(raw)
    square = (x - m) ** 2 * np.exp(-v)
    r = -0.5 * (math.log(2 * math.pi) + v + square).sum(1)
    return r, [(x - m) * np.exp(-v) * slope, 0.5 * (square - 1) * sigmoid(raw - FLOOR)]


def density_terms(m, raw, x):
    v = floored(raw)
    return 0.5 * (math.log(2 * math.pi) + np.abs(v) + (x - m) ** 2 * np.exp(-v)).sum(1)


def density_error(m, dm, slope, raw, x):
    """First-order float32 error of density's results, where m has the error dm.

    The floored log-variance v is a sum of terms no larger than |raw|, |FLOOR| and |v|, with ten
    roundings of those. Its absolute error dv is a relative error of exp(-v).
    """
    v = floored(raw)
    dv = 10 * U * (np.abs(raw) + abs(FLOOR) + np.abs(v))
    precision, s = np.exp(-v), sigmoid(raw - FLOOR)
    diff = np.abs(x - m)
    ddiff = dm + U * diff
    square = diff**2 * precision
    dsquare = 2 * diff * precision * ddiff + square * (dv + 8 * U)
    r = gamma(x.shape[1] + 3) * density_terms(m, raw, x) + 0.5 * (dv + dsquare).sum(1)
    dmean = precision * slope * ddiff + diff * precision * (slope * (dv + 10 * U) + 2 * dm)
    ds = 10 * U + U * np.abs(raw - FLOOR) * s * (1 - s)
    dlog_var = 0.5 * (dsquare + 2 * U * (square + 1)) * s + 0.5 * np.abs(square - 1) * ds
    return r, [dmean, dlog_var]


def log_p(outputs, x):
    return density(outputs[0], 1.0, outputs[1], x)


def terms(outputs, x):
    return density_terms(*outputs, x)


def error(outputs, x):
    return density_error(outputs[0], 0.0, 1.0, outputs[1], x)


def mean(outputs):
    return outputs[0]


def variance(outputs):
    return np.exp(floored(outputs[1]))


def even_grid(m, v):
    """Points up to 12 standard deviations from the mean: sums over them are exact to rounding."""
    x = m + np.sqrt(v) * np.linspace(-12, 12, 2001)[:, None]
    return x, x[1, 0] - x[0, 0]


def grid(outputs):
    return even_grid(mean(outputs), variance(outputs))


def examples(rng, n, d):
    """The log-variances of odd rows are near the floor."""
    m, raw = rng.normal(scale=2, size=(2, n, d)).astype(np.float32)
    raw[1::2] += np.float32(FLOOR)
    return [m, raw], rng.normal(size=(n, d)).astype(np.float32)


def extremes():
    """Log-variances far from the floor and means far from x, one per row."""
    raw = np.float32([-1e3, -100, -50, -20, FLOOR, -5, -1, 0, 1, 5, 20, 50, 80, 100, 1e3])[:, None]
    m = np.float32([-1e4, -100, -88, -40, -17, 0, 17, 40, 88, 100, 1e4])[:, None]
    near = np.linspace(-3, 3, len(raw), dtype=np.float32)[:, None]
    outputs = [[near, raw], [m, np.zeros_like(m)]]
    return [(own, np.full_like(own[0], x)) for own in outputs for x in (0.0, 0.5, 1.0)]
