"""The aggregate posterior beside the prior."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_random_state

from aevb.core.checks import check_integer
from aevb.plots.model import FloatArray, LatentModel, posterior_draws, prior_draws
from aevb.plots.style import HUES, INK, open_frame, pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_N_SHOWN = 12  # units
_N_ACROSS = 4  # panels
_N_DRAWS = 10_000  # of the aggregate posterior, at least
_N_PRIOR = 50_000  # draws
_N_BINS = 40
_N_POINTS = 1000  # of a cloud, at most
_TAIL = 0.001  # share of the draws that may lie beyond either end of an axis
_PRIOR: dict[str, Any] = {"color": HUES[1], "label": "prior"}
_POSTERIOR: dict[str, Any] = {"color": INK, "label": "aggregate posterior"}


def aggregate_posterior(
    model: LatentModel,
    X: Any,
    *,
    units: Sequence[int | tuple[int, int]] | None = None,
    n_draws: int | None = None,
    random_state: Any = None,
    figure: Figure | SubFigure | None = None,
) -> Figure | SubFigure:
    """Plot draws of the aggregate posterior beside draws of the prior.

    The aggregate posterior is the mean of q(z|x) over the rows. If it differs from p(z), then z
    from the prior falls where the decoder has seen few rows, and samples of the model look less
    like the data. If a unit's q(z|x) is the prior on every row, both densities are equal.

    Parameters
    ----------
    model : fitted model with an encoder
    X : array-like or CSR matrix of shape (n, n_features)
        Rows.
    units : sequence of int or (int, int), optional
        Latent units from 0. A unit gives a panel with the densities, as histograms with common
        bins. A pair of units gives a panel with points, at most 1000 of each kind. By default, the
        12 units whose posterior means vary most, in order.
    n_draws : int, optional
        Draws of z per row. By default, as many as give 10 000 draws in all.
    random_state : None, int or RandomState
        Seed of the draws.
    figure : Figure or SubFigure, optional
        Figure to draw on. By default, a new one.

    Returns
    -------
    Figure or SubFigure
        Its title says how many units it shows. An axis leaves out at most a thousandth of the draws
        at each end.

    Raises
    ------
    ValueError
        If the model has no encoder, if `units` has none or one that the model does not have, or if
        `n_draws` or `X` is not valid.
    """
    if not hasattr(model, "encode"):
        name = type(model).__name__
        raise ValueError(f"model: got {name}, which has no encoder, want AEVB or WakeSleep")
    if n_draws is not None:
        n_draws = check_integer("n_draws", n_draws)
    panels_of = None if units is None else [_checked(unit, model.n_components) for unit in units]
    if panels_of == []:
        raise ValueError("units: got none, want at least one")
    means = np.asarray(model.transform(X))
    if panels_of is None:
        panels_of = [(i,) for i in _most_varied(means)]
    generator = check_random_state(random_state)
    n_each = n_draws or -(-_N_DRAWS // len(means))
    drawn = posterior_draws(model, X, n_each, generator), prior_draws(model, _N_PRIOR, generator)
    n_across = min(len(panels_of), _N_ACROSS)
    n_high = -(-len(panels_of) // n_across)
    if figure is None:
        size = (max(2.7 * n_across, 5.4), 0.9 + 2.2 * n_high)
        figure = pyplot().figure(figsize=size, layout="constrained")
    panels = figure.subplots(n_high, n_across, squeeze=False).ravel()
    for ax, which in zip(panels, panels_of, strict=False):
        draw = _densities if len(which) == 1 else _clouds
        draw(ax, *(z[:, which] for z in drawn))
        ax.set_xlabel(f"z{which[0]}")
        ax.set_ylabel(f"z{which[1]}" if len(which) == 2 else "")
        open_frame(ax)
    for ax in panels[len(panels_of) :]:
        ax.remove()
    n_shown = len({unit for which in panels_of for unit in which})
    text = f"Aggregate posterior and prior: {n_shown} of {model.n_components} latent units"
    figure.suptitle(text, x=0.01, ha="left", size="medium")
    shown = panels[0].get_legend_handles_labels()
    figure.legend(*shown, loc="outside lower left", ncols=2, fontsize="small", frameon=False)
    return figure


def _checked(unit: Any, n_units: int) -> tuple[int, ...]:
    """Return a unit or a pair of units as a tuple."""
    which = tuple(unit) if isinstance(unit, (tuple, list)) else (unit,)
    known = all(isinstance(i, (int, np.integer)) and 0 <= i < n_units for i in which)
    if not (known and len(which) in (1, 2) and len(set(which)) == len(which)):
        raise ValueError(f"units: got {unit!r}, want numbers from 0 to {n_units - 1}, or pairs")
    return tuple(int(i) for i in which)


def _most_varied(means: FloatArray) -> list[int]:
    """Return the units whose means vary most, in order."""
    return sorted(np.argsort(-means.var(axis=0), kind="stable")[:_N_SHOWN].tolist())


def _densities(ax: Axes, posterior: FloatArray, prior: FloatArray) -> None:
    """Draw two histograms with the same bins. Their heights are densities."""
    edges = np.linspace(*_range(posterior, prior), _N_BINS + 1)
    width = edges[1] - edges[0]
    for z, style in (
        (posterior, {"fill": True, "alpha": 0.5} | _POSTERIOR),
        (prior, {"linewidth": 1.5} | _PRIOR),
    ):
        # density=True would ignore the draws beyond the ends
        heights = np.histogram(z, edges)[0] / (len(z) * width)
        ax.stairs(heights, edges, **style)
    ax.set_yticks([])


def _clouds(ax: Axes, posterior: FloatArray, prior: FloatArray) -> None:
    """Draw as many points of the one as of the other, if there are enough."""
    for z, style in ((prior, _PRIOR), (posterior, _POSTERIOR)):
        points = z[:: -(-len(z) // _N_POINTS)]  # of rows from all over X
        ax.scatter(points[:, 0], points[:, 1], s=5, linewidths=0, alpha=0.6, **style)
    ends = _range(posterior, prior)
    ax.set(xlim=ends, ylim=ends)
    ax.set_box_aspect(1)


def _range(posterior: FloatArray, prior: FloatArray) -> tuple[float, float]:
    """Return the ends of an axis that shows both, and each of their units."""
    ends = [np.quantile(z, (_TAIL, 1 - _TAIL), axis=0) for z in (posterior, prior)]
    low, high = np.min(ends), np.max(ends)
    return float(low), float(high)
