"""Tables of Polars as numbers, and made again."""

import datetime
import json
from decimal import Decimal, localcontext

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import given

from aevb.data.schema import Schema, TableColumn

pl = pytest.importorskip("polars")
testing = pytest.importorskip("polars.testing")
NAN = np.nan


def one(values, dtype=None, categorical=()):
    """The frame, the schema and the numbers of one column."""
    X = pl.DataFrame({"a": pl.Series(values, dtype=dtype)})
    schema = Schema.of(X, categorical)
    assert schema.container == "polars"
    assert Schema.from_dict(json.loads(json.dumps(schema.to_dict(), allow_nan=False))) == schema
    numbers = schema.numbers(X)
    assert numbers.dtype == np.float64
    return X, schema, numbers[:, 0]


NUMBERS = ["Int8", "Int16", "Int32", "Int64", "UInt8", "UInt32", "UInt64", "Float32", "Float64"]


@pytest.mark.parametrize("declared", [False, True])
@pytest.mark.parametrize("dtype", [*NUMBERS, "Boolean"])
def test_numbers_and_booleans(dtype, declared):
    values = [True, None, False, True] if dtype == "Boolean" else [1, None, 0, 1]
    X, schema, numbers = one(values, getattr(pl, dtype), [0] if declared else [])
    kind = {"F": "float", "B": "boolean"}.get(dtype[0], "integer")
    levels = (0, 1) if declared else ()
    kind = "category" if declared else kind
    assert schema.columns == (TableColumn("a", kind, levels, dtype, False),)
    np.testing.assert_array_equal(numbers, [1, NAN, 0, 1])
    testing.assert_frame_equal(schema.restore(numbers[:, None]), X)


@pytest.mark.parametrize(
    ("dtype", "levels", "codes"),
    [
        (pl.String, ("a", "b", "c"), [1, NAN, 0, 2]),
        (pl.Categorical, ("a", "b", "c"), [1, NAN, 0, 2]),
        (pl.Enum(["c", "never", "b", "a"]), ("c", "never", "b", "a"), [2, NAN, 3, 0]),
    ],
)
def test_words(dtype, levels, codes):
    X, schema, numbers = one(["b", None, "a", "c"], dtype)
    assert schema.columns[0] == TableColumn(
        "a", "category", levels, str(dtype).split("(")[0], False
    )
    np.testing.assert_array_equal(numbers, codes)
    testing.assert_frame_equal(schema.restore(numbers[:, None]), X)


@pytest.mark.parametrize("declared", [False, True])
def test_decimals(declared):
    values = [Decimal("1.50"), None, Decimal("-3.25")]
    X, schema, numbers = one(values, pl.Decimal(10, 2), [0] if declared else [])
    assert schema.columns[0].dtype == "Decimal(10, 2)"
    assert schema.columns[0].levels == ((-3.25, 1.5) if declared else ())
    np.testing.assert_array_equal(numbers, [1, NAN, 0] if declared else [1.5, NAN, -3.25])
    testing.assert_frame_equal(schema.restore(numbers[:, None]), X)


