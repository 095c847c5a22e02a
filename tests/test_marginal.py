"""The paper's method for log p(x), appendix D: its density fit, closed forms, and refusals."""

import warnings

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp
from teams import team_of

from aevb import AEVB, Evaluator
from aevb._core import Rows, fitted_log_density
from aevb.inference.marginal import marginal_likelihood


def log_density_of(fit, at):
    return fitted_log_density(fit, at, n_threads=2)


def linear_gaussian(n_components, n=60, n_features=6):
    """(model, X, log p(x)). The units relu(z + 20) are on for every z that matters."""
    rng = np.random.default_rng(n_components)
    model = AEVB.published(
        n_components,
        hidden_layer_sizes=(n_components,),
        activation="relu",
        likelihood="gaussian",
        scale="none",
        n_epochs=1,
        random_state=0,
    ).fit(rng.random((20, n_features)))
    loadings = rng.normal(size=(n_components, n_features)).astype(np.float32)
    weights = {name: np.zeros_like(w) for name, w in model.weights_.items()}
    weights["decoder.hidden0.weight"][:] = np.eye(n_components)
    weights["decoder.hidden0.bias"][:] = 20
    weights["decoder.mean.weight"][:] = loadings
    weights["decoder.mean.bias"][:] = -20 * loadings.sum(0)
    model.set_weights(weights)
    variance = np.exp(np.log1p(np.exp(10.0)) - 10)  # of a raw log-variance of 0
    covariance = np.float64(loadings.T @ loadings) + variance * np.eye(n_features)
    X = rng.multivariate_normal(np.zeros(n_features), covariance, n)
    return model, X, stats.multivariate_normal(np.zeros(n_features), covariance).logpdf(X)


def sixteenths(seed, mean, sd, shape):
    """Normal draws, rounded so that float32 holds them."""
    return np.round(np.random.default_rng(seed).normal(mean, sd, shape) * 16) / 16


@pytest.mark.parametrize("n_components", [1, 2, 3])
def test_closed_form(n_components):
    model, X, truth = linear_gaussian(n_components)
    estimate = Evaluator(model, random_state=0).log_likelihood(X, "hmc", n_draws=300)
    error = estimate.per_row - truth
    # The standard error counts the draws as independent. The fit adds an error of the same size,
    # and a larger one in more dimensions: hence 2.5 in place of sqrt(2).
    assert np.sqrt((error**2).mean()) < 2.5 * np.sqrt((estimate.stderr**2).mean())
    assert abs(error.mean()) < 4 * error.std() / np.sqrt(60)
    assert np.median(estimate.diagnostics["ess"]) > 100
    assert estimate.diagnostics["acceptance"].shape == (60,)
    assert estimate.mean == estimate.per_row.mean()


def test_a_few_draws_are_fitted_by_a_gaussian():
    fit = sixteenths(0, 2.0, 3.0, (7, 5, 2))  # 7 draws of 2 components
    at = sixteenths(1, 0.0, 1.0, (11, 5, 2))
    expected = stats.norm(fit.mean(0), fit.std(0, ddof=1)).logpdf(at).sum(-1)
    np.testing.assert_allclose(log_density_of(fit, at), expected)


@pytest.mark.parametrize("n_draws", [40, 41, 400])
def test_density_is_one_and_close(n_draws):
    fit = np.random.default_rng(n_draws).normal(1.0, 2.0, (n_draws, 3, 1))
    grid = np.arange(-2000, 2001) / 64  # exact in float32
    log_q = log_density_of(fit, np.repeat(grid[:, None, None], 3, axis=1))
    np.testing.assert_allclose(np.exp(log_q).sum(0) / 64, 1.0, rtol=1e-6)
    truth = stats.norm(1.0, 2.0).logpdf(grid)[:, None]
    divergence = (np.exp(truth) * (truth - log_q)).sum(0) / 64
    assert (divergence < 0.5).all()


def test_means_of_ratios():
    log_w = np.random.default_rng(0).normal(size=(50, 4)) * 3
    log_p, std_error, ess = marginal_likelihood(log_w, np.zeros((50, 4)))
    w = np.exp(log_w)
    np.testing.assert_allclose(log_p, -np.log(w.mean(0)))
    np.testing.assert_allclose(std_error, w.std(0, ddof=1) / np.sqrt(50) / w.mean(0))
    np.testing.assert_allclose(ess, w.sum(0) ** 2 / (w**2).sum(0))
    far = marginal_likelihood(log_w + 2000, np.zeros((50, 4)))  # no overflow
    np.testing.assert_allclose(far.log_p, -logsumexp(log_w, axis=0) + np.log(50) - 2000)


def test_log_joint(isa):
    model, X, _ = linear_gaussian(2, n=230)
    rows = np.random.default_rng(1).normal(size=(3, 230, 2)).astype(np.float32)
    got = []
    for n in (1, 2, 3):
        with team_of(n):
            got.append(model._engine.log_joint(Rows(X), rows, n_threads=n))
    np.testing.assert_array_equal(got[0], got[1])
    np.testing.assert_array_equal(got[0], got[2])
    loadings = np.float64(model.weights_["decoder.mean.weight"])
    scale = np.exp((np.log1p(np.exp(10.0)) - 10) / 2)
    expected = stats.norm(rows @ loadings, scale).logpdf(X).sum(-1) + stats.norm.logpdf(rows).sum(
        -1
    )
    # (z + 20) in float32 is off by 2e-6, and so is each of 6 means, some 10 standard deviations
    # from x
    np.testing.assert_allclose(got[0], expected, rtol=0, atol=2e-3)


def test_threads_do_not_matter():
    model, X, _ = linear_gaussian(2)
    results = []
    for n in (1, 3):
        with team_of(n):
            result = Evaluator(model, random_state=0, n_threads=n).log_likelihood(
                X, "hmc", n_draws=20
            )
        results.append(result.per_row)
    np.testing.assert_array_equal(*results)


def test_many_components_are_refused_with_the_reason():
    model, X, _ = linear_gaussian(6)
    evaluator = Evaluator(model, random_state=0)
    with pytest.raises(ValueError, match=r"6 components.*max_components=5.*importance"):
        evaluator.log_likelihood(X, "hmc")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        assert np.isfinite(evaluator.log_likelihood(X, "hmc", max_components=6).per_row).all()


@pytest.mark.filterwarnings("ignore:n_components")
def test_poor_weights_are_said():
    """Single leapfrog steps give twenty draws in eight dimensions, so the fit is poor."""
    model, X, _ = linear_gaussian(8)
    with pytest.warns(RuntimeWarning, match="'hmc'.*effective"):
        Evaluator(model, random_state=0).log_likelihood(
            X, "hmc", n_draws=20, n_leapfrog=1, n_warmup=0, max_components=8
        )


@pytest.mark.parametrize("bad", [{"n_draws": 3}, {"n_leapfrog": 0}, {"max_components": 0}])
def test_bad_arguments_are_named(bad):
    model, X, _ = linear_gaussian(1)
    with pytest.raises(ValueError, match=next(iter(bad))):
        Evaluator(model).log_likelihood(X, "hmc", **bad)
