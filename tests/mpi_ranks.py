"""What two ranks do in the tests of MPI: mpiexec -n 2 python mpi_ranks.py FOLDER SCENARIO...

Each rank writes what it has seen to FOLDER/RANK.json, by the names of the scenarios. test_mpi.py
reads the files.
"""

import json
import os
import signal
import sys
import threading
import time
from hashlib import sha256
from pathlib import Path

import numpy as np
from mpi4py import MPI

from aevb import AEVB, MCEM, Trainer, WakeSleep, datasets
from aevb.core import threads
from aevb.core.engine import ARENAS, Subset, Trained

COMM = MPI.COMM_WORLD
RANK, FOLDER = COMM.rank, Path(sys.argv[1])
SMALL = {"n_components": 2, "hidden_layer_sizes": (8,), "batch_size": 25, "n_threads": 1}
N_ROWS = (201, 190, 195)


def rows(rank=RANK, of_digits=True):
    """Rows of a rank: other numbers of them, with other means."""
    if of_digits:
        return datasets.load_digits()[300 * rank :][: N_ROWS[rank]]
    x = np.random.default_rng(rank).normal(size=(N_ROWS[rank], 6))
    return 1e3 + (rank + 1) * x + 3 * x[:, :1]


def model(**changes):
    seed = 0 if RANK == 0 else None  # that of rank 0 counts
    return AEVB(**{**SMALL, "random_state": seed, "n_epochs": 4, **changes})


def bits(trainer):
    """Return a hash of the weights and of the optimizer's arrays, and the counts."""
    engine, digest = trainer.model._engine, sha256()
    for arena in ARENAS:
        for name, array in sorted(engine.arrays(arena).items()):
            digest.update(name.encode() + array.tobytes())
    return [digest.hexdigest(), engine.n_steps, engine.n_samples_seen]


def seen(trainer):
    """Return all that must be the same on every rank."""
    history = {k: [repr(v) for v in values] for k, values in trainer.history.items()}
    return {"bits": bits(trainer), "history": history, "rate": trainer.learning_rate}


def error_of(work):
    try:
        work()
    except BaseException as error:
        return [type(error).__name__, str(error)]
    return None


def trainer_of(sync_every=3, of_digits=True, callbacks=(), X=None, options=(), **changes):
    X = rows(of_digits=of_digits) if X is None else X
    options = {"comm": COMM, "sync_every": sync_every, "callbacks": callbacks, **dict(options)}
    return Trainer(model(**changes), X, **options)


def every_step():
    return seen(trainer_of(1).run())


def every_third_step():
    return seen(trainer_of(3).run())


def every_third_step_in_parts():
    trainer = trainer_of(3)
    for n in (400, 700, 1600):
        trainer.run(n)
    trainer.step(7)
    return seen(trainer)


def units():
    """Reals in units of their own, and what rank 0 has chosen for them."""
    trainer = trainer_of(1, of_digits=False, early_stopping=False)
    columns = [[c.location, c.scale] for c in trainer.model.columns_]
    bias = trainer.model.weights_["decoder.mean.bias"].tolist()
    return {"columns": columns, "bias": bias, **seen(trainer.run())}


def likelihoods():
    """Column 0 has other values than 0 and 1 on rank 1 alone."""
    X = np.random.default_rng(RANK).integers(0, 2, (60, 3)).astype(float)
    X[7, 0] = 0.5 if RANK == 1 else 1.0
    return [c.family for c in trainer_of(X=X).model.columns_]


def ranges():
    """Rank 1 alone has grey levels, and missing values."""
    grey = np.random.default_rng(RANK).integers(0, 256 if RANK else 2, (60, 40)).astype(np.uint8)
    trainer = trainer_of(X=grey, likelihood="bernoulli", early_stopping=False)
    holed = rows(of_digits=False)
    holed[5, 1] = np.nan if RANK == 1 else 0
    cores = []  # that this process shares with so many, in a call and after it
    note = [lambda _: cores.append(threads._n_sharing)]
    masked = trainer_of(X=holed, early_stopping=False, callbacks=note).run(400)
    cores.append(threads._n_sharing)
    codes = np.random.default_rng(RANK).choice(
        3, (60, 2), p=[0.8 - 0.5 * RANK, 0.1, 0.1 + 0.5 * RANK]
    )
    trainer_of(X=codes, likelihood="categorical")  # an error if the ranks' weights differ
    scales = [column.scale for column in trainer.model.columns_]
    return {"scales": scales, "cores": cores, **seen(masked)}


def rounds():
    """The weights are averaged after each third step of the run, and at the end of each call."""
    trainers = trainer_of(3), trainer_of(3)
    for trainer, parts in zip(trainers, [(2, 4), (2, 1, 3)], strict=True):
        for n in parts:
            trainer.step(n)
    return [bits(trainer) for trainer in trainers]


