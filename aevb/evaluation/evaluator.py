"""The evaluator of fitted models: bounds, log-likelihoods, latent units and columns."""

from __future__ import annotations

import copy
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from aevb.core.catalogue import SUPPORTS
from aevb.core.checks import check_integer
from aevb.core.engine import Floats, Rows, Subset
from aevb.data.checks import check_dense, check_scores
from aevb.data.column_names import column_indices
from aevb.data.validation import check_data
from aevb.estimators.parameters import draw_seed
from aevb.evaluation.alarms import few_draws, warn_of
from aevb.evaluation.comparison import Comparison, Evaluation, named_models
from aevb.evaluation.estimate import Estimate
from aevb.evaluation.methods import (
    ImportanceSampling,
    Task,
    lists_methods,
    make_method,
    require_encoder,
)
from aevb.evaluation.predictive import drawn_models, predictive
from aevb.evaluation.quality import explained, explained_levels, read_blocks
from aevb.inference.bound import kl_per_unit

if TYPE_CHECKING:
    from aevb.estimators.base import LatentVariableModel

__all__ = ["Evaluator"]


class Evaluator:
    """Evaluate a fitted model on data.

    Parameters
    ----------
    model : AEVB, WakeSleep or MCEM
        A fitted model.
    n_threads : int, default=None
        Threads of the core. None takes the model's.
    random_state : int, RandomState instance or None, default=None
        Seed of the noise. None takes the seed of the model. `bound` with the model's ``n_draws``
        then equals ``model.score_samples``, unless that averages over draws of the weights. Methods
        without `n_weight_draws` take the posterior mean of the weights.
    progress : bool, default=None
        Whether `log_likelihood` shows progress bars. None takes the model's ``verbose``.

    Examples
    --------
    >>> from aevb import AEVB, Evaluator
    >>> from aevb.datasets import load_digits
    >>> X = load_digits()
    >>> model = AEVB(n_components=2, n_epochs=20, random_state=0).fit(X)
    >>> Evaluator(model).bound(X, n_draws=10).per_row.shape
    (1797,)
    """

    def __init__(
        self,
        model: LatentVariableModel,
        *,
        n_threads: int | None = None,
        random_state: Any = None,
        progress: bool | None = None,
    ) -> None:
        if not hasattr(model, "_begin"):
            raise TypeError(f"model: got {type(model).__name__}, want AEVB, WakeSleep or MCEM")
        check_is_fitted(model)
        if n_threads is not None:
            check_integer("n_threads", n_threads)
        if random_state is not None:
            draw_seed(random_state)  # raises now if it is wrong
        self.model = model
        self.n_threads = n_threads
        self.random_state = random_state
        self.progress = progress

    def bound(self, X: Any, n_draws: int = 1) -> Estimate:
        """Estimate the variational lower bound on log p(x) of each row (eq. 2 of the paper).

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
            Data.
        n_draws : int, default=1
            Draws of z per row.

        Returns
        -------
        estimate : Estimate
            Bounds in nats. ``diagnostics`` has these entries:

            - ``"n_draws"``: the number of draws.
            - ``"kl"`` (n_samples,): KL(q(z|x) || p(z)) of each row, in closed form where there is
              one.
            - ``"reconstruction"`` (n_samples,): the rest of the bound, ``per_row + kl``. It
              estimates E_q[log p(x|z)], unless the objective reweights several draws.

        Raises
        ------
        TypeError, ValueError
            If `X` or `n_draws` is not valid, or if the model has no encoder.
        """
        n_draws = check_integer("n_draws", n_draws)
        require_encoder(self.model, "bound: there is none, want log_likelihood(X, method='ais')")
        seed = self._seed()

        def bounds(rows: Rows) -> tuple[Floats, Floats, Floats]:
            subset = Subset(0, rows.shape[0], split=False)
            return self.model._engine.bound(
                rows, subset, n_draws=n_draws, seed=seed, n_threads=self._n_threads()
            )

        bound, variance, kl = self.model._read(X, bounds)
        check_scores("X", bound)
        with np.errstate(invalid="ignore"):  # NaN if the bound is -inf and kl is inf
            reconstruction = bound + kl
        stderr = np.sqrt(variance)
        return Estimate.from_rows(
            bound, stderr, n_draws=n_draws, reconstruction=reconstruction, kl=kl
        )

    @lists_methods
    def log_likelihood(
        self, X: Any, method: str = "importance", *, n_weight_draws: int = 0, **options: Any
    ) -> Estimate:
        """Estimate the marginal log-likelihood log p(x) of each row.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
            Data.
        method : {"importance", "ais", "hmc"}, default="importance"
            The method.
        n_weight_draws : int, default=0
            Draws of the weights from their posterior, for a model with a ``weight_posterior``. The
            result is then the predictive log-likelihood, the logarithm of the mean of p(x|theta)
            over the draws. 0 takes the posterior mean of the weights.
        **options
            Options of the method. The Notes list them.

        Returns
        -------
        estimate : Estimate
            Log-likelihoods in nats. The standard errors come from the delta method.
            ``diagnostics`` has these entries:

            - ``"n_draws"``: the number of draws. With draws of the weights, that of all of them.
            - ``"ess"`` (n_samples,): the effective number of draws of each row, (sum of
              weights)^2 / (sum of squared weights). If it is small, the error may be much larger
              than the standard error.
            - ``"acceptance"`` (n_samples,), for "hmc" and "ais": the mean acceptance probability of
              the chains. It is NaN for a single temperature, where there is no transition.
            - ``"n_temperatures"``, for "ais".
            - ``"simulated_lower"`` and ``"simulated_upper"`` (n_simulated,), for "ais" with
              ``bidirectional``: the bounds of each simulated row. ``"gap"`` is the mean of their
              difference.

        Raises
        ------
        TypeError, ValueError
            If the data or an option is not valid, or if the method does not have the option. The
            message names it.

        Warns
        -----
        RuntimeWarning
            If more than a tenth of the rows have only a handful of effective draws: fewer than
            5 n / (n + 5), for ``n_draws=n`` of 10 or more. The message says what to do.

        Notes
        -----
        The methods and their options are:

        {methods}
        """
        chosen = make_method(method, options)
        n_weight_draws = check_integer("n_weight_draws", n_weight_draws, lowest=0)
        task = Task(self.model, X, self._seed(), self._n_threads(), self._shows_progress())
        if n_weight_draws == 0:
            estimate = chosen.estimate(task)
        else:
            drawn = drawn_models(task, n_weight_draws)
            estimate = predictive([chosen.estimate(task._replace(model=one)) for one in drawn])
        ess, n_draws = (estimate.diagnostics[key] for key in ("ess", "n_draws"))
        warn_of(repr(method), few_draws(ess, n_draws, chosen.advice))
        return estimate

    def conditional_log_likelihood(
        self,
        X: Any,
        columns: Hashable | Sequence[Hashable],
        *,
        n_draws: int = 1000,
        n_adaptations: int = 0,
    ) -> Estimate:
        """Estimate the log-likelihood of some columns given the other columns, for each row.

        It is log p(x) - log p(x without these columns), each by importance sampling as in
        `log_likelihood`. A value that is missing in `X` is left out of both. The encoder should
        have seen missing values when the model was fitted.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Dense data.
        columns : int, str, or a sequence of these
            Indices of columns, or names if the model was fitted to a data frame.
        n_draws, n_adaptations : int, default=1000 and 0
            Options of ``log_likelihood(X, "importance")``.

        Returns
        -------
        estimate : Estimate
            Conditional log-likelihoods in nats. The errors of both terms are independent, and
            ``stderr`` has both. ``diagnostics`` has ``"n_draws"``, and ``"ess"`` (n_samples,): the
            smaller effective number of draws of the two terms.

        Raises
        ------
        TypeError, ValueError
            If an argument is not valid, or if the model has no encoder. The message names it.

        Warns
        -----
        RuntimeWarning
            As in `log_likelihood`.
        """
        chosen = ImportanceSampling(n_draws, n_adaptations)
        require_encoder(self.model, "conditional_log_likelihood: there is no q(z|x)")
        if self.model._engine.settings["binarize"] == "dynamic":
            raise ValueError(
                "conditional_log_likelihood: the model has binarize='dynamic', want another one: "
                "the two terms would be those of different draws of X"
            )
        check_dense("X", X)
        data = check_data(self.model, X)
        hidden = column_indices(columns, data.feature_names, data.n_features)
        together = self.model._joint_columns().of_data
        if 0 < np.isin(together, hidden).sum() < len(together):
            raise ValueError(
                "columns: got some of the multinomial counts, want all of them or none: they have "
                "one likelihood together"
            )
        values = data.X.astype(data.X.dtype if data.X.dtype.kind == "f" else np.float64)
        values[:, hidden] = np.nan
        task = Task(self.model, X, self._seed(), self._n_threads(), self._shows_progress())
        whole, rest = (
            chosen.of_rows(task, self.model._rows(some))
            for some in (data, data._replace(X=values, holes=True))
        )
        with np.errstate(invalid="ignore"):  # NaN if both terms are -inf
            log_p = whole.per_row - rest.per_row
        ess = np.minimum(whole.diagnostics["ess"], rest.diagnostics["ess"])
        advice = "use n_adaptations=3 or more draws, or fit the model to data with missing values"
        warn_of("conditional_log_likelihood", few_draws(ess, int(n_draws), advice))
        stderr = np.hypot(whole.stderr, rest.stderr)
        return Estimate.from_rows(log_p, stderr, n_draws=int(n_draws), ess=ess)

    def active_units(self, X: Any, threshold: float = 0.01) -> NDArray[np.bool_]:
        """Find the latent units that vary with the data.

        A unit is active if the variance of its posterior mean over the rows of `X` exceeds
        `threshold` (Burda, Grosse, Salakhutdinov, "Importance weighted autoencoders", section 5.2).
        `kl_per_unit` asks another question: how far q(z_j|x) is from the prior. A unit with the
        same q(z_j|x) on every row is not active, even if its KL divergence is large.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
            Data.
        threshold : float, default=0.01
            Variance above which a unit is active.

        Returns
        -------
        active : ndarray of shape (n_components,), bool
            True for each active unit.

        Raises
        ------
        TypeError, ValueError
            If `X` or `threshold` is not valid, or if the model has no encoder.
        """
        if not (isinstance(threshold, (int, float, np.number)) and 0 <= threshold < np.inf):
            raise ValueError(f"threshold: got {threshold!r}, want a finite number >= 0")

        require_encoder(self.model, "active_units: HMC adds noise to the posterior means")
        threads = self._n_threads()
        means = self.model._read(X, lambda rows: self.model._chain_starts(rows, 0, threads))
        active: NDArray[np.bool_] = means.var(axis=0, dtype=np.float64) > threshold
        return active

    def kl_per_unit(self, X: Any) -> NDArray[np.float64]:
        """Return what each latent unit costs the bound: the mean of KL(q(z_j|x) || p(z_j)).

        Without a closed form it is estimated by draws. It is near 0 for a unit that the encoder
        does not use.
        See also `active_units`. With dynamic binarisation, q(z|x) is that of the grey levels.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
            Data.

        Returns
        -------
        kl : ndarray of shape (n_components,), float64
            Mean over the rows in nats.

        Raises
        ------
        TypeError, ValueError
            If `X` is not valid, if the model has no encoder, or if the units depend on each other
            under the model's posterior ("full-gaussian", "dirichlet").
        """
        require_encoder(self.model, "kl_per_unit: there is no q(z|x)")
        threads = self._n_threads()
        return self.model._read(X, lambda rows: kl_per_unit(self.model._engine, rows, threads))

    def column_quality(self, X: Any) -> NDArray[np.float64]:
        """Return the share of each column's variation that the reconstructions explain.

        It is 1 - d / d_0. Here d is the deviance of the column from ``model.reconstruct(X)``, and
        d_0 is that from the column's own mean. For real-valued columns the deviance is the sum of
        squares, so the share is R^2. For Bernoulli columns and counts it is the explained
        deviance. For categories it is that of the levels' probabilities. 1 is a perfect
        reconstruction, and 0 is no better than the mean. The share is negative for a worse one, and
        NaN for a constant column. Missing values do not count.

        Means and deviances are those of the given rows. Rows of the training set give the quality
        of the fit, and other rows that on new data.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
            Data.

        Returns
        -------
        quality : ndarray of shape (n_features,), float64
            The share of each column. `aevb.plots.column_quality` draws it.

        Raises
        ------
        TypeError, ValueError
            If `X` is not valid for the model.
        """
        model = copy.copy(self.model)
        model.n_threads = self._n_threads()
        means = model._read(X, model._reconstructions)
        data, units = check_data(model, X), model._engine.units
        joint = model._joint_columns()
        if len(joint) > 0:
            means = joint.means_for(means, data.X)
        binary = model._engine.settings["binarize"] == "threshold"
        supports = [SUPPORTS[column.family] for column in model.columns_]
        first = means[:, units.places] if units.places else means
        quality = explained(lambda: read_blocks(data, units, binary=binary), first, supports)
        for j, support in enumerate(supports):
            if support == "levels":
                quality[j] = explained_levels(data.X[:, j], means[:, units.columns_of_x(j)])
        return quality

    @staticmethod
    def compare(
        models: Mapping[Hashable, LatentVariableModel] | Sequence[LatentVariableModel],
        X: Any,
        *,
        n_draws: int = 1000,
        n_adaptations: int = 0,
        n_bound_draws: int = 1,
        n_threads: int | None = None,
        random_state: Any = None,
        progress: bool | None = None,
    ) -> Comparison:
        """Evaluate several fitted models on the same rows, and put them into one table.

        Parameters
        ----------
        models : dict or list of models
            Fitted models with an encoder, for the same features. The keys of a dict are their
            names. The models of a list are named after their classes, and counted if there are
            several of one class: "AEVB 1", "AEVB 2".
        X : array-like or CSR matrix of shape (n_samples, n_features)
            Data.
        n_draws, n_adaptations : int, default=1000 and 0
            Options of ``log_likelihood(X, "importance")``.
        n_bound_draws : int, default=1
            Draws of z per row for the bound. With 1, the bounds of all objectives estimate eq. 2 of
            the paper. With more, some objectives have a tighter bound, such as the
            importance-weighted one, and the gap is no longer KL(q(z|x) || p(z|x)).
        n_threads, random_state, progress
            As in `Evaluator`, for every model.

        Returns
        -------
        comparison : Comparison
            For each model the bound, the log-likelihood, their difference, the KL divergence of
            each unit, and the active units. ``print(comparison)`` prints a table, and
            ``comparison.records()`` returns its values.

        Raises
        ------
        NotFittedError
            If a model is not fitted. The message names it.
        TypeError, ValueError
            If there is no model, if one has no encoder or other features than the first, or if
            another argument is not valid.

        Warns
        -----
        RuntimeWarning
            As in `log_likelihood`.

        Notes
        -----
        Log-likelihoods are comparable if they measure the same thing. A Gaussian model has a
        density in the units of `X`, a Bernoulli or Poisson model has probabilities. Models that
        binarise `X` in different ways are evaluated on different data.

        Examples
        --------
        >>> from aevb import AEVB, Evaluator
        >>> from aevb.datasets import load_digits
        >>> X = load_digits()
        >>> models = {J: AEVB(J, n_epochs=20, random_state=0).fit(X) for J in (2, 5)}
        >>> [record["model"] for record in Evaluator.compare(models, X).records()]
        [2, 5]
        """
        n_bound_draws = check_integer("n_bound_draws", n_bound_draws)
        named = named_models(models)
        settings = {"n_threads": n_threads, "random_state": random_state, "progress": progress}
        evaluations = {}
        for name, model in named.items():
            evaluator = Evaluator(model, **settings)
            evaluations[name] = Evaluation.from_estimates(
                evaluator.bound(X, n_bound_draws),
                evaluator.log_likelihood(X, n_draws=n_draws, n_adaptations=n_adaptations),
                evaluator.kl_per_unit(X),
                evaluator.active_units(X),
            )
        return Comparison(evaluations)

    def _seed(self) -> int:
        if self.random_state is None:
            return self.model._engine.seed
        return draw_seed(self.random_state)

    def _n_threads(self) -> int | None:
        return self.model.n_threads if self.n_threads is None else self.n_threads

    def _shows_progress(self) -> bool:
        return bool(self.model.verbose if self.progress is None else self.progress)
