"""Student's t, with degrees of freedom nu that are constant in z.

log p(x|z) = sum_i log Gamma((nu + 1) / 2) - log Gamma(nu / 2) - log(nu pi) / 2 - s
- (nu + 1) / 2 log(1 + t^2 / nu), t = (x - m) e^-s. nu is 2 and a shape, and s has a smooth floor.
"""

from __future__ import annotations

import math

import numpy as np
from oracle import U, gamma
from scipy.special import gammaln, psi

from likelihoods import laplace
from likelihoods.gammas import SLOPE_ERROR, shape
from likelihoods.laplace import FLOOR, floored

OUTPUTS = ("location", "log_scale", "log_dof")
N_CONSTANT = 1


def half_step(nu):
    """log Gamma((nu + 1) / 2) - log Gamma(nu / 2) - log(nu / 2) / 2, and twice its derivative."""
    y, r = nu / 2, 2 / nu
    gap = gammaln(y + 0.5) - gammaln(y) - np.log(y) / 2
    slope = psi(y + 0.5) - psi(y) - r / 2
    # float64 cancels, too: from 100 on the first terms of the asymptotic series
    series = -r / 8 + r**3 / 192 - r**5 / 640
    slope_series = r**2 / 8 - r**4 / 64 + r**6 / 128
    return np.where(y < 100, gap, series), np.where(y < 100, slope, slope_series)


def parts(outputs, x):
    """Nu, Q = t^2 / nu, h = Q / (1 + Q) and log(1 + Q) - h."""
    m, raw_s, raw_nu = outputs
    nu = 2 + shape(raw_nu)[0].value
    q = ((x - m) * np.exp(-floored(raw_s)[0])) ** 2 / nu
    near = np.minimum(q, 1)
    small = near**2 * (0.5 - near * (2 / 3 - near * (3 / 4 - near * 4 / 5)))
    return nu, q, q / (1 + q), np.where(q < 1e-4, small, np.log1p(q) - q / (1 + q))


def log_p(outputs, x):
    m, raw_s, raw_nu = outputs
    s, slope, *_ = floored(raw_s)
    above_2, dof_slope = shape(raw_nu)
    nu, q, h, rest = parts(outputs, x)
    gap, gap_slope = half_step(nu)
    r = (gap - 0.5 * math.log(2 * math.pi) - s - 0.5 * (nu + 1) * np.log1p(q)).sum(1)
    dm = (nu + 1) / nu * (x - m) * np.exp(-2 * s) / (1 + q)
    dof = 0.5 * above_2.value * dof_slope * (gap_slope + h / nu - rest)
    return r, [dm, ((nu + 1) * h - 1) * slope, dof]


def terms(outputs, x):
    nu, q, *_ = parts(outputs, x)
    s = np.abs(floored(outputs[1])[0])
    constant = 0.5 * math.log(2 * math.pi) + np.abs(half_step(nu)[0])
    return (constant + s + 0.5 * (nu + 1) * np.log1p(q)).sum(1)


def error(outputs, x):
    """First-order float32 error of log_p's results.

    Of nu, t and Q the errors are relative: with a rounding of each product, and of exp 4 u. For
    Q <= 1 the rest is a series in h with ten roundings; elsewhere it is a difference.
    """
    _, slope, ds, dslope = floored(outputs[1])
    above_2, dof_slope = shape(outputs[2])
    nu, q, h, rest = parts(outputs, x)
    log_sum, (gap, gap_slope) = np.log1p(q), half_step(nu)
    dnu = above_2.error + 2 * U
    dq = 2 * (ds + 6 * U) + dnu + 3 * U
    dh = (1 - h) * dq + 5 * U
    far = 10 * U * (log_sum + 1) + 2 * h * dq
    drest = np.where(q <= 1, q * h * dh + 10 * U * rest, far)
    own = np.abs(gap) * (dnu + 12 * U) + ds
    own = own + 0.5 * (nu + 1) * (h * dh + drest + log_sum * (dnu + 3 * U))
    r = own.sum(1) + gamma(x.shape[1] + 6) * terms(outputs, x)

    dm = np.abs(log_p(outputs, x)[1][0]) * (2 * dnu + 2 * ds + h * dq + 20 * U)
    dlog_s = (nu + 1) * h * (dnu + dh + 2 * U) + 2 * U * ((nu + 1) * h + 1)
    dlog_s = dlog_s * slope + np.abs((nu + 1) * h - 1) * dslope
    inner = gap_slope * (2 * dnu + 14 * U) + h / nu * (dnu + dh + 3 * U) + drest
    inner = inner + 2 * U * (gap_slope + h / nu + rest)
    value = np.abs(gap_slope + h / nu - rest)
    relative = above_2.error + SLOPE_ERROR + 4 * U
    return r, [dm, dlog_s, 0.5 * above_2.value * dof_slope * (inner + value * relative)]


def mean(outputs):
    return outputs[0]


def variance(outputs):
    above_2 = shape(outputs[2])[0].value
    return np.exp(2 * floored(outputs[1])[0]) * (2 + above_2) / above_2


def grid(outputs):
    """A double exponential rule, up to 1e60 scales from the location."""
    t = np.linspace(-5.17, 5.17, 4001)
    scale, u = np.exp(floored(outputs[1])[0]), math.pi / 2 * np.sinh(t)
    weight = scale[0, 0] * np.cosh(u) * math.pi / 2 * np.cosh(t) * (t[1] - t[0])
    return outputs[0] + scale * np.sinh(u)[:, None], weight


def examples(rng, n, d):
    """Odd rows have scales near the floor, and degrees of freedom from 2.2 to 7000.

    x is not near the location, where small scales would need small differences.
    """
    m, raw = rng.normal(scale=2, size=(2, n, d)).astype(np.float32)
    raw[1::2] += np.float32(FLOOR)
    log_dof = rng.uniform(7, 8, size=(n, d)).astype(np.float32)
    log_dof[1::2] = rng.uniform(-1.5, 9, size=log_dof[1::2].shape)
    distance = rng.choice([-1, 1], (n, d)) * (0.3 + np.abs(rng.standard_t(3, size=(n, d))))
    return [m, raw, log_dof], (m + distance).astype(np.float32)


def extremes():
    """Laplace's, for degrees of freedom beyond the bends and between them."""
    log_dof = np.float32([-1e6, -1e3, -6, -1, 0, 2, 5, 8.2, 9, 1e3, 1e6])
    return [
        ([*(np.float32(a) for a in outputs), np.full_like(outputs[0], k)], x)
        for outputs, x in laplace.extremes()
        for k in log_dof
    ]
