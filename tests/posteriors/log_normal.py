"""log z is Gaussian."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from posteriors import normal_outputs

OUTPUTS = ("mean", "log_var")
AT_PRIOR = {"log-normal": (0, 0)}


def marginals(outputs):
    mean, log_var = outputs
    return stats.lognorm(np.exp(log_var / 2), scale=np.exp(mean))


def log_density(outputs, z):
    mean, log_var = outputs
    square = (np.log(z) - mean) ** 2 * np.exp(-log_var)
    return -0.5 * (math.log(2 * math.pi) + log_var + square) - np.log(z)


def examples(rng, n, d):
    return normal_outputs(rng, n, d, 0.7, 0.7)
