"""Every likelihood of the catalogue against its twin, and the twins against the mathematics.

A new likelihood needs a module in tests/likelihoods, and no change here.
"""

from pathlib import Path

import levels
import numpy as np
import oracle
import posteriors
import pytest
from engines import data_of, engine
from hooks import kernels
from likelihoods import twin
from oracle import assert_close
from scipy import stats
from test_bounds import Case, assert_bound_and_gradient, problem

from aevb import _core
from aevb.core.catalogue import LEVEL_LIKELIHOODS, LIKELIHOODS, SUPPORTS
from aevb.core.engine import Rows, starting_outputs

CATALOGUE = _core.catalogue()
SIZES = [*range(1, 40), 47, 48, 49, 63, 64, 65, 127, 128, 129, 560, 784]
likelihoods = pytest.mark.parametrize("likelihood", LIKELIHOODS)


def float64(arrays):
    return [np.float64(a) for a in arrays]


# --- the catalogue ----------------------------------------------------------------------------


def check_objective(name):
    one = np.ones((1, 1))
    assert oracle.latent_backward(one, one, one[None], one, one[0], name)[0].shape == (1, 1)


def check_optimizer(name):
    hyper = {"learning_rate": 1.0, "scale": 1.0, "decay": 0.0, "step": 1}
    assert oracle.optimizer_update(name, 0.0, 1.0, 0.0, 0.0, **hyper)[0] > 0


def check_likelihood(name):
    levels.twin(name) if name in LEVEL_LIKELIHOODS else twin(name)


TWINS = {
    "likelihood": check_likelihood,
    "posterior": posteriors.twin,
    "prior": posteriors.prior,
    "objective": check_objective,
    "optimizer": check_optimizer,
}


@pytest.mark.parametrize("family", TWINS)
def test_every_member_has_a_twin(family):
    assert len(CATALOGUE[family]) > 1
    for name in CATALOGUE[family]:
        TWINS[family](name)


@pytest.mark.parametrize("family", TWINS)
def test_a_member_without_a_twin_would_be_seen(family):
    with pytest.raises(LookupError, match=f"the {family} 'no-such' has no twin"):
        TWINS[family]("no-such")


def test_the_file_that_a_likelihood_wants_is_named():
    with pytest.raises(LookupError, match=r"want tests/likelihoods/no_such\.py$"):
        twin("no-such")


# --- the twins --------------------------------------------------------------------------------


@likelihoods
def test_the_twins_gradient_is_the_derivative(likelihood):
    """Differences of five points, h = 1e-3: truncation is of order 1e-12, cancellation 1e-13."""
    own, h = twin(likelihood), 1e-3
    outputs, x = own.examples(np.random.default_rng(0), 200, 1)
    outputs, x = float64(outputs), np.float64(x)
    _, gradients = own.log_p(outputs, x)
    assert len(gradients) == len(outputs) == len(own.OUTPUTS)
    for i, gradient in enumerate(gradients):
        slope = 0.0
        for k, weight in ((-2, 1), (-1, -8), (1, 8), (2, -1)):
            moved = [a + k * h * (i == j) for j, a in enumerate(outputs)]
            slope += weight * own.log_p(moved, x)[0] / (12 * h)
        tolerance = 1e-8 * (1 + own.terms(outputs, x) + np.abs(gradient[:, 0]))
        assert (np.abs(gradient[:, 0] - slope) <= tolerance).all(), own.OUTPUTS[i]


@likelihoods
def test_the_twins_density_has_its_mean_and_variance(likelihood):
    own = twin(likelihood)
    outputs, _ = own.examples(np.random.default_rng(1), 40, 1)
    for row in range(40):
        one = [a[row : row + 1] for a in float64(outputs)]
        x, weight = own.grid(one)
        p = weight * np.exp(own.log_p([np.broadcast_to(a, x.shape) for a in one], x)[0])
        mean, variance = own.mean(one), own.variance(one)
        assert p.sum() == pytest.approx(1, rel=1e-9)
        assert abs(p @ x - mean) <= 1e-9 * np.sqrt(variance + mean**2)
        assert p @ (x - mean) ** 2 == pytest.approx(variance[0], rel=1e-9)


# --- the kernels ------------------------------------------------------------------------------


def check_kernel(likelihood, outputs, x):
    own = twin(likelihood)
    r, gradients = kernels.likelihood(likelihood, outputs, x)
    exact = float64(outputs), np.float64(x)
    expected_r, expected = own.log_p(*exact)
    error_r, errors = own.error(*exact)
    assert_close(r, expected_r, error_r, f"{likelihood} {x.shape} r")
    for name, *of_one in zip(own.OUTPUTS, gradients, expected, errors, strict=True):
        assert_close(*of_one, f"{likelihood} {x.shape} d{name}")

    none, alone = kernels.likelihood(likelihood, outputs, x, with_r=False)
    assert (none == 0).all()
    for one, other in zip(gradients, alone, strict=True):
        np.testing.assert_array_equal(one, other)


@likelihoods
def test_the_kernel_is_the_twin(vectors, likelihood):
    rng = np.random.default_rng(2)
    for d in SIZES:
        check_kernel(likelihood, *twin(likelihood).examples(rng, 5, d))


