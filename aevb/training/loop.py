"""Minibatches of a run: what they train, on which rows, and where they stand."""

from __future__ import annotations

import math
from typing import NamedTuple

from aevb.core.engine import Engine, MonteCarloEm, Rows, Subset, Trained
from aevb.core.state import Mark, RunState
from aevb.exceptions import DivergenceError


class Loop(NamedTuple):
    """An engine in training, its chains (if it has any), its training rows, and its place."""

    engine: Engine
    chains: MonteCarloEm | None
    rows: Rows
    subset: Subset
    run: RunState

    @property
    def n_left(self) -> int:
        """Rows of the epoch still to come, by the core's own count, which no interrupt can skew."""
        return self.run.n_train - (self.engine.n_samples_seen - self.run.start.n_samples)

    def n_steps_to(self, n_samples: float) -> int:
        """Return the minibatches to so many rows in all, or to the end of an epoch: at least 1."""
        batch_size = int(self.engine.settings["batch_size"])
        wanted = n_samples - self.engine.n_samples_seen
        return max(1, math.ceil(min(wanted, self.n_left or batch_size) / batch_size))

    def next_epoch(self) -> Loop:
        """Return the loop as it is where an epoch starts."""
        return self._replace(run=self.run._replace(start=Mark.of(self.engine)))

    def train(self, max_steps: int, n_threads: int | None) -> Trained:
        """Train for minibatches of this epoch, so many at most.

        Raises
        ------
        DivergenceError
            If the bound or a weight is no longer finite.
        """
        start = self.run.start
        trained = self.engine.train(
            self.rows,
            self.subset,
            chains=self.chains,
            epoch=start.n_steps,  # names the epoch's permutation
            position=self.run.n_train - self.n_left,
            max_steps=max_steps,
            n_train=self.run.n_prior,
            n_threads=n_threads,
        )
        if trained.diverged:
            raise DivergenceError(self.engine.n_steps, self.engine.learning_rate)
        return trained
