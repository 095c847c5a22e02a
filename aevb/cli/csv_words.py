"""CSV files with columns of words, as pandas frames."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from aevb.cli.cells import boolean, is_missing, is_true_or_false, is_word, number
from aevb.cli.csv_layout import rows_of
from aevb.cli.table import BOOLEANS, NUMBERS, WORDS, CsvLayout, label

_MOST_WHOLE = 2.0**53  # float64 has all whole numbers up to this one


class NotANumberError(ValueError):
    """A cell in a column of numbers, or of booleans, is something else."""

    def __init__(self, column: str, line: int, text: str, want: str = "a number") -> None:
        super().__init__(
            f"{column}, line {line}: got {text!r}, want {want} or a blank cell; "
            f"--drop leaves a column out"
        )


def kinds_of_columns(layout: CsvLayout) -> list[str]:
    """Return what each column has: words if they are more than its numbers, or booleans."""
    numbers = [0] * len(layout.kept)
    others: list[Counter[str]] = [Counter() for _ in layout.kept]
    for _, row in rows_of(layout):
        for j, i in enumerate(layout.kept):
            try:
                numbers[j] += not math.isnan(number(row[i]))
            except ValueError:
                others[j][row[i]] += 1
    return [_kind_of(texts, n) for texts, n in zip(others, numbers, strict=True)]


def _kind_of(others: Counter[str], n_numbers: int) -> str:
    if others and not n_numbers and all(map(is_true_or_false, others)):
        return BOOLEANS
    n_words = sum(n for text, n in others.items() if is_word(text))
    return WORDS if n_words > n_numbers else NUMBERS


def read_columns(layout: CsvLayout, names: Sequence[str] | None, kinds: Sequence[str]) -> list[Any]:
    """Return the columns of a file with words.

    Parameters
    ----------
    layout : CsvLayout
    names : sequence of str or None
        The names of all columns.
    kinds : sequence of str
        What each column that the layout keeps has: numbers, words or booleans.

    Returns
    -------
    columns : list
        An array of float64 for a column of numbers or booleans. A list of str for one of
        words, with None where a cell is missing. They have no blanks at their ends.

    Raises
    ------
    NotANumberError
        If a cell of a column of numbers or booleans is something else.
    """
    columns: list[Any] = [[] if kind == WORDS else array("d") for kind in kinds]
    known: dict[str, str | None] = {}
    for line, row in rows_of(layout):
        for i, kind, column in zip(layout.kept, kinds, columns, strict=True):
            text = row[i]
            if kind == WORDS:
                if text not in known:
                    known[text] = None if is_missing(text) else text.strip()
                column.append(known[text])
            else:
                try:
                    column.append(boolean(text) if kind == BOOLEANS else number(text))
                except ValueError:
                    want = "True, False, 1, 0" if kind == BOOLEANS else "a number"
                    raise NotANumberError(label(i, names), line, text, want) from None
    return [c if isinstance(c, list) else np.frombuffer(c) for c in columns]


def make_frame(columns: Sequence[Any], labels: Sequence[str], kinds: Sequence[str]) -> Any:
    """Return a pandas frame of the columns that `read_columns` has returned.

    Columns of whole numbers and of booleans have dtypes of pandas, in which a value may be missing.
    """
    import pandas

    series = {}
    for name, column, kind in zip(labels, columns, kinds, strict=True):
        if kind == WORDS:
            series[name] = pandas.Series(column, dtype=object)
        elif kind == BOOLEANS:
            series[name] = pandas.Series(column).astype("boolean")
        else:
            series[name] = pandas.Series(column).astype("Int64" if are_whole(column) else "float64")
    return pandas.DataFrame(series)


def are_whole(column: Any) -> bool:
    """Tell whether the observed numbers are whole, and at least two differ."""
    observed = column[~np.isnan(column)]
    whole = (observed == np.rint(observed)) & (abs(observed) <= _MOST_WHOLE)
    return bool(whole.all() and (observed[:-1] != observed[1:]).any())


def rows_of_frame(frame: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a frame of pandas or Polars, with the values of its own types."""
    return zip(*(frame[name].to_list() for name in frame.columns), strict=True)
