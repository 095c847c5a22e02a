"""Appendix C.1: log p(x|z) = sum_i x_i a_i - softplus(a_i), for logits a."""

from __future__ import annotations

import numpy as np
from oracle import U, gamma, sigmoid, softplus

OUTPUTS = ("logits",)


def log_p(outputs, x):
    (a,) = outputs
    return (x * a - softplus(a)).sum(1), [x - sigmoid(a)]


def terms(outputs, x):
    (a,) = outputs
    return (np.abs(x * a) + softplus(a)).sum(1)


def error(outputs, x):
    """First-order float32 error of log_p's results.

    The engine may multiply the factors 1 + e^-|a| and take one logarithm. Each factor and each
    product has a relative rounding error, so the logarithm is off by up to 2 u a column.
    """
    (a,) = outputs
    d = a.shape[1]
    r = gamma(d + 10) * terms(outputs, x) + 2 * d * U
    return r, [8 * U * sigmoid(a) + U * np.abs(x - sigmoid(a))]


def mean(outputs):
    return sigmoid(outputs[0])


def variance(outputs):
    return sigmoid(outputs[0]) * sigmoid(-outputs[0])


def grid(outputs):
    return np.array([[0.0], [1.0]]), 1.0


def examples(rng, n, d):
    """Even rows are binary, odd rows have values in [0, 1)."""
    x = rng.random((n, d), dtype=np.float32)
    x[::2] = x[::2] < 0.5
    return [rng.normal(scale=5, size=(n, d)).astype(np.float32)], x


def extremes():
    """Logits below and above the limits of exp, one per row, and all in one row."""
    magnitudes = [0, 1e-30, 1e-6, 10, 16.7, 40, 86, 87.5, 88.5, 89, 103, 104, 1e3, 1e6, 1e30]
    cases = []
    for x in (0.0, 0.25, 1.0):
        for sign in (1, -1):
            a = sign * np.float32(magnitudes)
            row = a[None, :-1]  # the largest term would hide the rest
            cases.append(([a[:, None]], np.full((len(a), 1), x, dtype=np.float32)))
            cases.append(([row], np.full_like(row, x)))
    return cases
