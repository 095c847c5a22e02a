"""Erlang's distribution: the sum of three exponential variables of mean exp(log_scale)."""

from __future__ import annotations

import numpy as np
from scipy import stats

from posteriors import normal_outputs

OUTPUTS = ("log_scale",)


def marginals(outputs):
    return stats.gamma(3, scale=np.exp(outputs[0]))


def log_density(outputs, z):
    (log_scale,) = outputs
    x = z * np.exp(-log_scale)
    return 2 * np.log(x) - x - np.log(2) - log_scale


def examples(rng, n, d):
    return normal_outputs(rng, n, d, 1)
