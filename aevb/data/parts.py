"""Parts of a source of rows, each of which can be read alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

_BLOCK_BYTES = 1 << 24  # of a part of an array: large enough to read at the speed of the disk


class Part(NamedTuple):
    """A part of a source: its name, a function that reads its chunks, and its number of rows.

    A part is one chunk, unless only reading can tell how many there are.
    """

    name: str
    read: Callable[[], Iterator[Any]]
    n_rows: int | None = None
    is_one_chunk: bool = True


def one_chunk(read: Callable[[], Any]) -> Callable[[], Iterator[Any]]:
    """Return a function that reads one chunk."""
    return lambda: iter([read()])


def row_blocks(shape: Sequence[int], itemsize: int, height: int = 1) -> list[tuple[int, int]]:
    """Return the begin and end of blocks of rows of about 16 MB, in multiples of `height` rows."""
    n_rows, n_columns = shape
    fitting = _BLOCK_BYTES // max(1, n_columns * itemsize)
    step = max(1, fitting // height) * height
    return [(begin, min(begin + step, n_rows)) for begin in range(0, n_rows, step)]
