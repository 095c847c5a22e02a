"""Warnings about estimates and chains: given where they should be, and only there."""

import warnings

import numpy as np
import pytest
from test_evaluator_settings import trained

from aevb import AEVB, Evaluator, datasets, sample_posterior
from aevb.evaluation.alarms import few_draws, poor_chains
from aevb.evaluation.methods import METHODS, make_method

SETTINGS = {
    "optimizer": "adagrad",
    "learning_rate": 0.02,
    "init_scale": 0.1,
    "hidden_layer_sizes": (200,),
    "n_epochs": 40,
    "random_state": 0,
}


@pytest.fixture(scope="module", name="digits")
def model_and_digits():
    X = datasets.load_digits()
    return AEVB(16, **SETTINGS).fit(X[:1500]), X[1500:1600]


def said_by(call):
    """The messages of a call's warnings. All are RuntimeWarnings at the line of the call."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    assert all((w.category, w.filename) == (RuntimeWarning, __file__) for w in caught)
    return [str(w.message) for w in caught]


CALLS = {
    "importance": {},
    "adapted": {"n_adaptations": 1, "n_draws": 100},
    "ais": {"n_temperatures": 20},
}


@pytest.mark.parametrize("name", CALLS)
def test_data_of_another_kind_are_an_alarm(digits, name):
    model, X = digits
    method = "importance" if name == "adapted" else name
    evaluator = Evaluator(model, random_state=0)

    def ask(X):
        return said_by(lambda: evaluator.log_likelihood(X, method, **CALLS[name]))

    assert ask(X) == []
    (message,) = ask(1 - X)
    assert message.startswith(f"'{method}': the effective number of draws of ")
    assert message.endswith(make_method(method, CALLS[name]).advice)


@pytest.mark.parametrize(("n_draws", "limit"), [(10, 10 / 3), (20, 4.0), (95, 4.75)])
def test_a_handful_is_where_the_error_of_log_p_is_half_a_nat(n_draws, limit):
    """1 / ess - 1 / n = 1 / 5 at the limit: the relative variance of a mean of weights."""
    assert few_draws(np.array([limit * 1.0001]), n_draws, "do") == []
    (reason,) = few_draws(np.array([limit * 0.9999]), n_draws, "do this")
    assert f" of 100% of the rows is below {limit:.1f} " in reason
    assert reason.endswith("; do this")


def test_what_one_asked_for_is_no_alarm():
    assert few_draws(np.ones(5), 9, "do") == []


def test_every_method_gives_advice():
    for name in METHODS:
        assert make_method(name, {}).advice.startswith("use ")
    assert "n_adaptations" in make_method("importance", {}).advice
    assert "n_adaptations" not in make_method("importance", {"n_adaptations": 1}).advice


@pytest.mark.parametrize("scale", [1e9, 1e4])
def test_chains_that_stand_still_are_an_alarm(scale):
    rng = np.random.default_rng(0)
    X = np.float32(rng.normal(size=(300, 3)) @ rng.normal(size=(3, 8)))
    model = AEVB(2, **SETTINGS, likelihood="gaussian").fit(X)
    results = []

    def sample(X, n_draws):
        results.append(sample_posterior(model, X, n_draws, random_state=0))

    (message,) = said_by(lambda: sample(X[:3] * np.float32(scale), 200))
    assert message.startswith("sample_posterior: 3 of 3 chains stood still")
    assert (results[0].ess == 0).all()
    assert np.isnan(results[0].r_hat).all()
    assert said_by(lambda: sample(X[:20], 1000)) == []
    assert (results[1].ess > 0).all()


def test_a_likelihood_from_chains_that_stand_still_is_an_alarm():
    model, X = trained("gaussian", 2)
    estimates = []

    def ask():
        evaluator = Evaluator(model, random_state=0)
        estimates.append(evaluator.log_likelihood(X[:3] * np.float32(1e7), "hmc", n_draws=20))

    (message,) = said_by(ask)
    assert message.startswith("'hmc': the effective number of draws of 100% of the rows")
    assert (estimates[0].diagnostics["ess"] == 0).all()


def chains(n_draws=200, n_chains=20):
    """(draws, ess, r_hat, n_divergent) of good chains, for `poor_chains`."""
    draws = np.random.default_rng(0).normal(size=(n_draws, n_chains, 2)).astype(np.float32)
    return draws, np.full((n_chains, 2), 99.0), np.ones((n_chains, 2)), np.zeros(n_chains, int)


@pytest.mark.parametrize("n_draws", [20, 200])
def test_each_reason_is_given_from_its_limit_on(n_draws):
    assert poor_chains(*chains(n_draws)) == []
    draws, ess, r_hat, n_divergent = chains(n_draws)
    ess[3, 1] = 0
    draws[1 : 1 + int(0.91 * n_draws), 5] = draws[0, 5]  # moves in 9 % of its transitions
    draws[1 : 1 + int(0.88 * n_draws), 6] = draws[0, 6]
    (stuck,) = poor_chains(draws, ess, r_hat, n_divergent)
    assert stuck.startswith("2 of 20 chains stood still")
    draws, ess, r_hat, n_divergent = chains(n_draws)
    n_divergent[:3] = n_draws // 100, n_draws // 100 + 1, n_draws
    (divergent,) = poor_chains(draws, ess, r_hat, n_divergent)
    assert "of 2 of 20 chains diverged" in divergent
    draws, ess, r_hat, n_divergent = chains(n_draws)
    r_hat[:2, 0], r_hat[2:4, 1] = 1.11, 1.09
    assert poor_chains(draws, ess, r_hat, n_divergent) == []  # a tenth of the chains
    r_hat[2, 1] = 1.11
    reasons = poor_chains(draws, ess, r_hat, n_divergent)
    assert len(reasons) == (n_draws >= 200)
    assert all(reason.startswith("R-hat of 3 of 20 chains") for reason in reasons)


def test_short_chains_are_not_judged():
    draws, ess, r_hat, n_divergent = chains(19)
    assert poor_chains(draws * 0, ess * 0, r_hat + 9, n_divergent + 19) == []
    assert len(poor_chains(draws[:1].repeat(20, axis=0), ess * 0, r_hat + 9, n_divergent + 20)) == 2
