"""A contestant of peers.py: a process that trains in its turn and otherwise sleeps.

Its first argument is the task, as JSON. When it is ready, it answers with a line of JSON. If it
cannot run, that line says why. Each line of its input is a number of seconds. The process then
trains for about that time and answers with the time it took. The peers' environments import this
module, so it needs NumPy only.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

LEARNING_RATE = 0.02
WARMUP_STEPS = 20  # Adagrad: the factor sqrt(t / (t + 20)) scales step t, as in aevb
INIT_SCALE = 0.1
LOG_VAR_FLOOR = -10.0
RAMP_STEPS = 400  # about this many steps come before the bound that the parent compares

# Trains for that many minibatches and returns the mean bound per row over them.
Train = Callable[[int], float]


def load_rows(task: dict[str, Any]) -> np.ndarray:
    """Return all rows as float32 in [0, 1]. The conversion is not timed."""
    X = np.load(task["data"])
    return X.astype(np.float32) / 255 if X.dtype == np.uint8 else X


def layer_sizes(task: dict[str, Any]) -> tuple[list[int], list[int], int]:
    """Encoder widths from the data up, decoder widths from z up, number of outputs per pixel."""
    encoder = [task["n_visible"], *task["hidden"]]
    decoder = [task["n_components"], *reversed(task["hidden"])]
    return encoder, decoder, 1 if task["likelihood"] == "bernoulli" else 2


def serve(build: Callable[[dict[str, Any]], Train], peak: Callable[[int], float] | None = None):
    """Run the protocol. `build` imports the framework and compiles. `peak` measures the machine."""
    task = json.loads(sys.argv[1])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a framework prints must not mix with the answers
    # This comes before the import of the framework, because some frameworks count the cores then.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: task["n_threads"]])

    def answer(**values: Any) -> None:
        print(json.dumps(values), file=answers, flush=True)

    try:
        train = build(task)
    except ImportError as error:
        return answer(absent=str(error))
    n_steps = task["steps_per_call"]
    first = train(n_steps)
    for _ in range(max(1, RAMP_STEPS // n_steps - 1)):
        bound = train(n_steps)
    answer(first=first, bound=bound)
    for line in sys.stdin:
        peaks = [peak(task["n_threads"])] if peak else []
        start, done, elapsed = time.perf_counter(), 0, 0.0
        while elapsed < float(line):
            bound = train(n_steps)
            done += n_steps
            elapsed = time.perf_counter() - start
        if peak:
            peaks.append(peak(task["n_threads"]))
        answer(ms=1e3 * elapsed / done, bound=bound, peak=sum(peaks) / 2 if peak else None)
    return None
