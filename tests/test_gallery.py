"""The gallery: which pixels are damaged, which methods restore them, and where the error counts."""

from types import SimpleNamespace

import numpy as np
import pytest

from aevb.paper import gallery, runs

N, SIDE = 300, 8
D = SIDE * SIDE


@pytest.fixture(autouse=True)
def small_images(monkeypatch):
    monkeypatch.setattr(gallery, "IMAGE_SHAPES", {"mnist": (SIDE, SIDE)})


@pytest.fixture
def truth():
    return 255 * np.random.default_rng(1).random((N, D)).astype(np.float32)


class Restorer:
    """Records what it was asked. Its answers are constant."""

    def __init__(self):
        self.asked = []

    def reconstruct(self, X):
        self.asked.append(("reconstruct", X))
        return np.full_like(X, 0.25 * 255)

    def inverse_transform(self, z):
        return np.repeat(z, D, axis=1)

    def impute(self, X, missing, *, method, random_state):
        self.asked.append((method, X, missing, random_state))
        value = {"mean": 25.0, "sample": 50.0, "mode": 75.0}[method]
        return np.where(missing, np.float32(value), X)


@pytest.fixture
def posterior(monkeypatch):
    """Draws of z with mean 24.5: 0, 1, ... 49."""
    asked = []

    def sample_posterior(model, X, n_draws, *, random_state):
        asked.append((X, n_draws, random_state))
        draws = np.arange(n_draws, dtype=np.float32)[:, np.newaxis, np.newaxis]
        return SimpleNamespace(draws=np.broadcast_to(draws, (n_draws, len(X), 1)))

    monkeypatch.setattr(gallery, "sample_posterior", sample_posterior)
    return asked


def test_a_fifth_of_the_pixels_is_black_or_white(truth, posterior):
    model = Restorer()
    task = gallery._denoise(model, truth)
    spoilt = task.given != truth
    n = truth.size
    assert abs(spoilt.mean() - 0.2) < 5 * np.sqrt(0.2 * 0.8 / n)
    values = task.given[spoilt]
    assert set(values.tolist()) == {0.0, 255.0}
    assert abs(values.mean() / 255 - 0.5) < 5 * 0.5 / np.sqrt(len(values))
    # different pixels in each row
    assert np.unique(spoilt, axis=0).shape == (N, D)
    assert task.given.dtype == np.float32
    assert (task.name, list(task.restored)) == ("denoising", ["encoder", "posterior mean"])
    assert task.judged.shape == truth.shape
    assert task.judged.all()
    np.testing.assert_array_equal(model.asked[0][1], task.given)
    assert (task.restored["encoder"] == 0.25 * 255).all()
    [(given, n_draws, seed)] = posterior
    np.testing.assert_array_equal(given, task.given)
    assert (n_draws, seed) == (50, 0)
    np.testing.assert_allclose(task.restored["posterior mean"], 24.5, rtol=1e-5)


def missing_pixels(task):
    """Return the missing pixels as an image. They must be the same in every image."""
    assert (task.judged == task.judged[0]).all()
    return task.judged[0].reshape(SIDE, SIDE)


def test_the_lower_half_is_missing(truth):
    missing = missing_pixels(gallery._inpaint(Restorer(), truth, np.zeros(D)))
    assert not missing[:4].any()
    assert missing[4:].all()


def test_one_pixel_of_four_is_kept(truth):
    missing = missing_pixels(gallery._sharpen(Restorer(), truth, np.zeros(D)))
    rows, columns = np.divmod(np.flatnonzero(~missing), SIDE)
    assert len(rows) == D // 4
    assert (rows % 2 == 0).all()
    assert (columns % 2 == 0).all()


@pytest.mark.parametrize(
    ("task_of", "name"),
    [(gallery._inpaint, "inpainting"), (gallery._sharpen, "super-resolution")],
)
def test_missing_pixels_are_imputed_three_ways(truth, task_of, name):
    model, mean = Restorer(), np.linspace(0, 255, D)
    task = task_of(model, truth, mean)
    missing = task.judged
    assert task.name == name
    assert [(asked[0], asked[3]) for asked in model.asked] == [
        ("mean", 0),
        ("sample", 0),
        ("mode", 0),
    ]
    for _, X, mask, _ in model.asked:
        np.testing.assert_array_equal(X, truth)
        np.testing.assert_array_equal(mask, missing)
    values = {"posterior mean": 25, "a draw": 50, "mode": 75}
    assert list(task.restored) == ["pixel means", *values]
    for title, value in values.items():
        assert (task.restored[title][missing] == np.float32(value)).all()
    for images in (task.given, *task.restored.values()):
        np.testing.assert_array_equal(images[~missing], truth[~missing])
        assert images.dtype == np.float32
    assert (task.given[missing] == 127.5).all()
    means = np.broadcast_to(mean.astype(np.float32), truth.shape)
    np.testing.assert_array_equal(task.restored["pixel means"][missing], means[missing])


