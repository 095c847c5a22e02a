"""Kill a training run again and again, resume it, and compare it with a run that was never killed.

    python tests/kill.py [--kills 200] [--seed 0]

Each kill is a SIGKILL, and the run then continues from its checkpoint. At the end, its weights,
accumulators, chains and history must have the same bits as those of the run that was never killed.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path

import numpy as np
from sklearn.base import clone

from aevb import AEVB, MCEM, Trainer, WakeSleep, datasets
from aevb.core.engine import ARENAS

MODELS = {
    "AEVB": AEVB.published(2, hidden_layer_sizes=(30,), random_state=0),
    "WakeSleep": WakeSleep.published(2, hidden_layer_sizes=(30,), optimizer="adam", random_state=0),
    "MCEM": MCEM.published(2, hidden_layer_sizes=(30,), batch_size=100, random_state=0),
}
EVERY = 400  # samples between checkpoints


def make_trainer(name, path):
    """Start the run, or resume it from its checkpoint."""
    X = datasets.load_digits()[:1000]
    if Path(path).exists():
        return Trainer.resume(path, X)
    return Trainer(clone(MODELS[name]), X, checkpoint=path, checkpoint_every=EVERY)


def run_for_ever(name, path):
    trainer = make_trainer(name, path)
    if not Path(path).exists():
        trainer.run(EVERY)  # makes a first checkpoint, however slow the machine is
    print("ready", flush=True)
    trainer.run(np.inf)


def state_of(trainer):
    engine = trainer.model._engine
    arrays = {f"{a}/{k}": v for a in ARENAS for k, v in engine.arrays(a).items()}
    if trainer._chains is not None:
        arrays["chains"] = trainer._chains.z
    history = {k: v for k, v in trainer.history.items() if k != "seconds"}
    hashes = {k: sha256(v.tobytes()).hexdigest() for k, v in arrays.items()}
    return hashes, repr(history), engine.n_steps


def kill_and_compare(name, folder, n_kills, rng):
    """Return the number of samples that the run saw; AssertionError if its result differs."""
    path = Path(folder) / f"{name}.safetensors"
    command = [sys.executable, __file__, "--child", name, str(path)]
    for _ in range(n_kills):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd="/") as process:
            assert process.stdout.readline() == "ready\n", "a checkpoint could not be resumed"
            time.sleep(rng.exponential(0.1))
            assert process.poll() is None, "the run ended of itself"
            process.kill()
        for left in Path(folder).glob("*.part"):  # from a write that was killed
            left.unlink()
    resumed = make_trainer(name, path)
    resumed.run(resumed.model.n_samples_seen_ + 2000)
    n_seen = resumed.model.n_samples_seen_
    whole = Trainer(clone(MODELS[name]), datasets.load_digits()[:1000]).run(n_seen)
    assert state_of(whole) == state_of(resumed)
    return n_seen


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=201)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        run_for_ever(*args.child)
    rng = np.random.default_rng(args.seed)
    n_kills = -(-args.kills // len(MODELS))
    with tempfile.TemporaryDirectory() as folder:
        for name in MODELS:
            n_seen = kill_and_compare(name, folder, n_kills, rng)
            print(f"{name}: {n_kills} kills, {n_seen} samples, the same bits", flush=True)


if __name__ == "__main__":
    main()
