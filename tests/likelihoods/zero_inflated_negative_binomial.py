"""Negative binomial counts that are also 0 with the probability pi, the sigmoid of a logit."""

from __future__ import annotations

import numpy as np
from oracle import gamma, sigmoid, softplus

from likelihoods import negative_binomial as count
from likelihoods.negative_binomial import COUNTS, LOG_MEANS, combinations
from likelihoods.zero_inflated_poisson import inflate, inflation_error, with_zeros, zero_logits

OUTPUTS = ("log_mean", "zero_logit", "log_dispersion")
N_CONSTANT = 1


def log_p(outputs, x):
    a, logit, b = outputs
    log_p0, slopes, _ = count.count_terms(a, b, x)
    r, of_logit, (of_a, of_b) = inflate(x, logit, log_p0, slopes)
    return r.sum(1), [of_a, of_logit, of_b]


def terms(outputs, x):
    a, logit, b = outputs
    return (count.count_terms(a, b, x)[2] + np.abs(logit) + softplus(logit)).sum(1)


def error(outputs, x):
    a, logit, b = outputs
    log_p0, slopes, _ = count.count_terms(a, b, x)
    r = inflate(x, logit, log_p0, slopes)[0]
    dr, dl, (da, db) = inflation_error(x, logit, log_p0, slopes, *count.count_error(a, b, x))
    return (dr + gamma(x.shape[1] + 3) * np.abs(r)).sum(1), [da, dl, db]


def mean(outputs):
    return sigmoid(-outputs[1]) * np.exp(outputs[0])


def variance(outputs):
    a, _, b = outputs
    m = mean(outputs)
    return m * (1 + np.exp(a + np.clip(b, *count.RANGE)) + np.exp(a) - m)


def grid(outputs):
    return count.grid([outputs[0], outputs[2]])


def examples(rng, n, d):
    """Draws with zeros of a probability from 0.02 to 0.95."""
    (a, b), x = count.examples(rng, n, d)
    logit = zero_logits(rng, n, d)
    return [a, logit, b], with_zeros(rng, logit, x)


def extremes():
    """All sizes of mean and dispersion, certain zeros and none."""
    logits, dispersions = [-1e3, -60, -3, 0, 10, 90, 1e3], [-1e3, -41, -10, -1, 0, 3, 19, 21]
    ordinary = combinations(LOG_MEANS, logits, dispersions, COUNTS)
    huge = combinations([60, 79, 81, 89, 1e3, 1e10], logits, [-1, 0, 5, 19], [0, 1, 30])
    return [([a, logit, b], x) for a, logit, b, x in (*ordinary, *huge)]
