"""Peak memory of a fit beyond the data and the imports, in MB (10^6 bytes).

    python bench/memory.py [--rows 50000] [--features 784] [--samples 100000] [--sparse-file]

Random binary data of MNIST's shape; --sparse-file maps a file of zeros with a hole instead, for row
counts that do not fit into memory (mapped pages belong to the file and are not counted).
"""

from __future__ import annotations

import argparse
import os
import tempfile

import numpy as np

from aevb import AEVB, Trainer


def peak_private_bytes():
    """High-water mark of anonymous memory is not kept by Linux; that of all memory is."""
    fields = {}
    with open("/proc/self/status") as file:
        for line in file:
            name, _, value = line.partition(":")
            fields[name] = value.split()
    return 1024 * int(fields["VmHWM"][0]), 1024 * int(fields["RssFile"][0])


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
        model = AEVB(20, random_state=0)
        # Loads what a first fit loads, and starts the threads.
        AEVB(2, hidden_layer_sizes=(4,), n_epochs=1).fit(X[:1000])
        before, mapped_before = peak_private_bytes()
        Trainer(model, X).run(args.samples)
        peak, mapped = peak_private_bytes()
    print(
        f"{args.rows} x {args.features} {'mapped' if args.sparse_file else 'in memory'}, "
        f"{model.n_samples_seen_} samples: peak {(peak - before) / 1e6:.1f} MB beyond the data, of "
        f"which mapped file pages {(mapped - mapped_before) / 1e6:.1f} MB"
    )


if __name__ == "__main__":
    main()
