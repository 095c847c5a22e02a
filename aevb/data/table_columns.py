"""The columns of a table: what each holds, as codes and numbers, for NumPy, pandas and Polars.

No module of frames is imported here: a frame comes from a module that its owner has imported.
"""

from __future__ import annotations

import operator
import reprlib
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from itertools import repeat
from numbers import Integral, Real
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from aevb.data.checks import check_dense, check_unmasked
from aevb.data.frames import is_frame

KINDS = ("float", "integer", "boolean", "category")
CONTAINERS = ("array", "pandas", "polars")
_KIND_OF_CHARACTER = {"f": "float", "i": "integer", "u": "integer", "b": "boolean"}


class TableColumn(NamedTuple):
    """What one column of a table holds.

    Attributes
    ----------
    name : str
        The frame's name, or "x0", "x1", ... of an array.
    kind : str
        "float", "integer", "boolean" or "category".
    levels : tuple
        The values of a category in the order of their codes 0, 1, .... Empty for other kinds.
    dtype : str
        The name of the dtype that the column gets when it is made again. Of a Polars ``Enum`` and
        of a pandas ``category``, the levels belong to it.
    ordered : bool
        Whether it is an ordered categorical of pandas.
    """

    name: str
    kind: str
    levels: tuple[Any, ...]
    dtype: str
    ordered: bool


class Cells(Protocol):
    """One column of a table."""

    name: str

    def describe(self) -> TableColumn:
        """Return what the column holds.

        Raises
        ------
        TypeError, ValueError
            If these are neither numbers, booleans nor categories.
        """

    def factorize(self) -> tuple[NDArray[np.signedinteger[Any]], list[Any]]:
        """Return the place of each cell in a list of distinct values, -1 if missing; and the list.

        Raises
        ------
        TypeError
            If the values cannot be levels.
        """

    def floats(self) -> NDArray[Any]:
        """Return numbers that NumPy converts to float64, with NaN for each missing value.

        Raises
        ------
        ValueError
            If a value is not a number.
        """


# ------------------------------------------------------------------------------ Python objects
def shown(value: Any) -> str:
    """Return a value as a message shows it: the ends of a long one."""
    short = reprlib.Repr()
    short.maxother = short.maxstring = 60
    return short.repr(value)


def plain(value: Any) -> Any:
    """Return a number of any type as Python's bool, int or float, and other values as they are."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, (Real, Decimal)):
        return float(value)
    return value.item() if isinstance(value, np.str_) else value


def _missing(objects: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Tell which Python objects stand for a missing value."""
    pandas = sys.modules.get("pandas")
    missing: NDArray[np.bool_]
    if pandas is not None:  # so that pandas.NA, for which != is undefined, may occur
        missing = pandas.isna(objects)
        return missing
    missing = np.fromiter(map(operator.is_, objects, repeat(None)), np.bool_, len(objects))
    with suppress(ValueError):  # a cell with an array is of a wrong type, which its reader says
        missing |= np.not_equal(objects, objects).astype(np.bool_)
    return missing


def _kind_of_objects(name: str, objects: NDArray[np.object_]) -> str:
    """Return "nothing", "boolean", "float", "string" or "mixed" for the observed objects."""
    observed = objects[~_missing(objects)]
    types = set(map(type, observed))
    if not types:
        return "nothing"
    if all(issubclass(t, (bool, np.bool_)) for t in types):
        return "boolean"
    if all(issubclass(t, str) for t in types):
        return "string"
    numbers = {t for t in types if issubclass(t, (Real, Decimal, np.bool_))}
    if numbers == types:
        return "float"
    wrong = {t for t in types - numbers if not issubclass(t, str)}
    if not wrong:
        return "mixed"
    value = _first_of(observed, wrong)
    raise TypeError(
        f"X: column {name!r} has the value {shown(value)} of type {type(value).__name__}, "
        f"but this argument must be of strings, booleans or numbers; convert the column to numbers"
    )


def _first_of(objects: NDArray[np.object_], types: set[type]) -> Any:
    return next(value for value in objects if type(value) in types)


