"""What must be the same on all processes that train one model."""

from __future__ import annotations

from typing import Any

from aevb.data.validation import Data

_MAY_DIFFER = frozenset({"n_threads", "verbose"})
_MOST_CHARACTERS = 200  # of a value in a message


def facts_of(model: Any, data: Data, others: dict[str, Any]) -> dict[str, str]:
    """Return texts by name of a model's parameters, of the columns of its data, and of others."""
    params = model.get_params(deep=False)
    params.pop("random_state", None)  # that of rank 0 counts
    facts = {name: value for name, value in params.items() if name not in _MAY_DIFFER}
    facts["model"] = type(model).__name__, "new" if model._state is None else "fitted"
    facts["X: columns"] = data.n_features
    if data.feature_names is not None:
        facts["X: names"] = list(map(str, data.feature_names))
    if data.schema is not None:
        facts |= {f"X: column {column.name!r}": tuple(column) for column in data.schema.columns}
    return {name: _text(value) for name, value in (facts | others).items()}


def _text(value: Any) -> str:
    """Return a text of a value, without the place of a function in memory."""
    return str(getattr(value, "__qualname__", repr(value)))


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
