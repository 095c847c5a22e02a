"""Draws of a gamma distribution and their derivative by its shape, against SciPy in float64."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats
from hooks import kernels

ALPHAS = [0.01, 0.3, 1, 3, 50, 1e4]
N = 100_000


def draws(alpha, u=None):
    """log z of float32 alpha, from a fixed seed."""
    if u is None:
        u = np.random.default_rng(0).random((4, N), dtype=np.float32)
    return kernels.sample_gamma(u, np.full(u.shape[1], alpha, dtype=np.float32))


def cumulative(alpha, log_z):
    """F(z; alpha). For z below 1e-13, the first term of the series, in logarithms."""
    alpha, log_z = float(np.float32(alpha)), np.float64(log_z)
    first = np.exp(np.minimum(0, alpha * log_z - scipy.special.gammaln(alpha + 1)))
    z = np.exp(np.clip(log_z, -700, 700))
    return np.where(log_z < -30, first, scipy.special.gammainc(alpha, z))


def check_distribution(alpha, log_z):
    """The Kolmogorov-Smirnov test, which the fixed seed passes at 1e-3."""
    assert scipy.stats.kstest(cumulative(alpha, log_z), "uniform").pvalue > 1e-3


@pytest.mark.parametrize("alpha", ALPHAS)
def test_distribution(vectors, alpha):
    check_distribution(alpha, draws(alpha))


@pytest.mark.parametrize("alpha", [0.01, 1])
def test_distribution_after_a_rejection(vectors, alpha):
    """Normals below -2.5 make the first proposal negative, so every lane is drawn again."""
    u = np.random.default_rng(0).random((4, 5 * N), dtype=np.float32)
    u[0] = 0.96 + 0.03 * u[0]
    u[1] = 0.49 + 0.02 * u[1]
    check_distribution(alpha, draws(alpha, u))


def test_a_draw_depends_on_its_own_noise_only(vectors):
    rng = np.random.default_rng(0)
    u = rng.random((4, 1000), dtype=np.float32)
    alpha = rng.uniform(0.01, 2, 1000).astype(np.float32)
    log_z = kernels.sample_gamma(u, alpha)
    order = rng.permutation(1000)[:-3]
    np.testing.assert_array_equal(kernels.sample_gamma(u[:, order], alpha[order]), log_z[order])


@pytest.mark.parametrize("row", range(4))
def test_a_redraw_depends_on_each_uniform(vectors, row):
    u = np.repeat(np.float32([[0.97], [0.5], [0.5], [0.5]]), 1000, axis=1)
    u[row] += np.linspace(0, 0.01, 1000, dtype=np.float32)
    assert len(np.unique(draws(1, u))) > 990


def test_ends_of_the_noise(vectors):
    """All corners of the uniforms give finite draws, at all sizes of alpha."""
    ends = np.float32([0, 2.0**-24, 0.5, 1 - 2.0**-24])
    u = np.stack(np.meshgrid(*[ends] * 4)).reshape(4, -1)
    for alpha in (1e-3, 1, 1e4):
        assert np.isfinite(draws(alpha, u)).all()


@pytest.mark.parametrize("alpha", [np.nan, np.inf, -1])
def test_a_bad_shape_gives_nan(vectors, alpha):
    log_z = draws(alpha, np.full((4, 5), 0.3, dtype=np.float32))
    assert np.isnan(log_z).all()


def shapes_and_draws():
    """Shapes in [1e-3, 1e4], each with z from far in one tail to far in the other."""
    tail = 10.0 ** np.arange(-9, -1.0)
    pairs = []
    shapes = np.concatenate([np.geomspace(1e-3, 24, 40), np.geomspace(24, 1e4, 15)])
    for alpha in np.float32(shapes):
        a = np.float64(alpha)
        q = np.concatenate([tail, np.linspace(0.02, 0.98, 25)])
        z = np.concatenate([scipy.special.gammaincinv(a, q), scipy.special.gammainccinv(a, tail)])
        pairs += [(alpha, log_z) for log_z in np.log(z[z > 1e-290])]
    return np.float32(pairs).T


def sensitivity(alpha, log_z):
    """d log z / d alpha by Richardson's extrapolation of SciPy's quantiles."""
    alpha, z = np.float64(alpha), np.exp(np.float64(log_z))
    p, q = scipy.special.gammainc(alpha, z), scipy.special.gammaincc(alpha, z)

    def log_quantile(a):
        below, above = scipy.special.gammaincinv(a, p), scipy.special.gammainccinv(a, q)
        return np.log(np.where(p < 0.5, below, above))

    def difference(h):
        return (log_quantile(alpha + h) - log_quantile(alpha - h)) / (2 * h)

    return (4 * difference(5e-4 * alpha) - difference(1e-3 * alpha)) / 3


def test_sensitivity(vectors):
    """The relative error is below 4e-6 everywhere, and below 5e-7 in the median."""
    alpha, log_z = shapes_and_draws()
    got, expected = kernels.gamma_sensitivity(alpha, log_z), sensitivity(alpha, log_z)
    error = np.abs(got / expected - 1)
    worst = int(np.argmax(error))
    assert error[worst] < 4e-6, f"{error[worst]:.1e} at {alpha[worst]!r}, {log_z[worst]!r}"
    assert np.median(error) < 5e-7


def test_sensitivity_of_a_tiny_draw(vectors):
    """Where z underflows, F = z^alpha / Gamma(alpha + 1) exactly."""
    alpha = np.float32([1e-3, 1e-3, 0.01, 0.1])
    log_z = np.float32([-17000, -200, -1200, -150])
    expected = (scipy.special.digamma(np.float64(alpha) + 1) - log_z) / np.float64(alpha)
    np.testing.assert_allclose(kernels.gamma_sensitivity(alpha, log_z), expected, rtol=1e-6)


@pytest.mark.parametrize("alpha", [0.01, 0.3, 3, 50])
def test_mean_sensitivity(vectors, alpha):
    """The derivative of E[log(1 + z)], and of E[log z], is a mean over draws.

    The bound is four standard errors. By quadrature, with E over log z.
    """
    log_z = draws(alpha)
    slope = np.float64(kernels.gamma_sensitivity(np.full(N, alpha, dtype=np.float32), log_z))

    def check(per_draw, expected):
        assert abs(per_draw.mean() - expected) < 4 * per_draw.std() / np.sqrt(N)

    check(slope, scipy.special.polygamma(1, alpha))

    def expectation(a):
        def integrand(t):
            return np.logaddexp(0, t) * np.exp(a * t - np.exp(t) - scipy.special.gammaln(a))

        return scipy.integrate.quad(integrand, -60, 8, points=[-3, np.log(a + 1)], limit=200)[0]

    h = 1e-3 * alpha
    derivative = (expectation(alpha + h) - expectation(alpha - h)) / (2 * h)
    check(slope * scipy.special.expit(np.float64(log_z)), derivative)


def test_nan_is_never_hidden(vectors):
    alpha = np.float32([np.nan, 0.5, 0.5, 3, 3, 100, 100])
    log_z = np.float32([0, np.nan, -3, np.nan, 1, np.nan, 4.6])
    got = kernels.gamma_sensitivity(alpha, log_z)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(alpha + log_z))
