"""One round of training on one worker, and the mean of two. Nothing here imports Dask."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aevb.core.engine import Engine, Subset
from aevb.distributed.partitions import Share
from aevb.distributed.steps import train_steps


class Order(NamedTuple):
    """What one worker does in a round.

    Attributes
    ----------
    rank : int
        Number of the worker.
    epoch : int
        Key of the epoch.
    position : int
        Rows of its epoch that the worker has visited.
    max_steps : int
        Minibatches to take.
    rate_factors, kl_factors : list of float or None
        Factors for each minibatch.
    n_train : int
        The rows of all workers, for the weight of the prior.
    n_threads : int or None
        Threads. None means those that the worker has.
    """

    rank: int
    epoch: int
    position: int
    max_steps: int
    rate_factors: list[float] | None
    kl_factors: list[float] | None
    n_train: int
    n_threads: int | None


@dataclass(frozen=True)
class Result:
    """The result of a round, of one worker or of several.

    Attributes
    ----------
    engine : Engine
        The weights and accumulators: the mean, in which each minibatch counts once.
    n_steps : int
        Minibatches in all.
    most_steps : int
        Minibatches of the worker that took the most.
    n_rows : int
        Rows of all.
    bound_sum : float
        Sum of their bounds.
    diverged : bool
        Whether a bound or a weight is not finite.
    """

    engine: Engine
    n_steps: int
    most_steps: int
    n_rows: int
    bound_sum: float
    diverged: bool


def train_share(share: Share, start: Engine, order: Order, n_worker_threads: int) -> Result:
    """Train a copy of an engine on the next minibatches of one worker."""
    engine = start.copy()
    done = train_steps(
        engine,
        share.rows,
        Subset(0, share.data.n_rows, split=False),
        rank=order.rank,
        epoch=order.epoch,
        position=order.position,
        max_steps=order.max_steps,
        rate_factors=order.rate_factors,
        kl_factors=order.kl_factors,
        n_train=order.n_train,
        n_threads=order.n_threads or n_worker_threads,
    )
    diverged = done.diverged or not math.isfinite(done.bound_sum)
    return Result(engine, done.n_steps, done.n_steps, done.n_rows, done.bound_sum, diverged)


def mean_of(one: Result, two: Result) -> Result:
    """Return the result of both, in which each minibatch has the same weight."""
    n_steps = one.n_steps + two.n_steps
    share = np.float32(two.n_steps / n_steps)
    engine, others = one.engine.copy(), list[NDArray[np.float32]]()
    two.engine.for_each_array(lambda values: others.append(values.copy()))
    of_two = iter(others)

    def average(values: NDArray[np.float32]) -> None:
        values += share * (next(of_two) - values)

    with np.errstate(all="ignore"):  # after a divergence
        engine.for_each_array(average)
    return Result(
        engine,
        n_steps,
        max(one.most_steps, two.most_steps),
        one.n_rows + two.n_rows,
        one.bound_sum + two.bound_sum,
        one.diverged or two.diverged,
    )
