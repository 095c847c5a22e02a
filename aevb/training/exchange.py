"""The exchange between the processes that train one model: the seam, and that of one process."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from aevb.core.engine import Arrays, Engine, Rows, Subset, Trained
from aevb.data.validation import Data

T = TypeVar("T")
P = ParamSpec("P")


class Exchange:
    """The exchange of a process that trains alone: none.

    Its subclasses exchange data. All processes then call the same methods in the same order. Each
    process has its own rows. Everything else of a run is the same on all of them.

    Attributes
    ----------
    rank : int
        Number of this process, from 0.
    n_ranks : int
        Number of processes.
    sync_every : int
        Number of minibatches from one exchange to the next.
    velocity : dict of arrays, or None
        The outer momentum's velocity of each weight, if there is any. It is the same on all.
    """

    rank = 0
    n_ranks = 1
    sync_every = 1
    velocity: Arrays | None = None

    def gather(self, value: T) -> list[T]:
        """Return the values of all processes, in the order of their ranks."""
        return [value]

    def together(self) -> AbstractContextManager[object]:
        """Open a block of calls. If one process raises in it, all processes raise."""
        return nullcontext()

    def joined(self, model: Any, data: Data, **facts: Any) -> tuple[Data, int]:
        """Return the data with the range of all processes' data, and the least number of rows.

        Raises
        ------
        ValueError
            If the parameters of the model, the columns or the `facts` are not the same everywhere.
        """
        return data, data.n_rows

    def prepare(self, engine: Engine, n_train: int) -> int:
        """Return the rows of an epoch, of all processes. This process has `n_train`.

        Raises
        ------
        ValueError
            If the processes cannot train this engine together.
        """
        return n_train

    def agree(self, model: Any, engine: Engine) -> None:
        """Take the learning rate of the first process. Check that all can go on together.

        Raises
        ------
        ValueError
            If parameters of the model differ, or weights after an error.
        """

    def steps_together(self, n_steps: int, max_steps: int) -> int:
        """Return how many of `max_steps` minibatches to train on at once, after `n_steps`."""
        return max_steps

    def train(self, engine: Engine, rows: Rows, subset: Subset, **options: Any) -> Trained:
        """Train on minibatches of an epoch, as `Engine.train` does. Return the joined counts."""
        return engine.train(rows, subset, **options)


ALONE = Exchange()
_makers: list[Callable[[Any, Any, Any], Exchange | None]] = []


def register_exchange(make: Callable[[Any, Any, Any], Exchange | None]) -> None:
    """Register a function of a communicator, ``sync_every`` and ``outer_momentum``.

    It returns None for a communicator that is not of its kind.
    """
    _makers.append(make)


def exchange_of(comm: Any, sync_every: Any = 1, outer_momentum: Any = 0.0) -> Exchange:
    """Return the exchange of a communicator. None means one process.

    Raises
    ------
    TypeError
        If `comm` is no communicator.
    ValueError
        If there is another argument without a communicator.
    """
    if comm is None:
        for name, value, none in [
            ("sync_every", sync_every, 1),
            ("outer_momentum", outer_momentum, 0),
        ]:
            if value != none:
                raise ValueError(f"{name}: got {value!r}, but comm is None; want {none}")
        return ALONE
    if isinstance(comm, Exchange):
        return comm
    for make in _makers:
        exchange = make(comm, sync_every, outer_momentum)
        if exchange is not None:
            return exchange
    raise TypeError(f"comm: got {comm!r}, want a communicator such as mpi4py.MPI.COMM_WORLD")


def together(method: Callable[Concatenate[Any, P], T]) -> Callable[Concatenate[Any, P], T]:
    """Make a method of a trainer a block of its exchange.

    A constructor has no exchange yet. It gets one as its argument `comm`.
    """

    @wraps(method)
    def in_block(owner: Any, *args: P.args, **options: P.kwargs) -> T:
        exchange = getattr(owner, "_exchange", None)
        if exchange is None:
            names = ("comm", "sync_every", "outer_momentum")
            given = {name: options[name] for name in names if name in options}
            exchange = exchange_of(given.pop("comm", None), **given)
            options["comm"] = exchange
        with exchange.together():
            return method(owner, *args, **options)

    return cast("Callable[Concatenate[Any, P], T]", in_block)
