"""Every posterior of the catalogue against its twin: draws, densities, moments and divergences.

A new posterior needs a module in tests/posteriors, and no change here.
"""

from __future__ import annotations

import numpy as np
import posteriors
import pytest
from hooks import kernels
from oracle import assert_close
from posteriors import twin
from scipy import stats

from aevb import _core

POSTERIORS = _core.posteriors()
LATENT = 2  # what noise is for: nn/random.h
SIZES = [1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 40]
names = pytest.mark.parametrize("name", POSTERIORS)


def where(condition):
    """The posteriors whose twin and information fulfil a condition."""
    found = [name for name, info in POSTERIORS.items() if condition(twin(name), info)]
    return pytest.mark.parametrize("name", found)


coupled = where(lambda own, _: posteriors.is_coupled(own))
independent = where(lambda own, _: not posteriors.is_coupled(own))
with_kl = where(lambda _, info: info["has_kl"])


def noise_for(name, n_draws, n, n_latent, seed=0):
    """The noise of n_draws draws, (n_draws, n, n_noise * n_latent)."""
    info = POSTERIORS[name]
    kernel = kernels.normal if info["noise"] == "normal" else kernels.uniform
    n_cols = info["n_noise"] * n_latent
    return kernel(seed, 1, LATENT, 0, n_draws * n, n_cols).reshape(n_draws, n, n_cols)


def examples(name, n, n_latent, seed=0):
    return twin(name).examples(np.random.default_rng([seed, n, n_latent]), n, n_latent)


def float64(arrays):
    return [np.float64(a) for a in arrays]


def draw(name, outputs, n_draws=1, seed=0):
    """Draws z (n * L, J) and log p(z) - log q(z|x) under the standard prior."""
    noise = noise_for(name, n_draws, *outputs[0].shape, seed)
    return kernels.posterior_sample(name, POSTERIORS[name]["prior"], outputs, noise)[:2]


def many_draws(name, n, n_latent, seed=0):
    """One row of outputs, and n draws for it."""
    outputs = examples(name, 1, n_latent, seed)
    return outputs, *draw(name, outputs, n, seed)


# --- the twins --------------------------------------------------------------------------------


@names
def test_a_twin_has_the_outputs_of_the_core(name):
    assert list(twin(name).OUTPUTS) == POSTERIORS[name]["outputs"]


@names
def test_the_twins_density_is_scipys(name):
    own, outputs = twin(name), float64(examples(name, 20, 3))
    if posteriors.is_coupled(own):
        rng = np.random.default_rng(1)
        for row in range(20):
            one = [a[row : row + 1] for a in outputs]
            z = np.atleast_2d(own.joint(one).rvs(random_state=rng))
            expected = own.joint(one).logpdf(z[0])
            assert own.log_density(one, z).sum() == pytest.approx(expected, rel=1e-9, abs=1e-9)
        return
    marginals = own.marginals(outputs)
    for u in (1e-3, 0.2, 0.5, 0.9, 0.999):
        z = marginals.ppf(u)
        expected = marginals.logpdf(z)
        np.testing.assert_allclose(own.log_density(outputs, z), expected, rtol=1e-9, atol=1e-9)


@names
def test_the_twin_is_the_prior_where_it_says_so(name):
    own = twin(name)
    for prior, values in getattr(own, "AT_PRIOR", {}).items():
        outputs = [np.full(a.shape, v) for a, v in zip(examples(name, 1, 3), values, strict=True)]
        marginals, p = own.marginals(outputs), posteriors.prior(prior)
        if p is not None:
            np.testing.assert_allclose(marginals.ppf(0.3), np.full((1, 3), p.ppf(0.3)), rtol=1e-9)
        assert np.abs(posteriors.divergence(own, outputs, prior)).max() < 1e-9


# --- draws ------------------------------------------------------------------------------------


@names
def test_draws_have_the_twins_distribution(vectors, name):
    """Kolmogorov-Smirnov tests of seven components, and correlations of their ranks.

    A right sampler fails for one seed in ten thousand.
    """
    own, n = twin(name), 20_000
    outputs, z, _ = many_draws(name, n, 7)
    marginals = own.marginals(float64(outputs))
    assert np.isfinite(z).all()
    levels = marginals.cdf(np.float64(z))
    for column in levels.T:
        assert stats.kstest(column, "uniform").pvalue > 1e-5
    if not posteriors.is_coupled(own):
        correlations = np.corrcoef(levels.T) - np.eye(7)
        assert np.abs(correlations).max() < 5 / np.sqrt(n)


