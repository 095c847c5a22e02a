"""Tables of NumPy and pandas as numbers, and made again."""

import json
from decimal import Decimal
from fractions import Fraction

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from test_house import python

from aevb.data.schema import Schema, TableColumn

NAN = np.nan
TEXT = str(pd.Series(["a"]).dtype)  # of strings: "str", or "object" before pandas 3


def arrow(values, alias):
    pa = pytest.importorskip("pyarrow")
    dtype = pa.decimal128(5, 2) if alias == "decimal" else pa.type_for_alias(alias)
    return pd.array(values, dtype=pd.ArrowDtype(dtype))


def one(values, categorical=()):
    """The frame, the schema and the numbers of one column."""
    X = pd.DataFrame({"a": values})
    schema = Schema.of(X, categorical)
    assert schema.container == "pandas"
    assert schema.is_numeric == (schema.columns[0].kind != "category")
    numbers = schema.numbers(X)
    assert numbers.dtype == np.float64
    return X, schema, numbers[:, 0]


# ------------------------------------------------------------------------------------- arrays
KINDS = {"f": "float", "g": "float", "i": "integer", "u": "integer", "?": "boolean"}


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "g", "i1", "i4", "i8", "u1", "u8", "?"])
def test_arrays_keep_their_type(dtype):
    X = np.array([[0, 1, 0], [1, 1, 1]]).astype(dtype)
    schema = Schema.of(X)
    column = TableColumn("x1", KINDS[dtype[0]], (), X.dtype.name, False)
    assert schema.columns[1] == column
    assert [c.name for c in schema.columns] == ["x0", "x1", "x2"]
    assert (schema.container, schema.is_numeric) == ("array", True)
    numbers = schema.numbers(X)
    assert numbers.dtype == np.float64
    np.testing.assert_array_equal(numbers, X)
    result = schema.restore(numbers)
    assert result.dtype == X.dtype
    np.testing.assert_array_equal(result, X)


@pytest.mark.parametrize(("dtype", "wanted"), [("f4", "f4"), ("i2", "f8"), ("?", object)])
def test_arrays_with_missing_values_get_a_type_that_can_hold_them(dtype, wanted):
    schema = Schema.of(np.ones((2, 2), dtype))
    result = schema.restore([[1, NAN], [0, 1]])
    assert result.dtype == wanted
    assert result.tolist()[1] == [0, 1]
    assert np.isnan(result[0, 1])
    assert type(result[0, 0]) is (bool if dtype == "?" else np.dtype(wanted).type)


def test_arrays_of_many_or_no_columns():
    for n in (0, 300):
        X = np.ones((2, n), np.int8)
        result = Schema.of(X).restore(Schema.of(X).numbers(X))
        assert result.dtype == (np.int8 if n else np.float64)
        np.testing.assert_array_equal(result, X)


def test_numbers_may_share_the_memory_of_an_array():
    X = np.ones((3, 2))
    assert np.shares_memory(Schema.of(X).numbers(X), X)


def test_objects_and_lists_of_numbers_are_floats():
    X = np.array([[1, None], [Decimal("2.5"), pd.NA], [True, pd.NaT], [Fraction(1, 4), 3]], object)
    expected = [[1, NAN], [2.5, NAN], [1, NAN], [0.25, 3]]
    for given_ in (X, X.tolist()):
        schema = Schema.of(given_)
        assert {c[1:4] for c in schema.columns} == {("float", (), "float64")}
        np.testing.assert_array_equal(schema.numbers(given_), expected)
    assert Schema.of([[1, 2]]).restore([[0.6, 2]]).tolist() == [[1, 2]]
    assert Schema.of([[None], [None]]).columns[0].kind == "float"
    assert Schema.of(np.zeros((0, 1), int)).columns[0].kind == "float"


