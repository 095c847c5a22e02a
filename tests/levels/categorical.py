"""log p(x|z) = a_x - log sum_k e^a_k, for the logits a of the levels."""

from __future__ import annotations

import numpy as np
from oracle import U
from scipy.special import logsumexp, softmax

OUTPUTS = ("logits",)
N_CONSTANT = 0
LEAST_LEVELS = 1


def widths(n_levels):
    return (n_levels,)


def log_p(outputs, x):
    (a,) = outputs
    gradient = -softmax(a, axis=1)
    gradient[np.arange(len(x)), x] += 1
    return a[np.arange(len(x)), x] - logsumexp(a, axis=1), [gradient]


def error(outputs, x):
    """First-order float32 error of log_p's results.

    a - max a has a relative error of u, which is an absolute error of its exponential's exponent.
    exp is within 4 u, a sum of K terms within K u, and log within 8 u. The gradient's probability
    has these errors and a division; for two equal numbers near 1 it cancels.
    """
    (a,) = outputs
    n_levels = a.shape[1]
    largest = np.abs(a).max(1, keepdims=True)
    p = softmax(a, axis=1)
    dshift = U * (np.abs(a - a.max(1, keepdims=True)) * p).sum(1, keepdims=True)
    dsum = (4 + n_levels) * U + dshift
    log_sum = np.abs(logsumexp(a, axis=1, keepdims=True) - a.max(1, keepdims=True))
    r = (n_levels + 4) * U * largest + dsum + 10 * U * (log_sum + largest)
    dp = p * (dsum + (8 + np.abs(a - a.max(1, keepdims=True))) * U) + U
    return r[:, 0], [dp]


def probabilities(outputs):
    return softmax(outputs[0], axis=1)


def examples(rng, n, n_levels):
    a = rng.normal(scale=2, size=(n, n_levels)).astype(np.float32)
    return [a], rng.integers(n_levels, size=n)


def extremes(n_levels):
    """Every pair of a highest logit and a level: far apart, far below, and all equal."""
    cases = []
    for a in (-1e4, -100, -88, 0, 17, 88, 100, 1e4):
        rows = np.zeros((n_levels**2, n_levels), np.float32)
        rows[np.arange(n_levels**2), np.repeat(np.arange(n_levels), n_levels)] = a
        cases.append(([rows], np.tile(np.arange(n_levels), n_levels)))
    same = np.full((n_levels, n_levels), np.float32(1e30))
    return [*cases, ([same], np.arange(n_levels))]


def start(shares):
    return [np.log(shares)[None]]
