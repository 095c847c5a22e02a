"""What a trainer asks of a model, and which models there are, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from aevb.core.engine import Config, Engine, Floats, MonteCarloEm, Rows, Subset
from aevb.core.state import ChainState, State
from aevb.data.rows import Data
from aevb.storage.model_file import Saved

if TYPE_CHECKING:
    from typing_extensions import Self


class Trainable(Protocol):
    """A model that a trainer can train; the estimators are such."""

    # parameters of its constructor
    learning_rate: Any
    n_epochs: int
    n_threads: int | None
    patience: int | None
    validation_fraction: float
    verbose: int

    _state: State | None  # what it has learnt; a trainer replaces it

    def _check_parameters(self) -> None:
        """TypeError or ValueError naming a parameter of the constructor that is wrong."""

    def _begin(self, data: Data) -> tuple[State, Config]:
        """Return the state to go on from, and the configuration that its engine shall have."""

    def _scores(self, engine: Engine, rows: Rows, subset: Subset) -> Floats:
        """Return log p(x) of the subset's rows, or a bound on it."""

    def _n_updates_per_visit(self) -> int:
        """Return how many updates of the weights a row goes into at each visit."""

    def _new_chains(self, engine: Engine, rows: Rows) -> MonteCarloEm | None:
        """Return the chains of a training set, where training has any."""

    def _chains_of_old(self, engine: Engine, chains: ChainState | None) -> MonteCarloEm | None:
        """Return the chains of a checkpoint; ValueError if they are not this model's."""

    def _saved(self) -> Saved:
        """Return what a file holds of it; TypeError or ValueError if a parameter is wrong."""

    @classmethod
    def _restored(cls, saved: Saved) -> Self:
        """Return the model that a file holds."""


Kind = TypeVar("Kind", bound=type[Trainable])

_KINDS: dict[str, type[Trainable]] = {}


def kind_of_model(kind: Kind) -> Kind:
    """Make a class known to `Trainer.resume`, by its name."""
    _KINDS[kind.__name__] = kind
    return kind


def restored(saved: Saved) -> Trainable:
    """Return the model that a file holds, of whatever kind; LookupError if that is not known."""
    return _KINDS[saved.class_name]._restored(saved)
