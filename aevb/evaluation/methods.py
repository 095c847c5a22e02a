"""The methods that estimate log p(x), and their options."""

from __future__ import annotations

import inspect
import textwrap
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from aevb.core.checks import check_choice, check_integer
from aevb.core.density import fitted_log_density
from aevb.core.engine import Floats, Rows, Subset
from aevb.data.checks import check_scores
from aevb.data.validation import check_data
from aevb.evaluation.estimate import Estimate
from aevb.evaluation.posterior import run_chains
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
    """A model, the data to evaluate it on, and the settings of the evaluation."""

    model: LatentVariableModel
    X: Any
    seed: int
    n_threads: int | None
    shown: bool


class Method(ABC):
    """A method that estimates log p(x). Its fields are its options."""

    @property
    @abstractmethod
    def advice(self) -> str:
        """What to do if the effective number of draws is small."""

    @abstractmethod
    def estimate(self, task: Task) -> Estimate:
        """Return the estimate of log p(x) of each row."""


@dataclass(frozen=True)
class ImportanceSampling(Method):
    """Importance sampling from the encoder.

    The estimate is the logarithm of the mean of p(x, z) / q(z|x) over draws z of the encoder's
    q(z|x) (Burda, Grosse, Salakhutdinov, "Importance weighted autoencoders", eq. 8). In expectation
    it is a lower bound, which rises to log p(x) with the number of draws. The memory it needs does
    not depend on that number. With `n_adaptations`, q is a Gaussian fitted to each row instead.

    Parameters
    ----------
    n_draws : int, default=1000
        Draws of z per row.
    n_adaptations : int, default=0
        Rounds of `n_draws` draws before the draws that count. Each round fits a Gaussian with full
        covariance to p(z|x), and the next round draws from it. Use it if ``diagnostics["ess"]`` is
        small.
    """

    n_draws: int = 1000
    n_adaptations: int = 0

    def __post_init__(self) -> None:
        check_integer("n_draws", self.n_draws)
        check_integer("n_adaptations", self.n_adaptations, lowest=0)

    @property
    def advice(self) -> str:
        """What to do if the effective number of draws is small."""
        adapt = "" if self.n_adaptations else "n_adaptations=3, "
        return f"use {adapt}more draws or method='ais'"

    def estimate(self, task: Task) -> Estimate:
        """Return the estimate of log p(x) of each row."""
        require_encoder(task.model, "method: got 'importance', want 'ais' or 'hmc'")
        return task.model._read(task.X, lambda rows: self.of_rows(task, rows))

    def of_rows(self, task: Task, rows: Rows) -> Estimate:
        """Return the estimate of log p(x) of each of these rows."""
        n_draws, n_adaptations = int(self.n_draws), int(self.n_adaptations)
        noise = task.seed, task.n_threads
        log_p, std_error, ess = importance(
            task.model._engine, rows, n_draws, n_adaptations, *noise, shown=task.shown
        )
        check_scores("X", log_p)
        return Estimate.from_rows(log_p, std_error, n_draws=n_draws, ess=ess)


