"""Thread teams under test: full teams for small networks, and threads that are late."""

from __future__ import annotations

import contextlib

from hooks import kernels


@contextlib.contextmanager
def whole_teams():
    """Give every call all the threads it may use, however little work it has."""
    before = kernels.set_flops_per_thread(0.0)
    try:
        yield
    finally:
        kernels.set_flops_per_thread(before)


@contextlib.contextmanager
def team_of(n_threads):
    """Give every call all its threads. Fail unless the largest team has `n_threads`."""
    with whole_teams():
        kernels.take_largest_team()
        yield
        n_seen = kernels.take_largest_team()
    assert n_seen == n_threads, f"{n_seen} threads took part, not {n_threads}"


@contextlib.contextmanager
def late_thread(rank):
    """Let one thread of every team leave each barrier late, which reveals a missing barrier."""
    kernels.set_late_thread(rank)
    try:
        yield
    finally:
        kernels.set_late_thread(-1)


@contextlib.contextmanager
def slow_thread(rank):
    """Let one thread of every team start late on the work that it has claimed.

    If the thread were late at the barrier, the others would steal all its work.
    """
    kernels.set_late_thread(-1, rank)
    try:
        yield
    finally:
        kernels.set_late_thread(-1)
