"""n_threads=None beside fixed numbers of threads, on a quiet machine and beside another process.

    python bench/threads.py [--rounds 5] [--seconds 4] [--nets small large]

Each net is fitted with None and with every fixed number, in turns, in processes of their own. Then
the same again, while a process that never waits is pinned to the last core. The table has medians
of the seconds of a fit, and the time of None over that of the best fixed number. A fit has as many
epochs as take about `--seconds` on one thread.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import statistics
import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from aevb import AEVB
from aevb.core.thread_search import candidates_up_to
from aevb.core.threads import resolve_threads

NETS: dict[str, tuple[int, dict[str, Any]]] = {  # columns, and settings
    "small": (64, {"n_components": 3, "hidden_layer_sizes": (100,)}),
    "large": (784, {"n_components": 20, "hidden_layer_sizes": (500,)}),
}
N_ROWS = 5000


def fit(net: str, n_threads: int | None, n_epochs: int) -> tuple[float, int]:
    """Return the seconds of a fit, and the threads of its end."""
    n_columns, settings = NETS[net]
    X = np.random.default_rng(0).random((N_ROWS, n_columns), dtype=np.float32)
    X[X < 0.8] = 0.0
    model = AEVB.published(
        **settings, likelihood="bernoulli", n_threads=n_threads, n_epochs=n_epochs, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so few epochs are too few
        begin = time.perf_counter()
        model.fit(X)
    return time.perf_counter() - begin, model.n_threads_


def in_process(net: str, n_threads: int | None, n_epochs: int) -> tuple[float, int]:
    """Fit in a new process: no threads are left from the fit before."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(fit, (net, n_threads, n_epochs))


def never_wait(core: int) -> None:
    """Use a core until the end."""
    os.sched_setaffinity(0, {core})
    while True:
        sum(range(10_000))


@contextlib.contextmanager
def another_process(busy: bool) -> Iterator[None]:
    """Run a process on the last core during the block, if `busy`."""
    if not busy:
        yield
        return
    core = max(os.sched_getaffinity(0))
    other = multiprocessing.get_context("spawn").Process(target=never_wait, args=(core,))
    other.start()
    try:
        time.sleep(2.0)  # until it has started
        yield
    finally:
        other.kill()
        other.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--nets", nargs="+", choices=NETS, default=list(NETS))
    args = parser.parse_args()
    fixed = candidates_up_to(resolve_threads(None))
    print(f"| net | machine | {' | '.join(map(str, fixed))} | None | found | ratio |")
    print("|---|---|" + "---:|" * (len(fixed) + 3))
    for net in args.nets:
        few, many = (in_process(net, 1, n)[0] for n in (2, 12))
        n_epochs = max(1, round(args.seconds / ((many - few) / 10)))
        for busy in (False, True):
            times: dict[int | None, list[float]] = {n: [] for n in (*fixed, None)}
            found: list[int] = []
            with another_process(busy):
                for turn in range(args.rounds):
                    for n in times if turn % 2 == 0 else reversed(times):
                        seconds, used = in_process(net, n, n_epochs)
                        times[n].append(seconds)
                        if n is None:
                            found.append(used)
            medians = {n: statistics.median(of) for n, of in times.items()}
            ratio = medians[None] / min(medians[n] for n in fixed)
            machine = "one core busy" if busy else "quiet"
            cells = [f"{median:.2f}" for median in medians.values()]
            cells += [" ".join(map(str, sorted(found))), f"{ratio:.3f}"]
            print(f"| {net} | {machine} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
