"""Figure 3 of the paper: marginal log-likelihood of AEVB, wake-sleep and Monte Carlo EM on MNIST.

    python bench/figure3.py --published figure3.csv [--n-train 1000] [--millions 1 2 3 5 10]

Decoders of 100 tanh units and three latent variables. After each number of samples the first 1000
rows of training and test set are judged by the paper's estimator (appendix D), and after the last
one by annealed importance sampling too. A sample is a row that goes into a weight update: a visit
of Monte Carlo EM counts n_updates. Step sizes are chosen as in the paper, from three, by the score
of training rows early on. Writes figure3.csv and figure3.png to --out.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path

import numpy as np

from aevb import AEVB, MCEM, Evaluator, Trainer, WakeSleep, datasets

ALGORITHMS = {"aevb": AEVB, "wake-sleep": WakeSleep, "mcem": MCEM}
LEARNING_RATES = (0.01, 0.02, 0.1)
TRIAL = 100_000  # samples after which one is chosen
N_JUDGED = 1000
N_JUDGED_EARLY = 300


def make_trainer(algorithm, learning_rate, X, seed):
    model = ALGORITHMS[algorithm](
        3, hidden_layer_sizes=(100,), learning_rate=learning_rate, random_state=seed
    )
    return Trainer(model, X)


def run(trainer, n_samples):
    """Train until so many rows have gone into weight updates."""
    trainer.run(n_samples / getattr(trainer.model, "n_updates", 1))


def choose(algorithm, X, seed):
    """Return the trainer of the best step size, and that."""
    trials = {}
    for rate in LEARNING_RATES:
        trainer = make_trainer(algorithm, rate, X, seed)
        run(trainer, TRIAL)
        trials[rate] = (trainer.model.score(X[:N_JUDGED_EARLY]), trainer)
    best = max(trials, key=lambda rate: trials[rate][0])
    scores = ", ".join(f"{rate:g}: {score:.1f}" for rate, (score, _) in trials.items())
    print(f"{algorithm}: score after {TRIAL} samples by step size: {scores}", flush=True)
    return trials[best][1], best


def published_values(path):
    """{(panel, algorithm, set, millions): nats}, and the points as they come."""
    if path is None:
        return {}
    with open(path, newline="") as file:
        return {
            (row["panel"], row["algorithm"], row["set"], float(row["samples_millions"])): float(
                row["marginal_log_likelihood_nats"]
            )
            for row in csv.DictReader(file)
        }


def draw(rows, published, panel, path):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 4.5))
    for colour, algorithm in zip(("C0", "C1", "C2"), ALGORITHMS, strict=True):
        for which, style in (("train", "-"), ("test", "--")):
            ours = [r for r in rows if (r["algorithm"], r["set"]) == (algorithm, which)]
            if ours:
                x, y = zip(*((r["millions"], r["log_p"]) for r in ours), strict=True)
                axes.plot(x, y, style, color=colour, label=f"{algorithm}, {which}")
                theirs = sorted(
                    (m, v)
                    for (p, a, s, m), v in published.items()
                    if (p, a, s) == (panel, algorithm, which) and m <= max(x)
                )
                if theirs:
                    axes.plot(*zip(*theirs, strict=True), style, color=colour, lw=0.5, alpha=0.6)
    axes.set(title=panel, xlabel="samples evaluated (millions)", ylabel="log p(x), nats per row")
    axes.legend(title="thin: published" if published else None, fontsize="small")
    figure.savefig(path, dpi=120, bbox_inches="tight")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--published", help="CSV of figure 3's curves")
    parser.add_argument("--n-train", type=int, default=1000)
    parser.add_argument("--millions", type=float, nargs="+", default=[1, 2, 3, 5, 10])
    parser.add_argument("--algorithms", nargs="+", choices=ALGORITHMS, default=list(ALGORITHMS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path())
    args = parser.parse_args()
    published = published_values(args.published)
    panel = f"N={args.n_train}"
    mnist = datasets.load_mnist()
    X = mnist.train[: args.n_train]
    judged = {"train": X[:N_JUDGED], "test": mnist.test[:N_JUDGED]}

    rows = []
    for algorithm in args.algorithms:
        trainer, rate = choose(algorithm, X, args.seed)
        for millions in args.millions:
            run(trainer, millions * 1e6)
            evaluator = Evaluator(trainer.model, random_state=args.seed)
            for which, data in judged.items():
                start = time.perf_counter()
                estimate = evaluator.log_likelihood(data, "hmc")
                paper = published.get((panel, algorithm, which, millions))
                rows.append(
                    {
                        "panel": panel,
                        "algorithm": algorithm,
                        "set": which,
                        "millions": millions,
                        "log_p": round(estimate.mean, 2),
                        "mean_stderr": round(estimate.mean_stderr, 2),
                        "published": paper,
                        "learning_rate": rate,
                        "seed": args.seed,
                        "training_seconds": round(trainer.history["seconds"][-1], 1),
                    }
                )
                text = f"{algorithm}, {which}, {millions:g} M: {estimate.mean:.2f}"
                if paper is not None:
                    text += f", published {paper:.2f}"
                if millions == max(args.millions):
                    other = evaluator.log_likelihood(data, "ais")
                    errors = np.sqrt(np.mean(estimate.stderr**2) + np.mean(other.stderr**2))
                    text += f", by AIS {other.mean:.2f} (errors per row {errors:.2f})"
                print(f"{text} [{time.perf_counter() - start:.0f} s]", flush=True)

    with open(args.out / "figure3.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=rows[0])
        writer.writeheader()
        writer.writerows(rows)
    draw(rows, published, panel, args.out / "figure3.png")


if __name__ == "__main__":
    main()
