"""The gamma distribution with the logarithms of its mean and of its shape a, for x > 0.

log p(x|z) = sum_i a log(a / mean) - log Gamma(a) + (a - 1) log x - a x / mean.
"""

from __future__ import annotations

import numpy as np
import oracle
from oracle import U

from likelihoods.gammas import SLOPE_ERROR, digamma_gap, shape, stirling_gap

OUTPUTS = ("log_mean", "log_shape")
MOST = 60.0  # what the engine takes for a larger log(x / mean)


def excess(outputs, x):
    """D = log(x / mean), and e^d - 1 - d."""
    d = np.minimum(np.log(x) - outputs[0], MOST)
    small = d**2 * (0.5 + d / 6 * (1 + d / 4 * (1 + d / 5 * (1 + d / 6))))
    return d, np.where(np.abs(d) < 1e-3, small, np.expm1(d) - d)


def log_p(outputs, x):
    a, slope = shape(outputs[1])
    d, e = excess(outputs, x)
    r = (stirling_gap(a)[0] - np.log(x) - a.value * e).sum(1)
    return r, [a.value * np.expm1(d), slope * a.value * (digamma_gap(a)[0] - e)]


def terms(outputs, x):
    a, _ = shape(outputs[1])
    return (np.abs(stirling_gap(a)[0]) + np.abs(np.log(x)) + a.value * excess(outputs, x)[1]).sum(1)


def error(outputs, x):
    """First-order float32 error of log_p's results.

    d has the error of log x, 8 u, and one rounding. For |d| < 1/2, e^d - 1 - d is a series with ten
    roundings. Elsewhere e^d is within 4 u, and the terms of a sum are rounded.
    """
    a, slope = shape(outputs[1])
    d, e = excess(outputs, x)
    dlog = 8 * U * np.abs(np.log(x))
    dd = dlog + U * np.abs(np.log(x) - outputs[0])
    rounding = np.where(np.abs(d) < 0.5, 12 * U * e, 8 * U * (np.exp(d) + 1 + np.abs(d)))
    de = np.abs(np.expm1(d)) * dd + rounding
    (_, dgap), (slope_gap, dslope_gap) = stirling_gap(a), digamma_gap(a)
    own = dgap + dlog + a.value * (de + (a.error + 2 * U) * e)
    r = own.sum(1) + oracle.gamma(x.shape[1] + 5) * terms(outputs, x)
    dmean = a.value * (np.exp(d) * dd + rounding + (a.error + 4 * U) * np.abs(np.expm1(d)))
    inner = dslope_gap + de + 2 * U * (slope_gap + e)
    relative = a.error + SLOPE_ERROR + 3 * U
    dshape = slope * a.value * (inner + relative * np.abs(slope_gap - e))
    return r, [dmean, dshape]


def mean(outputs):
    return np.exp(outputs[0])


def variance(outputs):
    return np.exp(2 * outputs[0]) / shape(outputs[1])[0].value


def grid(outputs):
    """A double exponential rule: x^a falls fast on the left, and e^-x on the right."""
    t = np.linspace(-6.4, 6.5, 20_001)
    x = mean(outputs) * np.exp(t - np.exp(-t))[:, None]
    return x, x[:, 0] * (1 + np.exp(-t)) * (t[1] - t[0])


def examples(rng, n, d):
    """Shapes from 0.1 to 1000."""
    log_mean = rng.normal(size=(n, d))
    log_shape = rng.uniform(np.log(0.1), np.log(1000), size=(n, d))
    x = np.exp(log_mean) * rng.gamma(2, 0.5, size=(n, d))
    return [log_mean.astype(np.float32), log_shape.astype(np.float32)], x.astype(np.float32)


def extremes():
    """Shapes beyond the bends, and all sizes of x and of the mean."""
    raw = np.float32([-1e6, -1e3, -20, -6, -5.9, -3, 0, 1.2, 1.3, 1.6, 5, 8.2, 8.3, 20, 1e3, 1e6])
    log_mean = np.float32([-85, -30, -1, 0, 0.1, 1, 30, 85, 1e4])
    x = np.float32([2.0**-126, 1e-20, 0.5, 1, 1.1, 3, 1e20, 3e38])
    a, m, x = (values.reshape(-1, 1) for values in np.meshgrid(raw, log_mean, x))
    return [([m, a], x)]
