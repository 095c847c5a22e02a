"""`impute` by importance sampling: closed forms, tables, standard deviations and warnings."""

import functools
import pickle

import numpy as np
import pandas as pd
import pytest
from oracle import U
from scipy import stats
from test_impute import MASKS, D, assert_mean, blank, by_row, copies, gappy, wrong_encoder

from aevb import AEVB, datasets
from aevb.core.units import Units
from aevb.inference import imputation

NOISE = 0.5  # standard deviation of x given z
LOADINGS = np.array([[1.0, -0.5, 0.8, 0.3, 0.0], [0.2, 0.9, 0.4, -0.7, 0.6]])
MEANS = np.array([0.5, -1.0, 0.0, 2.0, 1.0])
SCALE = np.array([1.0, 2.0, 0.5, 1.0, 10.0])  # of the data


@functools.cache
def factor_analysis():
    """A model with x = LOADINGS' z + MEANS + noise, and an encoder that is off."""
    model = blank("gaussian", 2, (2,), activation="relu")
    weights = {name: np.zeros_like(w) for name, w in model.weights_.items()}
    weights["decoder.hidden0.weight"][:] = np.eye(2)
    weights["decoder.hidden0.bias"][:] = 8  # relu is the identity for all z that matter
    weights["decoder.mean.weight"][:] = LOADINGS
    weights["decoder.mean.bias"][:] = MEANS - 8 * LOADINGS.sum(0)
    weights["decoder.log_var.bias"][:] = 2 * np.log(NOISE)
    weights["encoder.mean.bias"][:] = 0.4, -0.3
    weights["encoder.log_var.bias"][:] = 0.4
    return model.set_weights(weights)


def conditional(x, hidden):
    """Mean and covariance of x_missing given x_observed."""
    covariance = LOADINGS.T @ LOADINGS + NOISE**2 * np.eye(D)
    seen = covariance[np.ix_(~hidden, ~hidden)]
    gain = np.linalg.solve(seen, covariance[np.ix_(~hidden, hidden)])
    mean = MEANS[hidden] + (x - MEANS)[~hidden] @ gain
    return mean, covariance[np.ix_(hidden, hidden)] - covariance[np.ix_(hidden, ~hidden)] @ gain


def run(model, X, mask=None, **options):
    return model.impute(X, mask, **{"sampler": "importance", "random_state": 0} | options)


def example():
    return (np.array([1.2, -0.7]) @ LOADINGS + MEANS).astype(np.float32)


@pytest.mark.parametrize("seen", [[], [0], [1, 4], [0, 2, 3]])
def test_conditional_moments_of_factor_analysis(seen):
    """Calls with other seeds are independent. Some draws of a thousand are worth 1 / 1000 each.

    The bias of a ratio of means is below their standard error, over the square root of the number
    of draws, in this sum of 40 calls.
    """
    model, hidden, x = factor_analysis(), ~np.isin(np.arange(D), seen), example()
    mean, covariance = conditional(x.astype(float), hidden)
    given, missing = x[None], hidden[None]
    results = [
        run(model, given, missing, n_draws=5000, return_std=True, random_state=seed)
        for seed in range(40)
    ]
    means = np.array([filled[0, hidden] for filled, _ in results], dtype=float)
    assert_mean(means, mean, resolution=0.01)
    variances = np.array([std[0, hidden] ** 2 for _, std in results])
    assert_mean(variances, covariance.diagonal(), resolution=0.01)
    for filled, std in results:
        assert filled[~missing].tobytes() == given[~missing].tobytes()
        assert np.isnan(std[~missing]).all()


@pytest.mark.parametrize("seen", [[], [0], [1, 4]])
def test_samples_are_joint_draws(seen):
    """Copies of a row have independent samples, also if the copies are all rows of the table."""
    model, hidden, x = factor_analysis(), ~np.isin(np.arange(D), seen), example()
    mean, covariance = conditional(x.astype(float), hidden)
    draws = run(model, *copies(x, hidden, 2000), method="sample", n_draws=1000)[:, hidden]
    u = (draws - mean) / np.sqrt(covariance.diagonal())
    correlation = covariance / np.sqrt(np.outer(covariance.diagonal(), covariance.diagonal()))
    assert_mean(u, 0, resolution=0.03)
    assert_mean(u[:, :, None] * u[:, None], correlation, resolution=0.06)


