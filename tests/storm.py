"""Call one model from many threads while other threads fit, and compare with serial answers.

    python tests/storm.py [seconds]

32 threads call `transform` on one fitted model, and 8 more threads fit their own models. All
answers must have the same bits as those of a single thread.
"""

import argparse
import collections
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from aevb import AEVB, MCEM, WakeSleep

X = np.random.default_rng(0).random((250, 64), dtype=np.float32)
KINDS = (AEVB, WakeSleep, AEVB, MCEM)


def at_once(jobs, n_threads):
    """Return the jobs' answers, computed on that many threads. Raise an error rather than hang."""
    with ThreadPoolExecutor(n_threads) as pool:
        waiting = [pool.submit(job) for job in jobs]
        return [job.result(timeout=120) for job in waiting]


def fit(seed):
    kind = KINDS[seed % len(KINDS)]
    model = kind.published(
        3, hidden_layer_sizes=(80,), n_epochs=2, random_state=seed, n_threads=1 + seed % 3
    )
    model.fit(X)
    return b"".join(weight.tobytes() for weight in model.weights_.values())


def blow(seconds, n_askers=32, n_fitters=8):
    """Return the number of transforms, of fits and of wrong answers."""
    model = AEVB.published(
        5, hidden_layer_sizes=(200,), n_epochs=2, random_state=0, n_threads=2
    ).fit(X)
    parts = [X[first : first + size] for first, size in [(0, 250), (7, 1), (50, 120), (100, 33)]]
    wanted = [model.transform(part).tobytes() for part in parts]
    fits = [fit(seed) for seed in range(n_fitters)]
    counts, lock = collections.Counter(transforms=0, fits=0, wrong=0), threading.Lock()
    end = time.monotonic() + seconds

    def ask(number):
        which = number % len(parts)
        while True:
            right = model.transform(parts[which]).tobytes() == wanted[which]
            with lock:
                counts["transforms"] += 1
                counts["wrong"] += not right
            if time.monotonic() > end:
                return
            which = (which + 1) % len(parts)

    def refit(seed):
        while True:
            right = fit(seed) == fits[seed]
            with lock:
                counts["fits"] += 1
                counts["wrong"] += not right
            if time.monotonic() > end:
                return

    jobs = [lambda i=i: ask(i) for i in range(n_askers)]
    jobs += [lambda i=i: refit(i) for i in range(n_fitters)]
    with ThreadPoolExecutor(len(jobs)) as pool:
        for job in [pool.submit(job) for job in jobs]:
            job.result(timeout=seconds + 300)
    return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("seconds", type=float, nargs="?", default=60.0)
    seconds = parser.parse_args().seconds
    counts = blow(seconds)
    said = ", ".join(f"{n} {what}" for what, n in counts.items())
    print(f"{seconds:g} s, 32 threads that ask and 8 that fit: {said}")
    if counts["wrong"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
