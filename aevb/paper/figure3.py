"""Figure 3: the marginal log-likelihoods of AEVB, wake-sleep and Monte Carlo EM on MNIST."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from aevb import datasets
from aevb.estimators.aevb import AEVB
from aevb.estimators.base import LatentVariableModel
from aevb.estimators.mcem import MCEM
from aevb.estimators.wake_sleep import WakeSleep
from aevb.evaluation.evaluator import Evaluator
from aevb.paper.curves import draw, read_published, run_all, table
from aevb.paper.runs import Row, Run, trace

ALGORITHMS: dict[str, type[LatentVariableModel]] = {
    "aevb": AEVB,
    "wake-sleep": WakeSleep,
    "mcem": MCEM,
}
N_TRAIN = (1000, 50_000)
_N_JUDGED = 1000  # rows of each set
_AIS: dict[str, Any] = {"start": "prior", "n_draws": 5, "n_temperatures": 100}
_POINTS = (1e6, 2e6, 3e6, 5e6, 10e6, 20e6, 30e6, 40e6, 50e6, 60e6)  # the paper's axis ends at 60e6


def make_model(algorithm: str, seed: int) -> LatentVariableModel:
    """Return an estimator with the paper's settings: 3 latent and 100 hidden units."""
    options: dict[str, Any] = {"random_state": seed}
    return ALGORITHMS[algorithm].published(3, hidden_layer_sizes=(100,), **options)


def load(n_train: int) -> tuple[Any, Any]:
    """Return training and test rows."""
    mnist = datasets.load_mnist()
    return mnist.train[:n_train], mnist.test


def run_one(run: Run, folder: Path, n_threads: int | None, *, progress: bool) -> list[Row]:
    """Return the rows of one curve."""
    train, test = load(int(run.dataset.removeprefix("mnist")))

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
    learning_rate: float | str = "auto",
    init_scale: float = 0.1,
    published: Path | None = None,
    n_jobs: int = 1,
    progress: bool = False,
) -> list[Row]:
    """Run or continue all runs, and write figure3.csv and figure3.png to `out`.

    The log-likelihoods are of the first 1000 training rows and test rows, in nats. One column is by
    the paper's method (appendix D), another by annealed importance sampling from the prior. A
    sample is a row in an update of the weights. A visit of Monte Carlo EM counts ``n_updates``
    times.

    Parameters
    ----------
    out : Path
        Folder of the results. Its folder ``runs`` has a checkpoint of each run.
    n_train : sequence of int
        Numbers of training rows.
    algorithms : sequence of {"aevb", "wake-sleep", "mcem"}
        Algorithms.
    n_samples : float, default=1e7
        Samples to train on.
    n_seeds : int, default=1
        Runs per curve, with the seeds 0, 1, ...
    learning_rate : float or "auto", default="auto"
        Learning rate. "auto" tries the paper's three on the first tenth of the samples.
    init_scale : float, default=0.1
        Standard deviation of the initial parameters. The paper's N(0, 0.01) may also mean 0.01.
    published : Path, default=None
        CSV file of the published curves: panel, algorithm, set, samples_millions,
        marginal_log_likelihood_nats.
    n_jobs : int, default=1
        Number of parallel runs, by joblib. On one machine they share its cores.
    progress : bool, default=False
        Whether to show progress bars.

    Returns
    -------
    rows : list of dict
        The rows of figure3.csv.
    """
    points = [int(point) for point in _POINTS if point < n_samples] + [int(n_samples)]
    runs = [
        Run(
            f"mnist{n}",
            algorithm,
            3,
            seed,
            partial(make_model, algorithm, seed),
            learning_rate,
            points,
            init_scale,
        )
        for n in n_train
        for algorithm in algorithms
        for seed in range(n_seeds)
    ]
    rows = run_all(runs, run_one, out / "figure3.csv", n_jobs=n_jobs, progress=progress)
    theirs = read_published(published, "samples_millions", "marginal_log_likelihood_nats")
    shown: dict[str, Any] = {
        "panel_of": lambda row: f"N={row['dataset'].removeprefix('mnist')}",
        "column": "log_likelihood",
        "unit": 1e6,
    }
    print(table(rows, theirs, **shown))
    axes = {"xlabel": "training samples (millions)", "ylabel": "log p(x), nats per row"}
    draw(rows, theirs, out / "figure3.png", axes=lambda title: axes, **shown)
    return rows
