"""The interface of a model that a trainer can train, and a registry of such classes."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

from aevb.core.engine import Config, Engine, Floats, MonteCarloEm, Rows, Subset
from aevb.core.state import ChainState, State
from aevb.data.validation import Data
from aevb.storage.model_file import Saved
from aevb.training.exchange import Exchange
from aevb.training.schedule import Schedules

if TYPE_CHECKING:
    from typing_extensions import Self


class Trainable(Protocol):
    """The interface of a model that a trainer can train."""

    # parameters of the constructor
    batch_size: Any
    early_stopping: bool | str
    learning_rate: Any
    learning_rate_schedule: Any
    n_epochs: int | str
    n_threads: int | None
    optimizer: str
    patience: int | None
    validation_fraction: float | str
    verbose: int

    _state: State | None  # the trainer replaces it
    _has_chains: bool  # whether training keeps a Markov chain for each row

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters of the constructor by name."""

    def _settings_now(self, state: State) -> Config:
        """Return the settings of the current parameters. ValueError if a fixed one has changed."""

    def _check_parameters(self) -> None:
        """Raise a TypeError or ValueError that names a parameter if its value is wrong."""

    def _begin(self, data: Data, n_rows: float, exchange: Exchange) -> tuple[State, Config]:
        """Return the state to continue from, and the configuration to train with.

        `n_rows` is the number of rows of all processes, or infinity if it is not known. `data` has
        those of this process, or the first.
        """

    def _scores(self, engine: Engine, rows: Rows, subset: Subset, n_draws: int) -> Floats:
        """Return log p(x) of the subset's rows, or a lower bound on it from n_draws draws of z."""

    def _halves_rate(self) -> bool:
        """Tell whether training halves the learning rate where it becomes unstable."""

    def _schedules(self) -> Schedules:
        """Return the schedules of a run."""

    def _n_updates_per_visit(self) -> int:
        """Return the number of updates of the weights per visit to a row."""

    def _new_chains(self, engine: Engine, rows: Rows) -> MonteCarloEm | None:
        """Return new Markov chains for the training rows, or None if training needs none."""

    def _chains_of_old(self, engine: Engine, chains: ChainState | None) -> MonteCarloEm | None:
        """Return the chains of a checkpoint. ValueError if they do not suit this model."""

    def _saved(self) -> Saved:
        """Return what to save. TypeError or ValueError if a parameter is wrong."""

    @classmethod
    def _restored(cls, saved: Saved) -> Self:
        """Return the saved model."""


_KINDS: dict[str, type[Trainable]] = {}


def register(kind: type[Trainable]) -> None:
    """Register a class, so that `Trainer.resume` finds it by its name.

    A later class of the same name replaces an earlier one, but not one of this package.
    """
    known = _KINDS.get(kind.__name__)
    if known is None or not known.__module__.startswith("aevb."):
        _KINDS[kind.__name__] = kind


def restored(saved: Saved) -> Trainable:
    """Return the saved model. ValueError if its class is not known."""
    name = saved.class_name
    if name not in _KINDS:
        raise ValueError(f"it holds a {name!r}, which is not defined here; define or import it")
    return _KINDS[name]._restored(saved)


def claimed(model: Trainable) -> AbstractContextManager[object]:
    """Prevent other threads from training or changing a fitted model during a block."""
    return nullcontext() if model._state is None else model._state.engine.training()
