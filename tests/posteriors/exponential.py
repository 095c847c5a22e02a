"""The exponential distribution, whose mean is exp(log_scale)."""

from __future__ import annotations

import numpy as np
from scipy import stats

from posteriors import normal_outputs

OUTPUTS = ("log_scale",)
AT_PRIOR = {"exponential": (0,)}


def marginals(outputs):
    return stats.expon(scale=np.exp(outputs[0]))


def log_density(outputs, z):
    (log_scale,) = outputs
    return -z * np.exp(-log_scale) - log_scale


def examples(rng, n, d):
    return normal_outputs(rng, n, d, 1)
