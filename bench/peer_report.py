"""The workloads of peers.py, and its table, CSV and picture."""

from __future__ import annotations

import csv
import sys

import numpy as np
from shapes import BOUNDED, DEEP, GAUSSIAN, MAIN, SMALL, WIDE

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
    "pythae": ("peer_pythae.py", ""),
}


def summarize(turns):
    """{contestant: (ms per step, ratio to aevb's time, threads, share of peak)} of one workload."""
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
