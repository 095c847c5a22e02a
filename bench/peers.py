"""Times a step of training with aevb beside JAX and PyTorch, on the same work.

    python bench/peers.py --peer-python PATH [--only dense mnist] [--rounds 7] [--out peers]

Every contestant is a process of its own: aevb in this interpreter's environment, the peers in that
of --peer-python, which has jax and torch; one that cannot be imported is reported as absent. All
compile and train for a while first, and must agree on the bound they reach. Then they take turns
of about a second, all of them in each round; the others sleep meanwhile. The table gives medians
over the rounds, and ratios to aevb within each round.

Same work: Adagrad at 0.02 without weight decay, minibatches of 100 from the same rows, one draw,
float32 but for the bf16 line. The peers' rows lie ready as float32 in the order of the data; aevb
gathers its own in random order. Of MNIST it gets the bytes. The small network runs on 1 and on 2
threads, and the table has the better of the two.

--out writes OUT.csv, every turn of every contestant, and OUT.png if there is matplotlib.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import peer_turns
from workload import (
    BATCH,
    BOUNDED,
    DEEP,
    GAUSSIAN,
    MAIN,
    SMALL,
    WIDE,
    dense_rows,
)

from aevb import datasets

HERE = Path(__file__).resolve().parent
# name: (title, shape, steps in one call of a contestant, calls in an epoch, threads)
WORKLOADS = {
    "dense": ("random data", MAIN, 100, 6, (2,)),
    "mnist": ("MNIST", MAIN, 100, 5, (2,)),
    "small": ("random data", SMALL, 400, 2, (1, 2)),
    "wide": ("random data", WIDE, 50, 4, (2,)),
    "deep": ("random data", DEEP, 100, 4, (2,)),
    "gaussian": ("random data, Gaussian", GAUSSIAN, 200, 2, (2,)),
    "bounded": ("random data, bounded Gaussian", BOUNDED, 200, 2, (2,)),
}
# name: (script, mode)
CONTESTANTS = {
    "aevb": ("peer_aevb.py", ""),
    "JAX": ("peer_jax.py", ""),
    "PyTorch eager": ("peer_torch.py", "eager"),
    "PyTorch compiled": ("peer_torch.py", "compile"),
    "PyTorch compiled, bf16": ("peer_torch.py", "compile bf16"),
}
# Initial weights, noise and order of rows differ: in nats per pixel, far more than that has moved
# the bound, and far less than any difference in the work would.
BOUND_TOLERANCE = 0.02


class Contestant:
    """A process that trains on demand."""

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


def start(name, data, peer_python):
    """{(contestant, threads): process} of those that are present, all warm."""
    _, shape, n_steps, _, threads = WORKLOADS[name]
    running = {}
    for label, (script, mode) in CONTESTANTS.items():
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
    want = bounds["aevb", threads[-1]]
    for who, bound in bounds.items():
        assert abs(bound - want) < BOUND_TOLERANCE * shape.n_visible, (who, bound, want)
    print(
        f"{name}: bounds after about {peer_turns.RAMP_STEPS} steps:",
        ", ".join(f"{who[0]} {bound:.1f}" for who, bound in bounds.items()),
        file=sys.stderr,
    )
    return running


def race(name, peer_python, rounds, seconds):
    """Rows of the CSV: every turn of every contestant."""
    turns = []
    with tempfile.TemporaryDirectory() as folder:
        data = str(Path(folder) / "rows.npy")
        np.save(data, rows_of(name))
        running = start(name, data, peer_python)
        order = list(running)
        for turn in range(rounds):
            for who in order if turn % 2 == 0 else order[::-1]:
                time.sleep(0.1)  # threads of the one before spin for a moment
                got = running[who].turn(seconds)
                assert np.isfinite(got["bound"]), (who, got)
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


def summarize(turns):
    """{contestant: (ms per step, its ratio to aevb's, threads, share of peak)} of one workload."""
    by_who = {}
    for turn in turns:
        by_who.setdefault((turn["contestant"], turn["threads"]), []).append(turn)
    best = {}
    for (label, n_threads), laps in by_who.items():
        ms = np.array([lap["ms_per_step"] for lap in laps])
        if label not in best or np.median(ms) < np.median(best[label][0]):
            best[label] = ms, n_threads, laps
    flops = WORKLOADS[turns[0]["workload"]][1].flops_per_step()
    summary = {}
    for label, (ms, n_threads, laps) in best.items():
        share = None
        if laps[0]["peak_gflops"]:
            peaks = np.array([lap["peak_gflops"] for lap in laps])
            share = float(np.median(flops / ms / 1e6 / peaks))
        ratio = float(np.median(ms / best["aevb"][0]))
        summary[label] = float(np.median(ms)), ratio, n_threads, share
    return summary


def print_table(summaries):
    labels = [who for who in CONTESTANTS if any(who in s for s in summaries.values())]
    print(f"\n| ms per step | {' | '.join(labels)} | aevb, of the FMA peak |")
    print("|---|" + "---:|" * (len(labels) + 1))
    for name, summary in summaries.items():
        title, shape, _, _, threads = WORKLOADS[name]
        cells = [f"{shape}, {title}"]
        for label in labels:
            if label not in summary:
                cells.append("")
                continue
            ms, ratio, n_threads, _ = summary[label]
            how = f" ({ratio:.2f}x)" if label != "aevb" else ""
            how += f", {n_threads} thread{'s' * (n_threads > 1)}" if len(threads) > 1 else ""
            cells.append(f"{ms:.3g}{how}")
        cells.append(f"{summary['aevb'][3]:.0%}")
        print(f"| {' | '.join(cells)} |")


def write_files(out, turns, summaries):
    with open(f"{out}.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, turns[0].keys())
        writer.writeheader()
        writer.writerows(turns)
    try:
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt
    except ImportError as error:
        print(f"no picture: {error}", file=sys.stderr)
        return
    figure, axes = plt.subplots(figsize=(9, 4.5), layout="constrained")
    width = 0.8 / len(CONTESTANTS)
    for i, label in enumerate(CONTESTANTS):
        has = [(x, s[label][1]) for x, s in enumerate(summaries.values()) if label in s]
        if has:
            bars = axes.bar([x + i * width for x, _ in has], [r for _, r in has], width)
            axes.bar_label(bars, fmt="%.2g", fontsize=7)
            bars.set_label(label)
    titles = [f"{WORKLOADS[name][1]}\n{WORKLOADS[name][0]}" for name in summaries]
    axes.set_xticks(np.arange(len(titles)) + 2 * width, titles, fontsize=7)
    axes.set_yscale("log", base=2)
    axes.set_ylabel("time of a step, aevb = 1")
    axes.legend(fontsize=8)
    figure.savefig(f"{out}.png", dpi=150)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer-python", default=sys.executable, help="interpreter with jax, torch")
    parser.add_argument("--only", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a turn")
    parser.add_argument("--out", help="write OUT.csv and OUT.png")
    args = parser.parse_args()
    turns, summaries = [], {}
    for name in args.only:
        try:
            laps = race(name, args.peer_python, args.rounds, args.seconds)
        except OSError as error:
            print(f"{name}: skipped, {error}", file=sys.stderr)
            continue
        summaries[name] = summarize(laps)
        turns += laps
    print_table(summaries)
    if args.out:
        write_files(args.out, turns, summaries)


if __name__ == "__main__":
    main()
