"""The compiled core, wired up: data gather, SciPy's BLAS, threads, pickling."""

from __future__ import annotations

import copyreg
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

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
Rows = _core.Rows

ARENAS = ("weights", "state1", "state2")


_blas_lock = threading.Lock()


@cache
def _blas_controller() -> ThreadpoolController:
    return ThreadpoolController()


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Keep BLAS from starting threads of its own where the core calls it from its threads.

    The limit holds for the whole process and only the thread that set it can lift it, so calls
    that need it go one at a time.
    """
    if _core.isa() != "blas":
        yield
        return
    with _blas_lock, _blas_controller().limit(limits=1, user_api="blas"):
        yield


def resolve_threads(n_threads: int | None) -> int:
    """Return the threads to use: `n_threads`, or every core this process may use.

    Those are given by affinity, container quota, OMP_NUM_THREADS and threadpoolctl. A child that
    was forked gets one thread: OpenMP's own do not survive a fork.
    """
    if _forked:
        return 1
    if n_threads is not None:
        return n_threads
    return max(1, min(int(joblib.cpu_count()), _core.max_threads()))


_forked = False


def _note_fork() -> None:
    global _forked
    _forked = True


os.register_at_fork(after_in_child=_note_fork)


def model_state(model: Model) -> dict[str, Any]:
    """Everything a model is: configuration, counters and named arrays."""
    return {
        "config": model.config.as_dict(),
        "n_steps": model.n_steps,
        "n_samples_seen": model.n_samples_seen,
        **{arena: model.arrays(arena) for arena in ARENAS},
    }


def model_from_state(state: dict[str, Any]) -> Model:
    """Build the model that `model_state` described; ValueError if its parts do not fit."""
    model = Model(Config(**state["config"]))
    for arena in ARENAS:
        arrays: dict[str, NDArray[np.float32]] = state[arena]
        model.set_arrays(arrays, arena)
    model.n_steps = state["n_steps"]
    model.n_samples_seen = state["n_samples_seen"]
    return model


def _reduce(model: Model) -> tuple[Callable[[dict[str, Any]], Model], tuple[dict[str, Any]]]:
    return model_from_state, (model_state(model),)


copyreg.pickle(Model, _reduce)
