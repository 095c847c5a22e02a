"""Grids of images on one canvas."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aevb.plots.model import FloatArray, ImageShape
from aevb.plots.style import axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def tile(images: NDArray[Any], image_shape: ImageShape, n_columns: int) -> FloatArray:
    """Arrange images in rows on one canvas.

    Parameters
    ----------
    images : ndarray, shape (n, height * width)
    image_shape : (int, int)
        Height and width of an image in pixels.
    n_columns : int

    Returns
    -------
    ndarray of float32
        The canvas. Gaps are one pixel wide. They are NaN, as are missing images of the last row.
    """
    height, width = image_shape
    images = np.asarray(images)  # a frame, if the model was fitted on one
    if images.ndim != 2 or images.shape[1] != height * width:
        raise ValueError(
            f"image_shape={height}x{width} needs images of shape (n, {height * width}), "
            f"got {images.shape}"
        )
    n_rows = -(-len(images) // n_columns)
    cells = np.full((n_rows * n_columns, height + 1, width + 1), np.nan, np.float32)
    cells[: len(images), :height, :width] = images.reshape(-1, height, width)
    grid = cells.reshape(n_rows, n_columns, height + 1, width + 1).swapaxes(1, 2)
    return grid.reshape(n_rows * (height + 1), -1)[:-1, :-1]


def image_grid(
    images: NDArray[Any],
    image_shape: ImageShape,
    *,
    n_columns: int | None = None,
    cmap: str = "gray",
    limits: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Plot images in a grid with thin gaps.

    Parameters
    ----------
    images : ndarray, shape (n, height * width)
    n_columns : int, optional
        Images per row. By default, the layout is a square.
    limits : (float, float), optional
        Values at the two ends of the colour map. By default, the extreme values of the images.
    image_shape, cmap, ax
        As in `manifold`.

    Returns
    -------
    Axes
    """
    canvas = tile(images, image_shape, n_columns or math.isqrt(max(len(images) - 1, 0)) + 1)
    ax = axes_or_new(ax)
    low, high = limits or (None, None)
    ax.imshow(canvas, cmap=cmap, vmin=low, vmax=high, interpolation="nearest")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    return ax
