"""Rows per second and the quality of `DaskAEVB` on one worker and on two, and of a local fit.

    python bench/dask_rounds.py [--rows 1000000] [--columns 100] [--epochs 2] [--sync-every 250]

The rows come from a Gaussian with 10 factors. The workers are processes of one thread, and so is
the local fit. Each worker makes its partitions, which are persisted before the clock starts. The
clock runs from the start of `fit` to its end. The test bound is that of 10 000 other rows, in nats
per row. Below the table: the ratios of rows per second, and the differences of the test bounds.
"""

from __future__ import annotations

import argparse
import time

import dask
import dask.array as da
import numpy as np
from distributed import Client, wait

from aevb import AEVB, DaskAEVB

N_TEST, N_FACTORS, N_PARTITIONS = 10_000, 10, 16


def rows(n_rows, n_columns, seed):
    """Draw rows: float32 (n_rows, n_columns)."""
    loadings = np.random.default_rng(0).normal(size=(N_FACTORS, n_columns))
    rng = np.random.default_rng((1, seed))
    means = rng.normal(size=(n_rows, N_FACTORS)) @ loadings
    return np.float32(means + rng.normal(size=(n_rows, n_columns)))


def on_workers(n_workers, sizes, n_columns, model, options):
    """Fit on so many workers. Return a local model, and the seconds of the fit."""
    with Client(n_workers=n_workers, threads_per_worker=1, dashboard_address=None) as client:
        parts = [
            da.from_delayed(dask.delayed(rows)(size, n_columns, i), (size, n_columns), np.float32)
            for i, size in enumerate(sizes)
        ]
        X = client.persist(da.concatenate(parts))
        wait(X)
        began = time.perf_counter()
        fitted = DaskAEVB(client, **model, **options).fit(X)
        return fitted.to_local(), time.perf_counter() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--sync-every", type=int, default=250)
    args = parser.parse_args()
    model = {"n_components": N_FACTORS, "n_epochs": args.epochs, "n_threads": 1, "random_state": 0}
    sizes = np.diff(np.linspace(0, args.rows, N_PARTITIONS + 1).astype(int)).tolist()
    test = rows(N_TEST, args.columns, N_PARTITIONS)
    found = {}
    for n_workers in (1, 2):
        options = {"sync_every": args.sync_every}
        fitted, seconds = on_workers(n_workers, sizes, args.columns, model, options)
        found[f"{n_workers} workers"] = fitted.n_samples_seen_ / seconds, fitted.score(test)
    X = np.concatenate([rows(size, args.columns, i) for i, size in enumerate(sizes)])
    began = time.perf_counter()
    fitted = AEVB(**model).fit(X)
    speed = fitted.n_samples_seen_ / (time.perf_counter() - began)
    found["local"] = speed, fitted.score(test)
    print("| fit | rows per second | test bound |\n|---|---:|---:|")
    for name, (speed, bound) in found.items():
        print(f"| {name} | {speed:.0f} | {bound:.3f} |")
    (one, _), (two, of_two), (alone, of_local) = found.values()
    print(f"two workers over one: {two / one:.2f}, over the local fit: {two / alone:.2f}")
    print(f"test bound of two workers less the local fit's: {of_two - of_local:.3f}")


if __name__ == "__main__":
    main()