def trials():
    """Each begins without the momentum of another."""
    trainer = trainer_of(3, options={"outer_momentum": 0.5}, optimizer="adagrad")
    assert trainer._exchange.velocity is None
    return {"trials": trainer.model.learning_rate_trials_, **seen(trainer)}


def momentum():
    """The weights of two rounds with momentum, and those that their means have without it."""
    moving, plain = trainer_of(3, options={"outer_momentum": 0.5}), trainer_of(3)
    rounds = []
    for _ in range(2):
        engines = moving.model._engine, plain.model._engine
        for arena in ARENAS:
            engines[1].set_arrays(engines[0].arrays(arena), arena)
        start = engines[0].arrays("weights")
        moving.step(3)
        plain.step(3)
        found = start, engines[1].arrays("weights"), engines[0].arrays("weights")
        rounds.append([arrays["encoder.mean.bias"].tolist() for arrays in found])
    return {"rounds": rounds, **seen(moving.run(1500))}


def wake_sleep():
    wake = WakeSleep(**SMALL, random_state=0, n_epochs=2)
    return seen(Trainer(wake, rows(), comm=COMM, sync_every=4).run())


def validation():
    """Given rows: 30 of one rank, 10 of the other."""
    X_val = rows()[: 30 if RANK == 0 else 10]
    trainer = trainer_of(options={"X_val": X_val})
    return seen(trainer.run(400)) | {"n_train": trainer.n_train}


def wrong_arguments():
    spoilt = rows().copy()
    spoilt[3, 4] = np.inf if RANK == 1 else 0
    own = AEVB(**SMALL, random_state=RANK).fit(rows())
    return [
        error_of(work)
        for work in (
            lambda: trainer_of(X=spoilt),
            lambda: trainer_of(batch_size=25 + RANK),
            lambda: trainer_of(X=rows()[:, RANK:]),
            lambda: trainer_of(sync_every=0),
            lambda: trainer_of(sync_every=2 + RANK),
            lambda: trainer_of(options={"outer_momentum": 1.0}),
            lambda: trainer_of(1, options={"outer_momentum": 0.5}),
            lambda: trainer_of(1, weight_posterior="gaussian"),
            lambda: Trainer(WakeSleep(**SMALL), rows(), comm=COMM),
            lambda: Trainer(MCEM(**SMALL), rows(), comm=COMM),
            lambda: Trainer(own, rows(), comm=COMM),
            lambda: trainer_of(options={"X_val": rows() if RANK == 1 else None}),
            lambda: trainer_of().run(-1 if RANK == 1 else 100),
            lambda: trainer_of(X=lambda: iter([rows()])),
        )
    ]


def fail_on_rank_1(trainer):
    if RANK == 1 and len(trainer.history["seconds"]) == 2:
        raise RuntimeError("of the callback")


def failing_callback():
    trainer = trainer_of(callbacks=[fail_on_rank_1])
    error = error_of(trainer.run)
    trainer.callbacks = ()
    return {"error": error, **seen(trainer.run(2000))}  # it can go on


def callbacks():
    """Rank 1 alone stops the run, rank 0 alone sets the rate."""

    def callback(trainer):
        n = len(trainer.history["seconds"])
        if RANK == 0 and n == 1:
            trainer.learning_rate = 0.0005
        return RANK == 1 and n == 3

    return seen(trainer_of(callbacks=[callback]).run(10**6))


def divergence():
    settings = {"optimizer": "sgd", "likelihood": "gaussian", "learning_rate": 0.001}
    trainer = trainer_of(options={"outer_momentum": 0.5}, **settings)
    trainer.run(500)
    before, velocity = bits(trainer), trainer._exchange.velocity
    trainer.learning_rate = 1e6
    error = error_of(lambda: trainer.step(40))
    same = bits(trainer) == before and trainer._exchange.velocity is velocity
    return {"error": error, "same": same}


def rates():
    """Rank 0's learning rate counts, also if it was set between two calls."""
    trainer = trainer_of(1)
    trainer.learning_rate = 0.001 * (RANK + 1)
    return seen(trainer.step(3))


def other_parameters():
    """What a callback of one rank, or code between two calls, sets on one rank only."""

    def set_decay(trainer):
        if RANK == 0:
            trainer.model.weight_decay = 50

    trainer, other = trainer_of(1, callbacks=[set_decay]), trainer_of(3)
    error = error_of(lambda: trainer.run(1000))
    other.model.n_epochs = 5 + RANK
    return [error, error_of(other.run), error_of(lambda: other.step(2))]


