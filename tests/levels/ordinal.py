"""log p(x|z) = log [s(c_(x+1) - l) - s(c_x - l)] with the sigmoid s, a location l and cut points c.

c_0 is -inf, c_K is inf, c_1 = w_1 and c_(k+1) = c_k + softplus(w_(k+1)) for raw numbers w.
"""

from __future__ import annotations

import numpy as np
from oracle import U, sigmoid, softplus
from scipy.special import log_expit, logit

OUTPUTS = ("location", "cut_points")
N_CONSTANT = 1
LEAST_LEVELS = 2


def widths(n_levels):
    return (1, n_levels - 1)


def _ends(outputs, x):
    """The distances of a level's ends from l: a below and b above, -inf or inf at the extremes."""
    location, w = outputs
    cuts = np.cumsum(np.concatenate([w[:, :1], softplus(w[:, 1:])], axis=1), axis=1) - location
    ends = np.pad(cuts, ((0, 0), (1, 1)), constant_values=((0, 0), (-np.inf, np.inf)))
    rows = np.arange(len(x))
    return ends[rows, x], ends[rows, x + 1]


def log_p(outputs, x):
    """Between cut points, s(b) - s(a) = s(b) s(-a) (1 - e^(a - b)), where b - a = softplus(w)."""
    w = outputs[1]
    n_cuts = w.shape[1]
    a, b = _ends(outputs, x)
    between = (x > 0) & (x < n_cuts)
    own = w[np.arange(len(x)), np.clip(x, 0, n_cuts - 1)]  # the w of b
    r = np.where(x > 0, log_expit(-a), 0) + np.where(x < n_cuts, log_expit(b), 0)
    r = r + np.where(between, log_expit(own), 0)
    both = sigmoid(-b) - sigmoid(a)
    slope = np.concatenate([np.ones_like(w[:, :1]), sigmoid(w[:, 1:])], axis=1)
    k = np.arange(n_cuts)
    dw = np.where(k < x[:, None], both[:, None] * slope, 0)
    at = k == x[:, None]
    dw += np.where(at, sigmoid(-b)[:, None] * slope + between[:, None] * sigmoid(-w), 0)
    return r, [-both[:, None], dw]


def error(outputs, x):
    """First-order float32 error of log_p's results.

    A cut point's distance from l is a sum of up to K terms, each within 8 u of its value. It is a
    relative error of the sigmoid's slope, and an absolute one of softplus. Three terms of log p are
    within 8 u of their values.
    """
    location, w = outputs
    n_cuts = w.shape[1]
    size = np.abs(location[:, 0]) + np.abs(w[:, 0]) + softplus(w[:, 1:]).sum(1)
    dend = (8 + n_cuts) * U * size
    a, b = _ends(outputs, x)
    terms = np.abs(np.where(x > 0, log_expit(-a), 0)) + np.abs(
        np.where(x < n_cuts, log_expit(b), 0)
    )
    own = np.abs(log_expit(w[np.arange(len(x)), np.clip(x, 0, n_cuts - 1)]))
    r = 2 * dend + 12 * U * (terms + own + 1)
    dboth = 0.5 * dend + 12 * U
    return r, [dboth[:, None], np.broadcast_to((2 * dboth + 12 * U)[:, None], w.shape)]


def probabilities(outputs):
    n_levels = outputs[1].shape[1] + 1
    rows = len(outputs[0])
    return np.stack([np.exp(log_p(outputs, np.full(rows, k))[0]) for k in range(n_levels)], axis=1)


def examples(rng, n, n_levels):
    location = rng.normal(scale=2, size=(n, 1)).astype(np.float32)
    w = rng.normal(size=(n, n_levels - 1)).astype(np.float32)
    w[:, 0] -= np.float32(n_levels / 3)
    return [location, w], rng.integers(n_levels, size=n)


def extremes(n_levels):
    """Locations far from the cut points, and cut points that almost coincide or lie far apart."""
    cases = []
    for location in (-1e4, -100, -17, 0, 17, 100, 1e4):
        for step in (-100, -20, 0, 20, 100):
            w = np.full((n_levels, n_levels - 1), np.float32(step))
            w[:, 0] = 0
            cases.append(([np.full((n_levels, 1), np.float32(location)), w], np.arange(n_levels)))
    return cases


def start(shares):
    cuts = logit(np.cumsum(shares)[:-1])
    return [np.zeros((1, 1)), np.concatenate([cuts[:1], np.log(np.expm1(np.diff(cuts)))])[None]]
