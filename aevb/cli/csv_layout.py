"""Where the cells of a CSV file are: its delimiter, its header and its rows."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from aevb.cli.cells import is_missing, is_word
from aevb.cli.table import CsvLayout, kept_columns

ENCODING = "utf-8-sig"  # with or without a byte order mark
_N_JUDGED = 10  # lines that show the delimiter


def layout_of(path: Path, drop: Sequence[str]) -> tuple[CsvLayout, tuple[str, ...] | None]:
    """Return the layout of a file, and the names of all its fields if it has a header.

    Raises
    ------
    ValueError
        If the file has no rows, or two columns of the same name.
    """
    with open(path, newline="", encoding=ENCODING) as file:
        delimiter = _delimiter(list(islice(file, _N_JUDGED)))
        file.seek(0)
        reader = csv.reader(file, delimiter=delimiter)
        records = _records(reader)
        first = next(records, None)
        line, second = reader.line_num, next(records, None)
        if first is None:
            raise ValueError("no rows")
        below = () if second is None else chain([second], records)
        header = first if _is_header(first, below) else None
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
        If a line has another number of fields than the first one.
    """
    with open(layout.path, newline="", encoding=ENCODING) as file:
        reader = csv.reader(file, delimiter=layout.delimiter)
        for row in islice(_records(reader), int(layout.header is not None), None):
            if len(row) != layout.n_fields:
                raise ValueError(
                    f"line {reader.line_num}: got {len(row)} fields, want {layout.n_fields}"
                )
            yield reader.line_num, row


def _is_header(first: list[str], below: Iterable[list[str]]) -> bool:
    """Tell whether a file's first row is a header: a word above a number, or words alone.

    What stands below a word is the first cell that is not missing.
    """
    words = {i for i, field in enumerate(first) if is_word(field)}
    if all(i in words or is_missing(field) for i, field in enumerate(first)):
        return bool(words)
    for row in below:
        for i in [i for i in words if i < len(row) and not is_missing(row[i])]:
            if not is_word(row[i]):
                return True
            words.remove(i)
        if not words:
            break
    return False


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
