"""The loop of minibatches: an engine, its training rows, and the position in the epoch."""

from __future__ import annotations

import math
from typing import NamedTuple

from aevb.core.engine import Engine, MonteCarloEm, Rows, Subset, Trained
from aevb.core.state import Mark, RunState
from aevb.exceptions import DivergenceError
from aevb.training.exchange import ALONE, Exchange
from aevb.training.schedule import CONSTANT, STEPS_TOGETHER, Schedules, fractions_of_run


class Loop(NamedTuple):
    """An engine, its chains if it has any, its training rows, and the state of the run.

    Of several processes, all counts of rows are those of all processes together.
    """

    engine: Engine
    chains: MonteCarloEm | None
    rows: Rows
    subset: Subset
    run: RunState
    exchange: Exchange = ALONE

    @property
    def batch_size(self) -> int:
        """Rows of a minibatch."""
        return int(self.engine.settings["batch_size"]) * self.exchange.n_ranks

    @property
    def n_left(self) -> int:
        """Rows left in the epoch. The core's count is right even after an interrupt."""
        return self.run.n_train - (self.engine.n_samples_seen - self.run.start.n_samples)

    def n_steps_to(self, n_samples: float) -> int:
        """Return the number of minibatches to train on next, at least 1.

        They reach `n_samples` rows seen in all, or the end of the epoch if that comes first.
        """
        batch_size = self.batch_size
        wanted = n_samples - self.engine.n_samples_seen
        return max(1, math.ceil(min(wanted, self.n_left or batch_size) / batch_size))

    def next_epoch(self) -> Loop:
        """Return the loop at the start of the next epoch."""
        return self._replace(run=self.run._replace(start=Mark.of(self.engine)))

    def train(
        self,
        max_steps: int,
        n_threads: int | None,
        schedules: Schedules = CONSTANT,
        end: float = math.inf,
    ) -> Trained:
        """Train on at most `max_steps` minibatches of this epoch.

        The schedules go from the start of the run to `end` rows seen.

        Raises
        ------
        DivergenceError
            If the bound or a weight is no longer finite.
        """
        start, plan = self.run.start, self.run.plan
        max_steps = self.exchange.steps_together(self.engine.n_steps, max_steps)
        rate_factors = kl_factors = None
        if plan is not None and not schedules.are_constant:
            n_seen = self.engine.n_samples_seen
            if self.exchange.sync_every == 1:  # else they are those of one round
                max_steps = min(max_steps, STEPS_TOGETHER)
            fractions = fractions_of_run(n_seen, self.batch_size, plan.start, end, max_steps)
            rate_factors, kl_factors = schedules.rate(fractions), schedules.kl(fractions)
        trained = self.exchange.train(
            self.engine,
            self.rows,
            self.subset,
            chains=self.chains,
            epoch=start.n_steps,  # key of the epoch's permutation
            position=(self.run.n_train - self.n_left) // self.exchange.n_ranks,
            max_steps=max_steps,
            rate_factors=rate_factors,
            kl_factors=kl_factors,
            n_train=self.run.n_prior,
            n_threads=n_threads,
        )
        if trained.diverged:
            raise DivergenceError(self.engine.n_steps, self.engine.learning_rate)
        return trained
