"""The whole model, through the Python interface, against the float64 twin.

Gradients are compared by their norm per weight: |g - g64| <= 5e-5 |g64|. The tolerance of bounds is
a first-order error analysis. A layer computed in float32 is the exact layer of weights changed by a
relative gamma(k). A row's bound therefore moves by at most gamma(k) * sum |w| |d bound / d w|,
layer by layer.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np
import oracle
import pytest
from oracle import U, gamma
from scipy import stats

from aevb import AEVB

# The ragged sizes include more latent units than columns.
pytestmark = pytest.mark.filterwarnings("ignore:n_components")

LIKELIHOODS = ("bernoulli", "gaussian", "bounded-gaussian")
ESTIMATORS = ("analytic-kl", "monte-carlo", "score-function")
HIDDEN = ((7,), (33, 18), (65, 40, 17))
ACTIVATIONS = ("tanh", "relu", "softplus", "sigmoid")
RELATIVE = 5e-5


class Case(NamedTuple):
    likelihood: str
    estimator: str
    hidden: tuple
    activation: str
    n_draws: int
    n: int
    n_visible: int
    n_latent: int
    kl_weight: float = 1.0
    missing: float = 0.0  # the share of values that are missing
    mask_inputs: bool = False


def cases(likelihood, estimator):
    """All networks, activations and numbers of draws, with ragged sizes of coprime periods."""
    grid = product(HIDDEN, ACTIVATIONS, (1, 3))
    for i, (hidden, activation, n_draws) in enumerate(grid):
        sizes = (1, 5, 16, 37, 103)[i % 5], (13, 1, 70, 129, 24, 66, 8)[i % 7], (3, 1, 17)[i % 3]
        yield Case(likelihood, estimator, hidden, activation, n_draws, *sizes)


def n_variables(case):
    """The number of columns of the data."""
    columns = np.arange(case.n_visible)
    return sum(columns[b.columns][b.first_columns].size for b in oracle.blocks(case.likelihood))


def shapes(case):
    """{layer: (in, out)}, in the order in which data pass through the model."""
    h, d, j = case.hidden, case.n_visible, case.n_latent
    n_inputs = d + (n_variables(case) if case.mask_inputs else 0)
    sizes = {f"encoder.hidden{i}": s for i, s in enumerate(zip((n_inputs, *h), h, strict=False))}
    sizes |= {"encoder.mean": (h[-1], j), "encoder.log_var": (h[-1], j)}
    up = h[::-1]
    sizes |= {f"decoder.hidden{i}": s for i, s in enumerate(zip((j, *up), up, strict=False))}
    for block in oracle.blocks(case.likelihood):
        for head, width in zip(block.heads, block.widths(d), strict=True):
            sizes[head] = (0 if head in block.constant_heads else h[0], width)  # 0: a bias alone
    return sizes


def random_weights(case, rng):
    weights = {}
    for layer, (n_in, n_out) in shapes(case).items():
        if n_in > 0:
            weight = rng.normal(size=(n_in, n_out)) / np.sqrt(n_in)
            weights[f"{layer}.weight"] = weight.astype(np.float32)
        weights[f"{layer}.bias"] = rng.normal(scale=0.3, size=n_out).astype(np.float32)
    return weights


def random_rows(case, rng, n):
    x = np.empty((n, case.n_visible), dtype=np.float32)
    for block in oracle.blocks(case.likelihood):
        own = block.twin.examples(rng, *x[:, block.columns].shape)[1]
        if case.missing > 0:  # a variable with levels is missing as a whole
            holes = rng.random(own[:, block.first_columns].shape) < case.missing
            own[np.repeat(holes, getattr(block.twin, "levels", 1), axis=1)] = np.nan
        x[:, block.columns] = own
    return x


def config_of(case, **changes):
    settings = case.activation, case.likelihood, case.estimator, case.kl_weight, case.mask_inputs
    return oracle.Config(*settings)._replace(**changes)


class Problem(NamedTuple):
    weights: dict
    x: np.ndarray
    noise: np.ndarray
    tape: oracle.Tape


@cache
def problem(case):
    """Random weights, rows and noise, away from relu's corner.

    In float32, a pre-activation within rounding of zero may take the other branch, which is no
    error of the engine. 4e-6 is about six standard deviations of its rounding error.
    """
    for seed in range(100):
        rng = np.random.default_rng([seed, case.n, case.n_visible, case.n_latent])
        weights, x = random_weights(case, rng), random_rows(case, rng, case.n)
        weights["encoder.hidden0.weight"] /= max(1, np.sqrt(np.nanmean(x**2)))  # for counts
        noise = rng.normal(size=(case.n_draws, case.n, case.n_latent)).astype(np.float32)
        tape = oracle.run(weights, x, noise, config_of(case))
        if case.activation != "relu" or tape.kink > 4e-6:
            return Problem(weights, x, noise, tape)
    raise AssertionError("no draw away from the kinks")


def model_of(case, **parameters):
    """An AEVB of the case's shapes, initialised by one epoch over 20 other rows."""
    parameters = {"n_epochs": 1, "batch_size": 16, "random_state": 0, "scale": "none"} | parameters
    model = AEVB.published(
        case.n_latent,
        hidden_layer_sizes=case.hidden,
        activation=case.activation,
        likelihood=case.likelihood,
        bound_estimator=case.estimator,
        n_draws=case.n_draws,
        **parameters,
    )
    return model.fit(random_rows(case, np.random.default_rng(1), 20))


