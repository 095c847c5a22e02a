"""Teams of threads under test: whole ones for small networks, and threads that are late."""

from __future__ import annotations

import contextlib

from hooks import kernels


@contextlib.contextmanager
def whole_teams():
    """Give every call all the threads it may use, however small its work is."""
    before = kernels.set_flops_per_thread(0.0)
    try:
        yield
    finally:
        kernels.set_flops_per_thread(before)


@contextlib.contextmanager
def team_of(n_threads):
    """Give every call all its threads; fail unless the largest team in the block had so many."""
    with whole_teams():
        kernels.take_largest_team()
        yield
        n_seen = kernels.take_largest_team()
    assert n_seen == n_threads, f"{n_seen} threads took part, not {n_threads}"


@contextlib.contextmanager
def late_thread(rank):
    """Let one thread of every team leave each barrier late: what misses a barrier then shows."""
    kernels.set_late_thread(rank)
    try:
        yield
    finally:
        kernels.set_late_thread(-1)


@contextlib.contextmanager
def slow_thread(rank):
    """Let one thread of every team begin late what it has taken of work that is dealt out.

    Of a thread that is late at the barrier, the others take all of it.
    """
    kernels.set_late_thread(-1, rank)
    try:
        yield
    finally:
        kernels.set_late_thread(-1)
