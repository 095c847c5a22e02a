"""How many threads the core takes, and that BLAS takes none of its own beside them."""

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


@cache
def _blas_controller() -> ThreadpoolController:
    return ThreadpoolController()


@contextmanager
def _limited_blas() -> Iterator[None]:
    with _blas_lock, _blas_controller().limit(limits=1, user_api="blas"):
        yield


def single_threaded_blas() -> AbstractContextManager[None]:
    """Keep BLAS from starting threads of its own where the core calls it from its threads.

    The limit holds for the whole process and only the thread that set it can lift it, so calls
    that need it go one at a time.
    """
    return _limited_blas() if core.backend() == "portable+blas" else _UNLIMITED


def slice_seconds() -> float:
    """Return how long a call that trains lasts, about, so that the progress bar moves.

    Where calls go one at a time, others get their turn in between.
    """
    return 0.05 if core.backend() == "portable+blas" else 0.5


def resolve_threads(n_threads: int | None) -> int:
    """Return the threads to use: `n_threads`, or every core this process may use.

    Those are given by affinity, container quota, OMP_NUM_THREADS and threadpoolctl. A child that
    was forked gets one thread: OpenMP's own do not survive a fork.
    """
    if n_threads is not None:
        n_threads = check_integer("n_threads", n_threads)
    if _forked:
        return 1
    if n_threads is not None:
        return min(n_threads, _MOST_THREADS)
    return max(1, min(_usable_cores(usable_cpus()), core.max_threads()))


@cache
def _usable_cores(cpus: frozenset[int]) -> int:
    """Return joblib's count, which reads the container's files: too slow for every call.

    It is asked again when the process may use other cores than before.
    """
    return int(joblib.cpu_count())


def _note_fork() -> None:
    global _forked, _blas_lock
    _forked = True
    _blas_lock = threading.Lock()  # the old one may be held by a thread that was not forked


after_fork_in_child(_note_fork)