@coupled
def test_coupled_components_have_the_entropy(vectors, name):
    """The mean of -log q over draws. It is larger if the components are not coupled as they are."""
    own, n = twin(name), 20_000
    outputs, z, _ = many_draws(name, n, 4)
    outputs = float64(outputs)
    repeated = [np.repeat(a, n, axis=0) for a in outputs]
    surprise = -own.log_density(repeated, np.float64(z)).sum(1)
    error = surprise.mean() - own.joint(outputs).entropy()
    assert abs(error) < 5 * stats.sem(surprise)


@names
def test_draws_are_in_the_support(vectors, name):
    """Also for extreme outputs, and for the ends of the noise."""
    info, own = POSTERIORS[name], twin(name)
    shapes = [a.shape for a in own.examples(np.random.default_rng(0), 1, 3)]
    for size in (-20, -5, 0, 5, 20):
        for sign in ((-1) ** np.arange(len(shapes)), np.ones(len(shapes))):
            outputs = [
                np.full(shape, size * s, dtype=np.float32)
                for shape, s in zip(shapes, sign, strict=True)
            ]
            if len(outputs) > 2:  # a factor of the order of the diagonal
                outputs[2] = outputs[2] / 40 * np.exp(outputs[1])
            noise = noise_for(name, 1000, 1, 3)
            if info["noise"] == "uniform":
                noise[0], noise[1] = 0.0, 1 - np.float32(2.0**-24)
            z, ratio, _ = kernels.posterior_sample(name, info["prior"], outputs, noise)
            repeated = [np.repeat(a, 1000, axis=0) for a in outputs]
            log_q, slope = kernels.posterior_log_density(name, repeated, z)
            scores = kernels.posterior_recognize(name, repeated, z)
            what = f"{[float(a.flat[0]) for a in outputs if a.size]}"
            for values in (z, log_q, slope, *scores):
                assert not np.isnan(values).any(), what
            assert not np.isnan(ratio).any(), what
            if info["support"] != "real":
                assert (z > 0).all(), what
                assert np.isfinite(z).all(), what
            if info["support"] == "unit-interval":
                assert (z < 1).all(), what
            if info["support"] == "simplex":
                np.testing.assert_allclose(z.sum(1), 1, atol=1e-6, err_msg=what)


# --- densities --------------------------------------------------------------------------------


def check_density(name, outputs, z):
    own = twin(name)
    exact, at = float64(outputs), np.float64(z)
    log_q, slope = kernels.posterior_log_density(name, outputs, z)
    scores = kernels.posterior_recognize(name, outputs, z)
    expected = posteriors.gradients(own, exact, at)
    error, errors = posteriors.tolerances(own, exact, at)
    assert_close(log_q, own.log_density(exact, at).sum(1), error, f"{name} log q")
    for what, *one in zip(("z", *own.OUTPUTS), (slope, *scores), expected, errors, strict=True):
        if one[0].size:
            assert_close(*one, f"{name} d log q / d {what}")


@names
def test_log_q_and_its_gradients_are_the_twins(vectors, name):
    outputs = examples(name, 60, 3)
    check_density(name, outputs, draw(name, outputs)[0])


@names
def test_log_q_is_the_twins_away_from_its_draws(vectors, name):
    """z of other outputs, where they are in the support."""
    n_latent = 3 if posteriors.is_coupled(twin(name)) else 1
    outputs, others = (examples(name, 200, n_latent, seed) for seed in (0, 1))
    z = draw(name, others)[0]
    low, high = twin(name).marginals(float64(outputs)).support()
    inside = ((z > low) & (z < high)).all(1)
    assert inside.sum() > 5
    check_density(name, [a[inside] for a in outputs], z[inside])


@names
def test_log_q_is_lowest_outside_the_support(vectors, name):
    """Where the ends of the support depend on the outputs."""
    outputs = examples(name, 10, 2)
    low, high = (np.float32(a) for a in twin(name).marginals(float64(outputs)).support())
    for end, out in ((low, -1), (high, 1)):
        if not np.isfinite(end).all() or np.unique(end).size == 1:
            continue
        z = end + np.float32(0.1 * out) * np.abs(end)
        log_q, slope = kernels.posterior_log_density(name, outputs, z)
        assert (log_q < -1e20).all()
        assert np.isfinite(slope).all()
        for score in kernels.posterior_recognize(name, outputs, z):
            assert np.isfinite(score).all()


