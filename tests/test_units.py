"""Columns in units of their own: results do not depend on the units of the data."""

import numpy as np
import pytest
from scipy import sparse
from scipy.stats import norm

from aevb import AEVB, Evaluator, datasets, sample_posterior
from aevb.core.units import Units
from aevb.data.moments import column_moments

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 2)) @ RNG.normal(size=(2, 5)) + 0.3 * RNG.normal(size=(120, 5))
FACTORS = np.array([1e-3, 1.0, 7.0, 1e3, 1e6])
OPTIONS = {"hidden_layer_sizes": (8,), "random_state": 0, "n_epochs": 30, "early_stopping": False}


def fit(data, **changes):
    return AEVB(2, **{**OPTIONS, **changes}).fit(data)


@pytest.fixture(scope="module")
def plain():
    return fit(X)


@pytest.mark.parametrize(
    ("data", "back", "log_jacobian"),
    [
        (X * FACTORS, lambda a: a / FACTORS, -np.log(FACTORS).sum()),
        (X + 300.0, lambda a: a - 300.0, 0.0),
        (X + 1.7e9, lambda a: a - 1.7e9, 0.0),
        (np.c_[X, np.full(120, 2020.0)], lambda a: a[:, :5], 0.0),
        (X * 1e-200, lambda a: a * 1e200, 5 * 200 * np.log(10)),
    ],
    ids=["factors", "offset", "time stamps", "constant column", "tiny"],
)
def test_other_units_give_the_same_model(plain, data, back, log_jacobian):
    model = fit(data)
    assert model.score(data) - log_jacobian == pytest.approx(plain.score(X), abs=0.3)
    error = back(model.reconstruct(data)) - plain.reconstruct(X)
    assert np.sqrt(np.square(error).mean()) < 0.05
    drawn, expected = back(model.sample(2000, random_state=1)), plain.sample(2000, random_state=1)
    assert np.allclose(drawn.mean(0), expected.mean(0), atol=0.1)
    assert np.allclose(drawn.std(0), expected.std(0), rtol=0.1)


def test_every_score_has_the_log_jacobian(plain):
    D = X * FACTORS + 5.0
    other = fit(D).set_weights(plain.weights_)
    change = -np.log(FACTORS).sum()
    ours, theirs = Evaluator(other), Evaluator(plain)
    rows, scaled = X[:20], D[:20]

    def check(f, **options):
        a, b = f(ours, scaled), f(theirs, rows)
        assert a == pytest.approx(b + change, **{"abs": 1e-3, **options})

    check(lambda e, x: e.model.score(x))
    check(lambda e, x: e.bound(x, n_draws=3).mean)
    check(lambda e, x: e.model.bound_and_gradient(x)[0].mean())
    check(lambda e, x: e.log_likelihood(x, n_draws=50).mean)
    check(lambda e, x: e.log_likelihood(x, n_draws=50, n_adaptations=1).mean)
    check(lambda e, x: e.log_likelihood(x, "ais", n_temperatures=20).mean, abs=0.3)
    check(lambda e, x: e.log_likelihood(x, "hmc", n_draws=60).mean, abs=0.3)


def test_the_score_is_the_density_of_raw_rows():
    # a decoder that ignores z is a product of normal densities with the data's mean and spread
    D = X * FACTORS + 300.0
    model = fit(D, n_epochs=1, learning_rate=1e-30)
    weights = {
        k: np.zeros_like(w) if k.endswith("weight") else w for k, w in model.weights_.items()
    }
    model.set_weights(weights)
    expected = norm.logpdf(D, D.mean(0), D.std(0)).sum(1)
    assert np.allclose(model.score_samples(D), expected, atol=2e-3)
    assert np.allclose(model.reconstruct(D), D.mean(0), rtol=1e-6)


def test_history_is_in_the_units_of_the_data(plain):
    history = fit(X * FACTORS).history_["train_bound"]
    change = -np.log(FACTORS).sum()
    assert np.allclose(history, np.array(plain.history_["train_bound"]) + change, atol=0.1)


def test_a_constant_column_adds_nothing_and_stays_constant(plain):
    model = fit(np.c_[X, np.full(120, 2020.0)])
    assert model.score(np.c_[X, np.full(120, 2020.0)]) == pytest.approx(plain.score(X), abs=0.1)
    assert np.allclose(model.sample(100, random_state=0)[:, 5], 2020.0, atol=0.05)
    far = np.c_[X, np.full(120, 2021.0)]
    assert model.score(far) < plain.score(X) - 1000


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16, np.int64, np.uint8])
@pytest.mark.parametrize("layout", ["C", "F", "csr"])
def test_rows_are_standardised_from_every_type(dtype, layout):
    data = RNG.integers(0, 90, (60, 4)).astype(dtype)
    data[:, 1] = data[:, 1] // 30 * 20
    given = sparse.csr_matrix(data) if layout == "csr" else np.array(data, order=layout)
    model = fit(given, n_epochs=2)
    z = (data.astype(float) - data.mean(0, dtype=float)) / data.std(0, dtype=float)
    unit = fit(z, n_epochs=2, scale="none").set_weights(model.weights_)
    assert model.likelihood_ == "gaussian"
    assert np.allclose(model.transform(given), unit.transform(z), atol=1e-4)


