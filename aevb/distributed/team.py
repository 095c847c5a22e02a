"""The workers of a Dask cluster that train one model: an exchange that the client's trainer uses.

A `Trainer` runs on the client. It has a few rows of all partitions, for the checks, the validation
and the end of an epoch. Each call of `Team.train` is one round on the workers.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from aevb.core.engine import Engine, Rows, Subset, Trained
from aevb.data.moments import Moments, joined_moments
from aevb.data.validation import Data, check_data
from aevb.distributed.assignment import Rounds, assign, shares
from aevb.distributed.interrupts import HeldSignals
from aevb.distributed.partitions import (
    Facts,
    Judge,
    Recipe,
    join,
    joined_schema,
    joined_tables,
    measure,
    suggested_families,
    take,
)
from aevb.distributed.rounds import Order, Result, mean_of, train_share
from aevb.training.exchange import Exchange
from aevb.training.length import n_held_out, stops_early

if TYPE_CHECKING:
    from typing_extensions import Self

T = TypeVar("T")
_N_SOME_ROWS = 1000  # that the client reads beside the held-out rows
_SECONDS = 1.0  # between two looks at the workers, while the client waits
# For as many rows, n workers take an n-th of the steps. With twice the rate, two learn as well as
# one process: bench/dask_rounds.py compares them. Higher rates for more workers may be too high.
_MOST_TIMES_THE_RATE = 2
_GONE = ("error", "cancelled", "lost")  # states of a future without a result
_MOST_LOSSES = 3  # of workers in one round
_SECONDS_FOR_WORKERS = 60  # until the first one comes

_log = logging.getLogger(__name__)


class WorkerLostError(Exception):
    """A worker of the team is gone."""


class Team(Exchange):
    """The workers that hold the partitions of a table.

    Parameters
    ----------
    client : distributed.Client
        The client.
    partitions : list of dask.delayed.Delayed
        The partitions. If a worker dies, those that it held are computed again.
    model : AEVB
        The model to train, new or fitted.
    sync_every : int
        The most minibatches of a worker in a round.
    seed : int
        Chooses the rows to hold out.

    Attributes
    ----------
    n_all : int
        Rows of all partitions.
    """

    def __init__(
        self, client: Any, partitions: list[Any], model: Any, sync_every: int, seed: int
    ) -> None:
        self._client, self._model, self.sync_every = client, model, sync_every
        self._seed, self._is_new = seed, model._state is None
        self._name, self._numbers = uuid4().hex, count()
        self._groups: dict[str, Any] = {}  # a task of each group
        self._wait_for_workers()
        self._computed = dict(enumerate(client.compute(partitions)))
        homes = self._places()
        facts = self._measured(model)
        self._own = [number for number, fact in enumerate(facts) if fact.n_rows > 0]
        if not self._own:
            raise ValueError("X: got no rows, want at least 1")
        self._partitions = [partitions[number] for number in self._own]
        self._computed = {i: self._computed[number] for i, number in enumerate(self._own)}
        self._homes = {i: homes[number] for i, number in enumerate(self._own)}
        self._facts = [facts[number] for number in self._own]
        self._schema = joined_schema(self._facts) if self._is_new else None
        self.n_all = sum(fact.n_rows for fact in self._facts)
        self._n_val = 0
        if stops_early(model.early_stopping, self.n_all, given=False):
            self._n_val = n_held_out(model.validation_fraction, self.n_all)
        sizes = [fact.n_rows for fact in self._facts]
        self._held_out = shares(self._n_val, sizes)
        self._sizes = [size - n for size, n in zip(sizes, self._held_out, strict=True)]
        self._members: list[tuple[str, tuple[int, ...]]] = []
        self._shares: dict[tuple[str, tuple[int, ...]], Any] = {}
        self._recipe: Recipe | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._computed, self._shares, self._groups = {}, {}, {}  # the workers free their memory

    # What a trainer asks

    def some_rows(self) -> tuple[Any, Any]:
        """Return some training rows of all partitions, and the held-out rows or None."""
        n_left = sum(self._sizes)
        some = shares(min(_N_SOME_ROWS, n_left), self._sizes)
        counts = zip(self._own, self._held_out, some, strict=True)
        taken = self._gathered(
            [
                self._submit(take, self._computed[i], number, self._seed, n_val, n_some)
                for i, (number, n_val, n_some) in enumerate(counts)
            ]
        )
        held_out, rows = zip(*taken, strict=True)
        self._some = joined_tables(rows)
        return self._some, joined_tables(held_out) if self._n_val > 0 else None

    def gather(self, value: T) -> list[T]:
        """Return the moments, or the likelihoods, of all partitions instead of those of a few rows.

        The client alone knows the other values.
        """
        found: list[Any] = [value]
        if isinstance(value, Moments):
            found = [fact.moments for fact in self._facts]
        elif isinstance(value, list):  # of likelihoods
            found = self._suggested_families()
        return found

    def _suggested_families(self) -> list[list[str]]:
        model, data = self._model, self._data
        moments = joined_moments([fact.moments for fact in self._facts if fact.moments is not None])
        arguments = (
            model.likelihood,
            model.scale,
            model.binarize,
            Facts(self.n_all, None, data.low, data.high, data.holes, None, moments),
        )
        judge, parts = Judge(model, data), self._computed.values()
        return self._gathered(
            [self._submit(suggested_families, judge, part, *arguments) for part in parts]
        )

    def joined(self, model: Any, data: Data, **facts: Any) -> tuple[Data, int]:
        """Return the data with the range and the levels of all partitions, and all their rows."""
        if self._schema is not None:
            data.judge.schema = self._schema
            data = check_data(data.judge, self._some)
        data = data._replace(
            low=min(fact.low for fact in self._facts),
            high=max(fact.high for fact in self._facts),
            holes=any(fact.holes for fact in self._facts),
        )
        self._data = data
        return data, self.n_all

    def prepare(self, engine: Engine, n_train: int) -> int:
        """Make each worker join its partitions. Return the training rows of all."""
        judge = Judge(self._model, self._data if self._is_new else None)
        self._recipe = Recipe(judge, engine.units, engine.settings, self._seed)
        self._regroup()
        self._surviving(self._wait_for_shares)
        if self._is_new and self._model._takes_adam_rate():
            engine.learning_rate *= min(len(self._members), _MOST_TIMES_THE_RATE)
        return sum(self._sizes)

    def steps_together(self, n_steps: int, max_steps: int) -> int:
        """Return how many of `max_steps` minibatches, of all workers, the next round has."""
        return min(max_steps, self._rounds.longest(self.sync_every))

    def train(self, engine: Engine, rows: Rows, subset: Subset, **options: Any) -> Trained:
        """Train in one round. If a worker dies in it, the others take over, and repeat it."""
        began = time.perf_counter()
        result = self._surviving(lambda: self._round(engine, **options))
        with HeldSignals():  # Ctrl-C must not leave the weights without their counts
            if not result.diverged:
                engine.restore(result.engine)
            engine.set_counts(
                n_steps=engine.n_steps + result.most_steps,
                n_samples_seen=engine.n_samples_seen + result.n_rows,
                bound_sum=engine.bound_sum + result.bound_sum,
                seconds=engine.seconds + time.perf_counter() - began,
            )
        n_threads = options["n_threads"] or max(self._client.nthreads().values(), default=1)
        return Trained(
            options["max_steps"], result.n_rows, result.bound_sum, result.diverged, n_threads
        )

    # Rounds

    @property
    def _rounds(self) -> Rounds:
        assert self._recipe is not None
        sizes = tuple(sum(self._sizes[i] for i in parts) for _, parts in self._members)
        return Rounds(sizes, int(self._recipe.settings["batch_size"]))

    def _round(
        self,
        engine: Engine,
        *,
        chains: None,
        position: int,
        max_steps: int,
        rate_factors: list[float] | None,
        kl_factors: list[float] | None,
        **options: Any,
    ) -> Result:
        """Return the result of a round of about `max_steps` minibatches of all workers."""
        rounds = self._rounds
        first, last = rounds.part(position, max_steps)
        n_threads = self._client.nthreads()
        # A future of the last mean would do, but the scheduler would then keep all rounds' tasks.
        key = self._key("start")
        everywhere = {"workers": [worker for worker, _ in self._members], "hash": False}
        start = self._client.scatter({key: engine}, **everywhere)[key]
        results = []
        for rank, member in enumerate(self._members):
            worker, parts = member
            n_own = last[rank] - first[rank]
            if n_own == 0:
                continue
            if worker not in n_threads:
                raise WorkerLostError
            order = Order(
                rank=self._own[parts[0]],  # which stays if other workers come and go
                position=first[rank] * rounds.batch_size,
                max_steps=n_own,
                rate_factors=_spread(rate_factors, n_own),
                kl_factors=_spread(kl_factors, n_own),
                **options,
            )
            arguments = (self._shares[member], start, order, n_threads[worker])
            results.append(self._submit(train_share, *arguments, workers=[worker]))
        while len(results) > 1:
            pairs = zip(results[::2], results[1::2], strict=False)
            odd = results[len(results) // 2 * 2 :]
            results = [self._submit(mean_of, *pair) for pair in pairs] + odd
        round_: Result = self._result(results[0])
        return round_

    # Workers that live and die

    def _surviving(self, work: Callable[[], T]) -> T:
        """Return the result of `work`. If a worker dies, regroup and repeat it."""
        for _ in range(_MOST_LOSSES):
            try:
                result = work()
                self._computed = {}  # a worker keeps its joined rows alone
                return result
            except WorkerLostError:
                before = {worker for worker, _ in self._members}
                self._regroup()
                lost = sorted(before - {worker for worker, _ in self._members})
                _log.warning(
                    "lost %s; the workers that live have all partitions, and repeat the round",
                    f"the worker {', '.join(lost)}" if lost else "data of a worker",
                )
        raise RuntimeError(
            f"X: lost workers {_MOST_LOSSES} times in one round of training; they may lack memory "
            f"for their partitions, want more workers or smaller data"
        )

    def _regroup(self) -> None:
        """Give all partitions to workers that live."""
        workers = self._wait_for_workers()
        owners = {i: [worker] for worker, parts in self._members for i in parts} or self._homes
        everyone = range(len(self._sizes))
        self._shares = {one: of for one, of in self._shares.items() if of.status not in _GONE}
        members = assign(self._sizes, [owners[i] for i in everyone], workers)
        members = [(w, parts) for w, parts in members if any(self._sizes[i] for i in parts)]
        new = [member for member in members if member not in self._shares]
        self._compute([i for _, parts in new for i in parts])
        joined = {member: self._joined(*member) for member in new}
        self._members = members
        self._shares = {one: joined.get(one) or self._shares[one] for one in members}

    def _places(self) -> dict[int, list[str]]:
        """Return the workers of each partition, before other tasks make copies."""
        from distributed import wait

        wait(list(self._computed.values()))
        places = self._client.who_has(list(self._computed.values()))
        return {i: sorted(places[future.key]) for i, future in self._computed.items()}

    def _wait_for_workers(self) -> list[str]:
        """Return all workers, of which there is at least one."""
        if not self._client.nthreads():
            _log.warning("the cluster has no worker; waiting for one up to a minute")
            self._client.wait_for_workers(1, timeout=_SECONDS_FOR_WORKERS)
        return sorted(self._client.nthreads())

    def _compute(self, parts: Sequence[int]) -> None:
        missing = [i for i in parts if i not in self._computed]
        futures = self._client.compute([self._partitions[i] for i in missing])
        self._computed |= dict(zip(missing, futures, strict=True))

    def _joined(self, worker: str, parts: tuple[int, ...]) -> Any:
        numbers, held_out = ([values[i] for i in parts] for values in (self._own, self._held_out))
        tables = [self._computed[i] for i in parts]
        return self._submit(join, self._recipe, numbers, held_out, *tables, workers=[worker])

    def _wait_for_shares(self) -> None:
        for future in self._shares.values():
            self._wait(future)

    # Futures

    def _submit(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        key = self._key(function.__name__)
        return self._client.submit(function, *arguments, key=key, pure=False, **options)

    def _key(self, name: str) -> tuple[str, int]:
        """Return the key of a new task. Tasks with one name are a group of the scheduler.

        It keeps a record of each group for ever. If all tasks of a group have ended, the next one
        begins a new record. So one task stays in each group.
        """
        group = f"{name}-{self._name}"
        if group not in self._groups:
            self._groups[group] = self._client.submit(int, key=(group, -1), pure=False)
        return group, next(self._numbers)

    def _measured(self, model: Any) -> list[Facts]:
        judge = model._unfitted() if self._is_new else Judge(model)
        parts = self._computed.items()
        return self._gathered(
            [self._submit(measure, judge, part, i, is_new=self._is_new) for i, part in parts]
        )

    def _gathered(self, futures: list[Any]) -> list[Any]:
        """Return results of tasks that any worker may repeat."""
        results: list[Any] = self._client.gather(futures)
        return results

    def _wait(self, future: Any) -> None:
        """Wait for a task. Raise its error, or WorkerLostError if a worker of the team is gone."""
        from distributed import wait

        with _losses_of_data():
            while not future.done():
                try:
                    wait(future, timeout=_SECONDS)
                except asyncio.TimeoutError:
                    self._check_workers()
            if future.status != "finished":
                self._check_workers()
                future.result()  # raises

    def _result(self, future: Any) -> Any:
        """Return the result of a task, as `_wait` does."""
        seconds = _SECONDS
        while True:
            self._wait(future)
            try:
                with _losses_of_data():
                    return future.result(timeout=seconds)
            except asyncio.TimeoutError:
                self._check_workers()
                seconds *= 2

    def _check_workers(self) -> None:
        alive = self._client.nthreads()
        if not all(worker in alive for worker, _ in self._members):
            raise WorkerLostError


@contextmanager
def _losses_of_data() -> Iterator[None]:
    """Raise a WorkerLostError where Dask says that a task or its data are gone."""
    from distributed import KilledWorker

    try:
        yield
    except (CancelledError, KilledWorker) as error:
        raise WorkerLostError from error


def _spread(factors: list[float] | None, n: int) -> list[float] | None:
    """Return n of the factors, which are evenly spread."""
    return None if factors is None else [factors[i * len(factors) // n] for i in range(n)]
