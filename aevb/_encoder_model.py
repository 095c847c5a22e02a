"""What the estimators with an encoder do with it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aevb._base import LatentVariableModel, finite_array
from aevb._engine import Rows, Subset, bound_of, resolve_threads, single_threaded_blas


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

        def gradient(rows: Rows) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float32]]]:
            seed = self._engine.config.as_dict()["seed"]
            n_threads = resolve_threads(self.n_threads)
            with single_threaded_blas():
                return self._engine.bound_and_gradient(rows, eps, seed=seed, n_threads=n_threads)

        return self._read(X, gradient)

    def _latent_means(self, rows: Rows) -> NDArray[np.float32]:
        with single_threaded_blas():
            return self._engine.encode(rows, n_threads=resolve_threads(self.n_threads))

    def _scores(self, rows: Rows, subset: Subset) -> NDArray[np.float64]:
        config = self._engine.config.as_dict()
        return bound_of(
            self._engine, rows, subset, config["n_draws"], config["seed"], self.n_threads
        )[0]

    def _chain_starts(self, rows: Rows, seed: int, n_threads: int) -> NDArray[np.float32]:
        with single_threaded_blas():
            return self._engine.encode(rows, n_threads=n_threads)