@pytest.mark.parametrize("X", [np.array([["a"]]), np.array([["a"]], object), [[1.5, "a"]]])
def test_strings_in_arrays_are_refused(X):
    with pytest.raises(ValueError, match=r"^X: column 'x\d' .*'a'; strings are .* data frames"):
        Schema.of(X)


@pytest.mark.parametrize(
    "value", [{"foo": 1}, [1, 2], 1j, b"a", np.datetime64("2020"), np.ones(2), pd.Timestamp(0)]
)
def test_other_objects_are_refused(value):
    X = np.empty((2, 2), object)
    X[:], X[1, 1] = 1.0, value
    with pytest.raises(TypeError, match=r"column 'x1'.*argument must be .*string.*numbers"):
        Schema.of(X)
    with pytest.raises(ValueError, match=r"column 'x1' has the value .*; want numbers"):
        Schema.of(np.ones((2, 2))).numbers(X)


@pytest.mark.parametrize("dtype", ["M8[D]", "m8[s]", "c16", "i4,f4"])
def test_arrays_of_other_types_are_refused(dtype):
    with pytest.raises(TypeError, match=r"column 'x0' has dtype .*; convert it to numbers"):
        Schema.of(np.zeros((2, 2), dtype))


@pytest.mark.parametrize("X", [np.ones(3), 1.0, [[1, 2], [3]], np.ones((2, 2, 2)), {"a": 1}])
def test_what_has_not_two_axes_is_refused(X):
    for call in (Schema.of, Schema.of(np.ones((2, 2))).numbers):
        with pytest.raises(ValueError, match=r"^X: .*\(n_samples, n_features\)"):
            call(X)


def test_masked_arrays_are_refused():
    X = np.ma.masked_equal(np.eye(2), 1)
    with pytest.raises(ValueError, match="X: got masked"):
        Schema.of(X)
    with pytest.raises(ValueError, match="X: got masked"):
        Schema.of(np.ones((2, 2))).numbers(X)


@pytest.mark.parametrize("dtype", ["f4", "i8", "u1", object])
def test_declared_columns_of_arrays_are_categories(dtype):
    X = np.array([[7, 2], [3, 5], [7, 5], [9, 5]]).astype(dtype)
    schema = Schema.of(X, categorical=[0])
    assert schema.columns[0][1:3] == ("category", (3, 7, 9))
    assert {type(level) for level in schema.columns[0].levels} == {float if dtype == "f4" else int}
    assert schema.columns[1].kind == ("float" if dtype in ("f4", object) else "integer")
    assert not schema.is_numeric
    numbers = schema.numbers(X)
    np.testing.assert_array_equal(numbers, [[1, 2], [0, 5], [1, 5], [2, 5]])
    result = schema.restore(numbers)
    assert result.dtype == (np.float64 if dtype is object else dtype)
    np.testing.assert_array_equal(result, X)


def test_declared_columns_may_have_missing_values():
    X = np.array([[2.5, NAN], [NAN, NAN], [-1, NAN]])
    schema = Schema.of(X, {0, 1})
    assert [c.kind for c in schema.columns] == ["category", "float"]
    numbers = schema.numbers(X)
    np.testing.assert_array_equal(numbers, [[1, NAN], [NAN, NAN], [0, NAN]])
    np.testing.assert_array_equal(schema.restore(numbers), X)
    flags = Schema.of([[True], [False]], [0])
    assert flags.columns[0][1:4] == ("category", (False, True), "bool")
    assert flags.restore([[1], [0]]).tolist() == [[True], [False]]


@pytest.mark.parametrize("place", [2, -1, 0.5, "x0"])
def test_declared_columns_must_be_there(place):
    with pytest.raises(ValueError, match=r"categorical: got .*want places of columns: 0, ..., 1"):
        Schema.of(np.ones((2, 2)), [place])


def test_declared_columns_keep_large_integers():
    ids = 2**62 + np.arange(3)[:, None]  # float64 does not tell them apart
    schema = Schema.of(ids, [0])
    np.testing.assert_array_equal(schema.numbers(ids)[:, 0], [0, 1, 2])
    np.testing.assert_array_equal(schema.restore([[2], [0], [1]]), ids[[2, 0, 1]])


