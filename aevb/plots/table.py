"""Plots of the columns of a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from aevb.plots.model import LatentModel, dense
from aevb.plots.style import INK, open_frame, pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_N_SHOWN = 12  # columns
_N_ACROSS = 6  # columns per row of panels
_N_ROWS = 500  # points per panel
_N_LETTERS = 20  # of a name above a panel


def reconstructed_columns(
    model: LatentModel,
    X: Any,
    *,
    columns: Sequence[int | str] | None = None,
    figure: Figure | SubFigure | None = None,
) -> Figure | SubFigure:
    """Plot the reconstructed values of columns against the observed ones.

    Each column has a panel with a point for each row. The line is where both values are equal.

    Parameters
    ----------
    model : fitted model
    X : array-like or data frame of shape (n, n_features)
        Data. The plot shows the first 500 rows.
    columns : sequence of int or str, optional
        Numbers from 0 or names of the columns to show. By default, the first 12.
    figure : Figure or SubFigure, optional
        Figure to draw on. By default, a new one.

    Returns
    -------
    Figure or SubFigure
        Its title says how many columns it shows.

    Raises
    ------
    ValueError
        If `columns` has none, or one that the data do not have. The message names it.
    """
    X = X[:_N_ROWS]
    values = dense(X)
    names = _column_names(model, X, values.shape[1])
    numbers = range(min(len(names), _N_SHOWN)) if columns is None else _numbers_of(columns, names)
    means = np.asarray(model.inverse_transform(model.transform(X)))
    if figure is None:
        n_high = -(-len(numbers) // _N_ACROSS)
        figure = pyplot().figure(figsize=(11, 0.6 + 2 * n_high), layout="constrained")
    n_across = min(len(numbers), _N_ACROSS)
    panels = figure.subplots(-(-len(numbers) // n_across), n_across, squeeze=False).ravel()
    for ax, i in zip(panels, numbers, strict=False):
        _panel(ax, values[:, i], means[:, i], names[i])
    for ax in panels[len(numbers) :]:
        ax.remove()
    first = "the first " if columns is None and len(numbers) < len(names) else ""
    shown = f"{first}{len(numbers)} of {len(names)} columns"
    figure.suptitle(f"Data and their reconstructions: {shown}", x=0.01, ha="left", size="medium")
    figure.supxlabel("observed", size="medium")
    figure.supylabel("reconstructed", size="medium")
    return figure


def _column_names(model: LatentModel, X: Any, n: int) -> list[str]:
    """Return the names of the model's columns, or of those of a data frame, or x0, x1, ..."""
    names = getattr(model, "feature_names_in_", getattr(X, "columns", None))
    return [f"x{i}" for i in range(n)] if names is None else [str(name) for name in names]


def _numbers_of(columns: Sequence[int | str], names: list[str]) -> list[int]:
    numbers = []
    for column in columns:
        if column not in names and column not in range(len(names)):
            raise ValueError(
                f"columns: got {column!r}, want names or numbers from 0 to {len(names) - 1}"
            )
        numbers.append(names.index(column) if isinstance(column, str) else int(column))
    if not numbers:
        raise ValueError("columns: got none, want at least one")
    return numbers


def _panel(ax: Axes, observed: Any, reconstructed: Any, name: str) -> None:
    ax.axline((observed[0], observed[0]), slope=1, color="0.8", linewidth=1, zorder=0)
    ax.scatter(observed, reconstructed, s=6, linewidths=0, alpha=0.5, color=INK)
    both = np.concatenate([observed, reconstructed])
    low, high = float(both.min()), float(both.max())
    margin = 0.05 * (high - low) or 0.5
    ax.set(xlim=(low - margin, high + margin), ylim=(low - margin, high + margin))
    ax.set_box_aspect(1)
    ax.locator_params(nbins=3)
    ax.tick_params(labelsize="x-small")
    short = name if len(name) <= _N_LETTERS else f"{name[: _N_LETTERS - 1]}\N{HORIZONTAL ELLIPSIS}"
    ax.set_title(short, size="small")
    open_frame(ax)
