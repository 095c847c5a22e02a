"""Several chunks as one table."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from aevb.data.frames import is_frame
from aevb.data.sources import Chunk
from aevb.data.validation import Data


def joined(chunks: Sequence[Chunk]) -> Any:
    """Return the rows of all chunks, which are arrays, CSR matrices or frames of one kind.

    Raises
    ------
    ValueError
        If a chunk has other columns than the first.
    """
    first = chunks[0]
    if len(chunks) == 1:
        return first.X
    wanted = _columns(first.X)
    for chunk in chunks[1:]:
        if _columns(chunk.X) != wanted:
            raise ValueError(
                f"X: {chunk.name} has {_columns(chunk.X)}, but {first.name} has {wanted}; want the "
                f"same columns in all chunks"
            )
    parts = [chunk.X for chunk in chunks]
    for module in ("pandas", "polars"):
        if is_frame(first.X, module):
            options = {"ignore_index": True} if module == "pandas" else {"how": "vertical_relaxed"}
            return sys.modules[module].concat(parts, **options)
    return stacked(parts)


def joined_data(parts: Sequence[Data]) -> Data:
    """Return the rows of several checked tables with the same columns."""
    return parts[0]._replace(
        X=stacked([part.X for part in parts]),
        low=min(part.low for part in parts),
        high=max(part.high for part in parts),
        holes=any(part.holes for part in parts),
    )


def stacked(parts: Sequence[Any]) -> Any:
    """Return the rows of arrays and sparse matrices: a CSR matrix if one of them is sparse."""
    if any(sparse.issparse(part) for part in parts):
        return sparse.vstack([sparse.csr_matrix(part) for part in parts], format="csr")
    return np.concatenate([np.asarray(part) for part in parts])


def _columns(X: Any) -> str:
    """Return a description of a chunk's columns."""
    if is_frame(X, "pandas") or is_frame(X, "polars"):
        return f"the columns {[str(name) for name in X.columns]}"
    shape = X.shape if sparse.issparse(X) else np.shape(X)
    return f"{shape[1]} columns" if len(shape) == 2 else f"{len(shape)} dimensions"
