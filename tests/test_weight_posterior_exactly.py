"""A model whose weight posterior is known: the mean of a Gaussian with a known variance.

The hidden units are relus far below 0, so the outputs are their biases. The log-variance's output
is far below its floor, so the variance is exp(-10). The posterior of a mean's bias is then Gaussian
with the precision 1 / s0^2 + n exp(10).
"""

import numpy as np
import pytest
from engines import engine, train

VARIANCE = np.exp(-10.0)
PRIOR = {"mean": 0.004, "sd": 0.002}
N, D = 60, 3


def data():
    means = np.array([0.02, 0.0, -0.01])
    return np.random.default_rng(3).normal(means, np.sqrt(VARIANCE), (N, D))


def flat(arrays, **values):
    """Arrays like these with one value each: 0, or that of a name given with _ for dots."""
    return {k: np.full_like(a, values.get(k.replace(".", "_"), 0.0)) for k, a in arrays.items()}


def known(kind="gaussian"):
    model = engine(D, likelihood="gaussian", activation="relu", optimizer="adam",
                   learning_rate=3e-3, weight_decay=1.0, weight_posterior=kind)  # fmt: skip
    weights, log_sd = model.arrays("weights"), model.arrays("log_sd")
    means = {"decoder_hidden0_bias": -50.0, "decoder_log_var_bias": -40.0}
    model.set_arrays(weights | flat(log_sd, **means), "weights")
    model.set_arrays(flat(log_sd, decoder_mean_bias=PRIOR["mean"], **means), "prior_mean")
    sd = np.log(PRIOR["sd"])
    model.set_arrays(flat(log_sd, decoder_mean_bias=sd), "prior_log_sd")
    model.set_arrays(log_sd | flat(log_sd, decoder_mean_bias=np.log(0.002)), "log_sd")
    return model


def learn(model, X, n_updates=12_000):
    """Train with a rate that goes to 0, so that the noise of the steps does too."""
    X, n_steps = np.float32(X), -(-len(X) // 10)
    n_epochs = n_updates // n_steps
    for epoch in range(n_epochs):
        factor = [1.0 - epoch / n_epochs] * n_steps
        part = {"max_steps": n_steps, "rate_factors": factor}
        assert train(model, X, epoch=model.n_steps, **part)[3] is False


def exact(X):
    precision = PRIOR["sd"] ** -2 + len(X) / VARIANCE
    mean = (PRIOR["mean"] * PRIOR["sd"] ** -2 + np.float32(X).sum(0) / VARIANCE) / precision
    return mean, precision**-0.5


def found(model):
    mean, log_sd = (model.arrays(a)["decoder.mean.bias"] for a in ("weights", "log_sd"))
    return np.float64(mean), np.exp(np.float64(log_sd))


@pytest.mark.parametrize("kind", ["gaussian", "gaussian-decoder"])
def test_the_posterior_of_a_mean(kind):
    """The prior moves the mean by half a deviation, and the deviation by a tenth."""
    X = data()[:10]
    model = known(kind)
    learn(model, X)
    (mean, sd), (want, want_sd) = found(model), exact(X)
    np.testing.assert_allclose(mean, want, rtol=0, atol=0.1 * want_sd)
    np.testing.assert_allclose(sd, want_sd, rtol=0.03)
    flat_sd = np.sqrt(VARIANCE / len(X))
    assert abs(PRIOR["mean"] - X.mean(0)).min() > 0.3 * flat_sd
    assert want_sd < 0.75 * flat_sd


def test_two_halves_agree_with_the_whole():
    """Yesterday's posterior as today's prior: the same posterior as of all data at once."""
    X = data()
    model = known()
    learn(model, X[: N // 2])
    half_mean, half_sd = found(model)
    model.keep_posterior_as_prior()
    assert model.weight_kl == 0
    learn(model, X[N // 2 :])
    (mean, sd), (want, want_sd) = found(model), exact(X)
    np.testing.assert_allclose(mean, want, rtol=0, atol=0.4 * want_sd)
    np.testing.assert_allclose(sd, want_sd, rtol=0.05)
    assert (sd < 0.8 * half_sd).all()
    assert (np.abs(half_mean - want) > 0.2 * want_sd).any()
