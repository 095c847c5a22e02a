"""Constructor parameters of the estimators: what each may be, checked when fit begins."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_random_state

from aevb.core.checks import check_integer
from aevb.core.engine import Config
from aevb.training.learning_rate import LEARNING_RATES

if TYPE_CHECKING:
    from aevb.estimators.base import LatentVariableModel

_CHOICES: dict[str, tuple[Any, ...]] = {
    "activation": ("tanh", "relu", "softplus", "sigmoid"),
    "likelihood": ("auto", "bernoulli", "gaussian", "bounded-gaussian"),
    "bound_estimator": ("analytic-kl", "monte-carlo", "score-function"),
    "optimizer": ("adagrad", "sgd", "adam"),
    "binarize": (None, "threshold", "dynamic"),
    "precision": ("float32",),
}
_COUNTS = ("n_components", "n_draws", "batch_size", "n_epochs", "n_leapfrog", "n_updates")
# name: (lowest, may it be the lowest, highest, may it be the highest)
_REALS = {
    "learning_rate": (0.0, False, 1e37, True),
    "weight_decay": (0.0, True, 1e37, True),
    "init_scale": (0.0, True, 1e37, True),
    "validation_fraction": (0.0, True, 1.0, False),
    "target_accept": (0.0, False, 1.0, False),
}


_ALL_ROWS = 2**62  # the core's batch_size of a model that takes in all rows at once


def check_real(name: str, value: Any) -> None:
    """Check a parameter that is a real number; TypeError or ValueError naming it."""
    low, low_ok, high, high_ok = _REALS[name]
    want = f"a number in {'[' if low_ok else '('}{low:g}, {high:g}{']' if high_ok else ')'}"
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"{name}: got {value!r}, want {want}")
    value = float(value)
    above = value >= low if low_ok else value > low
    below = value <= high if high_ok else value < high
    if not (above and below) or (value > 0 and np.float32(value) == 0):
        raise ValueError(f"{name}: got {value!r}, want {want}, and not so small as to vanish")


def check_hidden_layer_sizes(value: Any) -> list[int]:
    """Return the widths as a list; a single integer is one layer."""
    one = not isinstance(value, Collection) or isinstance(value, (str, bytes, Mapping, Set))
    sizes = [value] if one or getattr(value, "ndim", 1) == 0 else list(value)
    if not sizes:
        raise ValueError("hidden_layer_sizes: got none, want at least one layer")
    return [check_integer("hidden_layer_sizes", size) for size in sizes]


def check_parameters(model: LatentVariableModel) -> None:
    """Check every constructor parameter.

    Raises
    ------
    TypeError, ValueError
        Naming the parameter, what it got and what it wants.
    """
    params = model.get_params(deep=False)
    for name, choices in _CHOICES.items():
        if name not in params:
            continue  # a parameter of another estimator
        value = getattr(model, name)
        if not (value is None or isinstance(value, str)) or value not in choices:
            raise ValueError(f"{name}: got {value!r}, want one of {', '.join(map(repr, choices))}")
    for name in (count for count in _COUNTS if count in params):
        if not (name == "batch_size" and model.batch_size is None and model._may_take_all_rows):
            check_integer(name, getattr(model, name))
    for name in (real for real in _REALS if real in params):
        if not (name == "learning_rate" and _is_auto(model.learning_rate)):
            check_real(name, getattr(model, name))
    check_hidden_layer_sizes(model.hidden_layer_sizes)
    for name in ("n_threads", "patience"):
        if getattr(model, name) is not None:
            check_integer(name, getattr(model, name))
    for name in ("warm_start", "verbose"):
        value = getattr(model, name)
        if not isinstance(value, (bool, np.bool_, Integral)):
            raise TypeError(f"{name}: got {value!r}, want a bool or an integer")
    scale = model.input_scale
    if not _is_auto(scale):
        if isinstance(scale, str) or not isinstance(scale, Real) or isinstance(scale, bool):
            raise TypeError(f"input_scale: got {scale!r}, want 'auto' or a positive number")
        if not 1e-37 < float(scale) < 1e37:
            raise ValueError(f"input_scale: got {scale!r}, want 'auto' or one in (1e-37, 1e37)")


def make_config(model: LatentVariableModel, n_visible: int, seed: int) -> Config:
    """Return the core's configuration of a model whose data-dependent choices are made."""
    return Config(
        n_visible=n_visible,
        n_components=int(model.n_components),
        hidden_layer_sizes=check_hidden_layer_sizes(model.hidden_layer_sizes),
        activation=model.activation,
        likelihood=model.likelihood_,
        bound_estimator=getattr(model, "bound_estimator", "analytic-kl"),
        n_draws=int(model.n_draws),
        optimizer=model.optimizer,
        learning_rate=_learning_rate(model),
        weight_decay=float(model.weight_decay),
        init_scale=float(model.init_scale),
        batch_size=_ALL_ROWS if model.batch_size is None else int(model.batch_size),
        binarize=model.binarize or "none",
        seed=seed,
        algorithm=model._algorithm,
    )


def _learning_rate(model: LatentVariableModel) -> float:
    """Return what is asked for; for "auto" what is in use, or where trials begin."""
    if not _is_auto(model.learning_rate):
        return float(model.learning_rate)
    return model.learning_rate_ if model.__sklearn_is_fitted__() else LEARNING_RATES[0]


def _is_auto(value: Any) -> bool:
    return isinstance(value, str) and value == "auto"


def draw_seed(random_state: Any) -> int:
    """Return a seed of the core's noise from scikit-learn's ``random_state``."""
    try:
        generator = check_random_state(random_state)
    except ValueError as error:
        raise ValueError(
            f"random_state: got {random_state!r}, want None, an integer in [0, 2**32) or a "
            f"RandomState"
        ) from error
    return int(generator.randint(np.iinfo(np.int32).max))
