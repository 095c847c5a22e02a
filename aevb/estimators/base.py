"""What every estimator of the package does beside learning: encode, decode, score."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from aevb.core.checks import check_integer
from aevb.core.engine import OutOfRangeError, Rows, Subset
from aevb.data.checks import check_dense, check_scores, check_unmasked, still_finite
from aevb.data.rows import Data, as_rows, check_data, rows_as_they_are
from aevb.estimators.learner import Learner
from aevb.estimators.parameters import draw_seed

_Result = TypeVar("_Result")


class LatentVariableModel(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Learner):
    """Base of the estimators: a decoder p(x|z) with prior N(0, I)."""

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
        return self._engine.decode(Z, n_threads=self.n_threads)

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
        x, _ = self._engine.sample(n_samples, seed=seed, n_threads=self.n_threads)
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
            X, lambda rows: self._scores(self._engine, rows, Subset(0, rows.shape[0], split=False))
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
    def _chain_starts(self, rows: Rows, seed: int, n_threads: int | None) -> NDArray[np.float32]:
        """Where HMC on p(z|x) starts (n_rows, J)."""

    def _rows(self, data: Data) -> Rows:
        """Return the rows of data for the core, if their values suit the model."""
        return as_rows(data, self.input_scale_, self._engine.config)

    def _read(self, X: Any, work: Callable[[Rows], _Result]) -> _Result:
        """Return what `work` makes of the rows of X, checked."""
        state = self._state
        if state is None:
            check_is_fitted(self)  # raises
            raise AssertionError
        rows = None
        if state.feature_names is None:
            rows = rows_as_they_are(X, state.n_features, state.input_scale, state.engine.config)
        try:
            return work(self._rows(check_data(self, X)) if rows is None else rows)
        except OutOfRangeError:
            # This says what is wrong. Nothing is if only rounding took a scaled value past 1.
            return work(self._rows(check_data(self, X)))

    @property
    def _n_features_out(self) -> int:
        return self._engine.n_components

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
