"""log p(x|z) = sum_i x_i a_i - e^a_i - log x_i!, for counts x and the logarithms a of rates."""

from __future__ import annotations

import numpy as np
from oracle import U, gamma
from scipy.special import gammaln

OUTPUTS = ("log_rate",)


def log_p(outputs, x):
    (a,) = outputs
    return (x * a - np.exp(a) - gammaln(x + 1)).sum(1), [x - np.exp(a)]


def terms(outputs, x):
    (a,) = outputs
    return (np.abs(x * a) + np.exp(a) + gammaln(x + 1)).sum(1)


def error(outputs, x):
    """First-order float32 error of log_p's results.

    e^a is within 2 ulp <= 4 u. log x! is 0 for x of 0 and 1. For others its absolute error is at
    most 4 ulp of 10 or of its value, whichever is larger: 8 u max(10, log x!).
    """
    (a,) = outputs
    rate = np.exp(a)
    dlog_factorial = np.where(x > 1, 8 * U * np.maximum(10, gammaln(x + 1)), 0)
    r = gamma(a.shape[1] + 5) * terms(outputs, x) + (4 * U * rate + dlog_factorial).sum(1)
    return r, [4 * U * rate + U * np.abs(x - rate)]


def mean(outputs):
    return np.exp(outputs[0])


def variance(outputs):
    return np.exp(outputs[0])


def grid(outputs):
    """All counts up to more than 20 standard deviations above the mean."""
    rate = float(mean(outputs)[0, 0])
    return np.arange(np.ceil(rate + 20 * np.sqrt(rate) + 40))[:, None], 1.0


def examples(rng, n, d):
    """Draws for rates from 0.01 to 1000."""
    a = rng.uniform(np.log(0.01), np.log(1000), size=(n, d)).astype(np.float32)
    return [a], rng.poisson(np.exp(np.float64(a))).astype(np.float32)


def extremes():
    """All pairs of a log-rate and a count, one to a row, and all log-rates in one row."""
    a = np.float32([-100, -88, -87, -20, -1e-3, -1e-30, 0, 1e-6, 1, 7, 10, 16.7, 20])
    counts = np.float32([0, 1, 2, 3, 4, 10, 20, 100, 1e3, 65_537, 1e6])
    pairs_a, pairs_x = (pair.reshape(-1, 1) for pair in np.meshgrid(a, counts))
    rows = np.repeat(a[None], len(counts), axis=0)
    return [([pairs_a], pairs_x), ([rows], np.repeat(counts[:, None], len(a), axis=1))]
