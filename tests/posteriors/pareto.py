"""Pareto's distribution: z / scale > 1 has the survival function (z / scale)^-shape."""

from __future__ import annotations

import numpy as np
from scipy import stats

from posteriors import normal_outputs

OUTPUTS = ("log_scale", "log_shape")


def marginals(outputs):
    log_scale, log_shape = outputs
    return stats.pareto(np.exp(log_shape), scale=np.exp(log_scale))


def log_density(outputs, z):
    log_scale, log_shape = outputs
    return log_shape - np.exp(log_shape) * (np.log(z) - log_scale) - np.log(z)


def examples(rng, n, d):
    return normal_outputs(rng, n, d, 1, 0.7)


def moments(outputs):
    """The median, and half the distance of the quartiles."""
    first, median, last = (marginals(outputs).ppf(u) for u in (0.25, 0.5, 0.75))
    return median, (last - first) / 2
