"""Figure 2: the bounds of AEVB and wake-sleep on MNIST and Frey Face against samples."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aevb import datasets
from aevb.estimators.aevb import AEVB
from aevb.estimators.base import LatentVariableModel
from aevb.estimators.wake_sleep import WakeSleep
from aevb.paper.curves import draw, read_published, run_all, table
from aevb.paper.runs import Row, Run, curve_points, trace

ALGORITHMS: dict[str, type[LatentVariableModel]] = {"aevb": AEVB, "wake-sleep": WakeSleep}
COMPONENTS = {"mnist": (3, 5, 10, 20, 200), "frey": (2, 5, 10, 20)}
_TITLES = {"mnist": "MNIST", "frey": "Frey"}
_MANY = {"aevb": 100, "wake-sleep": 20}  # latent units on MNIST; then 0.1 is too wide a start
_N_FACES = 1600  # training rows, chosen at random from 1965; the paper names no split


def load(dataset: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return training and test rows."""
    if dataset == "mnist":
        mnist = datasets.load_mnist()
        return mnist.train, mnist.test
    # The paper's densities are those of grey levels in [0, 1].
    faces = datasets.load_frey_face() * np.float32(1 / 255)
    order = np.random.default_rng(0).permutation(len(faces))
    return faces[order[:_N_FACES]], faces[order[_N_FACES:]]


def start_scale(dataset: str, algorithm: str, n_components: int) -> float:
    """Return the standard deviation of a run's initial parameters.

    The paper's N(0, 0.01) may mean 0.1 or 0.01. From 0.1, the noise of many latent units saturates
    the decoder's hidden units.
    """
    return 0.01 if dataset == "mnist" and n_components >= _MANY[algorithm] else 0.1


def make_model(dataset: str, algorithm: str, n_components: int, seed: int) -> LatentVariableModel:
    """Return an estimator with the paper's settings."""
    shape: dict[str, Any] = {"hidden_layer_sizes": (500,)}
    if dataset == "frey":
        shape = {"hidden_layer_sizes": (200,), "likelihood": "bounded-gaussian"}
    return ALGORITHMS[algorithm].published(n_components, **shape, random_state=seed)


def run_one(run: Run, folder: Path, n_threads: int | None, *, progress: bool) -> list[Row]:
    """Return the rows of one curve."""
    train, test = load(run.dataset)

    def judge(model: LatentVariableModel) -> dict[str, float]:
        return {"train_bound": model.score(train), "test_bound": model.score(test)}

    say = partial(print, flush=True)
    return trace(run, train, judge, folder, n_threads=n_threads, progress=progress, say=say)


def make_run(
    dataset: str,
    algorithm: str,
    n_components: int,
    seed: int = 0,
    *,
    learning_rate: float | str,
    n_samples: float,
    init_scale: float | None = None,
) -> Run:
    """Return the run of one curve."""
    if init_scale is None:
        init_scale = start_scale(dataset, algorithm, n_components)
    model = partial(make_model, dataset, algorithm, n_components, seed)
    points = curve_points(n_samples)
    return Run(dataset, algorithm, n_components, seed, model, learning_rate, points, init_scale)


def _axes(title: str) -> dict[str, Any]:
    """Return the settings of a panel, with the paper's axes."""
    limits = (-150, -95) if title.startswith(_TITLES["mnist"]) else (0, 1600)
    labels = {"xlabel": "training samples", "ylabel": "bound, nats per row"}
    return {"xscale": "log", "ylim": limits, **labels}


def reproduce(
    out: Path,
    *,
    chosen: Sequence[str] = ("mnist", "frey"),
    n_components: Sequence[int] | None = None,
    algorithms: Sequence[str] = tuple(ALGORITHMS),
    n_samples: float = 1e7,
    n_seeds: int = 1,
    learning_rate: float | str = "auto",
    init_scale: float | None = None,
    published: Path | None = None,
    n_jobs: int = 1,
    progress: bool = False,
) -> list[Row]:
    """Run or continue all runs, and write figure2.csv and figure2.png to `out`.

    Parameters
    ----------
    out : Path
        Folder of the results. Its folder ``runs`` has a checkpoint of each run, from which a later
        call continues.
    chosen : sequence of {"mnist", "frey"}
        Data sets.
    n_components : sequence of int, default=None
        Numbers of latent units. None means those of the figure.
    algorithms : sequence of {"aevb", "wake-sleep"}
        Algorithms.
    n_samples : float, default=1e7
        Samples to train on.
    n_seeds : int, default=1
        Runs per curve, with the seeds 0, 1, ...
    learning_rate : float or "auto", default="auto"
        Learning rate. "auto" tries the paper's three on the first tenth of the samples.
    init_scale : float, default=None
        Standard deviation of the initial parameters. None means 0.01 for many latent units on
        MNIST (AEVB: 100, wake-sleep: 20 or more), and 0.1 otherwise. The paper's N(0, 0.01) may
        mean either.
    published : Path, default=None
        CSV file of the published curves: panel, algorithm, set, samples, bound_nats.
    n_jobs : int, default=1
        Number of parallel runs, by joblib. On one machine they share its cores.
    progress : bool, default=False
        Whether to show progress bars.

    Returns
    -------
    rows : list of dict
        The rows of figure2.csv.
    """
    settings: dict[str, Any] = {"learning_rate": learning_rate, "init_scale": init_scale}
    runs = [
        make_run(dataset, algorithm, n, seed, n_samples=n_samples, **settings)
        for dataset in chosen
        for n in (n_components or COMPONENTS[dataset])
        for algorithm in algorithms
        for seed in range(n_seeds)
    ]
    rows = run_all(runs, run_one, out / "figure2.csv", n_jobs=n_jobs, progress=progress)
    theirs = read_published(published, "samples", "bound_nats")
    shown: dict[str, Any] = {
        "panel_of": lambda row: f"{_TITLES[row['dataset']]} Nz={row['n_components']}",
        "column": "bound",
    }
    print(table(rows, theirs, **shown))
    draw(rows, theirs, out / "figure2.png", axes=_axes, **shown)
    return rows
