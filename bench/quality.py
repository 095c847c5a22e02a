"""Bounds after a million samples beside the paper's, on MNIST and Frey Face.

    python bench/quality.py --published figure2.csv

The script looks for the data in AEVB_DATA first. The published curves of figure 2 come as a CSV
with the columns panel, algorithm, set, samples, bound_nats. Without this file, the script prints no
published values.
"""

from __future__ import annotations

import argparse
import csv

import numpy as np

from aevb import AEVB, datasets

SAMPLES = 1_000_000


def published_bounds(path):
    """Return {(panel, set): bound} of AEVB at SAMPLES."""
    if path is None:
        return {}
    with open(path, newline="") as file:
        return {
            (row["panel"], row["set"]): float(row["bound_nats"])
            for row in csv.DictReader(file)
            if row["algorithm"] == "aevb" and int(row["samples"]) == SAMPLES
        }


def report(panel, published, train, test, make_model, seeds):
    bounds = []
    for seed in seeds:
        model = make_model(seed).fit(train)
        bounds.append((model.score(train), model.score(test)))
        print(f"  seed {seed}: train {bounds[-1][0]:.2f}, test {bounds[-1][1]:.2f}", flush=True)
    for column, name in enumerate(("train", "test")):
        values = np.array(bounds)[:, column]
        paper = published.get((panel, name))
        print(
            f"{panel}, {name}: {values.mean():.2f} (seeds {values.min():.2f} to {values.max():.2f})"
            + (f", published {paper:.2f}" if paper is not None else "")
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--published", help="CSV of figure 2's curves")
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    published = published_bounds(args.published)
    seeds = range(args.seeds)

    mnist = datasets.load_mnist()
    for n_components in (10, 20):
        report(
            f"MNIST Nz={n_components}",
            published,
            mnist.train,
            mnist.test,
            lambda seed, n=n_components: AEVB.published(n, n_epochs=20, random_state=seed),
            seeds,
        )
    # The paper names no split of Frey Face. Here, 1600 rows in random order are training data.
    faces = datasets.load_frey_face() * np.float32(1 / 255)  # bounds of grey levels in [0, 1]
    order = np.random.default_rng(0).permutation(len(faces))
    report(
        "Frey Nz=10",
        published,
        faces[order[:1600]],
        faces[order[1600:]],
        lambda seed: AEVB.published(
            10,
            hidden_layer_sizes=(200,),
            likelihood="bounded-gaussian",
            n_epochs=SAMPLES // 1600,
            random_state=seed,
        ),
        seeds,
    )


if __name__ == "__main__":
    main()
