"""Warnings that point to the user's line."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import sklearn

_INNER = (str(Path(__file__).parent.parent), str(Path(sklearn.__file__).parent))


def warn(text: str, category: type[Warning]) -> None:
    """Warn of a line outside of this package and scikit-learn, which may wrap its methods."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_INNER):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, category, stacklevel=level)
