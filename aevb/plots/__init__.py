"""Plots of a fitted model. Each function draws on a matplotlib ``Axes`` and returns it.

matplotlib comes with the extra ``plot``: ``pip install 'aevb[plot]'``.
"""

from aevb.plots.aggregate import aggregate_posterior
from aevb.plots.columns import column_quality
from aevb.plots.curve import learning_curve
from aevb.plots.generated import (
    manifold,
    manifold_grid,
    reconstructions,
    sample_images,
    samples,
)
from aevb.plots.images import image_grid, tile
from aevb.plots.latent import latent_scatter
from aevb.plots.marginals import marginals
from aevb.plots.page import overview
from aevb.plots.style import offscreen_figure
from aevb.plots.table import reconstructed_columns

__all__ = [
    "aggregate_posterior",
    "column_quality",
    "image_grid",
    "latent_scatter",
    "learning_curve",
    "manifold",
    "manifold_grid",
    "marginals",
    "offscreen_figure",
    "overview",
    "reconstructed_columns",
    "reconstructions",
    "sample_images",
    "samples",
    "tile",
]
