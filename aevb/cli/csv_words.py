"""CSV files with columns of words, as pandas frames."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from aevb.cli.cells import is_missing, is_word, number
from aevb.cli.csv_layout import rows_of
from aevb.cli.table import CsvLayout, label

_MOST_WHOLE = 2.0**53  # float64 has all whole numbers up to this one


class NotANumberError(ValueError):
    """A cell in a column of numbers is something else."""

    def __init__(self, column: str, line: int, text: str) -> None:
        super().__init__(
            f"{column}, line {line}: got {text!r}, want a number or a blank cell; "
            f"--drop leaves a column out"
        )


def columns_of_words(layout: CsvLayout) -> list[bool]:
    """Tell which columns have more words than numbers."""
    numbers = [0] * len(layout.kept)
    others: list[Counter[str]] = [Counter() for _ in layout.kept]
    for _, row in rows_of(layout):
        for j, i in enumerate(layout.kept):
            try:
                numbers[j] += not math.isnan(number(row[i]))
            except ValueError:
                others[j][row[i]] += 1
    return [
        sum(n for text, n in texts.items() if is_word(text)) > n_numbers
        for texts, n_numbers in zip(others, numbers, strict=True)
    ]


def read_columns(
    layout: CsvLayout, names: Sequence[str] | None, words: Sequence[bool]
) -> list[Any]:
    """Return the columns of a file with words.

    Parameters
    ----------
    layout : CsvLayout
    names : sequence of str or None
        The names of all columns.
    words : sequence of bool
        Whether a column that the layout keeps has words.

    Returns
    -------
    columns : list
        An array of float64 for a column of numbers. A list of str for one of words, with None where
        a cell is missing. They have no blanks at their ends.

    Raises
    ------
    NotANumberError
        If a cell of a column of numbers is not a number.
    """
    columns: list[Any] = [[] if is_words else array("d") for is_words in words]
    known: dict[str, str | None] = {}
    for line, row in rows_of(layout):
        for i, is_words, column in zip(layout.kept, words, columns, strict=True):
            text = row[i]
            if is_words:
                if text not in known:
                    known[text] = None if is_missing(text) else text.strip()
                column.append(known[text])
            else:
                try:
                    column.append(number(text))
                except ValueError:
                    raise NotANumberError(label(i, names), line, text) from None
    return [c if isinstance(c, list) else np.frombuffer(c) for c in columns]


def make_frame(columns: Sequence[Any], labels: Sequence[str]) -> Any:
    """Return a pandas frame of the columns that `read_columns` has returned.

    Columns of whole numbers are of pandas' integers, in which a value may be missing.
    """
    import pandas

    series = {}
    for name, column in zip(labels, columns, strict=True):
        if isinstance(column, list):
            series[name] = pandas.Series(column, dtype=object)
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
