"""Fit MNIST's 50 000 training images with all defaults, beside JAX on the same recipe.

    python bench/mnist.py [--epochs 100] [--peer-python PATH]

The script prints the rows seen, the seconds of the fit and the test bound in nats per image, with
10 draws of z. --peer-python names an environment with jax. JAX then trains the same network from
initial weights of the same distribution, with the same optimizer, schedule and number of rows, in
the fastest form that we know: many steps in one jitted scan.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from aevb import AEVB, Evaluator, datasets

HERE = Path(__file__).resolve().parent
N_DRAWS = 10


def ours(train: np.ndarray, test: np.ndarray, n_epochs: int | str) -> tuple[AEVB, float, float]:
    """Return the model, the seconds of the fit, and the test bound."""
    start = time.perf_counter()
    model = AEVB(n_epochs=n_epochs, random_state=0).fit(train)
    seconds = time.perf_counter() - start
    return model, seconds, Evaluator(model).bound(test, n_draws=N_DRAWS).mean


def theirs(
    python: str, train: np.ndarray, test: np.ndarray, n_seen: int, rate: float
) -> dict[str, float]:
    """Return the rows, the seconds and the test bound of JAX in its own process."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mnist.npz")
        np.savez(path, train=train, test=test)
        task = {"data": str(path), "n_seen": n_seen, "rate": rate, "n_draws": N_DRAWS}
        command = [python, str(HERE / "peer_jax_fit.py"), json.dumps(task)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--epochs", type=int, default=None, help="in place of n_epochs='auto'")
    parser.add_argument("--peer-python", help="the Python of an environment with jax")
    args = parser.parse_args()
    data = datasets.load_mnist()
    model, seconds, bound = ours(data.train, data.test, args.epochs or "auto")
    n_seen = model.n_samples_seen_
    print("| | rows seen | s | test bound |\n|---|---:|---:|---:|")
    print(f"| aevb | {n_seen:,} | {seconds:.1f} | {bound:.2f} |", flush=True)
    if args.peer_python:
        n_held_out = len(data.train) - n_seen // len(model.history_["seconds"])
        rows = data.train[n_held_out:]
        found = theirs(args.peer_python, rows, data.test, n_seen, model.learning_rate_)
        cells = f"{n_seen:,} | {found['seconds']:.1f} | {found['bound']:.2f}"
        print(f"| JAX | {cells} |  (compiling took {found['compile']:.1f} s more)")


if __name__ == "__main__":
    main()
