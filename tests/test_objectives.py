"""Objectives: what they promise of each other, free bits, and the errors of their settings."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import oracle
import pytest
from engines import engine
from scipy import stats
from test_bounds import Case, config_of, problem

from aevb import AEVB, Evaluator, _core
from aevb.core.engine import Rows

KL_WEIGHTS = [1.0, 0.3]


def case_of(objective, n_draws, n=3, kl_weight=1.0):
    return Case("bernoulli", objective, (7,), "tanh", n_draws, n, 5, 2, kl_weight)


def model_of(case, weights, **changes):
    settings = {"bound_estimator": case.estimator, "n_draws": case.n_draws} | changes
    model = engine(case.n_visible, hidden_layer_sizes=list(case.hidden), **settings)
    model.set_arrays(weights, "weights")
    return model


def answer(case, noise=None, **changes):
    """The bound and gradient of a case with the weights of an objective that all share."""
    p = problem(case._replace(estimator="analytic-kl", kl_weight=1.0))
    model = model_of(case, p.weights, **changes)
    noise = p.noise if noise is None else noise
    options = {"seed": 0, "kl_weight": case.kl_weight, "n_threads": 1}
    return model.bound_and_gradient(Rows(p.x), noise, **options)


def assert_same(one, other, tolerance=2e-6):
    """Equal bounds and gradients, but for rounding."""
    np.testing.assert_allclose(one[0], other[0], rtol=tolerance, atol=tolerance)
    for name, gradient in one[1].items():
        size = 1e-2 + np.abs(gradient).max()
        np.testing.assert_allclose(gradient, other[1][name], rtol=0, atol=10 * tolerance * size)


def samples(objectives, n_draws, n_repetitions, n=3, kl_weight=1.0, **changes):
    """Bounds and gradients with the same noise for all objectives, (repetitions, entries) each."""
    rng, found = np.random.default_rng(5), [[] for _ in objectives]
    for _ in range(n_repetitions):
        noise = rng.normal(size=(n_draws, n, 2)).astype(np.float32)
        for sample, objective in zip(found, objectives, strict=True):
            case = case_of(objective, n_draws, n, kl_weight)
            bound, gradient = answer(case, noise, **changes)
            sample.append(np.concatenate([bound, *(g.ravel() for g in gradient.values())]))
    return [np.float64(sample) for sample in found]


def assert_same_mean(a, b):
    """t tests of all entries: one in a million right engines fails."""
    difference = a - b
    varies = difference.std(0) > 1e-5 * (np.abs(a).max(0) + 1)
    np.testing.assert_allclose(a[:, ~varies], b[:, ~varies], rtol=1e-4, atol=1e-4)
    assert varies.any()
    t = difference[:, varies].mean(0) / stats.sem(difference[:, varies], axis=0)
    assert np.abs(t).max() <= stats.t.isf(0.5e-6 / t.size, len(difference) - 1)


# --- the oracle -------------------------------------------------------------------------------


@pytest.mark.parametrize("kl_weight", KL_WEIGHTS)
@pytest.mark.parametrize("objective", ["importance-weighted", "renyi"])
def test_the_oracles_gradient_is_the_derivative(objective, kl_weight):
    """Central differences in float64 along random directions, as in test_bounds."""
    rng = np.random.default_rng(0)
    p = problem(case_of(objective, 4, kl_weight=kl_weight))
    config = config_of(case_of(objective, 4, kl_weight=kl_weight))
    weights, gradient = oracle.float64(p.weights), oracle.gradient(p.tape)
    for name, value in weights.items():
        direction = rng.normal(size=value.shape)
        direction /= np.linalg.norm(direction)
        up, down = (
            oracle.run({**weights, name: value + h * direction}, p.x, p.noise, config).annealed
            for h in (1e-5, -1e-5)
        )
        slope, exact = (up - down).sum() / 2e-5, (gradient[name] * direction).sum()
        assert slope == pytest.approx(exact, rel=1e-6, abs=1e-7), name


@pytest.mark.parametrize("kl_weight", KL_WEIGHTS)
def test_the_doubly_reparameterised_gradient_has_the_mean_of_the_importance_weighted(kl_weight):
    """Of the engines, and of the oracle. Its variance is smaller in the encoder."""
    objectives = "doubly-reparameterized", "importance-weighted"
    doubly, plain = samples(objectives, n_draws=5, n_repetitions=400, kl_weight=kl_weight)
    assert_same_mean(doubly, plain)
    encoder = slice(3, 3 + 5 * 7 + 7)
    assert doubly[:, encoder].var(0).sum() < plain[:, encoder].var(0).sum()

    rng, sums = np.random.default_rng(6), [[], []]
    p = problem(case_of("importance-weighted", 5))
    for _ in range(400):
        noise = rng.normal(size=p.noise.shape)
        for sample, objective in zip(sums, objectives, strict=True):
            gradient = oracle.bound_and_gradient(
                p.weights, p.x, noise, config_of(case_of(objective, 5))
            )[1]
            sample.append(np.concatenate([g.ravel() for g in gradient.values()]))
    assert_same_mean(*map(np.array, sums))


# --- importance weights -----------------------------------------------------------------------


@pytest.mark.parametrize("objective", ["importance-weighted", "renyi"])
@pytest.mark.parametrize("kl_weight", KL_WEIGHTS)
def test_one_draw_is_sgvb_a(isa, objective, kl_weight):
    case = case_of(objective, 1, n=20, kl_weight=kl_weight)
    assert_same(answer(case), answer(case._replace(estimator="monte-carlo")))


def test_the_bound_rises_with_the_number_of_draws(isa):
    """On average over 2000 rows of one x."""
    p = problem(case_of("analytic-kl", 1))
    x, means = np.repeat(p.x[:1], 2000, axis=0), []
    for k in (1, 5, 50):
        noise = np.random.default_rng(k).normal(size=(k, 2000, 2)).astype(np.float32)
        model = model_of(case_of("importance-weighted", k), p.weights)
        bound, _ = model.bound_and_gradient(Rows(x), noise, seed=0, n_threads=1)
        means.append((bound.mean(), stats.sem(bound)))
    for (low, low_error), (high, high_error) in pairwise(means):
        assert high - low > 4 * np.hypot(low_error, high_error)


def test_renyis_bound_goes_from_the_importance_weighted_one_to_sgvb_a(isa):
    case = case_of("renyi", 6)
    zero = answer(case, renyi_order=0.0)
    assert_same(zero, answer(case._replace(estimator="importance-weighted")))
    assert_same(
        answer(case, renyi_order=1 - 1e-6),
        answer(case._replace(estimator="monte-carlo")),
        tolerance=2e-5,
    )
    bounds = [answer(case, renyi_order=order)[0] for order in (0.0, 0.5, 0.9, 1.1, 2.0, 20.0)]
    assert (np.diff(bounds, axis=0) < 0).all()


# --- the baseline -----------------------------------------------------------------------------


@pytest.mark.parametrize(("n_draws", "n"), [(1, 3), (4, 3), (4, 1)])
def test_the_baseline_keeps_the_mean_and_lowers_the_variance(n_draws, n):
    objectives = "score-function-baseline", "score-function"
    with_baseline, plain = samples(objectives, n_draws, 1000, n)
    assert_same_mean(with_baseline, plain)
    encoder = slice(n, n + 5 * 7 + 7)
    assert with_baseline[:, encoder].var(0).sum() < 0.7 * plain[:, encoder].var(0).sum()


# --- free bits --------------------------------------------------------------------------------


@pytest.mark.parametrize("kl_weight", KL_WEIGHTS)
def test_units_below_the_free_bits_cost_nothing(isa, kl_weight):
    """Heads have the gradient with the KL term or without, by the unit's mean KL divergence."""
    case = Case("bernoulli", "analytic-kl", (7,), "tanh", 2, 20, 5, 5, kl_weight)
    p = problem(case)

    def ask(kl_weight, **changes):
        model = model_of(case, p.weights, n_components=5, **changes)
        options = {"seed": 0, "kl_weight": kl_weight, "n_threads": 1}
        return model.bound_and_gradient(Rows(p.x), p.noise, **options)

    model = model_of(case, p.weights, n_components=5)
    kl = model.component_kl(Rows(p.x), n_draws=1, seed=0, n_threads=1)
    free_bits = float(np.sort(kl)[1:3].mean())  # between the second and the third
    bound, gradient = ask(kl_weight, free_bits=free_bits)
    costly, free = ask(kl_weight), ask(0.0)
    np.testing.assert_array_equal(bound, costly[0])  # reported without the free bits
    below = kl < free_bits
    assert below.sum() == 2
    for head in ("encoder.mean", "encoder.log_var"):
        for part in ("weight", "bias"):
            name = f"{head}.{part}"
            expected = np.where(below, free[1][name], costly[1][name])
            np.testing.assert_allclose(gradient[name], expected, rtol=1e-5, atol=1e-5)
            assert np.abs(free[1][name] - costly[1][name]).max(0).min() > 1e-3
    everything = ask(kl_weight, free_bits=1e6)
    for name, g in free[1].items():
        np.testing.assert_allclose(everything[1][name], g, rtol=1e-5, atol=1e-5)


