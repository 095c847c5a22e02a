"""The likelihood of each column: how users give it, and the blocks of columns that follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from aevb.core.catalogue import JOINT_LIKELIHOODS, LEVEL_LIKELIHOODS, LIKELIHOODS
from aevb.core.units import Units
from aevb.data.column_names import column_index

# One family for all columns, or (family, size) for successive columns of x: their number, or the
# number of levels of each variable. This is the core's likelihood.
Blocks: TypeAlias = "str | list[tuple[str, Any]]"
FAMILIES = LIKELIHOODS + JOINT_LIKELIHOODS + LEVEL_LIKELIHOODS


def pairs_of(likelihood: Any) -> list[tuple[str, list[Any]]]:
    """Return the (family, columns) of a parameter that is a dict, or a list of such pairs."""
    if isinstance(likelihood, Mapping):
        return [(family, [column]) for column, family in likelihood.items()]
    return [
        (family, [columns] if isinstance(columns, (str, int, np.integer)) else list(columns))
        for family, columns in likelihood
    ]


def declares_levels(likelihood: Any) -> bool:
    """Tell whether a parameter makes some column a category or an ordinal one."""
    if isinstance(likelihood, str):
        return likelihood in LEVEL_LIKELIHOODS
    return any(family in LEVEL_LIKELIHOODS for family, _ in pairs_of(likelihood))


def asked_families(
    likelihood: Any, n_features: int, names: Sequence[str] | NDArray[Any] | None
) -> list[str]:
    """Return the family that a parameter gives to each column, or "auto".

    Parameters
    ----------
    likelihood : str, dict or list
        The parameter, which has been checked.
    n_features : int
        Number of columns of the data.
    names : sequence of str or None
        Their names.

    Raises
    ------
    ValueError
        If it names a column that does not exist, or one twice.
    """
    if isinstance(likelihood, str):
        return [likelihood] * n_features
    families = ["auto"] * n_features
    seen: set[int] = set()
    given = [] if isinstance(likelihood, Mapping) else [family for family, _ in likelihood]
    twice = [family for family in JOINT_LIKELIHOODS if given.count(family) > 1]
    if twice:
        raise ValueError(f"likelihood: got {twice[0]!r} twice, want one list of all its columns")
    for family, columns in pairs_of(likelihood):
        for column in columns:
            j = column_index("likelihood", column, names, n_features)
            if j in seen:
                raise ValueError(f"likelihood: got the column {column!r} twice")
            seen.add(j)
            families[j] = family
    return families


def layout_of(families: Sequence[str], n_levels: Sequence[int]) -> tuple[Blocks, dict[str, Any]]:
    """Return the core's likelihood, and the places and levels of the columns in x.

    Columns of one family stand together, in their own order. If all columns have one family of
    numbers, they stay where they are, and the places are empty.
    """
    first = families[0]
    if first not in LEVEL_LIKELIHOODS and all(family == first for family in families):
        return first, {"places": (), "levels": ()}
    places, levels = [0] * len(families), [0] * len(families)
    blocks: list[tuple[str, Any]] = []
    at = 0
    for family in FAMILIES:
        own = [j for j, other in enumerate(families) if other == family]
        if not own:
            continue
        for j in own:
            places[j] = at
            levels[j] = n_levels[j] if family in LEVEL_LIKELIHOODS else 0
            at += max(1, levels[j])
        is_level = family in LEVEL_LIKELIHOODS
        blocks.append((family, [levels[j] for j in own] if is_level else len(own)))
    return blocks, {"places": places, "levels": levels}


def families_of(blocks: Blocks, units: Units) -> tuple[str, ...]:
    """Return the family of each column of the data."""
    if isinstance(blocks, str):
        return (blocks,) * units.n_features
    of_x = [
        family
        for family, size in blocks
        for _ in range(size if isinstance(size, int) else sum(size))
    ]
    return tuple(of_x[place] for place in units.places)


def columns_with(blocks: Blocks, units: Units, *families: str) -> list[int]:
    """Return the columns of the data that have one of some families. Most models have none."""
    known = [blocks] if isinstance(blocks, str) else [family for family, _ in blocks]
    if not set(known) & set(families):
        return []
    return [j for j, family in enumerate(families_of(blocks, units)) if family in families]


def with_median_levels(
    means: NDArray[np.float32], blocks: Blocks, units: Units
) -> NDArray[np.float32]:
    """Return means of x in which each ordinal column has its median level, as 1 beside 0.

    The median level has the least mean absolute error in ranks.
    """
    ordinal = columns_with(blocks, units, "ordinal")
    if not ordinal:
        return means
    means = means.copy()
    for own in map(units.columns_of_x, ordinal):
        below = np.cumsum(means[:, own], axis=1)
        middle = (below < 0.5 * below[:, -1:]).sum(axis=1)
        means[:, own] = np.arange(own.stop - own.start) == middle[:, None]
    return means
