"""The compiled core as Python sees it: engines, their chains, and the rows they read.

Whatever computes takes `n_threads` as the estimators have it, None for all, and keeps BLAS from
starting threads of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aevb.core.compiled import core
from aevb.core.threads import resolve_threads, single_threaded_blas, slice_seconds

Config = core.Config
MonteCarloEm = core.MonteCarloEm
Rows = core.Rows
OutOfRangeError = core.OutOfRangeError

all_finite = core.all_finite
backend = core.backend
backend_names = core.backend_names
max_threads = core.max_threads

ARENAS = ("weights", "state1", "state2")

Floats = NDArray[np.float64]
Arrays = dict[str, NDArray[np.float32]]
Report = Callable[[float], object]


class Subset(NamedTuple):
    """Positions [begin, begin + size) of a data set, in its own order or in the random split's."""

    begin: int
    size: int
    split: bool


class Trained(NamedTuple):
    """What came of some minibatches; the sum is of their rows' bounds."""

    n_steps: int
    n_rows: int
    bound_sum: float
    diverged: bool


class Engine:
    """A network and the state of its training."""

    def __init__(self, config: Config) -> None:
        self._model = core.Model(config)

    @classmethod
    def _of(cls, model: core.Model) -> Engine:
        engine = cls.__new__(cls)
        engine._model = model
        return engine

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Engine:
        """Build the engine that `state` described; ValueError if its parts do not fit."""
        model = core.Model(Config(**state["config"]))
        for arena in ARENAS:
            arrays: Arrays = state[arena]
            model.set_arrays(arrays, arena)
        model.n_steps = state["n_steps"]
        model.n_samples_seen = state["n_samples_seen"]
        model.bound_sum = state["bound_sum"]
        model.seconds = state["seconds"]
        return cls._of(model)

    def state(self) -> dict[str, Any]:
        """Return all that there is to know: settings, counts, and the arrays of each arena."""
        return self._model.state()

    def copy(self) -> Engine:
        """Return another engine in the same state."""
        return self._of(self._model.copy())

    def restore(self, other: Engine) -> None:
        """Take the arrays of another engine; counts stay."""
        self._model.restore(other._model)

    def __reduce__(self) -> tuple[Callable[..., Engine], tuple[dict[str, Any], int]]:
        return unpickle_engine, (self.state(), PICKLE_FORMAT)

    # Settings, counts and weights

    @property
    def config(self) -> Config:
        """The settings, as the core has them."""
        return self._model.config

    @config.setter
    def config(self, config: Config) -> None:
        self._model.config = config

    @contextmanager
    def configured(self, config: Config) -> Iterator[None]:
        """Take other settings, which stay unless the block raises."""
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

    @property
    def seed(self) -> int:
        """Seed of all the noise."""
        return int(self.settings["seed"])

    @cached_property  # for life: reading the settings takes as long as a small call
    def n_visible(self) -> int:
        """Dimension D of x."""
        return int(self.settings["n_visible"])

    @cached_property
    def n_components(self) -> int:
        """Dimension J of z."""
        return int(self.settings["n_components"])

    @property
    def learning_rate(self) -> float:
        """The step size in use."""
        # the shortest number that is this one in float32, the core's type
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
        """Rows trained on so far, all visits counted."""
        return self._model.n_samples_seen

    @property
    def bound_sum(self) -> float:
        """Sum of the bounds of all rows trained on, each as it was then."""
        return self._model.bound_sum

    @property
    def seconds(self) -> float:
        """Time spent in training."""
        return self._model.seconds

    @property
    def finite(self) -> bool:
        """Whether all weights are finite numbers."""
        return self._model.finite

    def arrays(self, arena: str) -> Arrays:
        """Return copies of an arena's arrays by name."""
        return self._model.arrays(arena)

    def set_arrays(self, arrays: Arrays, arena: str) -> None:
        """Replace an arena's arrays."""
        self._model.set_arrays(arrays, arena)

    # Training

    def training(self) -> AbstractContextManager[object]:
        """Keep other threads from training or changing this engine meanwhile."""
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
    ) -> Trained:
        """Train for minibatches of an epoch, until it ends, or there were enough, or time is up."""
        options = subset._asdict() | {
            "epoch": epoch,
            "position": position,
            "max_steps": max_steps,
            "max_seconds": slice_seconds(),
            "n_train": n_train,
            "n_threads": resolve_threads(n_threads),
        }
        with single_threaded_blas():
            if chains is None:
                done, n_rows, bound_sum, diverged, _ = self._model.train(rows, **options)
            else:
                done, n_rows, bound_sum, diverged, _ = chains.train(self._model, rows, **options)
        return Trained(done, n_rows, bound_sum, diverged)

    def monte_carlo_em(
        self, z: NDArray[np.float32], *, n_leapfrog: int, target_accept: float, n_updates: int
    ) -> MonteCarloEm:
        """Return chains for `train`, one for each row of a training set, that start at z."""
        return MonteCarloEm(
            self._model,
            z,
            n_leapfrog=n_leapfrog,
            target_accept=target_accept,
            n_updates=n_updates,
        )

    # Inference

    def encode(self, rows: Rows, *, n_threads: int | None) -> NDArray[np.float32]:
        """Return the means of q(z|x) (n_rows, J)."""
        with single_threaded_blas():
            return self._model.encode(rows, n_threads=resolve_threads(n_threads))

    def decode(self, z: NDArray[np.float32], *, n_threads: int | None) -> NDArray[np.float32]:
        """Return the means of p(x|z) (n, D)."""
        with single_threaded_blas():
            return self._model.decode(z, n_threads=resolve_threads(n_threads))

    def sample(
        self, n: int, *, seed: int, n_threads: int | None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return n draws of x and the z that each was drawn from."""
        with single_threaded_blas():
            return self._model.sample(n, seed=seed, n_threads=resolve_threads(n_threads))

    def bound(
        self, rows: Rows, subset: Subset, *, n_draws: int, seed: int, n_threads: int | None
    ) -> tuple[Floats, Floats]:
        """Return the bound of each row and its variance over the noise."""
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
        """Return log p(x) of each row by importance sampling, its error and effective draws."""
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

    def log_joint(self, rows: Rows, z: NDArray[np.float32], *, n_threads: int | None) -> Floats:
        """Return log p(x, z) of z (n_draws, n_rows, J)."""
        with single_threaded_blas():
            return self._model.log_joint(rows, z, n_threads=resolve_threads(n_threads))

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
        """Return log p(x), its error, effective chains, acceptance, and a weighted draw's z."""
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
        missing: NDArray[np.bool_],
        *,
        method: str,
        n_iterations: int,
        seed: int,
        n_threads: int | None,
        progress: Report,
    ) -> NDArray[np.float32]:
        """Return the rows with what is missing filled in."""
        with single_threaded_blas():
            return core.impute(
                self._model,
                rows,
                missing,
                method=method,
                n_iterations=n_iterations,
                seed=seed,
                n_threads=resolve_threads(n_threads),
                progress=progress,
            )

    def content_ids(self, rows: Rows, index: list[int]) -> NDArray[np.uint64]:
        """Return a number for each of the rows, by their values alone."""
        return core.content_ids(self._model, rows, index)


