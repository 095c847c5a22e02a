"""Predictive log-likelihoods: the mean of p(x|theta) over draws of the weights."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import logsumexp

from aevb.evaluation.estimate import Estimate
from aevb.evaluation.methods import Task

if TYPE_CHECKING:
    from aevb.estimators.base import LatentVariableModel


def drawn_models(task: Task, n: int) -> Iterator[LatentVariableModel]:
    """Yield n models, each with a draw of the task's model's weights. ValueError if it has none."""
    state = task.model._learnt("_engine")
    if state.engine.settings["weight_posterior"] == "none":
        raise ValueError(f"n_weight_draws: got {n}, want a model with a weight_posterior")
    for index in range(n):
        model = copy.copy(task.model)
        engine = state.engine.draw(index, seed=task.seed, n_threads=task.n_threads)
        model._state = replace(state, engine=engine)
        yield model


def predictive(estimates: list[Estimate]) -> Estimate:
    """Return the logarithm of the mean of p(x|theta) over estimates of log p(x|theta).

    The standard error is that of a mean of independent draws of theta. So it includes that of each
    estimate. For a single draw it is the estimate's own.
    """
    log_p = np.stack([estimate.per_row for estimate in estimates])
    n = len(estimates)
    mean = logsumexp(log_p, axis=0) - math.log(n)
    with np.errstate(invalid="ignore"):  # NaN where every p(x|theta) is 0
        share = np.exp(log_p - mean)
    stderr = estimates[0].stderr
    if n > 1:
        stderr = share.std(axis=0, ddof=1) / math.sqrt(n)
    ess = np.stack([estimate.diagnostics["ess"] for estimate in estimates])
    n_effective = share.sum(axis=0) ** 2 / (share**2 / ess).sum(axis=0)
    n_draws = n * estimates[0].diagnostics["n_draws"]
    return Estimate.from_rows(mean, stderr, n_draws=n_draws, ess=n_effective)
