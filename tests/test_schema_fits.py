"""Which tables fit a schema, what is unseen, and how a schema is stored."""

import json

import numpy as np
import pandas as pd
import pytest

from aevb.data.schema import Schema, TableColumn

NAN = np.nan
X = pd.DataFrame(
    {
        "size": [1.5, NAN, 3.0],
        "colour": ["red", "blue", NAN],
        "count": pd.array([1, 2, None], dtype="Int16"),
        "grade": pd.Categorical(["low", "high", "low"], ["low", "high"], ordered=True),
        "flag": [True, False, True],
    },
    index=pd.Index([7, 3, 7], name="key"),
)
SCHEMA = Schema.of(X)
NUMBERS = [[1.5, 1, 1, 0, 1], [NAN, 0, 2, 1, 0], [3, NAN, NAN, 0, 1]]


def test_all_kinds_at_once():
    np.testing.assert_array_equal(SCHEMA.numbers(X), NUMBERS)
    assert [c.kind for c in SCHEMA.columns] == [
        "float",
        "category",
        "integer",
        "category",
        "boolean",
    ]
    assert Schema.of(X, range(5)).columns[2].levels == (1, 2)
    assert Schema.of(X, range(5)).columns[3] == SCHEMA.columns[3]


def test_the_index_is_kept():
    pd.testing.assert_frame_equal(SCHEMA.restore(NUMBERS, X), X)
    plain = X.reset_index(drop=True)
    for like in (None, X.iloc[:2], np.ones((3, 5))):
        pd.testing.assert_frame_equal(SCHEMA.restore(NUMBERS, like), plain)


def test_labels_that_are_no_strings_are_kept():
    frame = pd.DataFrame(np.ones((2, 2)), columns=pd.Index([10, 20], name="year"))
    schema = Schema.of(frame)
    assert [c.name for c in schema.columns] == ["10", "20"]
    pd.testing.assert_frame_equal(schema.restore(np.ones((2, 2)), frame), frame)
    assert list(schema.restore(np.ones((2, 2)), X).columns) == ["10", "20"]


def test_no_rows():
    empty = X.iloc[:0]
    assert SCHEMA.numbers(empty).shape == (0, 5)
    pd.testing.assert_frame_equal(SCHEMA.restore(np.empty((0, 5)), empty), empty)
    assert {c.kind for c in Schema.of(empty).columns} == {"float", "category"}  # of grade


# ------------------------------------------------------------------------------- wrong columns
def test_unexpected_and_absent_columns_are_named():
    match = r"^X: the feature names should .*unseen at fit time: 'b', 'c'; seen .*missing: 'flag'$"
    with pytest.raises(ValueError, match=match):
        SCHEMA.numbers(X.drop(columns="flag").assign(c=1, b=2))
    with pytest.raises(ValueError, match=r"missing: 'flag'$"):
        SCHEMA.numbers(X.drop(columns="flag"))
    with pytest.raises(ValueError, match=r"'c0', 'c1', 'c2', 'c3', 'c4', \.\.\.$"):
        SCHEMA.numbers(X.assign(**{f"c{j}": 1 for j in range(6)}))
    with pytest.raises(ValueError, match=r"'c0', 'c1', 'c2', 'c3', 'c4'$"):
        SCHEMA.numbers(X.assign(**{f"c{j}": 1 for j in range(5)}))


def test_the_order_of_columns_matters():
    with pytest.raises(ValueError, match="feature names must be in the same order"):
        SCHEMA.numbers(X[X.columns[::-1]])


@pytest.mark.parametrize("frame", [False, True])
def test_the_number_of_columns_matters(frame):
    wrong = pd.DataFrame(np.ones((2, 3))) if frame else np.ones((2, 3))
    schema = Schema.of(np.ones((2, 2)))
    with pytest.raises(ValueError, match="X has 3 features, but 2 are expected"):
        schema.numbers(wrong)