# ------------------------------------------------------------------------------------- pandas
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "Float32", "Float64"])
def test_floats(dtype):
    X, schema, numbers = one(pd.array([0.5, NAN, -2], dtype=dtype))
    assert schema.columns == (TableColumn("a", "float", (), dtype, False),)
    np.testing.assert_array_equal(numbers, [0.5, NAN, -2])
    pd.testing.assert_frame_equal(schema.restore(numbers[:, None]), X)


@pytest.mark.parametrize("dtype", ["int8", "uint64", "Int8", "Int64", "UInt16"])
def test_integers(dtype):
    values = [1, 100, 3 if dtype.islower() else None]
    X, schema, numbers = one(pd.array(values, dtype=dtype))
    assert schema.columns == (TableColumn("a", "integer", (), dtype, False),)
    np.testing.assert_array_equal(numbers, np.array(values, float))
    pd.testing.assert_frame_equal(schema.restore(numbers[:, None]), X)


@pytest.mark.parametrize("dtype", ["bool", "boolean"])
def test_booleans(dtype):
    values = [True, False, True if dtype == "bool" else None]
    X, schema, numbers = one(pd.array(values, dtype=dtype))
    assert schema.columns == (TableColumn("a", "boolean", (), dtype, False),)
    np.testing.assert_array_equal(numbers, np.array(values, float))
    pd.testing.assert_frame_equal(schema.restore(numbers[:, None]), X)


STRINGS = list(dict.fromkeys([TEXT, "string", "string[python]", "object"]))


@pytest.mark.parametrize("dtype", STRINGS)
def test_strings(dtype):
    X, schema, numbers = one(pd.Series(["b", "c", NAN, "a", "b"], dtype=dtype))
    assert schema.columns[0][:3] == ("a", "category", ("a", "b", "c"))
    assert schema.columns[0].dtype.split("[")[0] == dtype.split("[")[0]
    assert not schema.columns[0].ordered
    np.testing.assert_array_equal(numbers, [1, 2, NAN, 0, 1])
    pd.testing.assert_frame_equal(schema.restore(numbers[:, None]), X)


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize(
    "levels",
    [
        ["b", "never", "a"],
        pd.Index(["b", "never", "a"], dtype=object),
        [3, 1, 2],
        pd.Index([3, 1, 2], dtype="int8"),
        [0.5, -1.0, 2.5],
        [True, False, "a"],
        pd.interval_range(0, 3),
        pd.to_datetime(["2021", "2022", "2020"]),
    ],
    ids=repr,
)
def test_categoricals_keep_all_their_levels(levels, ordered):
    values = pd.Categorical.from_codes([2, -1, 0, 2], categories=levels, ordered=ordered)
    X, schema, numbers = one(values)
    assert schema.columns[0][1:3] == ("category", tuple(levels))
    assert schema.columns[0].ordered is ordered
    np.testing.assert_array_equal(numbers, [2, NAN, 0, 2])
    pd.testing.assert_frame_equal(schema.restore(numbers[:, None]), X)


def test_objects_that_are_numbers_or_booleans():
    _, schema, numbers = one(np.array([1, None, Decimal("2.5"), np.float32(0.5), True], object))
    assert schema.columns[0][1:4] == ("float", (), "float64")
    np.testing.assert_array_equal(numbers, [1, NAN, 2.5, 0.5, 1])
    _, schema, numbers = one(np.array([True, None, np.False_], object))
    assert schema.columns[0][1:4] == ("boolean", (), "bool")
    np.testing.assert_array_equal(numbers, [1, NAN, 0])
    assert schema.restore([[1], [0]])["a"].tolist() == [True, False]
    assert schema.restore([[1], [NAN]])["a"].dtype == object


