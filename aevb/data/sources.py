"""Sources of rows that need not fit in memory: chunks of an epoch, one after another.

A chunk is what `fit` takes: an array, a CSR matrix or a data frame of shape (n, n_features).
"""

from __future__ import annotations

import math
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from itertools import count, islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aevb.data.files import parts_of_file
from aevb.data.parts import Part, one_chunk, row_blocks

# What an object has that NumPy, pandas or Polars reads as one table.
_TABLES = ("__array__", "__array_interface__", "__dataframe__", "shape")


class Chunk(NamedTuple):
    """Some rows of a source, and what messages call them."""

    name: str
    X: Any


class Source(ABC):
    """Rows in chunks.

    Attributes
    ----------
    n_rows : int or None
        Rows of a pass over the source, or None if only a pass can tell.
    is_numbered : bool
        Whether a pass may have the chunks in any order.
    n_passes : int or float
        How often the rows can be read: 1 or infinity.
    """

    n_rows: int | None = None
    is_numbered = False
    n_passes: float = math.inf

    @abstractmethod
    def chunks(self, epoch: tuple[int, int] | None = None, begin: int = 0) -> Iterator[Chunk]:
        """Return the chunks of one pass, without the first `begin` of them.

        Parameters
        ----------
        epoch : tuple of int, default=None
            A seed and the number of the epoch. They determine the order of numbered parts. None
            means the source's own order.
        begin : int, default=0
            Number of chunks to leave out.
        """


class Parts(Source):
    """Parts that can be read alone: files, row groups, blocks of arrays."""

    is_numbered = True

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts
        sizes = [part.n_rows for part in parts]
        self.n_rows = None if None in sizes else sum(n for n in sizes if n is not None)

    def chunks(self, epoch: tuple[int, int] | None = None, begin: int = 0) -> Iterator[Chunk]:
        """Return the chunks of all parts. Those of one part keep their order."""
        n = len(self._parts)
        for i in range(n) if epoch is None else permutation(n, epoch):
            part = self._parts[i]
            if begin > 0 and part.is_one_chunk:  # which need not be read
                begin -= 1
                continue
            for chunk in _numbered(part.read(), 0, f" of {part.name}"):
                if begin > 0:
                    begin -= 1
                else:
                    yield chunk._replace(name=part.name) if part.is_one_chunk else chunk
                del chunk  # before the next is read


class Passes(Source):
    """An iterable, or a callable that returns an iterable. Each epoch asks for a new iterator."""

    def __init__(self, chunks: Callable[[], Any]) -> None:
        self._chunks = chunks

    def chunks(self, epoch: tuple[int, int] | None = None, begin: int = 0) -> Iterator[Chunk]:
        """Return the chunks in the order of the iterator."""
        got = self._chunks()
        if not isinstance(got, Iterable) or isinstance(got, (str, bytes)):
            raise TypeError(
                f"X: got a callable that returns {type(got).__name__}, want one that returns an "
                f"iterator of arrays, CSR matrices or frames"
            )
        return _numbered(got, begin)


class OnePass(Source):
    """An iterator or generator, which has its rows once."""

    n_passes = 1

    def __init__(self, iterator: Iterator[Any]) -> None:
        self._iterator = iterator
        self._taken = False

    def chunks(self, epoch: tuple[int, int] | None = None, begin: int = 0) -> Iterator[Chunk]:
        """Return the chunks. A second call is a ValueError."""
        if self._taken:
            raise ValueError(
                f"X: got {_kind(self._iterator)}, which has its rows once, but a second pass needs "
                f"them again; want fewer rows or n_epochs=1, or a callable that returns a new "
                f"iterator"
            )
        self._taken = True
        return _numbered(self._iterator, begin)


