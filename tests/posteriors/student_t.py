"""Student's t distribution with five degrees of freedom."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from posteriors import normal_outputs

OUTPUTS = ("location", "log_scale")
AT_PRIOR = {"student-t": (0, 0)}
CONSTANT = math.lgamma(3) - math.lgamma(2.5) - 0.5 * math.log(5 * math.pi)


def marginals(outputs):
    location, log_scale = outputs
    return stats.t(5, loc=location, scale=np.exp(log_scale))


def log_density(outputs, z):
    location, log_scale = outputs
    x = (z - location) * np.exp(-log_scale)
    return CONSTANT - 3 * np.log1p(x**2 / 5) - log_scale


def examples(rng, n, d):
    return normal_outputs(rng, n, d, 1, 1)
