"""Partitions of a table: what each holds, some rows of each, and those of one worker as one table.

Nothing here imports Dask: these are the functions that its workers run.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from aevb.core.engine import Config, Rows
from aevb.core.units import Units
from aevb.data.choices import choose
from aevb.data.join import stacked
from aevb.data.moments import Moments, column_moments
from aevb.data.rows import as_rows
from aevb.data.schema import Schema, TableColumn
from aevb.data.validation import Data, check_data
from aevb.training.checks import naming

_KINDS = ("boolean", "integer", "float")  # each holds the values of those before it


class Facts(NamedTuple):
    """What is known of a partition. Its range and its moments have no missing values."""

    n_rows: int
    names: tuple[str, ...] | None = None
    low: float = np.inf
    high: float = -np.inf
    holes: bool = False
    schema: Schema | None = None
    moments: Moments | None = None


class Judge:
    """A model without its weights: all that is needed to read data with the model's columns.

    Parameters
    ----------
    model : AEVB
        A model, new or fitted.
    data : Data, default=None
        Data with the columns, if the model is new.
    """

    def __init__(self, model: Any, data: Data | None = None) -> None:
        judge = model if data is None else data.judge
        self._tags = model.__sklearn_tags__()
        self.n_features_in_ = judge.n_features_in_
        if hasattr(judge, "feature_names_in_"):
            self.feature_names_in_ = judge.feature_names_in_
        self.schema = model._state.schema if data is None else data.schema

    def __sklearn_tags__(self) -> Any:
        return self._tags


class Recipe(NamedTuple):
    """How a worker makes its share of the training rows of its partitions."""

    judge: Judge
    units: Units
    settings: dict[str, Any]
    seed: int


def measure(judge: Any, part: Any, number: int, *, is_new: bool) -> Facts:
    """Return the facts of a partition, which must suit a judge: see `check_data`."""
    kind = type(part)
    if len(getattr(part, "shape", ())) != 2 or kind.__module__.startswith("polars"):
        raise TypeError(
            f"partition {number} of X: got {kind.__module__}.{kind.__name__}, want a table: an "
            f"array, a CSR matrix or a pandas frame"
        )
    if part.shape[0] == 0:
        return Facts(0)
    with naming(f"partition {number} of X"):
        data = check_data(judge, part, is_new=is_new)
    names = None if data.feature_names is None else tuple(map(str, data.feature_names))
    moments = column_moments(data.X) if is_new else None
    return Facts(data.n_rows, names, data.low, data.high, data.holes, data.schema, moments)


def suggested_families(
    judge: Judge, part: Any, likelihood: Any, scale: Any, binarize: Any, of_all: Facts
) -> list[str]:
    """Return the likelihood of each column that a partition's values suggest.

    The range and the moments are those of all partitions, `of_all`.
    """
    assert of_all.moments is not None
    data = check_data(judge, part)
    data = data._replace(low=of_all.low, high=of_all.high, holes=of_all.holes)
    return choose(likelihood, scale, binarize, data, of_all.moments).families


def joined_schema(facts: Sequence[Facts]) -> Schema | None:
    """Return the schema of all partitions, with the levels of all. None for arrays of numbers.

    Raises
    ------
    ValueError
        If their columns differ.
    """
    first = facts[0]
    for number, fact in enumerate(facts):
        mine, other = _shape_of(first), _shape_of(fact)
        if mine != other:
            raise ValueError(
                f"X: partition {number} has {other}, the first has {mine}; want the same columns "
                f"in all"
            )
    schemas = [fact.schema for fact in facts if fact.schema is not None]
    if len(schemas) < len(facts):
        return None
    columns = []
    for j, variants in enumerate(zip(*(schema.columns for schema in schemas), strict=True)):
        seen = [
            column
            for column, fact in zip(variants, facts, strict=True)
            if fact.moments is not None and (column.levels or fact.moments.n_values[j] > 0)
        ]
        columns.append(_joined_column(seen or list(variants)))
    return Schema(tuple(columns), schemas[0].container)


def _shape_of(fact: Facts) -> str:
    if fact.names is not None:
        return f"the columns {', '.join(fact.names)}"
    return f"{0 if fact.moments is None else len(fact.moments.mean)} columns"


def _joined_column(columns: list[TableColumn]) -> TableColumn:
    """Return one column of all partitions, from those that have values."""
    first = columns[0]
    kinds = {column.kind for column in columns}
    if "category" not in kinds:
        return max(columns, key=lambda column: _KINDS.index(column.kind))
    if len(kinds) > 1:
        raise ValueError(
            f"X: column {first.name!r} has categories in one partition and numbers in another; "
            f"want one dtype"
        )
    levels = tuple(dict.fromkeys(level for column in columns for level in column.levels))
    if len({column.levels for column in columns}) == 1:
        return first
    if not first.dtype.startswith("category"):  # their own order is that of the sorted values
        levels = tuple(sorted(levels, key=lambda level: (str(type(level)), level)))
    return first._replace(levels=levels, ordered=False)


def chosen_rows(n_rows: int, n_chosen: int, seed: int, number: int) -> NDArray[np.intp]:
    """Return the places of random rows of a partition: always the same ones first."""
    order: NDArray[np.intp] = np.random.default_rng((seed, number)).permutation(n_rows)
    return order[:n_chosen]


def take(part: Any, number: int, seed: int, n_held_out: int, n_some: int) -> tuple[Any, Any]:
    """Return the held-out rows of a partition, and some others."""
    places = chosen_rows(part.shape[0], n_held_out + n_some, seed, number)
    table = getattr(part, "iloc", part.tocsr() if sparse.issparse(part) else part)
    return table[places[:n_held_out]], table[places[n_held_out:]]


def joined_tables(tables: Sequence[Any]) -> Any:
    """Return the rows of all tables of one kind."""
    if hasattr(tables[0], "iloc"):
        import pandas

        return pandas.concat(tables, ignore_index=True)
    return stacked(tables)


class Share:
    """The training rows of one worker. A pickle leaves out the core's own copy of its place.

    Parameters
    ----------
    data : Data
        The rows, as numbers.
    recipe : Recipe
        What the core needs to know of them.
    """

    def __init__(self, data: Data, recipe: Recipe) -> None:
        self.data, self.recipe = data, recipe

    @cached_property
    def rows(self) -> Rows:
        """The rows for the core."""
        return as_rows(self.data, self.recipe.units, Config(**self.recipe.settings))

    def __getstate__(self) -> dict[str, Any]:
        return {"data": self.data, "recipe": self.recipe}

    def __sizeof__(self) -> int:
        X = self.data.X
        return int(X.data.nbytes + X.indices.nbytes if sparse.issparse(X) else X.nbytes)


def join(recipe: Recipe, numbers: Sequence[int], n_held_out: Sequence[int], *parts: Any) -> Share:
    """Return the training rows of some partitions, which have these numbers.

    Raises
    ------
    ValueError
        If a value does not suit its column's likelihood.
    """
    data, kept = [], []
    for number, n, part in zip(numbers, n_held_out, parts, strict=True):
        with naming(f"partition {number} of X"):
            own = check_data(recipe.judge, part)
        mask = np.ones(own.n_rows, np.bool_)
        mask[chosen_rows(own.n_rows, n, recipe.seed, number)] = False
        data.append(own)
        kept.append(mask)
    X: Any
    if sparse.issparse(data[0].X):
        X = sparse.vstack([own.X[mask] for own, mask in zip(data, kept, strict=True)], format="csr")
    else:  # in place, since a list of copies would need the memory twice
        n_rows = sum(int(mask.sum()) for mask in kept)
        X = np.empty((n_rows, data[0].n_features), np.result_type(*(own.X for own in data)))
        end = 0
        for own, mask in zip(data, kept, strict=True):
            begin, end = end, end + int(mask.sum())
            X[begin:end] = own.X[mask]
    low, high = min(own.low for own in data), max(own.high for own in data)
    holes = any(own.holes for own in data)
    share = Share(Data(X, low, high, recipe.judge, holes, recipe.judge.schema), recipe)
    _ = share.rows  # raises if a value does not suit
    return share
