"""Plots in detail: defaults, colours, ticks, legends, and what each panel of a page gets."""

import inspect
from types import SimpleNamespace

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from scipy.special import ndtr

from aevb import AEVB, plots
from aevb.plots import latent, style
from aevb.plots.model import limits

SHAPE = (2, 3)
D = 6


class Linear:
    """p(x|z) has mean W z, and the posterior of x has mean W' x."""

    def __init__(self, n_components=2):
        self.n_components = n_components
        self.likelihood_ = "bernoulli"
        self.columns_ = [SimpleNamespace(scale=1.0, family="bernoulli")] * D
        self.W = np.random.default_rng(0).random((n_components, D)).astype(np.float32)
        self.history_ = history(-9.0)

    def transform(self, X):
        return np.asarray(X, np.float32) @ self.W.T

    def reconstruct(self, X):
        return self.inverse_transform(self.transform(X))

    def inverse_transform(self, Z):
        return Z @ self.W

    def sample(self, n_samples=1, random_state=None):
        raise AssertionError("means were asked for")


def history(first, validation=0.5):
    bounds = np.array([first, first + 1, first + 1.5])
    return {
        "samples_seen": [100, 200, 400],
        "train_bound": bounds.tolist(),
        "validation_bound": (bounds - validation).tolist(),
        "seconds": [0.1, 0.2, 0.3],
    }


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def pixels(ax):
    (image,) = ax.images
    return np.ma.filled(np.ma.masked_invalid(image.get_array()), np.nan)


def default(function, name):
    return inspect.signature(function).parameters[name].default


# ------------------------------------------------------------------------------- learning curves
def test_each_run_has_its_own_values_and_colour():
    runs = {
        "one": history(-9.0),
        "two": SimpleNamespace(history_=history(-20.0)),
        "three": SimpleNamespace(history=history(-40.0, validation=np.nan)),
    }
    ax = plots.learning_curve(runs)
    lines = [line for line in ax.get_lines() if len(line.get_xdata())]
    bounds = [-9.0, -9.5, -20.0, -20.5, -40.0]
    assert [line.get_ydata()[0] for line in lines] == bounds
    for line, bound in zip(lines, bounds, strict=True):
        np.testing.assert_array_equal(line.get_xdata(), [100, 200, 400])
        np.testing.assert_array_equal(line.get_ydata(), [bound, bound + 1, bound + 1.5])
    assert [line.get_linestyle() for line in lines] == ["-", "--", "-", "--", "-"]
    colours = [line.get_color() for line in lines]
    assert colours[0] == colours[1]
    assert colours[2] == colours[3]
    assert len(set(colours)) == 3
    handles = dict(zip(*ax.get_legend_handles_labels()[::-1], strict=True))
    assert list(handles) == ["one", "two", "three", "train", "validation"]
    assert [handles[name].get_color() for name in runs] == colours[::2]
    styles = [handles[name].get_linestyle() for name in ("train", "validation")]
    assert styles == ["-", "--"]
    assert ax.get_xlabel() == "training samples evaluated"
    assert ax.get_ylabel() == "bound (nats per row)"


def test_runs_in_a_row_are_numbered_from_one():
    without = history(-9.0, validation=np.nan)
    ax = plots.learning_curve([without, without, without])
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["run 1", "run 2", "run 3", "train"]


def test_a_named_run_alone_keeps_its_name():
    ax = plots.learning_curve({"mine": history(-9.0)})
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["mine"]


@pytest.mark.parametrize(("n", "marker"), [(1, "o"), (2, "")])
def test_a_single_point_is_seen(n, marker):
    short = {name: values[:n] for name, values in history(-9.0).items()}
    lines = plots.learning_curve(short).get_lines()
    assert [line.get_marker().replace("None", "") for line in lines] == [marker] * 2


def test_a_validation_bound_that_begins_late_is_drawn():
    late = history(-9.0)
    late["validation_bound"][0] = np.nan
    lines = plots.learning_curve(late).get_lines()
    np.testing.assert_array_equal(lines[1].get_ydata(), [np.nan, -8.5, -8.0])


def test_an_open_frame():
    for ax in (plots.learning_curve(history(-9.0)), plots.latent_scatter(Linear(), np.eye(D))):
        seen = {side: spine.get_visible() for side, spine in ax.spines.items()}
        assert seen == {"left": True, "bottom": True, "top": False, "right": False}


# ----------------------------------------------------------------------------------------- grids
def test_a_grid_of_images_has_no_axes():
    ax = plots.image_grid(np.zeros((2, D)), SHAPE)
    assert len(ax.get_xticks()) == len(ax.get_yticks()) == 0
    assert not any(spine.get_visible() for spine in ax.spines.values())
    (image,) = ax.images
    assert image.get_interpolation() == "nearest"
    assert image.origin == "upper"


