"""The gradients that reach the encoder through draws of z, and those of the KL divergence."""

from __future__ import annotations

import numpy as np
import posteriors
from hooks import kernels
from posteriors import twin
from scipy import stats
from test_posteriors import (
    POSTERIORS,
    examples,
    float64,
    independent,
    names,
    noise_for,
    where,
    with_kl,
)

# Columns of `weights`: term, through, density, score.
THROUGH = (0, 1, 0, 0)


def backward(name, outputs, noise, dz, weights=THROUGH, **options):
    """The gradient for each output, where all draws have the same weights."""
    prior = POSTERIORS[name]["prior"]
    weights = np.broadcast_to(np.float32(weights), (len(dz), 4)).copy()
    dz = np.float32(dz)
    return kernels.posterior_backward(name, prior, outputs, noise, dz, weights, **options)


@where(lambda own, _: getattr(own, "PATHWISE", "explicit") == "explicit")
def test_explicit_draws_have_their_derivatives(vectors, name):
    """Five-point differences of draws in float32. h = 1/32, so rounding is of order 2e-6 |z|."""
    outputs, n = examples(name, 200, 3), 200
    noise, dz = noise_for(name, 1, n, 3), np.random.default_rng(0).normal(size=(n, 3))
    got = backward(name, outputs, noise, dz)

    def f(moved):
        moved = [np.float32(a) for a in moved]
        z, *_ = kernels.posterior_sample(name, POSTERIORS[name]["prior"], moved, noise)
        return dz * z

    size = np.abs(f(outputs)).sum(1, keepdims=True)
    for gradient, expected in zip(
        got, posteriors.derivatives(twin(name), outputs, f, h=1 / 32), strict=True
    ):
        tolerance = 1e-4 * (1 + size) + 2e-3 * np.abs(expected)
        near = np.broadcast_to(size < 100, expected.shape)
        assert (np.abs(gradient - expected) <= tolerance)[near].all()
        assert near.mean() > 0.8


@where(lambda own, _: getattr(own, "PATHWISE", "explicit") == "cdf")
def test_implicit_derivatives_are_those_at_a_constant_cdf(vectors, name):
    """dz / d output = -(dF / d output) / p(z), by differences of the CDF."""
    own, outputs = twin(name), examples(name, 200, 3)
    noise = noise_for(name, 1, 200, 3)
    got = backward(name, outputs, noise, np.ones((200, 3)))
    z, *_ = kernels.posterior_sample(name, POSTERIORS[name]["prior"], outputs, noise)
    z = np.float64(z)
    slopes = posteriors.derivatives(own, outputs, lambda moved: own.marginals(moved).cdf(z))
    density = own.marginals(float64(outputs)).pdf(z)
    for gradient, slope in zip(got, slopes, strict=True):
        known = density * z > 1e-6  # elsewhere the differences cancel
        expected = -slope[known] / density[known]
        np.testing.assert_allclose(gradient[known], expected, rtol=2e-3, atol=1e-5)
        assert known.mean() > 0.8


@names
def test_the_mean_gradient_is_that_of_the_expectation(vectors, name):
    """Of E arctan z against quadrature, over 20 000 draws: t tests of every output."""
    n, own = 20_000, twin(name)
    outputs = examples(name, 1, 3, seed=3)
    rows = [np.repeat(a, n, axis=0) for a in outputs]
    noise = noise_for(name, 1, n, 3, seed=1)
    z, *_ = kernels.posterior_sample(name, POSTERIORS[name]["prior"], rows, noise)
    factor = np.array([1.0, -0.7, 0.4])  # else the sum is constant on a simplex, nearly
    got = backward(name, rows, noise, factor / (1 + np.float64(z) ** 2))

    def f(moved):
        return factor * posteriors.expectation(own, moved, np.arctan)

    expected = posteriors.derivatives(own, outputs, f)
    for gradient, exact in zip(got, expected, strict=True):
        error = np.float64(gradient).mean(0) - exact[0]
        assert (np.abs(error) < 5 * stats.sem(np.float64(gradient), axis=0) + 1e-5).all()


def has_fixed_ends(own, _):
    """Whether the support does not depend on the outputs."""
    outputs = own.examples(np.random.default_rng(0), 1, 3)
    ends = own.marginals(float64(outputs)).support()
    return all(np.isinf(end).all() or np.unique(end).size == 1 for end in ends)


