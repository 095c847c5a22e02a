"""Twins of the likelihoods in float64, one module for each, written from the mathematics alone.

The module of a likelihood has its name, with "_" for "-". It contains `OUTPUTS`, the names of the
decoder's outputs, and `N_CONSTANT` if the last so many of them are constant in z. It has functions
over lists of their arrays, one value for each column of x:

log_p(outputs, x)      log p(x|z) of each row, and its gradient for each output
terms(outputs, x)      the sum of the absolute terms of log p(x|z), for each row
error(outputs, x)      the first-order float32 error of log_p's results
mean(outputs)          E[x|z]
variance(outputs)      Var[x|z], of each column
grid(outputs)          for one row and column: points x (k, 1), and their weight in sums over x
examples(rng, n, d)    float32 outputs and x of ordinary size, (n, d)
extremes()             a list of float32 (outputs, x): underflow, overflow, floors

Errors are written with u = 2^-24. A sum of k terms, computed with c roundings each, is within
gamma(k + c) of the sum of absolute terms. exp is within 2 ulp <= 4 u of its value, and the other
functions are within 4 ulp <= 8 u (test_math.py).
"""

from __future__ import annotations

from twin_modules import twin_module


def twin(name):
    """The module of a likelihood."""
    return twin_module(__name__, "likelihood", name)
