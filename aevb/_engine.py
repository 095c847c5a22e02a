"""The compiled core, wired up: data gather, SciPy's BLAS, threads, pickling."""

from __future__ import annotations

import copyreg
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
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
        "aevb's compiled core is missing. In a source checkout, run `pip install .` and start Python "
        "from another folder, so that the installed package is imported and not the sources."
    ) from error

__all__ = ["Config", "Model", "Rows", "default_threads", "single_threaded_blas"]

_core.set_gather(_gather.capsule())
_core.set_sgemm(_blas.capsule())
_core.isa()  # an AEVB_FORCE_ISA that this machine lacks is an error now, not in the first fit

Config = _core.Config
Model = _core.Model
Rows = _core.Rows

ARENAS = ("weights", "state1", "state2")


def default_threads() -> int:
    """Cores this process may use: affinity, container quota, OMP_NUM_THREADS, threadpoolctl."""
    return max(1, min(int(joblib.cpu_count()), _core.max_threads()))


@cache
def _blas_controller() -> ThreadpoolController:
    return ThreadpoolController()


def single_threaded_blas() -> AbstractContextManager[Any]:
    """Keep BLAS from starting threads of its own where the core calls it from its threads."""
    if _core.isa() != "blas":
        return nullcontext()
    limited: AbstractContextManager[Any] = _blas_controller().limit(limits=1, user_api="blas")
    return limited


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
