"""Figure 5: random samples of models of MNIST with 2, 5, 10 and 20 latent variables."""

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
    """Train what is missing; write figure5.csv, its curves, and figure5.png to `out`.

    Parameters
    ----------
    out : Path
        Folder of the results; with figure 2's in it too, its runs are not made twice.
    n_components : sequence of int
        Latent dimensions.
    n_samples : float, default=1e7
        Samples to train on.
    learning_rate : float or "auto", default="auto"
        Step size.
    n_jobs : int, default=1
        Runs at a time, by joblib.
    progress : bool, default=False
        Show bars.
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
