"""The evaluator's estimates: their fields, their error bars, and what must not change them."""

import dataclasses

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from teams import team_of

from aevb import AEVB, Estimate, Evaluator

EPS = np.finfo(np.float32).eps
LIKELIHOODS = ["bernoulli", "gaussian", "bounded-gaussian"]
pytestmark = pytest.mark.filterwarnings("ignore:the bound still rose")


@pytest.fixture(scope="module", name="X")
def data():
    return (load_digits().data[:80] / 16).astype(np.float32)


@pytest.fixture(scope="module", params=LIKELIHOODS)
def model(request, X):
    settings = {"n_components": 4, "hidden_layer_sizes": (20,), "n_epochs": 5, "random_state": 0}
    return AEVB.published(**settings, likelihood=request.param, scale="none").fit(X)


def test_fields(model, X):
    estimate = Evaluator(model, random_state=0).bound(X, n_draws=3)
    assert isinstance(estimate, Estimate)
    names = [field.name for field in dataclasses.fields(Estimate)]
    assert names == ["per_row", "stderr", "mean", "mean_stderr", "diagnostics"]
    for rows in (estimate.per_row, estimate.stderr):
        assert rows.shape == (len(X),)
        assert rows.dtype == np.float64
        assert np.isfinite(rows).all()
    assert estimate.mean == pytest.approx(estimate.per_row.mean(), rel=1e-12)
    assert (estimate.stderr > 0).all()
    assert 0 < estimate.mean_stderr < np.inf
    assert isinstance(estimate.mean, float)
    assert isinstance(estimate.mean_stderr, float)
    assert isinstance(estimate.diagnostics, dict)
    with pytest.raises(dataclasses.FrozenInstanceError):
        estimate.mean = 0.0


def test_one_draw_has_no_row_errors(model, X):
    estimate = Evaluator(model, random_state=0).bound(X)
    assert np.isnan(estimate.stderr).all()
    assert np.isfinite(estimate.per_row).all()


def assert_equal_rows(isa, one, two):
    """Compare bit by bit. A BLAS chooses its kernel by the shape, so its last bits differ.

    With a BLAS, at most the roundings from x to the bound may differ: sums of 64, 20, 4, 20 and 64
    terms.
    """
    if isa == "portable+blas":
        np.testing.assert_allclose(one, two, rtol=(64 + 20 + 4 + 20 + 64) * EPS)
    else:
        assert one.tobytes() == two.tobytes()


@pytest.mark.parametrize("n_draws", [1, 5])
def test_order_and_batching_do_not_matter(isa, model, X, n_draws):
    evaluator = Evaluator(model, random_state=0)
    whole = evaluator.bound(X, n_draws=n_draws).per_row
    order = np.random.default_rng(0).permutation(len(X))
    assert_equal_rows(isa, evaluator.bound(X[order], n_draws=n_draws).per_row, whole[order])
    for size in (1, 7, 33):
        parts = [X[start : start + size] for start in range(0, len(X), size)]
        parts = [evaluator.bound(part, n_draws=n_draws).per_row for part in parts]
        assert_equal_rows(isa, np.concatenate(parts), whole)


def test_score_samples_does_not_depend_on_order_or_batching(isa, model, X):
    whole = model.score_samples(X)
    assert_equal_rows(isa, model.score_samples(X[::-1])[::-1], whole)
    parts = [model.score_samples(X[start : start + 9]) for start in range(0, len(X), 9)]
    assert_equal_rows(isa, np.concatenate(parts), whole)


def test_thread_count_does_not_matter(model, X):
    results = set()
    for n in (1, 2, 3, 7):
        with team_of(n):
            estimate = Evaluator(model, n_threads=n, random_state=0).bound(X, n_draws=3)
        results.add((estimate.per_row.tobytes(), estimate.stderr.tobytes()))
    assert len(results) == 1


def test_random_state(model, X):
    def bound(seed):
        return Evaluator(model, random_state=seed).bound(X).per_row

    assert bound(1).tobytes() == bound(1).tobytes()
    assert (bound(1) != bound(2)).all()


def test_stderr_is_the_spread_over_seeds(model, X):
    """Averaged over 80 rows and 60 seeds, the two variances agree to a few per cent."""
    runs = [Evaluator(model, random_state=s).bound(X, n_draws=10) for s in range(60)]
    seen = np.var([run.per_row for run in runs], axis=0, ddof=1).mean()
    said = np.mean([run.stderr**2 for run in runs])
    assert said == pytest.approx(seen, rel=0.15)
    # Each row has its own noise, so errors average out over rows. (The variance of 60 means is
    # known to about 18 %.)
    assert np.var([run.mean for run in runs], ddof=1) < 2 * said / len(X)