def test_names_that_occur_twice():
    twice = pd.concat([X, X[["flag"]]], axis=1)
    for call in (Schema.of, SCHEMA.numbers):
        with pytest.raises(ValueError, match="more than one column of the name 'flag'"):
            call(twice)
    with pytest.raises(ValueError, match="more than one column of the name '1'"):
        Schema.of(pd.DataFrame([[1, 2]], columns=[1, "1"]))


def test_an_array_fits_by_its_places():
    cells = X.astype(object).where(X.notna(), None).to_numpy()
    for table in (cells, cells.tolist()):
        np.testing.assert_array_equal(SCHEMA.numbers(table), NUMBERS)
    words = Schema.of(pd.DataFrame({"a": ["x", "y"], "b": ["u", "u"]}))
    for table in (np.array([["y", "u"]]), [["y", "u"]]):
        np.testing.assert_array_equal(words.numbers(table), [[1, 0]])
    np.testing.assert_array_equal(
        Schema.of([[1.0, 2], [3, 4]], [0]).numbers(pd.DataFrame({"p": [3], "q": [0.5]})), [[1, 0.5]]
    )


# ------------------------------------------------------------------------------- wrong values
def test_values_that_are_no_numbers_are_named():
    for wrong in ("many", "1.5"):
        sizes = np.array([NAN, wrong, None], object)
        for dtype in (object, "string", "category"):
            with pytest.raises(ValueError, match=f"column 'size' has the value '{wrong}'; want n"):
                SCHEMA.numbers(X.assign(size=pd.Series(sizes, index=X.index).astype(dtype)))
    with pytest.raises(ValueError, match="column 'x1' has the value 'b'"):
        Schema.of(np.ones((1, 2))).numbers([[1, "b"]])
    with pytest.raises(ValueError, match=r"column 'size': want numbers in float64's range, "):
        SCHEMA.numbers(X.assign(size=np.array([1, 10**400, 2], object)))


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_values_are_named(value):
    for column in ("size", "count"):
        wrong = X.assign(**{column: [1, value, 2]})
        with pytest.raises(ValueError, match=f"column '{column}' has the value {value} in row 1"):
            SCHEMA.numbers(wrong)
    array = np.ones((3, 2))
    array[2, 1] = value
    with pytest.raises(ValueError, match=f"column 'x1' has the value {value} in row 2"):
        Schema.of(array).numbers(array)
    with pytest.raises(ValueError, match=f"column 'x1' has the value {value} in row 2"):
        Schema.of(array, [1])
    with pytest.raises(ValueError, match=f"column 'size' has the value {value} in row 1"):
        Schema.of(X.assign(size=[1, value, 2]), [0])


def test_numbers_outside_of_the_range_of_float64_are_infinite():
    wide = np.array([[np.finfo("g").max]])
    if np.isinf(np.float64(wide[0, 0])):
        for table in (wide, pd.DataFrame(wide, columns=["x0"])):
            with pytest.raises(ValueError, match="column 'x0' has the value inf in row 0"):
                Schema.of(table).numbers(table)


def test_columns_of_other_types_are_read_as_numbers():
    other = X.assign(size=[True, False, True], count=[1.0, 2.5, NAN], flag=[0, 1, 0])
    expected = np.array(NUMBERS)
    expected[:, [0, 2, 4]] = np.transpose([[1, 0, 1], [1, 2.5, NAN], [0, 1, 0]])
    np.testing.assert_array_equal(SCHEMA.numbers(other), expected)
    sizes = pd.Categorical([2.5, NAN, 1.5])
    np.testing.assert_array_equal(SCHEMA.numbers(X.assign(size=sizes))[:, 0], [2.5, NAN, 1.5])