def test_images_of_one_column_and_of_one_row():
    images = np.arange(3 * D).reshape(3, D)
    assert pixels(plots.image_grid(images, SHAPE, n_columns=1)).shape == (8, 3)
    assert pixels(plots.image_grid(images, SHAPE, n_columns=3)).shape == (2, 11)


def test_limits_are_the_ends_of_the_colour_map():
    images = np.linspace(0.2, 0.7, 2 * D).reshape(2, D)
    assert plots.image_grid(images, SHAPE, limits=(-1.0, 3.0)).images[0].get_clim() == (-1, 3)
    low, high = plots.image_grid(images, SHAPE).images[0].get_clim()
    np.testing.assert_allclose([low, high], [0.2, 0.7], rtol=1e-6)


def test_the_colour_map_is_passed_on():
    X = np.eye(D, dtype=np.float32)
    for draw in (
        lambda **cmap: plots.image_grid(X, SHAPE, **cmap),
        lambda **cmap: plots.manifold(Linear(), SHAPE, n=2, **cmap),
        lambda **cmap: plots.samples(Linear(), SHAPE, n_samples=2, **cmap),
        lambda **cmap: plots.reconstructions(Linear(), X, SHAPE, **cmap),
    ):
        assert draw().images[0].get_cmap().name == "gray"
        assert draw(cmap="magma").images[0].get_cmap().name == "magma"


def test_images_in_three_dimensions_are_refused():
    with pytest.raises(ValueError, match=r"images of shape \(n, 6\), got \(4, 2, 3\)"):
        plots.tile(np.zeros((4, 2, 3)), SHAPE, 2)


@pytest.mark.parametrize(
    ("function", "name", "value"),
    [
        (plots.manifold, "n", 20),
        (plots.samples, "n_samples", 100),
        (plots.samples, "kind", "mean"),
        (plots.sample_images, "n_samples", 100),
        (plots.sample_images, "kind", "mean"),
        (plots.reconstructions, "n_columns", 10),
    ],
)
def test_defaults_are_those_of_the_docstrings(function, name, value):
    assert default(function, name) == value
    assert f"{name} : " in function.__doc__ or function is plots.sample_images