@dataclass(frozen=True)
class AnnealedImportanceSampling(Method):
    """Annealed importance sampling.

    The method is from Neal, "Annealed importance sampling", 2001. Its use for decoders is from Wu,
    Burda, Salakhutdinov, Grosse, "On the quantitative analysis of decoder-based generative models",
    2017. Chains go from the prior, or from the encoder's q(z|x), to p(z|x) over a path of
    temperatures, with one HMC transition at each. In expectation, the estimate is a lower bound.
    The method needs no encoder, and z may have many dimensions, but it takes more time.

    The chains of a row share their step sizes. A first round of up to 50 chains adapts a step size
    for each row and temperature. Its weights do not count. The step sizes are then frozen.

    Parameters
    ----------
    n_draws : int, default=10
        Chains per row.
    n_leapfrog : int, default=10
        Leapfrog steps per transition.
    schedule : {"sigmoid", "linear"} or array-like, default="sigmoid"
        Inverse temperatures of the path. An array must rise strictly from 0 to 1. It replaces
        `n_temperatures`.
    n_temperatures : int, default=200
        Steps from 0 to 1 of a named schedule.
    start : {"prior", "encoder"}, default=None
        The density at the start of the path. None means the encoder's q(z|x), or the prior if the
        model has no encoder. q(z|x) is closer to p(z|x), and a path from the prior has to be many
        times as long. But if q(z|x) misses a part of p(z|x), few of its chains find that part.
    bidirectional : bool, default=False
        Whether to compute a lower and an upper bound on log p(x) of rows simulated from the model,
        with the same settings (Grosse, Ghahramani, Adams, "Sandwiching the marginal likelihood",
        2015). If the simulated rows resemble X, the gap shows the error that the settings cause.
    n_simulated : int, default=100
        Number of simulated rows. They depend on the seed and not on X.
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

    @property
    def advice(self) -> str:
        """What to do if the effective number of draws is small."""
        return "use a larger n_temperatures or more draws"

    def estimate(self, task: Task) -> Estimate:
        """Return the estimate of log p(x) of each row."""
        model, annealing = task.model, self._annealing(task.model)
        if self.bidirectional and len(model._joint_columns()) > 0:
            raise ValueError(
                "bidirectional: got True, want False: the model does not draw multinomial counts"
            )
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
        draws_binary = config["likelihood"] == "bernoulli"
        if self.bidirectional and config["binarize"] != "none" and not draws_binary:
            raise ValueError(
                f"bidirectional: got True, want False for binarize={config['binarize']!r} with "
                f"likelihood={config['likelihood']!r}: its draws are not binary data"
            )
        beta = temperatures(self.schedule, self.n_temperatures)
        return Annealing(beta, int(self.n_draws), int(self.n_leapfrog), start)


@dataclass(frozen=True)
class PosteriorSampling(Method):
    """The paper's method (appendix D).

    The method fits a density q(z) to draws from p(z|x) by HMC. The density is a Gaussian kernel
    density, whose bandwidth has the best score on held-out draws. With fewer than four draws per
    component, it is a Gaussian. The mean of q(z) / p(x, z) over new draws estimates 1 / p(x).

    Parameters
    ----------
    n_draws : int, default=50
        Draws of each of the two stages, at least 4. The paper uses 50.
    n_leapfrog : int, default=20
        Leapfrog steps per transition. The method takes the draws as independent. With the paper's 4
        steps, successive draws are similar, and few draws then miss parts of p(z|x).
    n_warmup : int, default=200
        Transitions before the first draw.
    max_components : int, default=5
        Largest number of latent components that the method accepts. In many dimensions, the fitted
        density is a poor approximation of p(z|x), and a few ratios dominate the mean.
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

    @property
    def advice(self) -> str:
        """What to do if the effective number of draws is small."""
        return "use more draws, or method='importance' or 'ais'"

    def estimate(self, task: Task) -> Estimate:
        """Return the estimate of log p(x) of each row."""
        model, n_draws = task.model, int(self.n_draws)
        n_components = model._n_features_out
        if n_components > self.max_components:
            raise ValueError(
                f"method: got 'hmc' for a model of {n_components} components, want at most "
                f"max_components={self.max_components}: a density fitted to draws of p(z|x) is "
                f"poor in more; use 'importance', or raise max_components"
            )
        # One chain gives the draws of both stages. With two chains, the second might be at another
        # mode of p(z|x), where the fitted density is close to 0.
        posterior, moved = run_chains(
            model,
            task.X,
            2 * n_draws,
            n_leapfrog=self.n_leapfrog,
            n_warmup=self.n_warmup,
            target_accept=0.9,
            adaptation="dual-averaging",
            step_size_per="chain",
            random_state=task.seed % 2**32,
            n_threads=task.n_threads,
            progress=task.shown,
        )
        fitted, counted = moved[:n_draws], moved[n_draws:]
        threads = task.n_threads

        def log_joints(rows: Rows) -> Floats:
            return model._engine.log_joint(rows, counted, n_threads=threads)

        log_q = fitted_log_density(fitted, counted, n_threads=threads)
        log_p, std_error, ess = marginal_likelihood(log_q, model._read(task.X, log_joints))
        ess = np.where((posterior.ess == 0).any(axis=1), 0.0, ess)  # the chain stood still
        return Estimate.from_rows(
            log_p, std_error, n_draws=n_draws, ess=ess, acceptance=posterior.acceptance
        )


METHODS: dict[str, type[Method]] = {
    "importance": ImportanceSampling,
    "ais": AnnealedImportanceSampling,
    "hmc": PosteriorSampling,
}


def make_method(name: str, options: dict[str, Any]) -> Method:
    """Return a method by its name, with these options.

    Raises
    ------
    TypeError, ValueError
        If the method does not have an option, or if a value is wrong. The message names it.
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
    """Raise a ValueError that begins with `what` if the model has no encoder."""
    if not model._has_encoder:
        raise ValueError(f"{what}; {type(model).__name__} has no encoder")


def lists_methods(function: _Function) -> _Function:
    """Replace "{methods}" in a docstring by the methods and their options."""
    if function.__doc__ is not None:  # python -OO removes docstrings
        described = []
        for name, method in METHODS.items():
            text = inspect.cleandoc(method.__doc__ or "")
            text = text.replace("\nParameters\n----------\n", "\n")
            described.append(f'``"{name}"``\n{textwrap.indent(text, "    ")}')
        doc = inspect.cleandoc(function.__doc__)
        function.__doc__ = doc.replace("{methods}", "\n\n".join(described))
    return function