@names
def test_the_log_ratio_is_that_of_prior_and_posterior(vectors, name):
    outputs, prior = examples(name, 50, 3), POSTERIORS[name]["prior"]
    noise = noise_for(name, 2, 50, 3)
    z, ratio, term = kernels.posterior_sample(name, prior, outputs, noise)
    log_q, _ = kernels.posterior_log_density(name, [np.repeat(a, 2, axis=0) for a in outputs], z)
    log_p = kernels.prior_log_density(prior, z)
    np.testing.assert_allclose(ratio, log_p - log_q, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(term, ratio.reshape(-1, 2).mean(1), rtol=1e-5, atol=1e-5)


def check_size(name, n_latent):
    own = twin(name)
    outputs = examples(name, 3, n_latent)
    z, ratio = draw(name, outputs)
    log_q, slope = kernels.posterior_log_density(name, outputs, z)
    expected = own.log_density(float64(outputs), np.float64(z)).sum(1)
    np.testing.assert_allclose(log_q, expected, rtol=2e-5, atol=2e-5 * (1 + n_latent))
    assert np.isfinite(ratio).all()
    gradients = posteriors.gradients(own, outputs, z)
    for got, wanted in zip(
        (slope, *kernels.posterior_recognize(name, outputs, z)), gradients, strict=True
    ):
        # the solution of a triangular system adds up the errors of all components
        scale = (np.abs(wanted).max(initial=0) + 1) * (
            n_latent if posteriors.is_coupled(own) else 1
        )
        np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-5 * scale)
    if posteriors.is_coupled(own):
        return
    column = [a[:, -1:].copy() for a in outputs]
    _, alone = kernels.posterior_log_density(name, column, z[:, -1:].copy())
    np.testing.assert_array_equal(slope[:, -1:], alone)
    n_noise, noise = POSTERIORS[name]["n_noise"], noise_for(name, 1, 3, n_latent)
    noise = noise.reshape(1, 3, n_noise, n_latent)[..., -1]
    one, *_ = kernels.posterior_sample(name, POSTERIORS[name]["prior"], column, noise)
    np.testing.assert_array_equal(z[:, -1:], one)


@names
def test_any_number_of_components(vectors, name):
    """Independent components do not depend on their number, to the last bit."""
    for n_latent in SIZES:
        check_size(name, n_latent)


# --- moments and divergences ------------------------------------------------------------------


@names
def test_moments_are_the_twins(vectors, name):
    """Where there is a mean or a variance. Elsewhere the moments are finite."""
    own, outputs = twin(name), examples(name, 50, 3)
    marginals = own.marginals(float64(outputs))
    with np.errstate(all="ignore"):
        expected = getattr(own, "moments", lambda _: (marginals.mean(), marginals.std()))(
            float64(outputs)
        )
    for got, wanted in zip(kernels.posterior_moments(name, outputs), expected, strict=True):
        assert np.isfinite(got).all()
        known = np.isfinite(wanted) & (np.abs(wanted) < 1e4)
        np.testing.assert_allclose(got[known], wanted[known], rtol=1e-4, atol=1e-5)


@names
def test_has_kl_says_whether_there_is_a_closed_form(name):
    found = kernels.posterior_kl(name, examples(name, 1, 3))
    assert (found is not None) == POSTERIORS[name]["has_kl"]


@with_kl
def test_the_divergence_is_the_twins(vectors, name):
    outputs, prior = examples(name, 50, 3), POSTERIORS[name]["prior"]
    got = kernels.posterior_kl(name, outputs)
    expected = posteriors.divergence(twin(name), float64(outputs), prior)
    if expected.shape != got.shape:  # of all components together: in the first one's place
        assert (got[:, 1:] == 0).all()
        expected = np.hstack([expected, np.zeros((50, 2))])
    np.testing.assert_array_less(np.abs(got - expected), 2e-5 * (1 + np.abs(expected)))
    noise = noise_for(name, 1, 50, 3)
    term = kernels.posterior_sample(name, prior, outputs, noise, closed_kl=True)[2]
    np.testing.assert_allclose(term, -got.sum(1), rtol=1e-5, atol=1e-5)


@with_kl
def test_the_divergence_is_the_mean_of_the_log_ratio(vectors, name):
    """SGVB A and B agree in expectation."""
    outputs, _, ratio = many_draws(name, 20_000, 2)
    error = -np.float64(ratio).mean() - kernels.posterior_kl(name, outputs).sum()
    assert abs(error) < 5 * stats.sem(np.float64(ratio)) + 1e-5


@where(lambda own, info: info["has_kl"] and info["prior"] in getattr(own, "AT_PRIOR", {}))
def test_there_is_no_divergence_from_itself(vectors, name):
    values = twin(name).AT_PRIOR[POSTERIORS[name]["prior"]]
    shapes = [a.shape for a in examples(name, 4, 5)]
    outputs = [np.full(s, v, dtype=np.float32) for s, v in zip(shapes, values, strict=True)]
    assert np.abs(kernels.posterior_kl(name, outputs)).max() < 2e-6
