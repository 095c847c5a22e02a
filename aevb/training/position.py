"""Positions of a training run: where to go back to, and where to go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from aevb.core.engine import Arrays, MonteCarloEm
from aevb.core.state import RunState, State
from aevb.exceptions import DivergenceError


class Position(NamedTuple):
    """Everything that training changes in a trainer and its model."""

    state: State
    run: RunState
    chains: MonteCarloEm | None
    checkpoint_due: int
    stopped: bool
    velocity: Arrays | None


@dataclass
class Undo:
    """The position to restore if training diverges."""

    position: Position


class Resumed(NamedTuple):
    """The run of a checkpoint."""

    run: RunState
    chains: MonteCarloEm | None


def position_of(trainer: Any) -> Position:
    """Return a copy of the present position of a trainer."""
    state, chains = trainer._state, trainer._chains
    return Position(
        replace(state, engine=state.engine.copy()),
        trainer._run,
        None if chains is None else chains.copy(),
        trainer._checkpoint_due,
        trainer._stopped,
        trainer._exchange.velocity,
    )


@contextmanager
def undoing(trainer: Any, *, by_epoch: bool = False) -> Iterator[None]:
    """If training diverges, restore a trainer's position before the block.

    With `by_epoch`, restore the position after the last complete epoch.
    """
    outer, undo = trainer._undo, Undo(position_of(trainer))
    try:
        if by_epoch:
            trainer._undo = undo
        yield
    except BaseException as error:
        # Ctrl-C may come after a step and before the check of its result
        if isinstance(error, DivergenceError) or not trainer._state.engine.finite:
            was = undo.position
            trainer.model._state, trainer._run, trainer._chains = was.state, was.run, was.chains
            trainer._checkpoint_due, trainer._stopped = was.checkpoint_due, was.stopped
            trainer._exchange.velocity = was.velocity
        raise
    finally:
        trainer._undo = outer
