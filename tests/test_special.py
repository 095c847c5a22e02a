"""Special functions against SciPy's in float64."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
import scipy.special
from hooks import kernels


def stirling(y, power, series, exact):
    """A remainder of Stirling's series. The exact value cancels for large y; more terms do not."""
    more = np.polynomial.polynomial.polyval(1 / y**2, series) / y**power
    return np.where(y > 12, more, exact)


def stirling_error(y):
    series = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156]
    exact = scipy.special.gammaln(y) - (y - 0.5) * np.log(y) + y - np.log(2 * np.pi) / 2
    return stirling(y, 1, series, exact)


def stirling_slope(y):
    series = [-1 / 12, 1 / 120, -1 / 252, 1 / 240, -1 / 132, 691 / 32760, -1 / 12]
    return stirling(y, 2, series, scipy.special.digamma(y) - np.log(y) + 0.5 / y)


REFERENCE = {
    "log_gamma": scipy.special.gammaln,
    "digamma": scipy.special.digamma,
    "trigamma": lambda x: scipy.special.polygamma(1, x),
    "stirling_error": stirling_error,
    "stirling_slope": stirling_slope,
}
# A bound on |got - reference|: this many roundings (2^-24) of the larger of |reference| and the
# second number. log_gamma has zeros at 1 and 2, and is accurate there. Near digamma's zero, 1.46,
# terms of up to 3 cancel. Stirling's polynomials in 1 / y have fits within 1 and 2 roundings. Their
# sums, about 1/12, have terms of 1/11 in all, which is 3 roundings with the last sum. The factors 1
# / y and 1 / y^2 have 2 and 3 more.
BOUND = {
    "log_gamma": (8, 0),
    "digamma": (10, 1),
    "trigamma": (5, 0),
    "stirling_error": (6, 0),
    "stirling_slope": (8, 0),
}


def arguments(name):
    """[1e-4, 1e6], or [1, 1e6] for Stirling, and closely around zeros and changes of branch."""
    joints = np.float32([0.5, 1.0, 1.4616321, 1.5, 2.0, 2.5, 3.5, 5.0])
    steps = np.float32([-1e-2, -1e-4, -1e-6, 0, 1e-6, 1e-4, 1e-2])
    near = (joints[:, None] * (1 + steps)).ravel()
    x = np.concatenate(
        [np.geomspace(1e-4, 1e6, 200_001), np.linspace(0.4, 6, 200_001), near]
    ).astype(np.float32)
    return x[x >= 1] if name.startswith("stirling") else x


@pytest.mark.parametrize("name", REFERENCE)
def test_accuracy(vectors, name):
    x = arguments(name)
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


def log_minus_linear(e):
    """log(1 + e) - e in float64. Near 0 it cancels there, too, and has its series."""
    near = np.clip(e, -1e-2, 1e-2)
    series = sum((-1) ** (k + 1) * near**k / k for k in range(2, 9))
    return np.where(np.abs(e) < 1e-2, series, np.log1p(e) - e)


def test_log_minus_linear(vectors):
    """Ten roundings of the result in [-1/2, 1]; elsewhere those of log(1 + e), 8, and of e."""
    tiny = np.geomspace(1e-18, 1, 100_001)
    e = np.concatenate(
        [np.linspace(-0.999, 2, 200_001), tiny, -tiny / 2, np.geomspace(1, 1e30, 99)]
    )
    e = e.astype(np.float32)
    exact = np.float64(e)
    expected = log_minus_linear(exact)
    is_near = (exact >= -0.5) & (exact < 1)
    bound = np.where(is_near, 10 * np.abs(expected), 10 * np.abs(np.log1p(exact)) + np.abs(exact))
    error = np.abs(kernels.unary("log_minus_linear", e) - expected)
    assert (error <= oracle.U * bound + oracle.TINY).all()


def half_steps(y):
    """The functions below, and their asymptotic series from 100 on, where float64 cancels."""
    r = 1 / y
    gap = scipy.special.gammaln(y + 0.5) - scipy.special.gammaln(y) - np.log(y) / 2
    slope = scipy.special.digamma(y + 0.5) - scipy.special.digamma(y) - r / 2
    gap_series = -r / 8 + r**3 / 192 - r**5 / 640
    slope_series = r**2 / 8 - r**4 / 64 + r**6 / 128
    return np.where(y < 100, gap, gap_series), np.where(y < 100, slope, slope_series)


def test_steps_of_a_half(vectors):
    """log Gamma(y + 1/2) - log Gamma(y) - log(y) / 2, and its derivative: five roundings."""
    y = np.concatenate([np.linspace(1, 10, 100_001), np.geomspace(10, 1e6, 10_001)])
    y = y.astype(np.float32)
    for name, expected in zip(("gap", "slope"), half_steps(np.float64(y)), strict=True):
        error = np.abs(kernels.unary(f"half_step_{name}", y) / expected - 1)
        worst = int(np.argmax(error))
        assert error[worst] <= 5 * oracle.U, f"{name}({y[worst]!r}): {error[worst] / oracle.U:.2f}"


@pytest.mark.parametrize("name", ["log_minus_linear", "half_step_gap", "half_step_slope"])
def test_nan_is_not_hidden_by_a_branch(vectors, name):
    x = np.float32([1.5, np.nan, 2, 7])
    np.testing.assert_array_equal(np.isnan(kernels.unary(name, x)), np.isnan(x))