def _floats_of_objects(name: str, objects: NDArray[np.object_]) -> NDArray[np.float64]:
    missing = _missing(objects)
    observed = objects[~missing]
    # NumPy would read a string such as "1.5" as a number
    wrong = {t for t in set(map(type, observed)) if not issubclass(t, (Real, Decimal, np.bool_))}
    if wrong:
        value = shown(_first_of(observed, wrong))
        raise ValueError(f"X: column {name!r} has the value {value}; want numbers")
    floats = np.full(len(objects), np.nan)
    try:
        floats[~missing] = observed.astype(np.float64)
    except (OverflowError, TypeError, ValueError) as error:
        raise ValueError(f"X: column {name!r}: want numbers in float64's range, {error}") from error
    return floats


def _unsuitable(name: str, dtype: Any) -> TypeError:
    return TypeError(
        f"X: column {name!r} has dtype {dtype}; want numbers, booleans, strings or categories; "
        f"convert it to numbers"
    )


# --------------------------------------------------------------------------------------- NumPy
def as_matrix(X: Any) -> NDArray[Any]:
    """Return an array-like as an array with two axes, of X's own types.

    Raises
    ------
    TypeError, ValueError
        If X is sparse, masked or ragged, or has not two axes.
    """
    check_dense("X", X)
    check_unmasked("X", X)
    try:
        array = np.asarray(X)
        if array.dtype.kind in "US" and not hasattr(X, "dtype"):
            array = np.asarray(X, dtype=object)  # numbers among strings stay numbers
    except ValueError as error:
        raise ValueError(f"X: want an array (n_samples, n_features), {error}") from error
    if array.ndim != 2:
        raise ValueError(f"X: got shape {array.shape}, want (n_samples, n_features)")
    return array


class ArrayCells:
    """One column of an array."""

    def __init__(self, name: str, cells: NDArray[Any]) -> None:
        self.name, self.cells = name, cells

    def describe(self) -> TableColumn:
        """Return what the column holds."""
        dtype = self.cells.dtype
        if dtype.kind in "OUT":
            kind = _kind_of_objects(self.name, self._objects())
            if kind in ("string", "mixed"):
                strings = {t for t in set(map(type, self._objects())) if issubclass(t, str)}
                raise ValueError(
                    f"X: column {self.name!r} has the value "
                    f"{shown(_first_of(self._objects(), strings))}; strings are categories "
                    f"in data frames, want an array of numbers or a data frame"
                )
            return TableColumn(self.name, "float", (), "float64", False)
        if dtype.kind not in _KIND_OF_CHARACTER:
            raise _unsuitable(self.name, dtype)
        kind = _KIND_OF_CHARACTER[dtype.kind] if self.cells.size else "float"
        return TableColumn(self.name, kind, (), dtype.name, False)

    def factorize(self) -> tuple[NDArray[np.intp], list[Any]]:
        """Return the places of the cells in the list of distinct values, and the list."""
        cells, places = self.cells, np.full(len(self.cells), -1, np.intp)
        if cells.dtype.kind in _KIND_OF_CHARACTER:
            observed = cells == cells
            uniques, places[observed] = np.unique(cells[observed], return_inverse=True)
            return places, uniques.tolist()
        observed = ~_missing(self._objects())
        values = self._objects()[observed].tolist()
        try:
            index = {value: place for place, value in enumerate(dict.fromkeys(values))}
        except TypeError as error:
            raise TypeError(f"X: column {self.name!r}: want levels, {error}") from error
        places[observed] = np.fromiter(map(index.__getitem__, values), np.intp, len(values))
        return places, list(index)

    def floats(self) -> NDArray[Any]:
        """Return numbers, with NaN for each missing value."""
        if self.cells.dtype.kind in _KIND_OF_CHARACTER:
            return self.cells
        return _floats_of_objects(self.name, self._objects())

    def _objects(self) -> NDArray[np.object_]:
        return self.cells.astype(object, copy=False)


