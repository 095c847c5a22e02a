"""Figure 5: random samples of models of MNIST with 2, 5, 10 and 20 latent units."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aevb.paper.trained import IMAGE_SHAPES, train
from aevb.plots import offscreen_figure, samples

COMPONENTS = (2, 5, 10, 20)


def reproduce(
    out: Path,
    *,
    n_components: Sequence[int] = COMPONENTS,
    n_samples: float = 1e7,
    learning_rate: float | str = "auto",
    n_jobs: int = 1,
    progress: bool = False,
) -> None:
    """Train the models, and write their curves to figure5.csv and the plot to figure5.png.

    Parameters
    ----------
    out : Path
        Folder of the results. If it has the runs of figure 2, they are used again.
    n_components : sequence of int
        Numbers of latent units.
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
        out / "figure5.csv",
        [("mnist", n) for n in n_components],
        n_samples=n_samples,
        learning_rate=learning_rate,
        n_jobs=n_jobs,
        progress=progress,
    )
    figure = offscreen_figure(4.0 * len(models), 4.3)
    panels = figure.subplots(1, len(models), squeeze=False)[0]
    for n, model, panel in zip(n_components, models, panels, strict=True):
        samples(model, IMAGE_SHAPES["mnist"], random_state=0, ax=panel)
        panel.set_title(f"{n} latent variables")
    figure.savefig(out / "figure5.png", dpi=120)
