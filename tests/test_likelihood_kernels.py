"""The latent layer against its float64 twin, and likelihoods where a bound on them is known.

Tolerances are first-order rounding analyses, as in likelihoods/__init__.py.
"""

from __future__ import annotations

import math

import numpy as np
import oracle
import pytest
from hooks import kernels
from likelihoods.gaussian import FLOOR
from oracle import U, assert_close, gamma

ESTIMATORS = ("analytic-kl", "monte-carlo", "score-function")


def randoms(rng, *shape, scale=1.0):
    return rng.normal(scale=scale, size=shape).astype(np.float32)


# --- likelihoods, where the twins' tolerances are wide (others: test_families.py) --------------


def test_a_certain_and_correct_answer_costs_nothing(isa):
    certain = np.float32([[1e30, -1e30, 1e4, -1e4]])
    r, (dlogits,) = kernels.likelihood("bernoulli", [certain], np.float32([[1, 0, 1, 0]]))
    assert r[0] == 0
    assert (dlogits == 0).all()


@pytest.mark.parametrize("raw", [-40.3, -98.7, -1234.567, -98765.43, -1e10, -1e30])
def test_log_variance_floor_holds(isa, raw):
    """However low the raw output is, the density is that of the floor, to its own precision."""
    mean, x = np.zeros((1, 3), dtype=np.float32), np.full((1, 3), 0.01, dtype=np.float32)
    outputs = [mean, np.full((1, 3), raw, dtype=np.float32)]
    r, (dmean, dlog_var) = kernels.likelihood("gaussian", outputs, x)
    precision = math.exp(-FLOOR)
    square = float(x[0, 0]) ** 2 * precision
    scale = math.log(2 * math.pi) + abs(FLOOR) + square * (1 + abs(FLOOR))
    expected = -1.5 * (math.log(2 * math.pi) + FLOOR + square)
    assert abs(r[0] - expected) <= gamma(20) * 1.5 * scale
    gradient = float(x[0, 0]) * precision
    np.testing.assert_allclose(dmean, gradient, rtol=gamma(20 + 2 * abs(FLOOR)))
    assert (np.abs(dlog_var) <= 10 * U * (1 + square)).all()


@pytest.mark.parametrize("likelihood", ["log-normal", "gamma", "beta"])
def test_a_value_that_rounds_to_an_end_is_the_next_one_inside(isa, likelihood):
    """In float32, 1e-50 is 0 and 1 - 1e-10 is 1. They count as the next normal numbers inside."""
    outputs = [np.float32([[0.3, 0.3]]), np.float32([[-0.4, -0.4]])]
    ends, inside = np.float32([[0, 1]]), np.float32([[2.0**-126, 1 - 2.0**-24]])
    if likelihood != "beta":
        ends[0, 1] = inside[0, 1]
    (r, gradients), (r_inside, inner) = (
        kernels.likelihood(likelihood, outputs, x) for x in (ends, inside)
    )
    assert np.isfinite(r).all()
    np.testing.assert_array_equal(r, r_inside)
    np.testing.assert_array_equal(gradients, inner)


# --- latent layer: values ---------------------------------------------------------------------


def latent_arguments(rng, n, n_latent, n_draws, scale=1.0):
    mean, log_var = randoms(rng, n, n_latent), randoms(rng, n, n_latent, scale=scale)
    return mean, log_var, randoms(rng, n_draws, n, n_latent)


def check_latent_sample(mean, log_var, noise, estimator):
    z, term = kernels.latent_sample(mean, log_var, noise, estimator)
    mean, log_var, noise = np.float64(mean), np.float64(log_var), np.float64(noise)
    expected_z, expected_term = oracle.latent_sample(mean, log_var, noise, estimator)
    n_draws, _, n_latent = noise.shape
    what = f"latent_sample {estimator} {noise.shape}"

    spread = np.abs(np.exp(log_var / 2) * noise)  # exp and a product: 4 u + u
    dz = 5 * U * spread + U * np.abs(mean + np.exp(log_var / 2) * noise)
    assert_close(z, expected_z, oracle.as_rows(dz), f"{what} z")
    if estimator == "analytic-kl":
        scale = 0.5 * (1 + np.abs(log_var) + mean**2 + np.exp(log_var)).sum(1)
        tolerance = gamma(4 * n_latent + 8) * scale
    else:
        absz = np.abs(mean) + spread
        scale = 0.5 * (np.abs(log_var) + noise**2 + absz**2).sum(2).mean(0)
        tolerance = gamma(3 * n_latent * n_draws + 8) * scale + (absz * dz).sum(2).mean(0)
    assert_close(term, expected_term, tolerance, f"{what} term")


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_latent_sample_over_sizes(isa, estimator):
    rng = np.random.default_rng(2)
    for n_latent in [*range(1, 40), 63, 64, 65, 200]:
        for n_draws in (1, 3):
            for scale in (1.0, 8.0):
                arguments = latent_arguments(rng, 4, n_latent, n_draws, scale)
                check_latent_sample(*arguments, estimator)


