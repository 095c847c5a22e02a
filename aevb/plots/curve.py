"""Learning curves: the bound against training samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from aevb.plots.style import INK, axes_or_new, colors_of, open_frame

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SHORT = 100.0  # times the lower end: the upper end of an axis with few powers of ten


def learning_curve(runs: Any, *, ax: Axes | None = None) -> Axes:
    """Plot the bound against training samples, as in figure 2 of the paper.

    Parameters
    ----------
    runs : history, estimator, trainer, or a mapping or sequence of them
        One run or several. ``{"J = 2": model2, "J = 20": model20}`` gives names for the legend.
    ax : Axes, optional
        Axes to draw on. By default, those of a new figure.

    Returns
    -------
    Axes
        Training bounds are solid lines, validation bounds are dashed.
    """
    ax = axes_or_new(ax)
    named = _named_histories(runs)
    colors = colors_of(len(named)) if len(named) > 1 else [INK]
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
    _label_counts(ax)
    ax.set_xlabel("training samples evaluated")
    ax.set_ylabel("bound (nats per row)")
    ax.legend(frameon=False)
    open_frame(ax)
    return ax


def _label_counts(ax: Axes) -> None:
    """Write 1k, 10k, ... below a logarithmic axis, or 1k, 2k, 5k, ... below a short one."""
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

    low, high = ax.get_xlim()
    steps = (1.0, 2.0, 5.0) if high < _SHORT * low else (1.0,)
    ax.xaxis.set_major_locator(LogLocator(subs=steps))
    ax.xaxis.set_major_formatter(EngFormatter(sep=""))
    ax.xaxis.set_minor_formatter(NullFormatter())


def _named_histories(runs: Any) -> dict[str, Mapping[str, Sequence[float]]]:
    """Return histories by name. A single run has the empty name."""
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
