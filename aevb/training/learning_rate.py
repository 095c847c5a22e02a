"""The step size by trial, as the paper chose it."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING

from aevb.core.engine import Config, Subset
from aevb.exceptions import DivergenceError

if TYPE_CHECKING:
    from aevb.training.trainer import Trainer

LEARNING_RATES = (0.01, 0.02, 0.1)  # section 5 of the paper
_SHARE = 0.1  # of the run
_MOST_SAMPLES = 1_000_000  # in weight updates
_N_SCORED = 1000  # rows


def choose_learning_rate(trainer: Trainer) -> None:
    """Give a new trainer's model the rate that scores best on training rows early on.

    Each of `LEARNING_RATES` trains a copy, from the same weights and on the same minibatches, for a
    tenth of the model's ``n_epochs``, a million samples at most; ``learning_rate_trials_`` gets the
    mean score of the first thousand training rows after it, minus infinity for what diverged.

    Raises
    ------
    DivergenceError
        If all of them diverge.
    """
    model = trainer.model
    most = _MOST_SAMPLES / getattr(model, "n_updates", 1)
    n_samples = min(most, _SHARE * int(model.n_epochs) * trainer.n_train)
    trials: dict[float, float] = {}
    diverged: list[DivergenceError] = []
    for rate in LEARNING_RATES:
        try:
            trials[rate] = _score(trainer, rate, n_samples)
        except DivergenceError as error:
            trials[rate] = -math.inf
            diverged.append(error)
    if len(diverged) == len(LEARNING_RATES):
        raise diverged[0]  # of the smallest
    best = max(trials, key=lambda rate: trials[rate])
    _set_learning_rate(trainer, best)
    model.learning_rate_trials_ = trials


def _score(trainer: Trainer, rate: float, n_samples: float) -> float:
    trial = copy.copy(trainer)
    trial.model = trainer.model._worker(keep_fitted=True)
    trial.model.patience = None
    trial.callbacks, trial.checkpoint = (), None
    trial._title, trial._goal = f"step size {rate:g}", n_samples
    trial._validation = (trainer._rows, Subset(0, 0, split=False))
    if trainer._chains is not None:
        trial._chains = trainer._chains.copy()
    _set_learning_rate(trial, rate)
    begin, size, split = trainer._subset
    trial.run(n_samples)
    scores = trial.model._scores(trial._rows, Subset(begin, min(size, _N_SCORED), split))
    score = float(scores.mean())
    if not math.isfinite(score):
        raise DivergenceError(trial.model.n_steps_, rate)
    return score


def _set_learning_rate(trainer: Trainer, rate: float) -> None:
    engine = trainer.model._engine
    engine.config = Config(**(engine.config.as_dict() | {"learning_rate": rate}))