# --- tolerances -------------------------------------------------------------------------------


def likelihood_scale(p, case, tape):
    """Absolute error of log p(x|z) from its own arithmetic, and the sum of its absolute terms."""
    weights, x = oracle.float64(p.weights), np.float64(p.x).repeat(case.n_draws, axis=0)
    error, terms = 0.0, 0.0
    for _, own, heads, columns in oracle.blocks(case.likelihood):
        outputs = [oracle.affine(weights, head, tape.layers[head][0]) for head in heads]
        error += own.error(outputs, x[:, columns])[0]
        terms += own.terms(outputs, x[:, columns])
    return error, terms


def latent_scale(p, case, tape):
    """Per decoder row (m, l): sum of absolute terms beside log p(x|z), and |z|'s terms (., J)."""
    weights, h = oracle.float64(p.weights), tape.layers["encoder.mean"][0]
    mean, log_var = (oracle.affine(weights, f"encoder.{head}", h) for head in ("mean", "log_var"))
    spread = oracle.as_rows(np.abs(np.exp(log_var / 2) * p.noise))
    mean, log_var = np.abs(mean).repeat(case.n_draws, 0), log_var.repeat(case.n_draws, 0)
    z = mean + spread
    if case.estimator == "analytic-kl":
        terms = 1 + np.abs(log_var) + mean**2 + np.exp(log_var)
    else:
        terms = np.abs(log_var) + oracle.as_rows(np.float64(p.noise)) ** 2 + z**2
    return 0.5 * terms.sum(1), z


def bound_tolerance(p, case):
    """First-order error of a row's bound. A layer has k + 9 roundings: sum, bias, activation."""
    pathwise = case.estimator
    if case.estimator.startswith("score-function"):
        pathwise = "monte-carlo"
    tape = oracle.run(p.weights, p.x, p.noise, config_of(case, estimator=pathwise))
    total = np.zeros(case.n)
    for layer, (h, delta) in tape.layers.items():
        absolute = {name: np.abs(value) for name, value in p.weights.items()}
        rows = (oracle.affine(absolute, layer, np.abs(h)) * np.abs(delta)).sum(1)
        total += gamma(h.shape[1] + 9) * rows.reshape(case.n, -1).sum(1)
    error, _ = likelihood_scale(p, case, tape)
    terms, z = latent_scale(p, case, tape)
    delta = tape.layers["decoder.hidden0"][1]
    dz = np.abs(delta @ np.float64(p.weights["decoder.hidden0.weight"]).T)
    rows = (error + gamma(4 * case.n_latent + 17) * terms) / case.n_draws
    rows += 6 * U * (z * dz).sum(1)
    return total + rows.reshape(case.n, -1).sum(1)


def naive_tolerances(p, case):
    """Tolerances |g - g64| of the score function's encoder gradient, a sum over rows and draws.

    Each draw's gradient f * grad log q is a product. Its relative error is at most RELATIVE times
    f's condition (sum of absolute terms over |f|). The triangle inequality adds the draws up. Their
    signs differ, so the sum may be far smaller than its terms, whatever the arithmetic.
    """
    repeated = p.x.repeat(case.n_draws, axis=0)
    noise = oracle.as_rows(p.noise)[None]
    tape = oracle.run(p.weights, repeated, noise, config_of(case))  # a row per draw, L = 1
    absolute = likelihood_scale(p, case, p.tape)[1] + latent_scale(p, case, p.tape)[0]
    f = tape.log_likelihood + case.kl_weight * tape.log_ratio
    condition = absolute / np.abs(f) / case.n_draws
    result = {}
    for layer, (h, delta) in tape.layers.items():
        if layer.startswith("encoder"):
            size = np.linalg.norm(delta, axis=1) * condition
            result[f"{layer}.bias"] = RELATIVE * size.sum()
            result[f"{layer}.weight"] = RELATIVE * (size * np.linalg.norm(h, axis=1)).sum()
    return result


# --- bound and gradient -----------------------------------------------------------------------


