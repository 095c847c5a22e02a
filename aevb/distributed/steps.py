"""Minibatches of one process among several, in calls of the core."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aevb.core.engine import Engine, Rows, Subset, Trained

_RANK_SHIFT = 40  # an epoch's key is a number of steps, which is below 2^40


def train_steps(
    engine: Engine,
    rows: Rows,
    subset: Subset,
    *,
    rank: int,
    epoch: int,
    position: int,
    max_steps: int,
    rate_factors: list[float] | None = None,
    kl_factors: list[float] | None = None,
    n_together: int = 1,
    goes_on: Callable[[], bool] = lambda: True,
    **options: Any,
) -> Trained:
    """Train on minibatches of an epoch, in the order of this process. Return all counts.

    Parameters
    ----------
    engine, rows, subset, position, max_steps, rate_factors, kl_factors, **options
        As in `Engine.train`.
    rank : int
        Number of the process.
    epoch : int
        Key of the epoch, the same for all processes.
    n_together : int, default=1
        Number of processes whose rows each step counts.
    goes_on : callable
        Is called after each call of the core, and tells whether to make another one.
    """
    done, may_train = Trained(0, 0, 0.0, diverged=False, n_threads=1), True
    while may_train and done.n_steps < max_steps and position < subset.size and not done.diverged:
        n = done.n_steps
        trained = engine.train(
            rows,
            subset,
            epoch=epoch + (rank << _RANK_SHIFT),
            rank=rank,
            position=position,
            max_steps=max_steps - n,
            rate_factors=None if rate_factors is None else rate_factors[n:],
            kl_factors=None if kl_factors is None else kl_factors[n:],
            **options,
        )
        position += trained.n_rows // n_together
        done = trained._replace(
            n_steps=n + trained.n_steps,
            n_rows=done.n_rows + trained.n_rows,
            bound_sum=done.bound_sum + trained.bound_sum,
        )
        may_train = goes_on()
    return done
