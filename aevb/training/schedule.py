"""Schedules of the learning rate: factors as functions of the fraction of the run."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Real
from typing import Any

Schedule = Callable[[float], float]

SCHEDULES: dict[str, Schedule] = {
    "constant": lambda fraction: 1.0,
    "linear": lambda fraction: 1.0 - fraction,
    "cosine": lambda fraction: 0.5 * (1.0 + math.cos(math.pi * fraction)),
}
_STEPS_TOGETHER = 1000  # of a schedule that changes, for one call of the core


def rate_factors(
    schedule: str | Schedule, n_seen: int, batch_size: int, start: int, end: float, max_steps: int
) -> list[float] | None:
    """Return the factors on the learning rate for the next minibatches, at most 1000.

    Parameters
    ----------
    schedule : str or callable
        A key of `SCHEDULES`, or a function of the fraction of the run in [0, 1).
    n_seen, batch_size : int
        Rows seen so far, and rows per minibatch.
    start, end : float
        Rows seen at the start and at the end of the run. In an endless run all factors are 1.
    max_steps : int
        Number of minibatches.

    Returns
    -------
    factors : list of float or None
        None means that all are 1.

    Raises
    ------
    TypeError, ValueError
        If the callable returns another value than a finite number >= 0.
    """
    if schedule == "constant" or not math.isfinite(end) or end <= start:
        return None
    function = SCHEDULES[schedule] if isinstance(schedule, str) else schedule
    fractions = (
        min((n_seen + i * batch_size - start) / (end - start), 1.0)
        for i in range(min(max_steps, _STEPS_TOGETHER))
    )
    return [_checked(function(fraction), fraction) for fraction in fractions]


def _checked(factor: Any, fraction: float) -> float:
    want = f"learning_rate_schedule: got {factor!r} at {fraction:g} of the run"
    if not isinstance(factor, Real) or isinstance(factor, bool):
        raise TypeError(f"{want}, want a number")
    if not 0.0 <= float(factor) < math.inf:
        raise ValueError(f"{want}, want a finite number >= 0")
    return float(factor)
