"""Progress bars of a long call into the core and of a training run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tqdm import tqdm

# Even a disabled bar takes a lock, and a fork may leave that lock held. Without a bar to show, do
# not make one.


@contextmanager
def progress_bar(what: str, n_rows: int, *, shown: bool) -> Iterator[Callable[[float], None]]:
    """Yield a function that the core calls with the fraction done. The bar shows it in rows."""
    if not shown:
        yield lambda done: None
        return
    with tqdm(total=n_rows, desc=what, unit=" rows", unit_scale=True) as bar:

        def report(done: float) -> None:
            bar.update(min(done, 1.0) * n_rows - bar.n)

        yield report
        report(1.0)


Show = Callable[[int, float, int], None]


def show_nothing(n_rows: int, bound_sum: float, n_threads: int) -> None:
    """Do nothing: there is no bar."""


class Part(NamedTuple):
    """The bar of one part of a longer run: its title, and the number of rows of all parts."""

    title: str
    n_rows: float


@contextmanager
def training_bar(n_seen: int, until: float, shown: bool | Part) -> Iterator[Show]:
    """Yield a function to call with rows trained on, the sum of their bounds, and the threads used.

    The bar goes from `n_seen` rows to `until` rows.
    """
    if not shown:
        yield show_nothing
        return
    title, begin, end = None, n_seen, until
    if isinstance(shown, Part):
        title, begin, end = shown.title, 0, shown.n_rows
    with tqdm(
        desc=title,
        initial=n_seen - begin,
        total=math.ceil(max(0.0, end - begin)) if end < math.inf else None,
        unit=" rows",
        unit_scale=True,
        leave=title is None,
    ) as bar:

        def show(n_rows: int, bound_sum: float, n_threads: int) -> None:
            if n_rows > 0:  # 0 after a Ctrl-C that a signal handler ignored
                bound = f"{bound_sum / n_rows:.2f}"
                bar.update(n_rows)
                bar.set_postfix(bound=bound, threads=n_threads, refresh=False)

        yield show