# -------------------------------------------------------------------------------------- pandas
class PandasCells:
    """One column of a pandas frame."""

    def __init__(self, name: str, column: Any) -> None:
        if str(column.dtype).startswith("dictionary<"):  # a categorical of pyarrow
            column = column.astype("category")
        self.name, self.column = name, column

    def describe(self) -> TableColumn:
        """Return what the column holds."""
        dtype, kind = self.column.dtype, self._kind()
        if kind == "category":
            levels = tuple(dtype.categories.tolist())
            if levels:
                name = _name_of_categorical(dtype, levels)
                return TableColumn(self.name, kind, levels, name, bool(dtype.ordered))
            kind = "nothing"
        if kind in ("string", "mixed"):
            levels = tuple(dict.fromkeys(map(plain, self.factorize()[1])))
            levels = tuple(sorted(levels)) if kind == "string" else levels
            if levels:
                return TableColumn(self.name, "category", levels, _name_of_pandas(dtype), False)
            kind = "nothing"
        if getattr(dtype, "kind", "O") in _KIND_OF_CHARACTER:
            name = _name_of_pandas(dtype)
            kind = kind if self.column.notna().any() else "float"
        elif getattr(dtype, "type", None) is Decimal:
            name = "double[pyarrow]"
        else:  # objects that are numbers get a dtype of numbers
            name = "bool" if kind == "boolean" else "float64"
        return TableColumn(self.name, "float" if kind == "nothing" else kind, (), name, False)

    def factorize(self) -> tuple[NDArray[np.signedinteger[Any]], list[Any]]:
        """Return the places of the cells in the list of distinct values, and the list."""
        pandas = sys.modules["pandas"]
        if isinstance(self.column.dtype, pandas.CategoricalDtype):
            return self.column.cat.codes.to_numpy(), self.column.cat.categories.tolist()
        kind = getattr(self.column.dtype, "kind", "O")
        try:  # a nullable column of floats may hold NaN, which is no level
            places, uniques = pandas.factorize(self.floats() if kind == "f" else self.column)
        except (NotImplementedError, TypeError) as error:  # lists have no hash
            raise TypeError(f"X: column {self.name!r}: want levels, {error}") from error
        return places, uniques.tolist()

    def floats(self) -> NDArray[Any]:
        """Return numbers, with NaN for each missing value."""
        dtype = self.column.dtype
        if getattr(dtype, "kind", "O") not in _KIND_OF_CHARACTER:
            return _floats_of_objects(self.name, self.column.to_numpy(dtype=object))
        if isinstance(dtype, np.dtype):
            numbers: NDArray[Any] = self.column.to_numpy()
        else:
            numbers = self.column.to_numpy(dtype=np.float64, na_value=np.nan)
        return numbers

    def _kind(self) -> str:
        """Return the kind, or "string", "mixed" or "nothing"."""
        dtype = self.column.dtype
        if isinstance(dtype, sys.modules["pandas"].CategoricalDtype):
            return "category"
        if dtype == np.dtype(object):
            return _kind_of_objects(self.name, self.column.to_numpy())
        kind = _KIND_OF_CHARACTER.get(getattr(dtype, "kind", "O"))
        if kind is not None:
            return kind
        type_ = getattr(dtype, "type", None)
        if type_ is str:
            return "string"
        if type_ is Decimal:
            return "float"
        if str(dtype) == "null[pyarrow]":
            return "nothing"
        raise _unsuitable(self.name, dtype)


def _name_of_pandas(dtype: Any) -> str:
    """Return a name of which pandas makes the same dtype."""
    dtype = getattr(dtype, "subtype", dtype)  # of a sparse column
    # "string[pyarrow]" is the name of two dtypes, of which one has this other name
    names = [str(dtype), f"string[{getattr(dtype, 'storage', None)}]", "utf8[pyarrow]"]
    for name in names:
        try:
            if sys.modules["pandas"].api.types.pandas_dtype(name) == dtype:
                return name
        except TypeError:
            continue
    return names[0]  # str, of which pandas takes the storage from its settings


