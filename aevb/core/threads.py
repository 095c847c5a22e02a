"""The number of threads of the core and of BLAS."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache

import joblib
from threadpoolctl import ThreadpoolController

from aevb.core.checks import check_integer
from aevb.core.compiled import core
from aevb.core.platform import after_fork_in_child, usable_cpus

_MOST_THREADS = 1024

_blas_lock = threading.Lock()
_UNLIMITED = nullcontext()
_forked = False
_n_sharing = 1  # processes that use the same cores


@cache
def _blas_controller() -> ThreadpoolController:
    return ThreadpoolController()


@contextmanager
def _limited_blas() -> Iterator[None]:
    with _blas_lock, _blas_controller().limit(limits=1, user_api="blas"):
        yield


def single_threaded_blas() -> AbstractContextManager[None]:
    """Limit BLAS to one thread during a block, if the core's own threads call it.

    The limit holds for the whole process, and only the thread that set it can remove it. Blocks
    that need it therefore run one at a time.
    """
    return _limited_blas() if core.backend() == "portable+blas" else _UNLIMITED


def slice_seconds() -> float:
    """Return the approximate duration of a call that trains.

    It is short, so that the progress bar moves. It is shorter with BLAS, where calls run one at a
    time and others wait.
    """
    return 0.05 if core.backend() == "portable+blas" else 0.5


def resolve_threads(n_threads: int | None) -> int:
    """Return the number of threads: `n_threads`, or that of the cores this process may use.

    CPU affinity, the container's quota, OMP_NUM_THREADS and threadpoolctl limit the cores. Those of
    one machine are shared among the processes that train together, see `share_cores`. A forked
    child gets one thread, since OpenMP's threads do not survive a fork.
    """
    if n_threads is not None:
        n_threads = check_integer("n_threads", n_threads)
    if _forked:
        return 1
    if n_threads is not None:
        return min(n_threads, _MOST_THREADS)
    n_cores = _usable_cores(usable_cpus()) // _n_sharing
    return max(1, min(n_cores, core.max_threads()))


def share_cores(n_processes: int) -> None:
    """Share the cores among so many processes that train together on this machine."""
    global _n_sharing
    _n_sharing = n_processes


@cache
def _usable_cores(cpus: frozenset[int]) -> int:
    """Return joblib's number of cores, once for each set of CPUs.

    joblib reads the container's files, which is too slow for every call.
    """
    return int(joblib.cpu_count())


def _note_fork() -> None:
    global _forked, _blas_lock
    _forked = True
    _blas_lock = threading.Lock()  # a thread that the fork did not copy may hold the old lock


after_fork_in_child(_note_fork)