def source_of(X: Any) -> Source | None:
    """Return the source that X is, or None if X is one table.

    Raises
    ------
    TypeError, ValueError
        If a file has an unknown name, or if an array of chunks has not two dimensions.
    ImportError, OSError
        If a file cannot be read.
    """
    if isinstance(X, np.ndarray):
        return None
    if isinstance(X, (str, os.PathLike)):
        X = [X]
    if _is_list_of_paths(X):
        return Parts([part for path in X for part in parts_of_file(os.fspath(path))])
    if callable(getattr(X, "__dask_graph__", None)):
        return Parts(_parts_of_dask(X))
    if _is_stored_array(X):
        return Parts(_parts_of_stored_array(X))
    if any(hasattr(X, name) for name in _TABLES) or isinstance(X, (bytes, Mapping, Set)):
        return None
    if isinstance(X, Iterator):
        return OnePass(X)
    if callable(X) and not isinstance(X, type):
        return Passes(X)
    is_list = hasattr(X, "__len__") and hasattr(X, "__getitem__")
    return Passes(lambda: iter(X)) if isinstance(X, Iterable) and not is_list else None


def permutation(n: int, epoch: tuple[int, int]) -> NDArray[np.intp]:
    """Return 0, ..., n - 1 in an order that a seed and an epoch determine.

    It sorts random words, since NumPy keeps the stream of a bit generator over its versions, but
    not that of ``permutation``.
    """
    words = np.random.Philox(key=np.array(epoch, np.uint64)).random_raw(n)
    return np.argsort(words, kind="stable")


def _numbered(chunks: Iterable[Any], begin: int, of: str = "") -> Iterator[Chunk]:
    """Return the chunks without the first `begin`. It keeps none while it reads the next."""

    def chunk(i: int, X: Any) -> Chunk:
        if isinstance(X, (str, os.PathLike)):
            raise TypeError(
                f"chunk {i}: X: got the path {os.fspath(X)!r}, want an array, a CSR matrix or a "
                f"frame; or give a list of paths as X"
            )
        return Chunk(f"chunk {i}{of}", X)

    return map(chunk, count(begin), islice(chunks, begin, None))


def _kind(iterator: Iterator[Any]) -> str:
    name = type(iterator).__name__
    return f"a {name}" if name == "generator" else f"an iterator ({name})"


def _is_list_of_paths(X: Any) -> bool:
    is_list = isinstance(X, (list, tuple)) and len(X) > 0
    return is_list and all(isinstance(path, (str, os.PathLike)) for path in X)


def _parts_of_dask(X: Any) -> list[Part]:
    """Return a part for each block of rows of a Dask array, or partition of a Dask frame."""
    if hasattr(X, "numblocks"):
        _check_dimensions(X)
        blocks, sizes = X.blocks, X.chunks[0]
    else:
        blocks, sizes = X.partitions, [None] * X.npartitions

    def reader(i: int) -> Callable[[], Iterator[Any]]:
        return one_chunk(lambda: blocks[i].compute())

    return [
        Part(f"chunk {i}", reader(i), None if size is None or math.isnan(size) else int(size))
        for i, size in enumerate(sizes)
    ]


def _is_stored_array(X: Any) -> bool:
    """Tell whether X is in a file and has slices of rows: an array of zarr or h5py, or CSR."""
    if _is_stored_csr(X):
        return True
    if not all(hasattr(X, name) for name in ("shape", "dtype", "chunks", "__getitem__")):
        return False
    is_chunked = isinstance(X.chunks, tuple) and all(isinstance(n, int) for n in X.chunks)
    return is_chunked or type(X).__module__.startswith("h5py")  # which may store without chunks


def _is_stored_csr(X: Any) -> bool:
    """Tell whether X is a CSR matrix in a file, with slices of rows of SciPy's."""
    return hasattr(X, "to_memory") and getattr(X, "format", None) == "csr"


def _parts_of_stored_array(X: Any) -> list[Part]:
    _check_dimensions(X)
    is_csr = _is_stored_csr(X)
    height = 1 if is_csr or not X.chunks else X.chunks[0]

    def reader(begin: int, end: int) -> Callable[[], Iterator[Any]]:
        return one_chunk(lambda: X[begin:end] if is_csr else np.asarray(X[begin:end]))

    blocks = row_blocks(X.shape, np.dtype(X.dtype).itemsize, height)
    return [Part(f"chunk {i}", reader(a, b), b - a) for i, (a, b) in enumerate(blocks)]


def _check_dimensions(X: Any) -> None:
    if len(X.shape) != 2:
        raise ValueError(f"X: got an array of shape {tuple(X.shape)}, want two dimensions")
