"""The plot of columns: bars, names, limits."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest

from aevb import plots
from aevb.plots.style import INK


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def labels(ax):
    return [text.get_text() for text in ax.get_yticklabels()]


def test_bars_are_the_columns_from_the_top():
    quality = [0.9, -0.25, np.nan, 0.5]
    ax = plots.column_quality(quality)
    assert [bar.get_width() for bar in ax.patches] == [0.9, -0.25, 0.0, 0.5]
    heights = ax.transData.transform([(0, bar.get_y()) for bar in ax.patches])[:, 1]
    assert (np.diff(heights) < 0).all()
    assert labels(ax) == ["x0", "x1", "x2", "x3"]
    assert ax.get_yticks().tolist() == [0, 1, 2, 3]
    assert ax.get_xlim() == (-0.25, 1.0)
    assert ax.patches[0].get_facecolor() == matplotlib.colors.to_rgba(INK)
    assert ax.get_xlabel()


def test_names_are_those_given():
    ax = plots.column_quality(np.array([0.1, 0.2]), names=np.array(["age", "height"], object))
    assert labels(ax) == ["age", "height"]
    assert ax.get_xlim() == (0.0, 1.0)


@pytest.mark.parametrize("worst", [-7.0, -np.inf])
def test_bars_below_minus_one_are_cut(worst):
    ax = plots.column_quality([0.5, worst])
    assert ax.get_xlim() == (-1.0, 1.0)
    assert ax.patches[1].get_width() <= -1.0
    ax.figure.canvas.draw()


@pytest.mark.parametrize(("n", "step"), [(40, 1), (41, 2), (784, 20)])
def test_at_most_forty_names(n, step):
    ax = plots.column_quality(np.linspace(0, 1, n))
    assert len(ax.patches) == n
    assert labels(ax) == [f"x{i}" for i in range(0, n, step)]
    assert ax.figure.get_figheight() == 9.0  # room for forty names
    assert plots.column_quality([0.5]).figure.get_figheight() == pytest.approx(1.2)


def test_axes_given_are_used():
    _, ax = plt.subplots()
    assert plots.column_quality([0.5], ax=ax) is ax
    assert len(plt.get_fignums()) == 1


def test_nothing_but_constant_columns():
    ax = plots.column_quality([np.nan, np.nan])
    assert ax.get_xlim() == (0.0, 1.0)


@pytest.mark.parametrize("quality", [[], [[0.5]], 0.5])
def test_quality_is_a_vector(quality):
    with pytest.raises(ValueError, match="quality must have shape"):
        plots.column_quality(quality)


def test_names_are_as_many_as_columns():
    with pytest.raises(ValueError, match="names must have length 2, that of quality, got 1"):
        plots.column_quality([0.5, 0.5], names=["a"])
