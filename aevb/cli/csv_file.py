"""CSV files: numbers and words with commas, semicolons or tabs between them, and blank cells."""

from __future__ import annotations

import csv
import io
import sys
from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aevb.cli.cells import is_missing, is_number, numbers_in, text_of
from aevb.cli.csv_layout import ENCODING, layout_of, rows_of
from aevb.cli.csv_words import NotANumberError, kinds_of_columns, make_frame, read_columns
from aevb.cli.table import NUMBERS, CsvLayout, Table, Wanted, in_order_of, label

_COUNTERS = frozenset({"", "id", "index"})  # headers of a column that may number the rows
_FEWEST_WORDS = 20  # of which many distinct ones may be no categories


def read_csv(path: Path, drop: Sequence[str] = (), wanted: Wanted | None = None) -> Table:
    """Read a CSV file.

    A column is of words if more of its cells are words than numbers, and of booleans if it has only
    True and False, in any case. With a model, a column is what
    it was in fit. A file without missing cells and words is read by NumPy, which is several times
    as fast.

    Parameters
    ----------
    path : Path
    drop : sequence of str
        Names or numbers of columns to leave out.
    wanted : Wanted, default=None
        The columns that a model needs, in its order.

    Returns
    -------
    Table
        An array of float64, NaN where a cell is missing. If there is a column of words, a pandas
        frame: float64 with NaN, or Int64 with NA if all numbers are whole, str with None,
        and boolean with NA.

    Raises
    ------
    ValueError
        If the file has no rows, a line has another number of fields, a quote is not closed, the
        model needs other columns, or a cell of a column of numbers is not a number. The message
        names the line, and the column and the text of the cell. Also if there are words, and pandas
        is not installed.
    """
    layout, names = layout_of(path, drop)
    if wanted is not None:
        kept = in_order_of(layout.kept, names, wanted.names)
        layout = layout._replace(kept=kept)
        _check_number(kept, wanted)
    X = _read(layout, names, wanted)
    return Table(X, names and tuple(names[i] for i in layout.kept), layout)


def _check_number(kept: Sequence[int], wanted: Wanted) -> None:
    n = len(wanted.labels)
    if len(kept) != n:
        raise ValueError(
            f"X has {len(kept)} features, but {wanted.model} is expecting {n} features as input"
        )


def _read(layout: CsvLayout, names: Sequence[str] | None, wanted: Wanted | None) -> Any:
    """Return the cells of a file: an array, or a frame if it has words."""
    kinds = [] if wanted is None else wanted.kinds
    if set(kinds) <= {NUMBERS}:
        try:
            X = _numbers(layout, names)
        except NotANumberError:
            if wanted is not None or set(kinds := kinds_of_columns(layout)) <= {NUMBERS}:
                raise
        else:
            _point_out_row_numbers(layout, names, X.T)
            return X
    _check_pandas(layout, names, kinds)
    columns = read_columns(layout, names, kinds)
    _point_out_row_numbers(layout, names, columns)
    if wanted is not None:
        return make_frame(columns, wanted.labels, kinds)
    _point_out_distinct_words(layout, names, columns)
    labels = [f"x{j}" for j in range(len(columns))]
    labels = labels if names is None else [names[i] for i in layout.kept]
    return make_frame(columns, labels, kinds)


def _numbers(layout: CsvLayout, names: Sequence[str] | None) -> Any:
    """Return the numbers of a file."""
    X = _clean_numbers(layout)
    return _numbers_with_gaps(layout, names) if X is None else X


def _clean_numbers(layout: CsvLayout) -> Any:
    """Return the numbers of a file without missing cells, or None if there is anything else."""
    if layout.n_fields > len(layout.kept):
        return None
    try:
        X = np.loadtxt(
            layout.path,
            delimiter=layout.delimiter,
            skiprows=layout.n_skipped,
            ndmin=2,
            encoding=ENCODING,
            comments=None,
            quotechar='"',
        )
    except ValueError:
        return None
    if X.shape[1] != layout.n_fields:
        return None
    return X if layout.kept == sorted(layout.kept) else X[:, layout.kept]


