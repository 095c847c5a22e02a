"""A Gaussian of log x, for x > 0: its density of log x, divided by x."""

from __future__ import annotations

import numpy as np
from oracle import U, gamma

from likelihoods import gaussian
from likelihoods.gaussian import FLOOR, floored

OUTPUTS = gaussian.OUTPUTS


def log_p(outputs, x):
    r, gradients = gaussian.log_p(outputs, np.log(x))
    return r - np.log(x).sum(1), gradients


def terms(outputs, x):
    return gaussian.terms(outputs, np.log(x)) + np.abs(np.log(x)).sum(1)


def error(outputs, x):
    """The Gaussian's error, where log x has one of 8 u, as if the mean had it."""
    log_x = np.log(x)
    dlog = 8 * U * np.abs(log_x)
    r, gradients = gaussian.density_error(outputs[0], dlog, 1.0, outputs[1], log_x)
    size = np.abs(log_x).sum(1)
    return r + dlog.sum(1) + gamma(2 * x.shape[1] + 3) * (terms(outputs, x) + size), gradients


def mean(outputs):
    return np.exp(outputs[0] + np.exp(floored(outputs[1])) / 2)


def variance(outputs):
    return mean(outputs) ** 2 * np.expm1(np.exp(floored(outputs[1])))


def grid(outputs):
    """Points up to 20 standard deviations of log x away."""
    log_x, step = gaussian.even_grid(outputs[0], np.exp(floored(outputs[1])) * (20 / 12) ** 2)
    return np.exp(log_x), np.exp(log_x[:, 0]) * step


def examples(rng, n, d):
    """The log-variances of even rows are near the floor."""
    m, raw = rng.normal(scale=[[[2]], [[0.7]]], size=(2, n, d)).astype(np.float32)
    raw[::2] += np.float32(FLOOR)
    return [m, raw], np.exp(rng.normal(size=(n, d))).astype(np.float32)


def extremes():
    """The Gaussian's, for x from the smallest to the largest normal number."""
    x = np.float32([2.0**-126, 1e-30, 0.5, 1, 1e4, 3e38])
    return [(outputs, np.full_like(outputs[0], v)) for outputs, _ in gaussian.extremes() for v in x]
