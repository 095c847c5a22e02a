"""The beta distribution."""

from __future__ import annotations

import numpy as np
from scipy import stats
from scipy.special import loggamma

from posteriors import normal_outputs

OUTPUTS = ("log_a", "log_b")
PATHWISE = "mean"
AT_PRIOR = {"uniform": (0, 0)}


def marginals(outputs):
    return stats.beta(*np.exp(outputs))


def parts(outputs, z):
    a, b = np.exp(outputs)
    log_beta = [loggamma(a + b), -loggamma(a), -loggamma(b)]
    return [a * np.log(z), -np.log(z), b * np.log1p(-z), -np.log1p(-z), *log_beta]


def log_density(outputs, z):
    return sum(parts(outputs, z))


def terms(outputs, z):
    return 1 + sum(map(np.abs, parts(outputs, z)))


def kl(outputs, prior):
    assert prior == "uniform"
    return -marginals(outputs).entropy()


def examples(rng, n, d):
    """Shapes that leave few z within a rounding of 1."""
    return [a + np.float32(0.5) for a in normal_outputs(rng, n, d, 0.5, 0.5)]
