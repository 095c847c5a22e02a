"""A cost model of training by many workers: a round is `sync_every` steps, and then an exchange.

Times are in seconds, sizes in bytes. A worker takes a step in the same mean time, whatever the
others do. In an exchange all wait for the slowest, and then for the network. Each machine sends and
receives at the full bandwidth at once. The time of the additions is left out.
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

    This is Rabenseifner's algorithm, which MPICH takes for long arrays (Thakur et al. 2005). If n
    is no power of two, MPICH needs more messages.
    """
    return 2 * math.ceil(math.log2(n)) * network.latency + (
        2 * (n - 1) / n * size / network.bandwidth
    )


def tree(n: int, size: float, network: Network) -> float:
    """All values go up a binary tree, where they are added up. The sums go down."""
    return 2 * math.ceil(math.log2(n)) * (network.latency + size / network.bandwidth)


AllReduce = Callable[[int, float, Network], float]  # (workers, bytes, network) -> seconds
ALL_REDUCE: dict[str, AllReduce] = {
    "halving": halving,
    "ring": ring,
    "tree": tree,
}


class Round(NamedTuple):
    """What one worker does between two exchanges."""

    sync_every: int
    step_seconds: float
    jitter: float = 0.0  # standard deviation of the logarithm of a step's time


def train_seconds(n: int, work: Round, n_rounds: int = 1, seed: int = 0) -> float:
    """Return the mean time until the slowest of n workers has taken the steps of a round.

    The time of each step is log-normal, with the same mean for any jitter.
    """
    if work.jitter == 0:
        return work.sync_every * work.step_seconds
    rng = np.random.default_rng((seed, n, work.sync_every))
    shape, mean = (n, work.sync_every), -0.5 * work.jitter**2
    slowest = [rng.lognormal(mean, work.jitter, shape).sum(1).max() for _ in range(n_rounds)]
    return work.step_seconds * float(np.mean(slowest))


def efficiency(work: Round, train: float, exchange: float) -> float:
    """Return the rows per second of n workers, as a share of n times those of one worker alone.

    `train` and `exchange` are the seconds of the two parts of a round.
    """
    return work.sync_every * work.step_seconds / (train + exchange)


def steps_for(share: float, step_seconds: float, exchange: float) -> int:
    """Return the least `sync_every` that reaches this efficiency, without jitter."""
    return max(1, math.ceil(share / (1 - share) * exchange / step_seconds))