@likelihoods
def test_the_kernel_is_the_twin_at_the_extremes(vectors, likelihood):
    cases = twin(likelihood).extremes()
    assert cases
    for outputs, x in cases:
        check_kernel(likelihood, outputs, x)


# --- the whole model --------------------------------------------------------------------------


@likelihoods
def test_the_models_bound_and_gradient_are_the_twins(vectors, likelihood):
    for objective in CATALOGUE["objective"]:
        case = Case(likelihood, objective, (7,), "tanh", 2, 16, 70, 3)
        assert_bound_and_gradient(case, *ask(case))


def ask(case, **options):
    """The bound and gradient of a case, by an engine with the weights of its problem."""
    p = problem(case)
    model = engine(
        case.n_visible,
        n_components=case.n_latent,
        hidden_layer_sizes=list(case.hidden),
        likelihood=case.likelihood,
        bound_estimator=case.estimator,
        n_draws=case.n_draws,
        mask_inputs=case.mask_inputs,
    )
    model.set_arrays(p.weights, "weights")
    rows = Rows(data_of(model, p.x), holes=case.missing > 0)
    return model.bound_and_gradient(rows, p.noise, seed=0, n_threads=1, **options)


def decoder(likelihood, n_visible, size=1.0):
    """A model whose outputs are near the twin's examples times `size`, and its float64 weights."""
    model, rng = engine(n_visible, likelihood=likelihood), np.random.default_rng(3)
    weights = model.arrays("weights")
    for block in oracle.blocks(likelihood):
        n_columns = len(range(n_visible)[block.columns])
        for head, bias in zip(block.heads, block.twin.examples(rng, 1, n_columns)[0], strict=True):
            weights[f"{head}.bias"] = np.float32(size) * bias[0]
    model.set_arrays(weights, "weights")
    return model, oracle.float64(weights)


def assert_decodes(likelihood, n_visible):
    """The means of p(x|z) are right to 5e-5 of their norm per row, as in test_generate.py."""
    model, weights = decoder(likelihood, n_visible)
    z = np.random.default_rng(4).normal(size=(37, 2)).astype(np.float32)
    expected = oracle.decode(weights, oracle.Config(likelihood=likelihood), np.float64(z))[0]
    error = np.linalg.norm(model.decode(z, n_threads=1) - expected, axis=1)
    assert (error <= 5e-5 * np.linalg.norm(expected, axis=1)).all()


def assert_draws(likelihood, n_visible):
    """The mean and variance of x given z, over 50 000 draws of z and x.

    In each column, x - mean and (x - mean)^2 - variance are independent over draws, and 0 in
    expectation. Their means are normal to that precision: a correct engine fails for one seed in
    a million. The same is true of the products of x - mean, and of its squares, of two columns.
    """
    model, weights = decoder(likelihood, n_visible, size=0.3)  # so that no value of x is rare
    n = 50_000
    x, z = (np.float64(a) for a in model.sample(n, seed=5, n_threads=1))
    mean, variance = oracle.decode(weights, oracle.Config(likelihood=likelihood), z)
    first, second = x - mean, (x - mean) ** 2 - variance
    tests = [first.sum(0) / np.sqrt(variance.sum(0)), second.sum(0) / np.sqrt((second**2).sum(0))]
    for a, b in ((first, first), (first, second), (second, second)):
        scores = a.T @ b / np.sqrt((a**2).T @ (b**2))
        tests.append(scores[~np.eye(n_visible, dtype=bool)])
    limit = stats.norm.isf(0.5e-6 / sum(scores.size for scores in tests))
    for what, scores in zip(("mean", "variance", "xx", "xxx", "xxxx"), tests, strict=True):
        assert np.abs(scores).max() <= limit, what


@likelihoods
def test_decoded_means_are_the_twins(vectors, likelihood):
    assert_decodes(likelihood, 70)


@likelihoods
def test_draws_have_the_twins_mean_and_variance(vectors, likelihood):
    assert_draws(likelihood, 9)


@pytest.mark.parametrize("likelihood", [name for name in LIKELIHOODS if SUPPORTS[name] != "counts"])
@pytest.mark.parametrize(("mean", "variance"), [(0.3, 0.02), (0.72, 0.1)])
def test_starting_outputs_have_the_mean_and_variance(likelihood, mean, variance):
    """A likelihood with one output has the mean alone. The starts of counts have other tests."""
    own, outputs = twin(likelihood), starting_outputs(likelihood, [mean], [variance])
    outputs = [row[:, None] for row in outputs]
    assert len(outputs) == len(own.OUTPUTS)
    assert own.mean(outputs) == pytest.approx(mean, rel=1e-9)
    if len(outputs) > 1:
        assert own.variance(outputs) == pytest.approx(variance, rel=1e-9)


@likelihoods
@pytest.mark.parametrize("mean", [0.0, 1e-30, 1.0])
def test_columns_that_do_not_vary_have_finite_starts(likelihood, mean):
    outputs = starting_outputs(likelihood, [mean], [0.0])
    assert (np.abs(outputs) < 1e4).all()


@pytest.mark.parametrize("likelihood", CATALOGUE["likelihood"])
def test_the_method_has_a_row_for_each_likelihood(likelihood):
    page = Path(__file__).resolve().parent.parent / "docs" / "method.md"
    assert f"\n| `{likelihood}` | " in page.read_text()
