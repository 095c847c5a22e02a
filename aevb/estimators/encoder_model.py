"""The base class of the estimators with an encoder: bound, gradient and imputation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from aevb.core.engine import Engine, Floats, Rows, Subset
from aevb.data.checks import check_scores, finite_array, still_finite
from aevb.data.observed import completed, observed_data
from aevb.data.validation import Data
from aevb.estimators.base import LatentVariableModel
from aevb.estimators.parameters import draw_seed
from aevb.inference.bound import own_bound
from aevb.inference.imputation import (
    Imputation,
    Run,
    checked_settings,
    impute_by_chains,
    impute_by_importance,
)


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
        sampler: str = "auto",
        n_draws: int = 1000,
        n_starts: int = 10,
        n_iterations: int = 200,
        n_imputations: int | None = None,
        return_std: bool = False,
        random_state: Any = None,
    ) -> Any:
        """Fill in missing values, given the observed values of the same row.

        "importance" draws z_l from a density q, and weighs each draw by p(x_observed, z_l) / q(z_l)
        [1]_. Here q is a mixture of the encoder, the prior and a Gaussian that is fitted to each
        row by earlier draws. It is fast, and good if the model was fitted to data with missing
        values: the encoder then knows them.

        "mcmc" is slow, and needs no such encoder. For each row, z climbs log p(x_observed, z) from
        several starts, and the highest end is kept. The result of "mode" is the end of this ascent.
        For "mean" and "sample", a Markov chain starts there. One iteration of the chain moves z by
        an HMC transition, proposes to jump to another start's end, draws the missing part of x from
        p(x|z), and proposes a new z from q(z|x). The Metropolis rule accepts or rejects each
        proposal [2]_. This makes the pseudo-Gibbs sampler [3]_ exact.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Dense data. Missing entries may have any value, also NaN.
        mask : array-like of bool of shape (n_samples, n_features), default=None
            True where a value is missing. None means that the NaN of `X`, and the None and NA of a
            frame, are missing.
        method : {"mean", "sample", "mode"}, default="mean"
            "mean" estimates E[x_missing | x_observed]: the mean of p(x|z) over the weighted draws,
            or over the second half of the chain. "sample" returns a draw of x_missing, all values
            of a row together: at one z, chosen by the weights, or the last of the chain. "mode"
            returns the mean, but the more probable value of a boolean column; by "mcmc" it returns
            the mean of p(x|z) at the highest mode of p(z | x_observed) that was found. A category
            has its most probable level. An ordinal column has its median level by "mean", and its
            most probable one by "mode".
        sampler : {"auto", "importance", "mcmc"}, default="auto"
            How z is drawn. "auto" means "importance" if the encoder reads which values are
            missing, or if `return_std` is True, and "mcmc" otherwise.
        n_draws : int, default=1000
            Draws of z for a row, for "importance".
        n_starts : int, default=10
            Starts of the ascent of a row, from 1 to 1000, for "mcmc". The first is the encoder's
            mean, and the others are draws of the prior.
        n_iterations : int, default=200
            Iterations of the chain of a row, or further steps of the ascent for "mode", for "mcmc".
        n_imputations : int, default=None
            Number of tables for multiple imputation, with ``method="sample"``. None means one,
            which is not in a list.
        return_std : bool, default=False
            Whether to return the standard deviations of the missing values, too. Only for
            "importance".
        random_state : int, RandomState instance or None, default=None
            Seed of all draws. None takes the estimator's own ``random_state``. By "importance", a
            row has the same result in every batch. Equal rows have the same mean, but each has its
            own sample.

        Returns
        -------
        X : ndarray or DataFrame of shape (n_samples, n_features), or a list of these
            A copy of the data, in their own units, with the missing values filled in. Observed
            values keep their bits. A pandas or Polars frame has the same columns, index and dtypes;
            a column with missing values that is not floating becomes float64. An array has the
            dtype of `X` if that is floating, and float64 otherwise.
        std : ndarray of shape (n_samples, n_features), float64
            The standard deviation of each missing value given the observed ones, with the noise of
            p(x|z). NaN where a value is observed. Only if `return_std` is True.

        Raises
        ------
        ValueError, TypeError
            If an argument is not valid. The message names it.

        Warns
        -----
        RuntimeWarning
            If, by "importance", more than half of the rows with missing values have fewer than ten
            effective draws.

        References
        ----------
        .. [1] P.-A. Mattei, J. Frellsen, "MIWAE: deep generative modelling and imputation of
           incomplete data sets", 2019, section 3.3.
        .. [2] P.-A. Mattei, J. Frellsen, "Leveraging the exact likelihood of deep latent variable
           models", 2018, algorithm 1.
        .. [3] D. J. Rezende, S. Mohamed, D. Wierstra, "Stochastic backpropagation and approximate
           inference in deep generative models", 2014, appendix F.
        """
        check_is_fitted(self)
        engine = self._engine
        settings = checked_settings(
            engine, method, sampler, n_draws, n_starts, n_iterations, n_imputations, return_std
        )
        data, missing = observed_data(self, X, mask)
        joint = self._joint_columns()
        if missing[:, joint.of_data].any():
            raise ValueError(
                "X: got missing multinomial counts, want all of them: the total of the others does "
                "not tell what they are"
            )
        rows = self._rows(data)
        seed = draw_seed(self.random_state if random_state is None else random_state)
        run = Run(seed, self.n_threads, bool(self.verbose))
        if settings.sampler == "mcmc":
            found = impute_by_chains(engine, rows, settings, run)
            tables = [self._in_data_units(table) for table in found]
        else:
            tables, std = self._impute_by_importance(data, missing, settings, run)
        filled = [completed(data, X, missing, table) for table in tables]
        result = filled[0] if n_imputations is None else filled
        return (result, std) if return_std else result

    def _impute_by_importance(
        self, data: Data, missing: NDArray[np.bool_], settings: Imputation, run: Run
    ) -> tuple[list[NDArray[Any]], Floats]:
        """Return tables in the data's units, and the deviations of their missing values.

        Only rows with a missing value are worked on. The others have the value 0.
        """
        gappy = missing.any(axis=1)
        tables: list[NDArray[Any]] = [np.zeros(missing.shape) for _ in range(settings.n_tables)]
        std = np.full(missing.shape, np.nan)
        if not gappy.any():
            return tables, std
        rows = self._rows(data._replace(X=data.X[gappy]))
        found, deviations = impute_by_importance(self._engine, rows, settings, run)
        for table, x in zip(tables, found, strict=True):
            table[gappy] = self._in_data_units(still_finite("X", x))
        if settings.with_std:
            of_data = self._engine.units.spread_to_data(still_finite("X", deviations))
            std[gappy] = np.where(missing[gappy], of_data, np.nan)
        return tables, std

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
