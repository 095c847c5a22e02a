"""The description of the columns of a fitted model."""

from __future__ import annotations

from typing import Any, NamedTuple

from aevb.core.state import State
from aevb.data.families import asked_families, families_of


class Column(NamedTuple):
    """A column of the data, and how the model reads it.

    Attributes
    ----------
    name : str
        Name of the column, or ``x0``, ``x1``, ... if the data had no names.
    family : str
        Its likelihood.
    location, scale : float
        The model reads (x - location) * scale.
    levels : tuple
        The levels of a category or an ordinal column, and () for numbers.
    """

    name: str
    family: str
    location: float
    scale: float
    levels: tuple[Any, ...] = ()


def families(state: State) -> tuple[str, ...]:
    """Return the likelihood of each column."""
    return families_of(state.engine.settings["likelihood"], state.engine.units)


def columns_of(state: State) -> list[Column]:
    """Return the columns of a fitted model."""
    units, names = state.engine.units, state.feature_names
    of_table = None if state.schema is None else state.schema.columns
    return [
        Column(
            f"x{i}" if names is None else str(names[i]),
            family,
            float(units.location[i]),
            float(units.scale[i]),
            of_table[i].levels if of_table is not None and units.levels and units.levels[i] else (),
        )
        for i, family in enumerate(families(state))
    ]


def likelihood_of(state: State) -> str | dict[str, str]:
    """Return the likelihood of all columns, or of each column by its name."""
    columns = columns_of(state)
    one = columns[0].family
    if all(column.family == one for column in columns):
        return one
    return {column.name: column.family for column in columns}


def check_families(likelihood: Any, state: State) -> None:
    """Raise a ValueError if a parameter gives a column another family than it has."""
    columns = columns_of(state)
    asked = asked_families(likelihood, len(columns), state.feature_names)
    for column, family in zip(columns, asked, strict=True):
        alone = family == "ordinal" and len(column.levels) == 1
        if family not in ("auto", column.family) and not alone:
            raise ValueError(
                f"likelihood: got {likelihood!r}, but the fitted model has "
                f"{likelihood_of(state)!r}; only a new fit with warm_start=False can change it"
            )
