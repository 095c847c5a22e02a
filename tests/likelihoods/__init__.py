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

A joint likelihood, of all columns together, has no `variance`, `grid` and `extremes`. Its mean is
that for the total 1.

Errors are written with u = 2^-24. A sum of k terms, computed with c roundings each, is within
gamma(k + c) of the sum of absolute terms. exp is within 2 ulp <= 4 u of its value, and the other
functions are within 4 ulp <= 8 u (test_math.py).
"""

from __future__ import annotations

import numpy as np
from twin_modules import twin_module


def twin(name):
    """The module of a likelihood."""
    return twin_module(__name__, "likelihood", name)


class Observed:
    """A twin of values that may be NaN, which are missing: a row has its others alone.

    Missing values have the gradient 0, and no error.
    """

    def __init__(self, name):
        self.own = twin(name)

    def __getattr__(self, name):
        return getattr(self.own, name)

    def _by_row(self, function, outputs, x):
        """A function's number for each row, and its parts for the outputs, if it has them."""
        if not np.isnan(x).any():
            return function(outputs, x)
        total, joined = np.zeros(len(x)), [np.zeros(x.shape) for _ in outputs]
        for row, seen in enumerate(~np.isnan(x)):
            if seen.any():
                one = [a[row : row + 1, seen] for a in outputs], x[row : row + 1, seen]
                total[row : row + 1], parts = function(*one)
                for to, part in zip(joined, parts, strict=False):
                    to[row, seen] = part
        return total, joined

    def log_p(self, outputs, x):
        return self._by_row(self.own.log_p, outputs, x)

    def error(self, outputs, x):
        return self._by_row(self.own.error, outputs, x)

    def terms(self, outputs, x):
        return self._by_row(lambda *one: (self.own.terms(*one), []), outputs, x)[0]
