"""Cauchy's distribution. It has no mean: the moments are the median and the scale."""

from __future__ import annotations

import numpy as np
from scipy import stats

from posteriors import normal_outputs

OUTPUTS = ("location", "log_scale")
AT_PRIOR = {"cauchy": (0, 0)}


def marginals(outputs):
    location, log_scale = outputs
    return stats.cauchy(loc=location, scale=np.exp(log_scale))


def log_density(outputs, z):
    location, log_scale = outputs
    x = (z - location) * np.exp(-log_scale)
    return -np.log(np.pi) - np.log1p(x**2) - log_scale


def examples(rng, n, d):
    return normal_outputs(rng, n, d, 1, 1)


def moments(outputs):
    location, log_scale = outputs
    return location, np.exp(log_scale)
