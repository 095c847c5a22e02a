"""Kinds of parameters: how to check, convert and read their values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Set
from dataclasses import dataclass
from numbers import Integral, Real
from types import NoneType
from typing import Any

import numpy as np

from aevb.core.checks import check_integer
from aevb.data.families import pairs_of


def _as_it_is(value: Any) -> Any:
    return value


@dataclass(frozen=True)
class Kind:
    """The set of values that a parameter accepts.

    Attributes
    ----------
    type : str
        Type of the values, for the documentation.
    check : callable
        Takes the parameter's name and a value. It raises a TypeError or ValueError that begins with
        the name if the value is wrong.
    convert : callable
        Converts a checked value to the core's type.
    read : callable
        Converts a word of the command line to a value. argparse shows its name in messages.
    choices : tuple
        All values, if there is a list of them.
    depends_on_data : bool
        Whether the core's value depends on the data, too.
    join : callable or None
        Makes one value of those of an option that may be repeated. It raises a ValueError if they
        do not go together.
    """

    type: str
    check: Callable[[str, Any], object]
    convert: Callable[[Any], Any] = _as_it_is
    read: Callable[[str], Any] = str
    choices: tuple[str | None, ...] = ()
    depends_on_data: bool = False
    join: Callable[[list[Any]], Any] | None = None


def quoted(value: Any) -> str:
    """Return the text of a value in the documentation."""
    return f'"{value}"' if isinstance(value, str) else repr(value)


def choice(*choices: str | None, convert: Callable[[Any], Any] = _as_it_is) -> Kind:
    """Return the kind with the listed values."""
    want = ", ".join(map(repr, choices))

    def check(name: str, value: Any) -> None:
        if not (value is None or isinstance(value, str)) or value not in choices:
            raise ValueError(f"{name}: got {value!r}, want one of {want}")

    listed = ", ".join(map(quoted, choices))
    return Kind(f"{{{listed}}}", check, convert, choices=choices)


def families(*names: str) -> Kind:
    """Return the kind of a likelihood's name, or of a dict or list of those of some columns."""
    want = ", ".join(map(repr, names))

    def check_one(name: str, value: Any) -> None:
        if not isinstance(value, str) or value not in names:
            raise ValueError(f"{name}: got {value!r}, want one of {want}")

    def check(name: str, value: Any) -> None:
        if isinstance(value, (str, NoneType)):
            check_one(name, value)
            return
        if not isinstance(value, (Mapping, list, tuple)):
            raise TypeError(
                f"{name}: got {value!r}, want a name, a dict of columns and names, or a list of "
                f"(name, columns)"
            )
        if not isinstance(value, Mapping) and not all(
            isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in value
        ):
            raise TypeError(f"{name}: got {value!r}, want pairs (name, columns)")
        for family, columns in pairs_of(value):
            check_one(name, family)
            for column in columns:
                if isinstance(column, bool) or not isinstance(column, (str, Integral)):
                    raise TypeError(f"{name}: got the column {column!r}, want a name or a number")

    def join(words: list[str]) -> str | dict[str, str]:
        pairs = [word.rpartition("=") for word in words]
        if len(words) == 1 and "=" not in words[0]:
            return words[0]
        wrong = [word for word in words if "=" not in word]
        if wrong:
            raise ValueError(f"got {wrong[0]!r} and more, want one name, or COLUMN=NAME each time")
        families = {column: family for column, _, family in pairs}
        if len(families) < len(words):
            raise ValueError("got a column twice")
        return families

    return Kind("str, dict or list", check, depends_on_data=True, join=join)


def count(*, lowest: int = 1, convert: Callable[[Any], Any] = int) -> Kind:
    """Return the kind of the integers from `lowest` on."""
    return Kind("int", lambda name, value: check_integer(name, value, lowest), convert, int)


