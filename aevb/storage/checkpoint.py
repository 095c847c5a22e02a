"""Checkpoints of a training run: the model's file with what else the trainer is in the midst of."""

from __future__ import annotations

import math
import os
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from aevb import _core
from aevb.core.engine import ARENAS, Model, MonteCarloEm, Rows
from aevb.estimators.parameters import check_parameters
from aevb.storage.model_file import (
    BEST,
    CHAINS,
    arenas_of,
    build_model,
    describe_model,
    plain_number,
    read_file,
    reading,
    write_file,
)

if TYPE_CHECKING:
    from aevb.estimators.base import LatentVariableModel
    from aevb.training.trainer import Trainer

_N_FINGERPRINT_ROWS = 1000


class Mark(NamedTuple):
    """The core's counts at some moment."""

    n_steps: int
    n_samples: int
    bound_sum: float


class RunState(NamedTuple):
    """Where a run stands, beside its model."""

    start: Mark  # of the epoch
    n_prior: int
    n_worse: int = 0
    best: tuple[float, Model] | None = None
    chains: MonteCarloEm | None = None
    checkpoint_every: int = 1
    n_train: int = 0
    n_validation: int = 0
    fingerprint: str = ""


def fingerprint(model: Model, rows: Rows) -> str:
    """Return a hash of the data's shape and of rows spread over them."""
    n_rows, n_columns = rows.shape
    n = min(n_rows, _N_FINGERPRINT_ROWS)
    index = [int(row) for row in np.linspace(0, n_rows - 1, n).round()]
    ids = _core.content_ids(model, rows, index)
    return sha256(repr((n_rows, n_columns)).encode() + ids.tobytes()).hexdigest()


def write_checkpoint(trainer: Trainer, path: str | os.PathLike[str]) -> None:
    """Write model and run; the file appears whole or not at all."""
    arrays, header = describe_model(trainer.model)
    state = trainer._run_state()
    described: dict[str, Any] = {
        "n_rows": trainer._rows.shape[0],
        "start": list(state.start),
        "n_prior": state.n_prior,
        "n_worse": state.n_worse,
        "checkpoint_every": state.checkpoint_every,
        "n_train": state.n_train,
        "n_validation": state.n_validation,
        "fingerprint": state.fingerprint,
    }
    if state.best is not None:
        bound, best = state.best
        described["best_bound"] = plain_number(bound)
        for arena in ARENAS:
            arrays |= {f"{BEST}{arena}/{k}": a for k, a in best.arrays(arena).items()}
    if state.chains is not None:
        arrays[CHAINS] = state.chains.z
        described["step_state"] = state.chains.step_state
    write_file(path, arrays, header | {"trainer": described})


def read_checkpoint(path: str | os.PathLike[str]) -> tuple[LatentVariableModel, RunState]:
    """Return what `write_checkpoint` wrote; ValueError naming the file if it is not that."""
    with reading(path, "checkpoint"):
        header, arrays = read_file(path)
        if "trainer" not in header:
            raise ValueError("it holds a model and no run")
        model = build_model(_estimator(header["class"]), header, arrays)
        described = header["trainer"]
        best, chains = None, None
        if "best_bound" in described:
            engine = model._engine.copy()
            for arena, found in arenas_of(arrays, BEST).items():
                engine.set_arrays(found, arena)
            bound = described["best_bound"]
            best = (math.nan if bound is None else float(bound), engine)
        if CHAINS in arrays:
            chains = model._chains_at(arrays[CHAINS])
            chains.step_state = described["step_state"]
        check_parameters(model)
        if (chains is None) == (not model._has_encoder):
            raise ValueError("its chains are not those of its kind of model")
        n_steps, n_samples, bound_sum = described["start"]
        n_train = _count(described["n_train"])
        n_seen = model.n_samples_seen_
        if not (0 <= n_steps <= model.n_steps_ and n_samples <= n_seen <= n_samples + n_train):
            raise ValueError(f"its epoch starts at {n_samples} samples of {n_seen}")
        if not (n_samples >= 0 and math.isfinite(bound_sum)):
            raise ValueError(f"its epoch starts at {n_samples} samples, with the sum {bound_sum}")
        return model, RunState(
            Mark(int(n_steps), int(n_samples), float(bound_sum)),
            _count(described["n_prior"]),
            _count(described["n_worse"], lowest=0),
            best,
            chains,
            _count(described["checkpoint_every"]),
            n_train,
            _count(described["n_validation"], lowest=0),
            str(described["fingerprint"]),
        )


def _estimator(name: str) -> type[LatentVariableModel]:
    from aevb import AEVB, MCEM, WakeSleep  # they import this by way of the trainer

    return {"AEVB": AEVB, "WakeSleep": WakeSleep, "MCEM": MCEM}[name]


def _count(value: Any, lowest: int = 1) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value < 2**62:
        raise ValueError(f"it has the count {value!r}")
    return value
