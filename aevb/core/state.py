"""What a model has learnt, and where a run stands: all that fit makes and files hold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aevb.core.engine import Engine

HISTORY_KEYS = ("samples_seen", "train_bound", "validation_bound", "seconds")


@dataclass(frozen=True, eq=False)
class State:
    """What a model has learnt. The engine is shared, and goes on; everything else stays."""

    engine: Engine
    likelihood: str
    input_scale: float
    history: dict[str, list[float]]
    feature_names: NDArray[Any] | None = None
    learning_rate_trials: dict[float, float] | None = None

    @property
    def n_features(self) -> int:
        """Dimension D of x."""
        return self.engine.n_visible

    def copy(self) -> State:
        """Return a state that shares nothing with this one."""
        trials = self.learning_rate_trials
        return replace(
            self,
            engine=self.engine.copy(),
            history={key: [*values] for key, values in self.history.items()},
            learning_rate_trials=None if trials is None else {**trials},
        )


class Mark(NamedTuple):
    """The core's counts at some moment."""

    n_steps: int
    n_samples: int
    bound_sum: float

    @classmethod
    def of(cls, engine: Engine) -> Mark:
        """Return where an engine stands."""
        return cls(engine.n_steps, engine.n_samples_seen, engine.bound_sum)


class ChainState(NamedTuple):
    """The chains of a training set: their states (n_rows, J), and that of their step size."""

    z: NDArray[np.float32]
    step_state: list[float]


class RunState(NamedTuple):
    """Where a run stands, beside its model."""

    start: Mark  # of the epoch
    n_prior: int  # N of the prior's weight
    n_worse: int = 0
    best: tuple[float, Engine] | None = None
    chains: ChainState | None = None
    checkpoint_every: int = 1
    n_train: int = 0
    n_validation: int = 0
    fingerprint: str = ""
