"""The training loop: epochs of minibatches on the core, with history, validation and progress."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from aevb._data import as_rows, check_data
from aevb._engine import Model, single_threaded_blas
from aevb._parameters import check_integer, check_parameters, resolve_threads
from aevb.exceptions import DivergenceError

if TYPE_CHECKING:
    from aevb._estimator import AEVB

# The core returns to Python this often, so that Ctrl-C stops a fit promptly.
_SLICE_SECONDS = 0.05


class Trainer:
    """Train a model on data, minibatch by minibatch (Algorithm 1 of [1]_).

    ``AEVB.fit`` is a thin layer over this class; use it directly to train in parts, look between
    them, or stop by a rule of your own. The model is trained in place. After a `DivergenceError` it
    is as it was before the call that raised it; after Ctrl-C it stands at the last completed
    minibatch.

    Parameters
    ----------
    model : AEVB
        Fitted or not; one that is not is initialised from ``X``.
    X : array-like or CSR matrix of shape (n_samples, n_features)
        Training data, read in place. Any real dtype.
    X_val : array-like or CSR matrix of shape (n_val, n_features), default=None
        Held-out data for the validation bound after each epoch. By default the model's
        ``validation_fraction`` of ``X``.
    callbacks : iterable of callables, default=()
        Each is called with the trainer after each epoch; one that returns True stops the run.
    progress : bool, default=None
        Show a progress bar; by default the model's ``verbose``.

    Attributes
    ----------
    model : AEVB
        The model.
    history : dict of lists
        The model's ``history_``.

    References
    ----------
    .. [1] D. P. Kingma, M. Welling, "Auto-Encoding Variational Bayes", arXiv:1312.6114.

    Examples
    --------
    >>> from aevb import AEVB, Trainer
    >>> from aevb.datasets import load_digits
    >>> trainer = Trainer(AEVB(n_components=2, random_state=0), load_digits().data)
    >>> trainer.run(10_000).model.n_samples_seen_ >= 10_000
    True
    """

    def __init__(
        self,
        model: AEVB,
        X: Any,
        *,
        X_val: Any = None,
        callbacks: Iterable[Callable[[Trainer], Any]] = (),
        progress: bool | None = None,
    ) -> None:
        check_parameters(model)
        if model.patience is not None and X_val is None and model.validation_fraction == 0:
            raise ValueError(
                "patience: got no validation data to be patient about, want validation_fraction > 0 "
                "or X_val"
            )
        data = check_data(model, X, reset=not model.__sklearn_is_fitted__())
        n_val = 0 if X_val is not None else math.ceil(model.validation_fraction * data.n_rows)
        if n_val >= data.n_rows:
            raise ValueError(
                f"validation_fraction: got {model.validation_fraction}, which leaves none of the "
                f"{data.n_rows} rows of X to train on"
            )
        model._initialize(data)
        self.model = model
        self.callbacks = tuple(callbacks)
        self.progress = bool(model.verbose) if progress is None else progress
        self._rows = as_rows(model, data)
        self._train = (n_val, data.n_rows - n_val)  # (begin, size) in the split's order
        self._validation = (self._rows, 0, n_val)
        if X_val is not None:
            val_data = check_data(model, X_val, reset=False)
            self._validation = (as_rows(model, val_data), 0, val_data.n_rows)
        self._n_prior = data.n_rows - n_val  # N of the prior's weight
        self._position = 0  # rows of the epoch already seen
        self._epoch = model._engine.n_steps  # names the epoch's permutation
        self._bound_sum, self._n_summed = 0.0, 0
        self._seconds = model.history_["seconds"][-1] if model.history_["seconds"] else 0.0
        self._best: tuple[float, Model] | None = None
        self._n_worse = 0
        self._stopped = False

    @property
    def history(self) -> dict[str, list[float]]:
        """The model's ``history_``."""
        return self.model.history_

    def run(self, n_samples: float) -> Trainer:
        """Train until the model has seen `n_samples` rows in all, in whole minibatches.

        Parameters
        ----------
        n_samples : int or float
            Rows, counted over the model's whole life (``model.n_samples_seen_``).

        Returns
        -------
        self : Trainer

        Raises
        ------
        DivergenceError
            If the bound or a weight is no longer finite.
        """
        if not isinstance(n_samples, (int, float, np.integer, np.floating)) or not n_samples >= 0:
            raise ValueError(f"n_samples: got {n_samples!r}, want a number of rows >= 0")
        with _Undo(self):
            self._run(until=n_samples)
        return self

    def step(self, n: int = 1) -> Trainer:
        """Train for `n` more minibatches.

        Parameters
        ----------
        n : int, default=1
            Number of minibatches.

        Returns
        -------
        self : Trainer

        Raises
        ------
        DivergenceError
            If the bound or a weight is no longer finite.
        """
        with _Undo(self):
            self._advance(check_integer("n", n))
        return self

    def _run(self, until: float) -> None:
        self._stopped = False
        seen = self.model.n_samples_seen_
        batch = int(self.model.batch_size)
        with tqdm(
            total=max(0, math.ceil(until - seen)), unit=" rows", unit_scale=True, disable=not self.progress
        ) as bar:
            while self.model.n_samples_seen_ < until and not self._stopped:
                before = self.model.n_samples_seen_
                left_in_epoch = math.ceil((self._train[1] - self._position) / batch)
                wanted = math.ceil((until - before) / batch)
                self._advance(min(left_in_epoch, wanted), bar)
        if self._n_summed:
            self._record()

    def _advance(self, n_steps: int, bar: tqdm[Any] | None = None) -> None:
        """Train n_steps minibatches, whatever number of epochs they span."""
        engine = self.model._engine
        n_threads = resolve_threads(self.model.n_threads)
        begin, size = self._train
        while n_steps > 0:
            start = time.perf_counter()
            with single_threaded_blas():
                done, rows, bound_sum, diverged = engine.train(
                    self._rows,
                    begin=begin,
                    size=size,
                    epoch=self._epoch,
                    position=self._position,
                    max_steps=n_steps,
                    max_seconds=_SLICE_SECONDS,
                    n_train=self._n_prior,
                    n_threads=n_threads,
                )
            self._seconds += time.perf_counter() - start
            self._position += rows
            self._bound_sum += bound_sum
            self._n_summed += rows
            n_steps -= done
            if diverged:
                raise DivergenceError(engine.n_steps, float(self.model.learning_rate))
            if bar is not None:
                bar.update(rows)
                bar.set_postfix(bound=f"{bound_sum / rows:.2f}", refresh=False)
            if self._position >= size:
                self._end_epoch()

    def _end_epoch(self) -> None:
        self._record()
        self._position = 0
        self._epoch = self.model._engine.n_steps
        self._watch_validation()
        for callback in self.callbacks:
            if callback(self) is True:
                self._stopped = True

    def _record(self) -> None:
        history = self.history
        history["samples_seen"].append(self.model.n_samples_seen_)
        history["train_bound"].append(self._bound_sum / self._n_summed)
        history["validation_bound"].append(self._validation_bound())
        history["seconds"].append(self._seconds)
        self._bound_sum, self._n_summed = 0.0, 0

    def _validation_bound(self) -> float:
        rows, begin, size = self._validation
        if size == 0:
            return math.nan
        engine = self.model._engine
        with single_threaded_blas():
            bound, _ = engine.bound(
                rows,
                begin=begin,
                size=size,
                n_draws=int(self.model.n_draws),
                seed=engine.config.as_dict()["seed"],
                n_threads=resolve_threads(self.model.n_threads),
            )
        return float(bound.mean())

    def _watch_validation(self) -> None:
        """Keep the best weights by validation bound; stop after `patience` epochs without better."""
        if self.model.patience is None:
            return
        bound = self.history["validation_bound"][-1]
        if self._best is None or bound > self._best[0]:
            self._best = (bound, self.model._engine.copy())
            self._n_worse = 0
        else:
            self._n_worse += 1
            self._stopped = self._stopped or self._n_worse >= self.model.patience

    def _restore_best(self) -> None:
        if self._best is not None:
            self.model._engine = self._best[1].copy()


class _Undo:
    """Puts a trainer and its model back as they were if training diverges."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._engine = trainer.model._engine.copy()
        self._history = {name: list(values) for name, values in trainer.history.items()}
        self._state = {k: v for k, v in vars(trainer).items() if k != "model"}

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and issubclass(kind, DivergenceError):
            self._trainer.model._engine = self._engine
            self._trainer.model.history_ = self._history
            vars(self._trainer).update(self._state)
