"""The exchange between processes by MPI. Only the caller's communicator needs mpi4py."""

from __future__ import annotations

import math
import pickle
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any, NoReturn, TypeVar

import numpy as np
from numpy.typing import NDArray

from aevb.core.engine import Engine, Floats, Rows, Subset, Trained, backend
from aevb.core.platform import usable_cpus
from aevb.core.threads import resolve_threads, share_cores
from aevb.data.validation import Data
from aevb.distributed.facts import check_same, facts_of, parameters_of
from aevb.distributed.interrupts import HeldSignals
from aevb.distributed.momentum import advise_on_momentum, check_momentum, moved
from aevb.distributed.steps import train_steps
from aevb.exceptions import RankError
from aevb.training.exchange import ALONE, Exchange

T = TypeVar("T")
FAILED, ENDING, ROWS, BOUND = range(4)  # what `MpiExchange.join` adds up


def exchange_by_mpi(comm: Any, sync_every: Any, outer_momentum: Any) -> Exchange | None:
    """Return the exchange of an mpi4py communicator, or None for other objects."""
    mpi = sys.modules.get("mpi4py.MPI")
    if mpi is None or not isinstance(comm, mpi.Intracomm):
        return None
    if comm.Get_size() > 1:
        return MpiExchange(comm, sync_every, outer_momentum)
    check_momentum(outer_momentum, sync_every)
    return ALONE


