"""The chi-squared distribution: the gamma distribution of shape df / 2 and scale 2."""

from __future__ import annotations

import numpy as np
from scipy import stats

from posteriors import gamma, normal_outputs

OUTPUTS = ("log_df",)
PATHWISE = "cdf"


def as_gamma(outputs):
    (log_df,) = outputs
    return [log_df - np.log(2), np.full(np.shape(log_df), np.log(2))]


def marginals(outputs):
    return stats.chi2(np.exp(outputs[0]))


def log_density(outputs, z):
    return gamma.log_density(as_gamma(outputs), z)


def terms(outputs, z):
    return gamma.terms(as_gamma(outputs), z)


def examples(rng, n, d):
    return [1 + a for a in normal_outputs(rng, n, d, 0.7)]
