"""Laplace's distribution: log p(x|z) = sum_i -log 2 - b_i - |x_i - m_i| e^-b_i.

Its log-scale b has a smooth floor.
"""

from __future__ import annotations

import math

import numpy as np
from oracle import U, gamma, sigmoid, softplus

OUTPUTS = ("location", "log_scale")
FLOOR = -5.0  # of the log-scale


def floored(raw):
    """The log-scale, its slope, and their errors: as the Gaussian's log-variance."""
    b, slope = FLOOR + softplus(raw - FLOOR), sigmoid(raw - FLOOR)
    db = 10 * U * (np.abs(raw) + abs(FLOOR) + np.abs(b))
    return b, slope, db, 10 * U + U * np.abs(raw - FLOOR) * slope * (1 - slope)


def log_p(outputs, x):
    m, raw = outputs
    b, slope, *_ = floored(raw)
    size = np.abs(x - m) * np.exp(-b)
    gradients = [np.sign(x - m) * np.exp(-b), (size - 1) * slope]
    return -(math.log(2) + b + size).sum(1), gradients


def terms(outputs, x):
    b = floored(outputs[1])[0]
    return (math.log(2) + np.abs(b) + np.abs(x - outputs[0]) * np.exp(-b)).sum(1)


def error(outputs, x):
    """First-order float32 error of log_p's results. exp is within 4 u, a product within u."""
    b, slope, db, dslope = floored(outputs[1])
    size = np.abs(x - outputs[0]) * np.exp(-b)
    dsize = size * (db + 6 * U)
    r = gamma(x.shape[1] + 3) * terms(outputs, x) + (db + dsize).sum(1)
    draw = (dsize + 3 * U * (size + 1)) * slope + np.abs(size - 1) * dslope
    return r, [np.exp(-b) * (db + 5 * U), draw]


def mean(outputs):
    return outputs[0]


def variance(outputs):
    return 2 * np.exp(2 * floored(outputs[1])[0])


def grid(outputs):
    """Both sides of the location by a double exponential rule."""
    scale, t = np.exp(floored(outputs[1])[0]), np.linspace(-4.5, 4.5, 2001)
    distance = np.exp(t - np.exp(-t))
    weight = scale[0, 0] * distance * (1 + np.exp(-t)) * (t[1] - t[0])
    x = outputs[0] + scale * np.concatenate([-distance, distance])[:, None]
    return x, np.concatenate([weight, weight])


def examples(rng, n, d):
    """The log-scales of odd rows are near the floor. x is not at the density's corner."""
    m, raw = rng.normal(scale=2, size=(2, n, d)).astype(np.float32)
    raw[1::2] += np.float32(FLOOR)
    distance = rng.choice([-1, 1], (n, d)) * (0.01 + rng.exponential(size=(n, d)))
    return [m, raw], (m + distance).astype(np.float32)


def extremes():
    """Log-scales far from the floor, locations far from x, and x at the corner."""
    raw = np.float32([-1e3, -100, -50, -20, FLOOR, -1, 0, 1, 5, 20, 50, 80, 100, 1e3])[:, None]
    m = np.float32([-1e30, -1e4, -88, -1, 0, 0.5, 1, 17, 88, 1e4, 1e30])[:, None]
    near = np.linspace(-3, 3, len(raw), dtype=np.float32)[:, None]
    outputs = [[near, raw], [m, np.zeros_like(m)], [m, np.full_like(m, -30)]]
    return [(own, np.full_like(own[0], x)) for own in outputs for x in (0.0, 0.5, 1.0)]