@pytest.fixture
def shown(monkeypatch, tmp_path, posterior):
    """Run the gallery on 1100 test rows with a model that was trained elsewhere."""
    generator = np.random.default_rng(2)
    training = generator.integers(0, 256, (50, D)).astype(np.uint8)
    test = generator.integers(0, 256, (1100, D)).astype(np.uint8)
    heard = {"model": Restorer(), "training": training, "test": test}

    def train(path, kinds, **more):
        heard.update(path=path, kinds=kinds, **more)
        return [heard["model"]]

    monkeypatch.setattr(gallery, "train", train)
    monkeypatch.setattr(gallery, "load", {"mnist": (training, test)}.__getitem__)
    real = gallery.offscreen_figure

    def kept(*size):
        heard["figure"] = figure = real(*size)
        figure.savefig = lambda path, **more: heard.update(saved=path)
        return figure

    monkeypatch.setattr(gallery, "offscreen_figure", kept)

    def run(**options):
        heard["rows"] = gallery.reproduce(tmp_path, **options)
        return heard

    return run


def test_the_error_is_counted_where_pixels_were_judged(shown, tmp_path):
    heard = shown()
    truth = heard["test"][:1000].astype(float)
    mean = heard["training"].astype(float).mean(axis=0)
    rmse = {(row["task"], row["method"]): float(row["rmse"]) for row in heard["rows"]}
    assert len(rmse) == 3 + 2 * 5
    lower = np.broadcast_to(np.arange(D) >= D // 2, truth.shape)
    kept = np.zeros((SIDE, SIDE), bool)
    kept[::2, ::2] = True
    three = np.broadcast_to(~kept.ravel(), truth.shape)
    for task, judged in (("inpainting", lower), ("super-resolution", three)):
        answers = {
            "as given": 127.5, "pixel means": np.broadcast_to(mean, truth.shape)[judged],
            "posterior mean": 25, "a draw": 50, "mode": 75,
        }  # fmt: skip
        for method, answer in answers.items():
            expected = np.sqrt(np.mean((answer - truth[judged]) ** 2)) / 255
            assert rmse[task, method] == pytest.approx(expected, abs=6e-5)
    assert rmse["denoising", "encoder"] == pytest.approx(
        np.sqrt(np.mean((0.25 * 255 - truth) ** 2)) / 255, abs=6e-5
    )
    assert runs._read_rows(tmp_path / "gallery.csv") == heard["rows"]
    assert all(len(row["rmse"].partition(".")[2]) == 4 for row in heard["rows"])
    # the model gets images in the units of its training data
    imputed = [asked for asked in heard["model"].asked if len(asked) == 4]
    assert len(imputed) == 6
    for _, X, _, _ in imputed:
        assert X.dtype == np.float32
        np.testing.assert_array_equal(X, truth)


def test_the_gallery_s_model_is_figure_2_s(shown, tmp_path):
    heard = shown()
    assert heard["kinds"] == [("mnist", 20)]
    assert heard["path"] == tmp_path / "gallery_curve.csv"
    assert (heard["n_samples"], heard["learning_rate"]) == (1e7, "auto")
    assert (heard["n_jobs"], heard["progress"]) == (1, False)
    options = {"n_samples": 5.0, "learning_rate": 0.5, "progress": True}
    heard = shown(n_components=3, **options)
    assert heard["kinds"] == [("mnist", 3)]
    assert options.items() <= heard.items()


def test_twelve_digits_of_each_line_are_shown(shown, tmp_path):
    heard = shown()
    assert heard["saved"] == tmp_path / "gallery.png"
    panels = heard["figure"].axes
    titles = ["denoising", "inpainting", "super-resolution"]
    assert [panel.get_title() for panel in panels] == titles
    truth = heard["test"][:1000]
    lines = {
        "denoising": ["original", "as given", "encoder", "posterior mean"],
        "inpainting": [
            "original", "as given", "pixel means", "posterior mean", "a draw", "mode",
        ],
    }  # fmt: skip
    lines["super-resolution"] = lines["inpainting"]
    for panel in panels:
        names = [label.get_text() for label in panel.get_yticklabels()]
        assert names == lines[panel.get_title()]
        [image] = panel.images
        assert image.get_clim() == (0, 255)
        canvas = np.ma.filled(image.get_array(), np.nan)
        assert canvas.shape == (len(names) * (SIDE + 1) - 1, 12 * (SIDE + 1) - 1)
        for i in range(12):
            cell = canvas[:SIDE, i * (SIDE + 1) :][:, :SIDE]
            np.testing.assert_array_equal(cell.ravel(), truth[i])
        for number, at in enumerate(panel.get_yticks()):
            assert number * (SIDE + 1) < at < (number + 1) * (SIDE + 1) - 1
        if panel.get_title() != "denoising":
            draw = names.index("a draw") * (SIDE + 1) + SIDE - 1  # its last line of pixels
            assert canvas[draw, SIDE - 1] == 50
