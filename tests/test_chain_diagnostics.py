"""Effective sample size and split R-hat against loops written from their definitions."""

import math

import numpy as np
import pytest

from aevb.evaluation.diagnostics import effective_sample_size, split_r_hat


def autoregressive(rho, n, n_chains=5):
    rng = np.random.default_rng(n)
    chains = [rng.normal(size=n_chains)]
    for _ in range(n - 1):
        chains.append(rho * chains[-1] + math.sqrt(1 - rho**2) * rng.normal(size=n_chains))
    return np.float32(chains) + np.float32(3)


def ess_of(chain):
    """Geyer's sums of two successive autocorrelations, while they are positive, and monotone."""
    n, c = len(chain), chain - chain.mean()
    rho = [sum(c[i] * c[i + lag] for i in range(n - lag)) / sum(c * c) for lag in range(n)]
    total, least = 0.0, math.inf
    for i in range(n // 2):
        pair = rho[2 * i] + rho[2 * i + 1]
        if pair <= 0:
            break
        least = min(least, pair)
        total += least
    return n / max(2 * total - 1, 1 / math.log10(max(n, 10)))


def r_hat_of(chain):
    """Gelman et al., "Bayesian data analysis", 11.4, without the middle draw of an odd chain."""
    n = len(chain) // 2
    halves = chain[:n], chain[len(chain) - n :]
    means = [half.mean() for half in halves]
    between = n * sum((mean - np.mean(means)) ** 2 for mean in means)
    within = np.mean([sum((half - half.mean()) ** 2) / (n - 1) for half in halves])
    return math.sqrt(((n - 1) / n * within + between / n) / within)


@pytest.mark.parametrize("n", [4, 5, 7, 40, 101])
@pytest.mark.parametrize("rho", [-0.9, 0.0, 0.9])
def test_of_chains_that_are_alike_or_alternate(rho, n):
    draws = autoregressive(rho, n)
    for got, of in ((effective_sample_size(draws), ess_of), (split_r_hat(draws), r_hat_of)):
        expected = [of(np.float64(chain)) for chain in draws.T]
        np.testing.assert_allclose(got, expected, rtol=1e-9)


def test_each_coordinate_of_each_row_is_for_itself():
    draws = autoregressive(0.5, 31, n_chains=6)
    for f in (effective_sample_size, split_r_hat):
        np.testing.assert_array_equal(f(draws.reshape(31, 3, 2)), f(draws).reshape(3, 2))


@pytest.mark.parametrize("n", [1, 2, 3])
def test_fewer_than_four_draws_say_nothing(n):
    for f in (effective_sample_size, split_r_hat):
        got = f(autoregressive(0.5, n, n_chains=6).reshape(n, 3, 2))
        assert got.shape == (3, 2)
        assert np.isnan(got).all()


@pytest.mark.parametrize("value", [1.5, 0.1, 0.0])  # the mean of the second chain is rounded
def test_a_chain_that_stands_still_is_no_sample(value):
    draws = autoregressive(0.5, 20)
    draws[:, 2] = value
    assert (effective_sample_size(draws) == 0).tolist() == [False, False, True, False, False]
    assert np.isnan(split_r_hat(draws)).tolist() == [False, False, True, False, False]


@pytest.mark.parametrize(("roundings", "still"), [(15, True), (18, False)])
def test_a_chain_that_moves_by_rounding_alone_stands_still(roundings, still):
    """Its draws alternate, so their autocorrelations are those of a perfect sample."""
    draws = np.full((200, 1), -1000, np.float32)
    draws[::2] *= np.float32(1 - roundings * 2.0**-23)
    assert (effective_sample_size(draws) == 0).all() == still
    assert np.isnan(split_r_hat(draws)).all() == still


@pytest.mark.parametrize("n_moves", [1, 2, 19])
def test_a_chain_has_no_more_draws_than_its_few_moves(n_moves):
    """After one move from its first draw, a chain has no autocorrelation at any lag."""
    draws = np.ones((200, 1), np.float32)
    draws[:n_moves] = np.arange(n_moves)[:, None] % 2 - 5
    assert effective_sample_size(draws) <= n_moves
    draws[:21] = np.arange(21)[:, None] % 2 - 5  # a tenth of the transitions are enough moves
    assert effective_sample_size(draws) == pytest.approx(ess_of(np.float64(draws[:, 0])))
