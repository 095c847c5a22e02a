"""Files of models: safetensors for the arrays, and JSON metadata for the rest."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from numbers import Integral
from pathlib import Path
from types import NoneType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from aevb._version import __version__
from aevb.core.engine import ARENAS, Config, Engine
from aevb.core.state import HISTORY_KEYS, State
from aevb.core.units import Units
from aevb.data.families import pairs_of
from aevb.data.schema import Schema
from aevb.storage.atomic import write_file
from aevb.storage.versions import up_to_date

FORMAT_VERSION = 3
BEST = "trainer/best/"  # names of a checkpoint's tensors
CHAINS = "trainer/chains"
VELOCITY = "trainer/velocity/"

# The exceptions that reading a damaged header can raise.
_DAMAGE = (
    ValueError, TypeError, LookupError, AttributeError, OverflowError, MemoryError, RecursionError,
)  # fmt: skip


class Saved(NamedTuple):
    """The contents of a model's file: the name of its class, its parameters and its state."""

    class_name: str
    params: dict[str, Any]
    state: State


def write_model(path: str | os.PathLike[str], saved: Saved) -> None:
    """Write a model to a file, atomically."""
    write_file(path, *describe_model(saved))


def read_model(path: str | os.PathLike[str]) -> Saved:
    """Read a file of `write_model`. Call this within `reading`."""
    return build_model(*read_file(path))


def describe_model(saved: Saved) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return the arrays and the header of a model's file."""
    learnt = saved.state
    state = learnt.engine.state()
    arrays = {f"{arena}/{name}": a for arena in ARENAS for name, a in state.pop(arena).items()}
    params = dict(saved.params)
    if "hidden_layer_sizes" in params:  # a subclass may not have it
        params["hidden_layer_sizes"] = state["config"]["hidden_layer_sizes"]
    if "random_state" in params and not isinstance(params["random_state"], Integral):
        params["random_state"] = None  # a generator has no JSON form; its seed is in the config
    if isinstance(params.get("likelihood"), (Mapping, list, tuple)):
        params["likelihood"] = [
            [family, [c if isinstance(c, str) else int(c) for c in columns]]
            for family, columns in pairs_of(params["likelihood"])
        ]
    if callable(params.get("learning_rate_schedule")):
        params["learning_rate_schedule"] = "constant"  # nor has a function
    units = Units(*state.pop("units"))
    names = learnt.feature_names
    header = {
        "format_version": FORMAT_VERSION,
        "library_version": __version__,
        "class": saved.class_name,
        "params": params,
        "state": state,
        "scale": learnt.scale,
        "units": {
            "location": _short(units.location),
            "scale": _short(units.scale),
            "log_jacobian": units.log_jacobian,
            "log_jacobians": _short(units.log_jacobians),
            "places": units.places,
            "levels": units.levels,
        },
        "history": {
            key: [plain_number(v) for v in values] for key, values in learnt.history.items()
        },
        "n_forgotten": learnt.n_forgotten,
        "schema": None if learnt.schema is None else learnt.schema.to_dict(),
        "feature_names": None if names is None else [str(name) for name in names],
        "learning_rate_trials": [
            [rate, score if math.isfinite(score) else None]
            for rate, score in (learnt.learning_rate_trials or {}).items()
        ],
    }
    return arrays, header