@pytest.mark.parametrize("precision", range(1, 39))
def test_decimals_stay_in_range(precision):
    for scale in {0, precision // 2, precision}:
        dtype = pl.Decimal(precision, scale)
        schema = Schema.of(pl.DataFrame({"a": pl.Series([None], dtype=dtype)}))
        result = schema.restore([[1e60], [-1e60]])["a"]
        assert result.dtype == dtype
        high, low = result.to_list()
        with localcontext(prec=80):
            assert low == -high
            # 2**-50 below the end, four roundings of float64, and one unit of the last place
            end = Decimal(10) ** (precision - scale)
            least = end * (1 - Decimal(2) ** -50 - 4 * Decimal(2) ** -53)
            assert least - Decimal(10) ** -scale <= high < end


def test_integers_and_booleans_are_rounded():
    X = pl.DataFrame({"a": [1], "b": [True]}, schema={"a": pl.Int8, "b": pl.Boolean})
    result = Schema.of(X).restore([[0.6, 0.49], [1e9, 0.5], [NAN, NAN]])
    assert result.rows() == [(1, False), (127, True), (None, None)]
    large = Schema.of(pl.DataFrame({"a": pl.Series([1], dtype=pl.UInt64)}))
    assert large.restore([[1e30]]).item() == 2**64 - 2**11  # the nearest of float64


def test_nan_and_null_are_missing():
    _, schema, numbers = one([0.5, NAN, None])
    np.testing.assert_array_equal(numbers, [0.5, NAN, NAN])
    assert schema.restore(numbers[:, None])["a"].to_list() == [0.5, None, None]
    assert one([0.5, NAN, None], None, [0])[1].columns[0].levels == (0.5,)


@pytest.mark.parametrize(
    ("dtype", "made"),
    [
        (pl.Null, "Float64"),
        (pl.String, "Float64"),
        (pl.Categorical, "Float64"),
        (pl.Enum([]), "Float64"),
        (pl.Int8, "Int8"),
        (pl.Boolean, "Boolean"),
        (pl.Float32, "Float32"),
    ],
)
def test_a_column_without_values_is_of_floats(dtype, made):
    _, schema, numbers = one([None, None], dtype)
    assert schema.columns == (TableColumn("a", "float", (), made, False),)
    assert one([None, None], dtype, [0])[1] == schema
    assert np.isnan(numbers).all()
    result = schema.restore(numbers[:, None])["a"]
    assert result.dtype == getattr(pl, made)
    assert result.null_count() == 2


@pytest.mark.parametrize(
    "value",
    [datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1), datetime.timedelta(1), b"x", [1]],
)
def test_columns_of_other_types_are_refused(value):
    X = pl.DataFrame({"when": [value]})
    with pytest.raises(TypeError, match=r"column 'when' has dtype .*; convert it to numbers"):
        Schema.of(X)
    with pytest.raises(ValueError, match=r"column 'when' has the value .*; want numbers"):
        Schema.of(pl.DataFrame({"when": [1.0]})).numbers(X)
    with pytest.raises(TypeError, match=r"column 'when' has dtype .*, want levels"):
        Schema.of(pl.DataFrame({"when": ["a"]})).numbers(X)


@pytest.mark.parametrize("dtype", [pl.String, pl.Categorical, pl.Enum(list("abcdefg"))])
def test_unseen_levels_are_missing_with_one_warning(dtype):
    schema = one(["a", "b"], dtype if dtype != pl.Enum else pl.String)[1]
    X = pl.DataFrame({"a": pl.Series(["g", "b", "f", "g", None, "e", "d"], dtype=dtype)})
    with pytest.warns(UserWarning, match="column 'a' has 'g', 'f', 'e', ...") as caught:
        numbers = schema.numbers(X)
    assert len(caught) == 1
    np.testing.assert_array_equal(numbers[:, 0], [NAN, 1, NAN, NAN, NAN, NAN, NAN])


def test_words_in_a_column_of_numbers_are_named():
    with pytest.raises(ValueError, match="column 'a' has the value '1'; want numbers"):
        one([1.0])[1].numbers(pl.DataFrame({"a": ["1"]}))
    with pytest.raises(ValueError, match="column 'a' has the value inf in row 1"):
        one([1.0, np.inf])


def test_frames_of_pandas_fit_by_their_names():
    schema = one(["a", "b"])[1]
    frame = pd.DataFrame({"a": ["b", "a", None]})
    np.testing.assert_array_equal(schema.numbers(frame)[:, 0], [1, 0, NAN])
    assert isinstance(schema.restore([[1], [0], [NAN]], frame), pl.DataFrame)
    np.testing.assert_array_equal(
        Schema.of(frame).numbers(pl.DataFrame({"a": ["b", None]}))[:, 0], [1, NAN]
    )
    with pytest.raises(ValueError, match=r"unseen at fit time: 'b'; seen .*: 'a'"):
        schema.numbers(frame.rename(columns={"a": "b"}))


@pytest.mark.parametrize("dtype", ["DataFrame", "int64", "Enum(x)"])
def test_a_stored_dtype_that_polars_has_not_is_refused(dtype):
    stored = one([1.0])[1].to_dict()
    stored["columns"][0]["dtype"] = dtype
    with pytest.raises(ValueError, match=r"column 'a': got dtype .*, want one of Polars"):
        Schema.from_dict(stored).restore([[1.0]])


OBSERVED = {
    "Int64": st.integers(-(2**53), 2**53),
    "Float64": st.floats(allow_nan=False, allow_infinity=False),
    "Boolean": st.booleans(),
    "String": st.text(st.characters(exclude_categories=["Cs"])),
}


@given(data=st.data(), dtype=st.sampled_from(list(OBSERVED)), declared=st.booleans())
def test_nothing_is_lost(data, dtype, declared):
    values = data.draw(st.lists(st.none() | OBSERVED[dtype], min_size=1))
    X, schema, numbers = one(values, getattr(pl, dtype), [0] if declared else [])
    result = schema.restore(numbers[:, None])
    if any(value is not None for value in values):
        testing.assert_frame_equal(result, X, check_exact=True)
    assert result["a"].is_null().to_list() == [value is None for value in values]