class MpiExchange(Exchange):
    """The exchange of the processes of an MPI communicator.

    Each exchange begins with `join`, which also tells who has failed. So a process that fails calls
    `join` too, and the others learn it in their next exchange, whatever that is for.

    Parameters
    ----------
    comm : mpi4py.MPI.Intracomm
        The communicator.
    sync_every : int
        1: the processes add up their gradients in every step. More: each process trains alone for
        so many steps. Then the weights and the optimizer's accumulators are averaged.
    outer_momentum : float
        The momentum of weights that are averaged.
    """

    def __init__(self, comm: Any, sync_every: Any, outer_momentum: Any) -> None:
        self._comm = comm
        self._in_place = sys.modules["mpi4py.MPI"].IN_PLACE
        self.rank, self.n_ranks = comm.Get_rank(), comm.Get_size()
        self.sync_every, self._momentum = sync_every, outer_momentum
        self._n_each = 0  # rows of an epoch that each process has
        self._n_sharing = 1  # processes on the cores of this one
        self._signals = HeldSignals()
        self._is_in_block, self._has_failed = False, False

    # What the core calls in every step, with sync_every=1

    def join(self, totals: Floats) -> None:
        """Add up the four numbers of all processes, in place. A RankError if one has failed.

        An exception can leave an exchange only here, before it begins.
        """
        self._signals.call_handlers()
        totals[ENDING] += self._signals.interrupted
        self._comm.Allreduce(self._in_place, totals)
        if totals[FAILED] > 0:
            self._raise_error_of(self._comm.allgather(None))

    def sum(self, values: NDArray[np.float32]) -> None:
        """Add up the values of all processes, in place."""
        self._comm.Allreduce(self._in_place, values)

    # Blocks of calls, and errors in them

    @contextmanager
    def together(self) -> Iterator[None]:
        """Open a block of calls. If one process raises or gets Ctrl-C in it, all raise."""
        if self._is_in_block:
            yield
            return
        with HeldSignals() as self._signals:
            self._is_in_block = True
            share_cores(self._n_sharing)
            try:
                yield
                self._check_interrupts()
            except BaseException as error:
                self._has_failed = True
                if not isinstance(error, RankError):  # which all know already
                    self._tell(error)
                raise
            finally:
                share_cores(1)
                self._is_in_block = False

    def _joined_totals(self, rows: float = 0.0, bound: float = 0.0) -> Floats:
        totals = np.array([0.0, 0.0, rows, bound])
        self.join(totals)
        return totals

    def _check_interrupts(self) -> None:
        if self._joined_totals()[ENDING] > 0:
            raise KeyboardInterrupt

    def _tell(self, error: BaseException) -> None:
        """Tell the others that this process has failed."""
        totals = np.array([1.0, 0.0, 0.0, 0.0])
        self._comm.Allreduce(self._in_place, totals)
        self._comm.allgather(f"{type(error).__name__}: {error}")

    def _raise_error_of(self, messages: list[str | None]) -> NoReturn:
        rank = next(rank for rank, message in enumerate(messages) if message is not None)
        raise RankError(rank, self.n_ranks, str(messages[rank]))

    def gather(self, value: T) -> list[T]:
        """Return the values of all processes, in the order of their ranks."""
        pickled = pickle.dumps(value)  # first, since it may raise
        self._check_interrupts()
        return [pickle.loads(other) for other in self._comm.allgather(pickled)]

    # What a run begins with

    def joined(self, model: Any, data: Data, **facts: Any) -> tuple[Data, int]:
        """Return the data with the range of all processes' data, and the least number of rows."""
        check_momentum(self._momentum, self.sync_every)
        facts |= {"sync_every": self.sync_every, "outer_momentum": self._momentum}
        facts["AEVB_BACKEND"] = backend()
        check_same(self.gather(facts_of(model, data, facts)))
        if self.rank == 0:
            advise_on_momentum(self._momentum, self.sync_every)
        places = self.gather((socket.gethostname(), usable_cpus()))
        self._n_sharing = places.count(places[self.rank])
        share_cores(self._n_sharing)
        ranges = self.gather((data.low, data.high, data.holes, data.n_rows))
        low, high, holes, n_rows = zip(*ranges, strict=True)
        return data._replace(low=min(low), high=max(high), holes=any(holes)), min(n_rows)

    def prepare(self, engine: Engine, n_train: int) -> int:
        """Return the rows of an epoch, of all processes. Check that all start with one model."""
        settings = engine.settings
        if settings["algorithm"] == "monte-carlo-em":
            raise ValueError("comm: got a model of class MCEM, want AEVB or WakeSleep")
        has_own_steps = settings["algorithm"] == "aevb" and settings["weight_posterior"] == "none"
        if self.sync_every == 1 and not has_own_steps:
            raise ValueError(
                "sync_every: got 1, which is for AEVB without a weight_posterior; want more for "
                "other models"
            )
        self._check_same_weights(engine)
        self._n_each = min(self.gather(n_train))
        return self.n_ranks * self._n_each

    def agree(self, model: Any, engine: Engine) -> None:
        """Take the learning rate of rank 0. Check that all have the same parameters and weights.

        Raises
        ------
        ValueError
            If they have not.
        """
        check_same(self.gather(parameters_of(model)))
        engine.learning_rate = self.gather(engine.learning_rate)[0]
        if any(self.gather(self._has_failed)):
            self._check_same_weights(engine)
            self._has_failed = False

    def _check_same_weights(self, engine: Engine) -> None:
        digest = sha256(repr((engine.n_steps, engine.n_samples_seen, engine.seed)).encode())
        engine.for_each_array(lambda values: digest.update(values.data))
        if len(set(self.gather(digest.hexdigest()))) > 1:
            raise ValueError(
                "model: its weights differ from rank to rank, want one fitted model, or "
                "Trainer.resume after an error in the midst of a step"
            )

    # Training

    def steps_together(self, n_steps: int, max_steps: int) -> int:
        """Return the number of minibatches to the next exchange of weights, at most `max_steps`."""
        if self.sync_every == 1:
            return max_steps
        return min(max_steps, self.sync_every - n_steps % self.sync_every)

    def train(self, engine: Engine, rows: Rows, subset: Subset, **options: Any) -> Trained:
        """Train on minibatches of an epoch. Return the counts of all processes.

        After Ctrl-C in a process, all raise KeyboardInterrupt after the same minibatch, with the
        same weights.
        """
        subset = self._window(subset, engine.seed, options["epoch"])
        options |= {"rank": self.rank}
        ending = 0.0

        def goes_on() -> bool:
            nonlocal ending
            ending = self._joined_totals()[ENDING]
            return not ending

        if self.sync_every == 1:
            options |= {"exchange": self, "n_together": self.n_ranks, "goes_on": goes_on}
            # no trials: a step lasts as long as that of the slowest rank
            options["n_threads"] = resolve_threads(options["n_threads"])
            done = train_steps(engine, rows, subset, **options)
        else:
            n_seen, bound_sum = engine.n_samples_seen, engine.bound_sum
            start = engine.arrays("weights") if self._momentum > 0 else {}
            done = train_steps(engine, rows, subset, exchange=None, **options)
            bound = math.nan if done.diverged else done.bound_sum
            totals = self._joined_totals(done.n_rows, bound)
            engine.for_each_array(self._average)
            if start and math.isfinite(totals[BOUND]):
                mean = engine.arrays("weights")
                weights, self.velocity = moved(start, mean, self.velocity, self._momentum)
                engine.set_arrays(weights, "weights")
            ending, n_rows, bound = totals[ENDING], int(totals[ROWS]), float(totals[BOUND])
            engine.set_counts(n_samples_seen=n_seen + n_rows, bound_sum=bound_sum + bound)
            diverged = not math.isfinite(bound)
            done = done._replace(n_rows=n_rows, bound_sum=bound, diverged=diverged)
        if ending > 0 and not done.diverged:
            raise KeyboardInterrupt
        return done

    def _average(self, values: NDArray[np.float32]) -> None:
        self.sum(values)
        values /= np.float32(self.n_ranks)

    def _window(self, subset: Subset, seed: int, epoch: int) -> Subset:
        """Return the rows of an epoch: as many as each process has, at a random place."""
        n_places = subset.size - self._n_each + 1
        key, counter = np.array([seed, epoch], np.uint64), [self.rank, 0, 0, 0]
        word = int(np.random.Philox(key=key, counter=counter).random_raw())
        return Subset(subset.begin + word % n_places, self._n_each, subset.split)
