"""The table of importance weighted autoencoders on MNIST, with one stochastic layer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aevb import datasets
from aevb.estimators.aevb import AEVB
from aevb.estimators.base import LatentVariableModel
from aevb.evaluation.evaluator import Evaluator
from aevb.paper.runs import Row, Run, trace, write_rows

N_DRAWS = (1, 5, 50)
N_SAMPLES = 24_000_000  # 400 epochs; the published values have 3280
LEARNING_RATE = 2e-3
# Burda, Grosse, Salakhutdinov, arXiv:1509.00519, table 1: -log p(x) of the test rows, active units
PUBLISHED = {1: (86.76, 19), 5: (85.54, 22), 50: (84.78, 25)}
_N_JUDGED_BY = 5000  # draws of z per test row
_BINARISATION = 0  # seed
_WHITE = 255  # grey level


def make_model(k: int) -> AEVB:
    """Return the estimator of the row with k draws: 784-200-200-50, tanh."""
    return AEVB(
        50,
        hidden_layer_sizes=(200, 200),
        activation="tanh",
        likelihood="bernoulli",
        binarize="dynamic",
        bound_estimator="analytic-kl" if k == 1 else "importance-weighted",
        n_draws=k,
        optimizer="adam",
        learning_rate_schedule="cosine",
        weight_decay=1.0,
        batch_size=100,
        early_stopping=False,
        random_state=0,
    )


def load() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return all 60 000 training rows as grey levels, and the test rows, each pixel 0 or 255."""
    mnist = datasets.load_mnist(n_validation=0)
    return mnist.train, binarised(mnist.test)


def binarised(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Make each pixel white with the probability grey / 255, by a fixed seed."""
    uniform = np.random.default_rng(_BINARISATION).random(grey.shape, dtype=np.float32)
    white: NDArray[np.uint8] = np.uint8(_WHITE) * (uniform * np.float32(_WHITE) < grey)
    return white


def run_one(run: Run, folder: Path, n_threads: int | None, *, progress: bool) -> Row:
    """Return the row of one model."""
    train, test = load()

    def judge(model: LatentVariableModel) -> dict[str, float]:
        evaluator = Evaluator(model, random_state=run.seed, n_threads=n_threads, progress=progress)
        estimate = evaluator.log_likelihood(test, n_draws=_N_JUDGED_BY)
        return {
            "test_bound": evaluator.bound(test).mean,
            "test_log_likelihood": estimate.mean,
            "monte_carlo_error": float(np.linalg.norm(estimate.stderr)) / len(test),
            "effective_draws": float(np.median(estimate.diagnostics["ess"])),
            "active_units": float(evaluator.active_units(test).sum()),
        }

    say = partial(print, flush=True)
    [row] = trace(run, train, judge, folder, n_threads=n_threads, progress=progress, say=say)
    return row


def reproduce(
    out: Path,
    *,
    k: Sequence[int] = N_DRAWS,
    n_samples: float = N_SAMPLES,
    learning_rate: float = LEARNING_RATE,
    n_threads: int | None = None,
    progress: bool = False,
) -> list[Row]:
    """Train or continue the models, print the table, and write it to iwae.csv.

    The training rows are binarised afresh at each visit, the test rows once. The log-likelihood is
    by importance sampling with 5000 draws. k = 1 maximises the paper's bound (eq. 7), and a larger
    k the importance-weighted bound of k draws.

    Parameters
    ----------
    out : Path
        Folder of the results. Its folder ``runs`` has a checkpoint of each run, from which a later
        call continues.
    k : sequence of int, default=(1, 5, 50)
        Numbers of draws of z per row in training. Each gives a row of the table.
    n_samples : float, default=2.4e7
        Rows to train on, each visit counted. The learning rate falls to 0 over them, by a cosine.
    learning_rate : float, default=2e-3
        Learning rate of Adam at the start.
    n_threads : int, default=None
        Threads of the core. None means all cores.
    progress : bool, default=False
        Whether to show progress bars.

    Returns
    -------
    rows : list of dict
        The rows of iwae.csv.
    """
    rows = []
    for draws in k:
        model, points = partial(make_model, draws), [int(n_samples)]
        run = Run("mnist", f"iwae{draws}", 50, 0, model, learning_rate, points, "auto")
        row = run_one(run, out / "runs", n_threads, progress=progress)
        rows.append({"k": str(draws), **row})
        write_rows(out / "iwae.csv", rows)
    print(table(rows))
    return rows


def table(rows: Sequence[Row]) -> str:
    """Return a Markdown table of the rows, with the published values."""
    lines = [
        "| k | -log p(x) | published | active units | published | bound | effective draws "
        "| samples | seconds |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        theirs = PUBLISHED.get(int(row["k"]))
        cells = [
            row["k"],
            f"{-float(row['test_log_likelihood']):.2f}",
            "" if theirs is None else f"{theirs[0]:.2f}",
            f"{float(row['active_units']):.0f}",
            "" if theirs is None else str(theirs[1]),
            f"{float(row['test_bound']):.2f}",
            f"{float(row['effective_draws']):.0f}",
            f"{float(row['samples']):g}",
            f"{float(row['seconds']):.0f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
