"""Every prior of the catalogue against SciPy: log p(z), its gradient and draws."""

from __future__ import annotations

import numpy as np
import posteriors
import pytest
from hooks import kernels
from oracle import U
from scipy import stats
from scipy.special import gammaln

from aevb import _core

PRIORS = _core.priors()
SIZES = [1, 2, 3, 7, 8, 9, 16, 17, 31, 40]
names = pytest.mark.parametrize("name", PRIORS)


def support(name):
    return PRIORS[name][0]


def points(name, n, n_latent):
    """Draws of z, some of them far from the mode."""
    rng = np.random.default_rng(n_latent)
    z = rng.normal(scale=2, size=(n, n_latent))
    if support(name) == "positive":
        z = np.exp(z)
    if support(name) == "unit-interval":
        z = 1 / (1 + np.exp(-z))
    if support(name) == "simplex":
        z = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    return z.astype(np.float32)


def log_density(name, z):
    if support(name) == "simplex":
        return np.full(z.shape, gammaln(z.shape[1]) / z.shape[1])
    return posteriors.prior(name).logpdf(np.float64(z))


@names
def test_log_p_is_scipys(vectors, name):
    for n_latent in SIZES:
        z = points(name, 30, n_latent)
        terms = log_density(name, z)
        got = kernels.prior_log_density(name, z)
        tolerance = 16 * U * (2 + np.abs(terms) + np.abs(np.log(np.abs(z)))).sum(1)
        assert (np.abs(got - terms.sum(1)) <= tolerance).all()


@names
def test_the_gradient_is_the_derivative(vectors, name):
    """Five-point differences of SciPy's log-density, with steps relative to z."""
    for n_latent in SIZES:
        z = points(name, 30, n_latent)
        at, slope = np.float64(z), 0.0
        h = 1e-3 * np.minimum(np.abs(at), 1)
        if support(name) == "unit-interval":
            h = 1e-3 * np.minimum(at, 1 - at)
        for k, weight in posteriors.FIVE_POINTS:
            slope = slope + weight * log_density(name, at + k * h) / h
        for scale in (1.0, -0.4):
            got = kernels.prior_gradient(name, z, scale)
            np.testing.assert_allclose(got, scale * slope, rtol=2e-5, atol=2e-5)


@names
def test_draws_have_the_distribution(vectors, name):
    n = 20_000
    z = kernels.prior_draw(name, 3, n, 5)
    p = posteriors.prior(name)
    if support(name) == "simplex":
        p = stats.beta(1, 4)
        np.testing.assert_allclose(z.sum(1), 1, atol=1e-6)
    levels = p.cdf(np.float64(z))
    for column in levels.T:
        assert stats.kstest(column, "uniform").pvalue > 1e-5
    if support(name) != "simplex":
        assert np.abs(np.corrcoef(levels.T) - np.eye(5)).max() < 5 / np.sqrt(n)
        assert np.isfinite(kernels.prior_log_density(name, z)).all()


@names
def test_any_number_of_components(vectors, name):
    for n_latent in SIZES:
        z = kernels.prior_draw(name, 3, 11, n_latent)
        assert np.isfinite(z).all()
        if support(name) != "real":
            assert (z > 0).all()