def _name_of_categorical(dtype: Any, levels: tuple[Any, ...]) -> str:
    """Return "category", with the dtype of the levels if pandas would choose another one."""
    usual = sys.modules["pandas"].Index(list(levels)).dtype
    if usual == dtype.categories.dtype:
        return "category"
    return f"category[{_name_of_pandas(dtype.categories.dtype)}]"


# -------------------------------------------------------------------------------------- Polars
class PolarsCells:
    """One column of a Polars frame."""

    def __init__(self, name: str, column: Any) -> None:
        self.name, self.column = name, column

    def describe(self) -> TableColumn:
        """Return what the column holds."""
        polars, dtype = sys.modules["polars"], self.column.dtype
        is_observed = self.column.null_count() < len(self.column)
        if dtype == polars.Enum and len(dtype.categories):
            levels = tuple(dtype.categories.to_list())
            return TableColumn(self.name, "category", levels, "Enum", False)
        if dtype in (polars.String, polars.Categorical) and is_observed:
            levels = tuple(sorted(self.factorize()[1]))
            name = "String" if dtype == polars.String else "Categorical"
            return TableColumn(self.name, "category", levels, name, False)
        if self._is_text() or dtype == polars.Null:
            return TableColumn(self.name, "float", (), "Float64", False)
        if dtype == polars.Decimal:
            name = f"Decimal({dtype.precision}, {dtype.scale})"
            return TableColumn(self.name, "float", (), name, False)
        if not self._is_number():
            raise _unsuitable(self.name, dtype)
        kind = "integer" if dtype.is_integer() else "float"
        kind = "boolean" if dtype == polars.Boolean else kind
        return TableColumn(self.name, kind if is_observed else "float", (), str(dtype), False)

    def factorize(self) -> tuple[NDArray[np.signedinteger[Any]], list[Any]]:
        """Return the places of the cells in the list of distinct values, and the list."""
        polars, column = sys.modules["polars"], self.column
        if self._is_text():
            column = column.cast(polars.String)
        elif column.dtype.is_float() or column.dtype in (polars.Decimal, polars.Null):
            column = column.cast(polars.Float64).fill_nan(None)
        elif not self._is_number():
            raise TypeError(f"X: column {self.name!r} has dtype {column.dtype}, want levels")
        uniques = column.drop_nulls().unique(maintain_order=True)
        places = polars.Series(np.arange(len(uniques)))
        places = column.replace_strict(uniques, places, default=None, return_dtype=polars.Int64)
        return places.fill_null(-1).to_numpy(), uniques.to_list()

    def floats(self) -> NDArray[Any]:
        """Return numbers, with NaN for each missing value."""
        polars = sys.modules["polars"]
        if self._is_number():
            numbers: NDArray[Any] = self.column.cast(polars.Float64).to_numpy()
            return numbers
        cells = self.column.to_list()
        return _floats_of_objects(self.name, np.fromiter(cells, np.dtype(object), len(cells)))

    def _is_text(self) -> bool:
        polars = sys.modules["polars"]
        return self.column.dtype in (polars.String, polars.Categorical, polars.Enum)

    def _is_number(self) -> bool:
        polars, dtype = sys.modules["polars"], self.column.dtype
        return bool(dtype.is_numeric() or dtype in (polars.Boolean, polars.Null))


# ----------------------------------------------------------------------------------- all tables
def cells_of(X: Any) -> tuple[str, Sequence[Cells]]:
    """Return the container of a table ("array", "pandas" or "polars") and its columns.

    Raises
    ------
    TypeError, ValueError
        If X is no table, or has two columns of the same name.
    """
    if is_frame(X, "pandas"):
        names = [str(name) for name in X.columns]
        _check_distinct(names)
        return "pandas", [PandasCells(name, X.iloc[:, j]) for j, name in enumerate(names)]
    if is_frame(X, "polars"):
        columns = X.get_columns()
        return "polars", [PolarsCells(column.name, column) for column in columns]
    matrix = as_matrix(X)
    return "array", [ArrayCells(f"x{j}", matrix[:, j]) for j in range(matrix.shape[1])]


def _check_distinct(names: list[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"X: has more than one column of the name {twice[0]!r}; want one of each")
