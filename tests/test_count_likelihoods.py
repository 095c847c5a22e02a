"""Likelihoods of counts beyond Poisson: their start, and the ends of their range."""

import numpy as np
import pytest
from engines import engine
from hooks import kernels
from likelihoods import twin

from aevb.core.engine import starting_outputs

NAMES = [
    "negative-binomial",
    "negative-binomial-per-cell",
    "zero-inflated-poisson",
    "zero-inflated-negative-binomial",
]
INFLATED = NAMES[2:]
likelihoods = pytest.mark.parametrize("likelihood", NAMES)


def start(likelihood, mean, variance):
    """The mean and variance of a column under the starting outputs."""
    outputs = starting_outputs(likelihood, np.array([mean]), np.array([variance]))
    assert np.isfinite(outputs).all()
    outputs = [np.reshape(output, (1, 1)) for output in outputs]
    return twin(likelihood).mean(outputs)[0, 0], twin(likelihood).variance(outputs)[0, 0]


@likelihoods
@pytest.mark.parametrize(("mean", "variance"), [(5, 50), (0.3, 1.5), (1e4, 1e9)])
def test_the_start_has_the_columns_mean_and_variance(likelihood, mean, variance):
    np.testing.assert_allclose(start(likelihood, mean, variance), (mean, variance), rtol=1e-12)


@likelihoods
def test_the_start_of_other_columns_has_their_mean(likelihood):
    """The dispersion is from 0.01 to 100, the odds of a structural zero from 0.01 to 99."""
    for mean, variance in ((5, 4), (0.1, 1e6)):
        assert start(likelihood, mean, variance)[0] == pytest.approx(mean, rel=1e-12)
    mean, variance = start(likelihood, 5, 4)
    assert mean < variance < 1.11 * mean
    assert start(likelihood, 0, 0)[0] == pytest.approx(1e-3, rel=1e-12)


def with_biases(likelihood, **outputs):
    """A model of nine columns whose decoder gives these outputs for every z."""
    model = engine(9, likelihood=likelihood)
    weights = {name: 0 * value for name, value in model.arrays("weights").items()}
    for name, value in outputs.items():
        weights[f"decoder.{name}.bias"] += np.float32(value)
    model.set_arrays(weights, "weights")
    return model


@pytest.mark.parametrize("likelihood", INFLATED)
def test_a_mean_is_finite_where_the_mean_of_its_counts_is_not(isa, likelihood):
    """The difference 95 - 90 of the outputs is exact, but for one rounding of softplus(90)."""
    log_mean = twin(likelihood).OUTPUTS[0]
    z = np.zeros((3, 2), dtype=np.float32)
    for value, zero_logit, expected in ((95, 90, np.exp(5)), (1e3, 2e3, 0), (-1e3, 1e3, 0)):
        model = with_biases(likelihood, **{log_mean: value, "zero_logit": zero_logit})
        np.testing.assert_allclose(model.decode(z, n_threads=1), expected, rtol=1e-5)


@likelihoods
def test_draws_at_the_ends_of_the_outputs(isa, likelihood):
    """Poisson without dispersion; 0 for a large one, for no mean and for certain zeros."""
    own = twin(likelihood)

    def draws(log_mean, **outputs):
        outputs = {name: value for name, value in outputs.items() if name in own.OUTPUTS}
        model = with_biases(likelihood, **{own.OUTPUTS[0]: log_mean}, **outputs)
        return np.float64(model.sample(2000, seed=1, n_threads=1)[0])

    # 9 * 2000 draws of the mean 20: 6 standard errors of the mean, and of the variance 2 * 20^2
    x = draws(np.log(20), log_dispersion=-1e3, zero_logit=-1e3)
    assert abs(x.mean() - 20) < 6 * np.sqrt(20 / x.size)
    assert abs(x.var() - 20) < 6 * np.sqrt(2 * 20**2 / x.size)
    assert (draws(-1e3, log_dispersion=0) == 0).all()
    if "log_dispersion" in own.OUTPUTS:
        assert (draws(3, log_dispersion=1e3) == 0).all()
    if "zero_logit" in own.OUTPUTS:
        assert (draws(100, log_dispersion=0, zero_logit=1e3) == 0).all()


@likelihoods
def test_nan_is_never_hidden(isa, likelihood):
    for i in range(len(twin(likelihood).OUTPUTS)):
        for x in (0, 1, 7):
            outputs = [np.full((1, 3), 0.5, dtype=np.float32) for _ in twin(likelihood).OUTPUTS]
            outputs[i][0, 1] = np.nan
            r, gradients = kernels.likelihood(likelihood, outputs, np.full_like(outputs[0], x))
            assert np.isnan(r[0])
            assert np.isnan(gradients[i][0, 1])
            assert np.isfinite(gradients[i][0, ::2]).all()
