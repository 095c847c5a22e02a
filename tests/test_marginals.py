"""The plot of marginals: bars of levels, histograms of numbers, missing values, titles."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from aevb import AEVB, datasets, plots

N = 400
SMALL = {"hidden_layer_sizes": 4, "n_epochs": 1, "early_stopping": False, "random_state": 0}
GIVEN = {"visits": "poisson", "price": "log-normal", "share": "beta"}


def table():
    rng = np.random.default_rng(0)
    z = rng.normal(size=N)
    size = np.array(["S", "M", "L"])[np.clip(np.round(1 + z), 0, 2).astype(int)]
    frame = pd.DataFrame(
        {
            "age": 1e6 * (40 + 10 * z),
            "visits": pd.array(rng.poisson(np.exp(1 + 0.5 * z)), "Int64"),
            "city": np.where(z > 0.5, "Rome", np.where(z > -0.5, "Paris", "Oslo")),
            "size": pd.Categorical(size, ["S", "M", "L"], ordered=True),
            "smoker": pd.array(z > 0.3, "boolean"),
            "price": np.exp(3 * z),
            "share": 1 / (1 + np.exp(-z)),
            "old": (z > 1).astype(float),
            "street": [f"street {int(i)}" for i in np.abs(5 * z)],
            "whole": np.round(60 * z),
        }
    )
    return frame.mask(rng.random(frame.shape) < np.linspace(0, 0.2, 10))


@pytest.fixture(scope="module", name="frame")
def data_frame():
    return table()


@pytest.fixture(scope="module", name="model")
def fitted(frame):
    return AEVB(2, likelihood=GIVEN, **SMALL).fit(frame)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def panel(model, X, column, **options):
    (ax,) = plots.marginals(model, X, columns=[column], **options).axes
    return ax


def bars(ax):
    """The labels of the levels from the top, and the lengths of their observed and sampled bars."""
    ax.figure.canvas.draw()
    observed, sampled = ax.containers
    for up, down in zip(observed, sampled, strict=True):
        assert up.get_y() + up.get_height() == pytest.approx(down.get_y())
    low, high = ax.get_ylim()
    assert low > high  # the first is at the top
    names = [label.get_text() for label in ax.get_yticklabels()]
    return names, *([bar.get_width() for bar in container] for container in ax.containers)


def inner_ends(values):
    """The range without the tails: at most half of a hundredth of the values at either end."""
    return np.quantile(values, 0.005, method="lower"), np.quantile(values, 0.995, method="higher")


def histograms(ax):
    observed, sampled = (patch.get_data() for patch in ax.patches)
    np.testing.assert_array_equal(observed.edges, sampled.edges)
    assert ax.get_xlim() == (observed.edges[0], observed.edges[-1])
    return observed.edges, observed.values, sampled.values


def words(ax):
    """The title and the labels of the ticks that can be seen."""
    yield ax.title
    for axis in (ax.xaxis, ax.yaxis):
        low, high = sorted(axis.get_view_interval())
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            if low <= tick.get_loc() <= high and tick.label1.get_text():
                yield tick.label1


def shares(values, levels):
    found = pd.Series(values).value_counts(normalize=True)
    return [found.get(level, 0.0) for level in levels]


@pytest.mark.parametrize(
    ("column", "levels", "names"),
    [
        ("city", ["Paris", "Oslo", "Rome"], ["Paris", "Oslo", "Rome"]),  # by their shares
        ("size", ["S", "M", "L"], ["S", "M", "L"]),  # in their order
        ("smoker", [False, True], ["False", "True"]),
        ("old", [0.0, 1.0], ["0", "1"]),
    ],
)
def test_bars_are_the_shares_of_levels(model, frame, column, levels, names):
    drawn = model.sample(3000, random_state=5)
    shown, observed, sampled = bars(panel(model, frame, column, n_samples=3000, random_state=5))
    if column == "city":
        levels = names = sorted(levels, key=lambda level: -(frame[column] == level).sum())
    assert shown == names
    np.testing.assert_allclose(observed, shares(frame[column], levels))
    np.testing.assert_allclose(sampled, shares(drawn[column], levels))
    assert sum(observed) == pytest.approx(1)


def test_of_many_levels_the_most_frequent_have_bars(model, frame):
    names, observed, sampled = bars(panel(model, frame, "street"))
    found = frame["street"].value_counts(normalize=True)
    assert len(found) > 9
    assert names[-1] == f"{len(found) - 7} others"
    np.testing.assert_allclose(observed[:-1], found.iloc[:7])
    np.testing.assert_allclose(observed[:-1], found[names[:-1]])
    assert observed[-1] == pytest.approx(found.iloc[7:].sum())
    drawn = model.sample(10_000)["street"]
    np.testing.assert_allclose(sampled[:-1], shares(drawn, names[:-1]))
    assert sum(sampled) == pytest.approx(1)


def test_of_many_ordered_levels_the_order_is_kept():
    values = np.repeat(np.arange(10), [1, 9, 2, 8, 3, 7, 4, 6, 5, 10])
    frame = pd.DataFrame({"x": pd.Categorical(values, ordered=True), "y": np.arange(55.0)})
    names, observed, _ = bars(panel(AEVB(1, **SMALL).fit(frame), frame, "x"))
    assert names == ["1", "3", "5", "6", "7", "8", "9", "3 others"]
    np.testing.assert_allclose(observed, np.array([9, 8, 7, 4, 6, 5, 10, 6]) / 55)


def test_histograms_have_common_bins(model, frame):
    drawn = model.sample(10_000)["age"].to_numpy()
    edges, observed, sampled = histograms(panel(model, frame, "age"))
    assert len(observed) == 40
    known = frame["age"].dropna().to_numpy()
    np.testing.assert_allclose(observed, np.histogram(known, edges)[0] / len(known))
    np.testing.assert_allclose(sampled, np.histogram(drawn, edges)[0] / len(drawn))
    (low, high), (first, last) = inner_ends(known), inner_ends(drawn)
    assert edges[0] == pytest.approx(min(low, first))
    assert edges[-1] == pytest.approx(max(high, last))


@pytest.mark.parametrize(("column", "step"), [("visits", 1), ("whole", None)])
def test_bins_of_whole_numbers_lie_around_them(model, frame, column, step):
    ax = panel(model, frame, column)
    edges, observed, _ = histograms(ax)
    steps = np.diff(edges)
    assert (steps == (step or steps[0])).all()
    assert steps[0] % 1 == 0
    assert edges[0] % 1 == 0.5
    assert len(observed) <= 40
    known = frame[column].dropna().astype(float)
    inside = (known > edges[0]) & (known < edges[-1])
    assert observed.sum() == pytest.approx(inside.mean())
    assert inside.mean() >= 0.99
    few = panel(model, frame.assign(**{column: known.clip(0, 0)}), column)
    few.figure.canvas.draw()
    assert (np.asarray(few.get_xticks()) % 1 == 0).all()


def test_a_wide_axis_of_positive_values_is_logarithmic(model, frame):
    ax = panel(model, frame, "price")
    assert ax.get_xscale() == "log"
    edges, observed, _ = histograms(ax)
    np.testing.assert_allclose(edges[1:] / edges[:-1], edges[1] / edges[0])
    assert observed.sum() >= 0.98
    assert panel(model, frame.assign(price=frame["price"] / 1e3 + 1), "price").get_xscale() != "log"
    for column in ("share", "age"):
        wide = frame.assign(**{column: frame["price"]})
        assert panel(model, wide, column).get_xscale() == "linear"
    zero = frame.assign(price=frame["price"].mask(np.arange(N) == 0, 0.0))
    np.testing.assert_allclose(histograms(panel(model, zero, "price"))[0], edges, rtol=0.1)


def test_samples_far_away_do_not_squeeze_the_data(model, frame, monkeypatch):
    far = model.sample(100).assign(age=np.linspace(-1e9, 1e9, 100))
    monkeypatch.setattr(model, "sample", lambda *_, **__: far)
    edges, observed, _ = histograms(panel(model, frame, "age"))
    low, high = inner_ends(frame["age"].dropna())
    assert edges[0] == pytest.approx(low - (high - low) / 2)
    assert edges[-1] == pytest.approx(high + (high - low) / 2)
    assert observed.sum() >= 0.99


@pytest.mark.parametrize(
    ("n", "said"),
    [(0, ""), (1, " (<1% missing)"), (40, " (10% missing)"), (399, " (>99% missing)")],
)
def test_the_title_says_how_many_values_are_missing(model, frame, n, said):
    age = pd.Series(np.arange(N, dtype=float)).mask(np.arange(N) < n)
    assert panel(model, frame.assign(age=age), "age").get_title() == f"age{said}"


@pytest.mark.parametrize("column", ["age", "city", "old"])
def test_a_column_without_values_shows_the_samples_alone(model, frame, column):
    ax = panel(model, frame.assign(**{column: None}), column)
    assert ax.get_title() == f"{column} (100% missing)"
    observed, sampled = histograms(ax)[1:] if column == "age" else bars(ax)[1:]
    assert not np.any(observed)
    assert sum(sampled) > 0.98


@pytest.mark.parametrize("value", [0.0, 3.5, 2.0**53, -1e20])
def test_a_constant_column_has_bins(value):
    frame = pd.DataFrame({"x": np.full(50, value), "y": np.arange(50.0)})
    edges, observed, _ = histograms(panel(AEVB(1, **SMALL).fit(frame), frame, "x"))
    assert edges[0] < value < edges[-1]
    assert observed.sum() == 1


def test_the_page_of_columns(model, frame):
    """Without overlapping words, and with one legend."""
    figure = plots.marginals(model, frame)
    assert [ax.get_title().split(" (")[0] for ax in figure.axes] == list(frame.columns)
    assert figure.get_suptitle() == "Data and samples of the model: 10 of 10 columns"
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["observed", "sampled"]
    figure.canvas.draw()
    boxes = [word.get_window_extent() for ax in figure.axes for word in words(ax)]
    boxes += [legend.get_window_extent()]
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:i])


@pytest.mark.filterwarnings("ignore:n_components")
@pytest.mark.parametrize("n", [1, 4, 5, 14])
def test_arrays_and_sparse_matrices(n):
    X = np.round(np.random.default_rng(0).random((60, n)), 1) + 0.05
    model = AEVB(2, likelihood="gaussian", **SMALL).fit(X)
    figure = plots.marginals(model, csr_matrix(X))
    assert [ax.get_title() for ax in figure.axes] == [f"x{i}" for i in range(min(n, 12))]
    shown = "the first 12 of 14" if n == 14 else f"{n} of {n}"
    assert figure.get_suptitle() == f"Data and samples of the model: {shown} columns"
    edges, observed, _ = histograms(figure.axes[0])
    np.testing.assert_allclose(observed, np.histogram(X[:, 0], edges)[0] / 60)


@pytest.mark.parametrize(("n", "size"), [(1, (5.5, 2.9)), (3, (8.25, 2.9)), (5, (11, 5))])
def test_the_size_is_that_of_the_panels(model, frame, n, size):
    figure = plots.marginals(model, frame, columns=range(n))
    assert figure.get_size_inches() == pytest.approx(size)


def test_frames_of_polars():
    pl = pytest.importorskip("polars")
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {"a": ["x", "y", None] * 20, "b": rng.normal(size=60), "c": [True, None, False] * 20},
    )
    figure = plots.marginals(AEVB(1, **SMALL).fit(frame), frame)
    assert [ax.get_title() for ax in figure.axes] == ["a (33% missing)", "b", "c (33% missing)"]
    assert bars(figure.axes[0])[:2] == (["x", "y"], [0.5, 0.5])
    assert bars(figure.axes[2])[:2] == (["False", "True"], [0.5, 0.5])


def test_grey_levels_have_histograms():
    X = np.random.default_rng(0).random((50, 2))
    model = AEVB(1, likelihood="bernoulli", **SMALL).fit(X)
    assert histograms(panel(model, X, 0))[1].sum() >= 0.98


def test_long_names_are_cut(frame):
    name = "a long name " * 3
    frame = frame[["age", "city"]].rename(columns={"age": name}).replace("Rome", name)
    figure = plots.marginals(AEVB(1, **SMALL).fit(frame), frame, figure=plt.figure())
    short = f"{name[:19]}\N{HORIZONTAL ELLIPSIS}"
    assert figure.axes[0].get_title() == short
    assert short in bars(figure.axes[1])[0]
    assert len(plt.get_fignums()) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"columns": ["salary"]}, "columns: got 'salary', want names"),
        ({"columns": []}, "columns: got none"),
        ({"n_samples": 0}, "n_samples: got 0"),
    ],
)
def test_what_is_wrong_is_named(model, frame, options, said):
    with pytest.raises(ValueError, match=said):
        plots.marginals(model, frame, **options)
    with pytest.raises(ValueError, match="feature names should match"):
        plots.marginals(model, frame[["age"]])


def test_bytes_that_are_zero_in_the_data_alone():
    """A pixel that is always 0 has samples of 0 and 255: no column of 0 and 1."""
    X = (datasets.load_digits()[:200] * 255).astype(np.uint8)
    model = AEVB(2, hidden_layer_sizes=(5,), n_epochs=1, random_state=0).fit(X)
    assert X[:, 0].max() == 0
    plots.marginals(model, X, n_samples=500, random_state=0)
