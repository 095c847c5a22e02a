"""Section 5, Frey Face: a Gaussian whose mean is a sigmoid."""

from __future__ import annotations

from oracle import U, sigmoid

from likelihoods import gaussian

OUTPUTS = gaussian.OUTPUTS
variance, examples, extremes = gaussian.variance, gaussian.examples, gaussian.extremes


def log_p(outputs, x):
    m = mean(outputs)
    return gaussian.density(m, m * (1 - m), outputs[1], x)


def terms(outputs, x):
    return gaussian.density_terms(mean(outputs), outputs[1], x)


def error(outputs, x):
    """The Gaussian's error. The sigmoid is within 8 u of its value."""
    m = mean(outputs)
    return gaussian.density_error(m, 8 * U * m, m * (1 - m), outputs[1], x)


def mean(outputs):
    return sigmoid(outputs[0])


def grid(outputs):
    return gaussian.even_grid(mean(outputs), variance(outputs))
