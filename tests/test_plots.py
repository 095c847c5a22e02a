"""Plots: the arrays, points and lines that are drawn, for a model made by hand."""

import sys
from types import SimpleNamespace

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.special import ndtr
from scipy.stats import norm

from aevb import AEVB, plots
from aevb.plots import latent

SHAPE = (2, 3)
D = 6
HISTORY = {
    "samples_seen": [100, 200, 300],
    "train_bound": [-9.0, -8.0, -7.5],
    "validation_bound": [-9.5, -8.75, -8.5],
    "seconds": [0.1, 0.2, 0.3],
}


class Linear:
    """p(x|z) has mean W z, and the posterior of x has mean W' x, so every drawing is known."""

    def __init__(self, n_components=2, likelihood="bernoulli", scale=1.0):
        self.n_components = n_components
        self.likelihood_ = likelihood
        self.columns_ = [SimpleNamespace(scale=scale, family=likelihood)] * D
        self.W = np.random.default_rng(0).random((n_components, D)).astype(np.float32)
        self.history_ = HISTORY

    def transform(self, X):
        dense = X.toarray() if hasattr(X, "toarray") else X
        return np.asarray(dense, np.float32) @ self.W.T

    def reconstruct(self, X):
        return self.inverse_transform(self.transform(X))

    def inverse_transform(self, Z):
        assert Z.dtype == np.float32
        return Z @ self.W

    def sample(self, n_samples=1, random_state=None):
        return np.random.RandomState(random_state).random_sample((n_samples, D)).astype(np.float32)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def pixels(ax):
    """The canvas of an image grid, NaN where it is masked."""
    (image,) = ax.images
    return np.ma.filled(np.ma.masked_invalid(image.get_array()), np.nan)


def cell(canvas, row, column):
    top, left = row * (SHAPE[0] + 1), column * (SHAPE[1] + 1)
    return canvas[top : top + SHAPE[0], left : left + SHAPE[1]]


def same(a, b):
    np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


def test_tile():
    images = np.arange(3 * D, dtype=np.float32).reshape(3, D)
    nan = np.nan
    expected = [
        [0, 1, 2, nan, 6, 7, 8],
        [3, 4, 5, nan, 9, 10, 11],
        [nan] * 7,
        [12, 13, 14, nan, nan, nan, nan],
        [15, 16, 17, nan, nan, nan, nan],
    ]
    np.testing.assert_array_equal(plots.tile(images, SHAPE, 2), expected)


@pytest.mark.parametrize(("n", "columns"), [(1, 1), (2, 2), (4, 2), (5, 3), (9, 3), (10, 4)])
def test_image_grid_is_square_by_default(n, columns):
    canvas = pixels(plots.image_grid(np.zeros((n, D)), SHAPE))
    assert canvas.shape[1] == columns * 4 - 1
    assert np.count_nonzero(~np.isnan(canvas)) == n * D


@pytest.mark.parametrize("shape", [(2, 2), (6, 2)])
def test_image_shape_must_fit(shape):
    calls = [
        lambda: plots.tile(np.zeros((4, D)), shape, 2),
        lambda: plots.manifold(Linear(), shape),
        lambda: plots.samples(Linear(), shape),
        lambda: plots.reconstructions(Linear(), np.zeros((4, D)), shape),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=f"image_shape={shape[0]}x{shape[1]}"):
            call()


def test_manifold_grid():
    grid = plots.manifold_grid(4)
    assert grid.dtype == np.float32
    quantiles = norm.ppf([1 / 8, 3 / 8, 5 / 8, 7 / 8])
    expected = [(right, up) for up in quantiles[::-1] for right in quantiles]
    same(grid, expected)
    same(plots.manifold_grid(1), [[0, 0]])
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        plots.manifold_grid(0)


@pytest.mark.parametrize("n", [1, 5, 20])
def test_manifold_shows_the_decoder_mean_where_its_axes_say(n):
    model = Linear()
    ax = plots.manifold(model, SHAPE, n=n)
    canvas = pixels(ax)
    assert canvas.shape == (n * 3 - 1, n * 4 - 1)
    left, right, bottom, top = ax.images[0].get_extent()
    width, height = (right - left) / canvas.shape[1], (top - bottom) / canvas.shape[0]
    for row in range(n):
        for column in range(n):
            # The centre of the cell, in the coordinates of the axes, is a pair of the prior's
            # quantiles.
            u = left + width * (column * 4 + 1.5)
            v = top - height * (row * 3 + 1.0)
            z = norm.ppf([u, v]).astype(np.float32)
            same(cell(canvas, row, column).ravel(), z @ model.W)
    same(ax.get_xticks(), ndtr([-2, -1, 0, 1, 2]))
    assert [text.get_text() for text in ax.get_xticklabels()] == [
        "\N{MINUS SIGN}2", "\N{MINUS SIGN}1", "0", "1", "2",
    ]  # fmt: skip
    assert "z0" in ax.get_xlabel()
    assert "z1" in ax.get_ylabel()
    # Pixels are square on the page.
    assert width == pytest.approx(height * ax.get_aspect())


