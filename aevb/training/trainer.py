"""The training loop: epochs of minibatches on the core, with history, validation and progress."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from aevb.core.checks import check_integer
from aevb.core.engine import (
    Config,
    Model,
    Rows,
    Subset,
    resolve_threads,
    single_threaded_blas,
    slice_seconds,
)
from aevb.data.rows import as_rows, check_data
from aevb.estimators.parameters import check_parameters
from aevb.exceptions import DivergenceError
from aevb.storage.checkpoint import Mark, RunState, fingerprint, read_checkpoint, write_checkpoint
from aevb.training.learning_rate import choose_learning_rate

if TYPE_CHECKING:
    from aevb.estimators.base import LatentVariableModel


class Trainer:
    """Train a model on data, minibatch by minibatch (Algorithm 1 of [1]_).

    ``AEVB.fit`` is a thin layer over this class; use it directly to train in parts, look between
    them, or stop by a rule of your own. The model is trained in place. After a `DivergenceError` it
    stands, with its history, where the call began or, in `run`, the last epoch ended; after Ctrl-C,
    at the last completed minibatch. Another thread may read the model meanwhile, and
    each call gets the weights of one whole step. If it tries to train or change the model, it gets
    a RuntimeError.

    Parameters
    ----------
    model : AEVB, WakeSleep or MCEM
        Fitted or not; one that is not is initialised from ``X``.
    X : array-like or CSR matrix of shape (n_samples, n_features)
        Training data, read in place. Any real dtype.
    X_val : array-like or CSR matrix of shape (n_val, n_features), default=None
        Held-out data for the validation bound after each epoch. By default the model's
        ``validation_fraction`` of ``X``.
    callbacks : iterable of callables, default=()
        Each is called with the trainer after each epoch; one that returns True stops the run.
    checkpoint : str or path-like, default=None
        File to write the run to as it goes, for `resume`: every `checkpoint_every` samples, at the
        end of `run`, and on Ctrl-C out of it. It is replaced whole or not at all, and is a model's
        file too, which ``AEVB.load`` reads.
    checkpoint_every : int, default=None
        Samples from one checkpoint to the next; by default an epoch's.
    progress : bool, default=None
        Show a progress bar; by default the model's ``verbose``.

    Attributes
    ----------
    model : AEVB
        The model.
    history : dict of lists
        The model's ``history_``.
    n_train : int
        Rows in an epoch: those of ``X`` that are not held out.

    References
    ----------
    .. [1] D. P. Kingma, M. Welling, "Auto-Encoding Variational Bayes", arXiv:1312.6114.

    Examples
    --------
    >>> from aevb import AEVB, Trainer
    >>> from aevb.datasets import load_digits
    >>> trainer = Trainer(AEVB(n_components=2, random_state=0), load_digits())
    >>> trainer.run(10_000).model.n_samples_seen_ >= 10_000
    True
    """

    def __init__(
        self,
        model: LatentVariableModel,
        X: Any,
        *,
        X_val: Any = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: int | None = None,
        callbacks: Iterable[Callable[[Trainer], Any]] = (),
        progress: bool | None = None,
        _resumed: RunState | None = None,
    ) -> None:
        if not hasattr(model, "_initialize"):
            raise TypeError(f"model: got {type(model).__name__}, want an AEVB")
        check_parameters(model)
        if model.patience is not None and X_val is None and model.validation_fraction == 0:
            raise ValueError(
                "patience: there is no validation data to be patient about, want "
                "validation_fraction > 0 or X_val"
            )
        self.model = model
        self.callbacks = _check_callbacks(callbacks)
        self.progress = bool(model.verbose) if progress is None else progress
        self.checkpoint = None if checkpoint is None else Path(checkpoint)
        if checkpoint_every is not None:
            checkpoint_every = check_integer("checkpoint_every", checkpoint_every)
        is_new = not model.__sklearn_is_fitted__()
        with model._claimed(), _Unchanged(model):
            self._rows, n_val, self.n_train = self._prepare(X, X_val is not None)
            # The held-out rows are the first of the split's order, the training rows the rest.
            self._subset = Subset(n_val, self.n_train, split=n_val > 0)
            self._validation = (self._rows, Subset(0, n_val, split=True))
            if X_val is not None:
                self._validation = self._prepare_validation(X_val)
            state = _resumed or RunState(
                start=self._mark(), n_prior=self.n_train, chains=model._new_chains(self._rows)
            )
            self._fingerprint = ""
            if self.checkpoint is not None:
                self._fingerprint = fingerprint(model._engine, self._rows)
            self._start, self._best, self._n_worse = state.start, state.best, state.n_worse
            self._n_prior, self._chains = state.n_prior, state.chains  # N of the prior's weight
            self._checkpoint_every = checkpoint_every or self.n_train
            self._checkpoint_due = model.n_samples_seen_ + self._checkpoint_every
            self._stopped = False
            self._undo: _Undo | None = None  # that is taken anew at each epoch's end
            self._title: str | None = None  # of the progress bar, and the rows in all that it is to
            self._goal: float | None = None  # show, where this is part of a longer run
            if is_new and model.learning_rate == "auto":
                choose_learning_rate(self)

    @classmethod
    def resume(
        cls,
        path: str | os.PathLike[str],
        X: Any,
        *,
        X_val: Any = None,
        checkpoint_every: int | None = None,
        callbacks: Iterable[Callable[[Trainer], Any]] = (),
        progress: bool | None = None,
    ) -> Trainer:
        """Go on with a run from its checkpoint, bitwise as if it had never stopped.

        At any number of threads, on the same instruction set; in the midst of an epoch too.

        Parameters
        ----------
        path : str or path-like
            A file that a `Trainer` with ``checkpoint=path`` wrote. The run goes on writing to it.
        X : array-like or CSR matrix of shape (n_samples, n_features)
            The same training data.
        X_val : array-like or CSR matrix of shape (n_val, n_features), default=None
            The same held-out data, if the run had any.
        checkpoint_every : int, default=None
            As in `Trainer`; by default as before.
        callbacks, progress
            As in `Trainer`; functions are not kept in files.

        Returns
        -------
        trainer : Trainer
            With the model in ``trainer.model``.

        Raises
        ------
        ValueError
            If the file is damaged, is no checkpoint or of a newer format, or X is not the data that
            it was training on; the message names the file.
        """
        model, state = read_checkpoint(path)
        every = state.checkpoint_every if checkpoint_every is None else checkpoint_every
        try:
            trainer = cls(
                model,
                X,
                X_val=X_val,
                checkpoint=path,
                checkpoint_every=every,
                callbacks=callbacks,
                progress=progress,
                _resumed=state,
            )
        except ValueError as error:
            raise ValueError(f"the run in {path} cannot go on: {error}") from error
        held_out = trainer._validation[1].size
        if (trainer.n_train, held_out) != (state.n_train, state.n_validation):
            raise ValueError(
                f"X_val: got {held_out} rows held out and {trainer.n_train} to train on, but the "
                f"run in {path} had {state.n_validation} and {state.n_train}"
            )
        if trainer._fingerprint != state.fingerprint:
            raise ValueError(
                f"X: got data of shape {trainer._rows.shape} that are not those which the run in "
                f"{path} was training on; want the same rows in the same order"
            )
        return trainer

    def save_checkpoint(self) -> None:
        """Write model and run to ``checkpoint``, which is replaced whole or not at all."""
        if self.checkpoint is None:
            raise ValueError("checkpoint: got None, want a path")
        with self.model._engine.training():
            write_checkpoint(self, self.checkpoint)
        self._checkpoint_due = self.model.n_samples_seen_ + self._checkpoint_every

    def _run_state(self) -> RunState:
        return RunState(
            start=self._start,
            n_prior=self._n_prior,
            n_worse=self._n_worse,
            best=self._best,
            chains=self._chains,
            checkpoint_every=self._checkpoint_every,
            n_train=self.n_train,
            n_validation=self._validation[1].size,
            fingerprint=self._fingerprint,
        )

    def _prepare(self, X: Any, validates_elsewhere: bool) -> tuple[Rows, int, int]:
        """Check X and make the model ready for it; rows, and how many to hold out and train on."""
        model = self.model
        data = check_data(model, X, reset=not model.__sklearn_is_fitted__())
        n_val = 0 if validates_elsewhere else math.ceil(model.validation_fraction * data.n_rows)
        if n_val >= data.n_rows:
            raise ValueError(
                f"validation_fraction: got {model.validation_fraction}, which leaves none of the "
                f"{data.n_rows} rows of X to train on"
            )
        model._initialize(data)
        return as_rows(model, data), n_val, data.n_rows - n_val

    def _prepare_validation(self, X_val: Any) -> tuple[Rows, Subset]:
        try:
            data = check_data(self.model, X_val, reset=False)
            return as_rows(self.model, data), Subset(0, data.n_rows, split=False)
        except TypeError as error:
            raise TypeError(f"X_val: {error}") from error
        except ValueError as error:
            raise ValueError(f"X_val: {error}") from error

    @property
    def history(self) -> dict[str, list[float]]:
        """The model's ``history_``."""
        return self.model.history_

    def run(self, n_samples: float) -> Trainer:
        """Train until the model has seen `n_samples` rows in all, in whole minibatches.

        Parameters
        ----------
        n_samples : int or float
            Rows, counted over the model's whole life (``model.n_samples_seen_``); infinity trains
            until a callback or the model's ``patience`` stops it.

        Returns
        -------
        self : Trainer

        Raises
        ------
        DivergenceError
            If the bound or a weight is no longer finite. The model is then, with its history, as it
            was when the last epoch of this call ended, or before the call if none did.
        """
        if not isinstance(n_samples, Real) or not float(n_samples) >= 0:
            raise ValueError(f"n_samples: got {n_samples!r}, want a number of rows >= 0")
        with self.model._engine.training(), _Undo(self, by_epoch=True):
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
            If the bound or a weight is no longer finite. The model is then as it was.
        """
        n = check_integer("n", n)
        with self.model._engine.training(), _Undo(self):
            self._advance(n)
        return self

    def _mark(self) -> Mark:
        """Return where the model stands: an epoch starts here."""
        engine = self.model._engine
        return Mark(engine.n_steps, engine.n_samples_seen, engine.bound_sum)

    @property
    def _n_left(self) -> int:
        """Rows of the epoch still to come, by the core's own count, which no interrupt can skew."""
        return self.n_train - (self.model._engine.n_samples_seen - self._start.n_samples)

    @property
    def _batch_size(self) -> int:
        return int(self.model._engine.config.as_dict()["batch_size"])

    def _run(self, until: float) -> None:
        self._stopped = self._patience_is_out()
        batch = self._batch_size
        try:
            with self._progress_bar(until) as bar:
                while self.model.n_samples_seen_ < until and not self._stopped:
                    wanted = until - self.model.n_samples_seen_
                    n = math.ceil(min(wanted, self._n_left or batch) / batch)
                    self._advance(max(1, n), bar)
        except KeyboardInterrupt:
            if self.checkpoint is not None and self.model._engine.finite:
                self.save_checkpoint()
            raise
        if self._n_left <= 0:  # an epoch whose end was interrupted
            self._end_epoch()
        self._restore_best()
        if self.checkpoint is not None:
            self.save_checkpoint()

    def _progress_bar(self, until: float) -> AbstractContextManager[tqdm[Any] | None]:
        if not self.progress:  # a bar takes a lock, even if disabled, that a fork may leave held
            return nullcontext()
        seen = self.model.n_samples_seen_
        begin, end = (seen, until) if self._goal is None else (0, self._goal)
        bar: AbstractContextManager[tqdm[Any]] = tqdm(
            desc=self._title,
            initial=seen - begin,
            total=math.ceil(max(0.0, end - begin)) if end < math.inf else None,
            unit=" rows",
            unit_scale=True,
            leave=self._goal is None,
        )
        return bar

    def _advance(self, n_steps: int, bar: tqdm[Any] | None = None) -> None:
        """Train n_steps minibatches, whatever number of epochs they span."""
        engine = self.model._engine
        n_threads = resolve_threads(self.model.n_threads)
        while n_steps > 0:
            if self._n_left <= 0:  # an epoch whose end was interrupted
                self._end_epoch()
            train = partial(self._chains.train, engine) if self._chains else engine.train
            n_together = n_steps
            if self.checkpoint is not None:
                until_due = math.ceil(
                    (self._checkpoint_due - engine.n_samples_seen) / self._batch_size
                )
                n_together = min(n_steps, max(1, until_due))
            with single_threaded_blas():
                done, rows, bound_sum, diverged, _ = train(
                    self._rows,
                    **self._subset._asdict(),
                    epoch=self._start.n_steps,  # names the epoch's permutation
                    position=self.n_train - self._n_left,
                    max_steps=n_together,
                    max_seconds=slice_seconds(),
                    n_train=self._n_prior,
                    n_threads=n_threads,
                )
            n_steps -= done
            if diverged:
                raise DivergenceError(engine.n_steps, self.model.learning_rate_)
            if bar is not None and rows > 0:  # none: Ctrl-C, whose handler has let it pass
                bar.update(rows)
                bar.set_postfix(bound=f"{bound_sum / rows:.2f}", refresh=False)
            if self._n_left <= 0:
                self._end_epoch()
            if self.checkpoint is not None and engine.n_samples_seen >= self._checkpoint_due:
                self.save_checkpoint()

    def _end_epoch(self) -> None:
        engine = self.model._engine
        entry = {
            "samples_seen": engine.n_samples_seen,
            "train_bound": (engine.bound_sum - self._start.bound_sum) / self.n_train,
            "validation_bound": self._validation_bound(),
            "seconds": engine.seconds,
        }
        history = {k: [*v, entry[k]] for k, v in self.history.items()}
        best, n_worse = self._watch(entry["validation_bound"])
        mark = self._mark()
        # all at once: an interrupt may be anywhere
        self.model.history_, self._start, self._best, self._n_worse = history, mark, best, n_worse
        self._stopped = self._stopped or self._patience_is_out()
        if self._undo is not None:
            self._undo.take()
        for callback in self.callbacks:
            if callback(self) is True:
                self._stopped = True

    def _validation_bound(self) -> float:
        rows, subset = self._validation
        return float(self.model._scores(rows, subset).mean()) if subset.size else math.nan

    def _watch(self, bound: float) -> tuple[tuple[float, Model] | None, int]:
        """Return the best bound with its weights, and the number of worse epochs since."""
        if self.model.patience is None:
            return self._best, self._n_worse
        if self._best is None or bound > self._best[0]:
            return (bound, self.model._engine.copy()), 0
        return self._best, self._n_worse + 1

    def _patience_is_out(self) -> bool:
        return self.model.patience is not None and self._n_worse >= self.model.patience

    def _restore_best(self) -> None:
        """Take the best weights back; the counts of what has been seen stay."""
        if self._best is not None:
            self.model._engine.restore(self._best[1])


