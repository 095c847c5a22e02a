"""Bar charts of the columns of data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from aevb.plots.style import INK, open_frame, pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_LABELS = 40  # that can be read one below the other
_INCHES_PER_LABEL = 0.2
_LOWEST = -1.0


def column_quality(quality: ArrayLike, *, names: Any = None, ax: Axes | None = None) -> Axes:
    """Plot how well each column is reconstructed, as horizontal bars in the table's order.

    Parameters
    ----------
    quality : array-like of shape (n_features,)
        The result of `Evaluator.column_quality`. A NaN has no bar.
    names : array-like of str of shape (n_features,), optional
        Names of the columns, such as ``model.feature_names_in_``. By default, x0, x1, ...
    ax : Axes, optional
        Axes to draw on. By default, those of a new figure, as high as the names need.

    Returns
    -------
    Axes
        The first column is at the top. With more than 40 columns, only some are named. The axis
        begins at -1 or above, so lower bars are cut off.

    Raises
    ------
    ValueError
        If `quality` is not a vector, or if `names` has another length.
    """
    share = np.asarray(quality, dtype=float)
    if share.ndim != 1 or len(share) == 0:
        raise ValueError(f"quality must have shape (n_features,), got {share.shape}")
    n = len(share)
    shown = [f"x{i}" for i in range(n)] if names is None else [str(name) for name in names]
    if len(shown) != n:
        raise ValueError(f"names must have length {n}, that of quality, got {len(shown)}")
    if ax is None:
        height = 1.0 + _INCHES_PER_LABEL * min(n, _MOST_LABELS)
        _, ax = pyplot().subplots(figsize=(6.4, height), layout="constrained")
    ax.barh(np.arange(n), np.nan_to_num(share, nan=0.0, neginf=_LOWEST), color=INK)
    labelled = np.arange(0, n, -(-n // _MOST_LABELS))
    ax.set_yticks(labelled, [shown[i] for i in labelled])
    ax.set_ylim(n - 0.5, -0.5)
    least = float(np.nanmin(share, initial=0.0))
    ax.set_xlim(max(least, _LOWEST), 1.0)
    ax.axvline(0.0, color=INK, linewidth=0.8)
    ax.set_xlabel("share of the variation that is reconstructed")
    open_frame(ax)
    return ax
