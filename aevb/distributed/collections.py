"""Collections of Dask: their partitions, and lazy results of a model."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np


def is_collection(X: Any) -> bool:
    """Tell whether X is a Dask array, a Dask frame, or a list of delayed objects."""
    dask = sys.modules.get("dask")
    if dask is None:
        return False
    if isinstance(X, (list, tuple)):
        return len(X) > 0 and all(map(dask.is_dask_collection, X))
    return bool(dask.is_dask_collection(X))


def partitions_of(X: Any) -> list[Any]:
    """Return the partitions of a collection as a list of delayed tables.

    Raises
    ------
    TypeError, ValueError
        If it is no collection, or has not two dimensions.
    """
    if not is_collection(X):
        raise TypeError(
            f"X: got {type(X).__name__}, want a Dask array, a Dask frame or a list of delayed "
            f"tables; AEVB takes other data"
        )
    if isinstance(X, (list, tuple)):
        return list(X)
    if _is_array(X):
        return list(_of_rows(X).to_delayed().ravel())
    return list(X.to_delayed())


def lazily(model: Any, method: str, X: Any, like: Any) -> Any:
    """Return the results of a model's method for all partitions of X, as a lazy collection.

    Parameters
    ----------
    model : Delayed
        The model.
    method : str
        Name of the method.
    X : dask array, dask frame or list of delayed
        Data.
    like : ndarray or DataFrame
        An empty result.
    """
    import dask
    import dask.array

    if _is_array(X) and isinstance(like, np.ndarray):
        X = _of_rows(X)
        return X.map_blocks(
            _call,
            model=model,
            method=method,
            like=like,
            dtype=like.dtype,
            chunks=(X.chunks[0], *((n,) for n in like.shape[1:])),
            drop_axis=[] if like.ndim == 2 else [1],
            meta=like,
        )
    call = dask.delayed(_call)
    parts = [call(part, model=model, method=method, like=like) for part in partitions_of(X)]
    if not isinstance(like, np.ndarray):
        import dask.dataframe

        return dask.dataframe.from_delayed(parts, meta=like)
    shape = (math.nan, *like.shape[1:])
    blocks = [dask.array.from_delayed(part, shape, dtype=like.dtype) for part in parts]
    return dask.array.concatenate(blocks)


def _is_array(X: Any) -> bool:
    return hasattr(X, "map_blocks")


def _of_rows(X: Any) -> Any:
    """Return a Dask array whose chunks have all columns."""
    if X.ndim != 2:
        raise ValueError(f"X: got shape {X.shape}, want (n_samples, n_features)")
    return X.rechunk({1: -1})


def _call(part: Any, *, model: Any, method: str, like: Any) -> Any:
    """Return a method's result for one partition. An empty one has an empty result."""
    return getattr(model, method)(part) if part.shape[0] > 0 else like
