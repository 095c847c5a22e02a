"""Files of rows, read in chunks: .npy, .npz, .csv and .parquet."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from aevb.data.parts import Part, one_chunk, row_blocks

_CSV_ROWS = 20_000  # of a chunk
_GROUP_VALUES = 1 << 23  # of a chunk of a row group; writers put a million rows into one
_BUFFER_BYTES = 1 << 16  # of a column of it


def parts_of_file(path: str) -> list[Part]:
    """Return the parts of a file.

    Raises
    ------
    ValueError
        If the file is of no known kind, or if an array has not two dimensions.
    ImportError
        If the package that reads the file is not installed.
    OSError
        If the file cannot be read.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _READERS:
        raise ValueError(f"X: got the file {path!r}, want {', '.join(_READERS)}")
    return _READERS[suffix](path)


def _npy(path: str) -> list[Part]:
    """Return parts of some rows of an array. No part keeps the file open."""
    X = np.load(path, mmap_mode="r")
    if X.ndim != 2:
        raise ValueError(f"X: got an array of shape {X.shape} in {path!r}, want two dimensions")

    def reader(begin: int, end: int) -> Callable[[], Iterator[Any]]:
        return one_chunk(lambda: np.array(np.load(path, mmap_mode="r")[begin:end]))

    blocks = row_blocks(X.shape, X.itemsize)
    return [Part(f"chunk {i} of {path!r}", reader(a, b), b - a) for i, (a, b) in enumerate(blocks)]


def _npz(path: str) -> list[Part]:
    """Return a file with one array, or with one matrix of `scipy.sparse.save_npz`."""
    with np.load(path) as file:  # reads the list of names
        names = file.files
    if "format" not in names and len(names) != 1:
        raise ValueError(
            f"X: got the arrays {names} in {path!r}, want one array or one sparse matrix"
        )

    def read() -> Any:
        if "format" in names:
            return sparse.load_npz(path).tocsr()
        with np.load(path) as file:
            return file[names[0]]

    return [Part(f"chunk 0 of {path!r}", one_chunk(read))]


def _csv(path: str) -> list[Part]:
    from pandas import read_csv

    def read() -> Iterator[Any]:
        with read_csv(path, chunksize=_CSV_ROWS) as frames:
            yield from frames

    with open(path, "rb"):  # an error now, if there is no such file
        return [Part(repr(path), read, is_one_chunk=False)]


def _parquet(path: str) -> list[Part]:
    """Return the row groups of a file. Large ones have several chunks."""
    from pyarrow import parquet

    groups = _metadata(path, *_stamp(path))
    sizes = [groups.row_group(i).num_rows for i in range(groups.num_row_groups)]
    height = max(1, _GROUP_VALUES // max(1, groups.num_columns))

    def reader(i: int) -> Callable[[], Iterator[Any]]:
        def read() -> Iterator[Any]:
            metadata = _metadata(path, *_stamp(path))
            if sizes[i] <= height:
                with parquet.ParquetFile(path, metadata=metadata) as file:
                    yield file.read_row_group(i).to_pandas()
                return
            # pyarrow would read all bytes of the row group at once
            options = {"pre_buffer": False, "buffer_size": _BUFFER_BYTES}
            with parquet.ParquetFile(path, metadata=metadata, **options) as file:
                yield from map(_to_pandas, file.iter_batches(height, row_groups=[i]))

        return read

    return [
        Part(f"row group {i} of {path!r}", reader(i), n, is_one_chunk=n <= height)
        for i, n in enumerate(sizes)
    ]


def _to_pandas(rows: Any) -> Any:
    return rows.to_pandas()


def _stamp(path: str) -> tuple[int, int]:
    """Return numbers that change when a file is written anew."""
    stat = os.stat(path)
    return stat.st_mtime_ns, stat.st_size


@lru_cache(maxsize=1024)
def _metadata(path: str, *stamp: int) -> Any:
    """Return what a Parquet file says of itself, which takes long to read for each row group."""
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        return file.metadata


_READERS: dict[str, Callable[[str], list[Part]]] = {
    ".npy": _npy,
    ".npz": _npz,
    ".csv": _csv,
    ".parquet": _parquet,
}
