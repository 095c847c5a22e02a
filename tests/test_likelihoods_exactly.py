"""Bounds and importance weights against float64, with the core's own noise, and all errors."""

import numpy as np
import oracle
import pytest
import twins
from scipy.special import logsumexp
from test_log_likelihood import LIKELIHOODS, trained

from aevb import AEVB, Evaluator, sample_posterior
from aevb._core import fitted_log_density

CLOSE = {"rtol": 1e-3, "atol": 1e-3}


def encoded(model, X):
    """Mean and log-variance of q(z|x)."""
    weights = oracle.float64(model.weights_)
    h = oracle.climb(weights, "encoder", np.float64(X), model.activation)[0][-1]
    return (oracle.affine(weights, f"encoder.{head}", h) for head in ("mean", "log_var"))


@pytest.mark.parametrize("estimator", ["analytic-kl", "monte-carlo"])
@pytest.mark.parametrize("n_draws", [1, 2, 5])
def test_bounds_and_their_errors(isa, n_draws, estimator):
    """The standard error of the mean of the draws comes from the terms that vary among them."""
    base, X = trained("gaussian", 2)
    model = AEVB(**base.get_params() | {"bound_estimator": estimator, "n_epochs": 1}).fit(X)
    model.set_weights(base.weights_)
    seed = np.random.RandomState(4).randint(np.iinfo(np.int32).max)
    eps = twins.draws_of(seed, twins.content_ids(model, X), n_draws, 2)
    config = oracle.Config("tanh", "gaussian", estimator)
    tape = oracle.run(model.weights_, X, eps, config)
    values = tape.log_likelihood.reshape(-1, n_draws)
    if estimator == "monte-carlo":
        values = values + tape.log_ratio.reshape(-1, n_draws)
    got = Evaluator(model, random_state=4, n_threads=1).bound(X, n_draws)
    np.testing.assert_allclose(got.per_row, tape.bound, **CLOSE)
    if n_draws == 1:
        assert np.isnan(got.stderr).all()
        return
    expected = values.std(1, ddof=1) / np.sqrt(n_draws)
    np.testing.assert_allclose(got.stderr, expected, **CLOSE)


def weights_of(model, X, z, log_q):
    """log p(x, z) - log q(z) of draws z (L, n, J)."""
    density = twins.Joint(model, X)
    return np.array([density(one)[0] for one in z]) - log_q


def log_normal(eps, log_det):
    return -0.5 * (eps**2).sum(-1) - 0.5 * np.log(2 * np.pi) * eps.shape[-1] - log_det


