"""The F distribution: the ratio of two chi-squared variables, each divided by its df."""

from __future__ import annotations

import numpy as np
from scipy import stats
from scipy.special import loggamma

from posteriors import normal_outputs, softplus

OUTPUTS = ("log_df1", "log_df2")
PATHWISE = "mean"


def marginals(outputs):
    return stats.f(*np.exp(outputs))


def parts(outputs, z):
    a, b = (np.exp(log_df) / 2 for log_df in outputs)
    log_x = np.log(z) + outputs[0] - outputs[1]
    return [
        a * log_x,
        -np.log(z),
        -(a + b) * softplus(log_x),
        loggamma(a + b),
        -loggamma(a),
        -loggamma(b),
    ]


def log_density(outputs, z):
    return sum(parts(outputs, z))


def terms(outputs, z):
    return 1 + sum(map(np.abs, parts(outputs, z)))


def examples(rng, n, d):
    return [a + np.float32(1.5) for a in normal_outputs(rng, n, d, 0.6, 0.6)]


def moments(outputs):
    """Only where both are finite: for more than four degrees of freedom."""
    known = outputs[1] > np.log(4)
    return [
        np.where(known, a, np.nan) for a in (marginals(outputs).mean(), marginals(outputs).std())
    ]
