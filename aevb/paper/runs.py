"""One run of an experiment: train, and evaluate the model at each point of a curve."""

from __future__ import annotations

import csv
import json
import math
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from aevb._version import __version__
from aevb.core.engine import backend
from aevb.core.progress import Part
from aevb.estimators.base import LatentVariableModel
from aevb.training.trainer import Trainer

Row = dict[str, Any]


class Run(NamedTuple):
    """A model to train, and the points of its curve."""

    dataset: str
    algorithm: str
    n_components: int
    seed: int
    make_model: Callable[[], LatentVariableModel]
    learning_rate: float | str  # "auto" tries the paper's three
    points: Sequence[int]  # numbers of samples: rows, counted at each update of the weights
    init_scale: float | str = 0.1  # standard deviation of the initial parameters, or "auto"

    @property
    def name(self) -> str:
        """The stem of the names of the run's files."""
        return f"{self.dataset}-{self.algorithm}-{self.n_components}-{self.seed}"


def curve_points(n_samples: float) -> list[int]:
    """Return 1, 2 and 5 times the powers of ten from 1e5, below n_samples, and n_samples."""
    steps = [int(digit * 10.0**power) for power in range(5, 12) for digit in (1, 2, 5)]
    return [point for point in steps if point < n_samples] + [int(n_samples)]


def trace(
    run: Run,
    X: Any,
    judge: Callable[[LatentVariableModel], Mapping[str, float]],
    folder: Path,
    *,
    n_threads: int | None = None,
    progress: bool = False,
    say: Callable[[str], object] = print,
) -> list[Row]:
    """Return the run's curve, one row per point. Continue where an earlier call stopped.

    Parameters
    ----------
    run : Run
        The run.
    X : array-like of shape (n_samples, n_features)
        Training data.
    judge : callable
        Returns columns of a row for the model at a point.
    folder : Path
        Folder of its checkpoint, its curve and its settings.
    n_threads : int, default=None
        Threads of the core.
    progress : bool, default=False
        Whether to show a progress bar.
    say : callable, default=print
        Called with a text for each point.
    """
    folder.mkdir(parents=True, exist_ok=True)
    curve, checkpoint = folder / f"{run.name}.csv", folder / f"{run.name}.safetensors"
    rows = _read_rows(curve)
    _check_settings(run, folder)
    samples = [int(row["samples"]) for row in rows]
    if samples[: len(run.points)] == list(run.points):
        return rows[: len(run.points)]
    if samples != list(run.points[: len(rows)]):
        raise ValueError(f"{curve}: has the points {samples}, want those of {list(run.points)}")
    if checkpoint.exists():
        trainer = Trainer.resume(checkpoint, X, progress=progress)
    else:
        rows = []
        model = run.make_model()
        n_epochs = math.ceil(run.points[-1] / _n_updates(model) / X.shape[0])
        model.set_params(learning_rate=run.learning_rate, init_scale=run.init_scale)
        model.set_params(n_epochs=n_epochs, n_threads=n_threads)
        trainer = Trainer(model, X, checkpoint=checkpoint, progress=progress)
        trials = getattr(model, "learning_rate_trials_", {})
        for rate, score in trials.items():
            say(f"{run.name}: learning rate {rate:g} comes to {score:.3f}")
    trainer.model.set_params(n_threads=n_threads)
    _write_settings(run, trainer, folder)
    if progress:
        trainer.progress = Part(run.name, run.points[-1] / _n_updates(trainer.model))
    for point in run.points[len(rows) :]:
        trainer.run(point / _n_updates(trainer.model))
        rows.append(
            {
                "dataset": run.dataset,
                "algorithm": run.algorithm,
                "n_components": str(run.n_components),
                "seed": str(run.seed),
                "samples": str(point),
                **{name: f"{value:.3f}" for name, value in judge(trainer.model).items()},
                "seconds": f"{trainer.model._engine.seconds:.1f}",
            }
        )
        write_rows(curve, rows)
        say(", ".join(f"{key} {value}" for key, value in rows[-1].items()))
    return rows


def _check_settings(run: Run, folder: Path) -> None:
    """Raise a ValueError if the run in the folder has another learning rate or init_scale."""
    path = folder / f"{run.name}.json"
    if not path.exists():
        return
    config = json.loads(path.read_text())["config"]
    for name in ("learning_rate", "init_scale"):
        wanted, found = getattr(run, name), config[name]
        if wanted != "auto" and np.float32(wanted) != np.float32(found):
            raise ValueError(
                f"{name}: got {wanted}, but the run in {path} has {found:g}; use another folder"
            )


def _n_updates(model: LatentVariableModel) -> int:
    """Return the number of updates of the weights per visit to a row."""
    return int(getattr(model, "n_updates", 1))


def _write_settings(run: Run, trainer: Trainer[Any], folder: Path) -> None:
    settings = {
        "aevb": __version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "backend": backend(),
        "class": type(trainer.model).__name__,
        "n_train": trainer.n_train,
        "config": trainer.model._engine.config.as_dict(),
        "score_of_learning_rates": {
            f"{rate:g}": score if math.isfinite(score) else None
            for rate, score in getattr(trainer.model, "learning_rate_trials_", {}).items()
        },
    }
    _replace(folder / f"{run.name}.json", json.dumps(settings, indent=1))


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write a CSV file atomically."""
    part = path.with_name(f"{path.name}.part")
    with open(part, "w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    os.replace(part, path)


def _read_rows(path: Path) -> list[Row]:
    if not path.exists():
        return []
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def _replace(path: Path, text: str) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_text(text)
    os.replace(part, path)
