"""Models on disk: safetensors for the arrays, JSON metadata for the rest, never pickle."""

from __future__ import annotations

import json
import math
import os
import secrets
from itertools import pairwise
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from aevb._engine import ARENAS, model_from_state, model_state
from aevb._version import __version__

if TYPE_CHECKING:
    from aevb._base import LatentVariableModel

FORMAT_VERSION = 1
HISTORY_KEYS = ("samples_seen", "train_bound", "validation_bound", "seconds")

Estimator = TypeVar("Estimator", bound="LatentVariableModel")


# What reading a header that says something unexpected can raise.
_DAMAGE = (
    ValueError, TypeError, LookupError, AttributeError, OverflowError, MemoryError, RecursionError,
)  # fmt: skip


def save_model(model: LatentVariableModel, path: str | os.PathLike[str]) -> None:
    """Write a fitted model; the file appears whole or not at all."""
    state = model_state(model._engine)
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
            key: [None if math.isnan(v) else v for v in values]
            for key, values in model.history_.items()
        },
        "feature_names": _feature_names(model),
    }
    metadata = {"aevb": json.dumps(header, default=_plain, allow_nan=False)}
    path = Path(path)
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        # made here and not by save_file, so that it has the permissions of any new file
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        save_file(arrays, temporary, metadata=metadata)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def load_model(cls: type[Estimator], path: str | os.PathLike[str]) -> Estimator:
    """Read what `save_model` wrote; ValueError naming the file if it is not that."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such model file")
    try:
        with safe_open(path, framework="numpy") as file:
            header = json.loads((file.metadata() or {}).get("aevb", "null"))
            _check_header(header, cls.__name__)
            _check_shapes(header["state"]["config"], file)
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return _build(cls, header, arrays)
    except (SafetensorError, *_DAMAGE) as error:
        what = str(error) or type(error).__name__
        raise ValueError(f"{path}: not a readable {cls.__name__} model: {what}") from error


def _build(cls: type[Estimator], header: dict[str, Any], arrays: dict[str, Any]) -> Estimator:
    state = dict(header["state"])
    for arena in ARENAS:
        prefix = f"{arena}/"
        state[arena] = {
            name.removeprefix(prefix): a for name, a in arrays.items() if name.startswith(prefix)
        }
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ValueError(f"'{name}' has values that are not finite")
    params = dict(header["params"])
    if isinstance(params.get("hidden_layer_sizes"), list):
        params["hidden_layer_sizes"] = tuple(params["hidden_layer_sizes"])
    model = cls(**params)
    model._engine = model_from_state(state)
    model.n_features_in_ = int(state["config"]["n_visible"])
    model.likelihood_ = state["config"]["likelihood"]
    model.input_scale_ = float(header["input_scale"])
    if not 0 < model.input_scale_ < math.inf:
        raise ValueError(f"input_scale is {model.input_scale_}")
    model.history_ = _history(header["history"])
    names = header["feature_names"]
    if names is not None:
        if len(names) != model.n_features_in_ or not all(isinstance(n, str) for n in names):
            raise ValueError(f"it names {len(names)} features of {model.n_features_in_}")
        model.feature_names_in_ = np.asarray(names, dtype=object)
    return model


def _history(columns: dict[str, list[float | None]]) -> dict[str, list[float]]:
    if set(columns) != set(HISTORY_KEYS) or len({len(c) for c in columns.values()}) != 1:
        raise ValueError("its history is incomplete")
    history = {key: [math.nan if v is None else float(v) for v in columns[key]] for key in columns}
    history["samples_seen"] = [int(v) for v in history["samples_seen"]]
    return history


def _check_header(header: Any, class_name: str) -> None:
    if not isinstance(header, dict):
        raise ValueError("it has no aevb metadata")
    if header["format_version"] > FORMAT_VERSION:
        raise ValueError(
            f"its format is version {header['format_version']}, written by aevb "
            f"{header['library_version']}; this aevb reads up to {FORMAT_VERSION}"
        )
    if header["class"] != class_name:
        raise ValueError(f"it holds a {header['class']}")


def _check_shapes(config: dict[str, Any], file: Any) -> None:
    """Compare the tensors with the configuration before anything is allocated by its word."""
    names = set(file.keys())
    expected = weight_shapes(config)
    for name, shape in expected.items():
        for arena in ARENAS:
            key = f"{arena}/{name}"
            if key not in names:
                if arena == "weights":
                    raise ValueError(f"'{key}' is missing")
                continue
            tensor = file.get_slice(key)
            if tuple(tensor.get_shape()) != shape or tensor.get_dtype() != "F32":
                raise ValueError(
                    f"'{key}' is {tensor.get_dtype()} {tensor.get_shape()}, want F32 {list(shape)}"
                )
    unknown = names - {f"{arena}/{name}" for arena in ARENAS for name in expected}
    if unknown:
        raise ValueError(f"it has unknown tensors {sorted(unknown)[:3]}")


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


def _feature_names(model: LatentVariableModel) -> list[str] | None:
    names: NDArray[Any] | None = getattr(model, "feature_names_in_", None)
    return None if names is None else [str(name) for name in names]


def _plain(value: Any) -> Any:
    """NumPy scalars and arrays among the parameters, as JSON has them."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise TypeError(f"cannot write a {type(value).__name__} to the metadata")


__all__ = ["load_model", "save_model", "weight_shapes"]
