"""The columns of a fitted model, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from aevb.estimators.base import LatentVariableModel


class Column(NamedTuple):
    """A column: the model reads (x - location) * scale under the likelihood of `family`."""

    name: str
    family: str
    location: float
    scale: float

    @property
    def units(self) -> str:
        """How the model reads the data, in words."""
        if self.location != 0:
            return "standardised"
        return "as they are" if self.scale == 1 else f"times {self.scale:g}"


def columns_of(model: LatentVariableModel) -> list[Column]:
    """Return the columns of a fitted model."""
    own = getattr(model, "columns_", None)  # a model that scales each column by itself has them
    if own is not None:
        return [Column(*column) for column in own]
    names = feature_names(model) or [f"x{i}" for i in range(model.n_features_in_)]
    return [Column(name, model.likelihood_, 0.0, model.input_scale_) for name in names]


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
    kinds = Counter((column.family, column.units) for column in columns)
    return "; ".join(f"{n} {family}, {units}" for (family, units), n in kinds.most_common())


def table_of(columns: Sequence[Column]) -> Iterator[str]:
    """Yield the lines of a table of columns."""
    head: list[Any] = [("column", "likelihood", "location", "scale")]
    cells = head + [(c.name, c.family, f"{c.location:g}", f"{c.scale:g}") for c in columns]
    first, second, *_ = (max(map(len, words)) for words in zip(*cells, strict=True))
    for name, family, location, scale in cells:
        yield f"{name:{first}}  {family:{second}} {location:>12} {scale:>12}"
