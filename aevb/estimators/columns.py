"""The description of the columns of a fitted model."""

from __future__ import annotations

from typing import NamedTuple

from aevb.core.state import State


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
    """

    name: str
    family: str
    location: float
    scale: float


def columns_of(state: State) -> list[Column]:
    """Return the columns of a fitted model."""
    units, names = state.engine.units, state.feature_names
    return [
        Column(
            f"x{i}" if names is None else str(names[i]),
            state.likelihood,
            float(units.location[i]),
            float(units.scale[i]),
        )
        for i in range(state.n_features)
    ]
