"""Plots of the columns of a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from aevb.plots.model import LatentModel, kinds_of, names_of, numbers_of
from aevb.plots.style import INK, few_digits, open_frame, pyplot, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

N_SHOWN = 12  # columns, unless the caller names some
_N_ACROSS = 6  # columns per row of panels
_N_ROWS = 500  # points per panel
_KINDS = ("float", "integer")  # of the columns that have points


def reconstructed_columns(
    model: LatentModel,
    X: Any,
    *,
    columns: Sequence[int | str] | None = None,
    figure: Figure | SubFigure | None = None,
) -> Figure | SubFigure:
    """Plot the reconstructed values of columns against the observed ones.

    Each column has a panel with a point for each row where it is observed. The line is where both
    values are equal. Columns of categories and booleans have no such points: see `marginals`.

    Parameters
    ----------
    model : fitted model
    X : array-like or data frame of shape (n, n_features)
        Data. The plot shows the first 500 rows.
    columns : sequence of int or str, optional
        Numbers from 0 or names of the columns to show. By default, the first 12 columns of numbers.
    figure : Figure or SubFigure, optional
        Figure to draw on. By default, a new one.

    Returns
    -------
    Figure or SubFigure
        Its title says how many columns it shows.

    Raises
    ------
    ValueError
        If `columns` has none, or one that the data do not have, or one of categories or booleans.
        The message names it.
    """
    X = X[:_N_ROWS]
    values = numbers_of(model, X)
    names = names_of(model, X, values.shape[1])
    numbers = _columns_of_numbers(model, columns, names)
    means = numbers_of(model, model.reconstruct(X))
    if figure is None:
        n_high = -(-len(numbers) // _N_ACROSS)
        figure = pyplot().figure(figsize=(11, 0.6 + 2 * n_high), layout="constrained")
    for ax, i in zip(panels_of(figure, len(numbers), _N_ACROSS), numbers, strict=True):
        _panel(ax, values[:, i], means[:, i], names[i])
    is_first = columns is None and numbers[-1] == len(numbers) - 1
    count_columns(figure, "Data and their reconstructions", numbers, names, is_first=is_first)
    figure.supxlabel("observed", size="medium")
    figure.supylabel("reconstructed", size="medium")
    return figure


def panels_of(figure: Figure | SubFigure, n: int, n_across: int) -> list[Axes]:
    """Return n axes, at most so many side by side."""
    n_across = min(n, n_across)
    panels = figure.subplots(-(-n // n_across), n_across, squeeze=False).ravel()
    for ax in panels[n:]:
        ax.remove()
    return list(panels[:n])


def count_columns(
    figure: Figure | SubFigure, title: str, shown: list[int], names: list[str], *, is_first: bool
) -> None:
    """Write the title of a figure, and how many columns it shows."""
    first = "the first " if is_first and len(shown) < len(names) else ""
    text = f"{title}: {first}{len(shown)} of {len(names)} columns"
    figure.suptitle(text, x=0.01, ha="left", size="medium")


def _columns_of_numbers(
    model: LatentModel, columns: Sequence[int | str] | None, names: list[str]
) -> list[int]:
    kinds = kinds_of(model, len(names))
    if columns is None:
        numbers = [i for i, kind in enumerate(kinds) if kind in _KINDS][:N_SHOWN]
        if not numbers:
            raise ValueError("X: got no column of numbers; plots.marginals draws other columns")
        return numbers
    numbers = places_of(columns, names)
    for i in numbers:
        if kinds[i] not in _KINDS:
            raise ValueError(
                f"columns: got {names[i]!r}, which is of kind {kinds[i]!r}, want columns of "
                f"numbers; plots.marginals draws other columns"
            )
    return numbers


def places_of(columns: Sequence[int | str], names: list[str]) -> list[int]:
    """Return the numbers of columns that are given by their names or numbers.

    Raises
    ------
    ValueError
        If there is none, or if one does not exist.
    """
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
    known = ~np.isnan(observed)
    observed, reconstructed = observed[known], reconstructed[known]
    ax.scatter(observed, reconstructed, s=6, linewidths=0, alpha=0.5, color=INK)
    both = np.concatenate([observed, reconstructed]) if known.any() else np.array([0.0, 1.0])
    low, high = float(both.min()), float(both.max())
    ax.axline((low, low), slope=1, color="0.8", linewidth=1, zorder=0)
    margin = 0.05 * (high - low) or 0.5
    ax.set(xlim=(low - margin, high + margin), ylim=(low - margin, high + margin))
    ax.set_box_aspect(1)
    ax.locator_params(nbins=3)
    few_digits(ax.xaxis)
    ax.tick_params(labelsize="x-small")
    ax.set_title(shortened(name), size="small")
    open_frame(ax)