def test_mixed_objects_come_as_they_first_appear():
    X, schema, numbers = one(np.array(["b", 2, NAN, 1.5, "a", 2.0, True], object))
    assert schema.columns[0][1:4] == ("category", ("b", 2, 1.5, "a", True), "object")
    np.testing.assert_array_equal(numbers, [0, 1, NAN, 2, 3, 1, 4])
    assert schema.restore(numbers[:, None])["a"].tolist()[3:] == X["a"].tolist()[3:]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (np.array([None, None], object), "float64"),
        (pd.Series([None, None], dtype=TEXT), "float64"),
        (pd.array([None, None], dtype="string"), "float64"),
        (pd.Categorical([None, None]), "float64"),
        (pd.array([None, None], dtype="Int8"), "Int8"),
        (pd.array([None, None], dtype="boolean"), "boolean"),
        (np.array([NAN, NAN], "f4"), "float32"),
    ],
)
def test_a_column_without_values_is_of_floats(values, dtype):
    _, schema, numbers = one(values)
    assert schema.columns[0] == TableColumn("a", "float", (), dtype, False)
    assert one(values, [0])[1] == schema
    assert np.isnan(numbers).all()
    result = schema.restore(numbers[:, None])["a"]
    assert result.dtype == dtype
    assert result.isna().all()
    one_and_nothing = schema.restore([[0.75], [NAN]])["a"]
    assert one_and_nothing.dtype == dtype
    assert one_and_nothing[0] == (0.75 if "float" in dtype else 1)


def test_a_categorical_without_values_keeps_its_levels():
    _, schema, numbers = one(pd.Categorical([None], categories=["b", "a"]))
    assert schema.columns[0][1:3] == ("category", ("b", "a"))
    assert np.isnan(numbers).all()


def test_sparse_columns_become_dense():
    _, schema, numbers = one(pd.arrays.SparseArray([0, 0, 1.5, NAN]))
    assert schema.columns[0][1:4] == ("float", (), "float64")
    np.testing.assert_array_equal(numbers, [0, 0, 1.5, NAN])
    _, schema, numbers = one(pd.arrays.SparseArray([0, 0, 3]), [0])
    assert schema.columns[0][1:4] == ("category", (0, 3), "int64")


ARROWS = {
    "int64": ([1, None, 3], "integer", "int64[pyarrow]"),
    "uint8": ([1, None, 255], "integer", "uint8[pyarrow]"),
    "double": ([0.5, None, 3], "float", "double[pyarrow]"),
    "float": ([0.5, None, 3], "float", "float[pyarrow]"),
    "bool": ([True, None, False], "boolean", "bool[pyarrow]"),
    "string": (["b", None, "a"], "category", "utf8[pyarrow]"),
    "large_string": (["b", None, "a"], "category", "large_string[pyarrow]"),
}


@pytest.mark.parametrize("alias", ARROWS)
def test_columns_of_pyarrow(alias):
    values, kind, dtype = ARROWS[alias]
    X, schema, numbers = one(arrow(values, alias))
    assert schema.columns[0] == TableColumn(
        "a", kind, ("a", "b") if kind == "category" else (), dtype, False
    )
    expected = [1, NAN, 0] if kind == "category" else np.array(values, float)
    np.testing.assert_array_equal(numbers, expected)
    pd.testing.assert_frame_equal(schema.restore(numbers[:, None]), X)


def test_decimals_and_nothing_of_pyarrow():
    _, schema, numbers = one(arrow([Decimal("1.5"), None], "decimal"))
    assert schema.columns[0][1:4] == ("float", (), "double[pyarrow]")
    np.testing.assert_array_equal(numbers, [1.5, NAN])
    assert schema.restore(numbers[:, None])["a"].dtype == "double[pyarrow]"
    _, schema, numbers = one(arrow([None, None], "null"))
    assert schema.columns[0][1:4] == ("float", (), "float64")
    assert np.isnan(numbers).all()


