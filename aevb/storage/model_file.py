"""Models on disk: safetensors for the arrays, JSON metadata for the rest, never pickle."""

from __future__ import annotations

import errno
import json
import math
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from numbers import Integral
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from aevb._version import __version__
from aevb.core.engine import ARENAS, model_from_state
from aevb.estimators.parameters import check_parameters

if TYPE_CHECKING:
    from aevb.estimators.base import LatentVariableModel

FORMAT_VERSION = 1
HISTORY_KEYS = ("samples_seen", "train_bound", "validation_bound", "seconds")
BEST = "trainer/best/"  # names of a checkpoint's tensors
CHAINS = "trainer/chains"

Estimator = TypeVar("Estimator", bound="LatentVariableModel")


# What reading a header that says something unexpected can raise.
_DAMAGE = (
    ValueError, TypeError, LookupError, AttributeError, OverflowError, MemoryError, RecursionError,
)  # fmt: skip


def save_model(model: LatentVariableModel, path: str | os.PathLike[str]) -> None:
    """Write a fitted model; the file appears whole or not at all."""
    write_file(path, *describe_model(model))


def describe_model(
    model: LatentVariableModel,
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return the arrays and the header that a file of the model holds.

    Raises
    ------
    TypeError, ValueError
        If a parameter is none that `build_model` would take.
    """
    check_parameters(model)
    state = model._engine.state()
    arrays = {f"{arena}/{name}": a for arena in ARENAS for name, a in state.pop(arena).items()}
    params = model.get_params(deep=False)
    params["hidden_layer_sizes"] = state["config"]["hidden_layer_sizes"]
    if not isinstance(params["random_state"], Integral):
        params["random_state"] = None  # a generator has no JSON form; its seed is in the config
    header = {
        "format_version": FORMAT_VERSION,
        "library_version": __version__,
        "class": type(model).__name__,
        "params": params,
        "state": state,
        "input_scale": model.input_scale_,
        "history": {
            key: [plain_number(v) for v in values] for key, values in model.history_.items()
        },
        "feature_names": _feature_names(model),
        "learning_rate_trials": [
            [rate, score if math.isfinite(score) else None]
            for rate, score in getattr(model, "learning_rate_trials_", {}).items()
        ],
    }
    return arrays, header


def write_file(
    path: str | os.PathLike[str], arrays: dict[str, NDArray[Any]], header: dict[str, Any]
) -> None:
    """Write arrays and header; what stood at `path` is replaced whole or not at all."""
    metadata = {"aevb": json.dumps(header, default=_plain, allow_nan=False)}
    path = Path(path)
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        mode = os.fstat(descriptor).st_mode & 0o777  # of any new file; save_file may have its own
        os.close(descriptor)
        try:
            save_file(arrays, temporary, metadata=metadata)
        except SafetensorError as error:  # the system's, in its own clothes
            code = re.search(r"os error (\d+)", str(error))
            raise OSError(int(code[1]) if code else errno.EIO, str(error), str(path)) from error
        os.chmod(temporary, mode)
        _sync(temporary)
        os.replace(temporary, path)
        _sync(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _sync(path: Path) -> None:
    """Have it on disk before going on: a crash must not leave a name without its contents."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def load_model(cls: type[Estimator], path: str | os.PathLike[str]) -> Estimator:
    """Read what `save_model` wrote; ValueError naming the file if it is not that."""
    with reading(path, f"{cls.__name__} model"):
        header, arrays = read_file(path)
        return build_model(cls, header, arrays)


@contextmanager
def reading(path: str | os.PathLike[str], what: str) -> Iterator[None]:
    """Turn whatever a damaged file raises into a ValueError that names it."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        yield
    except (SafetensorError, *_DAMAGE) as error:
        raise ValueError(
            f"{path}: not a readable {what}: {str(error) or type(error).__name__}"
        ) from error


def read_file(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return header and arrays, once the shapes are seen to be those that the header says."""
    with safe_open(path, framework="numpy") as file:
        header = json.loads((file.metadata() or {}).get("aevb", "null"))
        _check_header(header)
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


def build_model(
    cls: type[Estimator], header: dict[str, Any], arrays: dict[str, NDArray[Any]]
) -> Estimator:
    """Return the model that `describe_model` described."""
    if header["class"] != cls.__name__:
        raise ValueError(f"it holds a {header['class']!r}")
    state = header["state"] | arenas_of(arrays)
    algorithm = state["config"].get("algorithm", "aevb")
    if algorithm != cls._algorithm:
        raise ValueError(f"its algorithm is {algorithm!r}, of a {cls.__name__} {cls._algorithm!r}")
    for name in ("bound_sum", "seconds"):
        if not math.isfinite(state[name]):
            raise ValueError(f"{name} is {state[name]}")
    params = dict(header["params"])
    if isinstance(params.get("hidden_layer_sizes"), list):
        params["hidden_layer_sizes"] = tuple(params["hidden_layer_sizes"])
    if not isinstance(params.get("random_state"), (int, NoneType)):
        raise ValueError(f"random_state is {params['random_state']!r}")
    model = cls(**params)
    check_parameters(model)
    model._engine = model_from_state(state)
    model.n_features_in_ = int(state["config"]["n_visible"])
    model.likelihood_ = state["config"]["likelihood"]
    model.input_scale_ = float(header["input_scale"])
    if not 1e-37 < model.input_scale_ < 1e37:  # as the parameter's
        raise ValueError(f"input_scale is {model.input_scale_}")
    model.history_ = _history(header["history"])
    trials = header.get("learning_rate_trials")
    if trials:
        model.learning_rate_trials_ = {
            float(rate): -math.inf if score is None else float(score) for rate, score in trials
        }
        if not all(map(math.isfinite, model.learning_rate_trials_)):
            raise ValueError("it tried learning rates that are not finite")
    names = header["feature_names"]
    if names is not None:
        if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
            raise ValueError("its feature_names are no list of texts")
        if len(names) != model.n_features_in_:
            raise ValueError(f"it names {len(names)} features of {model.n_features_in_}")
        model.feature_names_in_ = np.asarray(names, dtype=object)
    return model


def _history(columns: dict[str, list[float | str | None]]) -> dict[str, list[float]]:
    if set(columns) != set(HISTORY_KEYS) or len({len(c) for c in columns.values()}) != 1:
        raise ValueError("its history is incomplete")
    history = {key: [_number_in(v) for v in columns[key]] for key in columns}
    history["samples_seen"] = [int(v) for v in history["samples_seen"]]
    return history


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
    """Compare the tensors with the configuration before anything is allocated by its word."""
    config = header["state"]["config"]
    for name in config:
        if not name.isascii():  # pybind11 ends the process over half of a surrogate pair
            raise ValueError(f"its configuration has {name!r}")
    shapes = weight_shapes(config)
    wanted = {f"{arena}/{name}": shape for arena in ARENAS for name, shape in shapes.items()}
    if "trainer" in header:  # a checkpoint: the best weights so far, and chains, where it has them
        wanted |= {f"{BEST}{name}": shape for name, shape in wanted.items()}
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


def weight_shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return the shape of every array in ``weights_`` of a model with this configuration."""
    hidden = list(config["hidden_layer_sizes"])
    if not hidden:
        raise ValueError("it has no hidden layers")
    n_visible, n_latent = config["n_visible"], config["n_components"]
    layers: dict[str, tuple[int, int]] = {}
    sides = {"encoder": [n_visible, *hidden], "decoder": [n_latent, *hidden[::-1]]}
    if config.get("algorithm") == "monte-carlo-em":
        del sides["encoder"]
    else:
        layers["encoder.mean"] = layers["encoder.log_var"] = (hidden[-1], n_latent)
    for side, widths in sides.items():
        for i, shape in enumerate(pairwise(widths)):
            layers[f"{side}.hidden{i}"] = shape
    heads = ["logits"] if config["likelihood"] == "bernoulli" else ["mean", "log_var"]
    layers |= {f"decoder.{head}": (hidden[0], n_visible) for head in heads}
    shapes: dict[str, tuple[int, ...]] = {}
    for name, (n_in, n_out) in layers.items():
        shapes[f"{name}.weight"] = (n_in, n_out)
        shapes[f"{name}.bias"] = (n_out,)
    return shapes


def plain_number(value: float) -> float | str | None:
    """Return what JSON has for a number: it has no NaN and no infinity."""
    if math.isnan(value):
        return None
    return value if math.isfinite(value) else str(value)


def _feature_names(model: LatentVariableModel) -> list[str] | None:
    names: NDArray[Any] | None = getattr(model, "feature_names_in_", None)
    return None if names is None else [str(name) for name in names]


def _plain(value: Any) -> Any:
    """NumPy scalars and arrays among the parameters, as JSON has them."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise TypeError(f"cannot write a {type(value).__name__} to the metadata")
