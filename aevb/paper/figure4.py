"""Figure 4: the manifolds of models with two latent units."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aevb.paper.trained import IMAGE_SHAPES, train
from aevb.plots import manifold, offscreen_figure

SIDES = {"frey": 10, "mnist": 20}  # images per side; the figure has this order


def reproduce(
    out: Path,
    *,
    chosen: Sequence[str] = tuple(SIDES),
    n_samples: float = 1e7,
    learning_rate: float | str = "auto",
    n_jobs: int = 1,
    progress: bool = False,
) -> None:
    """Train the models, and write their curves to figure4.csv and the plot to figure4.png.

    Parameters
    ----------
    out : Path
        Folder of the results. If it has the runs of figure 2, they are used again.
    chosen : sequence of {"frey", "mnist"}
        Data sets.
    n_samples : float, default=1e7
        Samples to train on.
    learning_rate : float or "auto", default="auto"
        Learning rate. "auto" tries the paper's three.
    n_jobs : int, default=1
        Number of parallel runs, by joblib.
    progress : bool, default=False
        Whether to show progress bars.
    """
    models = train(
        out / "figure4.csv",
        [(dataset, 2) for dataset in chosen],
        n_samples=n_samples,
        learning_rate=learning_rate,
        n_jobs=n_jobs,
        progress=progress,
    )
    figure = offscreen_figure(7.0 * len(models), 7.5)
    panels = figure.subplots(1, len(models), squeeze=False)[0]
    for dataset, model, panel in zip(chosen, models, panels, strict=True):
        manifold(model, IMAGE_SHAPES[dataset], n=SIDES[dataset], ax=panel)
    figure.savefig(out / "figure4.png", dpi=120)
