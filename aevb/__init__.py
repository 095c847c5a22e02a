"""Auto-Encoding Variational Bayes on the CPU: a C++ engine behind scikit-learn estimators."""

from __future__ import annotations

import importlib
from typing import Any

from aevb import datasets, distributed
from aevb._version import __version__
from aevb.core.catalogue import catalogue
from aevb.distributed.dask import DaskAEVB
from aevb.estimators.aevb import AEVB
from aevb.estimators.mcem import MCEM
from aevb.estimators.wake_sleep import WakeSleep
from aevb.evaluation.comparison import Comparison, Evaluation
from aevb.evaluation.estimate import Estimate
from aevb.evaluation.evaluator import Evaluator
from aevb.evaluation.posterior import PosteriorDraws, sample_posterior
from aevb.exceptions import DivergenceError, FitWarning
from aevb.training.trainer import Trainer

__all__ = [
    "AEVB",
    "MCEM",
    "Comparison",
    "DaskAEVB",
    "DivergenceError",
    "Estimate",
    "Evaluation",
    "Evaluator",
    "FitWarning",
    "PosteriorDraws",
    "Trainer",
    "WakeSleep",
    "__version__",
    "catalogue",
    "datasets",
    "distributed",
    "plots",
    "sample_posterior",
]


def __getattr__(name: str) -> Any:
    if name == "plots":  # imported late: it needs matplotlib
        return importlib.import_module("aevb.plots")
    raise AttributeError(f"module 'aevb' has no attribute {name!r}")
