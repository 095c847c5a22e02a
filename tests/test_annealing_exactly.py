"""Annealed importance sampling against its float64 twin, with the core's own noise."""

import numpy as np
import oracle
import pytest
import twins
from test_log_likelihood import trained

from aevb import _core
from aevb.inference.annealing import temperatures


def case(likelihood, n=12):
    model, X = trained(likelihood, 2)
    return model, X[:n]


def start_of(model, X, start):
    """Mean and standard deviation of the density from which chains start."""
    if start == "prior":
        return np.zeros((len(X), 2)), np.ones((len(X), 2))
    weights = oracle.float64(model.weights_)
    h = oracle.climb(weights, "encoder", np.float64(X), "tanh")[0][-1]
    log_var = oracle.affine(weights, "encoder.log_var", h)
    return oracle.affine(weights, "encoder.mean", h), np.exp(log_var / 2)


def both(model, X, start, betas, n_chains, n_leapfrog, seed, exact=None):
    """(the core's result, the twin's result)."""
    names = ("log_p", "stderr", "ess", "acceptance", "z")
    got = _core.anneal(
        model._engine._model,
        _core.Rows(X),
        betas,
        exact,
        begin=0,
        size=len(X),
        split=False,
        n_leapfrog=n_leapfrog,
        n_draws=n_chains,
        from_encoder=start == "encoder",
        seed=seed,
        n_threads=1,
    )

    def joint(z, n):
        return twins.Joint(model, np.repeat(X, n, axis=0))(z)

    moments = start_of(model, X, start)
    content = twins.content_ids(model, X)
    expected = twins.anneal(
        joint,
        *moments,
        betas,
        n_chains,
        n_leapfrog,
        seed,
        content,
        None if exact is None else np.float64(exact),
    )
    return dict(zip(names, got, strict=True)), expected


def assert_agree(got, expected, share=0.9):
    """Most rows agree in all values. In the others, a rounding may send a chain elsewhere."""
    agree = np.ones(len(got["log_p"]), dtype=bool)
    for name, value in expected.items():
        close = np.isclose(got[name], value, rtol=2e-3, atol=2e-3, equal_nan=True)
        agree &= close.reshape(len(agree), -1).all(1)
    bad = np.flatnonzero(~agree)
    assert agree.mean() >= share, {name: (got[name][bad], expected[name][bad]) for name in expected}


@pytest.mark.parametrize("start", ["prior", "encoder"])
@pytest.mark.parametrize("backwards", [False, True])
def test_weights_are_the_twins(isa, start, backwards):
    """Uneven temperatures. With `exact`, chains return from there with the tuned steps."""
    model, X = case("bernoulli")
    exact = np.random.default_rng(0).normal(size=(len(X), 2)).astype(np.float32)
    betas = [0.0, 0.05, 0.2, 0.25, 0.6, 1.0]
    assert_agree(*both(model, X, start, betas, 4, 3, 5, exact if backwards else None))


@pytest.mark.parametrize("n_chains", [1, 51, 110])
@pytest.mark.parametrize("backwards", [False, True])
def test_many_chains_are_the_twins(n_chains, backwards):
    """Passes of 26 and of 37: spare chains are not counted, and every chain has its own noise.

    The row's z is that of one chain, drawn by its weight. A path this short leaves the weights
    uneven.
    """
    model, X = case("gaussian")
    exact = np.random.default_rng(0).normal(size=(len(X), 2)).astype(np.float32)
    got, expected = both(
        model, X, "prior", [0.0, 0.1, 0.4, 1.0], n_chains, 2, 3, exact if backwards else None
    )
    assert_agree(got, expected)
    assert n_chains == 1 or np.median(got["ess"]) < 0.7 * n_chains


def test_a_path_without_a_transition_is_importance_sampling():
    model, X = case("bernoulli")
    got, expected = both(model, X, "encoder", [0.0, 1.0], 60, 2, 3)
    assert_agree(got, expected, share=1.0)
    assert np.isnan(got["acceptance"]).all()


@pytest.mark.parametrize("schedule", ["sigmoid", "linear"])
@pytest.mark.parametrize("n", [1, 2, 7])
def test_schedules(schedule, n):
    t = np.arange(n + 1) / n
    curve = oracle.sigmoid(8 * t - 4)
    stretched = (curve - curve[0]) / (curve[-1] - curve[0])
    expected = t if schedule == "linear" else stretched
    np.testing.assert_allclose(temperatures(schedule, n), expected, rtol=1e-13)
    assert temperatures(schedule, n)[0] == 0
    assert temperatures(schedule, n)[-1] == 1