def test_several_tables_are_independent_draws():
    """Their quantiles are those of the conditional distribution."""
    model, hidden, x = factor_analysis(), np.isin(np.arange(D), [0, 3]), example()
    mean, covariance = conditional(x.astype(float), hidden)
    X, missing = copies(x, hidden, 3)
    tables = run(model, X, missing, method="sample", n_imputations=400, n_draws=4000)
    assert len(tables) == 400
    draws = np.array(tables)[:, :, hidden]
    for row in range(3):
        for column in range(2):
            z = (draws[:, row, column] - mean[column]) / np.sqrt(covariance[column, column])
            assert stats.kstest(z, "norm").pvalue > 1e-4
        for other in range(row):
            assert not (draws[:, row] == draws[:, other]).any()


@pytest.mark.parametrize("sampler", ["importance", "mcmc"])
def test_a_list_of_tables(sampler):
    """The first table by chains is the one of a call without the number."""
    model, X, missing = gappy("gaussian")
    options = {"method": "sample", "sampler": sampler, "n_iterations": 3}
    one = run(model, X, missing, **options)
    (alone,) = run(model, X, missing, n_imputations=1, **options)
    assert alone.tobytes() == one.tobytes()
    tables = run(model, X, missing, n_imputations=3, **options)
    assert type(tables) is list
    assert sampler == "importance" or tables[0].tobytes() == one.tobytes()
    assert len({table.tobytes() for table in tables}) == 3
    for table in tables:
        assert table[~missing].tobytes() == X[~missing].tobytes()
    frames = run(model, pd.DataFrame(X).where(~missing), n_imputations=2, **options)
    assert [type(frame) for frame in frames] == [pd.DataFrame] * 2


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian", "bounded-gaussian"])
def test_means_are_conditional_whatever_the_encoder(likelihood):
    """By quadrature over z."""
    twin, X, means, _ = wrong_encoder(likelihood, 2)
    calls = [
        run(twin.model, X, MASKS, n_draws=3000, random_state=seed).astype(float)
        for seed in range(40)
    ]
    for row, hidden, expected in zip(by_row(np.concatenate(calls)), MASKS, means, strict=True):
        assert_mean(row[:, hidden], expected[hidden], resolution=0.02)


def test_the_most_probable_boolean():
    """The mode is 0 or 1, also as a grey level of a byte. Numbers keep their mean."""
    twin, X, *_ = wrong_encoder("bernoulli", 2)
    mean, mode = (run(twin.model, X, MASKS, method=name) for name in ("mean", "mode"))
    np.testing.assert_array_equal(mode[MASKS], (mean > 0.5)[MASKS])
    assert 0 < mode[MASKS].mean() < 1
    model, x, missing = gappy("gaussian")
    mean, mode = (run(model, x, missing, method=name) for name in ("mean", "mode"))
    assert mean.tobytes() == mode.tobytes()


@pytest.mark.parametrize("sampler", ["importance", "mcmc"])
def test_a_category_gets_its_mode_and_an_ordinal_column_its_median(sampler):
    """A new decoder knows the shares of the levels alone: 0.4, 0.15 and 0.45."""
    levels = np.repeat(["a", "b", "c"], [40, 15, 45])
    frame = pd.DataFrame({"city": levels, "size": pd.Categorical(levels, ordered=True)})
    model = AEVB(2, learning_rate=1e-9, n_epochs=1, random_state=0).fit(frame)
    holes = frame.iloc[:5].where(np.zeros((5, 2), np.bool_))
    options = {"sampler": sampler, "n_iterations": 20, "random_state": 0}
    mean, mode = (model.impute(holes, method=name, **options) for name in ("mean", "mode"))
    for table in (mean, model.reconstruct(frame), model.inverse_transform(np.zeros((5, 2)))):
        assert set(table["city"]) == {"c"}
        assert set(table["size"]) == {"b"}
    assert set(mode.to_numpy().ravel()) == {"c"}
    assert set(model.impute(holes, method="sample", **options)["size"]) <= set("abc")


