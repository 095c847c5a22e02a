"""A cost model of training by many workers: a round is `sync_every` steps, and then an exchange.

Times are in seconds, sizes in bytes. A worker takes a step in the same mean time, whatever the others
do. In an exchange all wait for the slowest, and then for the network. Each machine sends and receives
at the full bandwidth at once. The time of the additions is left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Network(NamedTuple):
    """The latency of a message, and the bytes per second of a machine in each direction."""

    latency: float
    bandwidth: float


def ring(n: int, size: float, network: Network) -> float:
    """Each worker sends 1/n of the values to its neighbour, 2 (n - 1) times."""
    return 2 * (n - 1) * (network.latency + size / n / network.bandwidth)


def halving(n: int, size: float, network: Network) -> float:
    """As many bytes as in a ring, in 2 log2(n) messages: halves, quarters, ... and back.

    MPICH adds up long arrays so (Thakur et al. 2005, section 4.5).
    """
    return 2 * math.ceil(math.log2(n)) * network.latency + (
        2 * (n - 1) / n * size / network.bandwidth
    )


def tree(n: int, size: float, network: Network) -> float:
    """All values go up a binary tree, where they are added up. The sums go down."""
    return 2 * math.ceil(math.log2(n)) * (network.latency + size / network.bandwidth)


ALL_REDUCE: dict[str, Callable[[int, float, Network], float]] = {
    "halving": halving,
    "ring": ring,
    "tree": tree,
}


class Round(NamedTuple):
    """What one worker does between two exchanges, and how many bytes an exchange adds up."""

    sync_every: int
    step_seconds: float
    size: float
    jitter: float = 0.0  # standard deviation of the logarithm of a step's time


def train_seconds(n: int, work: Round, rng: np.random.Generator) -> float:
    """Return the time until the slowest of n workers has taken its steps.

    The time of each step is log-normal, with the same mean for any jitter.
    """
    if work.jitter == 0:
        return work.sync_every * work.step_seconds
    factors = rng.lognormal(-0.5 * work.jitter**2, work.jitter, (n, work.sync_every))
    return work.step_seconds * float(factors.sum(axis=1).max())


def efficiency(
    n: int,
    work: Round,
    exchange_seconds: float,
    *,
    n_rounds: int = 1,
    seed: int = 0,
) -> float:
    """Return the rows per second of n workers, as a share of n times those of one worker alone."""
    rng = np.random.default_rng((seed, n, work.sync_every))
    train = np.mean([train_seconds(n, work, rng) for _ in range(n_rounds)])
    return work.sync_every * work.step_seconds / (float(train) + exchange_seconds)


def steps_for(share: float, step_seconds: float, exchange_seconds: float) -> int:
    """Return the least `sync_every` that reaches this efficiency, without jitter."""
    return max(1, math.ceil(share / (1 - share) * exchange_seconds / step_seconds))