def test_categoricals_of_pyarrow():
    pa = pytest.importorskip("pyarrow")
    dtype = pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))
    _, schema, numbers = one(pd.array(["b", None, "a", "b"], dtype=dtype))
    levels = schema.columns[0].levels
    assert schema.columns[0].kind == "category"
    assert set(levels) == {"a", "b"}
    restored = schema.restore(numbers[:, None])["a"]
    assert restored.dtype == "category"
    assert restored.tolist() == ["b", NAN, "a", "b"]


REFUSED = [
    pd.to_datetime(["2020"]),
    pd.to_timedelta([1]),
    np.array([1j]),
    [[1]],
    [b"x"],
    [{"b": 1}],
    [pd.Timestamp(0, tz="UTC")],
    pd.array(["2020"], dtype="period[D]"),
    pd.interval_range(0, 1),
    np.array([pd.Timestamp(0)], object),
]


@pytest.mark.parametrize("values", REFUSED, ids=lambda values: type(values).__name__)
def test_columns_of_other_types_are_refused(values):
    X = pd.DataFrame({"a": [1.0], "when": values})
    with pytest.raises(TypeError, match=r"column 'when' has .*convert .* to numbers"):
        Schema.of(X)
    with pytest.raises(ValueError, match=r"column 'when' has the value .*; want numbers"):
        Schema.of(X.assign(when=1.0)).numbers(X)


def test_lists_of_pyarrow_are_refused():
    pa = pytest.importorskip("pyarrow")
    X = pd.DataFrame({"a": pd.array([[1]], dtype=pd.ArrowDtype(pa.list_(pa.int64())))})
    with pytest.raises(TypeError, match=r"column 'a' has dtype list.*convert it to numbers"):
        Schema.of(X)
    with pytest.raises(TypeError, match=r"column 'a': want levels"):
        Schema.of(pd.DataFrame({"a": ["b"]})).numbers(X)


OBSERVED = {
    "Int64": st.integers(-(2**53), 2**53),
    "Float64": st.floats(allow_nan=False, allow_infinity=False),
    "boolean": st.booleans(),
    "string": st.text(st.characters(exclude_categories=["Cs"])),
    TEXT: st.text(st.characters(exclude_categories=["Cs"])),
    "object": st.text(st.characters(exclude_categories=["Cs"])),
}


@given(data=st.data(), dtype=st.sampled_from(list(OBSERVED)), declared=st.booleans())
def test_nothing_is_lost(data, dtype, declared):
    values = data.draw(st.lists(st.none() | OBSERVED[dtype], min_size=1))
    series = pd.Series(values, dtype=dtype)
    X = pd.DataFrame({"a": series.where(series.notna(), NAN) if dtype == "object" else series})
    schema = Schema.of(X, [0] if declared else [])
    assert Schema.from_dict(json.loads(json.dumps(schema.to_dict(), allow_nan=False))) == schema
    result = schema.restore(schema.numbers(X))
    if X["a"].notna().any():
        pd.testing.assert_frame_equal(result, X, check_exact=True)
    assert result["a"].isna().tolist() == [value is None for value in values]


def test_arrays_need_no_module_of_frames():
    code = """
import sys
sys.modules |= dict.fromkeys(["pandas", "polars", "pyarrow"])  # as if they were not installed
import numpy as np
from aevb.data.schema import Schema
X = np.array([[1, None], [2.5, 3], [float("nan"), 4]], object)
S = Schema.of(X, [1])
print(S.numbers(X).tolist(), S.restore(S.numbers(X)).tolist())
X[1, 1] = np.ones(2)
try:
    Schema.of(X)
except TypeError as error:
    print("x1" in str(error))
"""
    run = python(code)
    assert run.stdout.splitlines() == [
        "[[1.0, nan], [2.5, 0.0], [nan, 1.0]] [[1.0, nan], [2.5, 3.0], [nan, 4.0]]",
        "True",
    ], run.stderr
