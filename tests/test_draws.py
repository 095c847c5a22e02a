"""Draws of x given z have the distribution of their likelihood, in all its moments."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
import scipy.stats
from engines import engine
from likelihoods import twin

N = 20_000


def skewed(logit):
    """The continuous Bernoulli's CDF."""
    return lambda x: np.expm1(logit * x) / np.expm1(logit)


def beta(logit, log_c):
    m, c = oracle.sigmoid(logit), np.exp(log_c)
    return scipy.stats.beta(c * m, c * (1 - m)).cdf


def student_t(location, log_scale, log_dof):
    return scipy.stats.t(2 + np.exp(log_dof), location, np.exp(log_scale)).cdf


# The decoder's outputs, and the CDF of x. Logarithms of scales are high above their floors, so that
# these move them by less than 1e-4.
CASES = {
    "student-t": [((0.7, 6.0, -1.0), student_t), ((0.7, 6.0, 2.0), student_t)],
    "laplace": [((-2.0, 9.0), lambda m, b: scipy.stats.laplace(m, np.exp(b)).cdf)],
    "log-normal": [((0.5, 2.0), lambda m, v: scipy.stats.lognorm(np.exp(v / 2), 0, np.exp(m)).cdf)],
    "gamma": [
        ((1.5, k), lambda m, k: scipy.stats.gamma(np.exp(k), 0, np.exp(m - k)).cdf)
        for k in (-1.5, -0.01, 0.01, 4.0)
    ],
    "beta": [((0.4, k), beta) for k in (-0.5, 1.0, 5.0)],
    "continuous-bernoulli": [
        ((a,), skewed) for a in (-300.0, -4.1, -3.0, -0.1, -0.001, 1e-5, 0.11, 0.13, 2.0, 5.0, 60.0)
    ],
}


def draws(likelihood, outputs):
    """Draws of x (N,) of a model whose outputs are the same for every z."""
    model = engine(1, likelihood=likelihood)
    weights = {name: 0 * value for name, value in model.arrays("weights").items()}
    for name, output in zip(twin(likelihood).OUTPUTS, outputs, strict=True):
        weights[f"decoder.{name}.bias"][:] = output
    model.set_arrays(weights, "weights")
    return np.float64(model.sample(N, seed=2, n_threads=1)[0][:, 0])


@pytest.mark.parametrize(
    ("likelihood", "outputs", "cdf"),
    [(name, *case) for name, cases in CASES.items() for case in cases],
)
def test_distribution(vectors, likelihood, outputs, cdf):
    """The Kolmogorov-Smirnov test, which the fixed seed passes at 1e-3."""
    x = draws(likelihood, outputs)
    assert len(np.unique(x)) > 0.9 * N
    assert scipy.stats.kstest(x, cdf(*outputs)).pvalue > 1e-3


@pytest.mark.parametrize(
    ("likelihood", "outputs"),
    [
        ("gamma", (0.0, -20.0)),
        ("beta", (0.0, -20.0)),
        ("beta", (30.0, 1.0)),
        ("beta", (-30.0, 1.0)),
    ],
)
def test_no_draw_is_rounded_out_of_its_support(vectors, likelihood, outputs):
    x = draws(likelihood, outputs)
    assert x.min() > 0
    assert likelihood == "gamma" or x.max() < 1


@pytest.mark.parametrize("logit", [-1e30, 0.0, 1e30])
def test_ends_of_the_continuous_bernoulli(vectors, logit):
    x = draws("continuous-bernoulli", (logit,))
    assert ((x >= 0) & (x <= 1)).all()
    assert x.mean() == pytest.approx(np.clip(logit, 0, 1) if logit else 0.5, abs=0.01)
