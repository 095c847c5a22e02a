"""Time wake-sleep beside AEVB's step, and HMC and importance sampling beside the FMA peak.

    python bench/rivals.py [--rounds 7] [--peer-python PYTHON]

All run on two threads, and the times are medians of interleaved rounds. HMC: 1000 rows of 784
binary values, 100 tanh units, 3 latent units, 4 leapfrog steps. With --peer-python, the same HMC in
JAX runs beside it. It is written by hand over the batch (peer_hmc.py), in a process that sleeps
between its turns. Importance sampling: 784-500-20, the 10 000 test rows of MNIST, 1000 draws each,
three rounds.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
from pathlib import Path

import numpy as np
from shapes import MAIN, Shape, dense_rows
from workload import Training, fma_peak, interleave, make_config, seconds_of

from aevb import AEVB, Evaluator, _core, datasets

N_THREADS = 2
SAMPLED = Shape(784, (100,), 3)
N_CHAINS, N_LEAPFROG, N_TRANSITIONS = 1000, 4, 50


class Peer:
    """peer_hmc.py in another Python environment."""

    def __init__(self, python):
        self.process = subprocess.Popen(
            [python, Path(__file__).with_name("peer_hmc.py"), str(N_TRANSITIONS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.process.stdout.readline()  # it prints a line after it has compiled

    def __call__(self):
        print(file=self.process.stdin, flush=True)
        self.process.stdout.readline()


def wake_sleep(rounds):
    X = dense_rows(20_000, MAIN.n_visible)
    algorithms = {
        name: Training(MAIN, X, n_threads=N_THREADS, algorithm=name)
        for name in ("aevb", "wake-sleep")
    }
    times = interleave({n: lambda t=t: t(100) for n, t in algorithms.items()}, rounds)
    ratio = np.median(times["wake-sleep"] / times["aevb"])
    print(f"wake-sleep, {MAIN}: {ratio:.2f} x AEVB's step")


def hmc(rounds, peer_python):
    X = (np.random.default_rng(0).random((N_CHAINS, SAMPLED.n_visible)) < 0.2).astype(np.float32)
    model = _core.Model(make_config(SAMPLED))
    chains = _core.PosteriorChains(
        model,
        _core.Rows(X),
        np.zeros((N_CHAINS, SAMPLED.n_components), np.float32),
        n_leapfrog=N_LEAPFROG,
        adaptation="dual-averaging",
        per_chain=True,
        target_accept=0.9,
        seed=0,
    )
    chains.run(100, adapt=True, keep=False, n_threads=N_THREADS)
    chains.freeze()
    contestants = {
        "aevb": lambda: chains.run(N_TRANSITIONS, adapt=False, keep=False, n_threads=N_THREADS)
    }
    if peer_python:
        contestants["JAX"] = Peer(peer_python)
    peak = fma_peak(N_THREADS)
    times = interleave(contestants, rounds)
    rate = N_CHAINS * N_TRANSITIONS / np.median(times["aevb"])
    forward = SAMPLED.forward_flops()
    flops = 2 * (forward["decoder"] + forward["outputs"]) * N_LEAPFROG  # and as many backward
    print(f"HMC, {SAMPLED}: {rate / 1e3:.0f} thousand transitions per second, ", end="")
    print(f"{rate * flops / peak:.0%} of the FMA peak", end="")
    if peer_python:
        print(f", {np.median(times['JAX'] / times['aevb']):.2f} x JAX by hand", end="")
    acceptance = chains.acceptance_sum.mean() / N_TRANSITIONS / (rounds + 1)
    print(f" (acceptance {acceptance:.2f})")


def importance(rounds):
    mnist = datasets.load_mnist()
    model = AEVB.published(
        MAIN.n_components, hidden_layer_sizes=MAIN.hidden, n_epochs=2, random_state=0
    )
    model.set_params(n_threads=N_THREADS).fit(mnist.train)
    evaluator, rows, n_draws = Evaluator(model), mnist.test, 1000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    forward = MAIN.forward_flops()
    flops = len(rows) * (MAIN.encode_flops() + n_draws * (forward["decoder"] + forward["outputs"]))
    shares = []
    for _ in range(rounds):
        peak = fma_peak(N_THREADS)
        seconds = seconds_of(lambda: evaluator.log_likelihood(rows, n_draws=n_draws))
        shares.append(flops / seconds / peak)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"importance sampling, {MAIN}: {np.median(shares):.0%} of the FMA peak, ", end="")
    print(f"{grown:.0f} MB beyond data and model")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--peer-python", help="a Python that has jax")
    args = parser.parse_args()
    wake_sleep(args.rounds)
    hmc(args.rounds, args.peer_python)
    importance(min(args.rounds, 3))


if __name__ == "__main__":
    main()
