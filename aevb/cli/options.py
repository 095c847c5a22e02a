"""Options that several commands have, and the types that they are read as."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn


class UsageError(Exception):
    """The command was called in a way it cannot be."""


class Parser(argparse.ArgumentParser):
    """Raises what it has to complain of."""

    def error(self, message: str) -> NoReturn:
        """Raise the error; argparse would print it and end the process."""
        raise UsageError(f"{message} (see {self.prog} --help)")


def _layers(text: str) -> tuple[int, ...]:
    return tuple(int(size) for size in text.split(","))


def _auto_or_float(text: str) -> str | float:
    return text if text == "auto" else float(text)


def image_shape(text: str) -> tuple[int, int]:
    """Read HxW."""
    height, width = text.lower().split("x")
    return int(height), int(width)


_layers.__name__ = "list of layer sizes"  # argparse names the type in its messages
_auto_or_float.__name__ = "number or 'auto'"
image_shape.__name__ = "image shape"

# The constructor's parameters as options: name, type or choices, help. The defaults are AEVB's.
MODEL_OPTIONS: tuple[tuple[str, Any, str], ...] = (
    ("n_components", int, "latent units"),
    ("hidden_layer_sizes", _layers, "units of the encoder's hidden layers, as in 500 or 500,200"),
    ("activation", ("tanh", "relu", "softplus", "sigmoid"), "of the hidden layers"),
    ("likelihood", ("auto", "bernoulli", "gaussian", "bounded-gaussian"), "of the decoder"),
    (
        "bound_estimator",
        ("analytic-kl", "monte-carlo", "score-function"),
        "of the bound and its gradient",
    ),
    ("n_draws", int, "draws of z per row"),
    ("optimizer", ("adagrad", "adam", "sgd"), "that climbs the bound"),
    ("learning_rate", _auto_or_float, "step size, or auto"),
    ("weight_decay", float, "precision of the weights' Gaussian prior"),
    ("init_scale", float, "standard deviation of the first weights"),
    ("batch_size", int, "rows per step"),
    ("n_epochs", int, "passes over the rows"),
    ("binarize", ("threshold", "dynamic"), "make grey levels 0/1"),
    ("input_scale", _auto_or_float, "factor on the data, or auto"),
    ("validation_fraction", float, "part of the rows held out to watch the bound"),
    ("patience", int, "stop after so many epochs without a better validation bound"),
)
RUN_OPTIONS: tuple[tuple[str, Any, str], ...] = (
    ("n_threads", int, "threads"),
    ("random_state", int, "seed of everything random"),
)


def add_options(parser: argparse.ArgumentParser, options: Any) -> None:
    """Add options that are absent from the namespace unless given."""
    for name, kind, text in options:
        known: dict[str, Any] = {"choices": kind} if isinstance(kind, tuple) else {"type": kind}
        if "choices" not in known:
            known["metavar"] = name.rsplit("_", 1)[-1].upper()
        flag = "--" + name.replace("_", "-")
        parser.add_argument(flag, default=argparse.SUPPRESS, help=text, **known)


def given(args: argparse.Namespace, options: Any) -> dict[str, Any]:
    """Return those of the options that were given."""
    return {name: getattr(args, name) for name, _, _ in options if hasattr(args, name)}
