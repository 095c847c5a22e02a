"""The uniform distribution on location - scale to location + scale."""

from __future__ import annotations

import numpy as np
from scipy import stats

from posteriors import normal_outputs

OUTPUTS = ("location", "log_scale")


def marginals(outputs):
    location, log_scale = outputs
    scale = np.exp(log_scale)
    return stats.uniform(loc=location - scale, scale=2 * scale)


def log_density(outputs, z):
    _, log_scale = outputs
    return 0 * z - np.log(2) - log_scale


def examples(rng, n, d):
    return normal_outputs(rng, n, d, 1, 1)
