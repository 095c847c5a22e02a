"""Imputation of data frames and of arrays of all types: what is observed comes back as it was."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from test_impute import GAPS, GOOD, blank

IDS = 20_000_001 + np.arange(6)  # no float32
NAMES = list("abcde")
# One model without names of features takes arrays and frames.
pytestmark = pytest.mark.filterwarnings("ignore:X has feature names")


@pytest.fixture(scope="module")
def model():
    """A model that fills in 7, ..., 11, whatever is observed."""
    model = blank("gaussian", 1)
    weights = {name: np.zeros_like(w) for name, w in model.weights_.items()}
    weights["decoder.mean.bias"][:] = 7 + np.arange(5)
    return model.set_weights(weights)


def impute(model, X, mask=None):
    return model.impute(X, mask, n_iterations=2, n_starts=1)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "<f8", ">f4", "g"])
def test_floating_arrays_keep_their_type(model, dtype):
    X = np.where(GAPS, np.nan, GOOD / 3 + 1).astype(dtype)
    result = impute(model, X)
    assert result.dtype == X.dtype
    assert result[~GAPS].tobytes() == X[~GAPS].tobytes()
    np.testing.assert_array_equal(result[GAPS], (7 + np.nonzero(GAPS)[1]).astype(dtype))


@pytest.mark.parametrize("dtype", ["i8", "u1", "i4", "?", object, "list"])
def test_other_arrays_become_float64(model, dtype):
    X = np.round(GOOD) if dtype in ("u1", "?") else GOOD + IDS[:, None].astype(float)
    given = X.tolist() if dtype == "list" else X.astype(dtype)
    result = impute(model, given, GAPS)
    assert result.dtype == np.float64
    np.testing.assert_array_equal(result[~GAPS], X[~GAPS])
    np.testing.assert_array_equal(result[GAPS], 7 + np.nonzero(GAPS)[1])


@pytest.mark.parametrize("nothing", [None, pd.NA, np.nan, pd.NaT])
def test_objects_may_be_missing(model, nothing):
    X = np.where(GAPS, nothing, GOOD.astype(object))
    result = impute(model, X)
    np.testing.assert_array_equal(result, np.where(GAPS, 7 + np.arange(5), GOOD))
    frame = impute(model, pd.DataFrame(X, columns=NAMES))
    np.testing.assert_array_equal(frame.to_numpy(), result)


def mixed():
    """One column of each kind: identifiers without holes, and four with a hole."""
    return pd.DataFrame(
        {
            "a": IDS,
            "b": np.float32([np.nan, 0.1, 2, 3, 4, 5]),
            "c": pd.array([1, pd.NA, 3, 4, 5, 6], dtype="Int64"),
            "d": [0.1, 1, None, 3, 4, 5],
            "e": np.array([1, 2, 3, None, 5, pd.NA], dtype=object),
        },
        index=pd.Index([3, 1, 4, 1, 5, 9], name="key"),
    )


def test_pandas_frames_keep_what_is_observed(model):
    X, before = mixed(), mixed()
    result = impute(model, X)
    pd.testing.assert_frame_equal(X, before)
    expected = before.assign(
        b=np.float32([8, 0.1, 2, 3, 4, 5]),
        c=[1.0, 9, 3, 4, 5, 6],
        d=[0.1, 1, 10, 3, 4, 5],
        e=[1.0, 2, 3, 11, 5, 11],
    )
    pd.testing.assert_frame_equal(result, expected)


def test_nullable_floats_are_kept(model):
    X = pd.DataFrame(np.where(GAPS, np.nan, GOOD), columns=NAMES).astype("Float32")
    result = impute(model, X)
    assert set(result.dtypes.astype(str)) == {"Float32"}
    np.testing.assert_array_equal(result, np.where(GAPS, 7 + np.arange(5), GOOD))


def test_a_mask_makes_holes_in_integers(model):
    X = pd.DataFrame(dict.fromkeys(NAMES, IDS))
    mask = np.zeros(X.shape, bool)
    mask[2, 1] = True
    result = impute(model, X, mask)
    assert [dtype.kind for dtype in result.dtypes] == list("ifiii")
    np.testing.assert_array_equal(result, np.where(mask, 8, X))


def test_words_are_named(model):
    X = mixed().assign(e=np.array([1, 2, 3, "many", 5, 6], dtype=object))
    with pytest.raises(ValueError, match=r"column 'e'.*many"):
        impute(model, X)


def test_the_place_of_a_wrong_value_is_named(model):
    X = np.where(np.arange(30).reshape(6, 5) == 13, np.inf, GOOD)
    with pytest.raises(ValueError, match="row 2, column 3"):
        impute(model, X)


def test_polars_frames_keep_what_is_observed(model):
    pl = pytest.importorskip("polars")
    X = pl.DataFrame(
        {
            "a": IDS,
            "b": pl.Series([None, 0.1, 2, 3, 4, 5], dtype=pl.Float32),
            "c": [1, None, 3, 4, 5, 6],
            "d": [0.1, 1, float("nan"), 3, 4, 5],
            "e": IDS,
        }
    )
    before, result = X.clone(), impute(model, X)
    assert X.equals(before)
    expected = X.with_columns(
        b=pl.Series([8, 0.1, 2, 3, 4, 5], dtype=pl.Float32),
        c=pl.Series([1.0, 9, 3, 4, 5, 6]),
        d=pl.Series([0.1, 1, 10, 3, 4, 5]),
    )
    assert result.schema == expected.schema
    assert result.equals(expected)


def test_arrays_need_no_module_of_frames():
    code = (
        "import sys; sys.modules.update(pandas=None, polars=None);"
        "import numpy as np; from aevb import AEVB;"
        "X = np.eye(6); model = AEVB(1, hidden_layer_sizes=(2,), n_epochs=1).fit(X);"
        "model.impute(np.where(X > 0, np.nan, X), n_iterations=1)"
    )
    # outside the sources, for the installed package
    subprocess.run([sys.executable, "-c", code], check=True, cwd="/")