def midround():
    """One rank fails where the others have trained on alone."""
    trainer = trainer_of(5)
    trainer.step(5)
    engine, train = trainer.model._engine, trainer.model._engine.train

    def fail(rows, subset, **options):
        train(rows, subset, **{**options, "max_steps": 1})
        raise MemoryError("of the engine")

    if RANK == 1:
        engine.train = fail
    errors = [error_of(lambda: trainer.step(5))]
    if RANK == 1:
        del engine.train
    return [*errors, error_of(lambda: trainer.step(5))]


def few_and_many():
    """The bound of held-out rows does not depend on who has them."""
    X_val = datasets.load_digits()[1000:1100]
    scores = []
    for n in (50, 10):
        own = X_val[:n] if RANK == 0 else X_val[n:]
        trainer = trainer_of(options={"X_val": own}, bound_estimator="importance-weighted")
        validation = trainer._feed.validation
        engine = trainer.model._engine
        scores.append(validation.score(trainer.model, engine, trainer._exchange))
        trainer.step(1)
    return scores


def unwritable():
    """The file is that of rank 0."""
    folder = FOLDER / "gone"
    folder.mkdir(exist_ok=True)
    trainer = trainer_of(options={"checkpoint": folder / "x.safetensors"})
    if RANK == 0:
        folder.rmdir()
    return error_of(trainer.save_checkpoint)


def interrupt_on_rank_1(trainer):
    if RANK == 1 and len(trainer.history["seconds"]) == 3:
        signal.raise_signal(signal.SIGINT)


def resumed(sync_every, **momentum):
    """Ctrl-C on one rank, and a resumed run beside one that was not interrupted."""
    path = FOLDER / f"run{sync_every}.safetensors"
    whole = seen(trainer_of(sync_every, options=momentum).run(2500))
    options = {"checkpoint": path, "checkpoint_every": 60, **momentum}
    trainer = trainer_of(sync_every, options=options, callbacks=[interrupt_on_rank_1])
    error = error_of(lambda: trainer.run(2500))
    stopped = bits(trainer)
    again = Trainer.resume(path, rows(), comm=COMM, sync_every=sync_every, **momentum)
    results = {"error": error, "stopped": stopped, "read": bits(again)}
    results["same data"] = error_of(
        lambda: Trainer.resume(path, rows()[::-1], comm=COMM, sync_every=sync_every)
    )[0]
    seconds = {"seconds": None}
    return {
        **results,
        "whole": whole | {"history": whole["history"] | seconds},
        "resumed": (again := seen(again.run(2500))) | {"history": again["history"] | seconds},
    }


def resumed_every_step():
    return resumed(1)


def resumed_every_third_step():
    return resumed(3, outer_momentum=0.5)


def interrupt():
    """SIGINT in the midst of a long run, on one rank."""
    trainers = []
    for sync_every in (1, 7):
        trainer = trainer_of(sync_every)
        if RANK == 1:
            threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        begin = time.monotonic()
        error = error_of(lambda trainer=trainer: trainer.run(np.inf))
        is_slow = time.monotonic() - begin > 10
        trainers.append({"error": error, "slow": is_slow, "bits": bits(trainer)})
    return trainers


class Recorder:
    """In place of an engine: what an exchange calls between two exchanges of weights."""

    seed, n_samples_seen, bound_sum = 5, 100, -7.0

    def __init__(self):
        self.calls = []

    def train(self, rows, subset, **options):
        self.calls.append([list(subset), options])
        return Trained(1, 10, -2.0 - RANK, diverged=False, n_threads=1)

    def for_each_array(self, f):
        values = np.full(3, RANK, np.float32)
        f(values)
        self.averaged = values.tolist()

    def set_counts(self, **counts):
        self.counts = list(counts.values())


def calls():
    """Two steps, and where epochs begin."""
    exchange = trainer_of(3)._exchange
    subset = Subset(20 + (RANK == 0), 180 - 10 * RANK, True)
    options = {"position": 0, "kl_factors": None, "n_train": 340}
    recorder, begins = Recorder(), []
    with exchange.together():
        trained = exchange.train(
            recorder, None, subset, epoch=7, max_steps=2, rate_factors=[1, 2, 3], **options
        )
        for epoch in range(60):
            other = Recorder()
            exchange.train(other, None, subset, epoch=epoch, max_steps=1, **options)
            begins.append(other.calls[0][0])
    return {**vars(recorder), "trained": trained, "begins": begins}


def die():
    """Rank 1 is killed in the midst of its run, after some checkpoints."""

    def kill(trainer):
        if RANK == 1 and len(trainer.history["seconds"]) == 6:
            os.kill(os.getpid(), signal.SIGKILL)

    options = {"checkpoint": FOLDER / "killed.safetensors"}
    trainer_of(callbacks=[kill], options=options).run(np.inf)


if __name__ == "__main__":
    results = {}
    for name in sys.argv[2:]:
        results[name] = globals()[name]()
        (FOLDER / f"{RANK}.json").write_text(json.dumps(results))