def _numbers_with_gaps(layout: CsvLayout, names: Sequence[str] | None) -> Any:
    numbers = array("d")
    for line, row in rows_of(layout):
        cells = [row[i] for i in layout.kept]
        try:
            numbers.extend(numbers_in(cells))
        except ValueError:
            i = next(i for i in layout.kept if not is_number(row[i]))
            raise NotANumberError(label(i, names), line, row[i]) from None
    return np.frombuffer(numbers).reshape(-1, len(layout.kept))


def _check_pandas(layout: CsvLayout, names: Sequence[str] | None, kinds: Sequence[str]) -> None:
    """Raise a ValueError with the first word of a file if pandas is not there to hold words."""
    try:
        import pandas  # noqa: F401
    except ImportError as error:
        places = [i for i, kind in zip(layout.kept, kinds, strict=True) if kind != NUMBERS]
        cells = ((line, i, row[i]) for line, row in rows_of(layout) for i in places)
        line, i, text = next((c for c in cells if not is_missing(c[2])), (1, places[0], ""))
        raise ValueError(
            f"{label(i, names)}, line {line}: got {text!r}; columns of words or booleans need "
            f"pandas (pip install pandas), or --drop leaves a column out"
        ) from error


def _point_out_row_numbers(
    layout: CsvLayout, names: Sequence[str] | None, columns: Iterable[Any]
) -> None:
    """Write a line to stderr for each column that only numbers the rows."""
    for column, i in zip(columns, layout.kept, strict=True):
        name = None if layout.header is None else layout.header[i].strip().casefold()
        if (i == 0 or name in _COUNTERS) and _counts_from_0_or_1(column):
            _advise(layout, f"{label(i, names)} numbers the rows; --drop {i} leaves it out")


def _counts_from_0_or_1(column: Any) -> bool:
    # Two rows may be in order by chance.
    rising = np.arange(len(column))
    return len(column) > 2 and any(np.array_equal(column, rising + start) for start in (0, 1))


def _point_out_distinct_words(
    layout: CsvLayout, names: Sequence[str] | None, columns: Iterable[Any]
) -> None:
    """Write a line to stderr for each column of words that look like names of the rows."""
    for column, i in zip(columns, layout.kept, strict=True):
        if not isinstance(column, list):
            continue
        words = [text for text in column if text is not None]
        n = len(set(words))
        if len(words) >= _FEWEST_WORDS and 2 * n > len(words):
            _advise(
                layout,
                f"{label(i, names)} has {n:,} different words in {len(words):,} rows; "
                f"--drop {i} leaves it out",
            )


def _advise(layout: CsvLayout, text: str) -> None:
    print(f"aevb: {layout.path}: {text}", file=sys.stderr)


def write_filled(path: Path, layout: CsvLayout, filled: Iterable[Sequence[Any]]) -> int:
    """Write a CSV file with values in its missing cells. All other cells keep their text.

    Parameters
    ----------
    path : Path
        The file to write. It may be the one of `layout`.
    layout : CsvLayout
        The file to read.
    filled : iterable of sequences
        For each row, the values of the columns that the layout keeps.

    Returns
    -------
    int
        The number of cells that were missing.
    """
    text, n_missing = io.StringIO(), 0
    writer = csv.writer(text, delimiter=layout.delimiter, lineterminator="\n")
    if layout.header is not None:
        writer.writerow(layout.header)
    for (_, row), values in zip(rows_of(layout), filled, strict=True):
        for i, value in zip(layout.kept, values, strict=True):
            if is_missing(row[i]):
                mark = row[i].strip()  # blanks beside a mark stay, as in "a, ?, b"
                row[i] = row[i].replace(mark, text_of(value)) if mark else text_of(value)
                n_missing += 1
        writer.writerow(row)
    path.write_text(text.getvalue(), encoding="utf-8")
    return n_missing


def write_csv(path: Path, names: Sequence[str] | None, rows: Iterable[Sequence[Any]]) -> None:
    """Write rows of values, with a header if they have names."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        if names is not None:
            writer.writerow(names)
        writer.writerows([text_of(value) for value in row] for row in rows)
