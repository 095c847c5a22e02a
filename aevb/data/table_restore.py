"""The columns of a table made again from numbers, for NumPy, pandas and Polars."""

from __future__ import annotations

import importlib
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aevb.data.frames import is_frame
from aevb.data.table_columns import TableColumn

_INTEGER = re.compile(r"(u?)int(\d+)(\[pyarrow\])?", re.IGNORECASE)
_BOOLEAN = re.compile(r"bool(ean)?(\[pyarrow\])?", re.IGNORECASE)
_CATEGORY = re.compile(r"category(?:\[(.+)\])?")
_DECIMAL = re.compile(r"Decimal\((\d+), (\d+)\)")
_POLARS = re.compile(r"(U?Int|Float)\d+|Boolean|String|Categorical|Enum")


def make_array(columns: tuple[TableColumn, ...], values: NDArray[np.float64]) -> NDArray[Any]:
    """Return an array of the columns' own dtypes.

    Where a value is missing, integers become float64 and booleans objects.
    """
    made = [_numpy_values(column, values[:, j]) for j, column in enumerate(columns)]
    dtypes = {part.dtype for part in made}  # NumPy 1 takes at most 64
    dtype = np.result_type(*dtypes) if dtypes else np.dtype(np.float64)
    out = np.empty(values.shape, dtype)
    for j, part in enumerate(made):
        out[:, j] = part
    return out


def make_pandas(columns: tuple[TableColumn, ...], values: NDArray[np.float64], like: Any) -> Any:
    """Return a pandas frame, with the index and the labels of the frame `like` if they fit."""
    pandas = importlib.import_module("pandas")
    names = [column.name for column in columns]
    index, labels = pandas.RangeIndex(len(values)), pandas.Index(names)
    if is_frame(like, "pandas"):
        index = like.index if len(like) == len(values) else index
        labels = like.columns if list(map(str, like.columns)) == names else labels
    parts = [_pandas_values(column, values[:, j]) for j, column in enumerate(columns)]
    # without its dtype, pandas makes another one of objects that are strings
    series = [pandas.Series(part, index=index, dtype=part.dtype) for part in parts]
    frame = pandas.DataFrame(dict(enumerate(series)), index=index)
    frame.columns = labels
    return frame


def make_polars(columns: tuple[TableColumn, ...], values: NDArray[np.float64]) -> Any:
    """Return a Polars frame."""
    polars = importlib.import_module("polars")
    return polars.DataFrame([_polars_series(c, values[:, j]) for j, c in enumerate(columns)])


# ------------------------------------------------------------------------------- one column each
def _numpy_values(column: TableColumn, values: NDArray[np.float64]) -> NDArray[Any]:
    """Return values of a NumPy dtype, or of one that can hold NaN if a value is missing."""
    made, missing = _own_values(column, values)
    dtype = np.dtype(column.dtype)
    if missing.any() and dtype.kind in "iu":
        dtype = np.dtype(np.float64)
    elif missing.any() and dtype.kind == "b":
        dtype = np.dtype(object)
    with np.errstate(over="ignore"):
        made = made.astype(dtype)
    if missing.any():
        made[missing] = np.nan
    return made


def _pandas_values(column: TableColumn, values: NDArray[np.float64]) -> Any:
    """Return values of a pandas dtype."""
    pandas = importlib.import_module("pandas")
    category = _CATEGORY.fullmatch(column.dtype)
    if category is not None:
        levels = pandas.Index(list(column.levels), dtype=category[1])
        dtype = pandas.CategoricalDtype(levels, ordered=column.ordered)
        return pandas.Categorical.from_codes(_codes(column, values), dtype=dtype)
    dtype = pandas.api.types.pandas_dtype(column.dtype)
    if isinstance(dtype, np.dtype):
        return _numpy_values(column, values)
    made, missing = _own_values(column, values)
    array = pandas.array(made, dtype=dtype)
    array[missing] = dtype.na_value
    return array


def _polars_series(column: TableColumn, values: NDArray[np.float64]) -> Any:
    """Return values of a Polars dtype."""
    polars = importlib.import_module("polars")
    dtype = _polars_dtype(column)
    if column.kind == "category":
        codes = polars.Series(values).fill_nan(None).cast(polars.UInt32)
        _codes(column, values)
        return polars.Series(list(column.levels)).gather(codes).cast(dtype).alias(column.name)
    if isinstance(dtype, polars.Decimal):
        # no value may reach the end, also when Polars multiplies it with 10**scale and rounds
        end = 10.0 ** (dtype.precision - dtype.scale)
        most = min(end - 10.0**-dtype.scale, end * (1 - 2.0**-50))
        values = np.clip(values, -most, most)
    elif _INTEGER.fullmatch(column.dtype):
        values = _whole(column.dtype, values)
    elif _BOOLEAN.fullmatch(column.dtype):
        values = np.where(np.isnan(values), np.nan, values >= 0.5)
    return polars.Series(column.name, values).fill_nan(None).cast(dtype)


def _polars_dtype(column: TableColumn) -> Any:
    polars = importlib.import_module("polars")
    decimal = _DECIMAL.fullmatch(column.dtype)
    if decimal is not None:
        return polars.Decimal(int(decimal[1]), int(decimal[2]))
    if not _POLARS.fullmatch(column.dtype):
        raise ValueError(f"column {column.name!r}: got dtype {column.dtype!r}, want one of Polars")
    return polars.Enum(column.levels) if column.dtype == "Enum" else getattr(polars, column.dtype)


# -------------------------------------------------------------------------------- from numbers
def _own_values(
    column: TableColumn, values: NDArray[np.float64]
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return a column's levels, booleans or numbers, with any one where a value is missing."""
    missing = np.isnan(values)
    if column.kind == "category":
        is_text = any(isinstance(level, str) for level in column.levels)
        levels = np.array(column.levels, dtype=object if is_text else None)
        return levels[_codes(column, values)], missing
    integer = _INTEGER.fullmatch(column.dtype)
    if integer is not None:
        whole = np.where(missing, 0, _whole(column.dtype, values))
        return whole.astype(np.uint64 if integer[1] else np.int64), missing
    if _BOOLEAN.fullmatch(column.dtype):
        return values >= 0.5, missing
    return values, missing


def _codes(column: TableColumn, values: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the codes of a category, -1 where missing."""
    codes = np.where(np.isnan(values), -1, values)
    wrong = (values < 0) | (codes >= len(column.levels)) | (codes != np.rint(codes))
    if wrong.any():
        raise ValueError(
            f"column {column.name!r}: got the code {float(codes[wrong.argmax()])}, want one of "
            f"0, ..., {len(column.levels) - 1}"
        )
    return codes.astype(np.intp)


def _whole(dtype: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the nearest whole numbers in the range of a dtype of integers. NaN stays NaN."""
    integer = _INTEGER.fullmatch(dtype)
    assert integer is not None
    n_bits = int(integer[2])
    low, high = (0, 2**n_bits - 1) if integer[1] else (-(2 ** (n_bits - 1)), 2 ** (n_bits - 1) - 1)
    most = float(high)
    if int(most) > high:  # rounded up to a power of two
        most = float(np.nextafter(most, 0))
    return np.clip(np.rint(values), low, most)
