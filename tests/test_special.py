"""Special functions against SciPy's in float64."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
import scipy.special
from hooks import kernels

REFERENCE = {
    "log_gamma": scipy.special.gammaln,
    "digamma": scipy.special.digamma,
    "trigamma": lambda x: scipy.special.polygamma(1, x),
}
# A bound on |got - reference|: this many roundings (2^-24) of the larger of |reference| and the
# second number. log_gamma has zeros at 1 and 2, and is accurate there. Near digamma's zero, 1.46,
# terms of up to 3 cancel.
BOUND = {"log_gamma": (8, 0), "digamma": (10, 1), "trigamma": (5, 0)}


def arguments():
    """[1e-4, 1e6], and closely around zeros and changes of branch."""
    joints = np.float32([0.5, 1.0, 1.4616321, 1.5, 2.0, 2.5, 3.5, 5.0])
    steps = np.float32([-1e-2, -1e-4, -1e-6, 0, 1e-6, 1e-4, 1e-2])
    near = (joints[:, None] * (1 + steps)).ravel()
    return np.concatenate(
        [np.geomspace(1e-4, 1e6, 200_001), np.linspace(0.4, 6, 200_001), near]
    ).astype(np.float32)


@pytest.mark.parametrize("name", REFERENCE)
def test_accuracy(vectors, name):
    x = arguments()
    expected = REFERENCE[name](np.float64(x))
    roundings, floor = BOUND[name]
    error = np.abs(kernels.unary(name, x) - expected) / oracle.U
    worst = int(np.argmax(error - roundings * np.maximum(np.abs(expected), floor)))
    limit = roundings * max(abs(expected[worst]), floor)
    assert error[worst] <= limit, f"{name}({x[worst]!r}) is off by {error[worst]:.2f} roundings"


@pytest.mark.parametrize("name", REFERENCE)
def test_nan_is_never_hidden(vectors, name):
    x = np.float32([0.3, np.nan, 2, 7])
    np.testing.assert_array_equal(np.isnan(kernels.unary(name, x)), np.isnan(x))


def test_log_gamma_of_a_double():
    """1e-14 of the larger of the value and 1."""
    x = np.concatenate([np.geomspace(1e-4, 1e6, 20_001), np.linspace(0.5, 12, 20_001), [1, 2, 10]])
    expected = scipy.special.gammaln(x)
    error = np.abs(kernels.log_gamma(x) - expected)
    assert (error <= 1e-14 * np.maximum(np.abs(expected), 1)).all()
