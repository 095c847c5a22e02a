"""The trainer: epochs, validation, history, early stopping, callbacks and checkpoints."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from aevb.core.checks import check_integer
from aevb.core.engine import Engine
from aevb.core.progress import Part, Show, show_nothing, training_bar
from aevb.core.state import ChainState, RunState, State
from aevb.storage.checkpoint import read_checkpoint, write_checkpoint
from aevb.storage.model_file import reading
from aevb.training.checks import (
    check_callbacks,
    check_checkpoint,
    check_learning_rate,
    wants_to_stop,
)
from aevb.training.exchange import exchange_of, together
from aevb.training.feed import end_of_run
from aevb.training.fingerprint import check_same_data, fingerprint
from aevb.training.learning_rate import (
    best_learning_rate,
    is_unstable,
    length_of_trial,
    try_learning_rates,
)
from aevb.training.loop import Loop
from aevb.training.position import Resumed, Undo, position_of, undoing
from aevb.training.stream import feed_of
from aevb.training.trainable import Trainable, claimed, restored

if TYPE_CHECKING:
    from typing_extensions import Self

Model = TypeVar("Model", bound=Trainable)


class Trainer(Generic[Model]):
    """Train a model on data, minibatch by minibatch (Algorithm 1 of arXiv:1312.6114).

    ``AEVB.fit`` is a thin layer over this class. Use the class directly to train in parts, to look
    at the model between them, or to stop by a rule of your own. Training changes the model in
    place.

    After a `DivergenceError`, the model and its history are as they were before the call. In `run`,
    they are as they were after the last complete epoch of the call. After Ctrl-C, the model stands
    at the last completed minibatch.

    Another thread may read the model during training, after a whole step. If it tries to train or
    change the model, it gets a RuntimeError.

    Parameters
    ----------
    model : AEVB, WakeSleep or MCEM
        A model. If it is not fitted, the trainer initialises it from ``X``.
    X : array-like or CSR matrix of shape (n_samples, n_features), or source of chunks
        Training data of any real dtype. The core reads them in place. A source has more rows than
        memory: an iterable of arrays, files, and others (docs/scale.md).
    X_val : array-like or CSR matrix of shape (n_val, n_features), default=None
        Held-out data for the validation bound after each epoch. By default, the trainer holds out
        rows of ``X`` if the model's ``early_stopping`` says so.
    callbacks : iterable of callables, default=()
        After each epoch, the trainer calls each of them with itself as the argument. One that
        returns True ends the run. It may set parameters of the model, and ``learning_rate``.
    checkpoint : str or path-like, default=None
        File for `resume`, which ``AEVB.load`` reads too. The trainer writes it every
        `checkpoint_every` samples, at the end of `run`, and when Ctrl-C ends `run`.
    checkpoint_every : int, default=None
        Samples from one checkpoint to the next. None means the samples of an epoch.
    progress : bool, default=None
        Whether to show a progress bar. None takes the model's ``verbose``.
    buffer_rows : int, default=None
        Rows of a source that are shuffled together, at least. None: those of each chunk.
    comm : mpi4py.MPI.Intracomm, default=None
        The processes that train one model together, each on its own ``X``. They make the same
        calls, and ``n_samples`` counts the rows of all.
    sync_every : int, default=1
        With `comm`, minibatches from one exchange to the next. 1: every step takes the gradient of
        all processes. More: the weights are averaged.
    outer_momentum : float, default=0.0
        The momentum of weights that are averaged, from 0 to below 1. Values such as 0.9 are for
        rounds of about 50 steps or more.

    Attributes
    ----------
    n_train : int or float
        Rows per epoch: those of ``X`` that are not held out. It is infinity for a source until a
        pass has counted them. With `comm`, it counts the rows of all processes.

    Examples
    --------
    >>> from aevb import AEVB, Trainer
    >>> from aevb.datasets import load_digits
    >>> trainer = Trainer(AEVB(n_components=2, random_state=0), load_digits())
    >>> trainer.run(10_000).model.n_samples_seen_ >= 10_000
    True
    """

    @together
    def __init__(
        self,
        model: Model,
        X: Any,
        *,
        X_val: Any = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: int | None = None,
        callbacks: Iterable[Callable[[Trainer[Model]], Any]] = (),
        progress: bool | None = None,
        buffer_rows: int | None = None,
        comm: Any = None,
        sync_every: int = 1,
        outer_momentum: float = 0.0,
        _resumed: Resumed | None = None,
    ) -> None:
        exchange = self._exchange = exchange_of(comm, sync_every, outer_momentum)
        if not hasattr(model, "_begin"):
            raise TypeError(f"model: got {type(model).__name__}, want AEVB, WakeSleep or MCEM")
        model._check_parameters()
        self.model = model
        self.callbacks = check_callbacks(callbacks)
        shown = bool(model.verbose) if progress is None else progress
        self.progress: bool | Part = shown if exchange.rank == 0 else False
        self.checkpoint = None if checkpoint is None else check_checkpoint(checkpoint, model)
        if checkpoint_every is not None:
            checkpoint_every = check_integer("checkpoint_every", checkpoint_every)
        with claimed(model):
            old = None if _resumed is None else _resumed.run
            facts = {"checkpoint": checkpoint, "checkpoint_every": checkpoint_every}
            self._feed = feed_of(model, X, X_val, buffer_rows, old, exchange, facts)
            state, config = model._begin(self._feed.data, self._feed.n_rows, exchange)
            with state.engine.configured(config):
                self._feed.set_rows(state.engine, config)
                self._set_place(state.engine, checkpoint_every, _resumed)
                tries = model.learning_rate == "auto" and not model._halves_rate()
                if model._state is None and tries:
                    state = self._with_best_rate(state)
            model._state = state  # last: after an error the model is unchanged

    def _set_place(
        self, engine: Engine, checkpoint_every: int | None, resumed: Resumed | None
    ) -> None:
        """Start at the position of a checkpoint, or at the start of an epoch."""
        feed, exchange = self._feed, self._exchange
        has_file = self.checkpoint is not None
        if resumed is None:
            run, chains = feed.first(engine), self.model._new_chains(engine, feed.rows)
        else:
            run, chains = resumed
            if run.n_ranks != exchange.n_ranks:  # each has other rows: begin an epoch
                run = feed.first(engine)._replace(best=run.best, n_worse=run.n_worse, plan=run.plan)
            if exchange.n_ranks > 1:
                exchange.velocity = resumed.run.velocity
        self._chains = chains
        self._run = run._replace(
            chains=None,  # `_run_state` adds what is current
            velocity=None,
            checkpoint_every=checkpoint_every or feed.checkpoint_every,
            n_train=run.n_train if run.place is not None else int(feed.n_train),
            n_validation=sum(exchange.gather(feed.validation.n_rows)),
            fingerprint=fingerprint(engine, feed.rows, exchange) if has_file else "",
            n_ranks=exchange.n_ranks,
        )
        self._checkpoint_due = engine.n_samples_seen + self._run.checkpoint_every
        self._stopped = False
        self._asked = self.model.get_params(deep=False)
        self._undo: Undo | None = None  # every end of an epoch updates its position

    def _with_best_rate(self, state: State) -> State:
        """Return a new model's state with the best learning rate of the trials."""
        model, feed = self.model, self._feed
        n = self._run.n_train or feed.subset.size  # a stream has not begun its first block
        run = self._run._replace(n_train=n, n_prior=max(self._run.n_prior, n))
        n_train = self.n_train if math.isfinite(self.n_train) else n
        trials = try_learning_rates(
            Loop(state.engine, self._chains, feed.rows, feed.subset, run, self._exchange),
            length_of_trial(self.n_epochs, n_train, model._n_updates_per_visit()),
            model._scores,
            n_threads=model.n_threads,
            shown=bool(self.progress),
        )
        state.engine.learning_rate = best_learning_rate(trials)
        return replace(state, learning_rate_trials=trials)

    @classmethod
    @together
    def resume(
        cls,
        path: str | os.PathLike[str],
        X: Any,
        *,
        X_val: Any = None,
        checkpoint_every: int | None = None,
        callbacks: Iterable[Callable[[Trainer[Any]], Any]] = (),
        progress: bool | None = None,
        comm: Any = None,
        sync_every: int = 1,
        outer_momentum: float = 0.0,
    ) -> Trainer[Any]:
        """Continue a run from its checkpoint.

        The result has the same bits as a run that never stopped, with any number of threads on the
        same instruction set.

        Parameters
        ----------
        path : str or path-like
            A file that a `Trainer` with ``checkpoint=path`` wrote. The run continues to write it.
        X : array-like or CSR matrix of shape (n_samples, n_features), or source of chunks
            The same training data.
        X_val : array-like or CSR matrix of shape (n_val, n_features), default=None
            The same held-out data, if the run had any.
        checkpoint_every : int, default=None
            As in `Trainer`. None means the value of the checkpoint.
        callbacks, progress, comm, sync_every, outer_momentum
            As in `Trainer`. A checkpoint does not store them. With another number of processes, the
            run begins a new epoch, and cannot tell whether the data are the same.

        Returns
        -------
        trainer : Trainer
            The trainer. Its model is ``trainer.model``.

        Raises
        ------
        ValueError
            If the file is damaged, is not a checkpoint or has a newer format, or if `X` or `X_val`
            is not the data of the run. The message names the file.
        """
        with reading(path, "checkpoint"):
            saved, run = read_checkpoint(path)
            model = restored(saved)
            resumed = Resumed(run, model._chains_of_old(saved.state.engine, run.chains))
        every = run.checkpoint_every if checkpoint_every is None else checkpoint_every
        try:
            trainer = cls(
                model,  # type: ignore[arg-type]  # the file determines the class
                X,
                X_val=X_val,
                checkpoint=path,
                checkpoint_every=every,
                callbacks=callbacks,
                progress=progress,
                comm=comm,
                sync_every=sync_every,
                outer_momentum=outer_momentum,
                _resumed=resumed,
            )
        except ValueError as error:
            raise ValueError(f"the run in {path} cannot continue: {error}") from error
        check_same_data(path, trainer._run, run, trainer._feed.rows.shape)
        return trainer

    @together
    def save_checkpoint(self) -> None:
        """Write the model and the run to the file `checkpoint`.

        If writing fails, an existing file is unchanged.

        Raises
        ------
        ValueError
            If the trainer has no `checkpoint`.
        """
        if self.checkpoint is None:
            raise ValueError("checkpoint: got None, want a path")
        if self._exchange.rank == 0:
            n_rows = self._feed.rows.shape[0]
            with self._state.engine.training():
                write_checkpoint(self.checkpoint, self.model._saved(), self._run_state(), n_rows)
        self._checkpoint_due = self._n_seen + self._run.checkpoint_every

    def _run_state(self) -> RunState:
        chains = self._chains
        return self._run._replace(
            chains=None if chains is None else ChainState(chains.z, chains.step_state),
            velocity=self._exchange.velocity,
        )

    @property
    def learning_rate(self) -> float:
        """The learning rate, on which the schedule puts a factor. A callback may set it."""
        return self._state.engine.learning_rate

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        check_learning_rate(rate)
        self._state.engine.learning_rate = rate

    @property
    def history(self) -> dict[str, list[float]]:
        """The model's ``history_``."""
        return self._state.history

    @property
    def n_train(self) -> float:
        """Rows per epoch, or infinity while their number is not known."""
        return self._feed.n_train

    @property
    def n_epochs(self) -> int:
        """The epochs of the model's ``n_epochs``."""
        return self._feed.n_epochs(self.model.n_epochs)

    @together
    def run(self, n_samples: float | None = None) -> Self:
        """Train on whole minibatches until the model has seen `n_samples` rows in all.

        Parameters
        ----------
        n_samples : int or float, default=None
            Rows in all calls, as ``model.n_samples_seen_`` counts them. With infinity, training
            continues until a callback, the model's ``patience`` or the end of an iterator stops it.
            None trains for the model's ``n_epochs``, as `fit` does.

        Returns
        -------
        self : Trainer

        Raises
        ------
        ValueError
            If `n_samples` is not a number >= 0.
        DivergenceError
            If the bound or a weight is no longer finite. The model and its history are then as they
            were after the last complete epoch of this call, or before the call.
        """
        end = end_of_run(n_samples, self._n_seen, self.model, self._feed, self._exchange)
        self._exchange.agree(self.model, self._state.engine)
        with self._state.engine.training(), undoing(self, by_epoch=True):
            self._run_until(end)
        return self

    @together
    def step(self, n: int = 1) -> Self:
        """Train on `n` more minibatches.

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
            If the bound or a weight is no longer finite. The model is then unchanged.
        """
        n = self._exchange.gather(check_integer("n", n))[0]
        self._exchange.agree(self.model, self._state.engine)
        with self._state.engine.training(), undoing(self):
            self._advance(n)
        return self

    @property
    def _state(self) -> State:
        state = self.model._state
        assert state is not None
        return state

    @property
    def _n_seen(self) -> int:
        return self._state.engine.n_samples_seen

    @property
    def _loop(self) -> Loop:
        feed, engine = self._feed, self._state.engine
        return Loop(engine, self._chains, feed.rows, feed.subset, self._run, self._exchange)

    def _run_until(self, end: Callable[[], float]) -> None:
        self._stopped = self._patience_is_out()
        if self._run.plan is None:  # else it continues a run that was interrupted
            self._run = self._run._replace(plan=self._feed.plan(end(), self._n_seen))
        try:
            with training_bar(self._n_seen, end(), self.progress) as show:
                while self._n_seen < end() and not self._stopped:
                    if self._loop.n_left <= 0:
                        self._turn(end())
                    else:
                        self._advance(self._loop.n_steps_to(end()), show, end=end())
        except KeyboardInterrupt:
            if self.checkpoint is not None and self._state.engine.finite:
                self.save_checkpoint()
            raise
        self._make_due_entry(end(), run_ends=True)  # also of an epoch whose end was interrupted
        self._restore_best()
        self._run = self._run._replace(plan=None)
        if self.checkpoint is not None:
            self.save_checkpoint()

    def _advance(self, n_steps: int, show: Show = show_nothing, end: float = math.inf) -> None:
        """Train on n_steps minibatches. They may span several epochs."""
        while n_steps > 0:
            if self._loop.n_left <= 0:
                self._turn(end)
                continue
            self._feed.load(self._run)
            n_together, schedules = n_steps, self.model._schedules()
            # a checkpoint waits for the exchange of weights
            if self.checkpoint is not None and self._exchange.sync_every == 1:
                n_together = min(n_steps, self._loop.n_steps_to(self._checkpoint_due))
            # no name for the loop: it would keep the rows of a block that is over
            trained = self._loop.train(n_together, self.model.n_threads, schedules, end)
            n_steps -= trained.n_steps
            show(trained.n_rows, trained.bound_sum, trained.n_threads)
            self._make_due_entry(end)
            if self.checkpoint is not None and self._n_seen >= self._checkpoint_due:
                self.save_checkpoint()

    def _turn(self, end: float) -> None:
        """Go on to the next block of rows, or end the epoch."""
        feed, engine = self._feed, self._state.engine
        run = feed.next_block(self._run, engine)
        if run is not None:
            self._run = run
        elif engine.n_samples_seen > self._run.entry.n_samples:
            self._make_entry(end, epoch_ends=True)
        else:
            self._run = feed.after_entry(self._run, engine, epoch_ends=True)
        if run is None and math.isinf(end) and feed.is_over_after_epoch:
            self._stopped = True

    def _make_due_entry(self, end: float, *, run_ends: bool = False) -> None:
        due = self._feed.due(self._run, self._state.engine, run_ends=run_ends)
        if due is not None:
            self._make_entry(end, epoch_ends=due)

    def _make_entry(self, end: float, *, epoch_ends: bool) -> None:
        """Validate, make an entry of the history, and call the callbacks."""
        state, run, plan, bound = self._state, self._run, self._run.plan, math.nan
        engine = state.engine
        if plan is not None:
            plan = plan._replace(n_epochs=plan.n_epochs + 1)
        if plan is None or plan.n_epochs % plan.validate_every == 0 or self._n_seen >= end:
            bound = self._feed.validation.score(self.model, engine, self._exchange)
        n_rows = engine.n_samples_seen - run.entry.n_samples
        entry = {
            "samples_seen": engine.n_samples_seen,
            "train_bound": (engine.bound_sum - run.entry.bound_sum) / n_rows,
            "validation_bound": bound,
            "held_out": run.n_validation,
            "seconds": self._exchange.gather(engine.seconds)[0],
        }
        state = replace(state, history={k: [*v, entry[k]] for k, v in state.history.items()})
        best, n_worse = self._watch(bound)
        run = self._feed.after_entry(run, engine, epoch_ends=epoch_ends)
        run = run._replace(best=best, n_worse=n_worse, plan=plan)
        # one assignment for both, since an interrupt may come between two
        self.model._state, self._run = state, run
        self._stopped = self._stopped or self._patience_is_out()
        if best is not None and self.model._halves_rate() and is_unstable(state.history):
            self._restore_best()
            engine.learning_rate /= 2
        if self._undo is not None:
            self._undo.position = position_of(self)
        for callback in self.callbacks:
            if wants_to_stop(callback, callback(self)):
                self._stopped = True
        if self.callbacks:
            self._read_parameters()
        self._stopped = any(self._exchange.gather(self._stopped))  # by callbacks of each process
        self._exchange.agree(self.model, engine)

    def _read_parameters(self) -> None:
        """Use the parameters of the model that callbacks have changed."""
        asked = self.model.get_params(deep=False)
        if any(value is not self._asked[name] for name, value in asked.items()):
            self.model._check_parameters()
            engine, rate = self._state.engine, self.learning_rate
            engine.config = self.model._settings_now(self._state)
            if asked["learning_rate"] is self._asked["learning_rate"]:
                self.learning_rate = rate  # which a callback may have set on the trainer
            self._asked = asked

    def _watch(self, bound: float) -> tuple[tuple[float, Engine] | None, int]:
        """Return the best bound with its weights, and the number of epochs since then."""
        best, n_worse = self._run.best, self._run.n_worse
        if not self._feed.validation.decides or math.isnan(bound):
            return best, n_worse
        if best is None or bound > best[0]:
            return (bound, self._state.engine.copy()), 0
        return best, n_worse + 1

    def _patience_is_out(self) -> bool:
        return self.model.patience is not None and self._run.n_worse >= self.model.patience

    def _restore_best(self) -> None:
        """Restore the best weights. The counts of steps and rows stay."""
        if self._run.best is not None:
            self._state.engine.restore(self._run.best[1])
            self._exchange.velocity = None
