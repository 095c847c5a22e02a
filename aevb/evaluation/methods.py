"""The methods that estimate log p(x), each with its options."""

from __future__ import annotations

import inspect
import textwrap
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from aevb.core.checks import check_choice, check_integer
from aevb.core.engine import Floats, Rows, Subset, fitted_log_density
from aevb.data.checks import check_scores
from aevb.data.rows import check_data
from aevb.evaluation.estimate import Estimate
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
from aevb.inference.importance import importance
from aevb.inference.marginal import marginal_likelihood

if TYPE_CHECKING:
    from aevb.estimators.base import LatentVariableModel

_Function = TypeVar("_Function", bound=Callable[..., Any])


class Task(NamedTuple):
    """Whose log-likelihood of which rows is asked for, and how to go about it."""

    model: LatentVariableModel
    X: Any
    seed: int
    n_threads: int | None
    shown: bool


class Method(ABC):
    """A method; its fields are its options."""

    @abstractmethod
    def estimate(self, task: Task) -> Estimate:
        """Return the estimate of log p(x) of each row."""


@dataclass(frozen=True)
class ImportanceSampling(Method):
    """Importance sampling from the encoder.

    The logarithm of the mean of p(x, z) / q(z|x) over draws z ~ q(z|x) of the encoder (Burda,
    Grosse, Salakhutdinov, "Importance weighted autoencoders", eq. 8): in expectation a lower bound,
    which rises to log p(x) with the number of draws. Memory does not grow with it. With
    `n_adaptations`, q is a Gaussian fitted to each row instead.

    Parameters
    ----------
    n_draws : int, default=1000
        Draws of z per row.
    n_adaptations : int, default=0
        Rounds of `n_draws` draws each before those that count. They fit a Gaussian with full
        covariance to p(z|x), round by round, and the next ones are drawn from it. Worth its time
        where ``diagnostics["ess"]`` is small without.
    """

    n_draws: int = 1000
    n_adaptations: int = 0

    def __post_init__(self) -> None:
        check_integer("n_draws", self.n_draws)
        check_integer("n_adaptations", self.n_adaptations, lowest=0)

    def estimate(self, task: Task) -> Estimate:
        """Return the estimate of log p(x) of each row."""
        require_encoder(task.model, "method: got 'importance', want 'ais' or 'hmc'")
        n_draws, n_adaptations = int(self.n_draws), int(self.n_adaptations)

        def likelihoods(rows: Rows) -> tuple[Floats, Floats, Floats]:
            engine, noise = task.model._engine, (task.seed, task.n_threads)
            return importance(engine, rows, n_draws, n_adaptations, *noise, shown=task.shown)

        log_p, std_error, ess = task.model._read(task.X, likelihoods)
        check_scores("X", log_p)
        return Estimate.from_rows(log_p, std_error, n_draws=n_draws, ess=ess)


@dataclass(frozen=True)
class AnnealedImportanceSampling(Method):
    """Annealed importance sampling.

    Neal, "Annealed importance sampling", 2001; for decoders Wu, Burda, Salakhutdinov, Grosse, "On
    the quantitative analysis of decoder-based generative models", 2017. Chains go from the prior,
    or the encoder's q(z|x), to p(z|x) over a path of temperatures with an HMC transition at each.
    In expectation a lower bound too; it needs no encoder and no low dimension, and takes more time.
    Step sizes, which the chains of a row share, are tuned for each row and temperature in a first
    round of up to 50 chains, whose weights are thrown away, and frozen.

    Parameters
    ----------
    n_draws : int, default=10
        Chains of a row.
    n_leapfrog : int, default=10
        Leapfrog steps of a trajectory.
    schedule : {"sigmoid", "linear"} or array-like, default="sigmoid"
        Inverse temperatures of the path; an array, each number greater than the one before, rises
        from 0 to 1 and makes `n_temperatures` idle.
    n_temperatures : int, default=200
        Steps from 0 to 1 of a named schedule.
    start : {"prior", "encoder"}, default=None
        The density that the path begins with; None is the encoder's q(z|x) where there is an
        encoder. It is nearer to p(z|x), and a path from the prior has to be many times as long; but
        where q(z|x) leaves out a part of p(z|x), few of its chains find it.
    bidirectional : bool, default=False
        Bound log p(x) of rows simulated from the model on both sides with the same settings
        (Grosse, Ghahramani, Adams, "Sandwiching the marginal likelihood", 2015). The gap tells how
        far off the settings are, if the model's own draws are like X.
    n_simulated : int, default=100
        Rows to simulate for that; they depend on the seed, not on X.
    """

    n_draws: int = DEFAULT_CHAINS
    n_leapfrog: int = DEFAULT_LEAPFROG
    schedule: Any = "sigmoid"
    n_temperatures: int = DEFAULT_TEMPERATURES
    start: str | None = None
    bidirectional: bool = False
    n_simulated: int = 100

    def __post_init__(self) -> None:
        check_integer("n_draws", self.n_draws)
        check_integer("n_leapfrog", self.n_leapfrog)
        if self.start is not None:
            check_choice("start", self.start, STARTS)
        if not isinstance(self.bidirectional, (bool, np.bool_)):
            raise TypeError(f"bidirectional: got {self.bidirectional!r}, want a bool")
        check_integer("n_simulated", self.n_simulated)

    def estimate(self, task: Task) -> Estimate:
        """Return the estimate of log p(x) of each row."""
        model, annealing = task.model, self._annealing(task.model)
        rows = model._rows(check_data(model, task.X))
        subset = Subset(0, rows.shape[0], split=False)
        settings = annealing, task.seed, task.n_threads
        found = annealed_likelihood(model._engine, rows, subset, *settings, shown=task.shown)
        check_scores("X", found.log_p)
        simulated: dict[str, Any] = {}
        if self.bidirectional:
            n_simulated = int(self.n_simulated)
            lower, upper = simulated_bounds(model._engine, n_simulated, *settings, shown=task.shown)
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

    def _annealing(self, model: LatentVariableModel) -> Annealing:
        start = self.start
        if start is None:
            start = "encoder" if model._has_encoder else "prior"
        elif start == "encoder":
            require_encoder(model, "start: got 'encoder', want 'prior'")
        config = model._engine.settings
        real = config["likelihood"] != "bernoulli"
        if self.bidirectional and real and config["binarize"] != "none":
            raise ValueError(
                f"bidirectional: got True, want False for binarize={config['binarize']!r} with a "
                f"Gaussian likelihood: its draws are not data of that kind"
            )
        beta = temperatures(self.schedule, self.n_temperatures)
        return Annealing(beta, int(self.n_draws), int(self.n_leapfrog), start)


