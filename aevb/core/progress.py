"""Progress bars: of one long call into the core, and of a training run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tqdm import tqdm

# A bar, even one that is disabled, takes a lock that a fork may leave held: where none is shown,
# none is made.


@contextmanager
def progress_bar(what: str, n_rows: int, *, shown: bool) -> Iterator[Callable[[float], None]]:
    """Yield what the core tells the fraction done; the bar shows it in rows."""
    if not shown:
        yield lambda done: None
        return
    with tqdm(total=n_rows, desc=what, unit=" rows", unit_scale=True) as bar:

        def report(done: float) -> None:
            bar.update(min(done, 1.0) * n_rows - bar.n)

        yield report
        report(1.0)


Show = Callable[[int, float], None]


def show_nothing(n_rows: int, bound_sum: float) -> None:
    """Take the place of a bar that is not shown."""


class Part(NamedTuple):
    """What the bar of a part of a longer run shows: a title, and the rows of all parts."""

    title: str
    n_rows: float


@contextmanager
def training_bar(n_seen: int, until: float, shown: bool | Part) -> Iterator[Show]:
    """Yield what is told of rows trained on, and the sum of their bounds, up to so many seen."""
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

        def show(n_rows: int, bound_sum: float) -> None:
            if n_rows > 0:  # none: Ctrl-C, whose handler has let it pass
                bar.update(n_rows)
                bar.set_postfix(bound=f"{bound_sum / n_rows:.2f}", refresh=False)

        yield show
