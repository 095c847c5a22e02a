"""Auto-Encoding Variational Bayes on the CPU: a C++ engine with scikit-learn's face."""

from __future__ import annotations

import importlib
from typing import Any

from aevb import datasets
from aevb._estimator import AEVB
from aevb._evaluator import Estimate, Evaluator
from aevb._mcem import MCEM
from aevb._posterior import PosteriorDraws, sample_posterior
from aevb._trainer import Trainer
from aevb._version import __version__
from aevb._wake_sleep import WakeSleep
from aevb.exceptions import DivergenceError

__all__ = [
    "AEVB",
    "MCEM",
    "DivergenceError",
    "Estimate",
    "Evaluator",
    "PosteriorDraws",
    "Trainer",
    "WakeSleep",
    "__version__",
    "datasets",
    "plots",
    "sample_posterior",
]


def __getattr__(name: str) -> Any:
    if name == "plots":  # needs matplotlib, the extra `plot`
        return importlib.import_module("aevb.plots")
    raise AttributeError(f"module 'aevb' has no attribute {name!r}")
