"""Models trained as in figure 2, for figures 4 and 5 and the gallery."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aevb.estimators.aevb import AEVB
from aevb.paper.curves import run_all
from aevb.paper.figure2 import make_run, run_one

IMAGE_SHAPES = {"mnist": (28, 28), "frey": (28, 20)}


def train(
    path: Path,
    kinds: Sequence[tuple[str, int]],
    *,
    n_samples: float,
    learning_rate: float | str,
    n_jobs: int,
    progress: bool,
) -> list[AEVB]:
    """Return a model for each (data set, number of latent units). Write their curves to `path`.

    The runs are those of figure 2, and both use the same files in one folder. If a run there has
    trained for more samples, the model is the one after those samples.
    """
    runs = [
        make_run(dataset, "aevb", n, learning_rate=learning_rate, n_samples=n_samples)
        for dataset, n in kinds
    ]
    run_all(runs, run_one, path, n_jobs=n_jobs, progress=progress)
    return [AEVB.load(path.parent / "runs" / f"{run.name}.safetensors") for run in runs]
