"""The "Parameters" section of an estimator's docstring, from the declarations."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from typing import TypeVar

from aevb.estimators.kinds import quoted
from aevb.estimators.parameters import declared, signature

_Class = TypeVar("_Class", bound=type)


def documented(**texts: str) -> Callable[[_Class], _Class]:
    """Return a decorator that writes an estimator's parameters into its docstring.

    Their entries take the place of "{parameters}".

    Parameters
    ----------
    **texts : str
        By name, texts that differ from those of the declarations.
    """

    def decorate(cls: _Class) -> _Class:
        unknown = sorted(texts.keys() - signature(cls).keys())
        if unknown:
            raise TypeError(f"documented: got {unknown}, want parameters of {cls.__name__}")
        entries = []
        for parameter in declared(cls):
            name = parameter.name
            default = quoted(signature(cls)[name].default)
            entries.append(f"{name} : {parameter.kind.type}, default={default}")
            entries.append(_paragraph(texts.get(name, parameter.text)))
        if cls.__doc__ is not None:  # python -OO has none
            doc = inspect.cleandoc(cls.__doc__)
            cls.__doc__ = doc.replace("{parameters}", "\n".join(entries))
        return cls

    return decorate


def _paragraph(text: str) -> str:
    return textwrap.fill(
        text,
        width=96,  # of the 100 of a line, whose first four are the docstring's
        initial_indent="    ",
        subsequent_indent="    ",
        break_on_hyphens=False,
        break_long_words=False,
    )
