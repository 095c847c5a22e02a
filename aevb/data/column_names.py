"""Columns of the data that an argument names."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

Names = Sequence[str] | NDArray[Any] | None
_N_NAMED = 12  # in a message


def column_index(argument: str, column: Any, names: Names, n_features: int) -> int:
    """Return the index of a column, given by its name or its index.

    Raises
    ------
    TypeError, ValueError
        If the data have no such column. The message names the argument.
    """
    if isinstance(column, str):
        known = [] if names is None else [str(name) for name in names]
        if column in known:
            return known.index(column)
        listed = ", ".join(map(repr, known[:_N_NAMED])) + (", ..." if known[_N_NAMED:] else "")
        want = listed or "indices: the columns have no names"
        raise ValueError(f"{argument}: got the column {column!r}, want {want}")
    if not isinstance(column, Integral) or isinstance(column, bool):
        raise TypeError(f"{argument}: got the column {column!r}, want a name or an index")
    index = int(column)
    if not 0 <= index < n_features:
        raise ValueError(
            f"{argument}: got the column {index}, want an index from 0 to {n_features - 1}"
        )
    return index


def column_indices(
    columns: Hashable | Sequence[Hashable], names: Names, n_features: int
) -> list[int]:
    """Return the indices of the columns that an argument ``columns`` names.

    Raises
    ------
    TypeError, ValueError
        If there is no column, or one twice, or one that the data do not have.
    """
    given: list[Any]
    if isinstance(columns, (str, Integral)):
        given = [columns]
    elif isinstance(columns, (Sequence, np.ndarray)):
        given = list(columns)
    else:
        raise TypeError(f"columns: got {columns!r}, want names or indices of columns")
    indices = [column_index("columns", column, names, n_features) for column in given]
    if not indices or len(set(indices)) < len(indices):
        raise ValueError(f"columns: got {columns!r}, want at least one column, and none twice")
    return indices
