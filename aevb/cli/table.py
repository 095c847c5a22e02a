"""Rows of data with the names of their columns, and which columns to use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from aevb.cli.options import UsageError

_N_NAMED = 12  # columns in a message


NUMBERS, WORDS, BOOLEANS = "numbers", "words", "booleans"  # kinds of columns


class CsvLayout(NamedTuple):
    """The places of the cells in a CSV file.

    Attributes
    ----------
    path : Path
    delimiter : str
    header : list of str or None
        The fields of the header line, as they are written.
    n_skipped : int
        Lines before the first row.
    n_fields : int
        Fields of a line.
    kept : list of int
        For each column of the data, the number of its field in a line.
    """

    path: Path
    delimiter: str
    header: list[str] | None
    n_skipped: int
    n_fields: int
    kept: list[int]


class Table(NamedTuple):
    """Rows of data (n, D): an array, or a pandas frame of a CSV file with words or booleans.

    A CSV file may name their columns.
    """

    X: Any
    names: tuple[str, ...] | None = None
    csv: CsvLayout | None = None

    @property
    def is_frame(self) -> bool:
        """Whether X is a frame, since there are columns of words or booleans."""
        return hasattr(self.X, "columns")


class Wanted(NamedTuple):
    """The columns that a model needs.

    Attributes
    ----------
    model : str
        The name of its class.
    names : list of str or None
        Their names, if they had names in fit.
    labels : list of str
        What the model calls them: their names, or x0, x1, ....
    kinds : list of str
        What each column has: numbers, words or booleans.
    """

    model: str
    names: list[str] | None
    labels: list[str]
    kinds: list[str]


def kept_columns(n: int, names: Sequence[str] | None, drop: Sequence[str]) -> list[int]:
    """Return the numbers of the columns that ``--drop`` leaves.

    A word of `drop` is the name of a column, or else its number from 0.
    """
    dropped = {number_of("--drop", word, n, names) for word in drop}
    if len(dropped) == n:
        raise UsageError(f"--drop {' --drop '.join(drop)} leaves no column")
    return [i for i in range(n) if i not in dropped]


def number_of(option: str, word: str, n: int, names: Sequence[str] | None) -> int:
    """Return the number of a column that an option names, or whose number from 0 it gives."""
    if names is not None and word in names:
        return names.index(word)
    if word.isdecimal() and int(word) < n:
        return int(word)
    known = "" if names is None else f", or one of the names {_listed(names)}"
    raise UsageError(f"{option}: got {word!r}, want a number from 0 to {n - 1}{known}")


def without(X: Any, drop: Sequence[str]) -> Any:
    """Return rows without the columns of these numbers. The columns have no names."""
    if not drop:
        return X
    if X.ndim != 2:
        raise UsageError(f"--drop: the data have {X.ndim} dimensions, want rows and columns")
    return X[:, kept_columns(X.shape[1], None, drop)]


def label(i: int, names: Sequence[str] | None) -> str:
    """Return what messages call column i."""
    unnamed = f"column {i}"
    return unnamed if names is None or names[i] == unnamed else f"column {names[i]!r}"


def in_order_of(
    kept: list[int], names: Sequence[str] | None, wanted: Sequence[str] | None
) -> list[int]:
    """Return the numbers of columns in the order of a model's.

    Parameters
    ----------
    kept : list of int
        The numbers of the columns that ``--drop`` leaves.
    names : sequence of str or None
        The names of all columns.
    wanted : sequence of str or None
        The names of the model's columns. If the model or the table has no names, the columns count
        by their places.

    Raises
    ------
    ValueError
        If a column is missing, or is none of the model's. The message names it.
    """
    if names is None or wanted is None:
        return kept
    places = {names[i]: i for i in kept}
    absent = [repr(name) for name in wanted if name not in places]
    if absent:
        raise ValueError(f"the model needs columns that the data do not have: {_listed(absent)}")
    known = set(wanted)
    unknown = [repr(name) for name in places if name not in known]
    if unknown:
        raise ValueError(
            f"the data have columns that the model does not know: {_listed(unknown)}; leave them "
            f"out with --drop"
        )
    return [places[name] for name in wanted]


def _listed(words: Sequence[str]) -> str:
    more = len(words) - _N_NAMED
    return ", ".join(words[:_N_NAMED]) + (f" and {more} more" if more > 0 else "")
