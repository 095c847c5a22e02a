"""Twins in float64 of the likelihoods of variables with levels, written from the mathematics alone.

The module of a likelihood has its name, with "_" for "-". It contains `OUTPUTS`, the names of the
decoder's outputs; `N_CONSTANT`, how many of the last of them are constant in z; `LEAST_LEVELS`, the
smallest K; and functions for one variable with K levels. `outputs` are arrays (n, width of the
output), and `x` has the level of each row, 0, ..., K - 1.

widths(K)                  the widths of the outputs
log_p(outputs, x)          log p(x|z) of each row (n,), and its gradient for each output
error(outputs, x)          the first-order float32 error of log_p's results
probabilities(outputs)     of the levels (n, K)
examples(rng, n, K)        float32 outputs of ordinary size, and x
extremes(K)                a list of float32 (outputs, x): underflow, overflow, ties
start(shares)              the outputs, one row, whose levels have these probabilities
"""

from __future__ import annotations

import numpy as np
import oracle
from twin_modules import twin_module


def twin(name):
    """The module of a likelihood."""
    return twin_module(__name__, "likelihood", name)


def one_hot(codes, levels):
    """The columns of x for codes (n, variables). A negative code is a missing value."""
    cells = [np.arange(n) == codes[:, [v]] for v, n in enumerate(levels)]
    x = np.concatenate(cells, axis=1).astype(np.float32)
    x[np.repeat(codes < 0, levels, axis=1)] = np.nan
    return x


class SideBySide:
    """Variables with levels as a twin of tests/likelihoods: x has a column for each level.

    A variable whose columns are NaN is missing: it adds 0, and its outputs have the gradient 0.
    """

    def __init__(self, name, levels):
        self.own, self.levels = twin(name), levels
        self.OUTPUTS, self.N_CONSTANT = self.own.OUTPUTS, self.own.N_CONSTANT
        of_each = [self.own.widths(n) for n in levels]
        self.ends = [np.cumsum(widths)[:-1] for widths in zip(*of_each, strict=True)]
        self.widths = [sum(widths) for widths in zip(*of_each, strict=True)]

    def split(self, outputs):
        """The outputs of each variable."""
        parts = [np.split(a, ends, axis=1) for a, ends in zip(outputs, self.ends, strict=True)]
        return zip(*parts, strict=True)

    def _sum(self, function, outputs, x):
        """Sum a function of the observed variables, and join what it has for each output."""
        total, joined = np.zeros(len(x)), [np.zeros((len(x), width)) for width in self.widths]
        columns = np.split(x, np.cumsum(self.levels)[:-1], axis=1)
        places = self.split(joined)
        for own, cells, place in zip(self.split(outputs), columns, places, strict=True):
            seen = ~np.isnan(cells[:, 0])
            result, parts = function([a[seen] for a in own], cells[seen].argmax(1))
            total[seen] += result
            for to, part in zip(place, parts, strict=True):
                to[seen] = part
        return total, joined

    def log_p(self, outputs, x):
        return self._sum(self.own.log_p, outputs, x)

    def error(self, outputs, x):
        """The variables' errors. A row's sum is rounded once, from float64."""
        r, gradients = self._sum(self.own.error, outputs, x)
        return r + oracle.U * np.abs(self.log_p(outputs, x)[0]), gradients

    def terms(self, outputs, x):
        """|log p| of each row: all terms have one sign."""
        return np.abs(self.log_p(outputs, x)[0])

    def mean(self, outputs):
        return np.concatenate([self.own.probabilities(own) for own in self.split(outputs)], axis=1)

    def variance(self, outputs):
        return self.mean(outputs) * (1 - self.mean(outputs))

    def examples(self, rng, n, d):
        assert d == sum(self.levels)
        of_each = [self.own.examples(rng, n, n_levels) for n_levels in self.levels]
        outputs = zip(*(outputs for outputs, _ in of_each), strict=True)
        codes = np.stack([x for _, x in of_each], axis=1)
        return [np.concatenate(a, axis=1) for a in outputs], one_hot(codes, self.levels)
