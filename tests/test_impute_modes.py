"""Imputation under posteriors that are narrow, that have several modes, or that are known."""

import functools

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.impute import KNNImputer
from sklearn.preprocessing import StandardScaler
from test_impute import Twin, assert_mean, blank, copies, fill, two_modes

from aevb import AEVB

NOISE = 0.1  # standard deviation of x given z: the posterior is ten times as narrow as the prior
LOADINGS = np.array([[1.0, -0.5, 0.8, 0.3, 0.0], [0.2, 0.9, 0.4, -0.7, 0.6]])
MEANS = np.array([0.5, -1.0, 0.0, 2.0, 1.0])
FAR = {"encoder.mean.bias": [30.0], "encoder.log_var.bias": [-6.0]}  # no proposal is accepted


@functools.cache
def factor_analysis():
    """A model with x = LOADINGS' z + MEANS + noise. The encoder knows nothing of x."""
    model = blank("gaussian", 2, (2,), activation="relu")
    weights = {name: np.zeros_like(w) for name, w in model.weights_.items()}
    weights["decoder.hidden0.weight"][:] = np.eye(2)
    weights["decoder.hidden0.bias"][:] = 8  # relu is the identity for all z that matter
    weights["decoder.mean.weight"][:] = LOADINGS
    weights["decoder.mean.bias"][:] = MEANS - 8 * LOADINGS.sum(0)
    weights["decoder.log_var.bias"][:] = 2 * np.log(NOISE)
    return model.set_weights(weights)


def conditional(x, hidden):
    """Mean and covariance of x_missing given x_observed."""
    covariance = LOADINGS.T @ LOADINGS + NOISE**2 * np.eye(len(x))
    gain = np.linalg.solve(
        covariance[np.ix_(~hidden, ~hidden)], covariance[np.ix_(~hidden, hidden)]
    )
    mean = MEANS[hidden] + (x - MEANS)[~hidden] @ gain
    return mean, covariance[np.ix_(hidden, hidden)] - covariance[np.ix_(hidden, ~hidden)] @ gain


@pytest.mark.parametrize("seen", [[], [0], [1, 4], [0, 2, 3]])
def test_factor_analysis_has_its_conditional_moments(seen):
    model, hidden = factor_analysis(), ~np.isin(np.arange(5), seen)
    x = (np.array([1.2, -0.7]) @ LOADINGS + MEANS).astype(np.float32)
    mean, covariance = conditional(x.astype(float), hidden)
    given, missing = copies(x, hidden, 300)
    result = fill(model, given, missing, n_iterations=200)[:, hidden].astype(float)
    assert_mean(result, mean, resolution=0.03)
    mode = fill(model, x[None], hidden[None], method="mode", n_iterations=2000)[0, hidden]
    np.testing.assert_allclose(mode, mean, atol=0.01)  # of a Gaussian, the mode is the mean
    draws = fill(model, *copies(x, hidden, 2000), method="sample", n_iterations=40)[:, hidden]
    u = (draws - mean) / np.sqrt(covariance.diagonal())
    correlation = covariance / np.sqrt(np.outer(covariance.diagonal(), covariance.diagonal()))
    assert_mean(u, 0, resolution=0.03)
    assert_mean(u[:, :, None] * u[:, None], correlation, resolution=0.06)


@functools.cache
def two_modes_far():
    """`two_modes`, with an encoder whose proposals are never accepted."""
    twin, x, hidden = two_modes()
    weights = {k: w.copy() for k, w in twin.model.weights_.items()}
    for name, value in FAR.items():
        weights[name][:] = value
    return Twin(blank("bernoulli", 1, (3,)).set_weights(weights)), x, hidden


def test_jumps_give_modes_their_weights():
    """Neither HMC nor the encoder moves between the modes."""
    twin, x, hidden = two_modes_far()
    expected = twin.moments(x, hidden)[0][hidden]
    given, missing = copies(x, hidden, 300)
    many, one = (
        fill(twin.model, given, missing, n_starts=n, n_iterations=600)[:, hidden].astype(float)
        for n in (20, 1)
    )
    tolerance = assert_mean(many, expected, resolution=0.01)
    assert np.all(np.abs(one.mean(0) - expected) > 5 * tolerance)


@pytest.mark.parametrize("method", ["mean", "sample", "mode"])
def test_the_higher_mode_wins(method):
    """Pixel 3 says z = 1.5, by 16 nats. The encoder says z = -1.5, the other mode."""
    twin, x, hidden = two_modes()
    weights = {k: w.copy() for k, w in twin.model.weights_.items()}
    weights["decoder.logits.weight"][2, 3:] = 8, 2
    weights["encoder.mean.weight"][:] = 0
    weights["encoder.mean.bias"][:] = -1.5
    weights["encoder.log_var.bias"][:] = -6
    model = blank("bernoulli", 1, (3,)).set_weights(weights)
    given, missing = copies(x, hidden, 200)
    many, one = (
        fill(model, given, missing, method=method, n_starts=n)[:, 4].astype(float) for n in (20, 1)
    )
    right = 1 / (1 + np.exp(-2))  # at z = 1.5; 1 - right at z = -1.5
    if method == "sample":
        assert_mean(many, right, resolution=0.03)
        assert_mean(one, 1 - right, resolution=0.03)
    else:
        np.testing.assert_allclose(many, right, atol=0.005)
        np.testing.assert_allclose(np.median(one), 1 - right, atol=0.005)  # few move by themselves


def test_the_encoder_finds_what_few_draws_of_the_prior_find():
    """The one mode is far out in the prior, and flat around it."""
    model = blank("bernoulli", 1, (1,))
    weights = {name: np.zeros_like(w) for name, w in model.weights_.items()}
    weights["decoder.hidden0.weight"][:] = 20
    weights["decoder.hidden0.bias"][:] = -70  # a step at z = 3.5
    weights["decoder.logits.weight"][:] = 9.0
    weights["encoder.hidden0.weight"][:2] = 1.0
    weights["encoder.mean.weight"][:] = 4.0
    model.set_weights(weights)
    x, hidden = np.float32([1, 1, 1, 1, 1]), np.arange(5) == 4
    result = fill(model, *copies(x, hidden, 50), method="mode")[:, 4]
    assert result.min() > 0.99


def test_error_does_not_rise_as_a_model_is_trained_for_longer():
    """Held-out rows of standardised breast cancer data, a fifth of their values missing."""
    X = StandardScaler().fit_transform(load_breast_cancer().data)
    missing = np.random.default_rng(0).random(X.shape) < 0.2
    train, truth, hidden = X[::2], X[1::2], missing[1::2]
    given = np.where(hidden, np.nan, truth)

    def error(filled):
        return np.sqrt(np.mean((filled - truth)[hidden] ** 2))

    neighbours = error(KNNImputer().fit(train).transform(given))
    errors = {"mean": [], "mode": []}
    for n_epochs in (100, 1000, 3000):
        model = AEVB.published(
            5, hidden_layer_sizes=(50,), likelihood="gaussian", optimizer="adam",
            learning_rate=1e-3, batch_size=32, n_epochs=n_epochs, random_state=0, n_threads=1,
        ).fit(train)  # fmt: skip
        for method, found in errors.items():
            found.append(error(model.impute(given, method=method, n_iterations=60)))
    for found in errors.values():
        assert max(found[1:]) < min(1.05 * found[0], neighbours)
        assert found[2] < 1.05 * found[1]
        assert found[0] < 1.05 * neighbours
