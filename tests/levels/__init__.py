"""Twins in float64 of the likelihoods of variables with levels, written from the mathematics alone.

The module of a likelihood has its name, with "_" for "-". It contains `OUTPUTS`, the names of the
decoder's outputs, and functions for one variable with K levels. `outputs` are arrays (n, width of
the output), and `x` has the level of each row, 0, ..., K - 1.

widths(K)                  the widths of the outputs
log_p(outputs, x)          log p(x|z) of each row (n,), and its gradient for each output
error(outputs, x)          the first-order float32 error of log_p's results
probabilities(outputs)     of the levels (n, K)
examples(rng, n, K)        float32 outputs of ordinary size, and x
extremes(K)                a list of float32 (outputs, x): underflow, overflow, ties
start(shares)              the outputs, one row, whose levels have these probabilities
"""

from __future__ import annotations

from twin_modules import twin_module


def twin(name):
    """The module of a likelihood."""
    return twin_module(__name__, "likelihood", name)