def _check_callbacks(callbacks: Any) -> tuple[Callable[[Trainer], Any], ...]:
    try:
        checked = tuple(callbacks)
    except TypeError as error:
        raise TypeError(f"callbacks: got {callbacks!r}, want an iterable of callables") from error
    for callback in checked:
        if not callable(callback):
            raise TypeError(f"callbacks: got {callback!r} among them, want callables")
    return checked


class _Unchanged:
    """Leaves a model as it was if the block raises."""

    def __init__(self, model: LatentVariableModel) -> None:
        self._model = model
        self._attributes = dict(vars(model))
        self._config = model._engine.config.as_dict() if "_engine" in self._attributes else None

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            return
        for name in vars(self._model).keys() - self._attributes.keys():
            delattr(self._model, name)
        self._model.__dict__.update(self._attributes)
        if self._config is not None:
            self._model._engine.config = Config(**self._config)


class _Undo:
    """Puts a trainer and its model back, if training diverges, as they were when last taken."""

    def __init__(self, trainer: Trainer, *, by_epoch: bool = False) -> None:
        self._trainer, self._by_epoch = trainer, by_epoch
        self.take()

    def take(self) -> None:
        """Take the state to go back to."""
        trainer = self._trainer
        state = {k: v for k, v in vars(trainer).items() if k not in ("model", "_undo")}
        if trainer._chains is not None:
            state["_chains"] = trainer._chains.copy()
        # all at once: an interrupt may be anywhere
        self._taken = trainer.model._engine.copy(), trainer.history, state

    def __enter__(self) -> None:
        self._outer = self._trainer._undo
        if self._by_epoch:
            self._trainer._undo = self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._trainer._undo = self._outer
        if kind is None:
            return
        # Ctrl-C may have come between the last step and the look at what it has made
        if issubclass(kind, DivergenceError) or not self._trainer.model._engine.finite:
            engine, history, state = self._taken
            self._trainer.model._engine = engine
            self._trainer.model.history_ = history
            self._trainer.__dict__.update(state)
