"""Positions of a training run: where to go back to, and where to go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from aevb.core.engine import MonteCarloEm
from aevb.core.state import RunState, State


class Position(NamedTuple):
    """Everything that training changes in a trainer and its model."""

    state: State
    run: RunState
    chains: MonteCarloEm | None
    checkpoint_due: int
    stopped: bool


@dataclass
class Undo:
    """The position to restore if training diverges."""

    position: Position


class Resumed(NamedTuple):
    """The run of a checkpoint."""

    run: RunState
    chains: MonteCarloEm | None
