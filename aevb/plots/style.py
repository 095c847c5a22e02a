"""Colours, figures and axes of all plots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

_NO_MATPLOTLIB = "pictures need matplotlib: pip install 'aevb[plot]'"

# Ten even steps of hue at lightness 0.65 and chroma 0.13 in OKLCh: all look equally bright.
HUES = (
    *("#d36c6e", "#ca7836", "#ac8c0e", "#789e40", "#22a77a"),
    *("#00a6ae", "#239ad3", "#7489de", "#a578cc", "#c56da3"),
)
INK = "#30506f"
_N_LETTERS = 20  # of the name of a column


def colors_of(n: int) -> list[str]:
    """Return n colours, as far apart in hue as possible."""
    return [HUES[i * 10 // n if n <= 10 else i % 10] for i in range(n)]


def offscreen_figure(width: float, height: float) -> Figure:
    """Return a figure that was made without pyplot: no window and no global state."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(_NO_MATPLOTLIB) from error
    return Figure(figsize=(width, height), layout="constrained")


def axes_or_new(ax: Axes | None) -> Axes:
    """Return the axes, or those of a new figure."""
    if ax is not None:
        return ax
    _, axes = pyplot().subplots(layout="constrained")
    new: Axes = axes
    return new


def pyplot() -> Any:
    """Return matplotlib's pyplot. The ImportError says how to install it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(_NO_MATPLOTLIB) from error
    return plt


def open_frame(ax: Axes) -> None:
    """Hide the frame's top and right lines."""
    ax.spines[["top", "right"]].set_visible(False)


def title(ax: Axes, text: str) -> None:
    """Write a title at the left."""
    ax.set_title(text, loc="left", size="medium")


def shortened(text: str) -> str:
    """Return a text, or its beginning and an ellipsis if it is long."""
    whole = len(text) <= _N_LETTERS
    return text if whole else f"{text[: _N_LETTERS - 1]}\N{HORIZONTAL ELLIPSIS}"


def few_digits(axis: Axis) -> None:
    """Write large and small numbers of a small axis as multiples of a power of ten at its end."""
    formatter = axis.get_major_formatter()
    formatter.set_powerlimits((-3, 4))  # type: ignore[attr-defined]
    axis.get_offset_text().set_fontsize("x-small")
