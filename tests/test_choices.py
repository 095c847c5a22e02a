"""The likelihood that "auto" stands for, and values at the ends of [0, 1]."""

import numpy as np
import pytest
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from aevb import AEVB, Evaluator, datasets

RNG = np.random.default_rng(0)
DIGITS = datasets.load_digits()[:200]
OPTIONS = {"hidden_layer_sizes": (5,), "n_epochs": 1, "random_state": 0, "early_stopping": False}
UNIT = RNG.random((100, 5))


def likelihood_of(X, **changes):
    return AEVB(**{"n_components": 1, **OPTIONS, **changes}).fit(X).likelihood_


@pytest.mark.parametrize(
    ("X", "expected"),
    [
        (DIGITS, "bernoulli"),
        (DIGITS.astype(np.float64), "bernoulli"),
        ((DIGITS * 255).astype(np.uint8), "bernoulli"),
        (DIGITS > 0.5, "bernoulli"),
        ((DIGITS > 0.5).astype(int), "bernoulli"),
        (np.ones((30, 3)), "bernoulli"),
        (UNIT, "gaussian"),
        (UNIT * 255, "gaussian"),
        (RNG.random((200, 64)), "gaussian"),  # many columns, but no strokes
        (RNG.integers(18, 90, (200, 4)).astype(np.uint8), "gaussian"),  # ages
        (RNG.integers(0, 256, (200, 4)).astype(np.uint8), "gaussian"),  # too few columns
        (RNG.integers(0, 90, (200, 64)).astype(np.uint8), "gaussian"),  # not the full range
    ],
)
def test_rule(X, expected):
    assert likelihood_of(X) == expected


def test_binarised_data_are_bernoulli():
    assert likelihood_of(UNIT, binarize="dynamic") == "bernoulli"
    assert likelihood_of(UNIT * 9, binarize="threshold") == "bernoulli"


def test_whole_numbers_scaled_to_the_unit_interval_are_no_image():
    table = RNG.integers(0, 3, (100, 40)).astype(float)  # a third of the values at each end
    table[:, :10] = 7.0
    X = MinMaxScaler().fit_transform(table)
    assert likelihood_of(X) == "gaussian"
    X[:, 20] *= 0.9  # as a pixel that is never white
    assert likelihood_of(X) == "bernoulli"


@pytest.mark.parametrize("n", [8, 20, 50])
def test_one_likelihood_for_any_table_scaled_to_the_unit_interval(n):
    for seed in range(10):
        table = np.random.default_rng(seed).normal(size=(n, 1 + seed)) * 10.0**seed
        for dtype in (np.float32, np.float64):
            X = MinMaxScaler().fit_transform(table.astype(dtype))
            assert likelihood_of(X) == "gaussian"


def test_no_fold_of_a_scaled_table_is_refused():
    for seed in range(15):
        rng = np.random.default_rng(seed)
        n, d = rng.integers(20, 120), rng.integers(1, 60)
        X = rng.normal(size=(n, d)) * 10.0 ** rng.integers(-3, 4, d)
        X[:, : d // 2 * (seed % 2)] = np.round(X[:, : d // 2 * (seed % 2)])
        model = AEVB(1, **OPTIONS)
        scores = cross_val_score(make_pipeline(MinMaxScaler(), model), X.astype("f4"), cv=4)
        assert np.isfinite(scores).all()


def past_the_end(by):
    X = DIGITS.astype(np.float64)
    X[0, 0], X[1, 1] = -by, 1 + by
    return X


@pytest.mark.parametrize("by", [2.3e-16, 1e-7, 9e-7])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rounding_past_the_ends_is_clipped_on_every_path(by, dtype):
    pandas = pytest.importorskip("pandas")
    X = past_the_end(by).astype(dtype)
    clipped = np.clip(X, 0, 1)
    model = AEVB(2, **OPTIONS).fit(X)
    assert model.likelihood_ == "bernoulli"
    evaluator = Evaluator(model)
    for name, result in {
        "transform": model.transform,
        "frame": lambda x: model.transform(pandas.DataFrame(x).to_numpy()),
        "score": model.score_samples,
        "gradient": lambda x: model.bound_and_gradient(x)[0],
        "bound": lambda x: evaluator.bound(x).per_row,
        "ais": lambda x: (
            evaluator.log_likelihood(x[:3], "ais", n_draws=3, n_temperatures=4).per_row
        ),
        "hmc": lambda x: evaluator.log_likelihood(x[:3], "hmc", n_draws=8).per_row,
    }.items():
        assert np.array_equal(result(X), result(clipped)), name
    by_clipped = AEVB(2, **OPTIONS).fit(clipped)
    for name, w in by_clipped.weights_.items():  # the biases start at the means of X as it is
        assert np.allclose(model.weights_[name], w, rtol=1e-4, atol=1e-6)
    model.partial_fit(X)


def test_more_than_rounding_is_refused_on_every_path():
    X = past_the_end(1e-5)
    model = AEVB(2, **OPTIONS).fit(DIGITS)
    evaluator = Evaluator(model)
    for call in (
        lambda x: AEVB(2, likelihood="bernoulli", **OPTIONS).fit(x),
        model.transform,
        model.score_samples,
        model.bound_and_gradient,
        model.partial_fit,
        evaluator.bound,
        lambda x: evaluator.log_likelihood(x, "ais"),
        lambda x: model.impute(x, np.zeros(x.shape, bool)),
    ):
        with pytest.raises(ValueError, match=r"values from -1e-05 to 1\.00001, the Bernoulli"):
            call(X)


def test_a_nan_is_not_clipped():
    """It is missing: the row has the score of what is observed, as with 0 or 1 in its place."""
    X, model = past_the_end(1e-7), AEVB(2, **OPTIONS).fit(DIGITS)
    clipped = np.minimum(X, 1)
    X[5, 5] = clipped[5, 5] = np.nan
    np.testing.assert_array_equal(model.score_samples(X), model.score_samples(clipped))
    other = np.nan_to_num(clipped, nan=0.0)
    assert model.score_samples(X)[5] > model.score_samples(other)[5]
