"""Gumbel's distribution of the largest of many values."""

from __future__ import annotations

import numpy as np
from scipy import stats

from posteriors import normal_outputs

OUTPUTS = ("location", "log_scale")
AT_PRIOR = {"gumbel": (0, 0)}


def marginals(outputs):
    location, log_scale = outputs
    return stats.gumbel_r(loc=location, scale=np.exp(log_scale))


def log_density(outputs, z):
    location, log_scale = outputs
    x = (z - location) * np.exp(-log_scale)
    return -x - np.exp(-x) - log_scale


def examples(rng, n, d):
    return normal_outputs(rng, n, d, 1, 1)
