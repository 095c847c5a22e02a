"""Laplace's distribution."""

from __future__ import annotations

import numpy as np
from scipy import stats

from posteriors import absolute, normal_outputs

OUTPUTS = ("location", "log_scale")
AT_PRIOR = {"laplace": (0, 0)}


def marginals(outputs):
    location, log_scale = outputs
    return stats.laplace(loc=location, scale=np.exp(log_scale))


def log_density(outputs, z):
    location, log_scale = outputs
    x = (z - location) * np.exp(-log_scale)
    return -absolute(x) - np.log(2) - log_scale


def examples(rng, n, d):
    return normal_outputs(rng, n, d, 1, 1)
