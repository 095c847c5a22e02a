"""A progress bar for one long call into the core."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm


@contextmanager
def progress_bar(what: str, n_rows: int, *, shown: bool) -> Iterator[Callable[[float], None]]:
    """Yield what the core tells the fraction done; the bar shows it in rows."""
    if not shown:  # a bar, even one that is disabled, takes a lock that a fork may leave held
        yield lambda done: None
        return
    with tqdm(total=n_rows, desc=what, unit=" rows", unit_scale=True) as bar:

        def report(done: float) -> None:
            bar.update(min(done, 1.0) * n_rows - bar.n)

        yield report
        report(1.0)