def assert_bound_and_gradient(case, bound, gradient):
    """Check what an engine with the weights of the case's problem says of its rows and noise."""
    p = problem(case)
    assert bound.shape == (case.n,)
    assert (np.abs(bound - p.tape.bound) <= bound_tolerance(p, case)).all(), case
    naive = naive_tolerances(p, case) if case.estimator == "score-function" else {}
    expected = oracle.gradient(p.tape)
    assert gradient.keys() == expected.keys()
    for name, g64 in expected.items():
        assert gradient[name].shape == g64.shape
        error = np.linalg.norm(gradient[name] - g64)
        tolerance = naive.get(name, RELATIVE * np.linalg.norm(g64))
        assert error <= tolerance, f"{name}: {error:.3g} > {tolerance:.3g} in {case}"


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_bound_and_gradient(isa, likelihood, estimator):
    for case in cases(likelihood, estimator):
        p, model = problem(case), model_of(case)
        assert {k: v.shape for k, v in model.weights_.items()} == {
            name: value.shape for name, value in p.weights.items()
        }
        model.set_weights(p.weights)
        assert_bound_and_gradient(case, *model.bound_and_gradient(p.x, p.noise))


def test_gradient_of_more_rows_than_any_batch(isa):
    """Bounds and gradients of 1500 rows: no row is lost or counted twice between chunks."""
    case = Case("bernoulli", "analytic-kl", (33, 18), "tanh", 1, 1500, 13, 3)
    p, model = problem(case), model_of(case)
    model.set_weights(p.weights)
    assert_bound_and_gradient(case, *model.bound_and_gradient(p.x, p.noise))


def surrogate(weights, x, noise, config, frozen):
    """The function whose derivative is the objective's gradient, summed over rows.

    For the score function in the encoder: (1/L) sum_l f_l log q(z_l|x) with f and z held fixed.
    """
    if frozen is None:
        return oracle.run(weights, x, noise, config).annealed.sum()
    z, f = frozen
    h = oracle.climb(weights, "encoder", np.float64(x), config.activation)[0][-1]
    mean, log_var = (oracle.affine(weights, f"encoder.{head}", h) for head in ("mean", "log_var"))
    log_q = -0.5 * (log_var + (z - mean) ** 2 * np.exp(-log_var)).sum(2)
    return (f * log_q).mean(0).sum()


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_oracle_gradient_is_the_derivative(likelihood, estimator):
    """Central differences in float64 along random directions, per weight: 1e-6 of |g| |v|.

    With h = 1e-5 / |v| truncation is of order 1e-10 and cancellation 1e-16 |bound| / 1e-5.
    """
    rng = np.random.default_rng(0)
    for hidden, activation, n_draws in product(HIDDEN, ACTIVATIONS, (1, 3)):
        kl_weight = {1: 1.0, 3: 0.3}[n_draws]
        case = Case(likelihood, estimator, hidden, activation, n_draws, 4, 6, 3, kl_weight)
        p, config = problem(case), config_of(case)
        weights, gradient = oracle.float64(p.weights), oracle.gradient(p.tape)
        frozen = None
        if estimator == "score-function":
            z = p.tape.layers["decoder.hidden0"][0].reshape(case.n, n_draws, -1).swapaxes(0, 1)
            f = p.tape.log_likelihood + kl_weight * p.tape.log_ratio
            frozen = z, f.reshape(case.n, n_draws).T
        for name, value in weights.items():
            direction = rng.normal(size=value.shape)
            direction /= np.linalg.norm(direction)
            held = frozen if name.startswith("encoder") else None
            up, down = (
                surrogate({**weights, name: value + h * direction}, p.x, p.noise, config, held)
                for h in (1e-5, -1e-5)
            )
            slope, exact = (up - down) / 2e-5, (gradient[name] * direction).sum()
            scale = max(np.linalg.norm(gradient[name]), 1e-2)
            cancelled = 1e-10 * np.abs(p.tape.bound).sum()
            assert abs(slope - exact) <= 1e-6 * scale + cancelled, f"{name} in {case}"


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_estimators_agree_in_expectation(likelihood):
    """t tests of every gradient entry's mean over noise, and of the bound's: 100 repetitions.

    A repetition sums 100 draws of each of 3 rows, with the same noise for all objectives. The
    threshold is 1e-6 divided by the number of entries: one in a million correct engines fails a
    comparison.
    """
    case = Case(likelihood, "analytic-kl", (7,), "tanh", 100, 3, 5, 2)
    p, rng = problem(case), np.random.default_rng(5)
    models = [model_of(case._replace(estimator=name)) for name in ESTIMATORS]
    for model in models:
        model.set_weights(p.weights)
    samples = [[], [], []]
    for _ in range(100):
        noise = rng.normal(size=p.noise.shape).astype(np.float32)
        for model, sample in zip(models, samples, strict=True):
            bound, gradient = model.bound_and_gradient(p.x, noise)
            sample.append(np.concatenate([bound, *(g.ravel() for g in gradient.values())]))
    analytic, monte_carlo, naive = (np.float64(sample) for sample in samples)
    for a, b in ((analytic, monte_carlo), (monte_carlo, naive)):
        difference = a - b
        varies = difference.std(0) > 1e-5 * (np.abs(a).max(0) + 1)  # others are equal to rounding
        np.testing.assert_allclose(a[:, ~varies], b[:, ~varies], rtol=1e-4, atol=1e-4)
        assert varies.any()
        t = difference[:, varies].mean(0) / stats.sem(difference[:, varies], axis=0)
        assert np.abs(t).max() <= stats.t.isf(0.5e-6 / t.size, len(difference) - 1)


