"""Kinds of parameters: the values that they take, and what these are elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Set
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np

from aevb.core.checks import check_integer


def _as_it_is(value: Any) -> Any:
    return value


@dataclass(frozen=True)
class Kind:
    """The values of a parameter.

    Attributes
    ----------
    type : str
        Their type, as the documentation has it.
    check : callable
        Takes the parameter's name and a value; TypeError or ValueError that begins with the name.
    convert : callable
        Returns a checked value as the core has it.
    read : callable
        Returns the value of a word on the command line. argparse names it in its messages.
    choices : tuple
        The values, where there are so few that they can be listed.
    """

    type: str
    check: Callable[[str, Any], object]
    convert: Callable[[Any], Any] = _as_it_is
    read: Callable[[str], Any] = str
    choices: tuple[str | None, ...] = ()


def quoted(value: Any) -> str:
    """Return a value as the documentation writes it."""
    return f'"{value}"' if isinstance(value, str) else repr(value)


def choice(*choices: str | None, convert: Callable[[Any], Any] = _as_it_is) -> Kind:
    """Return the kind whose values are those listed."""
    want = ", ".join(map(repr, choices))

    def check(name: str, value: Any) -> None:
        if not (value is None or isinstance(value, str)) or value not in choices:
            raise ValueError(f"{name}: got {value!r}, want one of {want}")

    listed = ", ".join(map(quoted, choices))
    return Kind(f"{{{listed}}}", check, convert, choices=choices)


def count(*, convert: Callable[[Any], Any] = int) -> Kind:
    """Return the kind of the integers from 1."""
    return Kind("int", check_integer, convert, int)


def number(ends: str, low: float, high: float) -> Kind:
    """Return the kind of the real numbers between two, which `ends` takes in, as in "(]", or not.

    A number so small that it is 0 in float32 is none of them.
    """
    want = f"a number in {ends[0]}{low:g}, {high:g}{ends[1]}"

    def check(name: str, value: Any) -> None:
        if not isinstance(value, Real) or isinstance(value, bool):
            raise TypeError(f"{name}: got {value!r}, want {want}")
        value = float(value)
        above = value >= low if ends[0] == "[" else value > low
        below = value <= high if ends[1] == "]" else value < high
        if not (above and below) or (value > 0 and np.float32(value) == 0):
            raise ValueError(f"{name}: got {value!r}, want {want}, and not so small as to vanish")

    return Kind("float", check, float, float)


def is_auto(value: Any) -> bool:
    """Tell whether a parameter's value is "auto"."""
    return isinstance(value, str) and value == "auto"


def number_or_auto(
    ends: str, low: float, high: float, *, convert: Callable[[Any], Any] = float
) -> Kind:
    """Return the kind of the real numbers between two, and "auto"."""
    numbers = number(ends, low, high)

    def check(name: str, value: Any) -> None:
        if not is_auto(value):
            numbers.check(name, value)

    def read(text: str) -> str | float:
        return text if is_auto(text) else float(text)

    read.__name__ = "number or 'auto'"
    return Kind('float or "auto"', check, convert, read)


def flag(type_: str) -> Kind:
    """Return the kind of what is true or false; integers will do."""

    def check(name: str, value: Any) -> None:
        if not isinstance(value, (bool, np.bool_, Integral)):
            raise TypeError(f"{name}: got {value!r}, want a bool or an integer")

    return Kind(type_, check)


def widths() -> Kind:
    """Return the kind of the widths of layers; a single integer is one layer."""

    def as_list(value: Any) -> list[Any]:
        one = not isinstance(value, Collection) or isinstance(value, (str, bytes, Mapping, Set))
        return [value] if one or getattr(value, "ndim", 1) == 0 else list(value)

    def check(name: str, value: Any) -> None:
        sizes = as_list(value)
        if not sizes:
            raise ValueError(f"{name}: got none, want at least one layer")
        for size in sizes:
            check_integer(name, size)

    def convert(value: Any) -> list[int]:
        return [int(size) for size in as_list(value)]

    def read(text: str) -> tuple[int, ...]:
        return tuple(int(size) for size in text.split(","))

    read.__name__ = "list of layer sizes"
    return Kind("int or sequence of int", check, convert, read)


def random_state() -> Kind:
    """Return the kind of what scikit-learn draws seeds from; drawing one checks it."""

    def check(name: str, value: Any) -> None:
        pass

    return Kind("int, RandomState instance or None", check, read=int)
