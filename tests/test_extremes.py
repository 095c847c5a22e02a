"""Extreme data, sizes and weights give finite answers or a named error."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone

from aevb import AEVB, MCEM, DivergenceError, Evaluator, WakeSleep

SMALL = {"n_components": 2, "hidden_layer_sizes": (5,), "n_epochs": 2, "random_state": 0}
EM = {**SMALL, "n_draws": 3, "n_leapfrog": 2, "n_updates": 1}
KINDS = {
    "AEVB": AEVB.published(**SMALL),
    "WakeSleep": WakeSleep.published(**SMALL),
    "MCEM": MCEM.published(**EM),
}
kinds = pytest.mark.parametrize("kind", KINDS)
rng = np.random.default_rng(0)
pytestmark = [
    pytest.mark.filterwarnings("ignore:n_components"),  # some data have fewer columns
    pytest.mark.filterwarnings("ignore:the bound still rose"),
    pytest.mark.filterwarnings("ignore:all latent units have collapsed"),
]


def all_of(model, X):
    """Call every method of a fitted model."""
    Z, scores = model.transform(X), model.score_samples(X)
    answers = [Z, scores, model.sample(3), model.reconstruct(X), model.inverse_transform(Z)]
    shapes = [(len(X), model.n_components), (len(X),), (3, X.shape[1]), X.shape, X.shape]
    assert [answer.shape for answer in answers] == shapes
    assert all(np.isfinite(answer).all() for answer in answers)
    return scores


def error_of(call, kind):
    """Return the error of that kind that the call raises, or None. Other errors pass through."""
    try:
        call()
    except kind as error:
        return error
    return None


def new(kind, **settings):
    return clone(KINDS[kind]).set_params(scale="none").set_params(**settings)


PLAIN = {
    "zeros": np.zeros((8, 4)),
    "ones": np.ones((8, 4)),
    "a constant": np.full((8, 4), 0.3),
    "a constant column": np.hstack([rng.random((8, 3)), np.full((8, 1), 0.5)]),
    "an empty column": np.hstack([rng.random((8, 3)), np.zeros((8, 1))]),
    "one row": rng.random((1, 4)),
    "one column": rng.random((8, 1)),
    "one value": np.array([[1.0]]),
}


@kinds
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian", "bounded-gaussian"])
@pytest.mark.parametrize("X", PLAIN.values(), ids=PLAIN)
def test_degenerate_data(kind, likelihood, X):
    all_of(new(kind, likelihood=likelihood).fit(X), X)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian", "bounded-gaussian"])
@pytest.mark.parametrize("x", [0.0, 1.0])
def test_a_long_fit_to_a_constant_stays_bounded(likelihood, x):
    """The bound's supremum is finite: 0 for Bernoulli, else given by the log-variance's floor."""
    X = np.full((50, 4), x)
    model = new("AEVB", likelihood=likelihood, learning_rate=0.5, n_epochs=300).fit(X)
    highest = 0.0 if likelihood == "bernoulli" else 4 * (10 - np.log(2 * np.pi)) / 2
    scores = all_of(model, X)
    # float32 rounds the sum of four terms, each within 10 of 0
    assert np.all(scores <= highest + 4 * 10 * np.finfo(np.float32).eps)


@kinds
@pytest.mark.parametrize("exponent", range(-20, 21, 4))
@pytest.mark.parametrize("offset", [0.0, 1.0])
def test_any_scale(kind, exponent, offset):
    X = 10.0**exponent * (offset + rng.standard_normal((8, 4)))
    model = new(kind, likelihood="gaussian")
    error = error_of(lambda: model.fit(X), DivergenceError)
    if error is not None:
        assert "scale the data" in str(error)
        assert not model.__sklearn_is_fitted__()
    else:
        assert all(np.isfinite(bound) for bound in model.history_["train_bound"])
        error = error_of(lambda: all_of(model, X), ValueError)
        assert error is None or "float32" in str(error)
    assert error is None or exponent > 0, "small numbers are no reason to fail"


@kinds
def test_scaled_data_can_be_learned_at_any_scale(kind):
    """The advice in the error message works: scale the data. By default the model does it."""
    X = rng.standard_normal((8, 4))
    for scales in (lambda scale: 1 / scale, lambda scale: "auto"):
        want = all_of(new(kind, likelihood="gaussian", scale=scales(1.0)).fit(X), X)
        for exponent in (-60, 60):  # powers of two scale exactly
            scale = 2.0**exponent
            model = new(kind, likelihood="gaussian", scale=scales(scale)).fit(scale * X)
            log_jacobian = -4 * exponent * np.log(2.0)
            np.testing.assert_allclose(all_of(model, scale * X), want + log_jacobian, rtol=1e-12)


@pytest.mark.parametrize("kind", ["AEVB", "WakeSleep"])
@pytest.mark.parametrize("head", ["encoder.log_var", "decoder.log_var", "encoder.mean"])
@pytest.mark.parametrize("bias", [-3e38, -1e30, -1e4, -100.0, 100.0, 1e4, 1e30, 3e38])
def test_log_variances_at_both_ends(kind, head, bias):
    X = rng.standard_normal((10, 4))
    model = new(kind, likelihood="gaussian").fit(X)
    weights = model.weights_
    weights[f"{head}.bias"][:] = bias
    model.set_weights(weights)
    answers = []
    asks = (
        model.transform,
        model.reconstruct,
        model.score_samples,
        lambda X: model.sample(3),
        lambda X: model.bound_and_gradient(X)[0],
        lambda X: Evaluator(model).log_likelihood(X, n_draws=4).per_row,
    )
    errors = [error_of(lambda ask=ask: answers.append(ask(X)), ValueError) for ask in asks]
    errors = [str(error) for error in errors if error is not None]
    assert answers
    assert not any(np.isnan(answer).any() for answer in answers)
    assert all("float32" in error for error in errors)
    if abs(bias) <= 100 and head != "encoder.mean":
        assert not errors
    if (head, bias) == ("decoder.log_var", -3e38):  # this bias gives the floor
        assert np.isfinite(answers[2]).all()


@kinds
@pytest.mark.parametrize("value", [1e10, 1e19, 1e38])
def test_huge_weights(kind, value):
    X = rng.standard_normal((6, 4))
    model = new(kind, likelihood="gaussian", activation="relu").fit(X)
    model.set_weights({k: np.full_like(w, value) for k, w in model.weights_.items()})
    before = {name: weight.tobytes() for name, weight in model.weights_.items()}
    answers = []
    for ask in (model.transform, model.reconstruct, model.score_samples, lambda X: model.sample(3)):
        error = error_of(lambda ask=ask: answers.append(ask(X)), ValueError)
        assert error is None or "float32" in str(error)
    assert not any(np.isnan(answer).any() for answer in answers)
    wild = 1e30 * X
    with pytest.raises(DivergenceError):
        model.partial_fit(wild)
    assert {name: weight.tobytes() for name, weight in model.weights_.items()} == before


SIZES = {
    "a batch larger than the data": {"batch_size": 10**6},
    "the largest batch": {"batch_size": 2**31 - 1},
    "batches of one": {"batch_size": 1},
    "J = 1": {"n_components": 1},
    "J = 512": {"n_components": 512},
    "eight layers": {"hidden_layer_sizes": (7, 6, 5, 4, 3, 2, 1, 2)},
    "layers of one": {"hidden_layer_sizes": (1, 1)},
    "many draws": {"n_draws": 300},
    "no prior, no noise in the weights": {"weight_decay": 0.0, "init_scale": 0.0},
    "the smallest step": {"learning_rate": 1e-44},
    "many threads": {"n_threads": 64},
}


@kinds
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("size", SIZES)
def test_sizes(kind, likelihood, size):
    X = rng.random((6, 5))
    all_of(new(kind, likelihood=likelihood, **SIZES[size]).fit(X), X)


@kinds
def test_many_columns(kind):
    n_columns = 500 if kind == "MCEM" else 30_000  # chains take longer
    X = rng.random((3, n_columns), dtype=np.float32)
    all_of(new(kind, n_epochs=1).fit(X), X)


def test_many_draws_of_few_rows():
    X = rng.random((3, 4))
    model = new("AEVB").fit(X)
    estimate = Evaluator(model).bound(X, n_draws=100_000)
    assert np.all(estimate.stderr < 0.1)
    # two estimates of one number: five standard errors of their difference
    other = Evaluator(model, random_state=1).bound(X, n_draws=100_000)
    apart = np.abs(estimate.per_row - other.per_row)
    assert np.all(apart < 5 * np.hypot(estimate.stderr, other.stderr))
    assert np.isfinite(Evaluator(model).log_likelihood(X, n_draws=100_000).per_row).all()


@pytest.mark.parametrize("dtype", [np.float32, np.complex128])
def test_latent_variables_and_weights_are_dense(dtype):
    """A sparse matrix, damaged or not, is refused before any code follows its indices."""
    model = AEVB.published(2, hidden_layer_sizes=(7,), n_epochs=1).fit(
        np.random.default_rng(0).random((20, 6))
    )
    damaged = sp.csr_matrix(np.ones((3, model.n_components), dtype))
    damaged.indptr[1] = 2**30
    with pytest.raises(TypeError, match=r"Z: got a sparse"):
        model.inverse_transform(damaged)
    with pytest.raises(TypeError, match=r"X: got a sparse"):
        model.impute(damaged)
    name = "decoder.hidden0.weight"
    with pytest.raises(TypeError, match=rf"{name}.*: got a sparse"):
        model.set_weights(model.weights_ | {name: damaged})
