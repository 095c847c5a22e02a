"""Options of the commands, made from the declarations of the parameters."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from aevb.estimators.aevb import AEVB
from aevb.estimators.parameters import Parameter, declared
from aevb.evaluation.evaluator import Evaluator


class UsageError(Exception):
    """The command line is wrong."""


class Parser(argparse.ArgumentParser):
    """A parser that raises its errors."""

    def error(self, message: str) -> NoReturn:
        """Raise a UsageError. argparse itself would end the process."""
        raise UsageError(f"{message} (see {self.prog} --help)")


def image_shape(text: str) -> tuple[int, int]:
    """Read a height and a width, as in 28x20."""
    height, width = text.lower().split("x")
    return int(height), int(width)


image_shape.__name__ = "image shape"  # argparse names the type in its messages


def options_of(what: Callable[..., Any]) -> list[Parameter]:
    """Return the parameters of an estimator or another callable that are options."""
    return [parameter for parameter in declared(what) if parameter.help is not None]


MODEL_OPTIONS = options_of(AEVB)
RUN_OPTIONS = options_of(Evaluator)


def add_options(parser: argparse.ArgumentParser, options: Iterable[Parameter]) -> None:
    """Add options. The namespace has only those that the user gives."""
    for option in options:
        name, choices = option.name, [c for c in option.kind.choices if c is not None]
        known: dict[str, Any] = {"choices": choices}
        if not choices:
            known = {"type": option.kind.read, "metavar": name.rsplit("_", 1)[-1].upper()}
        if option.kind.join is not None:
            known["action"] = "append"
        parser.add_argument(_flag(option), default=argparse.SUPPRESS, help=option.help, **known)


def given(args: argparse.Namespace, options: Iterable[Parameter]) -> dict[str, Any]:
    """Return the options that the user gave.

    Raises
    ------
    UsageError
        If the values of a repeated option contradict each other.
    """
    values = {}
    for option in options:
        if hasattr(args, option.name):
            values[option.name] = getattr(args, option.name)
            if option.kind.join is not None:
                try:
                    values[option.name] = option.kind.join(values[option.name])
                except ValueError as error:
                    raise UsageError(f"{_flag(option)}: {error}") from error
    return values


def _flag(option: Parameter) -> str:
    return "--" + option.name.replace("_", "-")
