"""The outer momentum: that of weights which are averaged after each round of minibatches."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

from aevb.core.checks import check_integer
from aevb.core.engine import Arrays
from aevb.core.warn import warn
from aevb.exceptions import FitWarning

# Steps of a round times (1 - momentum). With 5, MNIST has as good a bound as one process. With 1,
# its model is useless: bench/scale.py compares them.
_LEAST_STEPS = 5


def check_momentum(momentum: Any, sync_every: Any) -> None:
    """Raise a TypeError or ValueError if a momentum or a number of steps is wrong."""
    check_integer("sync_every", sync_every)
    want = "want a number from 0 to below 1"
    if not isinstance(momentum, Real) or isinstance(momentum, bool):
        raise TypeError(f"outer_momentum: got {momentum!r}, {want}")
    momentum = float(momentum)
    if not 0 <= momentum < 1:
        raise ValueError(f"outer_momentum: got {momentum!r}, {want}")
    if momentum > 0 and sync_every == 1:
        raise ValueError(
            f"outer_momentum: got {momentum!r}, which is for weights that are averaged; want 0, or "
            f"sync_every > 1"
        )


def advise_on_momentum(momentum: float, sync_every: int) -> None:
    """Warn if the rounds are too short for a momentum."""
    least = math.ceil(_LEAST_STEPS / (1 - momentum) - 1e-9)  # 50 for 0.9
    if momentum > 0 and sync_every < least:
        warn(
            f"outer_momentum: got {momentum:g} with rounds of {sync_every} steps, which can make "
            f"the model useless; want sync_every >= {least}, or less momentum",
            FitWarning,
        )


def moved(
    start: Arrays, mean: Arrays, velocity: Arrays | None, momentum: float
) -> tuple[Arrays, Arrays]:
    """Return the weights after a round, and their velocity.

    The distance d from the weights at the start of a round to the mean at its end is a step of
    Nesterov's method with momentum mu, as in DiLoCo (arXiv:2311.08105): v <- mu v + d. The weights
    move by mu v + d.
    """
    distance = {name: mean[name] - start[name] for name in start}
    if velocity is not None:
        velocity = {name: momentum * velocity[name] + d for name, d in distance.items()}
    else:
        velocity = distance
    weights = {name: start[name] + distance[name] + momentum * velocity[name] for name in start}
    return weights, velocity