def build_model(header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Saved:
    """Build a model from the result of `describe_model`."""
    n_features = _n_features(header)
    state = header["state"] | arenas_of(arrays) | {"units": _units(header["units"], n_features)}
    for name in ("bound_sum", "seconds"):
        if not math.isfinite(state[name]):
            raise ValueError(f"{name} is {state[name]}")
    params = dict(header["params"])
    if isinstance(params.get("hidden_layer_sizes"), list):
        params["hidden_layer_sizes"] = tuple(params["hidden_layer_sizes"])
    if not isinstance(params.get("random_state"), (int, NoneType)):
        raise ValueError(f"random_state is {params['random_state']!r}")
    scale = header["scale"]
    if scale != "standard" and not 1e-37 < float(scale) < 1e37:  # the range of the parameter
        raise ValueError(f"scale is {scale!r}")
    learnt = State(
        engine=Engine.from_state(state),
        scale=scale if scale == "standard" else float(scale),
        history=_history(header["history"]),
        feature_names=_feature_names(header["feature_names"], n_features),
        learning_rate_trials=_trials(header.get("learning_rate_trials")),
        n_forgotten=_n_forgotten(header.get("n_forgotten", 0.0), state["n_samples_seen"]),
        schema=_schema(header.get("schema"), n_features),
    )
    return Saved(header["class"], params, learnt)


def _n_features(header: dict[str, Any]) -> int:
    """Return the number of columns of the data."""
    places = header["units"]["places"]
    return len(places) if places else int(header["state"]["config"]["n_visible"])


@contextmanager
def reading(path: str | os.PathLike[str], what: str) -> Iterator[None]:
    """Turn the errors of a damaged file into a ValueError that names the file."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        yield
    except (SafetensorError, *_DAMAGE) as error:
        raise ValueError(
            f"{path}: not a readable {what}: {str(error) or type(error).__name__}"
        ) from error


def read_file(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the header and the arrays. First compare their shapes with the header."""
    with safe_open(path, framework="numpy") as file:
        header = json.loads((file.metadata() or {}).get("aevb", "null"))
        _check_header(header)
        header = up_to_date(header)
        _check_shapes(header, file)
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ValueError(f"'{name}' has values that are not finite")
    return header, arrays


def arenas_of(arrays: dict[str, NDArray[Any]], prefix: str = "") -> dict[str, dict[str, Any]]:
    """Return {arena: {name: array}} of the arrays named prefix + arena/name."""
    return {
        arena: {
            name.removeprefix(f"{prefix}{arena}/"): array
            for name, array in arrays.items()
            if name.startswith(f"{prefix}{arena}/")
        }
        for arena in ARENAS
    }


def _short(values: NDArray[np.float64]) -> list[float] | float:
    """Return one number for equal values."""
    return values.tolist() if (values != values[0]).any() else float(values[0])


def _units(units: dict[str, Any], n_features: int) -> tuple[Any, ...]:
    location, scale, log_jacobians = (
        np.broadcast_to(np.asarray(units[name], np.float64), n_features)
        for name in ("location", "scale", "log_jacobians")
    )
    log_jacobian = float(units["log_jacobian"])
    numbers = np.concatenate([location, scale, log_jacobians, [log_jacobian]])
    if not (np.isfinite(numbers).all() and (scale > 0).all()):
        raise ValueError("its units are not finite, or a scale is not positive")
    places, levels = ([int(n) for n in units[name]] for name in ("places", "levels"))
    if min(places + levels, default=0) < 0 or max(places + levels, default=0) >= 2**31:
        raise ValueError("its places or levels are out of range")
    return location, scale, log_jacobian, log_jacobians, places, levels


def _feature_names(names: Any, n_features: int) -> NDArray[Any] | None:
    if names is None:
        return None
    if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
        raise ValueError("its feature_names are not a list of strings")
    if len(names) != n_features:
        raise ValueError(f"it names {len(names)} features, its model has {n_features}")
    return np.asarray(names, dtype=object)


def _schema(stored: Any, n_features: int) -> Schema | None:
    if stored is None:
        return None
    schema = Schema.from_dict(stored)
    if len(schema.columns) != n_features:
        raise ValueError(f"its schema has {len(schema.columns)} columns, its model {n_features}")
    return schema


def _trials(pairs: Any) -> dict[float, float] | None:
    if not pairs:
        return None
    trials = {float(rate): -math.inf if score is None else float(score) for rate, score in pairs}
    if not all(map(math.isfinite, trials)):
        raise ValueError("it tried learning rates that are not finite")
    return trials


def _history(columns: dict[str, list[float | str | None]]) -> dict[str, list[float]]:
    if set(columns) != set(HISTORY_KEYS) or len({len(c) for c in columns.values()}) != 1:
        raise ValueError("its history is incomplete")
    history = {key: [_number_in(v) for v in columns[key]] for key in columns}
    for key in ("samples_seen", "held_out"):
        history[key] = [int(v) for v in history[key]]
    return history


def _n_forgotten(value: Any, n_seen: int) -> float:
    if not 0.0 <= float(value) <= n_seen:
        raise ValueError(f"it has forgotten {value!r} of {n_seen} rows")
    return float(value)


def _number_in(value: float | str | None) -> float:
    return math.nan if value is None else float(value)


def _check_header(header: Any) -> None:
    if not isinstance(header, dict):
        raise ValueError("it has no aevb metadata")
    if header["format_version"] > FORMAT_VERSION:
        raise ValueError(
            f"its format is version {header['format_version']}, written by aevb "
            f"{header['library_version']}; this aevb reads up to {FORMAT_VERSION}"
        )


def _check_shapes(header: dict[str, Any], file: Any) -> None:
    """Compare the tensors with the configuration before the core allocates any memory."""
    config = header["state"]["config"]
    for name in config:
        if not name.isascii():  # pybind11 ends the process over half of a surrogate pair
            raise ValueError(f"its configuration has {name!r}")
    try:
        shapes = Config(**config).weight_shapes
    except MemoryError:  # no memory is allocated here: the product of sizes is too large
        raise ValueError("its configuration is of a network too large for any memory") from None
    wanted = {f"{arena}/{name}": shape for arena in ARENAS for name, shape in shapes.items()}
    if "trainer" in header:  # a checkpoint may have the best weights so far, and chains
        wanted |= {f"{BEST}{name}": shape for name, shape in wanted.items()}
        wanted |= {f"{VELOCITY}{name}": shape for name, shape in shapes.items()}
        wanted[CHAINS] = (int(header["trainer"]["n_rows"]), int(config["n_components"]))
    names = set(file.keys())
    for name in shapes:
        if f"weights/{name}" not in names:
            raise ValueError(f"'weights/{name}' is missing")
    unknown = names - set(wanted)
    if unknown:
        raise ValueError(f"it has unknown tensors {sorted(unknown)[:3]}")
    for name in names:
        tensor = file.get_slice(name)
        if tuple(tensor.get_shape()) != wanted[name] or tensor.get_dtype() != "F32":
            raise ValueError(
                f"'{name}' is {tensor.get_dtype()} {tensor.get_shape()}, want F32 "
                f"{list(wanted[name])}"
            )


def plain_number(value: float) -> float | str | None:
    """Return a number for JSON, which has neither NaN nor infinity."""
    if math.isnan(value):
        return None
    return value if math.isfinite(value) else str(value)
