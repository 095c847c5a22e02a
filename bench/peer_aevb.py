"""aevb as a contestant of peers.py."""

from __future__ import annotations

import numpy as np
from peer_turns import Train, serve


def build(task) -> Train:
    from shapes import Shape
    from workload import Training

    shape = Shape(
        task["n_visible"], tuple(task["hidden"]), task["n_components"], task["likelihood"]
    )
    X = np.load(task["data"])  # bytes stay bytes: aevb converts them when it gathers a minibatch
    return Training(shape, X, n_threads=task["n_threads"])


def peak(n_threads: int) -> float:
    from workload import fma_peak

    return fma_peak(n_threads)


if __name__ == "__main__":
    serve(build, peak)
