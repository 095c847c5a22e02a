"""An overview of a model on one page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aevb.plots.curve import learning_curve
from aevb.plots.generated import manifold, reconstructions, samples
from aevb.plots.latent import latent_scatter
from aevb.plots.marginals import height_of_marginals, marginals
from aevb.plots.model import ImageShape, LatentModel, kinds_of
from aevb.plots.style import pyplot, title
from aevb.plots.table import N_SHOWN, reconstructed_columns

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def overview(
    model: LatentModel,
    X: Any,
    image_shape: ImageShape | None = None,
    *,
    labels: Any = None,
    cmap: str = "gray",
    random_state: Any = None,
    figure: Figure | None = None,
) -> Figure:
    """Draw an overview: latent space, learning curve, and reconstructions or samples.

    Parameters
    ----------
    model : fitted model with at least two latent units
    X : array-like or data frame of shape (n, n_features)
        Rows for the plot of the latent space. The first 20 images are also reconstructed.
    image_shape : (int, int), optional
        Height and width of an image in pixels. None means that the rows are those of a table. The
        page then has a panel for each of its first 12 columns, by `reconstructed_columns` if all
        columns hold numbers, and by `marginals` otherwise.
    cmap : str, default="gray"
        Colour map of the images.
    labels : array-like of shape (n,), optional
        Labels that colour the latent space. See `latent_scatter`.
    random_state : None, int or RandomState
        Seed of the samples that the page shows.
    figure : Figure, optional
        Figure to draw on. By default, a new one.

    Returns
    -------
    Figure
    """
    if image_shape is None:
        figure, infer, learn = _page_of_a_table(model, X, random_state, figure)
    else:
        if figure is None:
            figure = pyplot().figure(figsize=(11, 8), layout="constrained")
        panels = figure.subplot_mosaic(
            [["generate", "infer"], ["reconstruct", "learn"]], height_ratios=[2.6, 1]
        )
        infer, learn = panels["infer"], panels["learn"]
        if model.n_components == 2:
            manifold(model, image_shape, cmap=cmap, ax=panels["generate"])
            title(panels["generate"], "The decoder over the latent plane")
        else:
            samples(model, image_shape, cmap=cmap, random_state=random_state, ax=panels["generate"])
            title(panels["generate"], "Samples of the model")
        reconstructions(model, X[:20], image_shape, cmap=cmap, ax=panels["reconstruct"])
        title(panels["reconstruct"], "Data and their reconstructions")
    latent_scatter(model, X, labels, ax=infer)
    title(infer, "Where the encoder puts the data")
    learning_curve(model, ax=learn)
    title(learn, "Learning curve")
    return figure


def _page_of_a_table(
    model: LatentModel, X: Any, random_state: Any, figure: Figure | None
) -> tuple[Figure, Axes, Axes]:
    """Draw the columns. Return the figure, and the two axes above them."""
    kinds = kinds_of(model, len(model.columns_))
    mixed = any(kind in ("boolean", "category") for kind in kinds)
    heights = [3.6, height_of_marginals(min(len(kinds), N_SHOWN)) if mixed else 4.4]
    if figure is None:
        figure = pyplot().figure(figsize=(11, sum(heights)), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=heights, squeeze=False).ravel()
    infer, learn = above.subplots(1, 2)
    if mixed:
        marginals(model, X, random_state=random_state, figure=below)
    else:
        reconstructed_columns(model, X, figure=below)
    return figure, infer, learn
