"""The base class of the estimators with an encoder: bound, gradient and imputation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from aevb.core.checks import check_choice, check_integer
from aevb.core.engine import Engine, Floats, Rows, Subset
from aevb.data.checks import check_scores, finite_array, still_finite
from aevb.data.frames import filled_in
from aevb.data.observed import observed_data
from aevb.estimators.base import LatentVariableModel
from aevb.estimators.parameters import draw_seed
from aevb.inference.bound import own_bound
from aevb.inference.imputation import impute


class EncoderModel(LatentVariableModel):
    """Base class of the estimators with an encoder q(z|x)."""

    _has_encoder = True

    def encode(self, X: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the mean and the standard deviation of q(z|x) for each row.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
            Data. With dynamic binarisation, the grey levels are used as they are.

        Returns
        -------
        mean : ndarray of shape (n_samples, n_components), float32
            Posterior means: the result of `transform`. For "cauchy", "pareto" and "gompertz" they
            are medians.
        std : ndarray of shape (n_samples, n_components), float32
            Posterior standard deviations, or half the distances of the quartiles for these three.

        Raises
        ------
        ValueError, TypeError
            If `X` is not valid for the model. The message names it.
        """
        mean, std = self._read(X, self._moments)
        return still_finite("X", mean), still_finite("X", std)

    def bound_and_gradient(
        self, X: Any, noise: ArrayLike | None = None
    ) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float32]]]:
        """Return the bound (eq. 2 of the paper) of each row, and the gradient of their sum.

        The gradient is that of ``bound_estimator``, without weight decay and with the KL weight 1.
        The core works on blocks of rows. Each block stands for a minibatch in ``free_bits``, and in
        the baseline of "score-function-baseline" with one draw.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
            Data.
        noise : array-like of shape (n_draws, n_samples, n_noise * n_components), default=None
            The noise that z is a function of: eps of eq. 10 for the Gaussian posterior, which takes
            one number per component. By default it is the noise of `score_samples`.

        Returns
        -------
        bound : ndarray of shape (n_samples,), float64
            Bound of each row in nats.
        gradient : dict of str to ndarray, float32
            Gradient with respect to each array of ``weights_``, under the same names.

        Raises
        ------
        ValueError, TypeError
            If `X` or `noise` is not valid for the model. The message names it.
        """
        eps = None if noise is None else finite_array("noise", noise)

        def gradient(rows: Rows) -> tuple[Floats, dict[str, NDArray[np.float32]]]:
            engine = self._engine
            return engine.bound_and_gradient(rows, eps, seed=engine.seed, n_threads=self.n_threads)

        bound, gradients = self._read(X, gradient)
        return check_scores("X", bound), gradients

    def impute(
        self,
        X: Any,
        mask: ArrayLike | None = None,
        *,
        method: str = "mean",
        n_starts: int = 10,
        n_iterations: int = 200,
        random_state: Any = None,
    ) -> Any:
        """Fill in missing values, given the observed values of the same row.

        For each row, z climbs log p(x_observed, z) from several starts, and the highest end is
        kept. The result of "mode" is the end of this ascent. For "mean" and "sample", a Markov
        chain starts there. One iteration of the chain moves z by an HMC transition, proposes to
        jump to another start's end, draws the missing part of x from p(x|z), and proposes a new z
        from q(z|x). The Metropolis rule accepts or rejects each proposal [1]_. This makes the
        pseudo-Gibbs sampler [2]_ exact.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Dense data. Missing entries may have any value, also NaN.
        mask : array-like of bool of shape (n_samples, n_features), default=None
            True where a value is missing. None means that the NaN of `X`, and the None and NA of a
            frame, are missing.
        method : {"mean", "sample", "mode"}, default="mean"
            "mean" averages the mean of p(x|z) over the second half of the iterations. This
            estimates E[x_missing | x_observed]. "sample" returns the last x_missing of the chain,
            a draw. "mode" returns the mean of p(x|z) at the highest mode of p(z | x_observed) that
            was found.
        n_starts : int, default=10
            Starts of the ascent of a row, from 1 to 1000. The first is the encoder's mean, and the
            others are draws of the prior.
        n_iterations : int, default=200
            Iterations of the chain of a row, or further steps of the ascent for "mode".
        random_state : int, RandomState instance or None, default=None
            Seed of the starts and the chains. None takes the estimator's own ``random_state``.

        Returns
        -------
        X : ndarray or DataFrame of shape (n_samples, n_features)
            A copy of the data, in their own units, with the missing values filled in. Observed
            values keep their bits. A pandas or Polars frame has the same columns, index and dtypes;
            a column with missing values that is not floating becomes float64. An array has the
            dtype of `X` if that is floating, and float64 otherwise.

        Raises
        ------
        ValueError, TypeError
            If an argument is not valid. The message names it.

        References
        ----------
        .. [1] P.-A. Mattei, J. Frellsen, "Leveraging the exact likelihood of deep latent variable
           models", 2018, algorithm 1.
        .. [2] D. J. Rezende, S. Mohamed, D. Wierstra, "Stochastic backpropagation and approximate
           inference in deep generative models", 2014, appendix F.
        """
        check_is_fitted(self)
        check_choice("method", method, ("mean", "sample", "mode"))
        n_starts = check_integer("n_starts", n_starts)
        n_iterations = check_integer("n_iterations", n_iterations)
        data, missing = observed_data(self, X, mask)
        rows = self._rows(data)
        seed = draw_seed(self.random_state if random_state is None else random_state)
        engine, shown = self._engine, bool(self.verbose)
        filled = impute(
            engine, rows, missing, method, n_starts, n_iterations, seed, self.n_threads, shown=shown
        )
        return filled_in(X, missing, self._in_data_units(filled))

    def _latent_means(self, rows: Rows) -> NDArray[np.float32]:
        return self._average(lambda engine: engine.encode(rows, n_threads=self.n_threads))

    def _moments(self, rows: Rows) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the mean and the standard deviation of q(z|x), over the draws of the weights."""
        drawn = [engine.posterior(rows, n_threads=self.n_threads) for engine in self._engines()]
        with np.errstate(all="ignore"):  # may overflow before a check raises
            if len(drawn) == 1:
                return drawn[0]
            means = np.stack([mean for mean, _ in drawn])
            variance = np.mean([std**2 for _, std in drawn], axis=0)
            return means.mean(axis=0), np.sqrt(variance + means.var(axis=0))

    def _reconstructions(self, rows: Rows) -> NDArray[np.float32]:
        n = self.n_threads
        return self._average(lambda e: e.decode(e.encode(rows, n_threads=n), n_threads=n))

    def _scores(self, engine: Engine, rows: Rows, subset: Subset, n_draws: int) -> Floats:
        return own_bound(engine, rows, subset, n_draws, self.n_threads)

    def _draw_encoded(self, X: Any, n_draws: int, seed: int) -> NDArray[np.float32]:
        """Draw z from q(z|x) of each row: (n_draws, n_samples, n_components)."""
        engine, n_threads = self._engine, self.n_threads

        def draws(rows: Rows) -> NDArray[np.float32]:
            seeds = range(seed, seed + n_draws)
            return np.stack(
                [engine.draw_encoded(rows, seed=one, n_threads=n_threads) for one in seeds]
            )

        return self._read(X, draws)

    def _chain_starts(self, rows: Rows, seed: int, n_threads: int | None) -> NDArray[np.float32]:
        return still_finite("X", self._engine.encode(rows, n_threads=n_threads))
