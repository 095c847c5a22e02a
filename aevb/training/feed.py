"""What a run trains on: an array or matrix, of which all rows are there."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Real
from typing import Any

from aevb.core.engine import Config, Engine, Rows, Subset
from aevb.core.state import Mark, Plan, RunState
from aevb.core.units import Units
from aevb.data.rows import as_rows
from aevb.data.validation import check_data
from aevb.training.checks import naming
from aevb.training.exchange import Exchange
from aevb.training.length import epochs_between_validations, epochs_of_run, n_held_out, stops_early
from aevb.training.trainable import Trainable
from aevb.training.validation import Validation

N_SOME_ROWS = 500
Facts = dict[str, Any]  # which must be the same for all processes that train together


class Feed:
    """The rows of one table. Some may be held out, and the others are an epoch.

    Attributes
    ----------
    data : Data
        Rows that show a new model what the columns hold.
    n_rows : float
        Number of rows, or infinity while it is not known. Of several processes, those of all.
    n_train : float
        Rows per epoch, or infinity while it is not known. Of several processes, those of all.
    rows, subset : Rows, Subset
        The rows to train on now.
    some_rows : Rows
        Up to 500 rows.
    validation : Validation
        The held-out rows.
    """

    rows: Rows
    subset: Subset
    some_rows: Rows
    validation: Validation

    def __init__(
        self, model: Trainable, X: Any, X_val: Any, exchange: Exchange, facts: Facts
    ) -> None:
        data = check_data(model, X, is_new=model._state is None)
        facts = facts | {"X_val": "none" if X_val is None else "given"}
        self.data, least = exchange.joined(model, data, **facts)
        self.n_rows: float = sum(exchange.gather(data.n_rows))
        self._exchange = exchange
        self._X_val, given = X_val, X_val is not None
        self._decides = stops_early(model.early_stopping, least, given=given)
        if model.patience is not None and not self._decides:
            raise ValueError(
                f"patience: got {model.patience}, but nothing is held out to stop by; want "
                f"early_stopping=True, and more rows than one"
            )
        self._n_val = 0
        if self._decides and X_val is None:
            self._n_val = n_held_out(model.validation_fraction, self.data.n_rows)
        self.n_train: float = self.data.n_rows - self._n_val

    def set_rows(self, engine: Engine, config: Config) -> None:
        """Pass the training rows and the held-out rows to the core."""
        data, n_val, units = self.data, self._n_val, engine.units
        self.rows = as_rows(data, units, config)
        self.some_rows = as_rows(data._replace(X=data.X[:N_SOME_ROWS]), units, config)
        # The split orders the rows at random. The first are held out, the rest are training rows.
        self.subset = Subset(n_val, data.n_rows - n_val, split=n_val > 0)
        self.validation = Validation(self.rows, Subset(0, n_val, split=True), self._decides)
        self._set_given_rows(units, config)
        self.n_train = self._exchange.prepare(engine, self.subset.size)

    def _set_given_rows(self, units: Units, config: Config) -> None:
        """Hold out the rows that are given for it, if there are any."""
        if self._X_val is None:
            return
        with naming("X_val"):
            held_out = check_data(self.data.judge, self._X_val)
            rows = as_rows(held_out, units, config)
        subset = Subset(0, held_out.n_rows, split=False)
        self.validation = Validation(rows, subset, self._decides)

    def n_epochs(self, n_epochs: int | str) -> int:
        """Return the number of epochs that a model's `n_epochs` stands for."""
        return epochs_of_run(n_epochs, self.n_train)

    @property
    def checkpoint_every(self) -> int:
        """Rows from one checkpoint to the next, unless the caller says it."""
        return int(self.n_train)

    @property
    def is_over_after_epoch(self) -> bool:
        """Whether there are no rows after this epoch."""
        return False

    def first(self, engine: Engine) -> RunState:
        """Return the state of a run at its start."""
        n_train = int(self.n_train)
        return RunState(Mark.of(engine), n_prior=n_train, n_train=n_train)

    def plan(self, n_samples: float, n_seen: int) -> Plan:
        """Return the plan of a run to `n_samples` rows, of which the model has seen `n_seen`."""
        every = 1
        if self._n_val > 0 and math.isfinite(n_samples):
            every = epochs_between_validations(math.ceil((n_samples - n_seen) / self.n_train))
        return Plan(n_seen, every, 0)

    def load(self, run: RunState) -> None:
        """Make `rows` and `subset` those of a run's block."""

    def next_block(self, run: RunState, engine: Engine) -> RunState | None:
        """Return the run at the next block of its epoch, or None at the end of the epoch."""
        return None

    def due(self, run: RunState, engine: Engine, *, run_ends: bool = False) -> bool | None:
        """Tell whether an entry of the history is due. True: at the end of the epoch."""
        return True if engine.n_samples_seen - run.start.n_samples >= run.n_train else None

    def after_entry(self, run: RunState, engine: Engine, *, epoch_ends: bool) -> RunState:
        """Return a run after an entry of the history."""
        return run._replace(start=Mark.of(engine))


def end_of_run(
    n_samples: float | None, n_seen: int, model: Trainable, feed: Feed, exchange: Exchange
) -> Callable[[], float]:
    """Return a function that tells how many rows a model has seen at the end of a run.

    The answer is infinity while the number of rows is not known.

    Parameters
    ----------
    n_samples : float or None
        The number of rows. None means the model's ``n_epochs``. That of the first process counts.
    n_seen : int
        Rows that the model has seen at the start.
    model : object
        The model.
    feed : Feed
        What it trains on.
    exchange : Exchange
        The exchange between the processes.

    Raises
    ------
    ValueError
        If `n_samples` is not a number >= 0, or if the model needs to know an end that is unknown.
    """
    if n_samples is not None and not (isinstance(n_samples, Real) and float(n_samples) >= 0):
        raise ValueError(f"n_samples: got {n_samples!r}, want a number of rows >= 0")
    n_samples = exchange.gather(n_samples)[0]
    if n_samples is not None:
        return lambda: n_samples

    def end() -> float:
        return n_seen + feed.n_epochs(model.n_epochs) * feed.n_train

    kl_warmup = model._schedules().kl_warmup
    if math.isinf(end()) and kl_warmup > 0.0:
        raise ValueError(
            f"kl_warmup: got {kl_warmup}, but the number of rows of X is not known; want "
            f"kl_warmup=0, or Trainer(...).run(n_samples)"
        )
    return end
