"""The base class of the estimators: methods that encode, decode, sample and score."""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from aevb.core.checks import check_integer
from aevb.core.engine import Engine, OutOfRangeError, Rows, Subset
from aevb.data.checks import check_dense, check_scores, check_unmasked, still_finite
from aevb.data.families import with_median_levels
from aevb.data.frames import like
from aevb.data.reader import by_chunk
from aevb.data.rows import as_rows, rows_as_they_are
from aevb.data.sources import source_of
from aevb.data.totals import JointColumns, checked_totals
from aevb.data.validation import Data, check_data
from aevb.estimators.advice import advise_of_scale, reads_pixels
from aevb.estimators.learner import Learner
from aevb.estimators.parameters import draw_seed

_Result = TypeVar("_Result")
_Number = TypeVar("_Number", np.float32, np.float64)


class LatentVariableModel(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Learner):
    """Base class of the estimators: a decoder p(x|z) with a prior p(z)."""

    # Inference

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Return the posterior mean of z for each row.

        `AEVB` and `WakeSleep` have an encoder and return the mean of q(z|x). `MCEM` returns the
        mean of ``n_draws`` draws from p(z|x) by HMC.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features), or source of chunks
            Data. The result for a source has all its rows.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_components), float32
            Posterior means.

        Raises
        ------
        ValueError, TypeError
            If `X` is not valid for the model. The message names it.
        """
        return self._in_chunks(X, lambda X: still_finite("X", self._read(X, self._latent_means)))

    def inverse_transform(self, Z: ArrayLike) -> Any:
        """Return the mean of p(x|z) for each z.

        Parameters
        ----------
        Z : array-like or data frame of shape (n_samples, n_components)
            Latent variables.

        Returns
        -------
        X : ndarray or DataFrame of shape (n_samples, n_features)
            Means, in the units of the data. They are float64 if the columns were standardised, and
            float32 otherwise. If the model was fitted on a data frame, the result is such a frame,
            with the index of `Z` if that is one of pandas. Categories and booleans have the most
            probable value, and ordinal columns the median level. Multinomial columns have their
            shares: the means of a row whose total is 1.

        Raises
        ------
        ValueError, TypeError
            If `Z` is not an array of finite numbers of that shape. The message names it.
        """
        check_is_fitted(self)
        check_dense("Z", Z)
        check_unmasked("Z", Z)
        with np.errstate(all="ignore"):  # a cast may overflow before the check raises
            z: NDArray[np.float32] = check_array(Z, dtype=np.float32, order="C", input_name="Z")
        means = self._average(lambda engine: engine.decode(z, n_threads=self.n_threads))
        return self._as_table(still_finite("Z", means), means=True, like=Z)

    def _in_data_units(self, X: NDArray[np.float32]) -> NDArray[Any]:
        return self._engine.units.to_data(X)

    def _as_table(self, X: NDArray[np.float32], *, means: bool, like: Any = None) -> Any:
        """Return values of x in the units of the data, and as a frame if they were one in fit."""
        state = self._learnt("columns_")
        if means:
            X = with_median_levels(X, self._engine.settings["likelihood"], self._engine.units)
        values = self._in_data_units(X)
        if state.schema is None:
            return values
        schema = state.schema.of_means() if means else state.schema
        return schema.restore(values, like)

    def reconstruct(self, X: Any) -> Any:
        """Return the mean of p(x|z) at the posterior mean of z that `transform` returns.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
            Data.

        Returns
        -------
        X : ndarray or DataFrame of shape (n_samples, n_features), float32 or float64
            Reconstructions, as `inverse_transform` returns them, but observed multinomial counts
            have the same total as in `X`. If `X` is a pandas or polars data frame, so is the
            result.

        Raises
        ------
        ValueError, TypeError
            If `X` is not valid for the model. The message names it.
        """
        means = still_finite("X", self._read(X, self._reconstructions))
        joint = self._joint_columns()
        if len(joint) > 0:
            means = joint.means_for(means, check_data(self, X).X)
        if self._learnt("columns_").schema is not None:
            return self._as_table(means, means=True, like=X)
        return like(X, self._in_data_units(means))

    def sample(self, n_samples: int = 1, random_state: Any = None, totals: Any = None) -> Any:
        """Draw z from the prior, and then x from p(x|z).

        Parameters
        ----------
        n_samples : int, default=1
            Number of draws.
        random_state : int, RandomState instance or None, default=None
            Seed of the draws. None takes the estimator's own ``random_state``.
        totals : int or array-like of shape (n_samples,), default=None
            The total of the multinomial counts of each row, which the model does not draw. Only for
            a model with such counts.

        Returns
        -------
        X : ndarray or DataFrame of shape (n_samples, n_features), float32 or float64
            Draws, in the units of the data. Bernoulli draws are 0 or 1, times 255 if the model was
            fitted on uint8 pixels. A model of a data frame returns a frame.

        Raises
        ------
        TypeError, ValueError
            If an argument is not valid, or if `totals` is needed. The message names it.
        """
        check_is_fitted(self)
        n_samples = check_integer("n_samples", n_samples)
        joint = self._joint_columns()
        if (len(joint) > 0) != (totals is not None):
            raise ValueError(
                "totals: got None, want the total of the multinomial counts of each row, which the "
                "model does not draw; those of X are X.sum(axis=1)"
                if totals is None
                else "totals: the model has no multinomial counts, want None"
            )
        n_counts = None if totals is None else checked_totals(totals, n_samples)
        seed = draw_seed(self.random_state if random_state is None else random_state)
        engines = list(itertools.islice(self._engines(), n_samples))
        x = np.concatenate(
            [
                engine.sample(
                    # the draws share the rows, and no two have the same noise
                    (n_samples + i) // len(engines),
                    seed=seed + (i << 32),
                    n_threads=self.n_threads,
                )[0]
                for i, engine in enumerate(engines)
            ]
        )
        x = still_finite("sample", x)
        if n_counts is not None:
            x = joint.counts_for(x, n_counts, seed)
        return self._as_table(x, means=False)

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Return a lower bound on log p(x) of each row.

        `AEVB` and `WakeSleep` return an estimate of the variational lower bound (eq. 2 of the
        paper) from ``n_draws`` draws of z. `MCEM` has no encoder, and so it has no such bound. It
        returns an estimate of log p(x) by annealed importance sampling, the result of
        ``Evaluator(model).log_likelihood(X, method="ais")``. In expectation that is a lower bound
        too.

        The noise depends only on the model's seed and on the values of the row. A row therefore has
        the same score in every batch and in every call.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features), or source of chunks
            Data. The result for a source has all its rows.

        Returns
        -------
        scores : ndarray of shape (n_samples,), float64
            Score of each row in nats. It is -inf where it is below float32's range.

        Raises
        ------
        ValueError, TypeError
            If `X` is not valid for the model. The message names it.
        """

        def scores(rows: Rows) -> NDArray[np.float64]:
            subset, n_draws = Subset(0, rows.shape[0], split=False), self._n_score_draws()
            return self._average(lambda engine: self._scores(engine, rows, subset, n_draws))

        return self._in_chunks(X, lambda X: check_scores("X", self._read(X, scores)))

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean of `score_samples` over the rows.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
            Data.
        y : None
            Ignored.

        Returns
        -------
        score : float
            Mean score in nats per row.

        Raises
        ------
        ValueError, TypeError
            If `X` is not valid for the model. The message names it.
        """
        return float(self.score_samples(X).mean())

    def _in_chunks(self, X: Any, work: Callable[[Any], NDArray[_Number]]) -> NDArray[_Number]:
        """Return the result of `work` on X, or on the chunks of X one after another."""
        source = source_of(X)
        if source is None:
            return work(X)
        check_is_fitted(self)
        return np.concatenate(by_chunk(source, work))

    def _joint_columns(self) -> JointColumns:
        return JointColumns(self._engine.settings["likelihood"], self._engine.units)

    def _n_score_draws(self) -> int:
        return int(self._engine.settings["n_draws"])

    def _engines(self) -> Iterator[Engine]:
        """Yield the engine, or engines with draws of the weights, whose results are averaged."""
        yield self._engine

    def _average(self, work: Callable[[Engine], NDArray[_Number]]) -> NDArray[_Number]:
        """Return the mean of `work` over the engines."""
        n, total = 0, None
        for n, engine in enumerate(self._engines(), 1):  # noqa: B007
            result = work(engine)
            total = result if total is None else total + result
        assert total is not None
        return total if n == 1 else total / total.dtype.type(n)

    # Methods that the estimators implement

    @abstractmethod
    def _latent_means(self, rows: Rows) -> NDArray[np.float32]:
        """Return posterior means (n_rows, J)."""

    def _draw_prior(self, n_draws: int, seed: int) -> NDArray[np.float32]:
        """Draw z from p(z): (n_draws, n_components)."""
        return self._engine.sample(n_draws, seed=seed, n_threads=self.n_threads)[1]

    def _reconstructions(self, rows: Rows) -> NDArray[np.float32]:
        """Return the means of p(x|z) at the posterior means (n_rows, D)."""
        return self._engine.decode(self._latent_means(rows), n_threads=self.n_threads)

    @abstractmethod
    def _chain_starts(self, rows: Rows, seed: int, n_threads: int | None) -> NDArray[np.float32]:
        """Return the z (n_rows, J) where HMC on p(z|x) starts."""

    def _rows(self, data: Data) -> Rows:
        """Return the data as rows for the core. ValueError if the model does not accept a value."""
        return as_rows(data, self._engine.units, self._engine.config)

    def _checked_rows(self, X: Any) -> Rows:
        data = check_data(self, X)
        if reads_pixels(self._learnt("columns_")):
            advise_of_scale(data.high)
        return self._rows(data)

    def _read(self, X: Any, work: Callable[[Rows], _Result]) -> _Result:
        """Check X, and return the result of `work` on its rows."""
        state = self._state
        if state is None:
            check_is_fitted(self)  # raises
            raise AssertionError
        rows = None
        if state.feature_names is None and not reads_pixels(state):
            rows = rows_as_they_are(X, state.engine.units, state.engine.config)
        try:
            return work(self._checked_rows(X) if rows is None else rows)
        except OutOfRangeError:
            return work(self._checked_rows(X))  # names the bad value

    @property
    def _n_features_out(self) -> int:
        return self._engine.n_components

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
