"""Train by several processes: rows per second, a cost model of many workers, and the bound.

    python bench/scale.py measure [--ranks 1 2 4] [--sync-every 1 50] [--rounds 7] [--published]
    python bench/scale.py simulate [--step-ms MS] [--jitter 0.2] [--out efficiency.png] ...
    python bench/scale.py quality [--ranks 1 2 4] [--sync-every 1 10 50 200] [--rows 1e6] ...

`measure` prints the rows per second of processes of one thread that mpiexec starts. They train
784-500-20 on MNIST, or on enlarged digits if AEVB_DATA names no folder. They take turns, and the
ratios to one process are those within a round. It also prints the time of an all-reduce of as many
bytes as an exchange has.

`simulate` prints the efficiency of up to 1000 workers by the formulas of scale_model.py: the rows
per second as a share of so many times those of one worker. Without --step-ms, one process measures
the time of a step first. With --jitter, the times of steps vary.

`quality` prints the test bound of MNIST after the same number of rows of all ranks together. The
end of an epoch is an exchange too: with four ranks and minibatches of 100 rows, after 125 steps.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scale_model import (
    ALL_REDUCE,
    AllReduce,
    Network,
    Round,
    efficiency,
    steps_for,
    train_seconds,
    tree,
)

HERE = Path(__file__).resolve().parent
WORKERS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000)
N_JOINED = 32  # bytes of the four numbers that an exchange begins with
SHARE = 0.9
MOST_STEPS = 10_000  # of a worker, to simulate jitter; at least 20 rounds


def answers(n_ranks: int, **task: Any) -> Iterator[dict[str, Any]]:
    """Start so many ranks. Yield the lines of JSON that they print."""
    mpiexec = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if mpiexec is None:
        raise SystemExit("there is no mpiexec; want pip install 'aevb[mpi]'")
    command = [mpiexec, "-n", str(n_ranks), sys.executable, "-m", "mpi4py"]
    command += [str(HERE / "scale_ranks.py"), json.dumps(task)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        for line in process.stdout:
            yield json.loads(line)
    if process.returncode != 0:
        raise SystemExit(f"the ranks ended with status {process.returncode}")


# ---------------------------------------------------------------------------------------- measure
def measure(args: argparse.Namespace) -> None:
    """Print the tables of `measure`."""
    ranks = sorted({1, *args.ranks})
    if any(sync_every < 1 or args.steps % sync_every for sync_every in args.sync_every):
        raise SystemExit("--steps: want a multiple of each of --sync-every")
    task = {name: getattr(args, name) for name in ("sync_every", "steps", "rounds", "published")}
    (found,) = answers(ranks[-1], work="measure", ranks=ranks, batch_size=args.batch_size, **task)
    seconds = {name: np.array(values) for name, values in found["seconds"].items()}
    alone = seconds["steps 1 1"]
    print("| ranks | sync_every | rows/s | ratio to one | from | to |")
    print("|---:|---:|---:|---:|---:|---:|")
    for name, took in seconds.items():
        what, n, sync_every = name.split()
        if what == "steps":
            rate = int(n) * args.steps * args.batch_size / np.median(took)
            ratio = int(n) * alone / took
            cells = [f"{value:.2f}" for value in (np.median(ratio), ratio.min(), ratio.max())]
            print(f"| {n} | {'' if n == '1' else sync_every} | {rate:.0f} | {' | '.join(cells)} |")
    sizes = found["sizes"]
    step_ms = 1e3 * np.median(alone) / args.steps
    print(f"\nA step of one process takes {step_ms:.3f} ms. With sync_every=1 an exchange adds up")
    print(f"{sizes[0] / 1e6:.2f} MB of gradients, otherwise {sum(sizes) / 1e6:.2f} MB.\n")
    print("| ranks | MB | ms of an all-reduce |\n|---:|---:|---:|")
    for name, took in seconds.items():
        what, n, size = name.split()
        if what == "all-reduce" and n != "1":
            ms = 1e3 * np.median(took) / found["n_repeats"]
            print(f"| {n} | {int(size) / 1e6:.2f} | {ms:.3f} |")


# --------------------------------------------------------------------------------------- simulate
def model_and_step(published: bool, batch_size: int, rounds: int) -> tuple[list[int], float]:
    """Return the bytes of each array of an exchange, and the seconds of a step of one process."""
    from scale_ranks import arrays_of, model_of, rows_like_mnist
    from workload import interleave

    from aevb import Trainer

    n_steps = 50
    model = model_of(published, batch_size=batch_size, random_state=0)
    trainer = Trainer(model, rows_like_mnist(n_steps * batch_size))
    seconds = interleave({0: lambda: trainer.step(n_steps)}, rounds)[0] if rounds else np.zeros(1)
    return [len(values) for values in arrays_of(model)], float(np.median(seconds)) / n_steps


Curves = dict[str, dict[int, list[float]]]  # of each all-reduce and sync_every, over WORKERS


def simulate(args: argparse.Namespace) -> None:
    """Print the tables of `simulate`, and draw them."""
    network = Network(1e-6 * args.latency_us, 1e9 / 8 * args.gbit)
    rounds = args.rounds if args.step_ms is None else 0
    sizes, step_seconds = model_and_step(args.published, args.batch_size, rounds)
    if args.step_ms is not None:
        step_seconds = 1e-3 * args.step_ms
    print(f"A step takes {1e3 * step_seconds:.3f} ms, jitter {args.jitter:g} (seed {args.seed}).")
    print(f"The network has {args.gbit:g} Gbit/s and {args.latency_us:g} us.")
    works = [Round(sync_every, step_seconds, args.jitter) for sync_every in args.sync_every]
    train = {
        (n, work): train_seconds(n, work, max(20, MOST_STEPS // work.sync_every), args.seed)
        for n in WORKERS
        for work in works
    }
    curves: Curves = {}
    for name in args.all_reduce:

        def exchange(n: int, parts: list[int], add_up: AllReduce = ALL_REDUCE[name]) -> float:
            sums = (add_up(n, size, network) for size in parts)
            return tree(n, N_JOINED, network) + sum(sums)

        print(f"\n| {name}: sync_every | MB | {' | '.join(map(str, WORKERS))} |")
        print("|---:" * (len(WORKERS) + 2) + "|")
        curves[name] = {}
        for work in works:
            parts = sizes[:1] if work.sync_every == 1 else sizes
            shares = [efficiency(work, train[n, work], exchange(n, parts)) for n in WORKERS]
            cells = " | ".join(f"{share:.2f}" for share in shares)
            print(f"| {work.sync_every} | {sum(parts) / 1e6:.2f} | {cells} |")
            curves[name][work.sync_every] = shares
        least = steps_for(SHARE, step_seconds, exchange(most := WORKERS[-1], sizes))
        print(f"\nWithout jitter, {most} workers reach {SHARE:.0%} from sync_every={least} on.")
    if args.out is not None:
        draw(curves, args.out)


def draw(curves: Curves, path: Path) -> None:
    """Draw one panel for each all-reduce, with a line for each `sync_every`."""
    from aevb.plots import offscreen_figure
    from aevb.plots.style import colors_of, open_frame, title

    figure = offscreen_figure(1.0 + 3.5 * len(curves), 3.6)
    panels = figure.subplots(1, len(curves), sharey=True, squeeze=False)[0]
    for panel, (name, lines) in zip(panels, curves.items(), strict=True):
        for color, (sync_every, shares) in zip(colors_of(len(lines)), lines.items(), strict=True):
            panel.plot(WORKERS, shares, color=color, label=f"sync_every={sync_every}")
        panel.set(xscale="log", xlabel="workers", ylim=(0, 1.02))
        title(panel, name)
        open_frame(panel)
    panels[0].set_ylabel("efficiency")
    panels[0].legend(frameon=False, fontsize="small")
    figure.savefig(path, dpi=150)


# ---------------------------------------------------------------------------------------- quality
def quality(args: argparse.Namespace) -> None:
    """Print the table of `quality`."""
    alone = np.nan
    print("| ranks | sync_every | rows seen | steps | test bound | beside one | from | to |")
    print("|---:|---:|---:|---:|---:|---:|---:|---:|")
    for n in sorted({1, *args.ranks}):
        task = {
            "sync_every": [1] if n == 1 else args.sync_every,
            "rows": int(args.rows),
            "batch_size": args.batch_size // (n if args.split_batch else 1),
            "learning_rate": None if n == 1 else args.learning_rate,
            "published": args.published,
            "outer_momentum": args.outer_momentum,
        }
        runs = [list(answers(n, work="quality", seed=seed, **task)) for seed in range(args.seeds)]
        for of_seeds in zip(*runs, strict=True):
            bounds = np.array([run["bound"] for run in of_seeds])
            alone = bounds if n == 1 else alone
            gap = bounds - alone
            first = of_seeds[0]
            values = (bounds.mean(), gap.mean(), gap.min(), gap.max())
            cells = [n, "" if n == 1 else first["sync_every"], f"{first['rows']:,}", first["steps"]]
            cells += [f"{value:.2f}" for value in values]
            print(f"| {' | '.join(map(str, cells))} |", flush=True)


def main() -> None:
    """Print the tables of one of the three parts."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parts = parser.add_subparsers(dest="part", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--batch-size", type=int, default=100, help="rows of one rank")
    common.add_argument("--published", action="store_true", help="the paper's settings")
    by_mpi = argparse.ArgumentParser(add_help=False)
    by_mpi.add_argument("--ranks", type=int, nargs="+", default=[1, 2, 4])

    part = parts.add_parser("measure", parents=[common, by_mpi])
    part.add_argument("--sync-every", type=int, nargs="+", default=[1, 50])
    part.add_argument("--steps", type=int, default=200, help="steps of a turn")
    part.add_argument("--rounds", type=int, default=7)
    part.set_defaults(work=measure)

    part = parts.add_parser("simulate", parents=[common])
    part.add_argument("--sync-every", type=int, nargs="+", default=[1, 5, 50, 500])
    part.add_argument("--step-ms", type=float, help="time of a step, in place of a measured one")
    part.add_argument("--rounds", type=int, default=7, help="to measure the time of a step")
    part.add_argument("--gbit", type=float, default=10.0, help="Gbit/s in each direction")
    part.add_argument("--latency-us", type=float, default=50.0)
    part.add_argument("--all-reduce", nargs="+", choices=ALL_REDUCE, default=list(ALL_REDUCE))
    part.add_argument("--jitter", type=float, default=0.0, help="of the logarithm of a step's time")
    part.add_argument("--seed", type=int, default=0)
    part.add_argument("--out", type=Path, help="file of the picture")
    part.set_defaults(work=simulate)

    part = parts.add_parser("quality", parents=[common, by_mpi])
    part.add_argument("--sync-every", type=int, nargs="+", default=[1, 10, 50, 200])
    part.add_argument("--rows", type=float, default=1e6, help="of all ranks together")
    part.add_argument("--split-batch", action="store_true", help="--batch-size is of all ranks")
    part.add_argument("--learning-rate", type=float, help="of several ranks, not of one")
    part.add_argument("--outer-momentum", type=float, default=0.0, help="with --sync-every above 1")
    part.add_argument("--seeds", type=int, default=1)
    part.set_defaults(work=quality)

    args = parser.parse_args()
    args.work(args)


if __name__ == "__main__":
    main()
