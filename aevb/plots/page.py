"""An overview of a model on one page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aevb.plots.curve import learning_curve
from aevb.plots.generated import manifold, reconstructions, samples
from aevb.plots.latent import latent_scatter
from aevb.plots.model import ImageShape, LatentModel
from aevb.plots.style import pyplot, title
from aevb.plots.table import reconstructed_columns

if TYPE_CHECKING:
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
    """Draw an overview: latent space, reconstructions, learning curve, and generated images.

    Parameters
    ----------
    model : fitted model with at least two latent units
    X : array-like or data frame of shape (n, n_features)
        Rows for the plot of the latent space. The first 20 images are also reconstructed.
    image_shape : (int, int), optional
        Height and width of an image in pixels. None means that the rows are those of a table. The
        page then has a panel for each of its first 12 columns, see `reconstructed_columns`.
    cmap : str, default="gray"
        Colour map of the images.
    labels : array-like of shape (n,), optional
        Labels that colour the latent space. See `latent_scatter`.
    random_state : None, int or RandomState
        Seed of the samples of images that the page shows if there are more than two latent units.
    figure : Figure, optional
        Figure to draw on. By default, a new one.

    Returns
    -------
    Figure
    """
    if figure is None:
        figure = pyplot().figure(figsize=(11, 8), layout="constrained")
    if image_shape is None:
        above, below = figure.subfigures(2, 1, height_ratios=[4, 5], squeeze=False).ravel()
        infer, learn = above.subplots(1, 2)
        reconstructed_columns(model, X, figure=below)
    else:
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
