"""One column of a table: what it holds, as codes and as numbers. The columns of arrays."""

from __future__ import annotations

import operator
import reprlib
import sys
from contextlib import suppress
from decimal import Decimal
from itertools import repeat
from numbers import Integral, Real
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from aevb.data.checks import check_dense, check_unmasked

KINDS = ("float", "integer", "boolean", "category")
CONTAINERS = ("array", "pandas", "polars")
KIND_OF_CHARACTER = {"f": "float", "i": "integer", "u": "integer", "b": "boolean"}


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


def kind_of_objects(name: str, objects: NDArray[np.object_]) -> str:
    """Return "nothing", "boolean", "float", "string" or "mixed" for the observed objects.

    Raises
    ------
    TypeError
        If one is neither a boolean nor a number nor a string.
    """
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


def floats_of_objects(name: str, objects: NDArray[np.object_]) -> NDArray[np.float64]:
    """Return the numbers among Python objects, with NaN for each missing value.

    Raises
    ------
    ValueError
        If a value is not a number.
    """
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


def unsuitable(name: str, dtype: Any) -> TypeError:
    """Return the error for a column of a dtype that has no kind."""
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
            kind = kind_of_objects(self.name, self._objects())
            if kind in ("string", "mixed"):
                strings = {t for t in set(map(type, self._objects())) if issubclass(t, str)}
                raise ValueError(
                    f"X: column {self.name!r} has the value "
                    f"{shown(_first_of(self._objects(), strings))}; strings are categories "
                    f"in data frames, want an array of numbers or a data frame"
                )
            return TableColumn(self.name, "float", (), "float64", False)
        if dtype.kind not in KIND_OF_CHARACTER:
            raise unsuitable(self.name, dtype)
        kind = KIND_OF_CHARACTER[dtype.kind] if self.cells.size else "float"
        return TableColumn(self.name, kind, (), dtype.name, False)

    def factorize(self) -> tuple[NDArray[np.intp], list[Any]]:
        """Return the places of the cells in the list of distinct values, and the list."""
        cells, places = self.cells, np.full(len(self.cells), -1, np.intp)
        if cells.dtype.kind in KIND_OF_CHARACTER:
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
        if self.cells.dtype.kind in KIND_OF_CHARACTER:
            return self.cells
        return floats_of_objects(self.name, self._objects())

    def _objects(self) -> NDArray[np.object_]:
        return self.cells.astype(object, copy=False)
