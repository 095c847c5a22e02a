"""Checks of a trainer's arguments."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np


@contextmanager
def naming(argument: str) -> Iterator[None]:
    """Put an argument's name before the messages of errors that a block raises."""
    try:
        yield
    except TypeError as error:
        raise TypeError(f"{argument}: {error}") from error
    except ValueError as error:
        raise ValueError(f"{argument}: {error}") from error


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


def wants_to_stop(callback: Callable[[Any], Any], result: Any) -> bool:
    """Tell whether a callback's result ends the run. TypeError if it is neither bool nor None."""
    if result is None:
        return False
    if isinstance(result, (bool, np.bool_)):
        return bool(result)
    raise TypeError(
        f"callbacks: {callback!r} returned {result!r}, want True to end the run, or False or None"
    )


def check_learning_rate(rate: Any) -> None:
    """Raise a TypeError or ValueError if a learning rate is not a finite number > 0."""
    if not isinstance(rate, Real) or isinstance(rate, bool):
        raise TypeError(f"learning_rate: got {rate!r}, want a number > 0")
    if not 0.0 < float(rate) <= 1e37:
        raise ValueError(f"learning_rate: got {rate!r}, want a number in (0, 1e+37]")


def check_checkpoint(path: str | os.PathLike[str], model: Any) -> Path:
    """Return the path of a checkpoint. An error names it if no file can be written there.

    Raises
    ------
    OSError
        If its folder does not exist or cannot be written to, or if the path is a folder.
    ValueError
        If the model has a parameter that no file can hold.
    """
    if callable(model.learning_rate_schedule):
        raise ValueError(
            f"checkpoint: a file cannot hold learning_rate_schedule="
            f"{model.learning_rate_schedule!r}; want the name of a schedule"
        )
    checked = Path(path)
    if checked.is_dir():
        raise IsADirectoryError(errno.EISDIR, "checkpoint: want a file, got a folder", str(path))
    if not checked.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "checkpoint: no such folder to write in", str(path))
    if not os.access(checked.parent, os.W_OK):
        raise PermissionError(errno.EACCES, "checkpoint: cannot write in its folder", str(path))
    return checked
