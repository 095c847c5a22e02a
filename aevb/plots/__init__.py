"""Pictures of a fitted model, each drawn on a matplotlib ``Axes`` and returned as one.

matplotlib comes with the extra ``plot``: ``pip install 'aevb[plot]'``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "image_grid",
    "latent_scatter",
    "learning_curve",
    "manifold",
    "manifold_grid",
    "offscreen_figure",
    "overview",
    "reconstructions",
    "sample_images",
    "samples",
    "tile",
]

_NO_MATPLOTLIB = "pictures need matplotlib: pip install 'aevb[plot]'"

ImageShape = tuple[int, int]
FloatArray = NDArray[np.float32]

# Ten even steps of hue at lightness 0.65 and chroma 0.13 in OKLCh: no class outshines the others.
_HUES = (
    *("#d36c6e", "#ca7836", "#ac8c0e", "#789e40", "#22a77a"),
    *("#00a6ae", "#239ad3", "#7489de", "#a578cc", "#c56da3"),
)
_INK = "#30506f"


class LatentModel(Protocol):
    """What the pictures ask of a model; `aevb.AEVB` has it."""

    n_components: int

    @property
    def likelihood_(self) -> str: ...
    @property
    def input_scale_(self) -> float: ...
    def transform(self, X: Any) -> FloatArray: ...
    def inverse_transform(self, Z: Any) -> FloatArray: ...
    def sample(self, n_samples: int = 1, random_state: Any = None) -> FloatArray: ...


def learning_curve(runs: Any, *, ax: Axes | None = None) -> Axes:
    """Plot the bound against training samples evaluated, as figure 2 of the paper does.

    Parameters
    ----------
    runs : history, estimator, trainer, or a mapping or sequence of them
        One run, or several: ``{"J = 2": model2, "J = 20": model20}`` names them in the legend.
    ax : Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes
        Training bounds solid, validation bounds (where there are any) dashed.
    """
    ax = _axes(ax)
    named = _named_histories(runs)
    colors = _colors(len(named)) if len(named) > 1 else [_INK]
    dashed = False
    for (name, history), color in zip(named.items(), colors, strict=True):
        seen = np.asarray(history["samples_seen"], float)
        marker = "o" if len(seen) == 1 else ""
        ax.plot(seen, history["train_bound"], color=color, label=name or "train", marker=marker)
        validation = np.asarray(history["validation_bound"], float)
        if np.isfinite(validation).any():
            dashed = True
            label = "_" if name else "validation"
            ax.plot(seen, validation, "--", color=color, label=label, marker=marker)
    if len(named) > 1:
        ax.plot([], [], color="0.4", label="train")
        if dashed:
            ax.plot([], [], "--", color="0.4", label="validation")
    ax.set_xscale("log")
    ax.set_xlabel("training samples evaluated")
    ax.set_ylabel("bound (nats per row)")
    ax.legend(frameon=False)
    _open_frame(ax)
    return ax


def manifold_grid(n: int) -> FloatArray:
    """Latent points of an n x n picture of the manifold (figure 4 of the paper).

    The inverse normal CDF takes the even grid ((i + 1/2)/n, (j + 1/2)/n) of the unit square to
    points that each stand for the same share of the prior.

    Parameters
    ----------
    n : int
        Points per side.

    Returns
    -------
    ndarray of float32, shape (n * n, 2)
        Row by row from the top: z_1 grows to the right, z_2 upwards.
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
    """Show the decoder mean all over a two-dimensional latent space (figure 4 of the paper).

    Parameters
    ----------
    model : fitted model with ``n_components=2``
    image_shape : (int, int)
        Height and width of an image in pixels.
    n : int, default=20
        Images per side; see `manifold_grid`.
    cmap : str, default="gray"
        Colour map; "gray_r" draws ink on paper.
    ax : Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes
        Ticks are in prior standard deviations.
    """
    from scipy.special import ndtr

    if model.n_components != 2:
        raise ValueError(f"manifold needs a model of n_components=2, got {model.n_components}")
    means = model.inverse_transform(manifold_grid(n))
    ax = image_grid(means, image_shape, n_columns=n, cmap=cmap, limits=_limits(model), ax=ax)
    # The axes measure prior probability, so image i is centred at (i + 1/2)/n; half a gap is
    # left on each side of the canvas.
    height, width = image_shape
    right, up = 0.5 / (n * (width + 1)), 0.5 / (n * (height + 1))
    ax.images[0].set_extent((right, 1 - right, up, 1 - up))
    ax.set(xlim=(0, 1), ylim=(0, 1), aspect=(height + 1) / (width + 1))
    ticks = np.arange(-2, 3)
    for axis, name in ((ax.xaxis, "$z_1$"), (ax.yaxis, "$z_2$")):
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
    """Show random samples of the model (figure 5 of the paper).

    Parameters
    ----------
    model : fitted model
    n_samples : int, default=100
        How many, laid out in a square.
    kind : {"mean", "draw"}, default="mean"
        The decoder mean at z ~ N(0, I), or pixels drawn from p(x|z).
    random_state : None, int or RandomState
        Seeds the samples.
    image_shape, cmap, ax
        As in `manifold`.

    Returns
    -------
    Axes
    """
    images = sample_images(model, n_samples=n_samples, kind=kind, random_state=random_state)
    return image_grid(images, image_shape, cmap=cmap, limits=_limits(model), ax=ax)


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
    z = check_random_state(random_state).standard_normal((n_samples, model.n_components))
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
    """Show rows of originals, each above the row of their reconstructions.

    Parameters
    ----------
    model : fitted model
    X : array-like of shape (n, n_features)
        The originals, in the units the model was fitted on.
    n_columns : int, default=10
        Images per row.
    image_shape, cmap, ax
        As in `manifold`.

    Returns
    -------
    Axes
    """
    X = np.asarray(X.toarray() if hasattr(X, "toarray") else X)
    n_rows, n_features = -(-len(X) // n_columns), X.shape[1]
    images = np.full((2, n_rows * n_columns, n_features), np.nan, np.float32)
    images[0, : len(X)] = X * np.float32(model.input_scale_)
    images[1, : len(X)] = model.inverse_transform(model.transform(X))
    pairs = images.reshape(2, n_rows, -1).swapaxes(0, 1).reshape(-1, n_features)
    ax = image_grid(
        pairs, image_shape, n_columns=n_columns, cmap=cmap, limits=_limits(model), ax=ax
    )
    centres = np.arange(2 * n_rows) * (image_shape[0] + 1) + (image_shape[0] - 1) / 2
    ax.set_yticks(centres, ["data", "model"] * n_rows)
    return ax


def latent_scatter(
    model: LatentModel, X: Any, labels: Any = None, *, ax: Axes | None = None
) -> Axes:
    """Plot the posterior means of rows in two dimensions of the latent space.

    Parameters
    ----------
    model : fitted model with at least two latent units
    X : array-like of shape (n, n_features)
    labels : array-like of shape (n,), optional
        Colours the points: up to ten classes by hue, each named in its midst; other numbers
        by a colour bar.
    ax : Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes
        With more than two latent units, the two whose means vary the most over `X`.
    """
    means = np.asarray(model.transform(X))
    if means.shape[1] < 2:
        raise ValueError(f"latent_scatter needs n_components >= 2, got {means.shape[1]}")
    ax = _axes(ax)
    # With J = 2 the axes stay z_1 and z_2, whichever varies more.
    first, second = sorted(np.argsort(-means.var(axis=0), kind="stable")[:2].tolist())
    points = means[:, [first, second]]
    style: dict[str, Any] = {"s": 9, "linewidths": 0, "alpha": 0.8}
    if labels is None:
        ax.scatter(points[:, 0], points[:, 1], color=_INK, **style)
    else:
        _scatter_labelled(ax, points, np.asarray(labels), style)
    ax.set_xlabel(f"$z_{{{first + 1}}}$ (posterior mean)")
    ax.set_ylabel(f"$z_{{{second + 1}}}$ (posterior mean)")
    ax.set_aspect("equal", adjustable="datalim")
    _open_frame(ax)
    return ax


def overview(
    model: LatentModel,
    X: Any,
    image_shape: ImageShape,
    *,
    labels: Any = None,
    cmap: str = "gray",
    random_state: Any = None,
    figure: Figure | None = None,
) -> Figure:
    """Draw a model on one page: what it generates, infers, reconstructs, and how it learned.

    Parameters
    ----------
    model : fitted model with at least two latent units
    X : array-like of shape (n, n_features)
        Rows to infer; the first 20 are reconstructed.
    image_shape, cmap
        As in `manifold`.
    labels : array-like of shape (n,), optional
        Colours the latent space; see `latent_scatter`.
    random_state : None, int or RandomState
        Seeds the samples shown when there are more than two latent units.
    figure : Figure, optional
        Where to draw; a new one by default.

    Returns
    -------
    Figure
    """
    if figure is None:
        figure = _pyplot().figure(figsize=(11, 8), layout="constrained")
    panels = figure.subplot_mosaic(
        [["generate", "infer"], ["reconstruct", "learn"]], height_ratios=[2.6, 1]
    )
    if model.n_components == 2:
        manifold(model, image_shape, cmap=cmap, ax=panels["generate"])
        _title(panels["generate"], "The decoder over the latent plane")
    else:
        samples(model, image_shape, cmap=cmap, random_state=random_state, ax=panels["generate"])
        _title(panels["generate"], "Samples of the model")
    latent_scatter(model, X, labels, ax=panels["infer"])
    _title(panels["infer"], "Where the encoder puts the data")
    reconstructions(model, X[:20], image_shape, cmap=cmap, ax=panels["reconstruct"])
    _title(panels["reconstruct"], "Data and their reconstructions")
    learning_curve(model, ax=panels["learn"])
    _title(panels["learn"], "Learning curve")
    return figure


def tile(images: NDArray[Any], image_shape: ImageShape, n_columns: int) -> FloatArray:
    """Lay images out in rows on one canvas.

    Parameters
    ----------
    images : ndarray, shape (n, height * width)
    image_shape : (int, int)
        Height and width of an image in pixels.
    n_columns : int

    Returns
    -------
    ndarray of float32
        NaN in the gaps, one pixel wide, and where the last row is not full.
    """
    height, width = image_shape
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
    """Show images side by side, a thin gap between them.

    Parameters
    ----------
    images : ndarray, shape (n, height * width)
    n_columns : int, optional
        Images per row; by default the layout is square.
    limits : (float, float), optional
        Values shown as the colour map's two ends; by default those of the images.
    image_shape, cmap, ax
        As in `manifold`.

    Returns
    -------
    Axes
    """
    canvas = tile(images, image_shape, n_columns or math.isqrt(max(len(images) - 1, 0)) + 1)
    ax = _axes(ax)
    low, high = limits or (None, None)
    ax.imshow(canvas, cmap=cmap, vmin=low, vmax=high, interpolation="nearest")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    return ax


def _scatter_labelled(
    ax: Axes, points: FloatArray, labels: NDArray[Any], style: dict[str, Any]
) -> None:
    if labels.shape != (len(points),):
        raise ValueError(f"labels must have shape ({len(points)},), got {labels.shape}")
    classes, index = np.unique(labels, return_inverse=True)
    if len(classes) > len(_HUES):
        cloud = ax.scatter(points[:, 0], points[:, 1], c=labels, cmap="viridis", **style)
        ax.figure.colorbar(cloud, ax=ax, label="label")
        return
    from matplotlib.colors import to_rgba_array
    from matplotlib.patheffects import withStroke

    colors = to_rgba_array(_colors(len(classes)))
    ax.scatter(points[:, 0], points[:, 1], c=colors[index], **style)
    written: dict[str, Any] = {"weight": "bold", "size": "large", "ha": "center", "va": "center"}
    halo = [withStroke(linewidth=3, foreground="white")]
    for number, name in enumerate(classes):
        x, y = _heart(points[index == number])
        ax.text(x, y, str(name), color=0.6 * colors[number, :3], path_effects=halo, **written)


def _heart(points: FloatArray) -> FloatArray:
    """Return the point nearest to half of (up to 500 of) the others: it lies in a cluster."""
    points = points[:500]
    distances = np.linalg.norm(points[:, np.newaxis] - points, axis=2)
    heart: FloatArray = points[np.median(distances, axis=1).argmin()]
    return heart


def _named_histories(runs: Any) -> dict[str, Mapping[str, Sequence[float]]]:
    """Histories by name; a single run has the empty name."""
    if isinstance(runs, Mapping) and "samples_seen" not in runs:
        return {str(name): _history(run) for name, run in runs.items()}
    if isinstance(runs, Sequence):
        return {f"run {i + 1}": _history(run) for i, run in enumerate(runs)}
    return {"": _history(runs)}


def _history(run: Any) -> Mapping[str, Sequence[float]]:
    for found in (run, getattr(run, "history_", None), getattr(run, "history", None)):
        if isinstance(found, Mapping) and "samples_seen" in found:
            return found
    raise TypeError(f"a run must be a history, a fitted estimator or a trainer, got {run!r}")


def _colors(n: int) -> list[str]:
    """`n` colours as far apart in hue as ten allow."""
    return [_HUES[i * 10 // n if n <= 10 else i % 10] for i in range(n)]


def _limits(model: LatentModel) -> tuple[float, float] | None:
    """Pixel values shown as black and white; a Gaussian decoder has no bounds of its own."""
    return None if model.likelihood_ == "gaussian" else (0.0, 1.0)


def offscreen_figure(width: float, height: float) -> Figure:
    """Return a figure to save, made without pyplot: no window, no display, no global state."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(_NO_MATPLOTLIB) from error
    return Figure(figsize=(width, height), layout="constrained")


def _axes(ax: Axes | None) -> Axes:
    if ax is not None:
        return ax
    _, axes = _pyplot().subplots(layout="constrained")
    new: Axes = axes
    return new


def _pyplot() -> Any:
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(_NO_MATPLOTLIB) from error
    return plt


def _open_frame(ax: Axes) -> None:
    ax.spines[["top", "right"]].set_visible(False)


def _title(ax: Axes, text: str) -> None:
    ax.set_title(text, loc="left", size="medium")
