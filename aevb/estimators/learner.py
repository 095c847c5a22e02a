"""The base class of everything that is trained: training, fitted state, files and pickles."""

from __future__ import annotations

import copy
import os
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from aevb._version import __version__
from aevb.core.checks import check_choice
from aevb.core.engine import Config, Engine, Floats, MonteCarloEm, Rows, Subset
from aevb.core.state import ChainState, State, empty_history
from aevb.data.checks import finite_array
from aevb.data.choices import Choice, agreed_families, choose
from aevb.data.moments import Moments, column_moments, joined_moments
from aevb.data.validation import Data
from aevb.estimators import kinds
from aevb.estimators.advice import advise_after, advise_before
from aevb.estimators.columns import Column, check_families, columns_of, likelihood_of
from aevb.estimators.initial import (
    keep_posterior_as_prior,
    level_shares,
    set_initial_weights,
)
from aevb.estimators.parameters import (
    check_parameters,
    check_unchanged,
    draw_seed,
    make_config,
)
from aevb.exceptions import InconsistentVersionWarning
from aevb.storage.model_file import Saved, read_model, reading, write_model
from aevb.training.exchange import Exchange
from aevb.training.fit import fit_rows
from aevb.training.learning_rate import adam_rate
from aevb.training.length import epochs_of_run
from aevb.training.schedule import Schedules
from aevb.training.trainable import register

if TYPE_CHECKING:
    from typing_extensions import Self


