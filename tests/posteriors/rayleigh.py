"""Rayleigh's distribution: the length of a Gaussian vector in the plane."""

from __future__ import annotations

import numpy as np
from scipy import stats

from posteriors import normal_outputs

OUTPUTS = ("log_scale",)
AT_PRIOR = {"rayleigh": (0,)}


def marginals(outputs):
    return stats.rayleigh(scale=np.exp(outputs[0]))


def log_density(outputs, z):
    (log_scale,) = outputs
    x = z * np.exp(-log_scale)
    return np.log(x) - x**2 / 2 - log_scale


def examples(rng, n, d):
    return normal_outputs(rng, n, d, 1)
