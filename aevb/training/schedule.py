"""Schedules of a run: factors on its settings as functions of the fraction of the run."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Real
from typing import Any, NamedTuple

Schedule = Callable[[float], float]

SCHEDULES: dict[str, Schedule] = {
    "constant": lambda fraction: 1.0,
    "linear": lambda fraction: 1.0 - fraction,
    "cosine": lambda fraction: 0.5 * (1.0 + math.cos(math.pi * fraction)),
}
STEPS_TOGETHER = 1000  # of a schedule that changes, for one call of the core


def fractions_of_run(
    n_seen: int, batch_size: int, start: int, end: float, max_steps: int
) -> list[float]:
    """Return the fractions of the run at the next minibatches.

    Parameters
    ----------
    n_seen, batch_size : int
        Rows seen so far, and rows per minibatch.
    start, end : float
        Rows seen at the start and at the end of the run. An endless run has no fractions.
    max_steps : int
        Number of minibatches.

    Returns
    -------
    fractions : list of float
        Numbers in [0, 1], or none.
    """
    if not math.isfinite(end) or end <= start:
        return []
    return [min((n_seen + i * batch_size - start) / (end - start), 1.0) for i in range(max_steps)]


class Schedules(NamedTuple):
    """The schedules of a run: of the learning rate, and of the weight of the KL divergence.

    The weight of the KL divergence rises from 0 to 1 along a straight line in the fraction
    `kl_warmup` of each of `kl_cycles` equal parts of the run (Fu et al. 2019).
    """

    learning_rate: str | Schedule
    kl_warmup: float = 0.0
    kl_cycles: int = 1

    @property
    def are_constant(self) -> bool:
        """Whether all factors are 1."""
        return self.learning_rate == "constant" and self.kl_warmup == 0.0

    def rate(self, fractions: list[float]) -> list[float] | None:
        """Return the factors on the learning rate at these fractions of the run.

        None means that all are 1.

        Raises
        ------
        TypeError, ValueError
            If a callable returns another value than a finite number >= 0.
        """
        if self.learning_rate == "constant" or not fractions:
            return None
        schedule = self.learning_rate
        if isinstance(schedule, str):
            return list(map(SCHEDULES[schedule], fractions))
        return [_checked(schedule(fraction), fraction) for fraction in fractions]

    def kl(self, fractions: list[float]) -> list[float] | None:
        """Return the factors on the weight of the KL divergence. None means that all are 1."""
        if self.kl_warmup == 0.0 or not fractions:
            return None
        of_cycle = (
            (fraction * self.kl_cycles) % 1.0 if fraction < 1.0 else 1.0 for fraction in fractions
        )
        return [min(fraction / self.kl_warmup, 1.0) for fraction in of_cycle]


CONSTANT = Schedules("constant")


def _checked(factor: Any, fraction: float) -> float:
    is_number = isinstance(factor, Real) and not isinstance(factor, bool)
    if is_number and 0.0 <= float(factor) < math.inf:
        return float(factor)
    got = f"learning_rate_schedule: got {factor!r} at {fraction:g} of the run"
    if not is_number:
        raise TypeError(f"{got}, want a number")
    raise ValueError(f"{got}, want a finite number >= 0")
