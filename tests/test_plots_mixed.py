"""Plots of a model of a table with columns of several kinds and missing values."""

import sys

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba

from aevb import AEVB, MCEM, Evaluator, plots

N = 200
SMALL = {"hidden_layer_sizes": 4, "n_epochs": 1, "early_stopping": False, "random_state": 0}


@pytest.fixture(scope="module", name="frame")
def data_frame():
    rng = np.random.default_rng(0)
    z = rng.normal(size=N)
    frame = pd.DataFrame(
        {
            "city": np.where(z > 0, "Rome", "Oslo"),
            "age": 40 + 10 * z,
            "smoker": pd.array(z > 0.3, "boolean"),
            "visits": pd.array(rng.poisson(np.exp(1 + 0.5 * z)), "Int64"),
        }
    )
    return frame.mask(rng.random(frame.shape) < 0.2)


@pytest.fixture(scope="module", name="model")
def fitted(frame):
    return AEVB(2, likelihood={"visits": "poisson"}, **SMALL).fit(frame)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def points(cloud):
    return np.asarray(cloud.get_offsets())


# ------------------------------------------------------------------------------------------ page
def test_a_page_has_the_marginals(model, frame):
    figure = plots.overview(model, frame, labels=frame["city"], random_state=3)
    figure.canvas.draw()
    infer, learn, *panels = figure.axes
    assert [ax.get_title(loc="left") for ax in (infer, learn)] == [
        "Where the encoder puts the data", "Learning curve",
    ]  # fmt: skip
    alone = plots.marginals(model, frame, random_state=3).axes
    assert [ax.get_title() for ax in panels] == [ax.get_title() for ax in alone]
    drawn, expected = (
        [ax.patches[-1].get_data().values for ax in (axes[1], axes[3])] for axes in (panels, alone)
    )
    np.testing.assert_array_equal(drawn[0], expected[0])
    np.testing.assert_array_equal(drawn[1], expected[1])
    assert infer.get_window_extent().y0 > max(ax.get_window_extent().y1 for ax in panels)


def test_booleans_have_marginals_on_a_page(frame):
    some = frame[["age", "smoker"]]
    figure = plots.overview(AEVB(2, **SMALL).fit(some), some)
    assert [len(ax.containers) for ax in figure.axes[2:]] == [0, 2]


def test_a_page_grows_with_its_columns(model, frame):
    wide = pd.concat([frame.add_suffix(str(i)) for i in range(4)], axis=1)
    heights = [
        plots.overview(m, X).get_figheight() for m, X in
        ((model, frame), (AEVB(2, **SMALL).fit(wide), wide))
    ]  # fmt: skip
    assert heights == pytest.approx([6.5, 10.7])


def test_a_page_of_numbers_has_reconstructions(frame):
    numbers = frame[["age", "visits"]]
    with pytest.warns(match="n_components"):
        model = AEVB(3, **SMALL).fit(numbers)
    figure = plots.overview(model, numbers)
    assert [len(ax.collections) for ax in figure.axes[2:]] == [1, 1]
    assert figure.get_figheight() == 8


def test_a_page_of_a_model_without_encoder(frame):
    model = MCEM(2, hidden_layer_sizes=4, n_epochs=1, random_state=0).fit(frame)
    assert len(plots.overview(model, frame).axes) == 6


# --------------------------------------------------------------------------------------- columns
def test_reconstructed_columns_are_those_of_numbers(model, frame):
    figure = plots.reconstructed_columns(model, frame)
    assert [ax.get_title() for ax in figure.axes] == ["age", "visits"]
    assert figure.get_suptitle() == "Data and their reconstructions: 2 of 4 columns"
    means = model.reconstruct(frame)
    for ax in figure.axes:
        known = frame[ax.get_title()].notna()
        both = pd.DataFrame({"x": frame[ax.get_title()], "y": means[ax.get_title()]})[known]
        np.testing.assert_allclose(points(ax.collections[0]), both.to_numpy(float))
        assert known.sum() < N
    (ax,) = plots.reconstructed_columns(model, frame, columns=["visits"]).axes
    assert ax.get_title() == "visits"


def test_a_column_without_values_has_no_points(model, frame):
    (ax,) = plots.reconstructed_columns(model, frame.assign(age=np.nan), columns=["age"]).axes
    assert len(points(ax.collections[0])) == 0
    ax.figure.canvas.draw()


