"""Tables as numbers and back: the names, kinds and levels of the columns.

A data frame comes from a module that its owner has imported. Reading one imports neither pandas nor
Polars; to make one again imports the module of its kind.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aevb.core.warn import warn
from aevb.data.table_columns import (
    CONTAINERS,
    KINDS,
    Cells,
    TableColumn,
    as_matrix,
    plain,
    shown,
)
from aevb.data.table_frames import cells_of
from aevb.data.table_restore import make_array, make_pandas, make_polars

__all__ = ["Schema", "TableColumn"]

_MOST_NAMES = 5  # in a message
_MOST_LEVELS = 3


@dataclass(frozen=True)
class Schema:
    """What the columns of a table hold.

    Attributes
    ----------
    columns : tuple of TableColumn
        The columns, in the table's order.
    container : str
        "array", "pandas" or "polars".
    """

    columns: tuple[TableColumn, ...]
    container: str

    @classmethod
    def of(cls, X: Any, categorical: Collection[int] = ()) -> Schema:
        """Return the schema of a table.

        Numbers stay numbers, and booleans booleans. Strings, and the categories of a frame, are
        categories. The levels of a pandas ``category`` and of a Polars ``Enum`` keep their order;
        those of strings are sorted; those of mixed objects come as they first appear. A column
        without an observed value is of kind "float", unless its dtype has levels.

        A pandas column of objects gets the dtype of its values: float64 or bool if these are
        numbers or booleans. Decimals of pandas become floats. An array of objects becomes float64.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            An array, a list of lists, or a frame of pandas or Polars.
        categorical : collection of int
            Places of the columns of numbers or booleans that are categories. Their levels are the
            observed values, sorted.

        Returns
        -------
        schema : Schema
            The schema.

        Raises
        ------
        TypeError, ValueError
            If a column is of no kind, if an array holds strings, if two columns have one name, if
            a declared category has an infinite value, or if ``categorical`` names no column.
        """
        container, cells = cells_of(X)
        declared = set(categorical)
        wrong = [place for place in declared if place not in range(len(cells))]
        if wrong:
            raise ValueError(
                f"categorical: got {wrong[0]!r}, want places of columns: 0, ..., {len(cells) - 1}"
            )
        columns = []
        for j, cell in enumerate(cells):
            column = cell.describe()
            if j in declared and column.kind != "category":
                column = _declared(column, cell)
            columns.append(column)
        return cls(tuple(columns), container)

    @property
    def is_numeric(self) -> bool:
        """Whether no column is a category."""
        return all(column.kind != "category" for column in self.columns)

    def numbers(self, X: Any) -> NDArray[np.float64]:
        """Return a table as numbers: codes of levels, 0 and 1 of booleans, NaN where missing.

        Values are looked up among the levels by equality. One that is not there becomes NaN, and a
        UserWarning says so.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            A table with these columns. An array, and a frame if the schema is an array's, fit by
            the places of their columns.

        Returns
        -------
        numbers : ndarray of float64 of shape (n_samples, n_features)
            The numbers. They may share the memory of an array of float64.

        Raises
        ------
        TypeError, ValueError
            If the columns do not fit, or if a column of numbers has an infinite value, or one that
            is not a number.
        """
        numbers = self._numbers_at_once(X)
        if numbers is None:
            numbers = self._numbers_by_column(X)
        infinite = np.isinf(numbers)
        if infinite.any():
            row, j = map(int, np.argwhere(infinite)[0])
            raise ValueError(
                f"X: column {self.columns[j].name!r} has the value {numbers[row, j]} in row {row}; "
                f"want finite numbers in float64's range, or missing values"
            )
        return numbers

    def restore(self, values: ArrayLike, like: Any = None) -> Any:
        """Return a table of the schema's own types.

        Integers are rounded to the nearest one in their dtype's range. A boolean is true from 0.5
        on. NaN becomes the dtype's missing value. Where a NumPy dtype has none, integers become
        float64, and booleans objects.

        Parameters
        ----------
        values : array-like of shape (n_samples, n_features)
            Numbers as `numbers` returns them. Those of a category are codes or NaN.
        like : data frame or None
            A pandas frame. Its index is kept if it has as many rows, and so are its labels if their
            texts are the names.

        Returns
        -------
        X : ndarray or DataFrame of shape (n_samples, n_features)
            A table of the schema's container.

        Raises
        ------
        ValueError
            If the shape does not fit, or a category has a value that is no code.
        """
        values = np.asarray(values, dtype=np.float64)
        if values.ndim != 2 or values.shape[1] != len(self.columns):
            raise ValueError(
                f"values: got shape {values.shape}, want (n_samples, {len(self.columns)})"
            )
        if self.container == "pandas":
            return make_pandas(self.columns, values, like)
        if self.container == "polars":
            return make_polars(self.columns, values)
        return make_array(self.columns, values)

    def of_means(self) -> Schema:
        """Return the schema of a table of means: integers have means that are floats."""
        dtype = "Float64" if self.container == "polars" else "float64"
        return Schema(
            tuple(
                column._replace(kind="float", dtype=dtype) if column.kind == "integer" else column
                for column in self.columns
            ),
            self.container,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the schema as a dictionary for JSON.

        Raises
        ------
        TypeError
            If a level is not a string, a boolean or a finite number.
        """
        columns = []
        for column in self.columns:
            levels = [plain(level) for level in column.levels]
            for level in levels:
                if not _fits_json(level):
                    raise TypeError(
                        f"column {column.name!r}: cannot store the level {shown(level)} of "
                        f"type {type(level).__name__}; want strings, booleans or finite numbers"
                    )
            columns.append({**column._asdict(), "levels": levels})
        return {"container": self.container, "columns": columns}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Schema:
        """Return the schema that `to_dict` stored.

        Raises
        ------
        ValueError
            If no schema stores this.
        """
        try:
            columns = tuple(
                TableColumn(**{**column, "levels": tuple(column["levels"])})
                for column in stored["columns"]
            )
            schema = cls(columns, stored["container"])
            sound = schema.container in CONTAINERS and all(map(_is_sound, columns))
            sound = sound and len({column.name for column in columns}) == len(columns)
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"want a stored schema, {error!r}") from error
        if not sound:
            raise ValueError("want a stored schema, got one that no table has")
        return schema

    def _numbers_at_once(self, X: Any) -> NDArray[np.float64] | None:
        """Return the numbers of an array of numbers. None for other tables."""
        if not self.is_numeric or not isinstance(X, np.ndarray):
            return None
        matrix = as_matrix(X)
        if matrix.dtype.kind not in "biuf":
            return None
        self._check_number(matrix.shape[1])
        with np.errstate(over="ignore"):
            return np.asarray(matrix, dtype=np.float64)

    def _numbers_by_column(self, X: Any) -> NDArray[np.float64]:
        container, cells = cells_of(X)
        if "array" in (container, self.container):
            self._check_number(len(cells))
        else:
            self._check_names([cell.name for cell in cells])
        numbers, unseen = np.empty((len(X), len(cells))), {}
        for j, (column, cell) in enumerate(zip(self.columns, cells, strict=True)):
            if column.kind == "category":
                numbers[:, j], strange = _look_up(column, cell)
                unseen[column.name] = strange
            else:
                with np.errstate(over="ignore"):
                    numbers[:, j] = cell.floats()
        _warn_of_unseen({name: levels for name, levels in unseen.items() if levels})
        return numbers

    def _check_number(self, n: int) -> None:
        if n != len(self.columns):
            raise ValueError(f"X has {n} features, but {len(self.columns)} are expected as input")

    def _check_names(self, names: list[str]) -> None:
        known = [column.name for column in self.columns]
        if names == known:
            return
        unexpected = sorted(set(names) - set(known))
        absent = sorted(set(known) - set(names))
        if not unexpected and not absent:
            raise ValueError("X: feature names must be in the same order as they were in fit")
        raise ValueError(
            "X: the feature names should match those that were passed during fit"
            + _listed("; unseen at fit time", unexpected)
            + _listed("; seen at fit time, yet now missing", absent)
        )