@functools.cache
def scaled():
    """The factor analysis in other units: a model that standardises its data."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, D)) * SCALE + 3 * SCALE
    return AEVB(2, hidden_layer_sizes=(4,), n_epochs=3, random_state=0, n_threads=1).fit(X), X


def test_results_are_in_the_units_of_the_data():
    """Of a column that is ten times as wide, mean and deviation are ten times as large."""
    model, X = scaled()
    missing = np.random.default_rng(1).random(X.shape) < 0.3
    filled, std = run(model, X, missing, return_std=True)
    assert filled.dtype == std.dtype == np.float64
    wide = (SCALE[None] * np.ones(X.shape))[missing]
    assert ((0.3 * wide < std[missing]) & (std[missing] < 3 * wide)).all()
    assert (np.abs(filled - 3 * SCALE) < 2 * SCALE)[missing].all()
    assert np.isnan(std[~missing]).all()


def test_deviations_of_levels_are_not_numbers():
    units = Units(np.zeros(3), np.array([1.0, 4.0, 2.0]), 0.0, None, [1, 0, 4], [3, 0, 0])
    std = np.float32([[8, 1, 2, 3, 16]])
    np.testing.assert_array_equal(units.spread_to_data(std), [[np.nan, 2, 8]])
    plain = Units(np.array([5.0, 0]), np.array([2.0, 4.0]), 0.0)
    np.testing.assert_array_equal(plain.spread_to_data(np.float32([[4, 4]])), [[2, 1]])


def test_complete_rows_stay_as_they_are():
    model, X, missing = gappy("gaussian")
    complete = X[~missing.any(1)]
    for method in ("mean", "sample", "mode"):
        assert run(model, complete, method=method).tobytes() == complete.tobytes()
    filled, std = run(model, complete, return_std=True)
    assert filled.tobytes() == complete.tobytes()
    assert np.isnan(std).all()
    with pytest.raises(ValueError, match="X"):
        run(gappy("bernoulli")[0], np.full((2, D), 7.0))  # out of range, though nothing is missing


@pytest.mark.filterwarnings("ignore:'importance'")
@pytest.mark.parametrize("method", ["mean", "sample", "mode"])
def test_a_row_has_the_same_result_in_any_batch(method):
    """Means of equal rows are equal. The first of equal rows has the same sample in any batch."""
    model, X, missing = gappy("gaussian")
    whole = run(model, X, missing, method=method, n_draws=70)
    for part in (slice(0, 7), slice(100, None), slice(200, 2, -3)):
        some = run(model, X[part], missing[part], method=method, n_draws=70)
        rows = ~missing[part].all(1)  # several rows have no values
        assert some[rows].tobytes() == whole[part][rows].tobytes()
    empty = whole[missing.all(1)]
    assert len(empty) > 3
    assert len(np.unique(empty, axis=0)) == (len(empty) if method == "sample" else 1)


@pytest.mark.parametrize("method", ["mean", "sample"])
def test_what_stands_at_missing_values_does_not_matter(method):
    model, X, missing = gappy("bernoulli")
    given = X.copy(), missing.copy()
    result = run(model, X, missing, method=method)
    np.testing.assert_array_equal(X, given[0])
    np.testing.assert_array_equal(missing, given[1])
    for filler in (np.nan, np.inf, 1e30, -7):
        filled = np.where(missing, np.float32(filler), X)
        assert run(model, filled, missing, method=method).tobytes() == result.tobytes()
    assert run(model, np.where(missing, np.nan, X), method=method).tobytes() == result.tobytes()


def test_random_state():
    """None means the estimator's own seed, here 0. No call changes the model."""
    model, X, missing = gappy("gaussian")
    before = pickle.dumps(model)
    zero, own, one, other = (
        run(model, X, missing, method="sample", random_state=seed) for seed in (0, None, 1, 2)
    )
    assert zero.tobytes() == own.tobytes() != one.tobytes() != other.tobytes()
    assert pickle.dumps(model) == before


@functools.cache
def fitted_with_holes():
    X = datasets.load_digits()[:400]
    missing = np.random.default_rng(0).random(X.shape) < 0.2
    model = AEVB(3, hidden_layer_sizes=(20,), n_epochs=8, random_state=0, n_threads=1)
    return model.fit(np.where(missing, np.nan, X)), X, missing


@pytest.mark.filterwarnings("ignore:the bound still rose", "ignore:'importance'")
def test_auto_is_importance_for_a_model_that_saw_holes():
    model, X, missing = fitted_with_holes()
    X, missing = X[:30], missing[:30]
    auto, ours, chain = (
        run(model, X, missing, sampler=name, n_iterations=3)
        for name in ("auto", "importance", "mcmc")
    )
    assert auto.tobytes() == ours.tobytes() != chain.tobytes()
    other, X, missing = gappy("gaussian")
    auto, ours, chain = (
        run(other, X, missing, sampler=name, n_iterations=3)
        for name in ("auto", "importance", "mcmc")
    )
    assert auto.tobytes() == chain.tobytes() != ours.tobytes()
    filled, _ = run(other, X, missing, sampler="auto", return_std=True)
    assert filled.tobytes() == ours.tobytes()


