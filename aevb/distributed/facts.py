"""What must be the same on all processes that train one model."""

from __future__ import annotations

from functools import partial
from typing import Any

from aevb.data.validation import Data

_MAY_DIFFER = frozenset({"n_threads", "verbose"})
_MOST_CHARACTERS = 200  # of a value in a message


def parameters_of(model: Any) -> dict[str, str]:
    """Return texts by name of a model's parameters, apart from those that may differ."""
    params = model.get_params(deep=False)
    params.pop("random_state", None)  # that of rank 0 counts
    return {name: _text(value) for name, value in params.items() if name not in _MAY_DIFFER}


def facts_of(model: Any, data: Data, others: dict[str, Any]) -> dict[str, str]:
    """Return texts by name of a model's parameters, of the columns of its data, and of others."""
    facts: dict[str, Any] = {
        "model": (type(model).__name__, "new" if model._state is None else "fitted"),
        "X: columns": data.n_features,
    }
    if data.feature_names is not None:
        facts["X: names"] = list(map(str, data.feature_names))
    if data.schema is not None:
        for column in data.schema.columns:
            for field, value in column._asdict().items():
                facts[f"X: {field} of column {column.name!r}"] = value
    texts = {name: _text(value) for name, value in (facts | others).items()}
    return parameters_of(model) | texts


def _text(value: Any) -> str:
    """Return a text of a value, without the place of a function in memory."""
    if isinstance(value, partial):
        return f"partial of {_text(value.func)}, {value.args}, {value.keywords}"
    if callable(value):
        return str(getattr(value, "__qualname__", type(value).__qualname__))
    return repr(value)


def check_same(facts: list[dict[str, str]]) -> None:
    """Raise a ValueError if a process has other facts than the first."""
    first = facts[0]
    for rank, other in enumerate(facts):
        for name in {**first, **other}:
            here, there = first.get(name, "nothing"), other.get(name, "nothing")
            if here != there:
                raise ValueError(
                    f"{name}: rank 0 has {here:.{_MOST_CHARACTERS}}, rank {rank} has "
                    f"{there:.{_MOST_CHARACTERS}}; want the same on all ranks"
                )
