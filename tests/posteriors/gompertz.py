"""Gompertz's distribution: the hazard b eta exp(b z) grows exponentially."""

from __future__ import annotations

import numpy as np
from scipy import stats

from posteriors import normal_outputs

OUTPUTS = ("log_rate", "log_shape")


def marginals(outputs):
    log_rate, log_shape = outputs
    return stats.gompertz(np.exp(log_shape), scale=np.exp(-log_rate))


def log_density(outputs, z):
    log_rate, log_shape = outputs
    x = np.exp(log_rate) * z
    return log_rate + log_shape + x - np.exp(log_shape) * np.expm1(x)


def examples(rng, n, d):
    return normal_outputs(rng, n, d, 1, 1)


def moments(outputs):
    """The median, and half the distance of the quartiles."""
    first, median, last = (marginals(outputs).ppf(u) for u in (0.25, 0.5, 0.75))
    return median, (last - first) / 2
