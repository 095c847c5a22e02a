"""The columns of a fitted model, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from aevb.estimators.base import LatentVariableModel
    from aevb.estimators.columns import Column


def units(column: Column) -> str:
    """Return how the model reads a column, in words."""
    if column.location != 0:
        return "standardised"
    return "as they are" if column.scale == 1 else f"times {column.scale:g}"


def feature_names(model: LatentVariableModel) -> list[str] | None:
    """Return the names of the columns that the model was fitted with, if they had names."""
    names = getattr(model, "feature_names_in_", None)
    return None if names is None else [str(name) for name in names]


def set_feature_names(model: LatentVariableModel, names: Sequence[str] | None) -> None:
    """Name the columns of a fitted model, as a fit on a data frame does.

    scikit-learn takes names only from the frames of some libraries, and a command needs none of
    these. Without names, the model accepts arrays without a warning.
    """
    assert model._state is not None
    array = None if names is None else np.asarray(names, dtype=object)
    model._state = replace(model._state, feature_names=array)


def summary(columns: Sequence[Column]) -> str:
    """Return how many columns have which likelihood and units, as in "20 gaussian, standardised".

    The most frequent kind comes first.
    """
    kinds = Counter((column.family, units(column)) for column in columns)
    return "; ".join(f"{n} {family}, {how}" for (family, how), n in kinds.most_common())


def table_of(columns: Sequence[Column]) -> Iterator[str]:
    """Yield the lines of a table of columns."""
    head: list[Any] = [("column", "likelihood", "location", "scale")]
    cells = head + [(c.name, c.family, f"{c.location:g}", f"{c.scale:g}") for c in columns]
    first, second, *_ = (max(map(len, words)) for words in zip(*cells, strict=True))
    for name, family, location, scale in cells:
        yield f"{name:{first}}  {family:{second}} {location:>12} {scale:>12}"
