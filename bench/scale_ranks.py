"""What the ranks of scale.py do: mpiexec -n N python -m mpi4py scale_ranks.py TASK

TASK is JSON, see `measure` and `quality`. Rank 0 prints lines of JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from functools import partial
from hashlib import sha256
from typing import Any

import numpy as np

from aevb import AEVB, Evaluator, Trainer, datasets

N_REPEATS = 10  # of an all-reduce in a turn
N_DRAWS = 10
POLL_SECONDS = 0.005


def rows_like_mnist(n: int, first: int = 0) -> np.ndarray:
    """Return n rows of MNIST from `first` on, again from the start after the last one.

    If AEVB_DATA names no folder, they are scikit-learn's digits, three times as large.
    """
    if "AEVB_DATA" in os.environ:
        X = datasets.load_mnist().train
    else:
        small = (255 * datasets.load_digits()).astype(np.uint8).reshape(-1, 8, 8)
        X = np.pad(np.kron(small, np.ones((1, 3, 3), np.uint8)), [(0, 0), (2, 2), (2, 2)])
    return X.reshape(len(X), -1)[np.arange(first, first + n) % len(X)]


def model_of(published: bool, **changes: Any) -> AEVB:
    """Return a model of 784-500-20 with the defaults, or with the paper's settings."""
    make = AEVB.published if published else AEVB
    return make(20, likelihood="bernoulli", early_stopping=False, n_threads=1, **changes)


def arrays_of(model: AEVB) -> list[bytes]:
    """Return the weights and the optimizer's arrays, which an exchange averages."""
    arrays: list[bytes] = []
    model._engine.for_each_array(lambda values: arrays.append(values.tobytes()))
    return arrays


def wait_for_all(comm: Any) -> None:
    """Wait without using a core: MPI's own barrier spins."""
    request = comm.Ibarrier()
    while not request.Test():
        time.sleep(POLL_SECONDS)


def seconds_of(comm: Any, work: Any, *args: Any) -> float:
    """Return the time in which all ranks have done their work."""
    comm.Barrier()
    start = time.perf_counter()
    work(*args)
    comm.Barrier()
    return time.perf_counter() - start


def trainers_of(comm: Any, parts: dict[int, Any], task: dict[str, Any]) -> dict[Any, Any]:
    """Return {(ranks, sync_every): trainer}. It is None where this rank takes no part."""
    n_rows = task["steps"] * task["batch_size"]  # an epoch is a turn
    X = rows_like_mnist(n_rows, comm.rank * n_rows)
    trainers: dict[tuple[int, int], Trainer[AEVB] | None] = {}
    for n, part in parts.items():
        for sync_every in task["sync_every"] if n > 1 else [1]:
            model = model_of(task["published"], batch_size=task["batch_size"], random_state=0)
            is_in = comm.rank < n
            trainer = Trainer(model, X, comm=part, sync_every=sync_every) if is_in else None
            trainers[n, sync_every] = trainer
    return trainers


def measure(comm: Any, task: dict[str, Any]) -> None:
    """Time steps and all-reduces of the first ranks, in turns. The other ranks sleep.

    The task has `ranks`, `sync_every`, `steps` of a turn, `rounds`, `batch_size` and `published`.
    """
    from mpi4py import MPI

    def add_up(part: Any, values: np.ndarray) -> None:
        for _ in range(N_REPEATS):
            part.Allreduce(MPI.IN_PLACE, values)

    parts = {n: comm.Split(int(comm.rank < n), comm.rank) for n in task["ranks"]}
    trainers = trainers_of(comm, parts, task)
    sizes = comm.bcast([len(a) for a in arrays_of(trainers[1, 1].model)] if comm.rank == 0 else 0)
    buffers = [np.zeros(size // 4, np.float32) for size in (sizes[0], sum(sizes))]
    works = [(n, f"steps {n} {h}", t and t.step, task["steps"]) for (n, h), t in trainers.items()]
    for n, part in parts.items():
        add = partial(add_up, part)
        works += [(n, f"all-reduce {n} {values.nbytes}", add, values) for values in buffers]
    seconds: dict[str, list[float]] = {name: [] for _, name, _, _ in works}
    for turn in range(task["rounds"] + 1):
        for n, name, work, argument in works:
            wait_for_all(comm)
            if comm.rank < n:
                took = seconds_of(parts[n], work, argument)
                seconds[name] += [took] if turn > 0 else []  # the first round warms up
    for (n, _), trainer in trainers.items():
        if trainer is not None:
            digests = tuple(sha256(values).digest() for values in arrays_of(trainer.model))
            assert len(set(parts[n].allgather(digests))) == 1
            assert np.isfinite(trainer.history["train_bound"]).all()
    if comm.rank == 0:
        print(json.dumps({"seconds": seconds, "sizes": sizes, "n_repeats": N_REPEATS}), flush=True)


def quality(comm: Any, task: dict[str, Any]) -> None:
    """Train on a share of MNIST, once for each of `sync_every`. Print each test bound.

    The task also has `rows` of all ranks, `batch_size`, `published`, `learning_rate`, `seed`, and
    the `outer_momentum` of weights that are averaged.
    """
    mnist = datasets.load_mnist()
    X = mnist.train[comm.rank :: comm.size]
    for sync_every in task["sync_every"]:
        changes = {name: task[name] for name in ("batch_size", "learning_rate") if task[name]}
        model = model_of(task["published"], **changes, random_state=task["seed"])
        momentum = task["outer_momentum"] if sync_every > 1 else 0.0
        trainer = Trainer(model, X, comm=comm, sync_every=sync_every, outer_momentum=momentum)
        trainer.run(task["rows"])
        if comm.rank == 0:
            bound = Evaluator(model, random_state=0).bound(mnist.test, n_draws=N_DRAWS).mean
            found = {"bound": bound, "rows": model.n_samples_seen_, "steps": model.n_steps_}
            print(json.dumps({"sync_every": sync_every, **found}), flush=True)


if __name__ == "__main__":
    from mpi4py import MPI

    given = json.loads(sys.argv[1])
    {"measure": measure, "quality": quality}[given.pop("work")](MPI.COMM_WORLD, given)
