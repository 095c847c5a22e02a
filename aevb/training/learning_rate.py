"""The choice of a learning rate by trials, as in the paper."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from aevb.core.engine import Engine, Floats, Rows, Subset
from aevb.core.progress import Part, Show, training_bar
from aevb.exceptions import DivergenceError
from aevb.training.loop import Loop

ADAM_RATE = 0.004  # suits tables of 124 to 3428 rows and MNIST: python bench/tables.py
LEARNING_RATES = (0.01, 0.02, 0.1)  # section 5 of the paper
_SHARE = 0.1  # of the samples of the run
_MOST_SAMPLES = 1_000_000  # rows, counted at each update of the weights
_N_SCORED = 1000  # rows
_LONG_RUN = 2_000_000  # rows; longer runs have a lower learning rate
_LARGE_FALL = 5.0  # nats per row

Scores = Callable[[Engine, Rows, Subset, int], Floats]


def adam_rate(n_rows: float) -> float:
    """Return the learning rate of Adam that "auto" means in a run that visits `n_rows` rows.

    Infinity means that their number is not known.
    """
    if math.isinf(n_rows):
        return ADAM_RATE
    return ADAM_RATE * min(1.0, float((_LONG_RUN / n_rows) ** (1 / 3)))


def is_unstable(history: dict[str, list[float]]) -> bool:
    """Tell whether the bound of the last epoch has lost half of what training had gained."""
    bounds = history["train_bound"]
    best = max(bounds)
    return bounds[-1] < best - max(_LARGE_FALL, 0.5 * (best - bounds[0]))


def length_of_trial(n_epochs: int, n_train: float, n_updates_per_visit: int) -> float:
    """Return the number of rows of a trial, counted at each visit.

    It is a tenth of the run's, but at most a million divided by the updates per visit.
    """
    return min(_MOST_SAMPLES / n_updates_per_visit, _SHARE * n_epochs * n_train)


def try_learning_rates(
    loop: Loop, n_samples: float, scores: Scores, *, n_threads: int | None, shown: bool
) -> dict[float, float]:
    """Return the score of each of `LEARNING_RATES`. It is minus infinity if training diverged.

    Each trial trains a copy of the engine, from the same weights and on the same minibatches. Its
    score is the mean of `scores` over the first thousand training rows of each process, in nats per
    row.

    Raises
    ------
    DivergenceError
        If all trials diverge.
    """
    trials: dict[float, float] = {}
    diverged: list[DivergenceError] = []
    for rate in LEARNING_RATES:
        engine = loop.engine.copy()
        engine.learning_rate = rate
        chains = None if loop.chains is None else loop.chains.copy()
        trial = loop._replace(engine=engine, chains=chains)
        loop.exchange.velocity = None
        try:
            part = shown and Part(f"learning rate {rate:g}", n_samples)
            with training_bar(engine.n_samples_seen, n_samples, part) as show:
                _train(trial, n_samples, n_threads, show)
            trials[rate] = _score(trial, scores)
        except DivergenceError as error:
            trials[rate] = -math.inf
            diverged.append(error)
    loop.exchange.velocity = None
    if len(diverged) == len(LEARNING_RATES):
        raise diverged[0]  # from the smallest learning rate
    return trials


def best_learning_rate(trials: dict[float, float]) -> float:
    """Return the learning rate with the best score."""
    return max(trials, key=lambda rate: trials[rate])


def _train(trial: Loop, n_samples: float, n_threads: int | None, show: Show) -> None:
    while trial.engine.n_samples_seen < n_samples:
        if trial.n_left <= 0:
            trial = trial.next_epoch()
        trained = trial.train(trial.n_steps_to(n_samples), n_threads)
        show(trained.n_rows, trained.bound_sum, trained.n_threads)


def _score(trial: Loop, scores: Scores) -> float:
    begin, size, split = trial.subset
    subset = Subset(begin, min(size, _N_SCORED), split)
    n_draws = int(trial.engine.settings["n_draws"])
    own = scores(trial.engine, trial.rows, subset, n_draws)
    score = float(np.concatenate(trial.exchange.gather(own)).mean())
    if not math.isfinite(score):
        raise DivergenceError(trial.engine.n_steps, trial.engine.learning_rate)
    return score
