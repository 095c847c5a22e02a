"""The gamma distribution."""

from __future__ import annotations

import numpy as np
from scipy import stats
from scipy.special import loggamma

from posteriors import normal_outputs

OUTPUTS = ("log_shape", "log_scale")
PATHWISE = "cdf"
AT_PRIOR = {"exponential": (0, 0)}


def marginals(outputs):
    log_shape, log_scale = outputs
    return stats.gamma(np.exp(log_shape), scale=np.exp(log_scale))


def log_density(outputs, z):
    log_shape, log_scale = outputs
    shape, log_x = np.exp(log_shape), np.log(z) - log_scale
    return shape * log_x - np.log(z) - np.exp(log_x) - loggamma(shape)


def terms(outputs, z):
    shape, log_x = np.exp(outputs[0]), np.log(z) - outputs[1]
    return shape * np.abs(log_x) + np.abs(np.log(z)) + np.exp(log_x) + np.abs(loggamma(shape)) + 1


def examples(rng, n, d):
    return normal_outputs(rng, n, d, 0.7, 1)
