"""Judging a fitted model: the bound with its errors, and which latent units carry anything."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from aevb import _core
from aevb.core.checks import check_choice, check_integer
from aevb.core.engine import Rows, Subset, bound_of, resolve_threads, single_threaded_blas
from aevb.core.progress import progress_bar
from aevb.data.checks import check_scores
from aevb.data.rows import as_rows, check_data
from aevb.estimators.parameters import draw_seed
from aevb.evaluation.posterior import sample_posterior
from aevb.inference.annealing import (
    DEFAULT_CHAINS,
    DEFAULT_LEAPFROG,
    DEFAULT_TEMPERATURES,
    STARTS,
    Annealing,
    annealed_likelihood,
    simulated_bounds,
    temperatures,
)
from aevb.inference.marginal import marginal_likelihood

if TYPE_CHECKING:
    from aevb.estimators.base import LatentVariableModel

__all__ = ["Estimate", "Evaluator"]


@dataclass(frozen=True)
class Estimate:
    """An estimate per row, with Monte Carlo errors; nats.

    Attributes
    ----------
    per_row : ndarray of shape (n_samples,)
        The estimate of each row.
    stderr : ndarray of shape (n_samples,)
        Its standard error over the noise; NaN where there was one draw.
    mean : float
        Mean over the rows.
    mean_stderr : float
        Standard error of that mean over the rows as a sample (and so over the noise in them).
    diagnostics : dict
        What else the estimator has to say.
    """

    per_row: NDArray[np.float64]
    stderr: NDArray[np.float64]
    mean: float
    mean_stderr: float
    diagnostics: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_rows(
        cls, per_row: NDArray[np.float64], stderr: NDArray[np.float64], **diagnostics: Any
    ) -> Estimate:
        """Build the estimate whose mean and its error follow from the rows."""
        n = per_row.shape[0]
        with np.errstate(all="ignore"):  # NaN where a row has -inf
            mean_stderr = float(per_row.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan")
        return cls(per_row, stderr, float(per_row.mean()), mean_stderr, diagnostics)


class Evaluator:
    """Estimates of how good a fitted model is.

    Parameters
    ----------
    model : AEVB, WakeSleep or MCEM
        A fitted model.
    n_threads : int, default=None
        Threads of the core; None takes the model's.
    random_state : int, RandomState instance or None, default=None
        Seed of the noise; None takes the model's own, with which `bound` with the model's
        ``n_draws`` equals ``model.score_samples``.
    progress : bool, default=None
        Show progress bars in `log_likelihood`; by default the model's ``verbose``.

    Examples
    --------
    >>> from aevb import AEVB, Evaluator
    >>> from aevb.datasets import load_digits
    >>> X = load_digits()
    >>> model = AEVB(n_components=2, random_state=0).fit(X)
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
        if not hasattr(model, "_initialize"):
            raise TypeError(f"model: got {type(model).__name__}, want a fitted AEVB")
        check_is_fitted(model)
        if n_threads is not None:
            check_integer("n_threads", n_threads)
        if random_state is not None:
            draw_seed(random_state)  # a bad one is an error now
        self.model = model
        self.n_threads = n_threads
        self.random_state = random_state
        self.progress = progress

    def bound(self, X: Any, n_draws: int = 1) -> Estimate:
        """Estimate the variational lower bound on log p(x) (eq. 2) of each row.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
            Data.
        n_draws : int, default=1
            Draws of z per row.

        Returns
        -------
        estimate : Estimate
            Bounds in nats.
        """
        n_draws = check_integer("n_draws", n_draws)
        self._require_encoder("bound: there is none, want log_likelihood(X, method='ais')")
        seed = self._seed()

        def bounds(rows: Rows) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
            subset = Subset(0, rows.shape[0], split=False)
            return bound_of(self.model._engine, rows, subset, n_draws, seed, self._n_threads())

        bound, variance = self.model._read(X, bounds)
        check_scores("X", bound)
        return Estimate.from_rows(bound, np.sqrt(variance), n_draws=n_draws)

    def log_likelihood(
        self,
        X: Any,
        method: str = "importance",
        *,
        n_draws: int | None = None,
        n_adaptations: int = 0,
        n_leapfrog: int | None = None,
        n_warmup: int = 200,
        max_components: int = 5,
        schedule: Any = "sigmoid",
        n_temperatures: int = DEFAULT_TEMPERATURES,
        start: str | None = None,
        bidirectional: bool = False,
        n_simulated: int = 100,
    ) -> Estimate:
        """Estimate the marginal log-likelihood log p(x) of each row.

        ``"importance"`` is the logarithm of the mean of p(x, z) / q(z|x) over draws z ~ q(z|x) of
        the encoder (Burda, Grosse, Salakhutdinov, "Importance weighted autoencoders", eq. 8): in
        expectation a lower bound, which rises to log p(x) with the number of draws. Memory does
        not grow with it. With `n_adaptations`, q is a Gaussian fitted to each row instead.

        ``"ais"`` is annealed importance sampling (Neal, "Annealed importance sampling", 2001; for
        decoders Wu, Burda, Salakhutdinov, Grosse, "On the quantitative analysis of decoder-based
        generative models", 2017). Chains go from the prior, or the encoder's q(z|x), to p(z|x) over
        a path of temperatures with an HMC transition at each. In expectation a lower bound too; it
        needs no encoder and no low dimension, and takes more time. Step sizes, which the chains of
        a row share, are tuned for each row and temperature in a first round of up to 50 chains,
        whose weights are thrown away, and frozen.

        ``"hmc"`` is the paper's (appendix D). Draws from p(z|x) by HMC are fitted by a density
        q(z), a Gaussian kernel density with its bandwidth chosen by held-out score, or a Gaussian
        if there are fewer than four draws per component; then 1 / p(x) is the mean of
        q(z) / p(x, z) over new draws.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
            Data.
        method : {"importance", "ais", "hmc"}, default="importance"
            The estimator.
        n_draws : int, default=None
            Draws of z per row; None is 1000 for "importance". For "ais", the chains of a row; None
            is 10. For "hmc", the draws of each of the two stages; None is 50, as in the paper.
        n_adaptations : int, default=0
            "importance": rounds of `n_draws` draws each before those that count. They fit a
            Gaussian with full covariance to p(z|x), round by round, and the next ones are drawn
            from it. Worth its time where ``diagnostics["ess"]`` is small without.
        n_leapfrog : int, default=None
            "hmc" and "ais": leapfrog steps of a trajectory; None is 20 and 10. The draws of "hmc"
            are counted as independent; with the paper's 4 steps successive ones are alike, and few
            draws then leave parts of p(z|x) out.
        n_warmup : int, default=200
            "hmc": transitions before the first draw.
        max_components : int, default=5
            "hmc": the most latent components it takes. A density fitted to draws says little of
            p(z|x) in many dimensions, and the mean of its ratios is then ruled by a few of them.
        schedule : {"sigmoid", "linear"} or array-like, default="sigmoid"
            "ais": inverse temperatures of the path; an array, each number greater than the one
            before, rises from 0 to 1 and makes `n_temperatures` idle.
        n_temperatures : int, default=200
            "ais": steps from 0 to 1 of a named schedule.
        start : {"prior", "encoder"}, default=None
            "ais": the density that the path begins with; None is the encoder's q(z|x) where there
            is an encoder. It is nearer to p(z|x), and a path from the prior has to be many times
            as long; but where q(z|x) leaves out a part of p(z|x), few of its chains find it.
        bidirectional : bool, default=False
            "ais": bound log p(x) of rows simulated from the model on both sides with the same
            settings (Grosse, Ghahramani, Adams, "Sandwiching the marginal likelihood", 2015). The
            gap tells how far off the settings are, if the model's own draws are like X.
        n_simulated : int, default=100
            "ais": rows to simulate for that; they depend on the seed, not on X.

        Returns
        -------
        estimate : Estimate
            Log-likelihoods in nats; ``diagnostics["ess"]`` is the effective number of draws of
            each row, (sum of weights)^2 / sum of squares. Where it is small the estimate is off by
            more than its standard error, by the delta method, says. ``"n_draws"`` is there, and for
            "hmc" and "ais" the chains' mean ``"acceptance"`` (NaN for a single temperature, which
            has no transition); for "ais" ``"n_temperatures"`` and, if ``bidirectional``,
            ``"simulated_lower"`` and ``"simulated_upper"``, the bounds of each simulated row
            (n_simulated,), and ``"gap"``, the mean of their difference.

        Warns
        -----
        RuntimeWarning
            For "hmc", if the weights of more than a tenth of the rows are ruled by a few draws:
            fewer than a tenth of them, effectively.
        """
        check_choice("method", method, ("importance", "ais", "hmc"))
        if n_draws is None:
            n_draws = {"importance": 1000, "ais": DEFAULT_CHAINS, "hmc": 50}[method]
        n_draws = check_integer("n_draws", n_draws)
        if n_leapfrog is None:
            n_leapfrog = 20 if method == "hmc" else DEFAULT_LEAPFROG
        n_leapfrog = check_integer("n_leapfrog", n_leapfrog)
        n_adaptations = check_integer("n_adaptations", n_adaptations, lowest=0)
        if method == "hmc":
            return self._by_hmc(X, n_draws, n_leapfrog, n_warmup, max_components)
        if method == "importance":
            return self._by_importance(X, n_draws, n_adaptations)
        if start is None:
            start = "encoder" if self.model._has_encoder else "prior"
        check_choice("start", start, STARTS)
        if start == "encoder":
            self._require_encoder("start: got 'encoder', want 'prior'")
        annealing = Annealing(temperatures(schedule, n_temperatures), n_draws, n_leapfrog, start)
        n_simulated = check_integer("n_simulated", n_simulated)
        if not isinstance(bidirectional, (bool, np.bool_)):
            raise TypeError(f"bidirectional: got {bidirectional!r}, want a bool")
        config = self.model._engine.config.as_dict()
        if bidirectional and config["likelihood"] != "bernoulli" and config["binarize"] != "none":
            raise ValueError(
                f"bidirectional: got True, want False for binarize={config['binarize']!r} with a "
                f"Gaussian likelihood: its draws are not data of that kind"
            )
        return self._by_annealing(X, annealing, n_simulated if bidirectional else 0)

    def _by_importance(self, X: Any, n_draws: int, n_adaptations: int) -> Estimate:
        self._require_encoder("method: got 'importance', want 'ais' or 'hmc'")

        def likelihoods(rows: Rows) -> tuple[NDArray[np.float64], ...]:
            n = rows.shape[0]
            shown = self._shows_progress()
            with progress_bar("importance", n, shown=shown) as report, single_threaded_blas():
                return self.model._engine.importance(
                    rows,
                    begin=0,
                    size=n,
                    n_draws=n_draws,
                    n_adaptations=n_adaptations,
                    seed=self._seed(),
                    n_threads=resolve_threads(self._n_threads()),
                    progress=report,
                )

        log_p, std_error, ess = self.model._read(X, likelihoods)
        check_scores("X", log_p)
        return Estimate.from_rows(log_p, std_error, n_draws=n_draws, ess=ess)

    def _by_annealing(self, X: Any, annealing: Annealing, n_simulated: int) -> Estimate:
        model, seed, shown = self.model, self._seed(), self._shows_progress()
        rows = as_rows(model, check_data(model, X, reset=False))
        subset = Subset(0, rows.shape[0], split=False)
        threads = self._n_threads()
        found = annealed_likelihood(model, rows, subset, annealing, seed, threads, shown=shown)
        check_scores("X", found.log_p)
        simulated: dict[str, Any] = {}
        if n_simulated > 0:
            lower, upper = simulated_bounds(
                model, n_simulated, annealing, seed, threads, shown=shown
            )
            simulated = {
                "simulated_lower": lower,
                "simulated_upper": upper,
                "gap": float(np.mean(upper - lower)),
            }
        return Estimate.from_rows(
            found.log_p,
            found.std_error,
            n_draws=annealing.n_chains,
            n_temperatures=len(annealing.beta) - 1,
            ess=found.ess,
            acceptance=found.acceptance,
            **simulated,
        )

    def _by_hmc(
        self, X: Any, n_draws: int, n_leapfrog: int, n_warmup: int, max_components: int
    ) -> Estimate:
        n_draws = check_integer("n_draws", n_draws, lowest=4)
        n_components = self.model._n_features_out
        if n_components > check_integer("max_components", max_components):
            raise ValueError(
                f"method: 'hmc' was asked for a model of {n_components} components, want at most "
                f"max_components={max_components}: a density fitted to draws of p(z|x) is poor in "
                f"more; use 'importance', or raise max_components"
            )
        # One chain for both, so that what is counted lies where the fit does: chains of their own
        # may be at other modes of p(z|x), where the fit's density is next to nothing.
        posterior = sample_posterior(
            self.model,
            X,
            2 * n_draws,
            n_leapfrog=n_leapfrog,
            n_warmup=n_warmup,
            random_state=self._seed() % 2**32,
            n_threads=self._n_threads(),
            progress=self._shows_progress(),
        )
        fitted, counted = posterior.draws[:n_draws], posterior.draws[n_draws:]
        threads = resolve_threads(self._n_threads())

        def log_joints(rows: Rows) -> NDArray[np.float64]:
            with single_threaded_blas():
                return self.model._engine.log_joint(rows, counted, n_threads=threads)

        log_q = _core.fitted_log_density(fitted, counted, n_threads=threads)
        log_p, std_error, ess = marginal_likelihood(log_q, self.model._read(X, log_joints))
        poor = float(np.mean(~(ess >= 0.1 * n_draws)))  # NaN too: a chain that stood still
        if poor > 0.1:
            warnings.warn(
                f"'hmc': of {poor:.0%} of the rows a tenth of the draws or "
                f"fewer carry the weight; the estimates are poor, use more draws or 'importance'",
                RuntimeWarning,
                stacklevel=3,
            )
        return Estimate.from_rows(
            log_p, std_error, n_draws=n_draws, ess=ess, acceptance=posterior.acceptance
        )

    def active_units(self, X: Any, threshold: float = 0.01) -> NDArray[np.bool_]:
        """Tell which latent units vary with the data.

        A unit is active where the variance over X of its posterior mean exceeds `threshold`
        (Burda, Grosse, Salakhutdinov, "Importance weighted autoencoders", section 5.2).

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
            Data.
        threshold : float, default=0.01
            Least variance of an active unit.

        Returns
        -------
        active : ndarray of shape (n_components,), bool
            True for each active unit.
        """
        if not (isinstance(threshold, (int, float, np.number)) and 0 <= threshold < np.inf):
            raise ValueError(f"threshold: got {threshold!r}, want a finite number >= 0")

        self._require_encoder("active_units: posterior means by HMC vary of themselves")
        threads = resolve_threads(self._n_threads())
        means = self.model._read(X, lambda rows: self.model._chain_starts(rows, 0, threads))
        active: NDArray[np.bool_] = means.var(axis=0, dtype=np.float64) > threshold
        return active

    def _seed(self) -> int:
        if self.random_state is None:
            return int(self.model._engine.config.as_dict()["seed"])
        return draw_seed(self.random_state)

    def _n_threads(self) -> int | None:
        return self.model.n_threads if self.n_threads is None else self.n_threads

    def _shows_progress(self) -> bool:
        return bool(self.model.verbose if self.progress is None else self.progress)

    def _require_encoder(self, what: str) -> None:
        if not self.model._has_encoder:
            raise ValueError(f"{what}; {type(self.model).__name__} has no encoder")
