"""What every estimator of the package does: learn, encode, decode, score, and keep its state."""

from __future__ import annotations

import copy
import os
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from aevb._version import __version__
from aevb.core.checks import check_integer
from aevb.core.engine import (
    Model,
    MonteCarloEm,
    OutOfRangeError,
    Rows,
    Subset,
    all_finite,
    resolve_threads,
    single_threaded_blas,
)
from aevb.data.checks import check_dense, check_scores, check_unmasked
from aevb.data.rows import (
    Data,
    as_rows,
    check_data,
    choose_input_scale,
    choose_likelihood,
    rows_to_read,
)
from aevb.estimators.parameters import check_parameters, check_unchanged, draw_seed, make_config
from aevb.exceptions import InconsistentVersionWarning
from aevb.storage.model_file import HISTORY_KEYS, load_model, save_model
from aevb.training.trainer import Trainer

if TYPE_CHECKING:
    from typing_extensions import Self

_Result = TypeVar("_Result")


class LatentVariableModel(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator, ABC):
    """Base of the estimators: a decoder p(x|z) with prior N(0, I)."""

    _algorithm = "aevb"  # of the core's Config
    _engine: Model
    likelihood_: str
    input_scale_: float
    history_: dict[str, list[float]]
    learning_rate_trials_: dict[float, float]
    n_features_in_: int

    # Learning

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train on X for ``n_epochs`` passes.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
            Training data: array, memory map or frame; bool, integers, float32 and float64 are
            read in place, other types are converted first.
        y : None
            Ignored.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError, TypeError
            For bad parameters or data, naming them.
        DivergenceError
            If the bound or a weight is no longer finite. The estimator stays as it was.
        """
        check_parameters(self)
        with self._claimed():
            worker = self._worker(keep_fitted=self.warm_start)
            trainer = Trainer(worker, X)
            trainer._run(until=worker.n_samples_seen_ + int(self.n_epochs) * trainer.n_train)
            return self._adopt(worker)

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Train on one pass over X, from where the model stands.

        The prior on the weights counts all rows seen so far, over all calls, as the training set.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
            New data.
        y : None
            Ignored.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError, TypeError
            For bad parameters or data, naming them.
        DivergenceError
            If the bound or a weight is no longer finite. The estimator stays as it was.
        """
        check_parameters(self)
        with self._claimed():
            worker = self._worker(keep_fitted=True)
            worker.validation_fraction, worker.patience = 0.0, None
            trainer = Trainer(worker, X)
            trainer._n_prior += worker.n_samples_seen_
            trainer._run(until=worker.n_samples_seen_ + trainer.n_train)
            return self._adopt(worker)

    def _claimed(self) -> AbstractContextManager[object]:
        """Keep other threads from training or changing a fitted model meanwhile."""
        return self._engine.training() if self.__sklearn_is_fitted__() else nullcontext()

    def _worker(self, *, keep_fitted: bool) -> Self:
        """Return a copy to train in this one's stead, so that a failed fit changes nothing here."""
        worker = copy.copy(self)
        fitted = self._fitted_attributes()
        for name in fitted:
            delattr(worker, name)
        if keep_fitted:
            worker.__dict__.update(copy.deepcopy(fitted))
        return worker

    def _adopt(self, worker: Self) -> Self:
        fitted = worker._fitted_attributes()
        stale = set(self._fitted_attributes()) - set(fitted)
        self.__dict__.update(fitted)
        for name in stale:
            delattr(self, name)
        return self

    def _fitted_attributes(self) -> dict[str, Any]:
        return {
            name: value
            for name, value in vars(self).items()
            if name == "_engine" or (name.endswith("_") and not name.startswith("_"))
        }

    def _initialize(self, data: Data) -> None:
        """Make the core's model for this data, or bring a fitted one's options up to date."""
        if not self.__sklearn_is_fitted__():
            self.input_scale_ = choose_input_scale(self, data)
            self.likelihood_ = choose_likelihood(self, data, self.input_scale_)
            self.history_ = {key: [] for key in HISTORY_KEYS}
            config = make_config(self, self.n_features_in_, draw_seed(self.random_state))
            self._engine = Model(config)
            return
        now = self._engine.config.as_dict()
        check_unchanged(self, now)
        self._engine.config = make_config(self, self.n_features_in_, now["seed"])

    # Inference

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Return posterior means of z.

        With an encoder (`AEVB`, `WakeSleep`) those of q(z|x); of `MCEM` the mean of ``n_draws``
        draws of p(z|x) by HMC.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
            Data.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_components), float32
            Posterior means.
        """
        return still_finite("X", self._read(X, self._latent_means))

    def inverse_transform(self, Z: ArrayLike) -> NDArray[np.float32]:
        """Return the means of p(x|z), in the units of the data times ``input_scale_``.

        Parameters
        ----------
        Z : array-like of shape (n_samples, n_components)
            Latent variables.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features), float32
            Decoder means.
        """
        check_is_fitted(self)
        check_dense("Z", Z)
        check_unmasked("Z", Z)
        with np.errstate(all="ignore"):  # casts of what is about to be an error
            means: NDArray[np.float32] = check_array(Z, dtype=np.float32, order="C", input_name="Z")
        return still_finite("Z", self._decode(means))

    def _decode(self, Z: NDArray[np.float32]) -> NDArray[np.float32]:
        with single_threaded_blas():
            return self._engine.decode(Z, n_threads=resolve_threads(self.n_threads))

    def reconstruct(self, X: Any) -> NDArray[np.float32]:
        """Return the decoder's means at the posterior means that `transform` gives.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
            Data.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features), float32
            Reconstructions, in the units of the data times ``input_scale_``.
        """
        return still_finite("X", self._decode(self.transform(X)))

    def sample(self, n_samples: int = 1, random_state: Any = None) -> NDArray[np.float32]:
        """Draw x from the generative model: z from the prior, then x from p(x|z).

        Parameters
        ----------
        n_samples : int, default=1
            Number of draws.
        random_state : int, RandomState instance or None, default=None
            Seed; None takes the estimator's own ``random_state``.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features), float32
            Draws: 0 or 1 for Bernoulli, mean plus noise for the Gaussians, in the units of the
            data times ``input_scale_``.
        """
        check_is_fitted(self)
        n_samples = check_integer("n_samples", n_samples)
        seed = draw_seed(self.random_state if random_state is None else random_state)
        with single_threaded_blas():
            x, _ = self._engine.sample(
                n_samples, seed=seed, n_threads=resolve_threads(self.n_threads)
            )
        return still_finite("sample", x)

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Return the variational lower bound on log p(x) of each row; of `MCEM` an estimate of it.

        With an encoder (`AEVB`, `WakeSleep`) the bound, estimated with ``n_draws``. `MCEM` has no
        encoder and no such bound: there it is log p(x) by annealed importance sampling, what
        ``Evaluator(model).log_likelihood(X, method="ais")`` gives, in expectation a lower bound
        too. Either way the noise depends on the model's seed and the row's values alone: a row has
        the same score in any batch, and the same on every call.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
            Data.

        Returns
        -------
        scores : ndarray of shape (n_samples,), float64
            Bound, or log-likelihood, of each row, nats; -inf where it is below float32's range.
        """
        scores = self._read(
            X, lambda rows: self._scores(rows, Subset(0, rows.shape[0], split=False))
        )
        return check_scores("X", scores)

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean of `score_samples`, nats per row.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
            Data.
        y : None
            Ignored.

        Returns
        -------
        score : float
            The mean.
        """
        return float(self.score_samples(X).mean())

    # What the kinds of model answer in ways of their own

    _has_encoder = False

    @abstractmethod
    def _latent_means(self, rows: Rows) -> NDArray[np.float32]:
        """Posterior means (n_rows, J)."""

    @abstractmethod
    def _scores(self, rows: Rows, subset: Subset) -> NDArray[np.float64]:
        """Log p(x) of the subset's rows, or a bound on it."""

    @abstractmethod
    def _chain_starts(self, rows: Rows, seed: int, n_threads: int) -> NDArray[np.float32]:
        """Where HMC on p(z|x) starts (n_rows, J)."""

    def _new_chains(self, rows: Rows) -> MonteCarloEm | None:
        """Return the chains of a training set, where training has any."""
        return None

    def _chains_at(self, z: NDArray[np.float32]) -> MonteCarloEm:
        raise ValueError(f"{type(self).__name__} trains without chains")

    def _read(self, X: Any, work: Callable[[Rows], _Result]) -> _Result:
        """Return what `work` makes of the rows of X, checked."""
        if not self.__sklearn_is_fitted__():
            check_is_fitted(self)
        try:
            return work(rows_to_read(self, X))
        except OutOfRangeError:
            # This says what is wrong. Nothing is if only rounding took a scaled value past 1.
            return work(as_rows(self, check_data(self, X, reset=False)))

    # State

    @property
    def weights_(self) -> dict[str, NDArray[np.float32]]:
        """Copies of all weights and biases by name; weights are (in, out)."""
        self._require_fitted("weights_")
        return self._engine.arrays("weights")

    @property
    def n_samples_seen_(self) -> int:
        """Rows trained on so far, all visits counted."""
        self._require_fitted("n_samples_seen_")
        return self._engine.n_samples_seen

    @property
    def learning_rate_(self) -> float:
        """The step size in use."""
        self._require_fitted("learning_rate_")
        # the shortest number that is this one in float32, the core's type
        return float(str(np.float32(self._engine.config.as_dict()["learning_rate"])))

    @property
    def n_steps_(self) -> int:
        """Minibatches trained on so far."""
        self._require_fitted("n_steps_")
        return self._engine.n_steps

    def set_weights(self, weights: dict[str, ArrayLike]) -> Self:
        """Replace all weights.

        Parameters
        ----------
        weights : dict of str to array-like
            The names and shapes of ``weights_``; finite.

        Returns
        -------
        self : object
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
        """Write the fitted model to a safetensors file, optimiser state included.

        Parameters
        ----------
        path : str or path-like
            The file; replaced whole or not at all.
        """
        check_is_fitted(self)
        save_model(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a model that `save` wrote.

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
            If the file is damaged or is not a model of this class; it names the file.
        """
        return load_model(cls, path)

    def _require_fitted(self, name: str) -> None:
        # AttributeError, so that hasattr says what it says of any fitted attribute
        if not self.__sklearn_is_fitted__():
            raise AttributeError(f"{type(self).__name__} has no '{name}' before it is fitted")

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_aevb_version": __version__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        version = state.pop("_aevb_version", "an unknown version")
        if version != __version__:
            warnings.warn(
                f"this {type(self).__name__} was pickled by aevb {version} and is read by "
                f"{__version__}, which may not understand it; files of save() are meant to be kept",
                InconsistentVersionWarning,
                stacklevel=2,
            )
        super().__setstate__(state)

    @property
    def _n_features_out(self) -> int:
        return int(self._engine.config.as_dict()["n_components"])

    def __sklearn_is_fitted__(self) -> bool:
        return "_engine" in vars(self)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def finite_array(name: str, value: ArrayLike) -> NDArray[np.float32]:
    """Return the value as contiguous float32; ValueError naming it if it is not finite numbers."""
    check_dense(name, value)
    check_unmasked(name, value)
    try:
        if np.iscomplexobj(value):
            raise ValueError("got complex ones")
        with np.errstate(all="ignore"):
            array = np.ascontiguousarray(value, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: want an array of real numbers, {error}") from error
    if not all_finite(array):
        raise ValueError(f"{name}: has values that are not finite in float32")
    return array


def still_finite(name: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what the network made of the argument; ValueError naming that if it overflowed."""
    if not all_finite(values):
        raise ValueError(
            f"{name}: takes the network, with its weights as they are, out of float32's finite "
            f"numbers; want smaller values"
        )
    return values