@pytest.fixture
def narrow(monkeypatch):
    """A model whose p(z|x) is so narrow that few draws hit it, without adaptations."""
    monkeypatch.setattr(imputation, "N_ADAPTATIONS", 0)
    weights = factor_analysis().weights_ | {"decoder.log_var.bias": np.full(D, -9, np.float32)}
    return blank("gaussian", 2, (2,), activation="relu").set_weights(weights)


def test_few_effective_draws_are_warned_of(narrow):
    X, missing = copies(example(), np.arange(D) > 2, 3)
    with pytest.warns(RuntimeWarning, match="100% of the rows.*use sampler='mcmc' or more draws"):
        run(narrow, X, missing)
    run(narrow, X, missing, n_draws=19)  # a handful was asked for
    run(factor_analysis(), X, missing, n_draws=100)
    assert run(narrow, X).tobytes() == X.tobytes()  # nothing is missing


def test_half_of_the_rows_may_have_few_draws(narrow):
    """Rows without missing values do not count. In an empty row, all draws of the prior do."""
    X, missing = copies(example(), np.arange(D) > 2, 7)
    missing[3:5], missing[5:] = True, False
    with pytest.warns(RuntimeWarning, match="60% of the rows"):
        run(narrow, X, missing)
    run(narrow, X[1:], missing[1:])  # 2 of 4


def test_adaptations_find_a_posterior_that_few_draws_hit(monkeypatch):
    weights = factor_analysis().weights_ | {"decoder.log_var.bias": np.full(D, -4.5, np.float32)}
    model = blank("gaussian", 2, (2,), activation="relu").set_weights(weights)
    X, missing = copies(example(), np.arange(D) > 2, 3)
    run(model, X, missing)  # no warning
    monkeypatch.setattr(imputation, "N_ADAPTATIONS", 0)
    with pytest.warns(RuntimeWarning, match="100% of the rows"):
        run(model, X, missing)


def test_rows_beyond_float32_are_named():
    model, X, missing = gappy("gaussian")
    X = X.copy()
    X[2] = 1e25
    missing = missing.copy()
    missing[2] = [1, 0, 0, 0, 0]
    with pytest.raises(ValueError, match=r"^X: "):
        run(model, X, missing)


WRONG = {
    "sampler": [None, "exact", 3],
    "n_draws": [0, 2.5, True],
    "n_imputations": [0, "3", 1.5],
    "return_std": ["yes", 1, None],
}


@pytest.mark.parametrize(("name", "value"), [(k, v) for k in WRONG for v in WRONG[k]])
def test_wrong_arguments_are_named(name, value):
    model, X, missing = gappy("gaussian")
    with pytest.raises((ValueError, TypeError), match=name):
        model.impute(X, missing, **{"method": "sample", name: value})


def test_options_that_do_not_go_together():
    model, X, missing = gappy("gaussian")
    with pytest.raises(ValueError, match="return_std: got True"):
        run(model, X, missing, sampler="mcmc", return_std=True)
    with pytest.raises(ValueError, match="n_imputations: got 2, want method='sample'"):
        run(model, X, missing, n_imputations=2)


def test_bytes_and_their_units():
    """A boolean of bytes is 0 or 255, and its deviation is in bytes."""
    rng = np.random.default_rng(0)
    X = (255 * (rng.random((60, D)) < 0.5)).astype(np.uint8)
    missing = rng.random(X.shape) < 0.4
    options = {"likelihood": "bernoulli", "n_epochs": 1, "random_state": 0, "n_threads": 1}
    model = AEVB.published(2, hidden_layer_sizes=(7,), **options).fit(X)
    mean, std = run(model, X, missing, return_std=True)
    mode = run(model, X, missing, method="mode")
    assert set(np.unique(mode)) == {0, 255}
    expected = np.sqrt(mean * (255 - mean))
    # of 1000 draws, whose deviation is a mean of squares
    np.testing.assert_allclose(std[missing], expected[missing], rtol=5 / np.sqrt(1000) + 8 * U)