def number(ends: str, low: float, high: float) -> Kind:
    """Return the kind of the real numbers in an interval.

    `ends` is its two brackets, as in "(]". A positive number that float32 rounds to 0 is not in it.
    """
    want = f"a number in {ends[0]}{low:g}, {high:g}{ends[1]}"

    def check(name: str, value: Any) -> None:
        if not isinstance(value, Real) or isinstance(value, bool):
            raise TypeError(f"{name}: got {value!r}, want {want}")
        value = float(value)
        above = value >= low if ends[0] == "[" else value > low
        below = value <= high if ends[1] == "]" else value < high
        if not (above and below) or (value > 0 and np.float32(value) == 0):
            raise ValueError(f"{name}: got {value!r}, want {want} that float32 does not round to 0")

    return Kind("float", check, float, float)


def is_auto(value: Any) -> bool:
    """Tell whether a parameter's value is "auto"."""
    return isinstance(value, str) and value == "auto"


def number_or_auto(
    ends: str, low: float, high: float, *, convert: Callable[[Any], Any] = float
) -> Kind:
    """Return the kind of the real numbers in an interval, and "auto"."""
    numbers = number(ends, low, high)

    def check(name: str, value: Any) -> None:
        if not is_auto(value):
            numbers.check(name, value)

    def read(text: str) -> str | float:
        return text if is_auto(text) else float(text)

    read.__name__ = "number or 'auto'"
    return Kind('float or "auto"', check, convert, read)


def count_or_auto() -> Kind:
    """Return the kind of the positive integers, and "auto"."""
    numbers = count()

    def check(name: str, value: Any) -> None:
        if not is_auto(value):
            numbers.check(name, value)

    def read(text: str) -> str | int:
        return text if is_auto(text) else int(text)

    read.__name__ = "integer or 'auto'"
    return Kind('int or "auto"', check, numbers.convert, read)


def number_or_choice(
    ends: str, low: float, high: float, *choices: str, convert: Callable[[Any], Any]
) -> Kind:
    """Return the kind of the real numbers in an interval, and of some words."""
    numbers = number(ends, low, high)
    want = ", ".join(map(repr, choices))

    def check(name: str, value: Any) -> None:
        if isinstance(value, str) and value not in choices:
            raise ValueError(f"{name}: got {value!r}, want one of {want} or a number")
        if not isinstance(value, str):
            numbers.check(name, value)

    def read(text: str) -> str | float:
        return text if text in choices else float(text)

    read.__name__ = f"number or one of {want}"
    return Kind(f"float or {{{', '.join(map(quoted, choices))}}}", check, convert, read)


def choice_or_function(*choices: str) -> Kind:
    """Return the kind of some words, and of functions."""
    want = ", ".join(map(repr, choices))

    def check(name: str, value: Any) -> None:
        if not callable(value) and not (isinstance(value, str) and value in choices):
            raise ValueError(f"{name}: got {value!r}, want one of {want} or a callable")

    listed = ", ".join(map(quoted, choices))
    return Kind(f"{{{listed}}} or callable", check, choices=choices)


def bool_or_auto() -> Kind:
    """Return the kind of the bools, and "auto"."""

    def check(name: str, value: Any) -> None:
        if not is_auto(value) and not isinstance(value, (bool, np.bool_)):
            raise TypeError(f"{name}: got {value!r}, want True, False or 'auto'")

    def read(text: str) -> str | bool:
        if text not in ("auto", "true", "false"):
            raise ValueError
        return text if text == "auto" else text == "true"

    read.__name__ = "true, false or 'auto'"
    return Kind('bool or "auto"', check, read=read)


def flag(type_: str) -> Kind:
    """Return the kind of bools and integers."""

    def check(name: str, value: Any) -> None:
        if not isinstance(value, (bool, np.bool_, Integral)):
            raise TypeError(f"{name}: got {value!r}, want a bool or an integer")

    return Kind(type_, check)


def widths() -> Kind:
    """Return the kind of the widths of layers. A single integer means one layer."""

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
    """Return the kind of scikit-learn's random states. `draw_seed` checks them later."""

    def check(name: str, value: Any) -> None:
        pass

    return Kind("int, RandomState instance or None", check, read=int)
