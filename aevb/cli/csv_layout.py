"""Where the cells of a CSV file are: its delimiter, its header and its rows."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TextIO

from aevb.cli.cells import is_missing, is_true_or_false, is_word
from aevb.cli.table import CsvLayout, kept_columns

ENCODING = "utf-8-sig"  # with or without a byte order mark
_N_JUDGED = 10  # records that show the delimiter


def layout_of(path: Path, drop: Sequence[str]) -> tuple[CsvLayout, tuple[str, ...] | None]:
    """Return the layout of a file, and the names of all its fields if it has a header.

    Raises
    ------
    ValueError
        If the file has no rows, two columns of the same name, or a quote that is not closed.
    """
    with open(path, newline="", encoding=ENCODING) as file:
        delimiter = _delimiter(file)
        file.seek(0)
        records = _records(file, delimiter)
        line, first = next(records, (0, None))
        second = next(records, None)
        if first is None:
            raise ValueError("no rows")
        below = () if second is None else chain([second], records)
        header = first if _is_header(first, (row for _, row in below)) else None
    if header is not None and second is None:
        raise ValueError("no rows")
    names = None if header is None else _names(header)
    kept = kept_columns(len(first), names, drop)
    n_skipped = 0 if header is None else line
    return CsvLayout(path, delimiter, header, n_skipped, len(first), kept), names


def rows_of(layout: CsvLayout) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of its last line and the fields of each row.

    Raises
    ------
    ValueError
        If a line has another number of fields than the first one, or a quote is not closed.
    """
    with open(layout.path, newline="", encoding=ENCODING) as file:
        records = _records(file, layout.delimiter)
        for line, row in islice(records, int(layout.header is not None), None):
            if len(row) != layout.n_fields:
                raise ValueError(f"line {line}: got {len(row)} fields, want {layout.n_fields}")
            yield line, row


def _is_header(first: list[str], below: Iterable[list[str]]) -> bool:
    """Tell whether a file's first row is a header: a word above a number, or words alone.

    True and False are no words here. Below each word, the first cell that is not missing counts.
    """
    words = {i for i, field in enumerate(first) if _is_name(field)}
    if all(i in words or is_missing(field) for i, field in enumerate(first)):
        return bool(words)
    for row in below:
        for i in [i for i in words if i < len(row) and not is_missing(row[i])]:
            if not _is_name(row[i]):
                return True
            words.remove(i)
        if not words:
            break
    return False


def _is_name(text: str) -> bool:
    return is_word(text) and not is_true_or_false(text)


def _delimiter(file: TextIO) -> str:
    """Return the delimiter that divides the most of the first records into as many fields.

    Of several, it is the one with the largest share of cells that are no words: `1,5;2,5` has
    decimal commas, and `red;blue,1` has a semicolon in a word. If this decides nothing, the comma
    comes first.
    """
    return max(",\t;", key=lambda delimiter: _fit_of(file, delimiter))


def _fit_of(file: TextIO, delimiter: str) -> tuple[int, float]:
    """Return how many records have as many fields, and the share of cells that are no words."""
    file.seek(0)
    try:
        rows = [row for _, row in islice(_records(file, delimiter), _N_JUDGED)]
    except ValueError:  # its quotes do not fit
        return 0, 0.0
    widths = Counter(len(row) for row in rows if len(row) > 1)
    cells = [not is_word(cell) for row in rows for cell in row]
    return max(widths.values(), default=0), sum(cells) / max(len(cells), 1)


def _records(file: TextIO, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of its last line and the fields of each record that is not blank.

    Raises
    ------
    ValueError
        If a quote is not closed, or a field is too long.
    """
    reader, line = csv.reader(file, delimiter=delimiter, strict=True), 0
    try:
        for row in reader:
            line = reader.line_num
            if len(row) > 1 or (row and row[0].strip()):
                yield line, row
    except csv.Error as error:
        raise ValueError(f"line {line + 1}: {error}; perhaps a quote is not closed") from error


def _names(header: list[str]) -> tuple[str, ...]:
    names = tuple(field.strip() or f"column {i}" for i, field in enumerate(header))
    name, n = Counter(names).most_common(1)[0]
    if n > 1:
        raise ValueError(f"the header has the name {name!r} {n} times")
    return names