def test_more_draws_smaller_stderr_same_bound(model, X):
    evaluator = Evaluator(model, random_state=0)
    few, many = evaluator.bound(X, n_draws=25), evaluator.bound(X, n_draws=400)
    assert np.mean(few.stderr) / np.mean(many.stderr) == pytest.approx(4, rel=0.1)
    error = np.sqrt((few.stderr**2 + many.stderr**2).sum()) / len(X)
    assert abs(few.mean - many.mean) < 5 * error
    # Given the model, rows are independent, so each row must be within its own error bar.
    z = (few.per_row - many.per_row) / np.hypot(few.stderr, many.stderr)
    assert np.abs(z).max() < 5
    assert 0.7 < z.std() < 1.3


@pytest.mark.parametrize("bound_estimator", ["analytic-kl", "monte-carlo"])
def test_a_decoder_that_ignores_z_has_a_known_bound(X, bound_estimator):
    """log p(x|z) is then constant for each row, and the bound is it minus the KL divergence."""
    model = AEVB.published(
        3, hidden_layer_sizes=(8,), likelihood="bernoulli", n_epochs=2, random_state=0
    )
    model.set_params(bound_estimator=bound_estimator).fit(X)
    weights = model.weights_
    weights["decoder.logits.weight"][:] = 0
    model.set_weights(weights)
    w = {name: weight.astype(float) for name, weight in weights.items()}
    h = np.tanh(X @ w["encoder.hidden0.weight"] + w["encoder.hidden0.bias"])
    mu = h @ w["encoder.mean.weight"] + w["encoder.mean.bias"]
    log_var = h @ w["encoder.log_var.weight"] + w["encoder.log_var.bias"]
    a = w["decoder.logits.bias"]
    expected = (X * a - np.logaddexp(0, a)).sum(1)
    expected += 0.5 * (1 + log_var - mu**2 - np.exp(log_var)).sum(1)
    estimate = Evaluator(model, random_state=0).bound(X, n_draws=50)
    if bound_estimator == "analytic-kl":
        # 64 pixels of about 0.7 nats each, summed in float32: at most 64 eps of their sum.
        atol = 64 * np.finfo(np.float32).eps * 64
        np.testing.assert_allclose(estimate.per_row, expected, rtol=0, atol=atol)
        assert (estimate.stderr <= atol).all()
    else:
        assert np.abs((estimate.per_row - expected) / estimate.stderr).max() < 5


def test_active_units(model, X):
    weights = model.weights_
    copied = AEVB(**model.get_params()).fit(X)
    weights["encoder.mean.weight"][:, [0, 2]] = 0  # these means are then their biases on every row
    weights["encoder.mean.bias"][[0, 2]] = 3
    weights["encoder.mean.weight"][:, [1, 3]] *= 10
    copied.set_weights(weights)
    active = Evaluator(copied).active_units(X)
    assert active.shape == (4,)
    assert active.dtype == np.bool_
    assert active.tolist() == [False, True, False, True]


def test_active_units_threshold(model, X):
    variances = np.sort(model.transform(X).astype(float).var(0))
    evaluator = Evaluator(model)
    assert np.all(variances[1:] / variances[:-1] > 1.05)  # the thresholds below lie well between
    for count, threshold in enumerate(np.sqrt(variances[1:] * variances[:-1]), start=1):
        assert evaluator.active_units(X, threshold=threshold).sum() == 4 - count
    assert evaluator.active_units(X, threshold=0).all()
    assert not evaluator.active_units(X, threshold=1e9).any()


def test_the_model_is_left_alone(model, X):
    before = {name: weight.tobytes() for name, weight in model.weights_.items()}
    attributes = set(vars(model))
    evaluator = Evaluator(model, random_state=0)
    evaluator.bound(X, n_draws=2)
    evaluator.active_units(X)
    assert {name: weight.tobytes() for name, weight in model.weights_.items()} == before
    assert set(vars(model)) == attributes


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda model, X: Evaluator(3), "model"),
        (lambda model, X: Evaluator(model, n_threads=0).bound(X), "n_threads"),
        (lambda model, X: Evaluator(model, random_state="a").bound(X), "random_state"),
        (lambda model, X: Evaluator(model).bound(X, n_draws=0), "n_draws"),
        (lambda model, X: Evaluator(model).bound(X, n_draws=1.5), "n_draws"),
        (lambda model, X: Evaluator(model).bound(X[:, :7]), "features"),
        (lambda model, X: Evaluator(model).bound(X + np.inf), "infinity"),
        (lambda model, X: Evaluator(model).bound(X[:0]), "0 sample"),
        (lambda model, X: Evaluator(model).active_units(X, threshold=-1), "threshold"),
        (lambda model, X: Evaluator(model).active_units(X, threshold=np.nan), "threshold"),
        (lambda model, X: Evaluator(model).active_units(X[:, :7]), "features"),
    ],
)
def test_wrong_arguments_are_named(model, X, call, name):
    with pytest.raises((ValueError, TypeError), match=name):
        call(model, X)


def test_unfitted_is_said(X):
    with pytest.raises(NotFittedError):
        Evaluator(AEVB.published()).bound(X)