# ----------------------------------------------------------------------------------- levels
@pytest.mark.parametrize("dtype", [None, object, "category", "string"])
def test_unseen_levels_are_missing_with_one_warning(dtype):
    frame = pd.DataFrame({"a": ["x", "y"], "b": ["u", "v"], "c": ["w", "w"]}, dtype=dtype)
    new = pd.DataFrame(
        {"a": list("pyqprs"), "b": ["u", "t", None, "v", "t", "u"], "c": ["w"] * 6}, dtype=dtype
    )
    with pytest.warns(UserWarning, match="treated as missing") as caught:
        numbers = Schema.of(frame).numbers(new)
    (warning,) = caught
    assert warning.filename == __file__
    text = str(warning.message)
    assert "column 'a' has 'p', 'q', 'r', ...; column 'b' has 't'. " in text
    assert "'c'" not in text
    np.testing.assert_array_equal(numbers[:, 0], [NAN, 1, NAN, NAN, NAN, NAN])
    np.testing.assert_array_equal(numbers[:, 1], [0, NAN, NAN, 1, NAN, 0])
    np.testing.assert_array_equal(numbers[:, 2], 0)


def test_levels_that_do_not_occur_are_not_unseen():
    grade = pd.Categorical(["high", "low", "high"], ["none", "high", "low"])
    np.testing.assert_array_equal(SCHEMA.numbers(X.assign(grade=grade))[:, 3], [1, 0, 1])


def test_levels_are_looked_up_by_equality():
    schema = Schema.of(pd.DataFrame({"a": [3, 1, 0]}), [0])
    for values in (
        [1.0, 3.0, NAN],
        pd.array([1, 3, None], dtype="Int8"),
        pd.array([1, 3, None], dtype="Float32"),
        np.array([True, 3, None], object),
        pd.Categorical([1, 3, None]),
    ):
        numbers = schema.numbers(pd.DataFrame({"a": values}))[:, 0]
        np.testing.assert_array_equal(numbers[1:], [2, NAN])
    np.testing.assert_array_equal(schema.numbers(pd.DataFrame({"a": [True, False]})), [[1], [0]])
    with pytest.warns(UserWarning, match="column 'a' has '1'"):
        assert np.isnan(schema.numbers(pd.DataFrame({"a": ["1"]}))).all()
    with pytest.warns(UserWarning, match="column 'a' has inf"):
        assert np.isnan(schema.numbers(pd.DataFrame({"a": [np.inf]}))).all()


def test_a_nullable_column_may_hold_nan():
    values = pd.array([0.5, None, 2], dtype="Float64")
    values = values / pd.array([1, 1, 1], dtype="Float64")
    values._data[2] = NAN  # where older versions of pandas put 0 / 0
    frame = pd.DataFrame({"a": values})
    schema = Schema.of(frame, [0])
    assert schema.columns[0].levels == (0.5,)
    np.testing.assert_array_equal(schema.numbers(frame)[:, 0], [0, NAN, NAN])


def test_cells_without_a_hash_are_no_levels():
    with pytest.raises(TypeError, match=r"column 'colour': want levels, .*unhashable"):
        SCHEMA.numbers(X.assign(colour=[[1], [2], [3]]))
    cells = np.empty((1, 1), object)
    cells[0, 0] = [1]
    with pytest.raises(TypeError, match=r"column 'x0': want levels, .*unhashable"):
        Schema.of(np.ones((1, 1)), [0]).numbers(cells)


# ---------------------------------------------------------------------------------- restore
def test_integers_are_rounded_and_stay_in_range():
    frame = pd.DataFrame({t: np.array([1]).astype(t) for t in ("int8", "uint8", "int64", "uint64")})
    result = Schema.of(frame).restore([[-0.6] * 4, [1e30] * 4, [-1e30] * 4])
    assert result.dtypes.tolist() == frame.dtypes.tolist()
    assert result["int8"].tolist() == [-1, 127, -128]
    assert result["uint8"].tolist() == [0, 255, 0]
    assert result["int64"].tolist() == [-1, 2**63 - 2**10, -(2**63)]  # the nearest of float64
    assert result["uint64"].tolist() == [0, 2**64 - 2**11, 0]


