"""Full variational Bayes beside the MAP estimate: test log-likelihoods over a training on MNIST.

    python bench/weight_posterior.py [--samples 1e7] [--kinds none gaussian-decoder gaussian]

The setting is that of figure 3 of the paper: 1000 training rows, 3 latent and 100 hidden units, and
the learning rate that `aevb reproduce figure3` finds. The log-likelihoods are of the first 1000
test rows, by importance sampling from the encoder, in nats per row. "at the mean" is for the
posterior mean of the weights, and "training rows" too. "predictive" averages p(x) over draws of
the weights. The KL divergence of the weights is per training row.
"""

from __future__ import annotations

import argparse

from aevb import AEVB, Evaluator, Trainer, datasets

KINDS = (None, "gaussian-decoder", "gaussian")
POINTS = (2e5, 5e5, 1e6, 2e6, 5e6, 1e7, 2e7)
N_TRAIN = N_TEST = 1000
N_WEIGHT_DRAWS = 5
N_DRAWS = 100  # of z


def curve(kind, train, test, n_samples, n_threads, weight_decay):
    """Train, and print a line for each point."""
    settings = {"learning_rate": 0.1, "random_state": 0, "n_threads": n_threads}
    settings["weight_decay"] = weight_decay
    model = AEVB.published(3, hidden_layer_sizes=(100,), weight_posterior=kind, **settings)
    trainer = Trainer(model, train)
    for point in [p for p in POINTS if p < n_samples] + [n_samples]:
        trainer.run(point)
        judge = Evaluator(model, random_state=0)
        at_mean = judge.log_likelihood(test, n_draws=N_DRAWS).mean
        of_train = judge.log_likelihood(train, n_draws=N_DRAWS).mean
        cells = [str(kind), f"{point / 1e6:g} M", f"{of_train:.1f}", f"{at_mean:.1f}", "", ""]
        if kind is not None:
            draws = {"n_draws": N_DRAWS, "n_weight_draws": N_WEIGHT_DRAWS}
            cells[4] = f"{judge.log_likelihood(test, **draws).mean:.1f}"
            cells[5] = f"{model.weight_kl_ / N_TRAIN:.1f}"
        print(f"| {' | '.join(cells)} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=float, default=1e7)
    parser.add_argument("--kinds", nargs="+", choices=[str(kind).lower() for kind in KINDS])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--weight-decay", type=float, default=1.0)
    args = parser.parse_args()
    mnist = datasets.load_mnist()
    train, test = mnist.train[:N_TRAIN], mnist.test[:N_TEST]
    print("| weights | samples | training rows | at the mean | predictive | KL / N |")
    print("|---|---:|---:|---:|---:|---:|")
    for kind in KINDS:
        if args.kinds is None or str(kind).lower() in args.kinds:
            curve(kind, train, test, args.samples, args.threads, args.weight_decay)


if __name__ == "__main__":
    main()
