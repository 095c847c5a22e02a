"""The negative binomial whose log dispersion depends on z: the same mathematics."""

from __future__ import annotations

from likelihoods import negative_binomial

OUTPUTS, log_p, terms = negative_binomial.OUTPUTS, negative_binomial.log_p, negative_binomial.terms
error, mean, variance = negative_binomial.error, negative_binomial.mean, negative_binomial.variance
grid, examples = negative_binomial.grid, negative_binomial.examples
extremes = negative_binomial.extremes
