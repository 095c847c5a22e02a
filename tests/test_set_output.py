"""Codes as frames, alone and in pipelines, and tables back, for tables of several kinds."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from aevb import AEVB, MCEM, WakeSleep

try:
    import polars as pl
except ModuleNotFoundError:
    pl = None
POLARS = pytest.param("polars", marks=pytest.mark.skipif(pl is None, reason="without polars"))


N = 120
SMALL = {"hidden_layer_sizes": 4, "n_epochs": 1, "random_state": 0}
INDEX = pd.RangeIndex(7, N + 7, name="key")


@pytest.fixture(scope="module", name="z")
def latent():
    return np.random.default_rng(0).normal(size=N)


@pytest.fixture(scope="module", name="frames")
def tables(z):
    """The same table with an index, and of Polars."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "city": np.where(z > 0, "Rome", "Oslo"),
            "age": 40 + 10 * z,
            "smoker": pd.array(z > 0.3, "boolean"),
            "visits": pd.array(rng.poisson(np.exp(1 + 0.5 * z)), "Int64"),
        },
        index=INDEX,
    )
    frame = frame.mask(rng.random(frame.shape) < 0.2)
    columns = {
        name: [None if pd.isna(value) else value for value in column]
        for name, column in frame.items()
    }
    return {"pandas": frame} | ({"polars": pl.DataFrame(columns)} if pl is not None else {})


def check(Z, kind, names, *, index):
    """Z is a frame of this kind, with these columns, and with the index of the table."""
    assert isinstance(Z, pd.DataFrame if kind == "pandas" else pl.DataFrame)
    assert list(Z.columns) == names
    if kind == "pandas":
        pd.testing.assert_index_equal(Z.index, INDEX if index else pd.RangeIndex(N))


@pytest.mark.parametrize("given", ["pandas", POLARS])
@pytest.mark.parametrize("kind", ["pandas", POLARS])
@pytest.mark.parametrize("estimator", [AEVB, WakeSleep, MCEM])
def test_codes_are_frames(frames, given, kind, estimator):
    X = frames[given]
    model = estimator(2, **SMALL).set_output(transform=kind)
    names = [f"{estimator.__name__.lower()}{i}" for i in range(2)]
    fitted, later = model.fit_transform(X), model.transform(X)
    for Z in (fitted, later):
        check(Z, kind, names, index=given == "pandas")
    assert list(model.get_feature_names_out()) == names
    plain = model.set_output(transform="default").transform(X)
    np.testing.assert_array_equal(later.to_numpy(), plain)
    np.testing.assert_array_equal(fitted.to_numpy(), plain)


@pytest.mark.parametrize("kind", ["default", "pandas", POLARS])
@pytest.mark.parametrize("given", ["pandas", POLARS])
def test_inverse_transform_gives_the_table_s_own_types(frames, given, kind):
    X = frames[given]
    model = AEVB(2, **SMALL).set_output(transform=kind).fit(X)
    means = model.inverse_transform(model.transform(X))
    assert isinstance(means, type(X))
    assert list(means.columns) == list(X.columns)
    kept = ["city", "age", "smoker"]  # the mean of a whole number is a float
    if given == "polars":
        assert means.select(kept).schema == X.select(kept).schema
        assert means["visits"].dtype == pl.Float64
        assert means.equals(model.reconstruct(X))
        return
    assert dict(means[kept].dtypes) == dict(X[kept].dtypes)
    assert means["visits"].dtype == np.float64
    pd.testing.assert_index_equal(means.index, INDEX if kind == "pandas" else pd.RangeIndex(N))
    again = model.reconstruct(X)
    pd.testing.assert_frame_equal(means.set_axis(INDEX), again)


@pytest.mark.parametrize("kind", ["pandas", POLARS])
def test_the_last_step_of_a_pipeline(frames, kind):
    X = frames["pandas"]
    pipeline = make_pipeline(AEVB(2, **SMALL)).set_output(transform=kind)
    check(pipeline.fit_transform(X), kind, ["aevb0", "aevb1"], index=True)
    check(pipeline.transform(X), kind, ["aevb0", "aevb1"], index=True)
    assert list(pipeline.get_feature_names_out()) == ["aevb0", "aevb1"]
    means = pipeline.inverse_transform(pipeline.transform(X))
    assert means.equals(pipeline[-1].inverse_transform(pipeline.transform(X)))
    assert pipeline.score(X) == pipeline[-1].score(X)


@pytest.mark.parametrize("kind", ["default", "pandas", POLARS])
@pytest.mark.parametrize("given", ["pandas", POLARS])
def test_a_step_in_the_middle_of_a_pipeline(frames, z, given, kind):
    X = frames[given]
    pipeline = make_pipeline(
        AEVB(2, **{**SMALL, "n_epochs": 30}), StandardScaler(), LogisticRegression()
    )
    pipeline.set_output(transform=kind).fit(X, z > 0)
    assert pipeline.score(X, z > 0) > 0.8
    assert list(pipeline[:-1].get_feature_names_out()) == ["aevb0", "aevb1"]
    if kind != "default":
        assert list(pipeline[-1].feature_names_in_) == ["aevb0", "aevb1"]
        check(pipeline[:-1].transform(X), kind, ["aevb0", "aevb1"], index=given == "pandas")
