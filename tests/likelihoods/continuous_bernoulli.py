"""The density e^(x a) a / (e^a - 1) of x in [0, 1], for logits a."""

from __future__ import annotations

import numpy as np
from oracle import U, gamma

from likelihoods import bernoulli

OUTPUTS = ("logits",)
examples = bernoulli.examples
NEAR = 1e-3  # where float64 needs the series in a


def log_constant(a):
    """log(|a| / (1 - e^-|a|))"""
    t = np.abs(a)
    safe = np.where(t < NEAR, 1.0, t)
    return np.where(t < NEAR, t / 2 - t**2 / 24, np.log(safe / -np.expm1(-safe)))


def log_p(outputs, x):
    (a,) = outputs
    return (x * a - np.maximum(a, 0) + log_constant(a)).sum(1), [x - mean(outputs)]


def terms(outputs, x):
    (a,) = outputs
    return (np.abs(x * a) + np.maximum(a, 0) + log_constant(a)).sum(1)


def error(outputs, x):
    """First-order float32 error of log_p's results.

    The argument of the logarithm has an error of 6 u, and the logarithm one of 8 u. For |a| < 1 the
    mean is a series with four roundings of at most 1. Elsewhere it is the difference of 1 / |a|
    and 1 / (e^|a| - 1), within 3 u and 10 u.
    """
    (a,) = outputs
    t = np.maximum(np.abs(a), 1.0)
    dmean = np.where(np.abs(a) < 1, 4 * U, 3 * U / t - 10 * U * np.exp(-t) / np.expm1(-t))
    dmean = dmean + U * (mean(outputs) + (a > 0))
    r = gamma(x.shape[1] + 4) * terms(outputs, x) + (6 * U + 8 * U * log_constant(a)).sum(1)
    return r, [dmean + U * np.abs(x - mean(outputs))]


def mean(outputs):
    (a,) = outputs
    t = np.maximum(np.abs(a), NEAR)
    below = np.where(t > NEAR, 1 / t + np.exp(-t) / np.expm1(-t), 0.5 - np.abs(a) / 12)
    return np.where(a > 0, 1 - below, below)


def variance(outputs):
    t = np.abs(outputs[0])
    safe = np.maximum(t, 0.01)
    return np.where(
        t < 0.01, 1 / 12 - t**2 / 240, 1 / safe**2 - np.exp(-safe) / np.expm1(-safe) ** 2
    )


def grid(outputs):
    """Gauss's rule, for exponentials of x exact to rounding."""
    nodes, weights = np.polynomial.legendre.leggauss(200)
    return (nodes[:, None] + 1) / 2, weights / 2


def extremes():
    """The Bernoulli's logits, and some about the ends of the series."""
    cases = bernoulli.extremes()
    near = np.float32([1e-8, 9e-5, 1.1e-4, 1e-3, 0.1, 0.9, 0.99999, 1, 1.001, 1.5, 3])
    for x in (0.0, 0.25, 0.5, 1.0):
        a = np.concatenate([near, -near])[:, None]
        cases.append(([a], np.full_like(a, x)))
    return cases
