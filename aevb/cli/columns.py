"""The columns of a fitted model, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from aevb.cli.cells import text_of
from aevb.cli.table import BOOLEANS, NUMBERS, WORDS, Wanted

if TYPE_CHECKING:
    from aevb.data.table_columns import TableColumn
    from aevb.estimators.base import LatentVariableModel
    from aevb.estimators.columns import Column

_WIDTH_OF_LEVELS = 40  # characters


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


def wanted_columns(model: LatentVariableModel) -> Wanted:
    """Return the columns that a model needs."""
    assert model._state is not None
    schema, columns = model._state.schema, model.columns_
    kinds = [NUMBERS] * len(columns) if schema is None else list(map(_kind_of, schema.columns))
    labels = [column.name for column in (columns if schema is None else schema.columns)]
    return Wanted(type(model).__name__, feature_names(model), labels, kinds)


def _kind_of(column: TableColumn) -> str:
    """Return what a file has in a column: numbers, words or booleans."""
    if any(isinstance(level, str) for level in column.levels):
        return WORDS
    are_booleans = column.levels and all(isinstance(level, bool) for level in column.levels)
    return BOOLEANS if column.kind == "boolean" or are_booleans else NUMBERS


def summary(columns: Sequence[Column]) -> str:
    """Return how many columns have which likelihood and units, as in "20 gaussian, standardised".

    The most frequent kind comes first.
    """
    kinds = Counter(
        column.family if column.levels else f"{column.family}, {units(column)}"
        for column in columns
    )
    return "; ".join(f"{n} {kind}" for kind, n in kinds.most_common())


def table_of(columns: Sequence[Column]) -> Iterator[str]:
    """Yield the lines of a table of columns, the levels of categories last."""
    cells = [("column", "likelihood", "location", "scale", "levels")]
    for c in columns:
        numbers = ("", "") if c.levels else (f"{c.location:g}", f"{c.scale:g}")
        cells.append((c.name, c.family, *numbers, _listed(c.levels)))
    first, second, *_ = (max(map(len, words)) for words in zip(*cells, strict=True))
    if not any(column.levels for column in columns):
        cells[0] = (*cells[0][:-1], "")
    for name, family, location, scale, levels in cells:
        line = f"{name:{first}}  {family:{second}} {location:>12} {scale:>12}  {levels}"
        yield line.rstrip()


def _listed(levels: Sequence[Any]) -> str:
    """Return the number of levels and the first ones, as in "3: a, b, c"."""
    if not levels:
        return ""
    words = list(map(text_of, levels))
    n = len(words)
    while n > 1 and len(", ".join(words[:n])) > _WIDTH_OF_LEVELS:
        n -= 1
    dots = ", ..." if n < len(words) else ""
    return f"{len(words)}: {', '.join(words[:n])[:_WIDTH_OF_LEVELS]}{dots}"
