"""The columns of a frame of pandas or Polars: what each holds, as codes and as numbers.

A frame comes from a module that its owner has imported. So no module of frames is imported here.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aevb.data.frames import is_frame
from aevb.data.table_columns import (
    KIND_OF_CHARACTER,
    ArrayCells,
    Cells,
    TableColumn,
    as_matrix,
    floats_of_objects,
    kind_of_objects,
    plain,
    unsuitable,
)


# -------------------------------------------------------------------------------------- pandas
class PandasCells:
    """One column of a pandas frame."""

    def __init__(self, name: str, column: Any) -> None:
        if str(column.dtype).startswith("dictionary<"):  # a categorical of pyarrow
            column = column.astype(object).astype("category")
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
        if getattr(dtype, "kind", "O") in KIND_OF_CHARACTER:
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
        if getattr(dtype, "kind", "O") not in KIND_OF_CHARACTER:
            return floats_of_objects(self.name, self.column.to_numpy(dtype=object))
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
            return kind_of_objects(self.name, self.column.to_numpy())
        kind = KIND_OF_CHARACTER.get(getattr(dtype, "kind", "O"))
        if kind is not None:
            return kind
        type_ = getattr(dtype, "type", None)
        if type_ is str:
            return "string"
        if type_ is Decimal:
            return "float"
        if str(dtype) == "null[pyarrow]":
            return "nothing"
        raise unsuitable(self.name, dtype)


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
            raise unsuitable(self.name, dtype)
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
        return floats_of_objects(self.name, np.fromiter(cells, np.dtype(object), len(cells)))

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
