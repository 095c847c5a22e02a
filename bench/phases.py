"""The time of each phase of a training step, on 1 and 2 threads.

    python bench/phases.py [--shape main] [--data dense] [--optimizer adagrad]
                           [--weight-posterior gaussian]

Times are medians of interleaved rounds. The shares are of the FMA peak, which is measured before
each turn. Phases without products have no share. The seconds are those of thread 0 and include the
wait at barriers.
"""

from __future__ import annotations

import argparse

import numpy as np
import shapes
from against_side import OPTIMIZERS, RATES
from shapes import BATCH
from workload import Training, fma_peak, forced_backend, seconds_of

from aevb import _core, catalogue

SHAPES = ("main", "small", "deep", "wide", "gaussian", "bounded")
THREADS = (1, 2)
WEIGHT_POSTERIORS = catalogue()["weight_posterior"]


def profile(trainings, n_steps, rounds):
    """{threads: {phase: seconds per step}} and {threads: FLOP/s}, as medians over the rounds."""
    seen = {n: [] for n in trainings}
    peaks = {n: [] for n in trainings}
    for turn in range(rounds + 1):
        for n, training in trainings.items():
            peak = fma_peak(n)
            whole = seconds_of(lambda training=training: training(n_steps))
            if turn > 0:
                seen[n].append(training.phases | {"step": whole})
                peaks[n].append(peak)
    phases = {
        n: {name: float(np.median([lap[name] for lap in laps])) / n_steps for name in laps[0]}
        for n, laps in seen.items()
    }
    return phases, {n: float(np.median(values)) for n, values in peaks.items()}


def print_table(shape, phases, peaks):
    flops = {name: BATCH * value for name, value in shape.step_flops().items()}
    flops["step"] = shape.flops_per_step()
    head = [f"us, {n} thread{'s' * (n > 1)} | share of {peaks[n] / 1e9:.0f} GF/s" for n in THREADS]
    print(f"| phase | MFLOP | {' | '.join(head)} | speed-up |")
    print("|---|" + "---:|" * (2 + 2 * len(THREADS)))
    for name in phases[1]:
        done = flops.get(name, 0)
        cells = [name, f"{done / 1e6:.1f}" if done else ""]
        for n in THREADS:
            seconds = phases[n][name]
            cells += [
                f"{1e6 * seconds:.1f}",
                f"{done / seconds / peaks[n]:.0%}" if done and seconds else "",
            ]
        cells.append(f"{phases[1][name] / phases[2][name]:.2f}" if phases[2][name] else "")
        print(f"| {' | '.join(cells)} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", choices=SHAPES, default="main")
    parser.add_argument("--data", choices=("dense", "mnist-like"), default="dense")
    parser.add_argument("--optimizer", choices=OPTIMIZERS, default="adagrad")
    parser.add_argument("--weight-posterior", choices=WEIGHT_POSTERIORS, default="none")
    parser.add_argument("--backend", choices=_core.backend_names(), default=_core.backend())
    parser.add_argument("--rounds", type=int, default=9)
    args = parser.parse_args()
    shape = getattr(shapes, args.shape.upper())
    if args.data == "mnist-like":
        if shape.n_visible != 784:
            parser.error("--data mnist-like: wants a shape with 784 inputs")
        X = shapes.mnist_like_rows(20_000)
    else:
        X = shapes.dense_rows(20_000, shape.n_visible)
    with forced_backend(args.backend):
        own = {"optimizer": args.optimizer, "learning_rate": RATES[args.optimizer]}
        if args.weight_posterior != "none":
            own |= {"weight_posterior": args.weight_posterior, "weight_decay": 1.0}
        trainings = {n: Training(shape, X, n_threads=n, **own) for n in THREADS}
        n_steps = int(np.clip(40e9 / shape.flops_per_step(), 20, 5000))
        phases, peaks = profile(trainings, n_steps, args.rounds)
    words = (shape, f"M = {BATCH}", args.data, shape.likelihood, args.optimizer, args.backend)
    if args.weight_posterior != "none":
        words = (*words, f"weight posterior {args.weight_posterior}")
    print(*words, sep=", ", end="\n\n")
    print_table(shape, phases, peaks)


if __name__ == "__main__":
    main()
