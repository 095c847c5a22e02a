"""Time a training step of aevb and of JAX and PyTorch on the same work.

    python bench/peers.py --peer-python PATH [--only dense mnist] [--rounds 7] [--out peers]
                          [--contestants aevb JAX "PyTorch compiled"]

Every contestant is a process. aevb runs in the environment of this interpreter. The peers run in
that of --peer-python, which has jax, torch and pythae. A peer that cannot be imported is reported
as absent. All contestants compile and train for a while first, and must agree on the bound that
they reach. Then they take turns of about a second, all of them in each round, while the others
sleep. The table gives medians over the rounds, and ratios to aevb within each round.

The work is the same for all: Adagrad with learning rate 0.02, no weight decay, minibatches of 100
from the same rows, one draw, and float32 except in the bf16 line. The peers' rows are ready as
float32 in the order of the data. aevb gathers its rows in random order, and gets MNIST as bytes.
The small network runs on 1 and on 2 threads, and the table has the better of the two.

--out writes OUT.csv with every turn of every contestant, and OUT.png if matplotlib is installed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import peer_turns
from peer_report import CONTESTANTS, WORKLOADS, print_table, summarize, write_files
from shapes import BATCH, dense_rows

from aevb import datasets

HERE = Path(__file__).resolve().parent
# Contestants differ in initial weights, noise and order of rows. In nats per pixel, this tolerance
# is far more than these have changed the bound, and far less than a difference in the work would.
BOUND_TOLERANCE = 0.02


class Contestant:
    """A process that trains on request."""

    def __init__(self, python, script, task):
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - lives as long as the process
        self.process = subprocess.Popen(
            [python, str(HERE / script), json.dumps(task)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env=os.environ | {"TORCHINDUCTOR_COMPILE_THREADS": "1"},
        )

    def answer(self):
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        self.errors.seek(0)
        lines = self.errors.read().strip().splitlines() or ["it died without a word"]
        return {"absent": lines[-1]}

    def turn(self, seconds):
        print(seconds, file=self.process.stdin, flush=True)
        return self.answer()

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()


def rows_of(name):
    _, shape, n_steps, n_calls, _ = WORKLOADS[name]
    n_rows = n_steps * n_calls * BATCH
    if name == "mnist":
        return datasets.load_mnist().train[:n_rows]
    return dense_rows(n_rows, shape.n_visible)


def start(name, data, peer_python, labels):
    """Return {(contestant, threads): process} of the contestants that can run, warmed up."""
    _, shape, n_steps, _, threads = WORKLOADS[name]
    running = {}
    for label in labels:
        script, mode = CONTESTANTS[label]
        for n_threads in threads:
            task = {
                "n_visible": shape.n_visible,
                "hidden": shape.hidden,
                "n_components": shape.n_components,
                "likelihood": shape.likelihood,
                "data": data,
                "batch": BATCH,
                "n_threads": n_threads,
                "steps_per_call": n_steps,
                "mode": mode,
            }
            python = sys.executable if label == "aevb" else peer_python
            running[label, n_threads] = Contestant(python, script, task)
    bounds = {}
    for who, contestant in list(running.items()):
        first = contestant.answer()
        if "absent" in first:
            print(f"{name}: {who[0]} is absent: {first['absent']}", file=sys.stderr)
            running.pop(who).close()
        else:
            assert first["bound"] > first["first"], (who, first)
            bounds[who] = first["bound"]
    if ("aevb", threads[-1]) not in bounds:
        raise SystemExit("without aevb there is nothing to compare")
    want = bounds["aevb", threads[-1]]
    for who, bound in bounds.items():
        assert abs(bound - want) < BOUND_TOLERANCE * shape.n_visible, (who, bound, want)
    print(
        f"{name}: bounds after about {peer_turns.RAMP_STEPS} steps:",
        ", ".join(f"{who[0]} {bound:.1f}" for who, bound in bounds.items()),
        file=sys.stderr,
    )
    return running


def race(name, peer_python, labels, rounds, seconds):
    """Return the rows of the CSV: every turn of every contestant."""
    turns = []
    with tempfile.TemporaryDirectory() as folder:
        data = str(Path(folder) / "rows.npy")
        np.save(data, rows_of(name))
        running = start(name, data, peer_python, labels)
        order = list(running)
        for turn in range(rounds):
            for who in order if turn % 2 == 0 else order[::-1]:
                time.sleep(0.1)  # threads of the previous contestant spin for a moment
                got = running[who].turn(seconds)
                assert np.isfinite(got.get("bound", np.nan)), (who, got)
                turns.append(
                    {
                        "workload": name,
                        "contestant": who[0],
                        "threads": who[1],
                        "round": turn,
                        "ms_per_step": got["ms"],
                        "peak_gflops": got["peak"] and got["peak"] / 1e9,
                    }
                )
        for contestant in running.values():
            contestant.close()
    return turns


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer-python", default=sys.executable, help="interpreter with jax, torch")
    parser.add_argument("--only", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    parser.add_argument("--contestants", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a turn")
    parser.add_argument("--out", help="write OUT.csv and OUT.png")
    args = parser.parse_args()
    turns, summaries = [], {}
    for name in args.only:
        try:
            laps = race(name, args.peer_python, args.contestants, args.rounds, args.seconds)
        except OSError as error:
            print(f"{name}: skipped, {error}", file=sys.stderr)
            continue
        summaries[name] = summarize(laps)
        turns += laps
    print_table(summaries)
    if args.out and turns:
        write_files(args.out, turns, summaries)


if __name__ == "__main__":
    main()
