"""Training on a table in Parquet files beside the same rows in a memory map.

    python bench/streams.py [--rows 2e6] [--columns 100] [--limit 400] [--rounds 5]

The table is of float32 numbers, 8 MB for each row group. Each turn is a process of its own, which
trains the default net on as many rows as the table has. `setrlimit` bounds what it may allocate,
in MB, so that neither the table nor half of it would fit; mapped files do not count. The first
turns show that a process which reads the whole table fails. The columns of the report: medians of
rows per second, of processor time per row and of peak memory. The peak is beyond the imports, and
that of the map has its pages, which Linux takes back if memory runs short. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROWS_OF_GROUP, GROUPS_OF_FILE = 20_000, 25
WAYS = {"memory map": "map", "Parquet files": "parquet"}


def block(i, n_rows, n_columns):
    """Return rows of a table with five directions of large variance."""
    loadings = np.random.default_rng(0).normal(size=(5, n_columns)).astype(np.float32)
    rng = np.random.default_rng((1, i))
    codes = rng.standard_normal((n_rows, 5), dtype=np.float32)
    return codes @ loadings + rng.standard_normal((n_rows, n_columns), dtype=np.float32) / 2


def write(folder, n_rows, n_columns):
    """Write the same rows as `table.npy` and as Parquet files."""
    import pyarrow
    from pyarrow import parquet

    np.save(folder / "few.npy", block(0, 1000, 2))
    few = dict(zip("ab", block(0, 1000, 2).T.copy(), strict=True))
    parquet.write_table(pyarrow.table(few), folder / "few.parquet")
    names = [f"x{j}" for j in range(n_columns)]
    schema = pyarrow.schema([(name, pyarrow.float32()) for name in names])
    table = np.lib.format.open_memmap(
        folder / "table.npy", mode="w+", dtype=np.float32, shape=(n_rows, n_columns)
    )
    file = None
    for i, begin in enumerate(range(0, n_rows, ROWS_OF_GROUP)):
        rows = block(i, min(ROWS_OF_GROUP, n_rows - begin), n_columns)
        table[begin : begin + len(rows)] = rows
        if i % GROUPS_OF_FILE == 0:
            if file is not None:
                file.close()
            file = parquet.ParquetWriter(folder / f"{i // GROUPS_OF_FILE:03}.parquet", schema)
        columns = [np.ascontiguousarray(column) for column in rows.T]
        file.write_table(pyarrow.table(columns, schema=schema))
    file.close()
    table.flush()


def train(folder, way, n_rows, limit):
    """Train in this process, and print the results as JSON."""
    from aevb import AEVB, Trainer

    # this fit loads what a first fit loads, and starts the threads
    few = folder / ("few.npy" if way == "map" else "few.parquet")
    AEVB(2, hidden_layer_sizes=(4,), n_epochs=1, n_threads=1).fit([few])
    most = bytes_of_process("VmData") + limit * 10**6
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    before = bytes_of_process("VmHWM")
    if way == "whole":
        np.load(folder / "table.npy")
        return
    if way == "map":
        X = np.load(folder / "table.npy", mmap_mode="r")
    else:
        X = sorted(folder.glob("[0-9]*.parquet"))
    model = AEVB(
        random_state=0, n_threads=1, early_stopping=False, learning_rate=0.001,
        learning_rate_schedule="constant", likelihood="gaussian",
    )  # fmt: skip
    trainer = Trainer(model, X)
    trainer.step(20)
    done = model.n_samples_seen_
    start, processor = time.perf_counter(), time.process_time()
    trainer.run(done + n_rows)
    seconds, processor = time.perf_counter() - start, time.process_time() - processor
    n_done = model.n_samples_seen_ - done
    bound = model.history_["train_bound"][-1]
    assert np.isfinite(bound)
    found = {
        "rate": n_done / seconds,
        "cost": 1e6 * processor / n_done,
        "peak": (bytes_of_process("VmHWM") - before) / 1e6,
        "bound": bound,
    }
    print(json.dumps(found))


def bytes_of_process(field):
    """Return a number of bytes of this process, as Linux counts them."""
    with open("/proc/self/status") as file:
        (line,) = (line for line in file if line.startswith(f"{field}:"))
    return 1024 * int(line.split()[1])


def turn(folder, way, args):
    """Train in a new process, and return its results, or None if it has run out of memory."""
    command = [sys.executable, __file__, "--folder", str(folder), "--way", way]
    command += ["--rows", str(args.rows), "--limit", str(args.limit)]
    threads = {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | threads)
    if done.returncode != 0:
        if "MemoryError" in done.stderr:
            return None
        raise SystemExit(done.stderr)
    return json.loads(done.stdout or "{}")


def compare(args):
    """Write the table, train in turns, and print the report."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, int(args.rows), args.columns)
        size = (folder / "table.npy").stat().st_size / 1e6
        print(f"{args.rows:g} rows of {args.columns} columns, {size:.0f} MB; limit {args.limit} MB")
        if turn(folder, "whole", args) is not None:
            raise SystemExit("limit: the whole table fits; want less")
        found = {way: [] for way in WAYS}
        for i in range(args.rounds):
            for way in WAYS if i % 2 else reversed(WAYS):
                result = turn(folder, WAYS[way], args)
                if result is None:
                    raise SystemExit(f"{way}: out of memory")
                found[way].append(result)
    print("\n| rows | rows per second | µs of processor per row | peak, MB | bound |")
    print("|---|---:|---:|---:|---:|")
    for way, results in found.items():
        rate, cost, most, bound = (
            np.median([result[what] for result in results])
            for what in ("rate", "cost", "peak", "bound")
        )
        print(f"| {way} | {rate:.0f} | {cost:.2f} | {most:.0f} | {bound:.2f} |")
    rates = [np.array([result["rate"] for result in found[way]]) for way in WAYS]
    ratio = rates[1] / rates[0]
    print(f"\nratio {np.median(ratio):.3f}, from {ratio.min():.3f} to {ratio.max():.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=float, default=2e6)
    parser.add_argument("--columns", type=int, default=100)
    parser.add_argument("--limit", type=int, default=400, help="MB beyond the imports")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--way", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.way is None:
        compare(args)
    else:
        train(args.folder, args.way, int(args.rows), args.limit)


if __name__ == "__main__":
    main()
