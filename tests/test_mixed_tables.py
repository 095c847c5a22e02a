"""Tables with a likelihood for each column, and with missing values, as users meet them."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats

from aevb import AEVB, MCEM, Evaluator, Trainer, WakeSleep

N = 400
SMALL = {"hidden_layer_sizes": (8,), "n_epochs": 3, "random_state": 0, "early_stopping": False}
FAMILIES = {
    "age": "gaussian",
    "visits": "poisson",
    "city": "categorical",
    "size": "ordinal",
    "smoker": "bernoulli",
    "price": "log-normal",
    "share": "beta",
}
GIVEN = {"visits": "poisson", "price": "log-normal", "share": "beta"}


def table(seed=0):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=N)
    size = np.clip(np.round(1 + z), 0, 2).astype(int)
    return pd.DataFrame(
        {
            "age": 40 + 10 * z,
            "visits": rng.poisson(np.exp(1 + 0.5 * z)),
            "city": np.where(z + rng.normal(size=N) > 0, "Rome", "Oslo"),
            "size": pd.Categorical(np.array(["S", "M", "L"])[size], ["S", "M", "L"], ordered=True),
            "smoker": z + rng.normal(size=N) > 0,
            "price": 1000 * np.exp(z),
            "share": 1 / (1 + np.exp(-z)),
        },
        index=pd.RangeIndex(7, N + 7, name="key"),
    )


def holes(frame, seed=1):
    frame = frame.astype({"smoker": "boolean", "visits": "Int64"})
    return frame.mask(np.random.default_rng(seed).random(frame.shape) < 0.2)


@pytest.fixture(scope="module", name="model")
def fitted():
    return AEVB(2, likelihood=GIVEN, **SMALL).fit(holes(table()))


def test_each_column_has_its_likelihood(model):
    assert model.likelihood_ == FAMILIES
    columns = {column.name: column for column in model.columns_}
    assert {name: c.family for name, c in columns.items()} == FAMILIES
    assert columns["city"].levels == ("Oslo", "Rome")
    assert columns["size"].levels == ("S", "M", "L")
    assert columns["age"].levels == ()
    observed = holes(table())
    assert columns["age"].location == pytest.approx(observed["age"].mean())
    assert columns["age"].scale == pytest.approx(1 / observed["age"].std(ddof=0))
    assert columns["price"].scale == pytest.approx(1 / observed["price"].mean())
    assert (columns["share"].location, columns["share"].scale) == (0, 1)


@pytest.mark.parametrize(
    "likelihood",
    [
        {0: "gaussian", 1: "poisson"},
        [("gaussian", [0]), ("poisson", [1])],
        [("poisson", 1), ("gaussian", [0, 2])],
        {1: "poisson"},
    ],
)
def test_columns_of_an_array_have_numbers(likelihood):
    X = np.c_[np.random.default_rng(0).normal(size=(50, 1)), np.arange(50) % 7, np.arange(50)]
    model = AEVB(2, likelihood=likelihood, **SMALL).fit(X)
    assert model.likelihood_ == {"x0": "gaussian", "x1": "poisson", "x2": "gaussian"}
    assert (model.sample(20, random_state=0)[:, 1] % 1 == 0).all()


def test_numbers_may_be_categories():
    X = np.c_[np.arange(60.0), [5, 7, 5, 9] * 15]
    model = AEVB(1, likelihood={1: "categorical"}, **SMALL).fit(X)
    assert model.columns_[1].levels == (5, 7, 9)
    assert set(model.sample(200, random_state=0)[:, 1]) == {5, 7, 9}
    assert set(model.reconstruct(X)[:, 1]) <= {5, 7, 9}
    with pytest.warns(UserWarning, match=r"'x1' has 6.* treated as missing"):
        odd = model.score_samples([[1, 6.0]])
    np.testing.assert_array_equal(odd, model.score_samples([[1, np.nan]]))


@pytest.mark.parametrize(
    ("values", "family"),
    [
        ([True] * 9, "bernoulli"),
        ([0, 1, 1] * 3, "bernoulli"),
        ([0.0, 1.0, np.nan] * 3, "bernoulli"),
        ([0, 1, 2] * 3, "gaussian"),
        ([1, 1, 1] * 3, "gaussian"),
        (["a", "b", None] * 3, "categorical"),
        (pd.Categorical(["a", "b", "c"] * 3, ordered=True), "ordinal"),
        (pd.Categorical(["a"] * 9, ordered=True), "categorical"),
        ([None] * 9, "gaussian"),
    ],
)
def test_auto_looks_at_each_column(values, family):
    frame = pd.DataFrame({"x": np.arange(9.0), "y": values})
    model = AEVB(1, **SMALL).fit(frame)
    assert model.columns_[1].family == family
    assert np.isfinite(model.score_samples(frame)).all()


def test_binary_columns_of_a_sparse_matrix():
    X = sparse.random_array((60, 3), density=0.5, rng=np.random.default_rng(0), format="csr")
    X = sparse.csr_matrix(sparse.hstack([X, X > 0.5]).astype(float))
    model = AEVB(2, **SMALL).fit(X)
    assert [c.family for c in model.columns_] == ["gaussian"] * 3 + ["bernoulli"] * 3
    dense = AEVB(2, **SMALL).fit(X.toarray())
    np.testing.assert_array_equal(model.score_samples(X), dense.score_samples(X.toarray()))


def test_results_have_the_types_of_the_table(model):
    frame = holes(table())
    drawn = model.sample(50, random_state=0)
    assert dict(drawn.dtypes) == dict(frame.dtypes)
    assert set(drawn["city"]) == {"Oslo", "Rome"}
    assert (drawn["price"] > 0).all()
    assert drawn["share"].between(0, 1).all()
    means = model.reconstruct(frame)
    assert means.index.equals(frame.index)
    assert means["visits"].dtype == np.float64
    assert (means["visits"] % 1 != 0).any()
    assert set(means["size"]) <= {"S", "M", "L"}
    assert list(model.inverse_transform(np.zeros((1, 2)))) == list(frame)
    filled = model.impute(frame, n_draws=50, n_iterations=2)
    assert not filled.isna().any().any()
    assert dict(filled.dtypes) == dict(frame.dtypes)
    assert filled.index.equals(frame.index)
    known = frame.notna()
    pd.testing.assert_frame_equal(filled.where(known), frame)


def test_an_imputed_category_is_the_likely_one():
    rng = np.random.default_rng(0)
    kind = rng.integers(3, size=1500)
    frame = pd.DataFrame({f"x{j}": kind + 0.1 * rng.normal(size=1500) for j in range(3)})
    frame["kind"] = np.array(["a", "b", "c"])[kind]
    gaps = frame.copy()
    gaps.loc[rng.random(1500) < 0.2, "kind"] = None
    model = AEVB(2, hidden_layer_sizes=(16,), n_epochs=60, random_state=0).fit(gaps)
    filled = model.impute(gaps, n_draws=100)
    missing = gaps["kind"].isna()
    assert (filled["kind"] == frame["kind"])[missing].mean() > 0.97


def test_the_score_is_a_density_in_the_units_of_the_data():
    """Prices in cents: each observed price costs log 100, and everything else is the same."""
    frame = holes(table())[["age", "price"]]
    cents = frame.assign(price=100 * frame["price"])
    one, other = (AEVB(1, likelihood={"price": "gamma"}, **SMALL).fit(f) for f in (frame, cents))
    cost = np.log(100) * frame["price"].notna()
    np.testing.assert_allclose(
        other.score_samples(cents), one.score_samples(frame) - cost, rtol=1e-4, atol=1e-4
    )


def test_a_column_without_z_has_the_likelihood_of_its_shares():
    """With weights of 0 a model knows the shares alone, and the bound is their log-probability."""
    frame = pd.DataFrame({"a": ["x"] * 60 + ["y"] * 30 + ["z"] * 10, "b": [0, 1] * 50})
    model = AEVB(1, **SMALL | {"n_epochs": 1}, learning_rate=1e-30).fit(frame)
    weights = {k: w * 0 if k.endswith(".weight") else w for k, w in model.weights_.items()}
    scores = model.set_weights(weights).score_samples(frame)
    shares = np.array([61, 31, 11]) / 103
    expected = np.log(np.repeat(shares, [60, 30, 10])) + np.log(0.5)
    np.testing.assert_allclose(scores, expected, rtol=1e-5)


@pytest.mark.filterwarnings("ignore:the bound still rose")
@pytest.mark.parametrize("kind", [WakeSleep, MCEM])
def test_the_other_algorithms_learn_from_such_tables(kind):
    frame = holes(table())
    settings = SMALL | {"n_epochs": 10}
    model = kind(2, likelihood=GIVEN, **settings).fit(frame)
    bounds = model.history_["train_bound"]
    assert bounds[-1] > bounds[0]
    assert set(model.sample(30, random_state=0)["city"]) == {"Oslo", "Rome"}
    assert np.isfinite(model.transform(frame[:20])).all()


def test_files_and_threads_keep_the_bits(model, tmp_path):
    frame = holes(table())
    model.save(tmp_path / "m.safetensors")
    loaded = AEVB.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(loaded.score_samples(frame), model.score_samples(frame))
    pd.testing.assert_frame_equal(loaded.sample(9, random_state=0), model.sample(9, random_state=0))
    assert loaded.columns_ == model.columns_
    loaded.partial_fit(frame)
    alone, pair = (
        AEVB(2, likelihood=GIVEN, **SMALL, n_threads=n).fit(frame).weights_ for n in (1, 2)
    )
    for name, weight in alone.items():
        np.testing.assert_array_equal(pair[name], weight, err_msg=name)


def test_a_run_goes_on_from_its_checkpoint(tmp_path):
    frame, path = holes(table()), tmp_path / "run.ckpt"
    steady = {**SMALL, "learning_rate": 1e-3, "learning_rate_schedule": "constant"}
    whole = AEVB(2, likelihood=GIVEN, **steady)
    Trainer(whole, frame).run(2 * N)
    trainer = Trainer(AEVB(2, likelihood=GIVEN, **steady), frame, checkpoint=path)
    trainer.run(N)
    resumed = Trainer.resume(path, frame)
    resumed.run(2 * N)
    for name, weight in whole.weights_.items():
        np.testing.assert_array_equal(resumed.model.weights_[name], weight, err_msg=name)


def test_evaluation_knows_the_columns(model):
    frame = holes(table())[:50]
    evaluator = Evaluator(model, random_state=0)
    assert np.isfinite(evaluator.log_likelihood(frame, n_draws=300).per_row).all()
    rest = frame.assign(city=None)
    given = evaluator.conditional_log_likelihood(frame, ["city"], n_draws=300)
    assert given.mean < -0.2  # the logarithm of a probability, with noise
    assert (given.per_row[frame["city"].isna()] == 0).all()
    assert evaluator.bound(rest).mean > evaluator.bound(frame).mean


@pytest.mark.parametrize(
    ("likelihood", "said"),
    [
        ({"nowhere": "gaussian"}, "likelihood: got the column 'nowhere', want 'age', 'visits'"),
        ({"age": "gauss"}, "likelihood: got 'gauss', want one of"),
        ([("gaussian", ["age", "age"])], "likelihood: got the column 'age' twice"),
        ({9: "gaussian"}, "likelihood: got the column 9"),
        (
            {"city": "gaussian"},
            "likelihood: got 'gaussian' for column 'city', which has categories",
        ),
        ("gaussian", "likelihood: got 'gaussian' for column 'city'"),
        ({"age": "poisson"}, r"X: column 'age' has the value .*'poisson' wants integers >= 0"),
        ({"age": "beta"}, r"X: column 'age' has the value .* wants numbers in \(0, 1\)"),
        ([("gaussian",)], "likelihood: got .* want pairs"),
        (3, "likelihood: got 3, want a name, a dict"),
    ],
)
def test_what_does_not_fit_is_named(likelihood, said):
    with pytest.raises((ValueError, TypeError), match=said):
        AEVB(2, likelihood=likelihood, **SMALL).fit(table())


def test_later_tables_must_fit(model):
    frame = holes(table())
    with pytest.raises(ValueError, match="feature names"):
        model.transform(frame.drop(columns="age"))
    with pytest.raises(ValueError, match=r"column 'visits' has the value 1\.5"):
        model.transform(frame.assign(visits=1.5))
    with pytest.raises(ValueError, match=r"likelihood: got .* only a new fit"):
        model.set_params(likelihood={"age": "laplace"}).partial_fit(frame)
    model.set_params(likelihood=GIVEN)


def test_a_categorical_likelihood_for_all_columns():
    rng = np.random.default_rng(0)
    X = rng.integers(1, 4, size=(300, 3))
    model = AEVB(1, likelihood="categorical", **SMALL | {"n_epochs": 20}).fit(X)
    assert model.likelihood_ == "categorical"
    drawn = model.sample(3000, random_state=0)
    for j in range(3):
        counts = [(drawn[:, j] == level).sum() for level in (1, 2, 3)]
        expected = 10 * np.array([(X[:, j] == level).sum() for level in (1, 2, 3)])
        assert stats.chisquare(counts, expected).statistic < 60  # a fit is not exact


def test_the_header_of_a_file_is_json(model, tmp_path):
    model.save(tmp_path / "m.safetensors")
    with open(tmp_path / "m.safetensors", "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(json.loads(file.read(size))["__metadata__"]["aevb"])
    assert [c["name"] for c in header["schema"]["columns"]] == list(FAMILIES)
    assert header["params"]["likelihood"] == [[f, [name]] for name, f in GIVEN.items()]
