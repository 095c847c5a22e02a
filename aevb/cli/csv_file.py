"""CSV files: numbers with commas, semicolons or tabs between them, and blank cells."""

from __future__ import annotations

import csv
import io
import math
import sys
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from aevb.cli.table import CsvLayout, Table, kept_columns, label

_MISSING = frozenset({"", "NA", "NaN", "nan", "?"})
_ENCODING = "utf-8-sig"  # with or without a byte order mark
_N_JUDGED = 10  # lines that show the delimiter
_COUNTERS = frozenset({"", "id", "index"})  # headers of a column that may number the rows


def read_csv(path: Path, drop: Sequence[str] = ()) -> Table:
    """Read a CSV file.

    A file without missing cells is read by NumPy, which is several times as fast.

    Parameters
    ----------
    path : Path
    drop : sequence of str
        Names or numbers of columns to leave out.

    Returns
    -------
    Table
        The numbers as float64, NaN where a cell is missing.

    Raises
    ------
    ValueError
        If the file has no rows, a line has another number of fields, or a cell is not a number. The
        message names the line, and the column and the text of the cell.
    """
    try:
        layout, names = _layout(path, drop)
        X = None if drop else _clean_numbers(layout)
        table = Table(_numbers(layout, names) if X is None else X, names, layout)
    except csv.Error as error:
        raise ValueError(str(error)) from error
    _point_out_row_numbers(table)
    if names is not None:
        table = table._replace(names=tuple(names[i] for i in layout.kept))
    return table


def _layout(path: Path, drop: Sequence[str]) -> tuple[CsvLayout, tuple[str, ...] | None]:
    """Return the layout of a file, and the names of all its fields if it has a header."""
    with open(path, newline="", encoding=_ENCODING) as file:
        delimiter = _delimiter(list(islice(file, _N_JUDGED)))
        file.seek(0)
        reader = csv.reader(file, delimiter=delimiter)
        first = next(_records(reader), None)
        line, second = reader.line_num, next(_records(reader), None)
    if first is None:
        raise ValueError("no rows")
    header = first if _is_header(first, second) else None
    if header is not None and second is None:
        raise ValueError("no rows")
    names = None if header is None else _names(header)
    kept = kept_columns(len(first), names, drop)
    return CsvLayout(path, delimiter, header, 0 if header is None else line, kept), names


def _is_header(first: list[str], second: list[str] | None) -> bool:
    """Tell whether a file's first row is a header: words above numbers, or words alone.

    Words above other words may be a column of words in a file without a header.
    """
    words = [not _is_cell(field) for field in first]
    if second is None:
        return any(words)
    return any(word and _is_cell(field) for word, field in zip(words, second, strict=False))


def _delimiter(lines: list[str]) -> str:
    """Return the delimiter of most lines. The comma comes last, since it may be a decimal comma."""
    for delimiter in "\t;":
        divided = [len(row) > 1 for row in _records(csv.reader(lines, delimiter=delimiter))]
        if 2 * sum(divided) > len(divided):
            return delimiter
    return ","


def _records(reader: Any) -> Iterator[list[str]]:
    """Yield the fields of each record that is not blank."""
    return (row for row in reader if len(row) > 1 or (row and row[0].strip()))


def _names(header: list[str]) -> tuple[str, ...]:
    names = tuple(field.strip() or f"column {i}" for i, field in enumerate(header))
    name, n = Counter(names).most_common(1)[0]
    if n > 1:
        raise ValueError(f"the header has the name {name!r} {n} times")
    return names


def _number(text: str) -> float:
    """Return the number in a cell, or NaN. A number may not have Python's underscores."""
    text = text.strip()
    if text in _MISSING:
        return math.nan
    if "_" in text:
        raise ValueError
    return float(text)


def _numbers_in(cells: list[str]) -> list[float]:
    if "_" not in "".join(cells):
        try:
            return [float(cell) for cell in cells]  # quick, and right if no cell is missing
        except ValueError:
            pass
    return [_number(cell) for cell in cells]


def _is_cell(text: str) -> bool:
    try:
        _number(text)
    except ValueError:
        return False
    return True


def _clean_numbers(layout: CsvLayout) -> Any:
    """Return the numbers of a file without missing cells, or None if there is anything else."""
    try:
        X = np.loadtxt(
            layout.path,
            delimiter=layout.delimiter,
            skiprows=layout.n_skipped,
            ndmin=2,
            encoding=_ENCODING,
            comments=None,
            quotechar='"',
        )
    except ValueError:
        return None
    return X if X.shape[1] == len(layout.kept) else None


def _numbers(layout: CsvLayout, names: Sequence[str] | None) -> Any:
    numbers, width = array("d"), None
    for line, row in _rows(layout):
        width = width or len(layout.header or row)
        if len(row) != width:
            raise ValueError(f"line {line}: got {len(row)} fields, want {width}")
        cells = [row[i] for i in layout.kept]
        try:
            numbers.extend(_numbers_in(cells))
        except ValueError:
            i = next(i for i in layout.kept if not _is_cell(row[i]))
            raise ValueError(
                f"{label(i, names)}, line {line}: got {row[i]!r}, want a number or a blank cell; "
                f"--drop leaves a column out"
            ) from None
    return np.frombuffer(numbers).reshape(-1, len(layout.kept))


def _rows(layout: CsvLayout) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of its last line and the fields of each row."""
    with open(layout.path, newline="", encoding=_ENCODING) as file:
        reader = csv.reader(file, delimiter=layout.delimiter)
        for row in islice(_records(reader), int(layout.header is not None), None):
            yield reader.line_num, row


def _point_out_row_numbers(table: Table) -> None:
    """Write a line to stderr for each column that only numbers the rows."""
    layout = table.csv
    assert layout is not None
    for column, i in zip(table.X.T, layout.kept, strict=True):
        name = None if layout.header is None else layout.header[i].strip().casefold()
        if (i == 0 or name in _COUNTERS) and _counts_from_0_or_1(column):
            print(
                f"aevb: {layout.path}: {label(i, table.names)} numbers the rows; --drop {i} "
                f"leaves it out",
                file=sys.stderr,
            )


def _counts_from_0_or_1(column: Any) -> bool:
    # Two rows may be in order by chance.
    rising = np.arange(len(column))
    return len(column) > 2 and any(np.array_equal(column, rising + start) for start in (0, 1))


def write_filled(path: Path, layout: CsvLayout, filled: Any) -> int:
    """Write a CSV file with values in its missing cells. All other cells keep their text.

    Parameters
    ----------
    path : Path
        The file to write. It may be the one of `layout`.
    layout : CsvLayout
        The file to read.
    filled : ndarray of shape (n, D)
        The values of the columns that the layout keeps.

    Returns
    -------
    int
        The number of cells that were missing.
    """
    text, n_missing = io.StringIO(), 0
    writer = csv.writer(text, delimiter=layout.delimiter, lineterminator="\n")
    if layout.header is not None:
        writer.writerow(layout.header)
    for (_, row), values in zip(_rows(layout), filled, strict=True):
        for i, value in zip(layout.kept, values, strict=True):
            if math.isnan(_number(row[i])):
                row[i] = f"{value:.9g}"
                n_missing += 1
        writer.writerow(row)
    path.write_text(text.getvalue(), encoding="utf-8")
    return n_missing


def write_csv(path: Path, names: Iterable[str], X: Any) -> None:
    """Write float32 numbers with a header. They read back as the same numbers."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerow(names)
        np.savetxt(file, X, fmt="%.9g", delimiter=",")
