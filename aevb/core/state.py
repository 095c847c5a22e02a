"""The state of a fitted model and of a training run: all that files store."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aevb.core.engine import Arrays, Engine

HISTORY_KEYS = ("samples_seen", "train_bound", "validation_bound", "held_out", "seconds")


def empty_history() -> dict[str, list[float]]:
    """Return the history of a model that has not been trained."""
    return {key: [] for key in HISTORY_KEYS}


@dataclass(frozen=True, eq=False)
class State:
    """The state of a fitted model. Training changes the engine in place, and nothing else."""

    engine: Engine
    scale: float | str
    history: dict[str, list[float]]
    feature_names: NDArray[Any] | None = None
    learning_rate_trials: dict[float, float] | None = None
    n_forgotten: float = 0.0  # rows seen that `partial_fit` counts no longer
    schema: Any = None  # of the data (aevb.data.schema), if they are a frame or have categories

    @property
    def n_features(self) -> int:
        """Number of columns of the data."""
        return self.engine.n_features

    def copy(self) -> State:
        """Return a deep copy."""
        trials = self.learning_rate_trials
        return replace(
            self,
            engine=self.engine.copy(),
            history={key: [*values] for key, values in self.history.items()},
            learning_rate_trials=None if trials is None else {**trials},
        )


class Mark(NamedTuple):
    """Counts of an engine at one moment."""

    n_steps: int
    n_samples: int
    bound_sum: float

    @classmethod
    def of(cls, engine: Engine) -> Mark:
        """Return the counts of an engine now."""
        return cls(engine.n_steps, engine.n_samples_seen, engine.bound_sum)


class ChainState(NamedTuple):
    """The chains of a training set: coordinates of z (n_rows, J), and their step size's state."""

    z: NDArray[np.float32]
    step_state: list[float]


class Plan(NamedTuple):
    """The plan of a run that has not ended."""

    start: int  # rows seen at its start
    validate_every: int  # epochs
    n_epochs: int  # that have ended


class Place(NamedTuple):
    """The place of a run in a source of chunks. Some whole chunks are a block."""

    epoch: Mark  # where the pass over the source starts
    entry: Mark  # where the next entry of the history starts
    block_rows: int  # least rows of a block, unless it is the last
    n_rows: int = 0  # of a pass; 0 while not known
    n_before: int = 0  # chunks of the pass before the block
    n_chunks: int = 0  # chunks of the block; 0 before the first


class RunState(NamedTuple):
    """The state of a training run, apart from its model.

    A run on a source of chunks has a `place`. Then `start` and `n_train` are those of its block.
    """

    start: Mark  # where the epoch starts
    n_prior: int  # N in the weight of the prior
    n_worse: int = 0
    best: tuple[float, Engine] | None = None
    chains: ChainState | None = None
    checkpoint_every: int = 1
    n_train: int = 0
    n_validation: int = 0
    fingerprint: str = ""
    plan: Plan | None = None
    place: Place | None = None
    n_ranks: int = 1  # processes that train together
    velocity: Arrays | None = None  # of the outer momentum

    @property
    def entry(self) -> Mark:
        """Where the next entry of the history starts."""
        return self.start if self.place is None else self.place.entry
