"""Plots of generated images: manifolds, samples and reconstructions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from aevb.plots.images import image_grid
from aevb.plots.model import (
    FloatArray,
    ImageShape,
    LatentModel,
    check_images,
    dense,
    limits,
    prior_draws,
    prior_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def manifold_grid(n: int) -> FloatArray:
    """Return the latent points of an n x n plot of the manifold (figure 4 of the paper).

    The inverse normal CDF maps the even grid ((i + 1/2)/n, (j + 1/2)/n) of the unit square to these
    points. Each point represents the same share of the prior.

    Parameters
    ----------
    n : int
        Points per side.

    Returns
    -------
    ndarray of float32, shape (n * n, 2)
        The points, row by row from the top. z0 grows to the right, z1 upwards.
    """
    from scipy.special import ndtri

    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    quantiles = ndtri((np.arange(n) + 0.5) / n)
    right, up = np.meshgrid(quantiles, quantiles[::-1])
    return np.stack([right.ravel(), up.ravel()], axis=1).astype(np.float32)


def manifold(
    model: LatentModel,
    image_shape: ImageShape,
    *,
    n: int = 20,
    cmap: str = "gray",
    ax: Axes | None = None,
) -> Axes:
    """Plot means of p(x|z) over a two-dimensional latent space (figure 4 of the paper).

    Parameters
    ----------
    model : fitted model with ``n_components=2``
    image_shape : (int, int)
        Height and width of an image in pixels.
    n : int, default=20
        Images per side. See `manifold_grid`.
    cmap : str, default="gray"
        Colour map. "gray_r" draws dark on white.
    ax : Axes, optional
        Axes to draw on. By default, those of a new figure.

    Returns
    -------
    Axes
        The units of the ticks are the prior's standard deviations.
    """
    from scipy.special import ndtr

    if model.n_components != 2:
        raise ValueError(f"manifold needs a model of n_components=2, got {model.n_components}")
    if prior_of(model) != "standard-normal":
        raise ValueError(
            f"manifold needs a model with the prior 'standard-normal', got {prior_of(model)!r}"
        )
    check_images(model)
    means = model.inverse_transform(manifold_grid(n))
    ax = image_grid(means, image_shape, n_columns=n, cmap=cmap, limits=limits(model), ax=ax)
    # The axes measure prior probability, so the centre of image i is at (i + 1/2)/n. Each side of
    # the canvas has half a gap.
    height, width = image_shape
    right, up = 0.5 / (n * (width + 1)), 0.5 / (n * (height + 1))
    ax.images[0].set_extent((right, 1 - right, up, 1 - up))
    ax.set(xlim=(0, 1), ylim=(0, 1), aspect=(height + 1) / (width + 1))
    ticks = np.arange(-2, 3)
    for axis, name in ((ax.xaxis, "z0"), (ax.yaxis, "z1")):
        axis.set_ticks(ndtr(ticks), [f"{tick}".replace("-", "\N{MINUS SIGN}") for tick in ticks])
        axis.set_label_text(f"{name} (prior s.d.)")
    return ax


def samples(
    model: LatentModel,
    image_shape: ImageShape,
    *,
    n_samples: int = 100,
    kind: Literal["mean", "draw"] = "mean",
    random_state: Any = None,
    cmap: str = "gray",
    ax: Axes | None = None,
) -> Axes:
    """Plot random samples of the model (figure 5 of the paper).

    Parameters
    ----------
    model : fitted model
    n_samples : int, default=100
        Number of samples. Their layout is a square.
    kind : {"mean", "draw"}, default="mean"
        "mean" shows the mean of p(x|z) at z ~ N(0, I), "draw" a draw from p(x|z).
    random_state : None, int or RandomState
        Seed of the samples.
    image_shape, cmap, ax
        As in `manifold`.

    Returns
    -------
    Axes
    """
    check_images(model)
    images = sample_images(model, n_samples=n_samples, kind=kind, random_state=random_state)
    return image_grid(images, image_shape, cmap=cmap, limits=limits(model), ax=ax)


def sample_images(
    model: LatentModel,
    *,
    n_samples: int = 100,
    kind: Literal["mean", "draw"] = "mean",
    random_state: Any = None,
) -> FloatArray:
    """Return the rows that `samples` shows: ndarray of float32, shape (n_samples, n_features)."""
    from sklearn.utils import check_random_state

    if kind == "draw":
        return model.sample(n_samples, random_state=random_state)
    if kind != "mean":
        raise ValueError(f"kind must be 'mean' or 'draw', got {kind!r}")
    generator = check_random_state(random_state)
    if prior_of(model) != "standard-normal":
        return model.inverse_transform(prior_draws(model, n_samples, generator))
    z = generator.standard_normal((n_samples, model.n_components))
    return model.inverse_transform(z.astype(np.float32))


def reconstructions(
    model: LatentModel,
    X: Any,
    image_shape: ImageShape,
    *,
    n_columns: int = 10,
    cmap: str = "gray",
    ax: Axes | None = None,
) -> Axes:
    """Plot rows of images. Below each row are its reconstructions.

    Parameters
    ----------
    model : fitted model
    X : array-like, sparse matrix or data frame of shape (n, n_features)
        The images, in the units of the training data.
    n_columns : int, default=10
        Images per row.
    image_shape, cmap, ax
        As in `manifold`.

    Returns
    -------
    Axes
    """
    check_images(model)
    originals = dense(X)
    n_rows, n_features = -(-len(originals) // n_columns), originals.shape[1]
    images = np.full((2, n_rows * n_columns, n_features), np.nan, np.float32)
    images[0, : len(originals)] = originals
    images[1, : len(originals)] = model.reconstruct(X)
    pairs = images.reshape(2, n_rows, -1).swapaxes(0, 1).reshape(-1, n_features)
    ax = image_grid(pairs, image_shape, n_columns=n_columns, cmap=cmap, limits=limits(model), ax=ax)
    centres = np.arange(2 * n_rows) * (image_shape[0] + 1) + (image_shape[0] - 1) / 2
    ax.set_yticks(centres, ["data", "model"] * n_rows)
    return ax