class Learner(BaseEstimator, ABC):
    """Base class with parameters. It has a state after the first fit."""

    _algorithm = "aevb"  # the field of the core's Config
    _has_encoder = False
    _has_chains = False  # a Markov chain for each training row
    _not_in_core: frozenset[str] = frozenset()  # parameters with another meaning there
    _state: State | None = None  # None before the first fit

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        register(cls)

    # The settings of the paper's experiments, section 5
    _published: Mapping[str, Any] = MappingProxyType(
        {
            "optimizer": "adagrad",
            "learning_rate": 0.02,
            "learning_rate_schedule": "constant",
            "init_scale": 0.1,
            "n_epochs": 20,
            "early_stopping": False,
        }
    )

    @classmethod
    def published(cls, n_components: int = 20, **changes: Any) -> Self:
        """Return an estimator with the paper's own settings instead of the defaults.

        They are Adagrad with the constant learning rate 0.02, initial weights and biases with the
        standard deviation 0.1, 20 epochs, and no early stopping.

        Parameters
        ----------
        n_components : int, default=20
            Dimension J of the latent variable z.
        **changes
            Other parameters of the constructor, or other values of these.

        Returns
        -------
        model : object
            An estimator that is not fitted.
        """
        return cls(n_components, **{**cls._published, **changes})

    # Learning

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train on X for ``n_epochs`` passes.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features), or source of chunks
            Training data: an array, memory map or data frame. The core reads bool, integers,
            float32 and float64 in place. Other types are converted first. NaN, None and pandas.NA
            are missing values. Strings and categories of a data frame are categories. A source of
            chunks has more rows than memory; docs/scale.md lists its kinds.
        y : None
            Ignored.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError, TypeError
            If a parameter or the data are not valid. The message names them.
        DivergenceError
            If the bound or a weight is no longer finite. The estimator is then unchanged.
        KeyboardInterrupt
            After Ctrl-C. The estimator then has the weights of the last whole minibatch.

        Warns
        -----
        FitWarning
            If the fit will mislead: the bound still rises steeply at the end, all latent units have
            collapsed, there are more of them than columns, or grey levels are modelled as numbers.
            The message says what to do.
        """
        check_parameters(self)
        with self._claimed():
            worker = self._worker(keep_fitted=self.warm_start)
            try:
                some_rows = fit_rows(worker, X)
            except KeyboardInterrupt:
                self._keep_interrupted(worker)
                raise
            assert worker._state is not None
            advise_after(  # first: if warnings are errors, this estimator is unchanged
                worker._state,
                some_rows,
                self.n_epochs,
                self.learning_rate_schedule,
                self.n_threads,
            )
            self._state = worker._state
        return self

    def _keep_interrupted(self, worker: Self) -> None:
        """Take over the last whole minibatch of a worker that Ctrl-C has stopped, if it has any."""
        state, before = worker._state, 0
        if self.warm_start and self._state is not None:
            before = self._state.engine.n_steps
        if state is not None and state.engine.n_steps > before and state.engine.finite:
            self._state = state

    def partial_fit(
        self, X: Any, y: Any = None, *, forgetting: float = 1.0, weight_prior: str = "fixed"
    ) -> Self:
        """Continue the training with one pass over X.

        The prior on the weights takes the N rows seen so far, in all calls, as the training set.
        The first call chooses the likelihood and the units of the columns. The learning rate is
        constant, and no rows are held out.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features), or source of chunks
            New data.
        y : None
            Ignored.
        forgetting : float, default=1.0
            Factor in (0, 1] on what earlier calls have left, for data that change. Before the
            training, it multiplies the count N of the earlier rows, and the sums of squares of
            Adagrad or Adam. So the prior weighs more, and the steps are larger by
            ``forgetting ** -0.5`` at first.
        weight_prior : {"fixed", "posterior"}, default="fixed"
            With a ``weight_posterior``, "posterior" first makes the present posterior of each
            weight its prior. The rows of the earlier calls are then in this prior, and N counts
            those of this call. `forgetting` multiplies the precision of this prior, but it does not
            go below ``weight_decay``. "fixed" keeps the prior as it is.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError, TypeError
            If a parameter or the data are not valid. The message names them.
        DivergenceError
            If the bound or a weight is no longer finite. The estimator is then unchanged.
        """
        check_parameters(self)
        kinds.number("(]", 0.0, 1.0).check("forgetting", forgetting)
        check_choice("weight_prior", weight_prior, ("fixed", "posterior"))
        if weight_prior == "posterior" and getattr(self, "weight_posterior", None) is None:
            raise ValueError("weight_prior: got 'posterior', want a model with a weight_posterior")
        with self._claimed():
            worker = self._worker(keep_fitted=True)
            worker.early_stopping, worker.patience, worker.n_epochs = False, None, 1
            worker.learning_rate_schedule, worker.kl_warmup = "constant", 0.0
            n_seen = worker._forget(forgetting, keep_posterior=weight_prior == "posterior")
            fit_rows(worker, X, n_seen=n_seen)
            self._state = worker._state
        return self

    def _forget(self, factor: float, *, keep_posterior: bool) -> float:
        """Prepare a worker for new data. Return the number N of earlier rows that count."""
        state = self._state
        if state is None:
            return 0
        seen = state.engine.n_samples_seen
        n_counted = seen - state.n_forgotten
        if factor < 1.0:
            state.engine.scale_squares(factor)
            n_counted *= factor
        if keep_posterior:
            keep_posterior_as_prior(state.engine, factor)
            n_counted = 0
        self._state = replace(state, n_forgotten=seen - n_counted)
        return n_counted

    def _claimed(self) -> AbstractContextManager[object]:
        """Prevent other threads from training or changing a fitted model during a block."""
        return nullcontext() if self._state is None else self._state.engine.training()

    def _worker(self, *, keep_fitted: bool) -> Self:
        """Return a copy to train. If training fails, this estimator is then unchanged."""
        worker = copy.copy(self)
        worker._state = self._state.copy() if keep_fitted and self._state is not None else None
        return worker

    # Methods for the trainer: see `aevb.training.trainable`

    def _check_parameters(self) -> None:
        check_parameters(self)

    def _begin(self, data: Data, n_rows: float, exchange: Exchange) -> tuple[State, Config]:
        """Return the fitted state, or a new one for this data, and the settings to train with."""
        if self._state is not None:
            return self._state, self._settings_now(self._state)
        moments = joined_moments(exchange.gather(column_moments(data.X)))
        choice = self._choose(data, moments, exchange)
        chosen = {
            "likelihood": choice.blocks,
            "scale": choice.scale,
            "learning_rate": self._auto_rate(n_rows),
            "mask_inputs": data.holes,
        }
        seed = exchange.gather(self._new_seed())[0]
        config = make_config(self, choice.units.n_visible, seed, chosen)
        engine = Engine(config, choice.units)
        names = data.feature_names
        state = State(engine, choice.scale, empty_history(), names, schema=data.schema)
        if exchange.rank == 0:
            advise_before(state, data)
        if self.init_scale == "auto":
            set_initial_weights(engine, moments, level_shares(data, choice.families, exchange))
        return state, config

    def _new_seed(self) -> int:
        return draw_seed(self.random_state)

    def _choose(self, data: Data, moments: Moments, exchange: Exchange) -> Choice:
        """Return the choices of rank 0, after all have agreed on the likelihoods."""
        choice = choose(self.likelihood, self.scale, self.binarize, data, moments)
        families = agreed_families(exchange.gather(choice.families))
        if families != choice.families:
            pairs = [(family, j) for j, family in enumerate(families)]
            choice = choose(pairs, self.scale, self.binarize, data, moments)
        return exchange.gather(choice)[0]

    def _takes_adam_rate(self) -> bool:
        return bool(self.learning_rate == "auto" and self.optimizer == "adam")

    def _halves_rate(self) -> bool:
        warms_up = self._schedules().kl_warmup > 0.0  # then the bound may fall on purpose
        return self._takes_adam_rate() and not warms_up

    def _auto_rate(self, n_rows: float) -> float | str:
        n_epochs = epochs_of_run(self.n_epochs, n_rows)
        return adam_rate(n_epochs * n_rows) if self._takes_adam_rate() else "auto"

    def _settings_now(self, state: State) -> Config:
        """Return the settings of the current parameters. ValueError if a fitted one has changed."""
        engine = state.engine
        check_families(self.likelihood, state)
        chosen = {
            "likelihood": engine.settings["likelihood"],
            "scale": state.scale,
            "learning_rate": engine.learning_rate,
            "prior": engine.settings["prior"],
            "mask_inputs": engine.settings["mask_inputs"],
        }
        check_unchanged(self, engine.settings | chosen, chosen)
        return make_config(self, engine.n_visible, engine.seed, chosen)

    @abstractmethod
    def _scores(self, engine: Engine, rows: Rows, subset: Subset, n_draws: int) -> Floats:
        """Return log p(x) of the subset's rows, or a lower bound on it from n_draws draws of z."""

    def _n_updates_per_visit(self) -> int:
        return 1

    def _schedules(self) -> Schedules:
        return Schedules(
            self.learning_rate_schedule,
            float(getattr(self, "kl_warmup", 0.0)),
            int(getattr(self, "kl_cycles", 1)),
        )

    def _new_chains(self, engine: Engine, rows: Rows) -> MonteCarloEm | None:
        return None

    def _chains_of_old(self, engine: Engine, chains: ChainState | None) -> MonteCarloEm | None:
        if chains is not None:
            raise ValueError(f"{type(self).__name__} trains without chains")
        return None

    def _saved(self) -> Saved:
        assert self._state is not None
        check_parameters(self)
        return Saved(type(self).__name__, self.get_params(deep=False), self._state)

    @classmethod
    def _restored(cls, saved: Saved) -> Self:
        if saved.class_name != cls.__name__:
            raise ValueError(f"it holds a {saved.class_name!r}, want {saved.class_name}.load")
        algorithm = saved.state.engine.settings["algorithm"]
        if algorithm != cls._algorithm:
            raise ValueError(
                f"its algorithm is {algorithm!r}, that of {cls.__name__} is {cls._algorithm!r}"
            )
        model = cls(**saved.params)
        check_parameters(model)
        model._state = saved.state
        return model

    # State

    @property
    def _engine(self) -> Engine:
        return self._learnt("_engine").engine

    @property
    def likelihood_(self) -> str | dict[str, str]:
        """The likelihood in use: that of all columns, or of each column by its name."""
        return likelihood_of(self._learnt("likelihood_"))

    @property
    def columns_(self) -> list[Column]:
        """Name, likelihood, location, scale and levels of each column."""
        return columns_of(self._learnt("columns_"))

    @property
    def history_(self) -> dict[str, list[float]]:
        """Samples seen, bounds in nats per row, rows held out, and seconds, for each epoch."""
        return self._learnt("history_").history

    @property
    def learning_rate_trials_(self) -> dict[float, float]:
        """The score of each learning rate that ``"auto"`` tried, in nats per row."""
        trials = self._learnt("learning_rate_trials_").learning_rate_trials
        if trials is None:
            raise AttributeError(f"{type(self).__name__} has no 'learning_rate_trials_'")
        return trials

    @property
    def n_features_in_(self) -> int:
        """Number of features D."""
        return self._learnt("n_features_in_").n_features

    @property
    def feature_names_in_(self) -> NDArray[Any]:
        """Names of the features, if X had names."""
        names = self._learnt("feature_names_in_").feature_names
        if names is None:
            raise AttributeError(f"{type(self).__name__} has no 'feature_names_in_'")
        return names

    @property
    def weights_(self) -> dict[str, NDArray[np.float32]]:
        """Copies of all weights and biases by name. Weights have the shape (inputs, outputs)."""
        return self._learnt("weights_").engine.arrays("weights")

    @property
    def n_samples_seen_(self) -> int:
        """Rows trained on so far. Each visit to a row counts."""
        return self._learnt("n_samples_seen_").engine.n_samples_seen

    @property
    def learning_rate_(self) -> float:
        """The learning rate in use."""
        return self._learnt("learning_rate_").engine.learning_rate

    @property
    def n_steps_(self) -> int:
        """Minibatches trained on so far."""
        return self._learnt("n_steps_").engine.n_steps

    @property
    def n_threads_(self) -> int:
        """Threads of the training: those that `n_threads` gives, or the quickest of the trials."""
        n_threads = self._learnt("n_threads_").engine.n_threads
        if n_threads is None:
            raise AttributeError(f"{type(self).__name__} has no 'n_threads_' before it is trained")
        return n_threads

    def set_weights(self, weights: dict[str, ArrayLike]) -> Self:
        """Replace all weights.

        Parameters
        ----------
        weights : dict of str to array-like
            Arrays of finite numbers with the names and shapes of ``weights_``.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError, TypeError
            If a name, a shape or a value is wrong.
        """
        check_is_fitted(self)
        if not isinstance(weights, dict):
            raise TypeError(f"weights: got {type(weights).__name__}, want a dict of arrays")
        names = set(self.weights_)
        unknown, missing = set(weights) - names, names - set(weights)
        if unknown:
            raise ValueError(f"weights: got the unknown names {sorted(map(repr, unknown))}")
        if missing:
            raise ValueError(f"weights: got none for {sorted(missing)}, want all of weights_")
        arrays = {name: finite_array(f"weights['{name}']", w) for name, w in weights.items()}
        self._engine.set_arrays(arrays, "weights")
        return self

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted model and the state of its optimizer to a safetensors file.

        Parameters
        ----------
        path : str or path-like
            The file. If writing fails, an existing file is unchanged.
        """
        check_is_fitted(self)
        write_model(path, self._saved())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a model from a file that `save` wrote.

        Parameters
        ----------
        path : str or path-like
            The file.

        Returns
        -------
        model : object

        Raises
        ------
        ValueError
            If the file is damaged or holds a model of another class. The message names the file.
        """
        with reading(path, f"{cls.__name__} model"):
            return cls._restored(read_model(path))

    def _learnt(self, name: str) -> State:
        # AttributeError: hasattr is then False before the first fit, as scikit-learn expects
        if self._state is None:
            raise AttributeError(f"{type(self).__name__} has no '{name}' before it is fitted")
        return self._state

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_aevb_version": __version__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        version = state.pop("_aevb_version", "an unknown version")
        if version != __version__:
            warnings.warn(
                f"this {type(self).__name__} was pickled by aevb {version} and is read by "
                f"{__version__}, which may not understand it; to keep a model, use save()",
                InconsistentVersionWarning,
                stacklevel=2,
            )
        super().__setstate__(state)

    def __sklearn_is_fitted__(self) -> bool:
        return self._state is not None