def test_booleans_are_true_from_a_half_on():
    result = SCHEMA.restore([[0, 0, 0, 0, p] for p in (0, 0.49, 0.5, 1)])
    assert result["flag"].tolist() == [False, False, True, True]


@pytest.mark.parametrize("code", [2, -1, 0.5, np.inf])
def test_values_that_are_no_codes_are_refused(code):
    for column, name in ((1, "colour"), (3, "grade")):
        values = np.array(NUMBERS)
        values[0, column] = code
        match = f"column '{name}': got the code {float(code)}, want one of 0, ..., 1"
        with pytest.raises(ValueError, match=match):
            SCHEMA.restore(values)


@pytest.mark.parametrize("values", [np.ones(5), np.ones((2, 4)), np.ones((1, 1, 5))])
def test_values_of_another_shape_are_refused(values):
    with pytest.raises(ValueError, match=r"values: got shape .*, want \(n_samples, 5\)"):
        SCHEMA.restore(values)


# ---------------------------------------------------------------------------------- storage
def test_a_stored_schema_comes_back():
    levels = ([3, 1], [0.5, -0.5], [True, False], ["b", "a"], np.array([3, 1], "u1"))
    frame = X.assign(
        **{f"c{j}": pd.Categorical.from_codes([0, 1, 0], c) for j, c in enumerate(levels)},
        mixed=np.array(["a", np.int8(1), 0.5], object),
    )
    schema = Schema.of(frame)
    stored = json.loads(json.dumps(schema.to_dict(), allow_nan=False))
    assert Schema.from_dict(stored) == schema
    types = [type(level) for c in Schema.from_dict(stored).columns for level in c.levels]
    assert types == [type(level) for c in schema.columns for level in c.levels]
    restored = Schema.from_dict(stored).restore(schema.numbers(frame), frame)
    pd.testing.assert_frame_equal(restored, frame)


@pytest.mark.parametrize("level", [pd.Timestamp(0), pd.Interval(0, 1), ("a", 1), np.inf])
def test_levels_that_cannot_be_stored_are_named(level):
    levels = pd.Index([level], tupleize_cols=False)
    schema = Schema.of(pd.DataFrame({"a": pd.Categorical.from_codes([0], levels)}))
    match = r"column 'a': cannot store the level .* of type \w+; want strings, booleans or"
    with pytest.raises(TypeError, match=match):
        schema.to_dict()


def changed(**changes):
    column = {"name": "a", "kind": "category", "levels": ["b"], "dtype": "str", "ordered": False}
    return {"container": "pandas", "columns": [column | changes]}


DAMAGED = {
    "nothing": {},
    "no dictionary": [],
    "no columns": {"container": "pandas", "columns": 1},
    "no column": {"container": "pandas", "columns": [1]},
    "container": changed() | {"container": "excel"},
    "unhashable container": changed() | {"container": []},
    "unknown key": changed(colour=1),
    "name": changed(name=1),
    "kind": changed(kind="word"),
    "levels": changed(levels=1),
    "level": changed(levels=[None]),
    "nested level": changed(levels=[["b"]]),
    "infinite level": changed(levels=[np.inf]),
    "same levels": changed(levels=[1, True]),
    "category without levels": changed(levels=[]),
    "numbers with levels": changed(kind="float"),
    "dtype": changed(dtype=None),
    "order": changed(ordered=1),
    "same names": {"container": "array", "columns": changed()["columns"] * 2},
}


def test_a_sound_schema_is_read():
    column = TableColumn("a", "category", ("b",), "str", False)
    assert Schema.from_dict(changed()) == Schema((column,), "pandas")


@pytest.mark.parametrize("what", DAMAGED)
def test_damaged_schemas_are_refused(what):
    with pytest.raises(ValueError, match="want a stored schema"):
        Schema.from_dict(DAMAGED[what])