# --- one step of training ---------------------------------------------------------------------


def quiet(weights):
    """Weights with an almost certain encoder: sigma = e^-30, so that noise cannot matter."""
    weights = dict(weights)
    weights["encoder.log_var.weight"] = 0 * weights["encoder.log_var.weight"]
    weights["encoder.log_var.bias"] = 0 * weights["encoder.log_var.bias"] - np.float32(60)
    return weights


def prior(name, value, weight_decay, n):
    """The gradient of the prior per row; biases have none."""
    return -weight_decay / n * value if name.endswith(".weight") else 0 * value


@pytest.mark.parametrize("batch_size", [50, 8])
@pytest.mark.parametrize("estimator", ESTIMATORS[:2])
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_sgd_follows_the_oracle(isa, likelihood, estimator, batch_size):
    """Three epochs from given weights, with an encoder too certain for noise to matter.

    The data are one minibatch of 20 different rows, or minibatches of 8, 8 and 4 equal rows, whose
    order does not matter. Each step may add the gradient's tolerance and one rounding of the
    weight. The steps are short enough that errors do not grow.
    """
    rate, decay = 0.01, 3.0
    case = Case(likelihood, estimator, (9, 6), "tanh", 1, 20, 13, 3)
    p = problem(case)
    x = p.x if batch_size > case.n else np.repeat(p.x[:1], case.n, axis=0)
    options = {"optimizer": "sgd", "learning_rate": rate, "weight_decay": decay}
    model = model_of(case, batch_size=batch_size, n_epochs=3, warm_start=True, **options)
    start = quiet(p.weights)
    model.set_weights(start)
    model.fit(x)

    weights = oracle.float64(start)
    tolerance = dict.fromkeys(weights, 0.0)
    for _ in range(3 * -(-case.n // batch_size)):
        gradient = oracle.bound_and_gradient(weights, x, 0 * p.noise, config_of(case))[1]
        for name, g in gradient.items():
            step = rate * (g / case.n + prior(name, weights[name], decay, case.n))
            weights[name] = weights[name] + step
            tolerance[name] += RELATIVE * rate * np.linalg.norm(g) / case.n
            tolerance[name] += 4 * U * np.linalg.norm(weights[name])
    for name, value in weights.items():
        assert np.linalg.norm(model.weights_[name] - value) <= tolerance[name], name
        assert np.linalg.norm(value - start[name]) > 20 * tolerance[name], f"{name} hardly moved"


def test_first_steps_of_all_optimizers_share_one_gradient(isa):
    """The start and its noise are the same at one random state, so sgd reveals the gradient.

    A step of 1e-30 reveals the start. From both, the twin predicts the first step of adagrad
    and of adam. That step grows with the gradient, so the test moves the gradient both ways by its
    error.
    """
    case = Case("bernoulli", "analytic-kl", (33, 18), "tanh", 1, 20, 70, 3)

    def first_step(optimizer, rate):
        options = {"optimizer": optimizer, "learning_rate": rate}
        model = model_of(case, batch_size=20, weight_decay=2.0, **options)
        return oracle.float64(model.weights_)

    start, moved = first_step("sgd", 1e-30), first_step("sgd", 1.0)
    for optimizer, rate in (("adagrad", 0.02), ("adam", 0.001), ("sgd", 0.1)):
        stepped = first_step(optimizer, rate)
        for name, w in start.items():
            step_size = rate * oracle.warm_up(optimizer, 1)
            hyper = {"learning_rate": step_size, "scale": 1.0, "decay": 0.0, "step": 1}

            def update(g, w=w, hyper=hyper, optimizer=optimizer):
                return oracle.optimizer_update(optimizer, w, g, 0 * w, 0 * w, **hyper)[0]

            g = moved[name] - w
            dg = 2 * U * (np.abs(w) + np.abs(moved[name]))
            low, high = update(g - dg), update(g + dg)
            slack = 20 * U * np.abs(update(g) - w) + 2 * U * np.abs(w)
            assert (stepped[name] >= low - slack).all(), f"{optimizer} {name}"
            assert (stepped[name] <= high + slack).all(), f"{optimizer} {name}"
