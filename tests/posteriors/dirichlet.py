"""Dirichlet's distribution on the simplex."""

from __future__ import annotations

import numpy as np
from scipy import stats
from scipy.special import gammaln, loggamma

from posteriors import normal_outputs

OUTPUTS = ("log_concentration",)
PATHWISE = "mean"
COUPLED = True
AT_PRIOR = {"dirichlet": (0,)}


def marginals(outputs):
    alpha = np.exp(outputs[0])
    return stats.beta(alpha, alpha.sum(1, keepdims=True) - alpha)


def joint(outputs):
    """The distribution of z for one row of outputs."""
    return stats.dirichlet(np.exp(outputs[0][0]))


def log_density(outputs, z):
    alpha = np.exp(outputs[0])
    total = loggamma(alpha.sum(1, keepdims=True)) / alpha.shape[1]
    return (alpha - 1) * np.log(z) - loggamma(alpha) + total


def terms(outputs, z):
    alpha = np.exp(outputs[0])
    total = np.abs(loggamma(alpha.sum(1, keepdims=True))) / alpha.shape[1]
    return 1 + (alpha + 1) * np.abs(np.log(z)) + np.abs(loggamma(alpha)) + total


def kl(outputs, prior):
    assert prior == "dirichlet"
    first = np.zeros_like(outputs[0])
    for row, alpha in enumerate(np.exp(outputs[0])):
        first[row, 0] = -stats.dirichlet(alpha).entropy() - gammaln(alpha.size)
    return first


def examples(rng, n, d):
    return normal_outputs(rng, n, d, 0.6)