def _declared(column: TableColumn, cells: Cells) -> TableColumn:
    """Return a column of numbers as a category with the observed values as levels."""
    places, uniques = cells.factorize()
    levels = sorted(set(map(plain, uniques)))
    for level in levels:
        if math.isinf(level):
            row = int((places == uniques.index(level)).argmax())
            raise ValueError(
                f"X: column {column.name!r} has the value {level} in row {row}; want finite numbers"
            )
    return column._replace(kind="category", levels=tuple(levels)) if levels else column


def _look_up(column: TableColumn, cells: Cells) -> tuple[NDArray[np.float64], list[Any]]:
    """Return the codes of cells, NaN where missing or unseen, and the unseen values."""
    places, uniques = cells.factorize()
    codes = {plain(level): float(code) for code, level in enumerate(column.levels)}
    known = [codes.get(plain(value), math.nan) for value in uniques]
    table = np.array([*known, math.nan])  # -1 is the last place
    strange = np.flatnonzero(np.isnan(table[:-1]))
    strange = strange[np.isin(strange, places)]  # a categorical has levels that do not occur
    return table[places], [uniques[place] for place in strange]


def _warn_of_unseen(unseen: dict[str, list[Any]]) -> None:
    if unseen:
        columns = "; ".join(
            f"column {name!r} has "
            + ", ".join(map(shown, levels[:_MOST_LEVELS]))
            + (", ..." if len(levels) > _MOST_LEVELS else "")
            for name, levels in unseen.items()
        )
        warn(
            f"X: {columns}. These categories were not there in fit; they are treated as missing.",
            UserWarning,
        )


def _listed(what: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    dots = ", ..." if len(names) > _MOST_NAMES else ""
    return f"{what}: {', '.join(map(repr, names[:_MOST_NAMES]))}{dots}"


def _fits_json(level: Any) -> bool:
    return isinstance(level, (str, int)) or (isinstance(level, float) and math.isfinite(level))


def _is_sound(column: TableColumn) -> bool:
    """Tell whether a stored column could be one of a table."""
    return (
        all(isinstance(text, str) for text in (column.name, column.kind, column.dtype))
        and isinstance(column.ordered, bool)
        and column.kind in KINDS
        and (column.kind == "category") == bool(column.levels)
        and all(map(_fits_json, column.levels))
        and len(set(column.levels)) == len(column.levels)
    )
