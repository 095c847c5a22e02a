"""The symmetric triangular distribution on location - scale to location + scale."""

from __future__ import annotations

import numpy as np
from scipy import stats

from posteriors import absolute, normal_outputs

OUTPUTS = ("location", "log_scale")


def marginals(outputs):
    location, log_scale = outputs
    scale = np.exp(log_scale)
    return stats.triang(0.5, loc=location - scale, scale=2 * scale)


def log_density(outputs, z):
    location, log_scale = outputs
    return np.log1p(-absolute(z - location) * np.exp(-log_scale)) - log_scale


def examples(rng, n, d):
    return normal_outputs(rng, n, d, 1, 1)
