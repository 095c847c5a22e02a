"""Scatter plots of data in the latent space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aevb.data.frames import without_na
from aevb.plots.model import FloatArray, LatentModel
from aevb.plots.style import HUES, INK, axes_or_new, colors_of, open_frame

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def latent_scatter(
    model: LatentModel, X: Any, labels: Any = None, *, ax: Axes | None = None
) -> Axes:
    """Plot the posterior means of rows in two dimensions of the latent space.

    Parameters
    ----------
    model : fitted model with at least two latent units
    X : array-like of shape (n, n_features)
    labels : array-like of shape (n,), optional
        Labels that colour the points. Up to ten classes have a hue and a name in the plot. Other
        numbers have a colour bar. Points whose label is missing are grey.
    ax : Axes, optional
        Axes to draw on. By default, those of a new figure.

    Returns
    -------
    Axes
        The two latent units with the largest variance of the means over `X`.

    Raises
    ------
    ValueError
        If the model has one latent unit, or if `labels` has another length than `X`, or more than
        ten classes that are not numbers.
    """
    means = np.asarray(model.transform(X))
    if means.shape[1] < 2:
        raise ValueError(f"latent_scatter needs n_components >= 2, got {means.shape[1]}")
    ax = axes_or_new(ax)
    # Keep the order of the units, so that two units are always z0 and z1.
    first, second = sorted(np.argsort(-means.var(axis=0), kind="stable")[:2].tolist())
    points = means[:, [first, second]]
    style: dict[str, Any] = {"s": 9, "linewidths": 0, "alpha": 0.8}
    if labels is None:
        ax.scatter(points[:, 0], points[:, 1], color=INK, **style)
    else:
        _scatter_labelled(ax, points, np.asarray(labels), style)
    ax.set_xlabel(f"z{first} (posterior mean)")
    ax.set_ylabel(f"z{second} (posterior mean)")
    ax.set_aspect("equal", adjustable="datalim")
    open_frame(ax)
    return ax


def _scatter_labelled(
    ax: Axes, points: FloatArray, labels: NDArray[Any], style: dict[str, Any]
) -> None:
    if labels.shape != (len(points),):
        raise ValueError(f"labels must have shape ({len(points)},), got {labels.shape}")
    labels = without_na(labels)
    missing = np.array([label is None or label != label for label in labels.tolist()])
    if missing.any():
        ax.scatter(points[missing, 0], points[missing, 1], color="0.8", **style)
        points, labels = points[~missing], labels[~missing]
    classes, index = np.unique(labels, return_inverse=True)
    if len(classes) > len(HUES):
        try:
            labels = labels.astype(np.float64)
        except ValueError as error:
            raise ValueError(
                f"labels: got {len(classes)} classes, want at most {len(HUES)}, or numbers"
            ) from error
        cloud = ax.scatter(points[:, 0], points[:, 1], c=labels, cmap="viridis", **style)
        ax.figure.colorbar(cloud, ax=ax, label="label")
        return
    from matplotlib.colors import to_rgba_array
    from matplotlib.patheffects import withStroke

    colors = to_rgba_array(colors_of(len(classes)))
    ax.scatter(points[:, 0], points[:, 1], c=colors[index], **style)
    written: dict[str, Any] = {"weight": "bold", "size": "large", "ha": "center", "va": "center"}
    halo = [withStroke(linewidth=3, foreground="white")]
    for number, name in enumerate(classes):
        x, y = _heart(points[index == number])
        ax.text(x, y, str(name), color=0.6 * colors[number, :3], path_effects=halo, **written)


def _heart(points: FloatArray) -> FloatArray:
    """Return the point with the smallest median distance to the others: it lies in a cluster.

    At most the first 500 points count.
    """
    points = points[:500]
    distances = np.linalg.norm(points[:, np.newaxis] - points, axis=2)
    heart: FloatArray = points[np.median(distances, axis=1).argmin()]
    return heart
