"""A decorator that writes the section "Parameters" of an estimator's docstring."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from typing import TypeVar

from aevb.estimators.kinds import quoted
from aevb.estimators.parameters import declared, signature

_Class = TypeVar("_Class", bound=type)


_WIDTH = 96  # lines of the sources have 100 columns, and docstrings are indented by four


def documented(**texts: str) -> Callable[[_Class], _Class]:
    """Return a decorator that replaces "{parameters}" in a class's docstring.

    The entries come from the declarations of the parameters.

    Parameters
    ----------
    **texts : str
        Texts by parameter name, where this class needs another one than the declaration's.
    """

    def decorate(cls: _Class) -> _Class:
        unknown = sorted(texts.keys() - signature(cls).keys())
        if unknown:
            raise TypeError(f"documented: got {unknown}, want parameters of {cls.__name__}")
        entries = []
        for parameter in declared(cls):
            name = parameter.name
            default = quoted(signature(cls)[name].default)
            entry = f"{name} : {parameter.kind.type}, default={default}"
            if len(entry) > _WIDTH:  # the text has the names, too
                entry = f"{name} : str, default={default}"
            entries.append(entry)
            entries.append(_paragraph(texts.get(name, parameter.text)))
        if cls.__doc__ is not None:  # python -OO removes docstrings
            doc = inspect.cleandoc(cls.__doc__)
            cls.__doc__ = doc.replace("{parameters}", "\n".join(entries))
        return cls

    return decorate


def _paragraph(text: str) -> str:
    return textwrap.fill(
        text,
        width=_WIDTH,
        initial_indent="    ",
        subsequent_indent="    ",
        break_on_hyphens=False,
        break_long_words=False,
    )
