"""Unary functions in units in the last place (ulp) against float64.

The metric is |got - reference| / ulp(reference). The reference is NumPy's float64 value, whose
error of 2^-29 float32 ulp is negligible. ulp is the float32 spacing in the reference's binade. The
engine may flush subnormals to zero, in arguments and in results. Where the reference is below the
smallest normal float32, the result must be below it too. The domain of log is the positive normal
numbers and infinity. The optimizer's reciprocal square root has the same domain without infinity.
The engine never takes other arguments.
"""

from __future__ import annotations

import numpy as np
import oracle
import pytest
import scipy.special
from hooks import kernels

REFERENCE = {
    "exp": np.exp,
    "log": np.log,
    "tanh": np.tanh,
    "expm1": np.expm1,
    "sigmoid": oracle.sigmoid,
    "softplus": oracle.softplus,
    "reciprocal_sqrt": lambda x: 1 / np.sqrt(x),
}
MAX_ULP = {
    "exp": 2, "log": 4, "tanh": 4, "expm1": 2, "sigmoid": 4, "softplus": 4, "reciprocal_sqrt": 4,
}  # fmt: skip
# Where each function bends, changes branch, underflows or overflows; swept besides the bit
# patterns.
INTERVALS = {
    "exp": [(-87.4, -86.0), (-1, 1), (86.0, 88.7229)],
    "log": [(0.5, 2.0), (0.99, 1.01), (1e-8, 1e-6)],
    "tanh": [(-1e-3, 1e-3), (-1, 1), (7, 11)],
    "expm1": [(-1e-3, 1e-3), (-1, 1), (80, 88)],
    "sigmoid": [(-88, -80), (-2, 2), (14, 20)],
    "softplus": [(-88, -80), (-2, 2), (12, 20)],
    "reciprocal_sqrt": [(1, 4), (1e-12, 1e-11)],
}
POSITIVE = ("log", "reciprocal_sqrt")
TRIG = {"sin_2pi": np.sin, "cos_2pi": np.cos}


def sweep(name):
    """Every 1021st float32 bit pattern, of all magnitudes and both signs, and the intervals."""
    bits = np.arange(0, 2**32, 1021, dtype=np.uint32).view(np.float32)
    bits = bits[np.isfinite(bits) & (np.abs(bits) >= oracle.TINY)]
    if name in POSITIVE:
        bits = bits[bits > 0]
    if name == "expm1":
        bits = bits[bits <= 88]
    parts = [np.linspace(lo, hi, 200_003, dtype=np.float32) for lo, hi in INTERVALS[name]]
    return np.concatenate([bits, *parts])


def ulp(reference):
    exponent = np.floor(np.log2(np.maximum(np.abs(reference), oracle.TINY)))
    return 2.0 ** (exponent - 23)


def check(name, x):
    got = np.float64(kernels.unary(name, x))
    with np.errstate(over="ignore", under="ignore"):
        expected = REFERENCE[name](np.float64(x))
    largest = float(np.finfo(np.float32).max)
    beyond = np.abs(expected) > largest * (1 + oracle.U)  # rounds to infinity
    np.testing.assert_array_equal(got[beyond], np.copysign(np.inf, expected[beyond]))
    below = np.abs(expected) < oracle.TINY
    assert (np.abs(got[below]) <= oracle.TINY).all()

    # Within MAX_ULP of the largest float32, an allowed error may round to infinity.
    edge = np.abs(expected) > largest * (1 - 2 * MAX_ULP[name] * oracle.U)
    usual = ~(beyond | below | edge)
    error = np.abs(got[usual] - expected[usual]) / ulp(expected[usual])
    worst = int(np.argmax(error))
    argument = x[usual][worst]
    assert error[worst] <= MAX_ULP[name], f"{name}({argument!r}) is off by {error[worst]:.2f} ulp"


@pytest.mark.parametrize("name", REFERENCE)
def test_ulp_over_all_magnitudes(isa, name):
    check(name, sweep(name))


@pytest.mark.parametrize("name", REFERENCE)
def test_every_length_has_an_accurate_tail(isa, name):
    rng = np.random.default_rng(0)
    for n in range(1, 131):
        x = rng.normal(scale=4, size=n).astype(np.float32)
        check(name, np.abs(x) if name in POSITIVE else x)


@pytest.mark.parametrize("name", [*REFERENCE, *TRIG])
def test_nan_is_never_hidden(isa, name):
    """A diverged model must be noticed: NaN in gives NaN out, in any lane."""
    for lane in range(17):
        x = np.full(17, 0.25, dtype=np.float32)
        x[lane] = np.nan
        got = kernels.unary(name, x)
        np.testing.assert_array_equal(np.isnan(got), np.isnan(x))


@pytest.mark.parametrize(
    ("name", "argument", "value"),
    [
        ("exp", 0.0, 1.0),
        ("exp", -np.inf, 0.0),
        ("exp", np.inf, np.inf),
        ("log", 1.0, 0.0),
        ("log", np.inf, np.inf),
        ("tanh", 0.0, 0.0),
        ("sigmoid", 0.0, 0.5),
        ("sigmoid", np.inf, 1.0),
        ("sigmoid", -np.inf, 0.0),
        ("softplus", np.inf, np.inf),
        ("softplus", -np.inf, 0.0),
    ],
)
def test_exact_values(isa, name, argument, value):
    got = kernels.unary(name, np.full(3, argument, dtype=np.float32))
    np.testing.assert_array_equal(got, np.full(3, value, dtype=np.float32))


@pytest.mark.parametrize("argument", [8.0, 10.0, 20.0, 88.0, 1e6, 3e38, np.inf])
def test_tanh_saturates_within_its_bound(isa, argument):
    check("tanh", np.float32([argument, -argument]))
    assert np.abs(kernels.unary("tanh", np.float32([argument, -argument]))).max() <= 1


@pytest.mark.parametrize("name", TRIG)
def test_trigonometry_of_a_turn(isa, name):
    """The absolute error is at most 4 * 2^-24 on the uniforms k * 2^-24, k = 0 .. 2^24 - 1.

    Folding u to |t| <= 1/4 turn is exact. The factor 2 pi and the product 2 pi t are rounded once
    each. A relative 2u of an angle of at most pi/2 moves the result by at most 2u * max|a sin a| =
    pi u. A polynomial of value at most 1 adds its last rounding, u/2 to u. In all this is below 4.2
    u, and smaller still when t is folded to 1/8 turn.
    """
    u = (np.arange(0, 2**24, 5) * 2.0**-24).astype(np.float32)
    u = np.append(u, np.float32([0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1 - 2.0**-24]))
    got = np.float64(kernels.unary(name, u))
    error = np.abs(got - TRIG[name](2 * np.pi * np.float64(u)))
    worst = int(np.argmax(error))
    assert error[worst] <= 4.2 * oracle.U, f"{name}({u[worst]!r}) is off by {error[worst]:.2e}"


def test_log_factorial(isa):
    """Exactly 0 for 0 and 1; else within 4 roundings of the larger of itself and 10."""
    x = np.float32([*range(3000), *np.logspace(3.5, 7, 50).round()])
    for counts in (x, x[:1], x[:5], x[:37]):
        expected = scipy.special.gammaln(np.float64(counts) + 1)
        got = kernels.unary("log_factorial", counts)
        assert (got[counts < 2] == 0).all()
        assert (np.abs(got - expected) <= 4 * oracle.U * np.maximum(10, expected)).all()