def adapted(z, log_w, log_var):
    """Mean and Cholesky factor, for each row, of the Gaussian that the next round draws from."""
    w = np.exp(log_w - log_w.max(0))
    ess = w.sum(0) ** 2 / (w**2).sum(0)
    w /= w.sum(0)
    mean = np.einsum("ln,lnj->nj", w, z)
    centred = z - mean
    covariance = np.einsum("ln,lni,lnj->nij", w, centred, centred)
    unknown = z.shape[2] / (z.shape[2] + ess)[:, None, None]
    prior = np.exp(log_var)[:, :, None] * np.eye(z.shape[2])
    return mean, np.linalg.cholesky(1.3 * ((1 - unknown) * covariance + unknown * prior))


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize(("n_draws", "n_adaptations"), [(1, 0), (7, 0), (51, 0), (120, 2)])
def test_importance_weights_and_their_errors(isa, likelihood, n_draws, n_adaptations):
    """Each round and pass of 50 draws has its own noise. The last pass may be shorter."""
    model, X = trained(likelihood, 2)
    seed = np.random.RandomState(4).randint(np.iinfo(np.int32).max)
    ids, n_passes = twins.content_ids(model, X), -(-n_draws // 50)
    mean, log_var = encoded(model, X)
    factor = np.exp(log_var / 2)[:, :, None] * np.eye(2)
    first_log_var = log_var
    for i in range(n_adaptations + 1):
        passes = range(i * n_passes, (i + 1) * n_passes)
        eps = [twins.draws_of(seed, ids, min(n_draws, 50), 2, k) for k in passes]
        eps = np.concatenate(eps)[:n_draws]
        z = mean + np.einsum("nij,lnj->lni", factor, eps)
        log_det = np.log(factor.diagonal(axis1=1, axis2=2)).sum(1)
        log_w = weights_of(model, X, z, log_normal(eps, log_det))
        mean, factor = adapted(z, log_w, first_log_var)
    got = Evaluator(model, random_state=4, n_threads=1).log_likelihood(
        X, n_draws=n_draws, n_adaptations=n_adaptations
    )
    log_p, stderr, ess = twins.log_mean_weight(log_w)
    np.testing.assert_allclose(got.per_row, log_p, **CLOSE)
    np.testing.assert_allclose(got.stderr, stderr, **CLOSE)
    np.testing.assert_allclose(got.diagnostics["ess"], ess, **CLOSE)


def kernel_density(fit, at):
    """Log density, fitted to draws (n, J), at other points; and the index of the best bandwidth."""
    (n, dim), sd = fit.shape, fit.std(0, ddof=1)
    if n < 4 * dim:
        return log_normal((at - fit.mean(0)) / sd, np.log(sd).sum()), None

    def log_mixture(z, centres, factor):
        width = factor * len(centres) ** (-1 / (dim + 4)) * sd
        log_kernels = log_normal((z[:, None] - centres) / width, np.log(width).sum())
        return logsumexp(log_kernels, axis=1) - np.log(len(centres))

    factors, (first, second) = np.exp((np.arange(10) - 5) / 2), np.split(fit, [n // 2])
    best = int(np.argmax([log_mixture(second, first, factor).sum() for factor in factors]))
    return log_mixture(at, fit, factors[best]), best


@pytest.mark.parametrize(("n", "dim"), [(7, 2), (8, 2), (60, 1), (61, 3)])
def test_the_density_has_the_bandwidth_that_scores_best(n, dim):
    """One half's draws are scored under the other half's. Clustered draws need narrow kernels."""
    rng, n_rows = np.random.default_rng(n), 30
    clumps = rng.normal(size=(n_rows, dim)) + rng.choice([-4, 0, 4], (n, n_rows, dim))
    spread = np.exp(rng.normal(size=n_rows) * 2)[:, None]
    fit = np.float32(clumps + spread * rng.normal(size=(n, n_rows, dim)))
    at = np.float32(fit[:5] + 0.1)
    got, chosen = fitted_log_density(fit, at, n_threads=2), set()
    for row in range(n_rows):
        expected, best = kernel_density(np.float64(fit[:, row]), np.float64(at[:, row]))
        np.testing.assert_allclose(got[:, row], expected, rtol=1e-9, atol=1e-9)
        chosen.add(best)
    assert len(chosen) > 2 or n < 60


@pytest.mark.parametrize("n_draws", [9, 40])
def test_the_papers_estimator_in_its_parts(n_draws):
    """The density fits the first half of a chain's draws. The ratios are of the second half."""
    model, X = trained("gaussian", 1)
    X = X[:20]
    evaluator = Evaluator(model, random_state=4, n_threads=1)
    options = {"n_leapfrog": 5, "n_warmup": 30}
    got = evaluator.log_likelihood(X, "hmc", n_draws=n_draws, **options)
    seed = np.random.RandomState(4).randint(np.iinfo(np.int32).max)
    posterior = sample_posterior(model, X, 2 * n_draws, random_state=seed, n_threads=1, **options)
    fit, counted = np.split(np.float64(posterior.draws), 2)
    log_q = [kernel_density(fit[:, i], counted[:, i])[0] for i in range(len(X))]
    log_ratio = -weights_of(model, X, counted, np.transpose(log_q))
    log_mean, stderr, ess = twins.log_mean_weight(log_ratio)
    np.testing.assert_allclose(got.per_row, -log_mean, **CLOSE)
    np.testing.assert_allclose(got.stderr, stderr, **CLOSE)
    np.testing.assert_allclose(got.diagnostics["ess"], ess, **CLOSE)
    np.testing.assert_array_equal(got.diagnostics["acceptance"], posterior.acceptance)
    assert got.diagnostics["n_draws"] == n_draws


@pytest.mark.parametrize("n_adaptations", [0, 1])
def test_rows_of_later_blocks_are_as_those_of_the_first(n_adaptations):
    """A block leaves none of its weights or proposals to the next block."""
    model, X = trained("bernoulli", 2)
    evaluator = Evaluator(model, random_state=0, n_threads=1)
    times = 1300 // len(X)  # a block has at most 1000 rows, and fewer for many draws
    many = np.tile(X, (times, 1))
    for call in (
        lambda X: evaluator.bound(X, n_draws=60),
        lambda X: evaluator.log_likelihood(X, n_draws=60, n_adaptations=n_adaptations),
    ):
        one, all_ = call(X), call(many)
        np.testing.assert_allclose(all_.per_row, np.tile(one.per_row, times), **CLOSE)
        np.testing.assert_allclose(all_.stderr, np.tile(one.stderr, times), **CLOSE)
