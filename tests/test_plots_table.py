"""Plots of tables: which columns, under which names, and which points."""

import warnings

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from aevb import AEVB, plots

D = 14
SMALL = {
    "hidden_layer_sizes": 4, "n_epochs": 1, "validation_fraction": 0.5, "random_state": 0,
    "likelihood": "gaussian",
}  # fmt: skip


@pytest.fixture(scope="module", name="frame")
def data_frame():
    X = np.random.default_rng(0).normal(size=(520, D)) + np.arange(D)
    return pd.DataFrame(X, columns=[f"column {i}" for i in range(D - 1)] + ["a long name " * 3])


@pytest.fixture(scope="module", name="model")
def fitted(frame):
    return AEVB(2, **SMALL).fit(frame)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def points(ax):
    (cloud,) = ax.collections
    return np.asarray(cloud.get_offsets())


def names(axes):
    return [ax.get_title() for ax in axes]


def title(figure):
    return figure.get_suptitle()


def test_each_panel_is_observed_against_reconstructed(model, frame):
    figure = plots.reconstructed_columns(model, frame)
    figure.canvas.draw()
    assert names(figure.axes) == [f"column {i}" for i in range(12)]
    assert title(figure) == "Data and their reconstructions: the first 12 of 14 columns"
    assert (figure.get_supxlabel(), figure.get_supylabel()) == ("observed", "reconstructed")
    means = np.asarray(model.reconstruct(frame))[:500]
    for i, ax in enumerate(figure.axes):
        both = np.column_stack([frame.to_numpy()[:500, i], means[:, i]])
        np.testing.assert_allclose(points(ax), both, rtol=1e-6)
        assert ax.get_xlim() == ax.get_ylim()
        assert ax.get_xlim()[0] < both.min()
        assert both.max() < ax.get_xlim()[1]
        (line,) = ax.get_lines()
        assert line.get_slope() == 1
        x, y = line.get_xy1()
        assert x == y


def test_columns_by_name_and_by_number(model, frame):
    figure = plots.reconstructed_columns(model, frame, columns=["column 3", 13, "column 0"])
    assert names(figure.axes) == [
        "column 3",
        "a long name a long \N{HORIZONTAL ELLIPSIS}",
        "column 0",
    ]
    assert title(figure) == "Data and their reconstructions: 3 of 14 columns"
    np.testing.assert_allclose(points(figure.axes[1])[:, 0], frame.to_numpy()[:500, 13], rtol=1e-6)


@pytest.mark.parametrize("columns", [["age"], [14], [-1], [0, "b"], []])
def test_columns_that_are_not_there(model, frame, columns):
    bad = repr(columns[-1]) if columns else "none"
    with pytest.raises(ValueError, match=f"columns: got {bad}, want"):
        plots.reconstructed_columns(model, frame, columns=columns)


@pytest.mark.filterwarnings("ignore:n_components")
@pytest.mark.parametrize("n", [1, 5, 6, 7, 12])
def test_panels_of_few_columns(n):
    """Columns without names are counted from 0. Sparse rows are drawn as dense ones."""
    X = np.random.default_rng(0).random((9, n))
    model = AEVB(2, **SMALL).fit(X)
    figure = plots.reconstructed_columns(model, csr_matrix(X))
    assert names(figure.axes) == [f"x{i}" for i in range(n)]
    assert title(figure) == f"Data and their reconstructions: {n} of {n} columns"
    np.testing.assert_allclose(points(figure.axes[0])[:, 0], X[:, 0], rtol=1e-6)
    np.testing.assert_array_equal(points(figure.axes[0])[:, 1], model.reconstruct(X)[:, 0])


def test_a_constant_column_has_axes():
    X = np.ones((9, 2))
    model = AEVB(2, **SMALL).fit(X)
    model.inverse_transform = lambda Z: np.ones((len(Z), 2), np.float32)
    figure = plots.reconstructed_columns(model, X)
    assert figure.axes[0].get_xlim() == (0.5, 1.5)


def test_a_page_of_a_table(model, frame):
    labels = np.arange(len(frame)) % 2
    figure = plots.overview(model, frame, labels=labels, figure=plots.offscreen_figure(11, 8))
    figure.canvas.draw()
    infer, learn, *panels = figure.axes
    assert [ax.get_title(loc="left") for ax in (infer, learn)] == [
        "Where the encoder puts the data", "Learning curve",
    ]  # fmt: skip
    np.testing.assert_array_equal(points(infer), model.transform(frame))
    assert [text.get_text() for text in infer.texts] == ["0", "1"]
    assert learn.get_lines()[0].get_ydata().tolist() == model.history_["train_bound"]
    assert names(panels) == [f"column {i}" for i in range(12)]
    assert infer.get_window_extent().y0 > max(ax.get_window_extent().y1 for ax in panels)


def test_frames_reach_the_model_as_frames(model, frame):
    """scikit-learn would warn about an array, since the model was fitted with names."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plots.overview(model, frame, (2, 7))
        plots.overview(model, frame)
