"""Weibull's distribution: (z / scale)^shape has the standard exponential distribution."""

from __future__ import annotations

import numpy as np
from scipy import stats

from posteriors import normal_outputs

OUTPUTS = ("log_scale", "log_shape")
AT_PRIOR = {"exponential": (0, 0)}


def marginals(outputs):
    log_scale, log_shape = outputs
    return stats.weibull_min(np.exp(log_shape), scale=np.exp(log_scale))


def log_density(outputs, z):
    log_scale, log_shape = outputs
    log_power = np.exp(log_shape) * (np.log(z) - log_scale)
    return log_shape + log_power - np.log(z) - np.exp(log_power)


def examples(rng, n, d):
    return normal_outputs(rng, n, d, 1, 0.5)
