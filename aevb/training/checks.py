"""Checks of a trainer's arguments."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def naming(argument: str) -> Iterator[None]:
    """Put an argument's name before the messages of errors that a block raises."""
    try:
        yield
    except TypeError as error:
        raise TypeError(f"{argument}: {error}") from error
    except ValueError as error:
        raise ValueError(f"{argument}: {error}") from error


def n_held_out(validation_fraction: float, n_rows: int) -> int:
    """Return the number of held-out rows. ValueError if no row is left to train on."""
    n_val = math.ceil(validation_fraction * n_rows)
    if n_val >= n_rows:
        raise ValueError(
            f"validation_fraction: got {validation_fraction}, which leaves none of the "
            f"{n_rows} rows of X to train on"
        )
    return n_val


def check_callbacks(callbacks: Any) -> tuple[Callable[[Any], Any], ...]:
    """Return the callbacks as a tuple. TypeError if one is not callable."""
    try:
        checked = tuple(callbacks)
    except TypeError as error:
        raise TypeError(f"callbacks: got {callbacks!r}, want an iterable of callables") from error
    for callback in checked:
        if not callable(callback):
            raise TypeError(f"callbacks: got {callback!r} among them, want callables")
    return checked