def test_columns_without_numbers_are_named(model, frame):
    for name, kind in (("city", "category"), ("smoker", "boolean")):
        with pytest.raises(ValueError, match=f"columns: got '{name}', .* kind '{kind}', .*numbers"):
            plots.reconstructed_columns(model, frame, columns=["age", name])
    words = AEVB(1, **SMALL).fit(frame[["city"]])
    with pytest.raises(ValueError, match=r"X: got no column of numbers; plots\.marginals"):
        plots.reconstructed_columns(words, frame[["city"]])


def test_large_numbers_have_short_ticks(frame):
    frame = pd.DataFrame({"x": np.linspace(0, 8e4, 50), "y": np.linspace(0, 1, 50)})
    model = AEVB(1, **SMALL).fit(frame)
    for figure in (plots.reconstructed_columns(model, frame), plots.marginals(model, frame)):
        figure.canvas.draw()
        for ax, power in zip(figure.axes, ("1e", ""), strict=True):
            assert max(len(label.get_text()) for label in ax.get_xticklabels()) <= 5
            assert ax.xaxis.get_offset_text().get_text()[:2] == power


def test_quality_has_a_bar_for_each_column(model, frame):
    ax = plots.column_quality(Evaluator(model).column_quality(frame), names=frame.columns)
    assert [label.get_text() for label in ax.get_yticklabels()] == list(frame)
    assert all(bar.get_width() for bar in ax.patches)


# ------------------------------------------------------------------------------------------ latent
@pytest.mark.parametrize("label", ["city", "smoker", "visits"])
def test_rows_without_a_label_are_grey(model, frame, label):
    ax = plots.latent_scatter(model, frame, frame[label])
    grey, known = ax.collections
    missing = frame[label].isna().to_numpy()
    z = model.transform(frame)
    np.testing.assert_array_equal(points(grey), z[missing])
    np.testing.assert_array_equal(points(known), z[~missing])
    assert to_rgba("0.8", 0.8) == tuple(grey.get_facecolor()[0])
    if label != "visits":
        assert [text.get_text() for text in ax.texts] == sorted(
            map(str, frame[label].dropna().unique())
        )


def test_labels_of_polars_may_be_missing(model, frame):
    pl = pytest.importorskip("polars")
    labels = pl.Series(["a", None, "b", "a"] * (N // 4))
    ax = plots.latent_scatter(model, frame, labels)
    assert [text.get_text() for text in ax.texts] == ["a", "b"]
    assert len(points(ax.collections[0])) == N // 4


def test_labels_may_be_none_without_pandas(monkeypatch):
    X = np.random.default_rng(0).normal(size=(9, 3))
    model = AEVB(2, **SMALL).fit(X)
    monkeypatch.delitem(sys.modules, "pandas")
    ax = plots.latent_scatter(model, X, np.array(["a", None, "b"] * 3, object))
    assert [text.get_text() for text in ax.texts] == ["a", "b"]


def test_many_labels_are_numbers(model, frame):
    ax = plots.latent_scatter(model, frame, frame["age"])
    assert ax.collections[1].get_array().tolist() == frame["age"].dropna().tolist()
    with pytest.raises(ValueError, match="labels: got 200 classes, want at most 10, or numbers"):
        plots.latent_scatter(model, frame, [f"row {i}" for i in range(N)])


def test_latent_units_have_their_aggregate_posterior(model, frame):
    figure = plots.aggregate_posterior(model, frame, random_state=0)
    assert [ax.get_xlabel() for ax in figure.axes] == ["z0", "z1"]


# ------------------------------------------------------------------------------------------ images
def test_categories_are_no_images(model, frame):
    shape = (2, 2)
    for draw in (
        lambda: plots.manifold(model, shape),
        lambda: plots.samples(model, shape),
        lambda: plots.reconstructions(model, frame, shape),
        lambda: plots.overview(model, frame, shape),
    ):
        with pytest.raises(ValueError, match=r"^model: got .*'categorical' for column 'city'"):
            draw()


def test_images_may_have_holes():
    X = np.random.default_rng(0).random((40, 4))
    X[0, 1] = np.nan
    frame = pd.DataFrame(X, columns=list("abcd")).astype("Float64")
    ax = plots.reconstructions(AEVB(2, **SMALL).fit(frame), frame[:2], (2, 2), n_columns=2)
    canvas = np.ma.filled(np.ma.masked_invalid(ax.images[0].get_array()), np.nan)
    np.testing.assert_allclose(canvas[:2, :2].ravel(), X[0], rtol=1e-6)
    assert np.isfinite(canvas[3:, :2]).all()