@pytest.mark.parametrize("n", [1, 4])
def test_the_manifold_s_axes_are_prior_quantiles_both_ways(n):
    ax = plots.manifold(Linear(), SHAPE, n=n)
    assert (ax.get_xlim(), ax.get_ylim()) == ((0, 1), (0, 1))
    for axis in (ax.xaxis, ax.yaxis):
        np.testing.assert_allclose(axis.get_ticklocs(), ndtr([-2, -1, 0, 1, 2]), rtol=1e-6)
        labels = [
            label.get_text().replace("\N{MINUS SIGN}", "-") for label in axis.get_ticklabels()
        ]
        assert labels == ["-2", "-1", "0", "1", "2"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("z0 (prior s.d.)", "z1 (prior s.d.)")
    left, right, bottom, top = ax.images[0].get_extent()
    # half a gap of one pixel is left on each side
    assert left == pytest.approx(1 - right) == pytest.approx(0.5 / (4 * n))
    assert bottom == pytest.approx(1 - top) == pytest.approx(0.5 / (3 * n))


def test_the_corners_of_the_manifold():
    """The top left has the low z0 and the high z1."""
    grid = plots.manifold_grid(3).reshape(3, 3, 2)
    signs = np.sign(grid)
    assert signs[0, 0].tolist() == [-1, 1]
    assert signs[0, 2].tolist() == [1, 1]
    assert signs[2, 0].tolist() == [-1, -1]
    assert signs[2, 2].tolist() == [1, -1]
    np.testing.assert_allclose(ndtr(grid[0, :, 0]), [1 / 6, 1 / 2, 5 / 6], rtol=1e-6)


def test_mean_images_take_the_seed_and_the_count():
    model = Linear(3)
    one, two = (plots.sample_images(model, n_samples=4, random_state=seed) for seed in (0, 1))
    assert one.shape == (4, D)
    assert not np.array_equal(one, two)
    np.testing.assert_array_equal(one, plots.sample_images(model, n_samples=4, random_state=0))


# --------------------------------------------------------------------------------------- scatter
@pytest.mark.parametrize("n", range(1, 12))
def test_up_to_ten_classes_have_colours_of_their_own(n):
    X = np.random.default_rng(0).random((33, D))
    labels = np.arange(33) % n
    ax = plots.latent_scatter(Linear(), X, labels)
    names = [text.get_text() for text in ax.texts]
    if n == 11:
        assert names == []
        assert ax.collections[0].get_cmap().name == "viridis"
        assert ax.figure.axes[1].get_ylabel() == "label"
        return
    assert names == [str(name) for name in range(n)]
    colours = ax.collections[0].get_facecolors()[:, :3]
    assert len(np.unique(colours, axis=0)) == n
    assert {to_hex(colour) for colour in colours} <= set(style.HUES)
    # a name has the hue of its points, but darker
    for name, text in enumerate(ax.texts):
        np.testing.assert_allclose(text.get_color(), 0.6 * colours[name], rtol=1e-6)
    assert len(ax.figure.axes) == 1


def test_many_curves_use_all_colours_again():
    assert style.colors_of(10) == list(style.HUES)
    assert style.colors_of(12) == [*style.HUES, *style.HUES[:2]]
    assert style.colors_of(2) == [style.HUES[0], style.HUES[5]]


def test_the_axes_of_two_units_keep_their_order():
    model = Linear()
    model.W *= np.array([[0.1], [5.0]], np.float32)
    X = np.random.default_rng(1).random((20, D))
    ax = plots.latent_scatter(model, X)
    np.testing.assert_allclose(ax.collections[0].get_offsets(), model.transform(X), rtol=1e-6)
    labels = (ax.get_xlabel(), ax.get_ylabel())
    assert labels == ("z0 (posterior mean)", "z1 (posterior mean)")
    assert ax.get_aspect() == 1
    assert ax.get_adjustable() == "datalim"


def test_a_name_is_placed_by_the_first_500_points():
    points = np.concatenate([np.zeros((500, 2)), np.full((2000, 2), 9.0)]).astype(np.float32)
    np.testing.assert_array_equal(latent._heart(points), [0, 0])
    np.testing.assert_array_equal(latent._heart(points[499:]), [9, 9])


# ------------------------------------------------------------------------------------------ page
@pytest.mark.parametrize("n_components", [2, 3])
def test_what_the_panels_of_a_page_are_given(n_components):
    X = np.random.default_rng(1).random((30, D)).astype(np.float32)
    labels = np.arange(30) % 3
    model = Linear(n_components)
    figure = plots.offscreen_figure(11, 8)
    plots.overview(model, X, SHAPE, labels=labels, cmap="gray_r", random_state=4, figure=figure)
    generate, infer, reconstruct, learn = figure.axes
    shown = plt.figure().subplots(1, 2)
    if n_components == 2:
        expected = plots.manifold(model, SHAPE, ax=shown[0])
        title = "The decoder over the latent plane"
    else:
        expected = plots.samples(model, SHAPE, random_state=4, ax=shown[0])
        title = "Samples of the model"
    np.testing.assert_array_equal(pixels(generate), pixels(expected))
    expected = plots.reconstructions(model, X[:20], SHAPE, ax=shown[1])
    np.testing.assert_array_equal(pixels(reconstruct), pixels(expected))
    assert [ax.images[0].get_cmap().name for ax in (generate, reconstruct)] == ["gray_r"] * 2
    assert [text.get_text() for text in infer.texts] == ["0", "1", "2"]
    assert learn.get_lines()[0].get_ydata().tolist() == model.history_["train_bound"]
    assert [ax.get_title(loc="left") for ax in figure.axes] == [
        title, "Where the encoder puts the data", "Data and their reconstructions",
        "Learning curve",
    ]  # fmt: skip
    figure.canvas.draw()
    corners = [ax.get_position() for ax in figure.axes]
    assert corners[0].x0 < corners[1].x0
    assert corners[2].x0 < corners[3].x0
    assert corners[0].y0 > corners[2].y1
    assert corners[1].y0 > corners[3].y1


def test_a_page_needs_no_figure():
    figure = plots.overview(Linear(), np.eye(D, dtype=np.float32), SHAPE)
    assert plt.get_fignums() == [figure.number]
    assert figure.get_size_inches().tolist() == [11, 8]
    assert plots.offscreen_figure(3, 2).get_size_inches().tolist() == [3, 2]


def test_pictures_of_counts_are_not_cut_at_one():
    X = np.random.default_rng(0).poisson(5, (40, 9))
    model = AEVB.published(
        2, hidden_layer_sizes=4, likelihood="poisson", n_epochs=1, random_state=0
    ).fit(X)
    assert limits(model) is None


@pytest.mark.parametrize(
    ("ends", "expected"),
    [((3_000, 60_000), ["5k", "10k", "20k", "50k"]), ((300, 60_000), ["1k", "10k"])],
)
def test_few_labels_below_a_learning_curve(ends, expected):
    history = {"samples_seen": ends, "train_bound": [0, 1], "validation_bound": [np.nan, np.nan]}
    ax = plots.learning_curve(history)
    ax.figure.canvas.draw()
    low, high = ax.get_xlim()
    ticks = [*ax.xaxis.get_major_ticks(), *ax.xaxis.get_minor_ticks()]
    seen = [tick.label1.get_text() for tick in ticks if low <= tick.get_loc() <= high]
    assert [text for text in seen if text] == expected
