"""Leapfrog and Metropolis on Gaussians with known trajectories and moments."""

import numpy as np
import pytest
from hooks import kernels

PRECISION = np.float32([[2.0, 0.6, 0.0], [0.6, 1.0, -0.3], [0.0, -0.3, 0.5]])


def starts(n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, n, 3)).astype(np.float32)


def energy(z, velocity):
    z, velocity = np.float64(z), np.float64(velocity)
    return 0.5 * np.einsum("ni,ij,nj->n", z, np.float64(PRECISION), z) + 0.5 * (velocity**2).sum(1)


def leapfrog64(z, velocity, step, n):
    """The integrator as in a textbook, in float64."""
    z, velocity, P = np.float64(z), np.float64(velocity), np.float64(PRECISION)
    for _ in range(n):
        velocity = velocity - step / 2 * z @ P
        z = z + step * velocity
        velocity = velocity - step / 2 * z @ P
    return z, velocity


@pytest.mark.parametrize("n", [1, 2, 10])
def test_leapfrog_is_the_textbooks(n):
    z, v = starts(7)
    for got, expected in zip(
        kernels.gaussian_leapfrog(PRECISION, z, v, 0.3, n), leapfrog64(z, v, 0.3, n), strict=True
    ):
        # about 10 roundings of values up to 10 in each step
        np.testing.assert_allclose(got, expected, rtol=0, atol=n * 10 * 10 * 2**-24)


def test_leapfrog_is_reversible():
    z, v = starts(50)
    there, velocity = kernels.gaussian_leapfrog(PRECISION, z, v, 0.2, 20)
    back, reversed_ = kernels.gaussian_leapfrog(PRECISION, there, -velocity, 0.2, 20)
    assert np.abs(there - z).max() > 0.5
    np.testing.assert_allclose(back, z, rtol=0, atol=2e-5)
    np.testing.assert_allclose(-reversed_, v, rtol=0, atol=2e-5)


def test_leapfrog_preserves_volume():
    """The map is linear here. Its matrix, computed column by column, has determinant 1."""
    basis = np.eye(6, dtype=np.float32)
    z, v = kernels.gaussian_leapfrog(PRECISION, basis[:, :3], basis[:, 3:], 0.4, 7)
    assert np.linalg.det(np.float64(np.hstack([z, v]))) == pytest.approx(1.0, abs=1e-4)


def test_error_of_the_energy_is_of_second_order():
    z, v = starts(200)
    errors = []
    for step, n in [(0.4, 5), (0.2, 10), (0.1, 20)]:
        end = kernels.gaussian_leapfrog(PRECISION, z, v, step, n)
        errors.append(np.sqrt(np.mean((energy(*end) - energy(z, v)) ** 2)))
    # half the step gives a quarter of the error, except for terms of fourth order
    np.testing.assert_allclose(np.divide(errors[:-1], errors[1:]), 4.0, rtol=0.15)


def test_exp_of_the_lost_energy_has_mean_one_at_stationarity():
    """Creutz's identity: for z, v from exp(-H), E exp(H(z, v) - H(z', v')) = 1."""
    rng = np.random.default_rng(3)
    n = 50_000
    z = rng.multivariate_normal(np.zeros(3), np.linalg.inv(np.float64(PRECISION)), n)
    z, v = np.float32(z), rng.normal(size=(n, 3)).astype(np.float32)
    ratio = np.exp(energy(z, v) - energy(*kernels.gaussian_leapfrog(PRECISION, z, v, 0.8, 3)))
    assert ratio.std() > 0.05  # the step is long enough to matter
    assert abs(ratio.mean() - 1) < 4 * ratio.std() / np.sqrt(n)


@pytest.mark.parametrize("step", [0.3, 0.7])  # 6 * 0.9 would be half a period
def test_chains_have_the_moments(step):
    n_chains, n = 4000, 60
    draws, acceptance, n_divergent = kernels.gaussian_chains(
        PRECISION, n_chains, n, step, 6, seed=3, n_threads=2
    )
    last = np.float64(draws[-1])  # independent over the chains
    covariance = np.linalg.inv(np.float64(PRECISION))
    error = np.sqrt(np.diag(covariance) / n_chains)
    assert (np.abs(last.mean(0)) < 4.5 * error).all()
    # variance of a sample covariance: (s_ii s_jj + s_ij^2) / n
    spread = np.sqrt(
        (np.outer(np.diag(covariance), np.diag(covariance)) + covariance**2) / n_chains
    )
    assert (np.abs(np.cov(last.T) - covariance) < 4.5 * spread).all()
    assert sum(n_divergent) == 0
    assert 0.5 < np.mean(acceptance) / n <= 1.0


def test_an_unstable_step_diverges_and_stays():
    """Beyond 2 / sqrt(largest precision) the leapfrog is unstable, and nothing is accepted."""
    draws, acceptance, n_divergent = kernels.gaussian_chains(
        PRECISION * 100, 20, 5, 1.0, 50, seed=1, n_threads=1
    )
    assert np.isfinite(draws).all()
    assert (draws == 0).all()
    assert sum(acceptance) == 0
    assert n_divergent == [5] * 20


def test_chains_do_not_depend_on_threads_or_company(isa):
    def run(n_chains, n_threads):
        return kernels.gaussian_chains(PRECISION, n_chains, 10, 0.3, 4, seed=2, n_threads=n_threads)

    one = run(333, 1)[0]
    for n_threads in (2, 3, 7):
        np.testing.assert_array_equal(run(333, n_threads)[0], one)
    np.testing.assert_array_equal(run(45, 1)[0], one[:, :45])
