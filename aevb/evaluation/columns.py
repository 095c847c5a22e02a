"""Columns of the data that an argument names."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from numbers import Integral
from typing import Any

import numpy as np

from aevb.data.validation import Data


def column_indices(columns: Hashable | Sequence[Hashable], data: Data) -> list[int]:
    """Return the indices of columns, given by names or by indices.

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
    names = [] if data.feature_names is None else list(data.feature_names)
    indices = [_index(column, names, data.n_features) for column in given]
    if not indices or len(set(indices)) < len(indices):
        raise ValueError(f"columns: got {columns!r}, want at least one column, and none twice")
    return indices


def _index(column: Any, names: list[Any], n_features: int) -> int:
    if isinstance(column, str):
        if column not in names:
            known = ", ".join(map(repr, names)) if names else "indices: the model has no names"
            raise ValueError(f"columns: got {column!r}, want {known}")
        return names.index(column)
    if not isinstance(column, Integral) or isinstance(column, bool):
        raise TypeError(f"columns: got {column!r}, want a name or an index")
    index = int(column)
    if not 0 <= index < n_features:
        raise ValueError(f"columns: got {index}, want an index from 0 to {n_features - 1}")
    return index
