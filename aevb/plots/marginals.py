"""The distribution of each column of a table: observed beside sampled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aevb.core.catalogue import JOINT_LIKELIHOODS, SUPPORTS
from aevb.core.checks import check_integer
from aevb.estimators.columns import Column
from aevb.plots.model import LatentModel, kinds_of, names_of, numbers_of
from aevb.plots.style import HUES, INK, few_digits, open_frame, pyplot, shortened
from aevb.plots.table import N_SHOWN, count_columns, panels_of, places_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_N_ACROSS = 4  # panels
_N_LEVELS = 8  # with bars
_N_BINS = 40
_TAIL = 0.005  # share of the values that may lie beyond either end of an axis
_MOST_BEYOND = 0.5  # of the observed range, on each side, for samples outside of it
_WIDE = 100.0  # times its lower end: an axis of positive values is then logarithmic
_MOST_WHOLE = 2.0**50  # up to here, float64 has the edges of bins: whole numbers and a half
_THICK = 0.4  # of a bar, if two levels have the distance 1
_OBSERVED: dict[str, Any] = {"color": INK, "alpha": 0.5, "label": "observed"}
_SAMPLED: dict[str, Any] = {"color": HUES[1], "label": "sampled"}

Values = NDArray[np.float64]


def marginals(
    model: LatentModel,
    X: Any,
    *,
    columns: Sequence[int | str] | None = None,
    n_samples: int = 10_000,
    random_state: Any = None,
    figure: Figure | SubFigure | None = None,
) -> Figure | SubFigure:
    """Plot the distribution of columns in the data beside that in samples of the model.

    A column of numbers has a panel with two histograms, with common bins. A column of categories or
    booleans has a panel with two bars for each level. Their heights and lengths are shares of the
    values. Missing values do not count.

    Parameters
    ----------
    model : fitted model
    X : array-like, CSR matrix or data frame of shape (n, n_features)
        Data, which may have missing values.
    columns : sequence of int or str, optional
        Numbers from 0 or names of the columns to show. By default, the first 12.
    n_samples : int, default=10000
        Rows that the model draws.
    random_state : None, int or RandomState
        Seed of these rows. None takes the model's own.
    figure : Figure or SubFigure, optional
        Figure to draw on. By default, a new one.

    Returns
    -------
    Figure or SubFigure
        Its title says how many columns it shows. The title of a panel says how many of its values
        are missing. Of more than 8 levels, the 7 most frequent ones have bars of their own. An axis
        of numbers leaves out at most a hundredth of the observed values. It is logarithmic if the
        likelihood is one of positive numbers, and one end is 100 times the other.

    Raises
    ------
    ValueError, TypeError
        If `columns` has none, or one that the data do not have, or if `X` or `n_samples` is not
        valid for the model. The message names it.
    """
    observed = numbers_of(model, X)
    names = names_of(model, X, observed.shape[1])
    numbers = [*range(len(names))][:N_SHOWN] if columns is None else places_of(columns, names)
    given = _totals(model, observed, n_samples)
    sampled = numbers_of(model, model.sample(n_samples, random_state=random_state, **given))
    if figure is None:
        width = 2.75 * min(len(numbers), _N_ACROSS)
        size = (max(width, 5.5), height_of_marginals(len(numbers)))
        figure = pyplot().figure(figsize=size, layout="constrained")
    panels, kinds = panels_of(figure, len(numbers), _N_ACROSS), kinds_of(model, len(names))
    for ax, i in zip(panels, numbers, strict=True):
        column, missing = model.columns_[i], np.isnan(observed[:, i])
        _panel(ax, observed[~missing, i], sampled[:, i], column, kinds[i])
        ax.set_title(shortened(names[i]) + _share_of(missing), size="small")
    title = "Data and samples of the model"
    count_columns(figure, title, numbers, names, is_first=columns is None)
    handles = panels[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower left", ncols=2, fontsize="small", frameon=False)
    return figure


def _totals(model: LatentModel, observed: Values, n_samples: int) -> dict[str, Any]:
    """Return the totals of multinomial counts for samples: those of the rows, again and again.

    Rows with missing counts do not count, unless all have them.
    """
    own = [i for i, column in enumerate(model.columns_) if column.family in JOINT_LIKELIHOODS]
    if not own:
        return {}
    counts = observed[:, own]
    complete = ~np.isnan(counts).any(axis=1)
    totals = np.nansum(counts[complete] if complete.any() else counts, axis=1)
    return {"totals": np.resize(totals, check_integer("n_samples", n_samples))}


def height_of_marginals(n_columns: int) -> float:
    """Return the height in inches that panels for so many columns need."""
    return 0.8 + 2.1 * -(-n_columns // _N_ACROSS)


def _share_of(missing: NDArray[np.bool_]) -> str:
    """Return the end of a title: the share of the values that are missing."""
    share = float(missing.mean())
    if share == 0.0:
        return ""
    text = "<1%" if share < 0.01 else ">99%" if 0.99 < share < 1 else f"{share:.0%}"
    return f" ({text} missing)"


def _panel(ax: Axes, observed: Values, sampled: Values, column: Column, kind: str) -> None:
    both = np.concatenate([observed, sampled])
    binary = column.family == "bernoulli" and bool(np.isin(both, (0.0, 1.0)).all())
    if column.levels:
        ordered = column.family == "ordinal"
        _bars(ax, observed, sampled, [str(level) for level in column.levels], ordered=ordered)
    elif kind == "boolean" or binary:
        names = ["False", "True"] if kind == "boolean" else ["0", "1"]
        _bars(ax, observed, sampled, names, ordered=True)
    else:
        positive = SUPPORTS[column.family] == "positive"
        _histograms(ax, observed, sampled, positive=positive)
    ax.tick_params(labelsize="x-small")
    open_frame(ax)


# ---------------------------------------------------------------------------------------- levels
def _bars(ax: Axes, observed: Values, sampled: Values, names: list[str], *, ordered: bool) -> None:
    """Draw two bars for each level, from the top. Ordered levels keep their order."""
    shares = np.stack([_shares(values, len(names)) for values in (observed, sampled)])
    order = np.argsort(-shares[0], kind="stable")
    if len(names) > _N_LEVELS:
        order, others = order[: _N_LEVELS - 1], order[_N_LEVELS - 1 :]
        order = np.sort(order) if ordered else order
        shares = np.column_stack([shares[:, order], shares[:, others].sum(axis=1)])
        names = [*(names[i] for i in order), f"{len(others)} others"]
    else:
        order = np.arange(len(names)) if ordered else order
        shares, names = shares[:, order], [names[i] for i in order]
    places = np.arange(len(names))
    ax.barh(places - _THICK / 2, shares[0], _THICK, linewidth=0, **_OBSERVED)
    ax.barh(places + _THICK / 2, shares[1], _THICK, linewidth=0, **_SAMPLED)
    ax.set_yticks(places, [shortened(name) for name in names])
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.locator_params("x", nbins=4)
    ax.tick_params("y", length=0)


def _shares(codes: Values, n_levels: int) -> Values:
    """Return the share of each level among codes."""
    counts = np.bincount(codes.astype(np.intp), minlength=n_levels)
    return counts / max(len(codes), 1)


# --------------------------------------------------------------------------------------- numbers
def _histograms(ax: Axes, observed: Values, sampled: Values, *, positive: bool) -> None:
    """Draw two histograms with the same bins."""
    known = observed if len(observed) else sampled
    whole = bool((known == np.rint(known)).all()) and np.abs(known).max() < _MOST_WHOLE
    low, high = _inner_ends(known)
    logarithmic = positive and 0 < _WIDE * low < high
    if logarithmic:
        logarithms = (np.log(values[values > 0]) for values in (known, sampled))
        edges = np.exp(_even_edges(*_ends(*logarithms)))
        ax.set_xscale("log")
    else:
        ends = _ends(known, sampled)
        edges = _whole_edges(*ends) if whole else _even_edges(*ends)
        ax.locator_params("x", nbins=4, integer=whole, min_n_ticks=1 if whole else 2)
        few_digits(ax.xaxis)
    for values, style in (
        (observed, {"fill": True, "linewidth": 0} | _OBSERVED),
        (sampled, {"linewidth": 1.5} | _SAMPLED),
    ):
        ax.stairs(np.histogram(values, edges)[0] / max(len(values), 1), edges, **style)
    ax.set_xlim(edges[0], edges[-1])
    ax.locator_params("y", nbins=3)


def _ends(known: Values, sampled: Values) -> tuple[float, float]:
    """Return the ends of an axis that shows almost all known values, and samples near to them."""
    (low, high), (first, last) = map(_inner_ends, (known, sampled))
    reach = _MOST_BEYOND * (high - low)
    return float(max(min(low, first), low - reach)), float(min(max(high, last), high + reach))


def _inner_ends(values: Values) -> tuple[float, float]:
    """Return the range of the values without their tails: all of them, if they are few."""
    low = np.quantile(values, _TAIL, method="lower")
    return float(low), float(np.quantile(values, 1 - _TAIL, method="higher"))


def _even_edges(low: float, high: float) -> Values:
    if low == high:
        margin = 0.5 * max(abs(low), 1.0)
        low, high = low - margin, high + margin
    return np.linspace(low, high, _N_BINS + 1)


def _whole_edges(low: float, high: float) -> Values:
    """Return edges between whole numbers, each bin with as many of them."""
    low, n = np.rint(low), np.rint(high) - np.rint(low) + 1
    step = np.ceil(n / _N_BINS)
    edges: Values = low - 0.5 + step * np.arange(np.ceil(n / step) + 1)
    return edges
