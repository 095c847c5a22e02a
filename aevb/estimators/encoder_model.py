"""What the estimators with an encoder do with it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from aevb.core.checks import check_choice, check_integer
from aevb.core.engine import Engine, Floats, Rows, Subset
from aevb.data.checks import check_scores, finite_array, still_finite
from aevb.data.rows import observed_data
from aevb.estimators.base import LatentVariableModel
from aevb.estimators.parameters import draw_seed
from aevb.inference.bound import own_bound
from aevb.inference.imputation import impute


class EncoderModel(LatentVariableModel):
    """Base of the estimators with an encoder q(z|x) beside the decoder."""

    _has_encoder = True

    def bound_and_gradient(
        self, X: Any, noise: ArrayLike | None = None
    ) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float32]]]:
        """Return the bound of each row and the gradient of their sum, without weight decay.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
            Data.
        noise : array-like of shape (n_draws, n_samples, n_components), default=None
            eps of eq. 10; by default that of `score_samples`.

        Returns
        -------
        bound : ndarray of shape (n_samples,), float64
            Bound of each row, nats.
        gradient : dict of str to ndarray, float32
            By the names of ``weights_``.
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
        n_iterations: int = 200,
        random_state: Any = None,
    ) -> NDArray[np.float32]:
        """Fill in missing values given those observed.

        Each row climbs log p(x_observed, z) from a draw of the prior: "map" to the end, "mean" and
        "sample" to where a Markov chain starts. The chain moves z by a step of HMC, draws the
        missing part of x from p(x|z), and proposes z from q(z|x), accepted by the Metropolis rule
        as a draw of p(z|x) [1]_, which makes the pseudo-Gibbs sampler [2]_ exact.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data, dense; what stands at missing values is ignored, and may be NaN.
        mask : array-like of bool of shape (n_samples, n_features), default=None
            True where a value is missing; None takes those that are NaN.
        method : {"mean", "sample", "map"}, default="mean"
            "mean" is the mean of p(x|z) over the second half of the iterations, an estimate of
            E[x_missing | x_observed]; "sample" the last state, a draw of x_missing (0 or 1 for
            Bernoulli); "map" the mean of p(x|z) at a mode of p(z | x_observed).
        n_iterations : int, default=200
            Iterations of a row's chain, or steps of its ascent.
        random_state : int, RandomState instance or None, default=None
            Seed of the chains; None takes the estimator's own ``random_state``.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features), float32
            The data with missing values filled in, in the units of the data times
            ``input_scale_``.

        References
        ----------
        .. [1] P.-A. Mattei, J. Frellsen, "Leveraging the exact likelihood of deep latent variable
           models", 2018, algorithm 1.
        .. [2] D. J. Rezende, S. Mohamed, D. Wierstra, "Stochastic backpropagation and approximate
           inference in deep generative models", 2014, appendix F.
        """
        check_is_fitted(self)
        check_choice("method", method, ("mean", "sample", "map"))
        n_iterations = check_integer("n_iterations", n_iterations)
        data, missing = observed_data(self, X, mask)
        rows = self._rows(data)
        seed = draw_seed(self.random_state if random_state is None else random_state)
        engine, shown = self._engine, bool(self.verbose)
        filled = impute(
            engine, rows, missing, method, n_iterations, seed, self.n_threads, shown=shown
        )
        scale = np.float32(self.input_scale_)
        np.multiply(data.X, scale, out=filled, where=~missing, casting="unsafe")
        return filled

    def _latent_means(self, rows: Rows) -> NDArray[np.float32]:
        return self._engine.encode(rows, n_threads=self.n_threads)

    def _scores(self, engine: Engine, rows: Rows, subset: Subset) -> Floats:
        return own_bound(engine, rows, subset, self.n_threads)

    def _chain_starts(self, rows: Rows, seed: int, n_threads: int | None) -> NDArray[np.float32]:
        return still_finite("X", self._engine.encode(rows, n_threads=n_threads))
