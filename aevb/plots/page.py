"""An overview of a model on one page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aevb.plots.curve import learning_curve
from aevb.plots.generated import manifold, reconstructions, samples
from aevb.plots.latent import latent_scatter
from aevb.plots.model import ImageShape, LatentModel
from aevb.plots.style import pyplot, title

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
    """Draw an overview: generated images, latent space, reconstructions and learning curve.

    Parameters
    ----------
    model : fitted model with at least two latent units
    X : array-like of shape (n, n_features)
        Rows for the plot of the latent space. The first 20 are also reconstructed.
    image_shape, cmap
        As in `manifold`.
    labels : array-like of shape (n,), optional
        Labels that colour the latent space. See `latent_scatter`.
    random_state : None, int or RandomState
        Seed of the samples that the page shows if there are more than two latent units.
    figure : Figure, optional
        Figure to draw on. By default, a new one.

    Returns
    -------
    Figure
    """
    if figure is None:
        figure = pyplot().figure(figsize=(11, 8), layout="constrained")
    panels = figure.subplot_mosaic(
        [["generate", "infer"], ["reconstruct", "learn"]], height_ratios=[2.6, 1]
    )
    if model.n_components == 2:
        manifold(model, image_shape, cmap=cmap, ax=panels["generate"])
        title(panels["generate"], "The decoder over the latent plane")
    else:
        samples(model, image_shape, cmap=cmap, random_state=random_state, ax=panels["generate"])
        title(panels["generate"], "Samples of the model")
    latent_scatter(model, X, labels, ax=panels["infer"])
    title(panels["infer"], "Where the encoder puts the data")
    reconstructions(model, X[:20], image_shape, cmap=cmap, ax=panels["reconstruct"])
    title(panels["reconstruct"], "Data and their reconstructions")
    learning_curve(model, ax=panels["learn"])
    title(panels["learn"], "Learning curve")
    return figure
