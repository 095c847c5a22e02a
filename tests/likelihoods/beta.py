"""The beta distribution with the logit of its mean m and its log-concentration, for x in (0, 1).

log p(x|z) = sum_i (a - 1) log x + (b - 1) log(1 - x) - log B(a, b), a = c m, b = c (1 - m).
"""

from __future__ import annotations

import numpy as np
from oracle import U, gamma, sigmoid, softplus

from likelihoods.gammas import SLOPE_ERROR, Positive, bent, digamma_gap, shape, stirling_gap

OUTPUTS = ("logit_mean", "log_concentration")


def ratio(part, log_part, dlog_part, whole):
    """log(part / whole) and that minus (part - whole) / whole, with the errors of both.

    The quotient e has whole's error and three roundings. The engine uses a series with ten
    roundings for e in [-1/2, 1], and the difference of the logarithms elsewhere.
    """
    e = (part - whole.value) / whole.value
    log = log_part - whole.log
    rest = np.where(np.abs(e) < 1e-3, -(e**2) / 2 * (1 - e * (2 / 3 - e / 2)), log - e)
    de = whole.error * part / whole.value + 3 * U * np.abs(e)
    apart = dlog_part + whole.dlog + U * np.abs(log)
    is_near = (e >= -0.5) & (e < 1)
    near = de * whole.value / part + 10 * U * np.abs(rest) + U * np.abs(log)
    moved = np.abs(e) * whole.value / part * de + 10 * U * np.abs(rest)
    far = apart + de + U * np.abs(rest)
    return log, np.where(is_near, near, apart), rest, np.where(is_near, moved, far)


class Parts:
    """What log_p and error need: m, n = 1 - m, c, a, b and the ratios of x to m, 1 - x to n."""

    def __init__(self, outputs, x):
        """Set the parts. A sigmoid is within 8 u, and moves by the error of its argument."""
        q, self.logit_slope, dq = bent(outputs[0], -15.0, 15.0)
        self.c, self.slope = shape(outputs[1])
        self.m, self.n = (self.share(sign * q, dq) for sign in (1, -1))
        self.a, self.b = self.times_c(self.m), self.times_c(self.n)
        self.log_x, self.log_rest = np.log(x), np.log1p(-x)
        self.dlog_x, self.dlog_rest = 8 * U * np.abs(self.log_x), 10 * U * np.abs(self.log_rest)
        self.of_x = ratio(x, self.log_x, self.dlog_x, self.m)
        self.of_rest = ratio(1 - x, self.log_rest, self.dlog_rest, self.n)

    @staticmethod
    def share(q, dq):
        log, other = -softplus(-q), sigmoid(-q)
        return Positive(log, other * dq + 10 * U * np.abs(log), sigmoid(q), other * dq + 8 * U)

    def times_c(self, share):
        log = self.c.log + share.log
        dlog = self.c.dlog + share.dlog + U * np.abs(log)
        return Positive(log, dlog, np.exp(log), self.c.error + share.error + U)

    @property
    def divergence(self):
        return self.m.value * self.of_x[2] + self.n.value * self.of_rest[2]


def log_p(outputs, x):
    p = Parts(outputs, x)
    (gap_a, _), (gap_b, _), (gap_c, _) = (stirling_gap(v) for v in (p.a, p.b, p.c))
    (ga, _), (gb, _), (gc, _) = (digamma_gap(v) for v in (p.a, p.b, p.c))
    r = p.c.value * p.divergence + gap_a + gap_b - gap_c - p.log_x - p.log_rest
    dlogit = p.c.value * p.m.value * p.n.value * (p.of_x[0] - p.of_rest[0] + ga - gb)
    dlog_c = p.c.value * (p.divergence + p.m.value * ga + p.n.value * gb - gc)
    return r.sum(1), [p.logit_slope * dlogit, p.slope * dlog_c]


def terms(outputs, x):
    p = Parts(outputs, x)
    gaps = sum(np.abs(stirling_gap(v)[0]) for v in (p.a, p.b, p.c))
    return (gaps - p.c.value * p.divergence - p.log_x - p.log_rest).sum(1)


def error(outputs, x):
    """First-order float32 error of log_p's results: those of all parts, and of sums of them."""
    p = Parts(outputs, x)
    c, m, n = p.c.value, p.m.value, p.n.value
    gaps = [digamma_gap(v) for v in (p.a, p.b, p.c)]
    (ga, dga), (gb, dgb), (gc, dgc) = gaps
    ddivergence = sum(
        share.value * (of[3] + (share.error + 2 * U) * np.abs(of[2]))
        for share, of in ((p.m, p.of_x), (p.n, p.of_rest))
    )
    own = c * (ddivergence + (p.c.error + U) * np.abs(p.divergence)) + p.dlog_x + p.dlog_rest
    own = own + sum(stirling_gap(v)[1] for v in (p.a, p.b, p.c))
    r = own.sum(1) + gamma(x.shape[1] + 6) * terms(outputs, x)

    inner = p.of_x[1] + p.of_rest[1] + dga + dgb
    inner = inner + 3 * U * (np.abs(p.of_x[0]) + np.abs(p.of_rest[0]) + ga + gb)
    relative = p.c.error + p.m.error + p.n.error + SLOPE_ERROR + 5 * U
    value = p.of_x[0] - p.of_rest[0] + ga - gb
    dlogit = p.logit_slope * c * m * n * (inner + relative * np.abs(value))

    inner = (
        ddivergence + m * (dga + (p.m.error + 2 * U) * ga) + n * (dgb + (p.n.error + 2 * U) * gb)
    )
    inner = inner + dgc + 3 * U * (m * ga + n * gb + gc - p.divergence)
    value = p.divergence + m * ga + n * gb - gc
    relative = p.c.error + SLOPE_ERROR + 3 * U
    return r, [dlogit, p.slope * c * (inner + relative * np.abs(value))]


def mean(outputs):
    return sigmoid(bent(outputs[0], -15.0, 15.0)[0])


def variance(outputs):
    m = mean(outputs)
    return m * (1 - m) / (1 + shape(outputs[1])[0].value)


def grid(outputs):
    """Even steps of the logit of x. For a and b above 0.8 nothing lies beyond."""
    t = np.linspace(-36, 34, 20_001)
    return sigmoid(t)[:, None], sigmoid(t) * sigmoid(-t) * (t[1] - t[0])


def examples(rng, n, d):
    """Means from 0.18 to 0.82, and concentrations from 5 to 400."""
    logit = rng.uniform(-1.5, 1.5, size=(n, d)).astype(np.float32)
    log_c = rng.uniform(np.log(5), np.log(400), size=(n, d)).astype(np.float32)
    return [logit, log_c], rng.uniform(0.01, 0.99, size=(n, d)).astype(np.float32)


def extremes():
    """Means and concentrations beyond the bends, and x from end to end."""
    logit = np.float32([-1e6, -1e3, -17, -15, -3, 0, 0.4, 3, 15, 17, 1e3, 1e6])
    log_c = np.float32([-1e6, -1e3, -6, -3, 0, 1.5, 2.5, 5, 8.2, 9, 1e3, 1e6])
    x = np.float32([2.0**-126, 1e-20, 1e-6, 0.05, 0.5, 0.599, 0.95, 1 - 1e-6, 1 - 2.0**-24])
    q, c, x = (values.reshape(-1, 1) for values in np.meshgrid(logit, log_c, x))
    return [([q, c], x)]
