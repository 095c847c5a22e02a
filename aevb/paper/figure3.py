"""Figure 3: marginal log-likelihood of AEVB, wake-sleep and Monte Carlo EM on MNIST."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import joblib

from aevb import AEVB, MCEM, Evaluator, WakeSleep, datasets
from aevb._base import LatentVariableModel
from aevb._engine import resolve_threads
from aevb.paper.runs import Row, Run, trace, write_rows

ALGORITHMS: dict[str, type[LatentVariableModel]] = {
    "aevb": AEVB,
    "wake-sleep": WakeSleep,
    "mcem": MCEM,
}
N_TRAIN = (1000, 50_000)
_N_JUDGED = 1000  # rows of each set
_AIS: dict[str, Any] = {"start": "prior", "n_draws": 5, "n_temperatures": 100}
_POINTS = (1e6, 2e6, 3e6, 5e6, 10e6, 20e6, 30e6, 40e6, 50e6, 60e6)  # as far as the paper's axis


def make_model(algorithm: str, seed: int, learning_rate: float) -> LatentVariableModel:
    """Return an estimator with the paper's settings: three latent variables, 100 units."""
    options: dict[str, Any] = {"learning_rate": learning_rate, "random_state": seed}
    return ALGORITHMS[algorithm](3, hidden_layer_sizes=(100,), **options)


def load(n_train: int) -> tuple[Any, Any]:
    """Return training and test rows."""
    mnist = datasets.load_mnist()
    return mnist.train[:n_train], mnist.test


def run_one(run: Run, n_train: int, folder: Path, n_threads: int, *, progress: bool) -> list[Row]:
    """Trace one curve."""
    train, test = load(n_train)

    def judge(model: LatentVariableModel) -> dict[str, float]:
        evaluator = Evaluator(model, random_state=run.seed, n_threads=n_threads)
        columns: dict[str, float] = {}
        for name, rows in (("train", train[:_N_JUDGED]), ("test", test[:_N_JUDGED])):
            columns[f"{name}_log_likelihood"] = evaluator.log_likelihood(rows, "hmc").mean
            columns[f"{name}_ais"] = evaluator.log_likelihood(rows, "ais", **_AIS).mean
        return columns

    say = partial(print, flush=True)
    return trace(run, train, judge, folder, n_threads=n_threads, progress=progress, say=say)


def reproduce(
    out: Path,
    *,
    n_train: Sequence[int] = N_TRAIN,
    algorithms: Sequence[str] = tuple(ALGORITHMS),
    n_samples: float = 1e7,
    n_seeds: int = 1,
    learning_rate: float | None = None,
    published: Path | None = None,
    n_jobs: int = 1,
    progress: bool = False,
) -> list[Row]:
    """Run what is missing, and write figure3.csv and figure3.png to `out`.

    The first 1000 rows of training and test set are judged by the paper's estimator (appendix D)
    and, beside it, by annealed importance sampling from the prior. A sample is a row that goes into
    a weight update: a visit of Monte Carlo EM counts its ``n_updates``.

    Parameters
    ----------
    out : Path
        Folder of the results; its folder ``runs`` holds a checkpoint for each run.
    n_train : sequence of int
        Sizes of the training set.
    algorithms : sequence of {"aevb", "wake-sleep", "mcem"}
        Algorithms.
    n_samples : float, default=1e7
        Samples to train on.
    n_seeds : int, default=1
        Runs of each kind, of seeds 0, 1, ...
    learning_rate : float, default=None
        Step size; None tries the paper's three on the first samples.
    published : Path, default=None
        CSV of the published curves, drawn thin: panel, algorithm, set, samples_millions,
        marginal_log_likelihood_nats.
    n_jobs : int, default=1
        Runs at a time, by joblib; they share the cores.
    progress : bool, default=False
        Show bars.

    Returns
    -------
    rows : list of dict
        The rows of figure3.csv.
    """
    points = [int(point) for point in _POINTS if point < n_samples] + [int(n_samples)]
    runs = [
        (
            Run(
                f"mnist{n}",
                algorithm,
                3,
                seed,
                partial(make_model, algorithm, seed),
                learning_rate,
                points,
            ),
            n,
        )
        for n in n_train
        for algorithm in algorithms
        for seed in range(n_seeds)
    ]
    n_threads = max(1, resolve_threads(None) // n_jobs)
    curves = joblib.Parallel(n_jobs=n_jobs)(
        joblib.delayed(run_one)(run, n, out / "runs", n_threads, progress=progress and n_jobs == 1)
        for run, n in runs
    )
    rows = [row for curve in curves for row in curve]
    write_rows(out / "figure3.csv", rows)
    draw(rows, read_published(published), out / "figure3.png")
    return rows


def read_published(path: Path | None) -> dict[tuple[str, str, str], list[tuple[float, float]]]:
    """Return {(panel, algorithm, set): [(millions, nats)]} of a CSV of published curves."""
    curves: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    if path is not None:
        with open(path, newline="") as file:
            for row in csv.DictReader(file):
                key = row["panel"], row["algorithm"], row["set"]
                value = float(row["marginal_log_likelihood_nats"])
                curves.setdefault(key, []).append((float(row["samples_millions"]), value))
    return curves


def draw(
    rows: Sequence[Row],
    published: dict[tuple[str, str, str], list[tuple[float, float]]],
    path: Path,
) -> None:
    """Draw a panel for each training size: train solid, test dashed, millions of samples."""
    from aevb.plots import offscreen_figure

    panels = list(dict.fromkeys(row["dataset"] for row in rows))
    figure = offscreen_figure(5.0 * len(panels), 4.0)
    most = max(float(row["samples"]) for row in rows) / 1e6
    for i, dataset in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), i + 1)
        title = f"N={dataset.removeprefix('mnist')}"
        for algorithm, colour in zip(ALGORITHMS, ("C3", "C2", "C0"), strict=True):
            for which, style in (("train", "-"), ("test", "--")):
                for seed in dict.fromkeys(row["seed"] for row in rows):
                    kind = (dataset, algorithm, seed)
                    curve = [
                        (float(row["samples"]) / 1e6, float(row[f"{which}_log_likelihood"]))
                        for row in rows
                        if (row["dataset"], row["algorithm"], row["seed"]) == kind
                    ]
                    if curve:
                        label = f"{algorithm} ({which})"
                        axes.plot(*zip(*curve, strict=True), style, color=colour, label=label)
                points = published.get((title, algorithm, which), [])
                theirs = [point for point in points if point[0] <= most]
                if theirs:
                    axes.plot(*zip(*theirs, strict=True), style, color=colour, lw=0.5, alpha=0.7)
        axes.set(title=title, xlabel="training samples (millions)")
        if i == 0:
            axes.set_ylabel("log p(x), nats per row")
            axes.legend(fontsize="x-small")
    figure.savefig(path, dpi=120)
