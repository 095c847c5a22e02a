"""Reading ahead: a thread reads the next chunk while the caller works on the last."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from aevb.data.sources import Chunk, Source

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class _Shared:
    """What the caller and the thread share. The thread must not keep the reader itself alive."""

    def __init__(self, begin: int) -> None:
        self.changed = threading.Condition()
        self.items: dict[int, Any] = {}
        self.next = begin  # the item that the thread reads next
        self.wanted = begin  # the thread reads those before this one
        self.ended = False  # there is no item `next`
        self.error: BaseException | None = None  # why there is none
        self.closed = False

    def close(self) -> None:
        with self.changed:
            self.closed = True
            self.changed.notify_all()


class Reader(Generic[_Item]):
    """The items of an iterator by their number, read by one thread, which is at most one ahead.

    An item is kept until a later one is asked for. So nothing is lost if Ctrl-C interrupts `get`.
    The thread ends when the reader is garbage, and it never keeps a program from ending.

    Parameters
    ----------
    items : iterator
        An iterator that no one else uses.
    begin : int
        The number of its first item.
    """

    def __init__(self, items: Iterator[_Item], begin: int) -> None:
        self.begin = begin  # the earliest item that can be had
        self._shared = _Shared(begin)
        weakref.finalize(self, self._shared.close)
        threading.Thread(
            target=_serve, args=(items, self._shared), daemon=True, name="aevb-reader"
        ).start()

    def get(self, i: int) -> _Item | None:
        """Return item i, or None if there are fewer. Raise what reading them has raised."""
        shared = self._shared
        with shared.changed:
            self.begin = i
            while True:
                for old in [j for j in shared.items if j < i]:
                    del shared.items[old]
                if i in shared.items or shared.ended:
                    break
                shared.wanted = max(shared.wanted, shared.next + 1)
                shared.changed.notify_all()
                shared.changed.wait()
            item: _Item | None = shared.items.get(i)
            if item is None and shared.error is not None:
                raise shared.error
            shared.wanted = max(shared.wanted, i + 2)  # one ahead
            shared.changed.notify_all()
        return item


def _serve(items: Iterator[Any], shared: _Shared) -> None:
    """Read the items that are wanted, until the end, an error, or a reader that is closed."""
    while True:
        with shared.changed:
            shared.changed.wait_for(lambda: shared.closed or shared.next < shared.wanted)
            if shared.closed:
                return
        item, error = None, None
        try:
            item = next(items, None)
        except BaseException as raised:
            error = raised
        with shared.changed:
            shared.changed.notify_all()
            if item is None:
                shared.ended, shared.error = True, error
                return
            shared.items[shared.next] = item
            shared.next += 1


def located(chunk: Chunk, work: Callable[[Any], _Result]) -> _Result:
    """Return the result of `work` on a chunk. Its errors name the chunk, and a row if they can.

    Raises
    ------
    TypeError, ValueError
        If `work` raises one.
    """
    try:
        return work(chunk.X)
    except (TypeError, ValueError) as error:
        row = _first_bad_row(chunk.X, work)
        place = chunk.name if row is None else f"{chunk.name}, row {row}"
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{place}: {error}") from error


def by_chunk(source: Source, work: Callable[[Any], _Result]) -> list[_Result]:
    """Return the results of `work` on the chunks of a source, in the order of its rows.

    Raises
    ------
    ValueError
        If the source has no rows.
    """
    reader, results, i = Reader(source.chunks(), 0), [], 0
    while (chunk := reader.get(i)) is not None:
        if n_rows_of(chunk.X) > 0:
            results.append(located(chunk, work))
        i += 1
    if not results:
        raise ValueError("X: got a source without rows, want at least 1")
    return results


def n_rows_of(X: Any) -> int:
    """Return the number of rows of a chunk, or 1 if it has none that can be counted."""
    shape = getattr(X, "shape", None)
    if shape is None:
        return len(X) if hasattr(X, "__len__") else 1
    return int(shape[0]) if len(shape) > 0 else 1


def _first_bad_row(X: Any, work: Callable[[Any], Any]) -> int | None:
    """Return the first row without which `work` does not fail, or None if there is no such row."""

    def error_of(begin: int, end: int) -> str | None:
        try:
            work(X.iloc[begin:end] if hasattr(X, "iloc") else X[begin:end])
        except (TypeError, ValueError) as error:
            return str(error)
        return None

    try:
        n_good, n_bad = 0, n_rows_of(X)
        if error_of(0, 1) == error_of(n_bad - 1, n_bad) is not None:
            return None  # a fault of all rows, such as their number of columns, or of the only row
        while n_bad - n_good > 1:
            middle = (n_good + n_bad) // 2
            if error_of(0, middle) is None:
                n_good = middle
            else:
                n_bad = middle
    except Exception:  # what cannot be cut has no rows
        return None
    return n_good
