"""log z is uniform on log_low to log_low + exp(log_width)."""

from __future__ import annotations

import numpy as np
from scipy import stats

from posteriors import normal_outputs

OUTPUTS = ("log_low", "log_width")


def marginals(outputs):
    log_low, log_width = outputs
    return stats.reciprocal(np.exp(log_low), np.exp(log_low + np.exp(log_width)))


def log_density(outputs, z):
    return -np.log(z) - outputs[1]


def examples(rng, n, d):
    return normal_outputs(rng, n, d, 1, 0.5)