def test_kl_term_agrees_with_monte_carlo(isa):
    """The closed form agrees with the mean of 40 000 draws per row, to 5 standard errors.

    With six rows, a correct engine would fail for about 3 in a million seeds.
    """
    rng = np.random.default_rng(3)
    n_draws = 40_000
    mean, log_var, _ = latent_arguments(rng, 6, 3, 1)
    _, exact = kernels.latent_sample(mean, log_var, np.zeros((1, 6, 3), np.float32), "analytic-kl")
    for row in range(6):
        means, log_vars = (np.repeat(a[row : row + 1], n_draws, axis=0) for a in (mean, log_var))
        noise = randoms(rng, 1, n_draws, 3)
        _, draws = kernels.latent_sample(means, log_vars, noise, "monte-carlo")
        standard_error = np.float64(draws).std() / math.sqrt(n_draws)
        assert abs(np.float64(draws).mean() - exact[row]) <= 5 * standard_error


def test_kl_term_vanishes_at_the_prior_only(isa):
    zero = np.zeros((1, 5), dtype=np.float32)
    noise = np.ones((1, 1, 5), dtype=np.float32)
    assert kernels.latent_sample(zero, zero, noise, "analytic-kl")[1][0] == 0
    for mean, log_var in [(0.1, 0.0), (0.0, 0.1), (0.0, -0.1)]:
        shifted = (zero + np.float32(mean), zero + np.float32(log_var))
        assert kernels.latent_sample(*shifted, noise, "analytic-kl")[1][0] < 0


# --- latent layer: gradients ------------------------------------------------------------------


def latent_backward_tolerance(mean, log_var, noise, dz, f, estimator):
    """The twin's sums over absolute terms, times gamma of all their roundings."""
    n_draws, n, _ = noise.shape
    dz = np.abs(np.swapaxes(dz.reshape(n, n_draws, -1), 0, 1))
    sigma = np.exp(log_var / 2)
    spread = np.abs(sigma * noise)
    if estimator == "score-function":
        f = np.abs(f.reshape(n, n_draws).T[:, :, None])
        dmean, dlog_var = f * np.abs(noise) / sigma, f * (noise**2 + 1) / 2
        return gamma(n_draws + 10) * dmean.mean(0), gamma(n_draws + 10) * dlog_var.mean(0)
    if estimator == "monte-carlo":
        dz = dz + (np.abs(mean) + spread) / n_draws
        dmean, dlog_var = dz.sum(0), (dz * spread / 2).sum(0) + 0.5
    else:
        dmean = dz.sum(0) + np.abs(mean)
        dlog_var = (dz * spread / 2).sum(0) + 0.5 * (1 + np.exp(log_var))
    return gamma(2 * n_draws + 16) * dmean, gamma(2 * n_draws + 16) * dlog_var


def check_latent_backward(arguments, dz, f, estimator):
    got = kernels.latent_backward(*arguments, dz, f, estimator)
    exact = [np.float64(a) for a in (*arguments, dz, f)]
    expected = oracle.latent_backward(*exact, estimator)
    tolerances = latent_backward_tolerance(*exact, estimator)
    for name, g, e, t in zip(("dmean", "dlog_var"), got, expected, tolerances, strict=True):
        assert_close(g, e, t, f"latent_backward {estimator} {arguments[2].shape} {name}")


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_latent_backward_over_sizes(isa, estimator):
    rng = np.random.default_rng(4)
    for n_latent in [*range(1, 40), 63, 64, 65, 200]:
        for n_draws in (1, 3):
            arguments = latent_arguments(rng, 4, n_latent, n_draws, scale=2)
            dz, f = randoms(rng, 4 * n_draws, n_latent), randoms(rng, 4 * n_draws, scale=50)
            check_latent_backward(arguments, dz, f, estimator)


def objective(mean, log_var, noise, estimator, frozen):
    """A bound with r(z) = sum sin(z) in place of the likelihood, for numerical derivatives.

    `frozen` holds z and f of the score function's surrogate, which are constant in the gradient.
    """
    if estimator == "score-function":
        z, f = frozen
        log_q = -0.5 * (log_var + (z - mean) ** 2 * np.exp(-log_var)).sum(2)
        return (f * log_q).mean(0).sum()
    z, term = oracle.latent_sample(mean, log_var, noise, estimator)
    return term.sum() + np.sin(z).sum() / len(noise)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_latent_backward_against_central_differences(isa, estimator):
    """Central differences in float64, h = 1e-4: truncation is h^2/6 times a third derivative.

    It is below 1e-7 of the gradient's scale here, which is 2 u in the units of the rounding
    tolerance. That tolerance is at least gamma(18). The test doubles it to hold both.
    """
    rng = np.random.default_rng(5)
    arguments = latent_arguments(rng, 3, 4, 2, scale=0.5)
    mean, log_var, noise = (np.float64(a) for a in arguments)
    z = mean + np.exp(log_var / 2) * noise
    f = np.sin(z).sum(2) + oracle.log_ratio(mean, log_var, noise)
    dz32 = oracle.as_rows(np.cos(z) / 2).astype(np.float32)
    f32 = oracle.as_rows(f).astype(np.float32)
    got = kernels.latent_backward(*arguments, dz32, f32, estimator)

    h, exact = 1e-4, (mean, log_var, noise, np.float64(dz32), np.float64(f32))
    for which, tolerance in enumerate(latent_backward_tolerance(*exact, estimator)):
        for index in np.ndindex(mean.shape):
            shift = np.zeros_like(mean)
            shift[index] = h
            ends = []
            for sign in (1, -1):
                moved = [mean, log_var]
                moved[which] = moved[which] + sign * shift
                ends.append(objective(*moved, noise, estimator, (z, f)))
            slope = (ends[0] - ends[1]) / (2 * h)
            assert abs(got[which][index] - slope) <= 2 * tolerance[index]
