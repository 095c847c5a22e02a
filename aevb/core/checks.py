"""Checks of single values, for all folders of the package."""

from __future__ import annotations

from numbers import Integral
from typing import Any

_HIGHEST = 2**31 - 1


def check_integer(name: str, value: Any, lowest: int = 1) -> int:
    """Return an integer as int. Otherwise raise a TypeError or ValueError that names it."""
    want = f"want an integer from {lowest} to {_HIGHEST}"
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise TypeError(f"{name}: got {value!r}, {want}")
    if not lowest <= int(value) <= _HIGHEST:
        raise ValueError(f"{name}: got {value!r}, {want}")
    return int(value)


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Raise a ValueError that names the argument if its value is not among the choices."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name}: got {value!r}, want one of {', '.join(map(repr, choices))}")
