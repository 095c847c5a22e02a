"""The cells of CSV files: numbers, words and missing values."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

# Those of pandas.read_csv that people write, and ?.
_MISSING = frozenset(
    {"", "?", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "None", "NULL", "null"}
)
_BOOLEANS = {"false": 0.0, "true": 1.0}
# Looks like a number in another notation, so it is no word: 1,5 or 1_000 or 12 000.
_LIKE_A_NUMBER = re.compile(r"[-+]?[\d\s.,_']+")


def number(text: str) -> float:
    """Return the number in a cell, or NaN. A number may not have Python's underscores."""
    text = text.strip()
    if text in _MISSING:
        return math.nan
    if "_" in text:
        raise ValueError
    return float(text)


def numbers_in(cells: list[str]) -> list[float]:
    """Return the numbers in cells, NaN where one is missing."""
    if "_" not in "".join(cells):
        try:
            return [float(cell) for cell in cells]  # quick, and right if no cell is missing
        except ValueError:
            pass
    return [number(cell) for cell in cells]


def is_number(text: str) -> bool:
    """Tell whether a cell has a number, or is missing."""
    try:
        number(text)
    except ValueError:
        return False
    return True


def boolean(text: str) -> float:
    """Return 1 or 0 for True or False, in any case, or for 1 or 0. NaN if the cell is missing."""
    value = _BOOLEANS.get(text.strip().casefold())
    if value is None:
        value = number(text)
    if value not in (0, 1) and not math.isnan(value):
        raise ValueError
    return value


def is_true_or_false(text: str) -> bool:
    """Tell whether a cell is True or False, in any case."""
    return text.strip().casefold() in _BOOLEANS


def is_missing(text: str) -> bool:
    """Tell whether a cell is missing."""
    return is_number(text) and math.isnan(number(text))


def is_word(text: str) -> bool:
    """Tell whether a cell has neither a number nor anything like one."""
    return not is_number(text) and not _LIKE_A_NUMBER.fullmatch(text.strip())


def text_of(value: Any) -> str:
    """Return the text of a value in a cell. Numbers read back as the same float32 numbers."""
    return f"{value:.9g}" if isinstance(value, (float, np.floating)) else str(value)