@dataclass(frozen=True)
class PosteriorSampling(Method):
    """The paper's method (appendix D).

    Draws from p(z|x) by HMC are fitted by a density q(z), a Gaussian kernel density with its
    bandwidth chosen by held-out score, or a Gaussian if there are fewer than four draws per
    component; then 1 / p(x) is the mean of q(z) / p(x, z) over new draws.

    Parameters
    ----------
    n_draws : int, default=50
        Draws of each of the two stages; at least 4. The default is the paper's.
    n_leapfrog : int, default=20
        Leapfrog steps of a trajectory. The draws are counted as independent; with the paper's 4
        steps successive ones are alike, and few draws then leave parts of p(z|x) out.
    n_warmup : int, default=200
        Transitions before the first draw.
    max_components : int, default=5
        The most latent components that are taken. A density fitted to draws says little of p(z|x)
        in many dimensions, and the mean of its ratios is then ruled by a few of them.
    """

    n_draws: int = 50
    n_leapfrog: int = 20
    n_warmup: int = 200
    max_components: int = 5

    def __post_init__(self) -> None:
        check_integer("n_draws", self.n_draws, lowest=4)
        check_integer("n_leapfrog", self.n_leapfrog)
        check_integer("n_warmup", self.n_warmup, lowest=0)
        check_integer("max_components", self.max_components)

    def estimate(self, task: Task) -> Estimate:
        """Return the estimate of log p(x) of each row.

        Warns
        -----
        RuntimeWarning
            If the weights of more than a tenth of the rows are ruled by a few draws.
        """
        model, n_draws = task.model, int(self.n_draws)
        n_components = model._n_features_out
        if n_components > self.max_components:
            raise ValueError(
                f"method: 'hmc' was asked for a model of {n_components} components, want at most "
                f"max_components={self.max_components}: a density fitted to draws of p(z|x) is "
                f"poor in more; use 'importance', or raise max_components"
            )
        # One chain for both, so that what is counted lies where the fit does: chains of their own
        # may be at other modes of p(z|x), where the fit's density is next to nothing.
        posterior = sample_posterior(
            model,
            task.X,
            2 * n_draws,
            n_leapfrog=self.n_leapfrog,
            n_warmup=self.n_warmup,
            random_state=task.seed % 2**32,
            n_threads=task.n_threads,
            progress=task.shown,
        )
        fitted, counted = posterior.draws[:n_draws], posterior.draws[n_draws:]
        threads = task.n_threads

        def log_joints(rows: Rows) -> Floats:
            return model._engine.log_joint(rows, counted, n_threads=threads)

        log_q = fitted_log_density(fitted, counted, n_threads=threads)
        log_p, std_error, ess = marginal_likelihood(log_q, model._read(task.X, log_joints))
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


METHODS: dict[str, type[Method]] = {
    "importance": ImportanceSampling,
    "ais": AnnealedImportanceSampling,
    "hmc": PosteriorSampling,
}


def make_method(name: str, options: dict[str, Any]) -> Method:
    """Return the method of that name with its options.

    Raises
    ------
    TypeError, ValueError
        Naming the option that the method does not have, or whose value is none of its.
    """
    check_choice("method", name, tuple(METHODS))
    method: Any = METHODS[name]
    known = [option.name for option in fields(method)]
    for option in options:
        if option not in known:
            raise TypeError(
                f"{option}: got an option that method {name!r} does not have, want one of "
                f"{', '.join(known)}"
            )
    made: Method = method(**options)
    return made


def require_encoder(model: LatentVariableModel, what: str) -> None:
    """ValueError that begins with `what` if the model has no encoder."""
    if not model._has_encoder:
        raise ValueError(f"{what}; {type(model).__name__} has no encoder")


def lists_methods(function: _Function) -> _Function:
    """Write the methods and their options into a docstring, in place of "{methods}"."""
    if function.__doc__ is not None:  # python -OO has none
        described = []
        for name, method in METHODS.items():
            text = inspect.cleandoc(method.__doc__ or "")
            text = text.replace("\nParameters\n----------\n", "\n")
            described.append(f'``"{name}"``\n{textwrap.indent(text, "    ")}')
        doc = inspect.cleandoc(function.__doc__)
        function.__doc__ = doc.replace("{methods}", "\n\n".join(described))
    return function
