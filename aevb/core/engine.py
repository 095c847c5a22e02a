"""The compiled core, wired up: data gather, SciPy's BLAS, threads, pickling."""

from __future__ import annotations

import copyreg
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import Any, NamedTuple

import joblib
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from aevb.core.checks import check_integer

try:
    from aevb import _blas, _core, _gather
except ImportError as error:
    raise ImportError(
        "aevb's compiled core is missing. In a source checkout, run `pip install .` and start "
        "Python from another folder, so that the installed package is imported, not the sources."
    ) from error

_core.set_gather(_gather.capsule())
_core.set_sgemm(_blas.capsule())
_core.isa()  # an AEVB_FORCE_ISA that this machine lacks is an error now, not in the first fit

Config = _core.Config
Model = _core.Model
MonteCarloEm = _core.MonteCarloEm
Rows = _core.Rows
OutOfRangeError = _core.OutOfRangeError

all_finite = _core.all_finite

ARENAS = ("weights", "state1", "state2")


_blas_lock = threading.Lock()
_UNLIMITED = nullcontext()


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
    return _limited_blas() if _core.isa() == "blas" else _UNLIMITED


def slice_seconds() -> float:
    """Return how long a call that trains lasts, about, so that the progress bar moves.

    Where calls go one at a time, others get their turn in between.
    """
    return 0.05 if _core.isa() == "blas" else 0.5


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
    return max(1, min(_usable_cores(frozenset(os.sched_getaffinity(0))), _core.max_threads()))


@cache
def _usable_cores(affinity: frozenset[int]) -> int:
    """Return joblib's count, which reads the container's files: too slow for every call.

    It is asked again when the process may use other cores than before.
    """
    return int(joblib.cpu_count())


_forked = False


def _note_fork() -> None:
    global _forked, _blas_lock
    _forked = True
    _blas_lock = threading.Lock()  # the old one may be held by a thread that was not forked


os.register_at_fork(after_in_child=_note_fork)


_MOST_THREADS = 1024


class Subset(NamedTuple):
    """Positions [begin, begin + size) of a data set, in its own order or in the random split's."""

    begin: int
    size: int
    split: bool


def bound_of(
    model: Model, rows: Rows, subset: Subset, n_draws: int, seed: int, n_threads: int | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the bound of each row and its variance over the noise."""
    with single_threaded_blas():
        return model.bound(
            rows,
            begin=subset.begin,
            size=subset.size,
            split=subset.split,
            n_draws=n_draws,
            seed=seed,
            n_threads=resolve_threads(n_threads),
        )


def model_from_state(state: dict[str, Any]) -> Model:
    """Build the model that `Model.state` described; ValueError if its parts do not fit."""
    model = Model(Config(**state["config"]))
    for arena in ARENAS:
        arrays: dict[str, NDArray[np.float32]] = state[arena]
        model.set_arrays(arrays, arena)
    model.n_steps = state["n_steps"]
    model.n_samples_seen = state["n_samples_seen"]
    model.bound_sum = state["bound_sum"]
    model.seconds = state["seconds"]
    return model


PICKLE_FORMAT = 1  # of what `_reduce` writes; a later one is refused by this library


def _reduce(model: Model) -> tuple[Callable[..., Model], tuple[dict[str, Any], int]]:
    return unpickle_model, (model.state(), PICKLE_FORMAT)


def unpickle_model(state: dict[str, Any], pickle_format: int) -> Model:
    """Build the model of a pickle; ValueError if it is of another format or damaged."""
    if pickle_format != PICKLE_FORMAT:
        raise ValueError(
            f"pickle: the core's state has format {pickle_format!r}, want {PICKLE_FORMAT}; it was "
            f"written by another version of aevb. Files of save() are meant to be kept"
        )
    try:
        return model_from_state(state)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise ValueError(f"pickle: the core's state is damaged: {error}") from error


copyreg.pickle(Model, _reduce)
