"""log p(some columns | the other columns) of each row, against closed forms."""

import functools

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from scipy.stats import multivariate_normal
from test_log_likelihood import D, linear_gaussian

from aevb import AEVB, MCEM, Evaluator

COLUMNS = [[0], [2, 7], [5, 1, 6], list(range(D))]


def exact(model, X, columns):
    """log p(x) - log p(x without the columns) of the marginal Gaussian. NaN is left out of both."""
    offset, covariance = model.marginal.mean, model.marginal.cov

    def log_p(x, seen):
        if not seen.any():
            return 0.0
        return multivariate_normal(offset[seen], covariance[np.ix_(seen, seen)]).logpdf(x[seen])

    rest = ~np.isin(np.arange(D), columns)
    observed = ~np.isnan(X)
    rows = zip(np.float64(X), observed, strict=True)
    return np.array([log_p(x, seen) - log_p(x, seen & rest) for x, seen in rows])


@pytest.mark.parametrize("columns", COLUMNS)
@pytest.mark.parametrize("gaps", [False, True])
def test_it_is_that_of_the_gaussian(columns, gaps):
    """Within five standard errors, which are those of both terms.

    Each term is too low by about half of its squared standard error, in float32 rounding beside.
    """
    model = linear_gaussian("oblique", 1.5)
    X = model.X[:60].copy()
    if gaps:
        X[np.random.default_rng(0).random(X.shape) < 0.2] = np.nan
    evaluator = Evaluator(model.model, random_state=0)
    result = evaluator.conditional_log_likelihood(X, columns, n_draws=3000, n_adaptations=3)
    rounding = 2 * model.rounding(model.X[:60])
    error = np.abs(result.per_row - exact(model, X, columns))
    assert (error <= 5 * result.stderr + result.stderr**2 + rounding).all()
    assert result.stderr.max() < 0.1
    assert result.diagnostics["n_draws"] == 3000
    hidden = X.copy()
    hidden[:, columns] = np.nan
    options = {"n_draws": 3000, "n_adaptations": 3}
    whole, rest = (evaluator.log_likelihood(x, **options) for x in (X, hidden))
    np.testing.assert_array_equal(result.per_row, whole.per_row - rest.per_row)
    np.testing.assert_array_equal(result.stderr, np.hypot(whole.stderr, rest.stderr))
    ess = np.minimum(whole.diagnostics["ess"], rest.diagnostics["ess"])
    np.testing.assert_array_equal(result.diagnostics["ess"], ess)
    assert result.mean == result.per_row.mean()


@functools.cache
def framed():
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 3)), columns=list("abc"))
    return AEVB(1, hidden_layer_sizes=(3,), n_epochs=1, random_state=0).fit(X), X


@pytest.mark.filterwarnings("ignore:conditional_log_likelihood")
def test_columns_by_name_or_index():
    model, X = framed()
    before = X.copy()
    evaluator = Evaluator(model)

    def ask(columns, x=X):
        return evaluator.conditional_log_likelihood(x, columns, n_draws=5).per_row.tobytes()

    assert ask("b") == ask(["b"]) == ask(1) == ask([1]) == ask(np.array([1])) == ask(np.int64(1))
    assert ask(["a", "c"]) == ask((0, 2)) == ask(["c", 0])
    assert ask("a") != ask("b")
    assert ask("a") == ask(0, X.astype(np.float64))
    pd.testing.assert_frame_equal(X, before)
    whole = pd.DataFrame({"a": X["a"].round().astype(int), "b": X["b"], "c": X["c"]})
    assert ask("a", whole) == ask("a", whole.astype(np.float64))


@pytest.mark.filterwarnings("ignore:conditional_log_likelihood")
def test_integers_may_be_left_out():
    X = np.random.default_rng(0).integers(0, 9, (30, 4))
    model = AEVB(1, hidden_layer_sizes=(3,), n_epochs=1, random_state=0).fit(X)
    one, other = (Evaluator(model).conditional_log_likelihood(x, 2) for x in (X, X.astype(float)))
    np.testing.assert_array_equal(one.per_row, other.per_row)


@pytest.mark.parametrize(
    ("said", "columns"),
    [
        ("columns: got the column 'd', want 'a', 'b', 'c'", "d"),
        ("columns: got the column 3, want an index from 0 to 2", 3),
        ("columns: got the column -1", [-1]),
        ("columns: got the column True", True),
        ("columns: got the column 1.0", [1.0]),
        ("columns: got None", None),
        ("at least one column", []),
        ("none twice", ["a", 0]),
    ],
)
def test_wrong_columns_are_named(said, columns):
    model, X = framed()
    with pytest.raises((TypeError, ValueError), match=said):
        Evaluator(model).conditional_log_likelihood(X, columns)


def test_other_wrong_arguments_are_named():
    model, X = framed()
    evaluator = Evaluator(model)
    with pytest.raises(ValueError, match="n_draws"):
        evaluator.conditional_log_likelihood(X, "a", n_draws=0)
    with pytest.raises(TypeError, match="n_adaptations"):
        evaluator.conditional_log_likelihood(X, "a", n_adaptations=1.5)
    with pytest.raises(TypeError, match="X: got a sparse"):
        evaluator.conditional_log_likelihood(sp.csr_matrix(X), "a")
    plain = AEVB(1, hidden_layer_sizes=(3,), n_epochs=1, random_state=0).fit(X.to_numpy())
    with pytest.raises(ValueError, match="the columns have no names"):
        Evaluator(plain).conditional_log_likelihood(X.to_numpy(), "a")
    bits = (X.to_numpy() > 0).astype(float)
    drawn = AEVB(1, hidden_layer_sizes=(3,), n_epochs=1, binarize="dynamic").fit(bits)
    with pytest.raises(ValueError, match="binarize='dynamic'"):
        Evaluator(drawn).conditional_log_likelihood(bits, 0)
    blind = MCEM(1, hidden_layer_sizes=(3,), n_epochs=1, n_updates=1).fit(bits)
    with pytest.raises(ValueError, match="has no encoder"):
        Evaluator(blind).conditional_log_likelihood(bits, 0)


def test_few_effective_draws_are_warned_of():
    """The encoder reads a 0 where it should read a value that is far from 0."""
    model = linear_gaussian("orthogonal", 1.0)
    X = model.X[:20] + 20
    evaluator = Evaluator(model.model)
    with pytest.warns(RuntimeWarning, match="conditional_log_likelihood.*use n_adaptations=3"):
        evaluator.conditional_log_likelihood(X, [0, 3], n_draws=100)
