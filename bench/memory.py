"""Peak memory of a fit beyond the data and the imports, in MB (10^6 bytes).

    python bench/memory.py [--rows 50000] [--features 784] [--samples 100000] [--sparse-file]

The data are random and binary, in MNIST's shape. With --sparse-file they are a mapped file that is
one hole, for row counts that do not fit into memory. Pages of this file that are in memory belong
to the file and are reported separately. Linux only.
"""

from __future__ import annotations

import argparse
import os
import tempfile

import numpy as np

from aevb import AEVB, Trainer


def memory_of_process():
    """Return two numbers of bytes: the peak memory, and the mapped files in memory now.

    Linux keeps a high-water mark (VmHWM) of the sum only. It counts files in a tmpfs as shared
    memory.
    """
    fields = {}
    with open("/proc/self/status") as file:
        for line in file:
            name, _, value = line.partition(":")
            fields[name] = value.split()
    mapped = int(fields["RssFile"][0]) + int(fields["RssShmem"][0])
    return 1024 * int(fields["VmHWM"][0]), 1024 * mapped


def reset_peak():
    """Reset the high-water mark to the memory in use now (proc(5), clear_refs)."""
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--features", type=int, default=784)
    parser.add_argument("--samples", type=float, default=100_000)
    parser.add_argument("--sparse-file", action="store_true")
    args = parser.parse_args()
    shape = (args.rows, args.features)
    with tempfile.NamedTemporaryFile() as file:
        if args.sparse_file:
            os.truncate(file.name, args.rows * args.features)
            X = np.memmap(file.name, dtype=np.uint8, mode="r", shape=shape)
        else:
            X = np.random.default_rng(0).integers(0, 2, shape, dtype=np.uint8)
        model = AEVB.published(20, random_state=0)
        # This small fit loads what a first fit loads, and starts the threads.
        AEVB.published(2, hidden_layer_sizes=(4,), n_epochs=1).fit(X[:1000])
        reset_peak()
        before, mapped_before = memory_of_process()
        Trainer(model, X).run(args.samples)
        peak, mapped = memory_of_process()
    pages = mapped - mapped_before  # pages once read stay in memory, unless it runs short
    print(
        f"{args.rows} x {args.features} {'mapped' if args.sparse_file else 'in memory'}, "
        f"{model.n_samples_seen_} samples: peak {(peak - before - pages) / 1e6:.1f} MB beyond the "
        f"data, and {pages / 1e6:.1f} MB of mapped pages"
    )
    assert np.isfinite(model.history_["train_bound"]).all()


if __name__ == "__main__":
    main()