class PosteriorChains:
    """A Markov chain on p(z|x) for each row, by HMC, that starts at z."""

    def __init__(
        self,
        engine: Engine,
        rows: Rows,
        z: NDArray[np.float32],
        *,
        n_leapfrog: int,
        target_accept: float,
        seed: int,
        adaptation: str = "dual-averaging",
        per_chain: bool = True,
        by_content: bool = False,
    ) -> None:
        self._chains = core.PosteriorChains(
            engine._model,
            rows,
            z,
            n_leapfrog=n_leapfrog,
            adaptation=adaptation,
            per_chain=per_chain,
            target_accept=target_accept,
            seed=seed,
            by_content=by_content,
        )
        self.n_rows = len(z)

    def run(
        self, n: int, *, adapt: bool, keep: bool, n_threads: int | None, progress: Report
    ) -> NDArray[np.float32]:
        """Move every chain n times; return the states kept (n, n_rows, J)."""
        with single_threaded_blas():
            return self._chains.run(
                n,
                adapt=adapt,
                keep=keep,
                n_threads=resolve_threads(n_threads),
                progress=progress,
            )

    def freeze(self) -> None:
        """Leave the step sizes as they are from now on."""
        self._chains.freeze()

    @property
    def step_size(self) -> NDArray[np.float32]:
        """Leapfrog step of each chain."""
        return self._chains.step_size

    @property
    def acceptance_sum(self) -> Floats:
        """Sum of the acceptance probabilities of each chain's transitions since `freeze`."""
        return self._chains.acceptance_sum

    @property
    def n_divergent(self) -> NDArray[np.uint32]:
        """Transitions of each chain since `freeze` that lost the trajectory."""
        return self._chains.n_divergent


def fitted_log_density(
    fit: NDArray[np.float32], at: NDArray[np.float32], *, n_threads: int | None
) -> Floats:
    """Return log q(z) at some draws of a density fitted to others, both (n_draws, n_rows, J)."""
    return core.fitted_log_density(fit, at, n_threads=resolve_threads(n_threads))


PICKLE_FORMAT = 1  # of what `Engine.__reduce__` writes; a later one is refused by this library


def unpickle_engine(state: dict[str, Any], pickle_format: int) -> Engine:
    """Build the engine of a pickle; ValueError if it is of another format or damaged."""
    if pickle_format != PICKLE_FORMAT:
        raise ValueError(
            f"pickle: the core's state has format {pickle_format!r}, want {PICKLE_FORMAT}; it was "
            f"written by another version of aevb. Files of save() are meant to be kept"
        )
    try:
        return Engine.from_state(state)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise ValueError(f"pickle: the core's state is damaged: {error}") from error