# --- errors -----------------------------------------------------------------------------------

ERRORS = [
    ({"prior": "exponential"}, "prior: got 'exponential', want one with the support"),
    ({"posterior": "exponential", "prior": "standard-normal"}, "prior: got 'standard-normal'"),
    ({"free_bits": 0.1, "bound_estimator": "monte-carlo"}, "free_bits: got 0.1.*, want 0 for"),
    ({"free_bits": 0.1, "prior": "laplace"}, "free_bits: got 0.1.*, want 0 for"),
    ({"free_bits": -0.1}, "free_bits: "),
    ({"renyi_order": 1.0}, "renyi_order: "),
    ({"renyi_order": -0.5}, "renyi_order: "),
    ({"renyi_order": np.nan}, "renyi_order: "),
    ({"kl_weight": -1.0}, "kl_weight: "),
    ({"kl_weight": np.inf}, "kl_weight: "),
    ({"posterior": "no-such"}, "posterior: got 'no-such'"),
    ({"prior": "no-such"}, "prior: got 'no-such'"),
    ({"bound_estimator": "no-such"}, "bound_estimator: got 'no-such'"),
]


@pytest.mark.parametrize(("settings", "message"), ERRORS)
def test_errors_name_the_setting(settings, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        AEVB.published(2, hidden_layer_sizes=(3,), **settings).fit(np.eye(8, 4))
    with pytest.raises((ValueError, TypeError), match=f"^{message}"):
        engine(4, **settings)


def test_a_wrong_prior_is_told_the_right_ones():
    with pytest.raises(ValueError, match="support of the posterior 'gaussian'") as caught:
        engine(4, prior="exponential")
    fitting = [k for k, (support, _) in _core.priors().items() if support == "real"]
    for name in fitting:
        assert f"'{name}'" in str(caught.value)
    assert str(caught.value).count("'") == 4 + 2 * len(fitting)


@pytest.mark.parametrize("objective", ["importance-weighted", "renyi"])
def test_the_standard_error_is_the_spread_over_seeds(objective):
    """The delta method is within a fifth for 200 draws of this model."""
    X = np.random.default_rng(0).random((6, 5))
    options = {"bound_estimator": objective, "hidden_layer_sizes": (3,), "n_epochs": 1}
    model = AEVB.published(2, likelihood="bernoulli", random_state=0, **options).fit(X)
    own = [Evaluator(model, random_state=seed).bound(X, n_draws=200) for seed in range(200)]
    spread = np.std([estimate.per_row for estimate in own], axis=0)
    claimed = np.sqrt(np.mean([estimate.stderr**2 for estimate in own], axis=0))
    np.testing.assert_allclose(claimed, spread, rtol=0.2)


def test_partial_fit_has_no_warm_up():
    X = np.random.default_rng(0).random((50, 5))
    plain, warm = (
        AEVB.published(2, hidden_layer_sizes=(3,), random_state=0, kl_warmup=warmup).partial_fit(X)
        for warmup in (0.0, 1.0)
    )
    for name, weight in plain.weights_.items():
        np.testing.assert_array_equal(weight, warm.weights_[name])
