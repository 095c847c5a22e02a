"""Poisson counts that are also 0 with the probability pi, the sigmoid of a logit.

p(0|z) = pi + (1 - pi) p0(0|z), and p(x|z) = (1 - pi) p0(x|z) for x > 0. `inflate` and
`inflation_error` also serve another distribution p0.
"""

from __future__ import annotations

import numpy as np
from oracle import TINY, U, gamma, sigmoid, softplus
from scipy.special import gammaln

from likelihoods.negative_binomial import COUNTS, combinations

OUTPUTS = ("log_rate", "zero_logit")
ZERO_LOGITS = [-1e3, -100, -60, -20, -3, -1e-3, 0, 1, 10, 30, 90, 1e3]


def mixed(logit, log_p0):
    """The probability that a 0 is structural, and A in p(0|z) = 1 - A."""
    return sigmoid(logit - log_p0), -sigmoid(-logit) * np.expm1(log_p0)


def inflate(x, logit, log_p0, slopes):
    """log p(x|z) of each value, and its derivatives by the logit and by what slopes are for."""
    structural, a = mixed(logit, log_p0)
    with np.errstate(divide="ignore"):
        log_zero = np.where(a < 0.5, np.log1p(-a), np.logaddexp(logit, log_p0) - softplus(logit))
    r = np.where(x == 0, log_zero, log_p0 - softplus(logit))
    of_logit = np.where(x == 0, structural * a, -sigmoid(logit))
    share = np.where(x == 0, sigmoid(log_p0 - logit), 1)
    return r, of_logit, [share * slope for slope in slopes]


def inflation_error(x, logit, log_p0, slopes, dlog_p0, dslopes):
    """First-order float32 error of `inflate`'s results, where log_p0 and its slopes have errors.

    sigmoid, softplus and log1p are within 8 u, expm1 within 4 u, and so A within 13 u. The
    difference logit - log_p0 is rounded once. A sigmoid below the smallest normal number is 0.
    """
    structural, a = mixed(logit, log_p0)
    share = sigmoid(log_p0 - logit)
    ddifference = dlog_p0 + U * np.abs(logit - log_p0)
    da = 13 * U * a + sigmoid(-logit) * np.exp(log_p0) * dlog_p0
    of_log1p = da / np.maximum(1 - a, 0.5) + 8 * U * np.abs(np.log1p(-np.minimum(a, 0.51)))
    joined = np.abs(np.logaddexp(logit, log_p0))
    of_sum = share * dlog_p0 + 9 * U + 10 * U * softplus(logit) + 4 * U * joined
    dzero = np.where(a < 0.49, of_log1p, np.where(a > 0.51, of_sum, np.maximum(of_log1p, of_sum)))
    dr = np.where(x == 0, dzero, dlog_p0 + 10 * U * softplus(logit) + U * np.abs(log_p0))
    dzero = structural * (da + a * (9 * U + share * ddifference))
    dl = np.where(x == 0, dzero, 8 * U * sigmoid(logit))
    dshare = np.where(x == 0, share * (9 * U + structural * ddifference) + TINY, 0)
    share = np.where(x == 0, share, 1)
    pairs = zip(slopes, dslopes, strict=True)
    return dr, dl, [share * (d + U * np.abs(g)) + dshare * np.abs(g) for g, d in pairs]


def rate_of(a):
    """The rate. It is held below infinity."""
    return np.exp(np.minimum(a, 88))


def poisson(a, x):
    """log p0(x|z) of each value, its derivative, and both errors as in likelihoods.poisson."""
    rate = rate_of(a)
    slope = x - rate
    dlog_factorial = np.where(x > 1, 8 * U * np.maximum(10, gammaln(x + 1)), 0)
    terms = np.abs(x * a) + rate + gammaln(x + 1)
    error = 3 * U * terms + 4 * U * rate + dlog_factorial
    return x * a - rate - gammaln(x + 1), slope, error, 4 * U * rate + 2 * U * np.abs(slope)


def log_p(outputs, x):
    a, logit = outputs
    log_p0, slope, _, _ = poisson(a, x)
    r, of_logit, (of_a,) = inflate(x, logit, log_p0, [slope])
    return r.sum(1), [of_a, of_logit]


def terms(outputs, x):
    a, logit = outputs
    return (np.abs(x * a) + rate_of(a) + gammaln(x + 1) + np.abs(logit) + softplus(logit)).sum(1)


def error(outputs, x):
    a, logit = outputs
    log_p0, slope, dlog_p0, dslope = poisson(a, x)
    r = inflate(x, logit, log_p0, [slope])[0]
    dr, dl, (da,) = inflation_error(x, logit, log_p0, [slope], dlog_p0, [dslope])
    return (dr + gamma(x.shape[1] + 3) * np.abs(r)).sum(1), [da, dl]


def mean(outputs):
    return sigmoid(-outputs[1]) * np.exp(outputs[0])


def variance(outputs):
    rate, m = np.exp(outputs[0]), mean(outputs)
    return m * (1 + rate - m)


def grid(outputs):
    """All counts up to more than 20 standard deviations above the mean of p0."""
    rate = float(np.exp(outputs[0])[0, 0])
    return np.arange(np.ceil(rate + 20 * np.sqrt(rate) + 40))[:, None], 1.0


def zero_logits(rng, n, d):
    return rng.uniform(-4, 3, size=(n, d)).astype(np.float32)


def with_zeros(rng, logit, x):
    return np.where(rng.random(x.shape) < sigmoid(logit), np.float32(0), x)


def examples(rng, n, d):
    """Draws for rates from 0.1 to 300 and zeros with a probability from 0.02 to 0.95."""
    a = rng.uniform(np.log(0.1), np.log(300), size=(n, d)).astype(np.float32)
    logit = zero_logits(rng, n, d)
    return [a, logit], with_zeros(rng, logit, rng.poisson(np.exp(np.float64(a))).astype(np.float32))


def extremes():
    """Rates from 0 to far beyond the range, certain zeros and none."""
    a = [-1e3, -100, -88, -87, -20, -1e-3, -1e-30, 0, 1, 4, 7, 10, 16.7, 20]
    ordinary = combinations(a, ZERO_LOGITS, [*COUNTS, 1e6])
    huge = combinations([60, 80, 88, 89, 1e3, 1e10], ZERO_LOGITS, [0])[:1]
    return [([a, logit], x) for a, logit, x in (*ordinary, *huge)]
