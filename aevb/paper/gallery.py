"""The gallery: denoising, inpainting and super-resolution of test digits."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aevb.estimators.aevb import AEVB
from aevb.evaluation.posterior import sample_posterior
from aevb.paper.figure2 import load
from aevb.paper.runs import write_rows
from aevb.paper.trained import IMAGE_SHAPES, train
from aevb.plots import image_grid, offscreen_figure

_N_JUDGED = 1000  # test rows
_N_SHOWN = 12
_SHARE_FLIPPED = 0.2
_N_POSTERIOR = 50  # draws of z per row
_WHITE = 255.0  # grey level

Images = NDArray[np.float32]


class Task(NamedTuple):
    """Damaged images, their restorations, and the pixels to compare with the originals."""

    name: str
    given: Images
    restored: dict[str, Images]
    judged: NDArray[np.bool_]


def reproduce(
    out: Path,
    *,
    n_components: int = 20,
    n_samples: float = 1e7,
    learning_rate: float | str = "auto",
    progress: bool = False,
) -> list[dict[str, Any]]:
    """Train a model, restore damaged test digits, and write gallery.csv and gallery.png.

    Parameters
    ----------
    out : Path
        Folder of the results. If it has the run of figure 2, that is used again.
    n_components : int, default=20
        Number of latent units.
    n_samples : float, default=1e7
        Samples to train on.
    learning_rate : float or "auto", default="auto"
        Learning rate. "auto" tries the paper's three.
    progress : bool, default=False
        Whether to show progress bars.

    Returns
    -------
    rows : list of dict
        Task, method, and root mean square error of the damaged pixels of 1000 test rows, where
        white is 1.
    """
    [model] = train(
        out / "gallery_curve.csv",
        [("mnist", n_components)],
        n_samples=n_samples,
        learning_rate=learning_rate,
        n_jobs=1,
        progress=progress,
    )
    training, test = load("mnist")
    truth = test[:_N_JUDGED].astype(np.float32)
    mean = training.mean(axis=0, dtype=np.float64)
    tasks = [_denoise(model, truth), _inpaint(model, truth, mean), _sharpen(model, truth, mean)]
    rows = [
        {
            "task": task.name,
            "method": method,
            "rmse": f"{np.sqrt(np.square(images - truth)[task.judged].mean()) / _WHITE:.4f}",
        }
        for task in tasks
        for method, images in {"as given": task.given, **task.restored}.items()
    ]
    write_rows(out / "gallery.csv", rows)
    _draw(tasks, truth, out / "gallery.png")
    return rows


def _denoise(model: AEVB, truth: Images) -> Task:
    """Restore images after a random change of a fifth of the pixels to black or white."""
    generator = np.random.default_rng(0)
    flipped = generator.random(truth.shape) < _SHARE_FLIPPED
    ends = _WHITE * generator.integers(0, 2, truth.shape)
    given = np.where(flipped, ends, truth).astype(np.float32)
    draws = sample_posterior(model, given, _N_POSTERIOR, random_state=0).draws
    posterior = np.zeros_like(given)
    for z in draws:
        posterior += model.inverse_transform(z) / np.float32(_N_POSTERIOR)
    restored = {"encoder": model.reconstruct(given), "posterior mean": posterior}
    return Task("denoising", given, restored, np.ones_like(flipped))


def _inpaint(model: AEVB, truth: Images, mean: NDArray[Any]) -> Task:
    """Restore the lower half of images."""
    missing = np.zeros(truth.shape, bool)
    missing[:, truth.shape[1] // 2 :] = True
    return _impute("inpainting", model, truth, missing, mean)


def _sharpen(model: AEVB, truth: Images, mean: NDArray[Any]) -> Task:
    """Restore three pixels of every 2 x 2 square."""
    kept = np.zeros((len(truth), *IMAGE_SHAPES["mnist"]), bool)
    kept[:, ::2, ::2] = True
    return _impute("super-resolution", model, truth, ~kept.reshape(truth.shape), mean)


def _impute(
    name: str, model: AEVB, truth: Images, missing: NDArray[np.bool_], mean: NDArray[Any]
) -> Task:
    restored = {"pixel means": np.where(missing, mean, truth).astype(np.float32)}
    for title, method in (("posterior mean", "mean"), ("a draw", "sample"), ("mode", "mode")):
        restored[title] = model.impute(truth, missing, method=method, random_state=0)
    return Task(name, np.where(missing, 0.5 * _WHITE, truth).astype(np.float32), restored, missing)


def _draw(tasks: list[Task], truth: Images, path: Path) -> None:
    figure = offscreen_figure(6.5, 2.9 * len(tasks))
    height = IMAGE_SHAPES["mnist"][0]
    for task, panel in zip(tasks, figure.subplots(len(tasks)), strict=True):
        lines = {"original": truth, "as given": task.given, **task.restored}
        images = np.concatenate([line[:_N_SHOWN] for line in lines.values()])
        image_grid(
            images, IMAGE_SHAPES["mnist"], n_columns=_N_SHOWN, limits=(0.0, _WHITE), ax=panel
        )
        panel.set_yticks((np.arange(len(lines)) + 0.5) * (height + 1), list(lines))
        panel.set_title(task.name)
    figure.savefig(path, dpi=120)
