"""log p(x|z) of a negative binomial with the log mean a and the log dispersion b, for counts.

With alpha = e^b, Gamma(x + 1/alpha) / Gamma(1/alpha) = alpha^-x prod_{k < x} (1 + alpha k). So
log p = sum_{k < x} log(1 + alpha k) + x a - (x + 1/alpha) log(1 + alpha mu) - log x!, the sum over
columns. `count_terms` and `count_error` also serve the likelihood with more zeros.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from oracle import TINY, U, gamma, sigmoid, softplus
from scipy.special import gammaln

OUTPUTS = ("log_mean", "log_dispersion")
N_CONSTANT = 1
RANGE = (-40.0, 20.0)  # of the log dispersion


class Sizes(NamedTuple):
    """What log p is made of, for each value of x."""

    alpha: np.ndarray
    log_denominator: np.ndarray  # log(1 + alpha mu)
    shrunk: np.ndarray  # mu / (1 + alpha mu)
    slope: np.ndarray  # (x - mu) / (1 + alpha mu), the derivative by a


def sizes(a, b, x):
    b = np.clip(b, *RANGE)
    log_denominator = softplus(a + b)
    shrunk = np.exp(a - log_denominator)
    return Sizes(np.exp(b), log_denominator, shrunk, x * np.exp(-log_denominator) - shrunk)


def rising(alpha, x):
    """The sums over k < x of log(1 + alpha k) and of alpha k / (1 + alpha k)."""
    log_sum, sum_ = np.zeros(x.shape), np.zeros(x.shape)
    values, index = np.unique(alpha, return_inverse=True)
    order = np.argsort(index, axis=None)
    groups = np.split(order, np.searchsorted(index.ravel()[order], np.arange(1, len(values))))
    for value, group in zip(values, groups, strict=True):
        counts = x.flat[group].astype(int)
        k = value * np.arange(max(counts.max(), 1), dtype=np.longdouble)
        log_sum.flat[group] = np.append(0, np.cumsum(np.log1p(k)))[counts]
        sum_.flat[group] = np.append(0, np.cumsum(k / (1 + k)))[counts]
    return log_sum, sum_


def bend(c):
    """log(1 + y) - y / (1 + y) for y = e^c: by its power series where the two are close."""
    y = np.exp(np.minimum(c, -4.0))
    series = sum((-1) ** j * (j - 1) / j * y**j for j in range(2, 16))
    return np.where(c < -4, series, softplus(c) - sigmoid(c))


def count_terms(a, b, x):
    """log p(x|z) of each value, its derivatives by a and b, and the sum of its absolute terms."""
    s, b = sizes(a, b, x), np.clip(b, *RANGE)
    log_rising, sum_rising = rising(s.alpha, x)
    power = (x + 1 / s.alpha) * s.log_denominator
    r = log_rising + x * a - power - gammaln(x + 1)
    of_b = sum_rising + bend(a + b) / s.alpha - s.alpha * x * s.shrunk
    return r, [s.slope, of_b], log_rising + np.abs(x * a) + power + gammaln(x + 1)


def deviance(d, log_ratio, size):
    """size * (d - log(1 + d))."""
    series = d**2 * (1 / 2 - d / 3 + d**2 / 4 - d**3 / 5)
    return size * np.where(np.abs(d) < 0.02, series, d - log_ratio)


def deviance_error(d, log_ratio, size, dd, dlog):
    """The error of a deviance, where size * d has the error dd and log(1 + d) the error dlog.

    Near d = 0, where it is a polynomial times d^2, only d's error counts; its derivative is d / (1
    + d). Factors of size, the polynomial and the products have 16 roundings.
    """
    near = (d > -0.28) & (d < 0.4)
    through = np.where(near, np.abs(d) / (1 + np.where(near, d, 0)), 1)
    return through * dd + ~near * size * dlog + 16 * U * deviance(d, log_ratio, size)


def count_error(a, b, x):
    """First-order float32 error of log p(x|z) of each value and of its derivatives.

    exp is within 4 u, so that 1 / (1 + alpha mu) is within 12 u and its product q with mu within 7
    u (from 1 / (alpha + 1 / mu)). The slope e = (x - mu) / (1 + alpha mu) has 4 u of mu and 14
    roundings of its own. The counts 0 and 1 take -q in its place. Two deviances follow, of size r =
    1 / alpha and x: the ratios in their logarithms are within 20 u and 14 u. Logarithms have 8 u of
    their own. Where they are sums (alpha mu above e^80, or a below -40), these are rounded too.

    From two on, Stirling's terms are the logarithm of a spread (within 6 u), the errors of x, r and
    x + r, each below 0.1 and within 10 u, and for r < 1 (r + 1/2) log(1 + alpha) - 1.
    """
    s, b = sizes(a, b, x), np.clip(b, *RANGE)
    r, several, e = 1 / s.alpha, x > 1, np.abs(s.slope)
    de = 4 * U * s.shrunk + 16 * U * e
    start = np.where(several, s.slope, -s.shrunk)
    grown = 1 + s.alpha * x
    log_t = np.where(several, np.log(grown), 0) - s.log_denominator
    dlog = 20 * U + 9 * U * np.abs(log_t) + (a + b > 79) * 4 * U * (np.abs(a) + np.abs(b) + 80)
    dstart = 4 * U * s.shrunk + 24 * U * np.abs(start)
    excess = deviance(s.alpha * start, log_t, r)
    dexcess = deviance_error(s.alpha * start, log_t, r, dstart, dlog)

    at_least_2 = np.maximum(x, 2)
    log_v = a - s.log_denominator + np.where(several, np.log(s.alpha + 1 / at_least_2), 0)
    dlog_v = 14 * U + 9 * U * np.abs(log_v) + (a < -39) * 12 * U * np.abs(a)
    ratio = -s.slope / at_least_2
    fit = np.where(several, deviance(ratio, log_v, x), s.shrunk + np.abs(x * log_v))
    dfit = np.where(several, deviance_error(ratio, log_v, x, de, dlog_v), de + x * dlog_v)

    log_spread = np.abs(np.log(2 * np.pi * at_least_2 * grown) / 2)
    of_small = np.where(r < 1, np.log1p(s.alpha), 0)
    stirling = several * (log_spread + 2 * of_small + 1)
    dstirling = several * U * (24 + 9 * log_spread + 21 * of_small)
    dr = dfit + dexcess + dstirling + 4 * U * (fit + excess + stirling)

    share = s.alpha * x / grown  # half of it is the derivative of the spread
    slopes = 7 * share + 2 * r / np.maximum(r, 1) ** 2 + (r < 1) * (14 * r * of_small + 12)
    db = dexcess + U * np.where(several, slopes, 16 * s.alpha * x * s.shrunk)
    db += np.where(several, 0, TINY * s.alpha * x)  # q below the smallest normal number may be 0
    db += 4 * U * (excess + np.where(several, share + (r < 1), s.alpha * x * s.shrunk))
    return dr, [de, db]


def log_p(outputs, x):
    r, gradients, _ = count_terms(*outputs, x)
    return r.sum(1), gradients


def terms(outputs, x):
    return count_terms(*outputs, x)[2].sum(1)


def error(outputs, x):
    dr, errors = count_error(*outputs, x)
    r = count_terms(*outputs, x)[0]
    return (dr + gamma(x.shape[1] + 3) * np.abs(r)).sum(1), errors


def mean(outputs):
    return np.exp(outputs[0])


def variance(outputs):
    mu = mean(outputs)
    return mu + np.exp(np.clip(outputs[1], *RANGE)) * mu**2


def counts_up_to(mu, variance, alpha):
    """All counts up to where less than e^-60 is left: the tail falls as e^(-x / (1 + alpha mu))."""
    return np.arange(np.ceil(mu + 20 * np.sqrt(variance) + 60 * (1 + alpha * mu)))[:, None], 1.0


def grid(outputs):
    mu, alpha = float(mean(outputs)[0, 0]), float(np.exp(outputs[1])[0, 0])
    return counts_up_to(mu, float(variance(outputs)[0, 0]), alpha)


def draws(rng, a, b):
    rate = np.exp(np.float64(a)) * rng.gamma(np.exp(-np.float64(b)), np.exp(np.float64(b)))
    return rng.poisson(rate).astype(np.float32)


def examples(rng, n, d):
    """Draws for means from 0.1 to 300 and dispersions from 0.02 to 2.7."""
    a = rng.uniform(np.log(0.1), np.log(300), size=(n, d)).astype(np.float32)
    b = rng.uniform(-4, 1, size=(n, d)).astype(np.float32)
    return [a, b], draws(rng, a, b)


def combinations(*values):
    """All combinations of values, one to a row, and all of the first values in one row."""
    values = [np.float32(v) for v in values]
    grid = np.stack(np.meshgrid(*values, indexing="ij"))
    return [grid.reshape(len(values), -1, 1), grid.reshape(len(values), len(values[0]), -1)]


LOG_MEANS = [-1e3, -100, -88, -87, -41, -39, -20, -1e-3, 0, 1e-6, 1, 2.3, 7, 10, 16.7, 20]
COUNTS = [0, 1, 2, 3, 4, 10, 20, 100, 1e3, 65_537]


def extremes():
    """Means from 0 to far beyond the range, and dispersions from Poisson's to beyond any.

    With 1e6 counts, the ratio of mean and count is close to 1 or far from it. The largest means are
    for dispersions that leave log p finite.
    """
    dispersions = [-1e3, -41, -39, -20, -10, -5, -1, -1e-3, 0, 1, 3, 10, 19, 21, 1e3]
    ordinary = combinations(LOG_MEANS, dispersions, COUNTS)
    large = combinations([13.5, 13.8155, 14, 60, 79, 88], [-30, -10, -3, 0, 3], [1, 999_999, 1e6])
    huge = combinations([60, 75, 79, 81, 88, 89, 104, 1e3, 1e10], [-1, 0, 5, 19], [0, 1, 2, 30])
    return [([a, b], x) for a, b, x in (*ordinary, *large, *huge)]