def test_moments_against_numpy():
    data = np.c_[X * 1e-6 + 1e6, X * 1e180, np.ones((120, 1)), X * 1e-180]
    m = column_moments(data)
    with np.errstate(over="ignore", under="ignore"):
        assert np.allclose(m.mean, data.mean(0), rtol=1e-10, atol=0)
        spread = m.spread
        assert np.allclose(spread[:5], data[:, :5].std(0), rtol=1e-6)
    assert np.allclose(spread[5:10] / 1e180, X.std(0))  # squares would overflow
    assert np.allclose(spread[11:] * 1e180, X.std(0))
    assert list(np.flatnonzero(m.constant)) == [10]
    csr = column_moments(sparse.csr_matrix(data))
    assert all(np.array_equal(a, b) for a, b in zip(m, csr, strict=True))


def test_units_there_and_back():
    units = Units(np.array([1.0, -2.0]), np.array([3.0, 0.5]), np.log(1.5))
    values = RNG.normal(size=(4, 2))
    assert np.allclose(units.to_data(units.to_model(values).astype(np.float32)), values, atol=1e-6)
    assert units.common_scale is None
    assert Units.common(3, 0.5).log_jacobian == pytest.approx(3 * np.log(0.5))
    assert Units.common(3, 0.5, is_density=False).log_jacobian == 0.0


def test_uint8_images_come_back_as_grey_levels():
    pixels = (datasets.load_digits()[:200] * 255).astype(np.uint8)
    model = AEVB(2, **OPTIONS).fit(pixels)
    assert model.likelihood_ == "bernoulli"
    assert model.columns_[3].scale == pytest.approx(1 / 255)
    assert model.columns_[3].location == 0.0
    assert np.isclose(model.reconstruct(pixels).mean(), pixels.mean(), rtol=0.05)
    assert set(np.unique(model.sample(5, random_state=0)).tolist()) <= {0.0, 255.0}


def test_files_and_copies_keep_the_units(tmp_path):
    import copy
    import pickle

    D = X * FACTORS + 1.7e9
    model = fit(D, n_epochs=2)
    model.save(tmp_path / "m.safetensors")
    for again in (
        AEVB.load(tmp_path / "m.safetensors"),
        pickle.loads(pickle.dumps(model)),
        copy.deepcopy(model),
    ):
        assert again.columns_ == model.columns_
        assert again.score(D) == model.score(D)


def test_partial_fit_keeps_the_units_of_the_first_call():
    model = AEVB(2, **OPTIONS).partial_fit(X)
    before = model.columns_
    model.partial_fit(X * 100)
    assert model.columns_ == before
    assert before[0].location == pytest.approx(X[:, 0].mean())
    assert before[0].scale == pytest.approx(1 / X[:, 0].std())


def test_a_far_value_is_named():
    model = fit(X * 1e-200)
    with pytest.raises(ValueError, match=r"X: column 2 has values from .* float32's range"):
        model.transform(np.where(np.arange(5) == 2, 1.0, X * 1e-200))


@pytest.mark.parametrize(
    ("likelihood", "data"), [("bernoulli", X > 0), ("poisson", np.floor(np.abs(X)))]
)
def test_standard_units_need_a_density(likelihood, data):
    with pytest.raises(ValueError, match=r"scale: got 'standard', but likelihood="):
        fit(data, likelihood=likelihood, scale="standard")


def test_changed_scale_of_a_fitted_model_is_refused():
    model = fit(X, n_epochs=1)
    model.set_params(scale="standard").partial_fit(X)
    model.set_params(scale="auto").partial_fit(X)
    with pytest.raises(ValueError, match=r"scale: got 1\.0, but the fitted model has 'standard'"):
        model.set_params(scale="none").partial_fit(X)


def test_posterior_draws_do_not_depend_on_units(plain):
    other = fit(X * 8.0).set_weights(plain.weights_)  # a power of 2: the same bits
    a = sample_posterior(other, X[:4] * 8.0, 30, n_warmup=20, random_state=0).draws
    b = sample_posterior(plain, X[:4], 30, n_warmup=20, random_state=0).draws
    assert np.array_equal(a, b)


def test_a_frame_for_a_frame():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X * FACTORS, columns=list("abcde"), index=range(5, 125))
    model = fit(frame, n_epochs=1)
    assert [column.name for column in model.columns_] == list("abcde")
    again = model.reconstruct(frame)
    assert type(again) is pandas.DataFrame
    assert again.columns.equals(frame.columns)
    assert again.index.equals(frame.index)
    assert np.array_equal(again.to_numpy(), model.inverse_transform(model.transform(frame)))


@pytest.mark.parametrize(
    "likelihood",
    [
        "bernoulli",
        "gaussian",
        "bounded-gaussian",
        "poisson",
        "student-t",
        "laplace",
        "negative-binomial",
    ],
)
def test_biases_start_at_the_data(likelihood):
    counts = likelihood in ("poisson", "negative-binomial")
    data = RNG.poisson([0.5, 3.0, 9.0] * RNG.gamma(1, 1, size=(400, 3))).astype(float)
    data = data if counts else data / data.max()
    model = fit(data, likelihood=likelihood, n_epochs=1, learning_rate=1e-30)
    weights = model.weights_
    for name in weights:
        weights[name] *= name.endswith("bias")
    model.set_weights(weights)  # z has no effect now
    assert np.allclose(model.reconstruct(data), data.mean(0), rtol=1e-3)
    if likelihood not in ("bernoulli", "poisson"):  # which have no variance of their own
        assert np.allclose(model.sample(5000, random_state=0).std(0), data.std(0), rtol=0.1)