@where(has_fixed_ends)
def test_the_score_has_mean_zero(vectors, name):
    n, outputs = 20_000, examples(name, 1, 3, seed=4)
    rows = [np.repeat(a, n, axis=0) for a in outputs]
    noise = noise_for(name, 1, n, 3, seed=2)
    for score in backward(name, rows, noise, np.zeros((n, 3)), weights=(0, 0, 0, 1)):
        score = np.float64(score)
        assert (np.abs(score.mean(0)) <= 5 * stats.sem(score, axis=0) + 1e-5).all()


@names
def test_a_gradient_is_the_sum_of_its_parts(vectors, name):
    """Through z of log p(x|z) and of the log ratio, the score, and the divergence.

    The whole is compared with the gradient through z of their sum. A weight of 0 through z makes
    dz void, even if it is NaN.
    """
    own, n_draws, info = twin(name), 3, POSTERIORS[name]
    outputs, rng = examples(name, 20, 3, seed=5), np.random.default_rng(0)
    noise, dz = noise_for(name, n_draws, 20, 3), rng.normal(size=(20 * n_draws, 3))
    weights = rng.normal(size=(20 * n_draws, 4)).astype(np.float32)
    weights[::7, 1] = 0
    z, *_ = kernels.posterior_sample(name, info["prior"], outputs, noise)
    rows = [np.repeat(a, n_draws, axis=0) for a in outputs]
    slope, *scores = posteriors.gradients(own, rows, z)
    _, through, density, score = np.float64(weights.T[:, :, None])
    slope_p = np.float64(kernels.prior_gradient(info["prior"], z))
    closed = info["has_kl"]
    void = np.where(through == 0, np.nan, dz)
    got = backward(name, outputs, noise, void, weights, closed_kl=closed, kl_weight=0.3)
    whole = through * dz + density * (slope_p - slope)
    reached = backward(name, outputs, noise, whole)
    size = backward(name, rows, noise.swapaxes(0, 1).reshape(1, 60, -1), np.ones((60, 3)))
    kl = [0 * a for a in outputs]
    if closed:
        kl = backward(name, outputs, noise, 0 * dz, 0 * weights, closed_kl=True)
    for i, gradient in enumerate(got):
        own_scores = score * scores[i]
        expected = reached[i] + own_scores.reshape(20, n_draws, -1).sum(1) + 0.3 * kl[i]
        largest = np.abs(whole).max(1)[:, None] * np.abs(size[i]) + np.abs(own_scores)
        tolerance = 1e-5 + 2e-5 * (largest.reshape(20, n_draws, -1).sum(1) + np.abs(kl[i]))
        assert (np.abs(gradient - expected) <= tolerance).all()


@with_kl
def test_the_divergences_gradient_is_its_derivative(vectors, name):
    own, outputs = twin(name), examples(name, 50, 3)
    nothing = np.zeros((50, 3))
    noise = noise_for(name, 1, 50, 3)
    got = backward(name, outputs, noise, nothing, (0, 0, 0, 0), closed_kl=True, kl_weight=0.7)
    prior = POSTERIORS[name]["prior"]
    slopes = posteriors.derivatives(
        own, outputs, lambda moved: posteriors.divergence(own, moved, prior)
    )
    for gradient, slope in zip(got, slopes, strict=True):
        np.testing.assert_allclose(gradient, -0.7 * slope, rtol=1e-4, atol=2e-5)


@independent
def test_the_gradient_is_the_same_at_any_number_of_components(vectors, name):
    n_noise, rng = POSTERIORS[name]["n_noise"], np.random.default_rng(0)
    for n_latent in (1, 2, 7, 8, 15, 16, 17, 33):
        outputs, noise = examples(name, 4, n_latent), noise_for(name, 1, 4, n_latent)
        dz, weights = rng.normal(size=(4, n_latent)), (0, 0.5, 0.3, 0.2)
        closed = POSTERIORS[name]["has_kl"]
        got = backward(name, outputs, noise, dz, weights, closed_kl=closed)
        column = [a[:, -1:].copy() for a in outputs]
        own_noise = noise.reshape(1, 4, n_noise, n_latent)[..., -1]
        alone = backward(name, column, own_noise, dz[:, -1:], weights, closed_kl=closed)
        for one, other in zip(got, alone, strict=True):
            np.testing.assert_array_equal(one[:, -1:], other)
