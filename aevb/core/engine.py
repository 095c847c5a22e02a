"""Typed classes and functions around the compiled core: engines, Markov chains and rows.

Every function that computes takes the estimators' `n_threads`. None means all cores, or in training
as many as are quickest. While it runs, BLAS starts no threads of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aevb.core.compiled import core
from aevb.core.prediction import Prediction
from aevb.core.thread_search import ThreadSearch
from aevb.core.threads import resolve_threads, single_threaded_blas, slice_seconds
from aevb.core.units import Units

Config = core.Config
MonteCarloEm = core.MonteCarloEm
Rows = core.Rows
OutOfRangeError = core.OutOfRangeError

all_finite = core.all_finite
backend = core.backend
backend_names = core.backend_names
max_threads = core.max_threads
starting_outputs = core.starting_outputs
starting_levels = core.starting_levels

# The weights and the optimizer's accumulators. With a weight posterior, the weights are its means.
# The rest is its log standard deviations, their accumulators, and the prior of each weight.
ARENAS = ("weights", "state1", "state2", "log_sd", "log_sd_state1", "log_sd_state2",
          "prior_mean", "prior_log_sd")  # fmt: skip

Floats = NDArray[np.float64]
Arrays = dict[str, NDArray[np.float32]]
Report = Callable[[float], object]


class Subset(NamedTuple):
    """Positions [begin, begin + size) of a data set, in its own order or in a random order."""

    begin: int
    size: int
    split: bool


class Trained(NamedTuple):
    """The result of some training steps. `bound_sum` is the sum of the bounds of their rows."""

    n_steps: int
    n_rows: int
    bound_sum: float
    diverged: bool
    n_threads: int  # the best number known


class Engine:
    """A model of the core: settings, weights and the state of its training."""

    def __init__(self, config: Config, units: Units | None = None) -> None:
        self._threads = ThreadSearch()
        if units is None:
            self._model = core.Model(config)
        else:
            self._model = core.Model(
                config,
                units.location,
                units.scale,
                units.log_jacobian,
                units.log_jacobians,
                units.places,
                units.levels,
            )

    @classmethod
    def _of(cls, model: core.Model, threads: ThreadSearch | None = None) -> Engine:
        engine = cls.__new__(cls)
        engine._model, engine._threads = model, threads or ThreadSearch()
        return engine

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Engine:
        """Build an engine from the result of `state`. ValueError if its parts do not match."""
        model = core.Model(Config(**state["config"]), *state["units"])
        if bool(state.get("prior_mean")) != bool(state.get("prior_log_sd")):
            raise ValueError("prior_mean, prior_log_sd: got one of them, want both or none")
        for arena in ARENAS:
            arrays: Arrays = state.get(arena, {})  # files of old have no weight posterior
            model.set_arrays(arrays, arena)
        model.n_steps = state["n_steps"]
        model.n_samples_seen = state["n_samples_seen"]
        model.bound_sum = state["bound_sum"]
        model.seconds = state["seconds"]
        return cls._of(model)

    def state(self) -> dict[str, Any]:
        """Return the settings, the counts and the arrays of each arena."""
        return self._model.state()

    def copy(self) -> Engine:
        """Return a new engine with the same state. Both continue one search for threads."""
        return self._of(self._model.copy(), self._threads)

    def restore(self, other: Engine) -> None:
        """Copy the arrays of another engine. The counts stay."""
        self._model.restore(other._model)

    def __reduce__(self) -> tuple[Callable[..., Engine], tuple[dict[str, Any], int]]:
        return unpickle_engine, (self.state(), PICKLE_FORMAT)

    # Settings, counts and weights

    @property
    def config(self) -> Config:
        """The settings, as an object of the core."""
        return self._model.config

    @config.setter
    def config(self, config: Config) -> None:
        self._model.config = config

    @contextmanager
    def configured(self, config: Config) -> Iterator[None]:
        """Change the settings. If the block raises, change them back."""
        before = self.config
        self.config = config
        try:
            yield
        except BaseException:
            self.config = before
            raise

    @property
    def settings(self) -> dict[str, Any]:
        """The settings by name."""
        return self._model.config.as_dict()

    @cached_property
    def has_encoder(self) -> bool:
        """Whether the model has an encoder."""
        return str(self.settings["algorithm"]) != "monte-carlo-em"

    @property
    def seed(self) -> int:
        """Seed of all random numbers."""
        return int(self.settings["seed"])

    @cached_property
    def units(self) -> Units:
        """The units of the model."""
        return Units(*self._model.units)

    @cached_property  # never changes, and reading the settings takes as long as a small call
    def n_visible(self) -> int:
        """Dimension D of x."""
        return int(self.settings["n_visible"])

    @cached_property
    def n_features(self) -> int:
        """Number of columns of the data."""
        return self.units.n_features

    @cached_property
    def n_components(self) -> int:
        """Dimension J of z."""
        return int(self.settings["n_components"])

    @property
    def learning_rate(self) -> float:
        """The learning rate in use."""
        # the core stores float32: the shortest decimal number that rounds to it
        return float(str(np.float32(self.settings["learning_rate"])))

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        self.config = Config(**(self.settings | {"learning_rate": rate}))

    @property
    def n_steps(self) -> int:
        """Minibatches trained on so far."""
        return self._model.n_steps

    @property
    def n_samples_seen(self) -> int:
        """Rows trained on so far. Each visit to a row counts."""
        return self._model.n_samples_seen

    @property
    def bound_sum(self) -> float:
        """Sum of the bounds of all rows trained on, each from the step that visited the row."""
        return self._model.bound_sum

    @property
    def seconds(self) -> float:
        """Duration of the training so far."""
        return self._model.seconds

    @property
    def n_threads(self) -> int | None:
        """Threads of the training so far: the best number known. None before the training."""
        return self._threads.n_threads

    @property
    def finite(self) -> bool:
        """Whether all weights are finite."""
        return self._model.finite

    def arrays(self, arena: str) -> Arrays:
        """Return copies of an arena's arrays by name."""
        return self._model.arrays(arena)

    def set_arrays(self, arrays: Arrays, arena: str) -> None:
        """Replace an arena's arrays."""
        self._model.set_arrays(arrays, arena)

    # The posterior of the weights

    @property
    def weight_kl(self) -> float:
        """KL(q(theta) || p(theta)) of the weights that have a posterior, in nats."""
        return self._model.weight_kl

    def keep_posterior_as_prior(self) -> None:
        """Make the present posterior of each weight its prior."""
        self._model.keep_posterior_as_prior()

    def scale_squares(self, factor: float) -> None:
        """Multiply the optimizer's sums of squares."""
        self._model.scale_squares(factor)

    def draw(self, index: int, *, seed: int, n_threads: int | None) -> Engine:
        """Return an engine whose weights are a draw from the posterior of this one's."""
        n_threads = resolve_threads(n_threads)
        return self._of(self._model.draw(seed=seed, index=index, n_threads=n_threads))

    # Training

    def training(self) -> AbstractContextManager[object]:
        """Prevent other threads from training or changing this engine during a block."""
        return self._model.training()

    def train(
        self,
        rows: Rows,
        subset: Subset,
        *,
        chains: MonteCarloEm | None = None,
        epoch: int,
        position: int,
        max_steps: int,
        n_train: int,
        n_threads: int | None,
        rate_factors: list[float] | None = None,
        kl_factors: list[float] | None = None,
        rank: int = 0,
        exchange: Any = None,
    ) -> Trained:
        """Train on minibatches of one epoch.

        `rate_factors` change the learning rate of each, and `kl_factors` its ``kl_weight``. Return
        after `max_steps` of them, at the end of the epoch, or when the time is up.

        Of several processes, `rank` is the number of this one: it chooses the noise. `exchange` has
        the methods ``join(totals)`` and ``sum(values)``, which replace numbers by their sums over
        all processes. Every step then uses the gradient of all, and the result counts all rows.
        """
        turn = self._threads.next(n_threads)
        options = subset._asdict() | {
            "epoch": epoch,
            "position": position,
            "max_steps": max_steps,
            "max_seconds": min(turn.seconds, slice_seconds()),
            "n_train": n_train,
            "rate_factors": rate_factors or [],
            "n_threads": turn.n_threads,
        }
        with single_threaded_blas():
            began = self._threads.clock()
            if chains is None:
                options |= {"kl_factors": kl_factors or [], "rank": rank, "exchange": exchange}
                done, n_rows, bound_sum, diverged, _ = self._model.train(rows, **options)
            else:
                done, n_rows, bound_sum, diverged, _ = chains.train(self._model, rows, **options)
            self._threads.note(n_rows, self._threads.clock() - began)
        return Trained(done, n_rows, bound_sum, diverged, self._threads.n_threads or turn.n_threads)

    def for_each_array(self, f: Callable[[NDArray[np.float32]], object]) -> None:
        """Call f with views of the weights and the optimizer's arrays, valid until it returns."""
        self._model.for_each_array(f)

    def set_counts(self, **counts: float) -> None:
        """Replace some of `n_steps`, `n_samples_seen`, `bound_sum` and `seconds`."""
        for name, count in counts.items():
            setattr(self._model, name, count)

    def monte_carlo_em(
        self, u: NDArray[np.float32], *, n_leapfrog: int, target_accept: float, n_updates: int
    ) -> MonteCarloEm:
        """Return Markov chains for `train`, one per row of the training set.

        They start at the coordinates u, see `coordinates`.
        """
        return MonteCarloEm(
            self._model,
            u,
            n_leapfrog=n_leapfrog,
            target_accept=target_accept,
            n_updates=n_updates,
        )

    # Inference

    def encode(self, rows: Rows, *, n_threads: int | None) -> NDArray[np.float32]:
        """Return the means of q(z|x) (n_rows, J)."""
        with single_threaded_blas():
            return self._model.encode(rows, n_threads=resolve_threads(n_threads))

    def posterior(
        self, rows: Rows, *, n_threads: int | None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the means and the standard deviations of q(z|x) (n_rows, J)."""
        with single_threaded_blas():
            return self._model.posterior(rows, n_threads=resolve_threads(n_threads))

    def draw_encoded(self, rows: Rows, *, seed: int, n_threads: int | None) -> NDArray[np.float32]:
        """Return one draw of q(z|x) for each row (n_rows, J)."""
        with single_threaded_blas():
            return self._model.draw_encoded(rows, seed=seed, n_threads=resolve_threads(n_threads))

    def decode(self, z: NDArray[np.float32], *, n_threads: int | None) -> NDArray[np.float32]:
        """Return the means of p(x|z) (n, D)."""
        with single_threaded_blas():
            return self._model.decode(z, n_threads=resolve_threads(n_threads))

    def sample(
        self, n: int, *, seed: int, n_threads: int | None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return n draws of x (n, D), and the z (n, J) that each was drawn from."""
        with single_threaded_blas():
            return self._model.sample(n, seed=seed, n_threads=resolve_threads(n_threads))

    def bound(
        self, rows: Rows, subset: Subset, *, n_draws: int, seed: int, n_threads: int | None
    ) -> tuple[Floats, Floats, Floats]:
        """Return the bound of each row, its variance over the noise, and KL(q(z|x) || p(z))."""
        with single_threaded_blas():
            return self._model.bound(
                rows,
                begin=subset.begin,
                size=subset.size,
                split=subset.split,
                n_draws=n_draws,
                seed=seed,
                n_threads=resolve_threads(n_threads),
            )

    def component_kl(self, rows: Rows, *, n_draws: int, seed: int, n_threads: int | None) -> Floats:
        """Return the mean over the rows of KL(q(z_j|x) || p(z_j)) for each component j."""
        n_threads = resolve_threads(n_threads)
        with single_threaded_blas():
            return self._model.component_kl(rows, n_draws=n_draws, seed=seed, n_threads=n_threads)

    def latent(self, u: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the z of coordinates u (..., J), in which Markov chains move."""
        return self._model.latent(u.reshape(-1, u.shape[-1])).reshape(u.shape)

    def coordinates(self, z: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return coordinates u of z (n, J): z itself on the real line, its log above 0."""
        return self._model.coordinates(z)

    def bound_and_gradient(
        self, rows: Rows, noise: NDArray[np.float32] | None, *, seed: int, n_threads: int | None
    ) -> tuple[Floats, Arrays]:
        """Return the bound of each row and the gradient of their sum."""
        n_threads = resolve_threads(n_threads)
        with single_threaded_blas():
            return self._model.bound_and_gradient(rows, noise, seed=seed, n_threads=n_threads)

    def importance(
        self,
        rows: Rows,
        *,
        n_draws: int,
        n_adaptations: int,
        seed: int,
        n_threads: int | None,
        progress: Report,
    ) -> tuple[Floats, Floats, Floats]:
        """Estimate log p(x) of each row by importance sampling.

        Return log p(x), its standard error and the effective number of draws.
        """
        with single_threaded_blas():
            return self._model.importance(
                rows,
                begin=0,
                size=rows.shape[0],
                n_draws=n_draws,
                n_adaptations=n_adaptations,
                seed=seed,
                n_threads=resolve_threads(n_threads),
                progress=progress,
            )

    def predict(
        self, rows: Rows, ids: NDArray[np.uint64], *, n_threads: int | None, **options: Any
    ) -> Prediction:
        """Predict x of each row by importance sampling. The ids (n_rows,) key the noise."""
        n_threads = resolve_threads(n_threads)
        with single_threaded_blas():
            return Prediction(*self._model.predict(rows, ids, n_threads=n_threads, **options))

    def log_joint(self, rows: Rows, u: NDArray[np.float32], *, n_threads: int | None) -> Floats:
        """Return log p(x, u) (n_draws, n_rows) at coordinates u (n_draws, n_rows, J) of z."""
        with single_threaded_blas():
            return self._model.log_joint(rows, u, n_threads=resolve_threads(n_threads))

    def anneal(
        self,
        rows: Rows,
        subset: Subset,
        beta: list[float],
        exact: NDArray[np.float32] | None,
        *,
        n_leapfrog: int,
        n_draws: int,
        from_encoder: bool,
        seed: int,
        n_threads: int | None,
        progress: Report,
    ) -> tuple[Floats, Floats, Floats, Floats, NDArray[np.float32]]:
        """Run annealed importance sampling for each row.

        Return log p(x), its standard error, the effective number of chains, the acceptance
        probability, and the end of one chain, drawn by the weights (n_rows, J).
        """
        with single_threaded_blas():
            return core.anneal(
                self._model,
                rows,
                beta,
                exact,
                **subset._asdict(),
                n_leapfrog=n_leapfrog,
                n_draws=n_draws,
                from_encoder=from_encoder,
                seed=seed,
                n_threads=resolve_threads(n_threads),
                progress=progress,
            )

    def impute(
        self,
        rows: Rows,
        *,
        method: str,
        n_starts: int,
        n_iterations: int,
        seed: int,
        n_threads: int | None,
        progress: Report,
    ) -> NDArray[np.float32]:
        """Return the rows, with the missing values filled in."""
        with single_threaded_blas():
            return core.impute(
                self._model,
                rows,
                method=method,
                n_starts=n_starts,
                n_iterations=n_iterations,
                seed=seed,
                n_threads=resolve_threads(n_threads),
                progress=progress,
            )

    def content_ids(self, rows: Rows, index: list[int]) -> NDArray[np.uint64]:
        """Return an id for each row that depends on its values alone."""
        return core.content_ids(self._model, rows, index)


PICKLE_FORMAT = 2  # version of what `Engine.__reduce__` writes


def unpickle_engine(state: dict[str, Any], pickle_format: int) -> Engine:
    """Build the engine of a pickle. ValueError if it is damaged or has another format."""
    if pickle_format != PICKLE_FORMAT:
        raise ValueError(
            f"pickle: the core's state has format {pickle_format!r}, want {PICKLE_FORMAT}; another "
            f"version of aevb wrote it. To keep a model, use save() and not a pickle"
        )
    try:
        return Engine.from_state(state)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise ValueError(f"pickle: the core's state is damaged: {error}") from error
