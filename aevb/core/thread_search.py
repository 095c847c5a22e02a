"""The choice of a number of threads by trials while a model trains.

The results of a training step do not depend on the number of threads. So the trials are ordinary
steps of the training, and nothing that they compute is lost.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Generator
from statistics import stdev
from typing import NamedTuple

from aevb.core.platform import after_fork_in_child
from aevb.core.threads import resolve_threads

# Seconds of a slice in a search. The scheduler of the operating system gives turns of some 3 ms.
SLICE = 0.004
GAIN = 1.03  # of the rate, for which another number of threads is taken
_CLEAR = 1.2  # ratio of rates that needs no more pairs of slices,
_CLEAR_PAIRS = 3  # if so many pairs agree,
_CLEAR_SECONDS = 0.1  # or if they took so long
_PRECISE = 0.01  # relative standard error of the ratio that needs no more pairs,
_PRECISE_PAIRS = 5  # if there are so many
_MOST_PAIRS = 25
# A search takes at most a fiftieth of the time. While its result stays the same, the time to the
# next search doubles, four times at most.
PAUSE = 50
LONGEST_PAUSE = 16 * PAUSE
_FALL = 0.8  # of the rate: then the time to the next search is the shortest again


class Turn(NamedTuple):
    """The next slice of the training: its threads, and its longest duration in seconds."""

    n_threads: int
    seconds: float = math.inf


class Measured(NamedTuple):
    """The rows that one or several slices have trained on, and their duration in seconds."""

    n_rows: int
    seconds: float

    @property
    def rate(self) -> float:
        """Rows per second."""
        return self.n_rows / self.seconds


Turns = Generator[Turn, Measured, None]
Measuring = Generator[Turn, Measured, Measured]
Comparing = Generator[Turn, Measured, tuple[Measured, Measured]]


_lock = threading.Lock()  # copies of a model share a search, and may train at the same time


def _note_fork() -> None:
    global _lock
    _lock = threading.Lock()  # a thread that the fork did not copy may hold the old lock


after_fork_in_child(_note_fork)


def candidates_up_to(limit: int) -> list[int]:
    """Return 1, 2, 4, ... and the limit itself."""
    return [2**i for i in range((limit - 1).bit_length())] + [limit]


class ThreadSearch:
    """Find the number of threads with which training is quickest, and follow its changes.

    It begins at one thread, where nothing can wait. It doubles the number until that is slower. The
    best number then stays for a while, and the search is made again from there, up and down.

    Two numbers are compared by slices that take turns. So what slows the machine for a moment slows
    both.

    Parameters
    ----------
    clock : callable, default=time.perf_counter
        The time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.clock = clock
        self.n_threads: int | None = None  # the best number known; None before the first slice
        self._candidates: list[int] = []
        self._best = 0  # index of a candidate
        self._latest = 0  # threads of the latest slice
        self._seconds = 0.0  # of all slices
        self._turns: Turns | None = None
        self._turn: Turn | None = None  # that has been asked for

    def next(self, n_threads: int | None) -> Turn:
        """Return the next slice. A number that is not None is taken as it is."""
        limit = resolve_threads(n_threads)
        with _lock:
            return self._next(n_threads, limit)

    def _next(self, n_threads: int | None, limit: int) -> Turn:
        if n_threads is not None or limit == 1:
            self.n_threads, self._turns, self._turn = limit, None, None
            return Turn(limit)
        if self._turns is None or limit != self._candidates[-1]:
            self._candidates = candidates_up_to(limit)
            known = self.n_threads or 1
            self._best = max(i for i, n in enumerate(self._candidates) if n <= known)
            self.n_threads = self._candidates[self._best]
            self._turns = self._all_turns()
            self._turn = next(self._turns)
        assert self._turn is not None
        return self._turn

    def note(self, n_rows: int, seconds: float) -> None:
        """Take note of the rows and the duration of the slice that `next` has returned."""
        with _lock:
            if self._turns is None or self._turn is None or n_rows == 0:  # 0 after an interrupt
                return
            self._latest = self._turn.n_threads
            self._seconds += seconds
            self._turn = self._turns.send(Measured(n_rows, seconds))

    # Generators of slices, which receive what each slice has done

    def _all_turns(self) -> Turns:
        pause = PAUSE
        while True:
            began, before = self._seconds, self._best
            found = yield from self._search()
            lasted = self._seconds - began
            pause = PAUSE if self._best != before else min(2 * pause, LONGEST_PAUSE)
            yield from self._rest(found.rate, PAUSE * lasted, pause * lasted)

    def _rest(self, rate: float, shortest: float, seconds: float) -> Turns:
        """Train with the best number for so many seconds, or less if the rate has fallen."""
        began = self._seconds
        while self._seconds - began < seconds:
            measured = yield from self._measure(self._best, _CLEAR_SECONDS, longest=math.inf)
            if measured.rate < _FALL * rate:
                seconds = shortest

    def _search(self) -> Measuring:
        """Look for a better number, first among the larger ones. Return the best one's slices."""
        before = self._best
        for step in (1, -1):
            at = self._best + step
            while 0 <= at < len(self._candidates):
                found, other = yield from self._compare(at)
                gain = other.rate / found.rate
                if gain > GAIN:
                    self._best, found = at, other
                    self.n_threads = self._candidates[at]
                elif gain < 1 / GAIN:
                    break
                at += step
            if self._best != before:
                break
        return found

    def _compare(self, other: int) -> Comparing:
        """Return the slices of the best number and of another, which have taken turns."""
        best, slices = self._best, {self._best: list[Measured](), other: list[Measured]()}
        while not _is_enough(slices[best], slices[other]):
            # the number of the last slice goes first
            for at in (best, other) if len(slices[best]) % 2 == 0 else (other, best):
                slices[at].append((yield from self._measure(at, SLICE)))
        return _total(slices[best]), _total(slices[other])

    def _measure(self, at: int, seconds: float, longest: float = SLICE) -> Measuring:
        """Train with a number for at least so many seconds, in slices of at most `longest`.

        If it is another number than before, threads start and caches change. So its first minibatch
        does not count, unless it is as long as a slice.
        """
        n_threads, total = self._candidates[at], Measured(0, 0.0)
        if n_threads != self._latest:
            first = yield Turn(n_threads, 0.0)
            if first.seconds >= seconds:
                return first
        while total.seconds < seconds:
            one = yield Turn(n_threads, longest)
            total = Measured(total.n_rows + one.n_rows, total.seconds + one.seconds)
        return total


def _is_enough(best: list[Measured], other: list[Measured]) -> bool:
    """Tell whether these pairs of slices decide which number is better."""
    n = len(best)
    if n == 0 or n >= _MOST_PAIRS:
        return n > 0
    ratios = [two.rate / one.rate for one, two in zip(best, other, strict=True)]
    if min(ratios) > _CLEAR or max(ratios) < 1 / _CLEAR:
        return n >= _CLEAR_PAIRS or sum(one.seconds for one in best) >= _CLEAR_SECONDS
    if n < _PRECISE_PAIRS:
        return False
    # A number that looks much slower is given up: its slices cost time, and a search will follow.
    looks_slower = _total(other).rate < _total(best).rate / _CLEAR
    return looks_slower or stdev(map(math.log, ratios)) < _PRECISE * math.sqrt(n)


def _total(slices: list[Measured]) -> Measured:
    """Return the sum of slices. Of 4 to 11, leave out the slowest, of 12 to 19 two, and so on.

    These may have met some mishap.
    """
    kept = sorted(slices, key=lambda one: one.rate)[(len(slices) + 4) // 8 :]
    return Measured(sum(one.n_rows for one in kept), sum(one.seconds for one in kept))
