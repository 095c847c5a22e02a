"""The partitions of each worker, and its minibatches in a round. Nothing here imports Dask."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

_MOST_UNEVEN = 1.1  # times the mean number of rows: a worker with more gives partitions away


def assign(
    sizes: Sequence[int], holders: Sequence[Sequence[str]], workers: Sequence[str]
) -> list[tuple[str, tuple[int, ...]]]:
    """Return the workers that take part, in the order of their first partition, with their parts.

    Partitions stay where they are, unless a worker has far more rows than the others.

    Parameters
    ----------
    sizes : sequence of int
        Rows of each partition.
    holders : sequence of sequences of str
        The workers that hold each partition.
    workers : sequence of str
        All workers, at least one.
    """
    own: dict[str, list[int]] = {worker: [] for worker in workers}
    load = dict.fromkeys(workers, 0)

    def give(part: int, worker: str) -> None:
        own[worker].append(part)
        load[worker] += sizes[part]

    homes = [[worker for worker in holders[part] if worker in own] for part in range(len(sizes))]
    for part in sorted(range(len(sizes)), key=lambda part: not homes[part]):  # the homeless last
        give(part, min(homes[part] or workers, key=lambda worker: load[worker]))
    mean = sum(sizes) / len(workers)
    while True:
        most, least = max(load, key=lambda w: load[w]), min(load, key=lambda w: load[w])
        if load[most] <= _MOST_UNEVEN * mean:
            break
        gap = load[most] - load[least]
        movable = [part for part in own[most] if sizes[part] < gap]
        if not movable:
            break
        part = min(movable, key=lambda part: abs(2 * sizes[part] - gap))
        own[most].remove(part)
        load[most] -= sizes[part]
        give(part, least)
    return sorted(((w, tuple(sorted(own[w]))) for w in own if own[w]), key=lambda pair: pair[1])


def shares(total: int, sizes: Sequence[int]) -> list[int]:
    """Return how many of `total` rows come from each part, in proportion to the parts' sizes."""
    n_rows, before, ends = sum(sizes), 0, [0]
    for size in sizes:
        before += size
        ends.append(before * total // n_rows)
    return [end - begin for begin, end in pairwise(ends)]


class Rounds(NamedTuple):
    """The rounds of an epoch, in which each worker visits each of its rows once.

    All are at about the same fraction of their rows at any time. So a worker with more rows takes
    more minibatches in a round.

    Attributes
    ----------
    sizes : tuple of int
        Rows of each worker.
    batch_size : int
        Rows of a minibatch.
    """

    sizes: tuple[int, ...]
    batch_size: int

    @property
    def n_steps(self) -> list[int]:
        """Minibatches of each worker in an epoch."""
        return [-(-size // self.batch_size) for size in self.sizes]

    def longest(self, sync_every: int) -> int:
        """Return the minibatches of all workers in a round in which none takes more than that."""
        return max(1, sync_every * sum(self.n_steps) // max(self.n_steps))

    def part(self, position: int, max_steps: int) -> tuple[list[int], list[int]]:
        """Return the minibatches of each worker before and after a round, at least one in all.

        Parameters
        ----------
        position : int
            Rows of all workers before the round.
        max_steps : int
            Minibatches of all workers in it.
        """
        everything = range(sum(self.n_steps) + 1)
        # Some numbers of steps are the same round for each worker: take the first of them.
        after = bisect_right(everything, position, key=self._rows)
        begin = bisect_left(everything, self._rows(after - 1), key=self._rows)
        return self._done(begin), self._done(max(begin + max_steps, after))

    def _done(self, n_steps: int) -> list[int]:
        """Return the minibatches of each worker if all together have taken so many."""
        total = sum(self.n_steps)
        return [min(n_steps, total) * own // total for own in self.n_steps]

    def _rows(self, n_steps: int) -> int:
        done = zip(self._done(n_steps), self.sizes, strict=True)
        return sum(min(n * self.batch_size, size) for n, size in done)
