"""A diagonal Gaussian (eq. 9)."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from posteriors import normal_outputs

OUTPUTS = ("mean", "log_var")
AT_PRIOR = {"standard-normal": (0, 0)}


def marginals(outputs):
    mean, log_var = outputs
    return stats.norm(mean, np.exp(log_var / 2))


def log_density(outputs, z):
    mean, log_var = outputs
    return -0.5 * (math.log(2 * math.pi) + log_var + (z - mean) ** 2 * np.exp(-log_var))


def examples(rng, n, d):
    return normal_outputs(rng, n, d, 1, 1)