@pytest.mark.parametrize("n_components", [1, 3, 20])
def test_manifold_needs_two_components(n_components):
    with pytest.raises(ValueError, match=f"n_components=2, got {n_components}"):
        plots.manifold(Linear(n_components), SHAPE)


@pytest.mark.parametrize("likelihood", ["bernoulli", "bounded-gaussian", "gaussian"])
def test_grey_levels_keep_their_meaning(likelihood):
    for ax in (
        plots.manifold(Linear(likelihood=likelihood), SHAPE, n=3),
        plots.samples(Linear(likelihood=likelihood), SHAPE, n_samples=4),
        plots.reconstructions(Linear(likelihood=likelihood), np.full((4, D), 0.5), SHAPE),
    ):
        canvas = pixels(ax)
        whole = (np.nanmin(canvas), np.nanmax(canvas))
        same(ax.images[0].get_clim(), whole if likelihood == "gaussian" else (0, 1))


def test_samples_of_means():
    model = Linear(n_components=3)
    ax = plots.samples(model, SHAPE, n_samples=5, random_state=1)
    z = np.random.RandomState(1).standard_normal((5, 3)).astype(np.float32)
    canvas = pixels(ax)
    for i, mean in enumerate(z @ model.W):
        same(cell(canvas, i // 3, i % 3).ravel(), mean)
    assert np.isnan(cell(canvas, 1, 2)).all()


def test_samples_of_draws():
    model = Linear()
    canvas = pixels(plots.samples(model, SHAPE, n_samples=4, kind="draw", random_state=2))
    for i, drawn in enumerate(model.sample(4, random_state=2)):
        same(cell(canvas, i // 2, i % 2).ravel(), drawn)
    with pytest.raises(ValueError, match="kind must be 'mean' or 'draw', got 'median'"):
        plots.samples(model, SHAPE, kind="median")


def test_reconstructions_stand_below_their_originals():
    model = Linear(scale=1 / 255)
    X = np.random.default_rng(1).integers(0, 256, (5, D), np.uint8)
    ax = plots.reconstructions(model, X, SHAPE, n_columns=3)
    canvas = pixels(ax)
    assert canvas.shape == (4 * 3 - 1, 3 * 4 - 1)
    decoded = model.inverse_transform(model.transform(X))
    for i in range(5):
        row, column = 2 * (i // 3), i % 3
        same(cell(canvas, row, column).ravel(), X[i].astype(np.float32))
        same(cell(canvas, row + 1, column).ravel(), decoded[i])
    assert np.isnan(cell(canvas, 2, 2)).all()
    assert np.isnan(cell(canvas, 3, 2)).all()
    assert ax.images[0].get_clim() == (0, 255)  # in the units of the pixels
    assert [text.get_text() for text in ax.get_yticklabels()] == ["data", "model"] * 2
    same(ax.get_yticks(), [0.5, 3.5, 6.5, 9.5])


def test_reconstructions_of_sparse_rows():
    X = np.random.default_rng(1).integers(0, 2, (4, D)).astype(np.float32)
    dense = plots.reconstructions(Linear(), X, SHAPE)
    sparse = plots.reconstructions(Linear(), csr_matrix(X), SHAPE)
    np.testing.assert_array_equal(pixels(sparse), pixels(dense))


def test_latent_scatter_of_two():
    model = Linear()
    X = np.random.default_rng(1).random((30, D))
    ax = plots.latent_scatter(model, X)
    same(ax.collections[0].get_offsets(), model.transform(X))
    assert "z0" in ax.get_xlabel()
    assert "z1" in ax.get_ylabel()


def test_latent_scatter_picks_what_varies():
    model = Linear(n_components=4)
    model.W *= np.array([[1.0], [0.1], [3.0], [0.0]], np.float32)
    X = np.random.default_rng(1).random((30, D))
    ax = plots.latent_scatter(model, X)
    same(ax.collections[0].get_offsets(), model.transform(X)[:, [0, 2]])
    assert "z0" in ax.get_xlabel()
    assert "z2" in ax.get_ylabel()


@pytest.mark.parametrize("labels", [np.arange(30) % 3, np.array(["a", "b", "c"] * 10)])
def test_latent_scatter_of_classes(labels):
    model = Linear()
    X = np.random.default_rng(1).random((30, D))
    ax = plots.latent_scatter(model, X, labels)
    colors = ax.collections[0].get_facecolors()
    classes = np.unique(labels)
    assert len(np.unique(colors, axis=0)) == 3
    for name in classes:
        assert len(np.unique(colors[labels == name], axis=0)) == 1
    assert [text.get_text() for text in ax.texts] == [str(name) for name in classes]
    for name, text in zip(classes, ax.texts, strict=True):
        means = model.transform(X)[labels == name]
        assert np.isclose(means, text.get_position()).all(axis=1).any()


def test_a_class_is_named_where_it_is_dense():
    cluster = np.array([[1, 1], [1.1, 1], [1, 1.1], [1.1, 1.1], [1.05, 1.05]], np.float32)
    others = np.array([[-9, -9], [0, 0], [-4, 7]], np.float32)
    same(latent._heart(np.vstack([others, cluster])), [1.05, 1.05])


def test_latent_scatter_of_numbers():
    X = np.random.default_rng(1).random((30, D))
    numbers = np.linspace(0, 1, 30)
    ax = plots.latent_scatter(Linear(), X, numbers)
    same(ax.collections[0].get_array(), numbers)
    assert len(ax.figure.axes) == 2  # the colour bar


def test_latent_scatter_errors():
    with pytest.raises(ValueError, match="n_components >= 2, got 1"):
        plots.latent_scatter(Linear(1), np.zeros((3, D)))
    with pytest.raises(ValueError, match=r"labels must have shape \(3,\), got \(2,\)"):
        plots.latent_scatter(Linear(), np.zeros((3, D)), [0, 1])


def drawn_lines(ax):
    return [line for line in ax.get_lines() if len(line.get_xdata())]


@pytest.mark.parametrize(
    "run", [HISTORY, SimpleNamespace(history_=HISTORY), SimpleNamespace(history=HISTORY)]
)
def test_learning_curve_of_one_run(run):
    ax = plots.learning_curve(run)
    train, validation = drawn_lines(ax)
    assert (train.get_linestyle(), validation.get_linestyle()) == ("-", "--")
    same(train.get_xydata(), np.transpose([HISTORY["samples_seen"], HISTORY["train_bound"]]))
    same(validation.get_ydata(), HISTORY["validation_bound"])
    assert ax.get_xscale() == "log"
    assert "nats" in ax.get_ylabel()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["train", "validation"]


def test_learning_curve_without_validation():
    ax = plots.learning_curve({**HISTORY, "validation_bound": [np.nan] * 3})
    assert len(drawn_lines(ax)) == 1


def test_learning_curves_of_several_runs():
    ax = plots.learning_curve({"J = 2": Linear(), "J = 20": HISTORY})
    lines = drawn_lines(ax)
    assert [line.get_linestyle() for line in lines] == ["-", "--"] * 2
    colors = [line.get_color() for line in lines]
    assert colors[0] == colors[1] != colors[2] == colors[3]
    named = [text.get_text() for text in ax.get_legend().get_texts()]
    assert named == ["J = 2", "J = 20", "train", "validation"]
    numbered = plots.learning_curve([HISTORY, HISTORY]).get_legend().get_texts()
    assert numbered[1].get_text() == "run 2"


def test_learning_curve_of_something_else():
    with pytest.raises(TypeError, match="a history, a fitted estimator or a trainer, got 3"):
        plots.learning_curve(3)


def test_axes_given_are_used():
    X = np.zeros((4, D))
    _, axes = plt.subplots(1, 5)
    model = Linear()
    assert plots.learning_curve(model, ax=axes[0]) is axes[0]
    assert plots.manifold(model, SHAPE, ax=axes[1]) is axes[1]
    assert plots.samples(model, SHAPE, ax=axes[2]) is axes[2]
    assert plots.reconstructions(model, X, SHAPE, ax=axes[3]) is axes[3]
    assert plots.latent_scatter(model, X, ax=axes[4]) is axes[4]
    assert len(plt.get_fignums()) == 1


@pytest.mark.parametrize("n_components", [2, 3])
def test_overview(n_components):
    X = np.random.default_rng(1).random((30, D))
    figure = plots.overview(Linear(n_components), X, SHAPE, labels=np.arange(30) % 4)
    figure.canvas.draw()
    generate, infer, reconstruct, learn = figure.axes
    assert len(pixels(generate)) == (20 * 3 - 1 if n_components == 2 else 10 * 3 - 1)
    assert len(infer.collections[0].get_offsets()) == 30
    assert pixels(reconstruct).shape == (4 * 3 - 1, 10 * 4 - 1)
    assert len(drawn_lines(learn)) == 2


def test_a_fitted_model():
    X = np.random.default_rng(0).random((60, D), dtype=np.float32)
    model = AEVB.published(
        2, hidden_layer_sizes=(8,), n_epochs=2, batch_size=20, random_state=0
    ).fit(X)
    figure = plots.offscreen_figure(4, 4)
    assert plots.overview(model, X, SHAPE, figure=figure) is figure
    figure.canvas.draw()
    same(cell(pixels(figure.axes[2]), 0, 0).ravel(), X[0])
    same(cell(pixels(figure.axes[2]), 1, 0).ravel(), model.reconstruct(X[:1])[0])
    assert plt.get_fignums() == []


@pytest.mark.parametrize("missing", ["matplotlib.pyplot", "matplotlib.figure"])
def test_without_matplotlib(monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    if missing == "matplotlib.pyplot":
        monkeypatch.delattr(matplotlib, "pyplot")
    with pytest.raises(ImportError, match=r"pip install 'aevb\[plot\]'"):
        plots.learning_curve(HISTORY) if "pyplot" in missing else plots.offscreen_figure(1, 1)
