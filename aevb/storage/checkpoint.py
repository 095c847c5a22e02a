"""Checkpoints: files of a model together with the state of its training run."""

from __future__ import annotations

import math
import os
from typing import Any

from aevb.core.engine import ARENAS, Arrays, Engine
from aevb.core.state import ChainState, Mark, Place, Plan, RunState
from aevb.storage.atomic import write_file
from aevb.storage.model_file import (
    BEST,
    CHAINS,
    VELOCITY,
    Saved,
    arenas_of,
    build_model,
    describe_model,
    plain_number,
    read_file,
)


def write_checkpoint(
    path: str | os.PathLike[str], saved: Saved, run: RunState, n_rows: int
) -> None:
    """Write a model and its run on `n_rows` rows to one file, atomically."""
    arrays, header = describe_model(saved)
    described: dict[str, Any] = {
        "n_rows": n_rows,
        "start": list(run.start),
        "n_prior": run.n_prior,
        "n_worse": run.n_worse,
        "checkpoint_every": run.checkpoint_every,
        "n_train": run.n_train,
        "n_validation": run.n_validation,
        "fingerprint": run.fingerprint,
        "plan": None if run.plan is None else list(run.plan),
        "place": None if run.place is None else _described(run.place),
        "n_ranks": run.n_ranks,
    }
    if run.best is not None:
        bound, best = run.best
        described["best_bound"] = plain_number(bound)
        for arena in ARENAS:
            arrays |= {f"{BEST}{arena}/{k}": a for k, a in best.arrays(arena).items()}
    if run.velocity is not None:
        arrays |= {f"{VELOCITY}{k}": a for k, a in run.velocity.items()}
    if run.chains is not None:
        arrays[CHAINS] = run.chains.z
        described["step_state"] = run.chains.step_state
    write_file(path, arrays, header | {"trainer": described})


def read_checkpoint(path: str | os.PathLike[str]) -> tuple[Saved, RunState]:
    """Read a file of `write_checkpoint`. Call this within `reading`."""
    header, arrays = read_file(path)
    if "trainer" not in header:
        raise ValueError("it holds a model and no run")
    saved = build_model(header, arrays)
    engine, described = saved.state.engine, header["trainer"]
    best, chains = None, None
    if "best_bound" in described:
        best_engine = engine.copy()
        for arena, found in arenas_of(arrays, BEST).items():
            best_engine.set_arrays(found, arena)
        bound = described["best_bound"]
        best = (math.nan if bound is None else float(bound), best_engine)
    if CHAINS in arrays:
        chains = ChainState(arrays[CHAINS], described["step_state"])
    n_steps, n_samples, bound_sum = described["start"]
    place = _place(described.get("place"))
    n_train = _count(described["n_train"], lowest=1 if place is None else 0)
    n_seen = engine.n_samples_seen
    if not (0 <= n_steps <= engine.n_steps and n_samples <= n_seen <= n_samples + n_train):
        raise ValueError(f"its epoch starts at {n_samples} samples, its model has seen {n_seen}")
    if not (n_samples >= 0 and math.isfinite(bound_sum)):
        raise ValueError(f"its epoch starts at {n_samples} samples, with the sum {bound_sum}")
    for mark in () if place is None else (place.epoch, place.entry):
        if mark.n_steps > engine.n_steps or mark.n_samples > n_seen:
            raise ValueError(f"its pass starts at {mark.n_samples} samples, its model has {n_seen}")
    return saved, RunState(
        Mark(int(n_steps), int(n_samples), float(bound_sum)),
        _count(described["n_prior"], lowest=1 if place is None else 0),
        _count(described["n_worse"], lowest=0),
        best,
        chains,
        _count(described["checkpoint_every"]),
        n_train,
        _count(described["n_validation"], lowest=0),
        str(described["fingerprint"]),
        _plan(described.get("plan")),
        place,
        _count(described.get("n_ranks", 1)),
        _velocity(arrays, engine),
    )


def _velocity(arrays: Arrays, engine: Engine) -> Arrays | None:
    found = {k.removeprefix(VELOCITY): a for k, a in arrays.items() if k.startswith(VELOCITY)}
    if not found:
        return None
    if found.keys() != engine.arrays("weights").keys():
        raise ValueError("it has velocities of some weights only")
    return found


def _described(place: Place) -> dict[str, Any]:
    return {**place._asdict(), "epoch": list(place.epoch), "entry": list(place.entry)}


def _place(described: Any) -> Place | None:
    if described is None:
        return None
    counts = {name: _count(described[name], 0) for name in Place._fields[2:]}
    return Place(_mark(described["epoch"]), _mark(described["entry"]), **counts)


def _mark(numbers: Any) -> Mark:
    n_steps, n_samples, bound_sum = numbers
    if not math.isfinite(bound_sum):
        raise ValueError(f"it has the sum {bound_sum} of bounds")
    return Mark(_count(n_steps, 0), _count(n_samples, 0), float(bound_sum))


def _plan(numbers: Any) -> Plan | None:
    if numbers is None:
        return None
    start, every, n_epochs = numbers
    return Plan(_count(start, lowest=0), _count(every), _count(n_epochs, lowest=0))


def _count(value: Any, lowest: int = 1) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value < 2**62:
        raise ValueError(f"it has the count {value!r}")
    return value
