"""Every option of every command has its effect, and nothing else reads it."""

import inspect
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import matplotlib.image
import numpy as np
import pytest

from aevb import AEVB, Evaluator, Trainer, cli, datasets, plots
from aevb.cli import demo as demo_command
from aevb.cli import fit
from aevb.cli.options import MODEL_OPTIONS
from aevb.core.catalogue import POSTERIORS, PRIORS
from aevb.evaluation import evaluator
from aevb.training import trainer

D = 12


@pytest.fixture(scope="module", name="X")
def rows():
    return np.random.default_rng(0).random((6, D), dtype=np.float32)


@pytest.fixture(scope="module")
def model_path(X, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    options = {"hidden_layer_sizes": (6,), "init_scale": 1.0, "n_epochs": 1}  # makes much noise
    AEVB.published(2, **options, random_state=0).fit(X).save(path)
    return path


@pytest.fixture(autouse=True)
def elsewhere(X, tmp_path, monkeypatch):
    """Run in an empty folder that holds the rows."""
    monkeypatch.chdir(tmp_path)
    np.save("rows.npy", X)


@pytest.fixture
def succeeds(capsys):
    def run(*argv):
        code = cli.main([str(word) for word in argv])
        captured = capsys.readouterr()
        assert code == 0, captured.err
        assert captured.err == "" or argv[0] == "demo"  # the demo has a bar
        return captured.out

    return run


@pytest.fixture
def evaluators(monkeypatch):
    """The evaluators that commands make, each with its calls of `bound`: (X, options)."""
    made = []

    class Heard(Evaluator):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.calls = []
            made.append(self)

        def bound(self, X, **kwargs):
            self.calls.append((X, kwargs))
            return super().bound(X, **kwargs)

    monkeypatch.setattr(evaluator, "Evaluator", Heard)
    return made


@pytest.fixture
def figures(monkeypatch):
    """The figures that the command draws."""
    made, real = [], plots.offscreen_figure

    def kept(width, height):
        made.append(real(width, height))
        return made[-1]

    monkeypatch.setattr(plots, "offscreen_figure", kept)
    return made


# ------------------------------------------------------------------------------------- evaluate
def said_of(model_path, X, n_draws=1, **options):
    evaluator = Evaluator(AEVB.load(model_path), **options)
    estimate = evaluator.bound(X, n_draws=n_draws)
    return (
        f"bound         {estimate.mean:.2f} +- {estimate.mean_stderr:.2f} nats per row "
        f"(mean, standard error), {len(X)} rows\n"
        f"active units  {evaluator.active_units(X).sum()} of 2\n"
    )


def test_evaluate_takes_its_seed_and_draws(succeeds, model_path, X):
    said = set()
    for n_draws in (1, 3):
        for seed in (0, 1, 2):
            options = [f"--random-state={seed}", f"--n-draws={n_draws}"]
            out = succeeds("evaluate", model_path, "rows.npy", *options)
            assert out == said_of(model_path, X, n_draws, random_state=seed)
            said.add(out)
    assert len(said) == 6  # with so few rows, the noise changes the two decimals
    assert succeeds("evaluate", model_path, "rows.npy") == said_of(model_path, X)


def test_evaluate_takes_its_threads(succeeds, model_path, evaluators):
    succeeds("evaluate", model_path, "rows.npy", "--n-threads=2", "--random-state=7")
    succeeds("evaluate", model_path, "rows.npy")
    assert [(e.n_threads, e.random_state) for e in evaluators] == [(2, 7), (None, None)]
    assert [call[1] for e in evaluators for call in e.calls] == [{"n_draws": 1}] * 2


# --------------------------------------------------------------------------------------- sample
@pytest.mark.parametrize("mean", [True, False])
def test_sample_takes_its_seed(succeeds, model_path, mean):
    model, drawn = AEVB.load(model_path), []
    for seed in (0, 1):
        argv = ["sample", model_path, "--out=s.npy", "--n-samples=3", f"--random-state={seed}"]
        assert succeeds(*argv, *["--mean"] * mean) == "3 samples: s.npy\n"
        kind = "mean" if mean else "draw"
        expected = plots.sample_images(model, n_samples=3, kind=kind, random_state=seed)
        drawn.append(np.load("s.npy"))
        np.testing.assert_array_equal(drawn[-1], expected)
    assert not np.array_equal(*drawn)


def test_sample_without_a_seed_takes_the_model_s(succeeds, model_path):
    assert succeeds("sample", model_path, "--out=s.npy") == "100 samples: s.npy\n"
    np.testing.assert_array_equal(np.load("s.npy"), AEVB.load(model_path).sample(100))


@pytest.mark.parametrize("mean", [True, False])
@pytest.mark.parametrize(("shape", "pixels"), [("3x4", (3, 4)), ("4X3", (4, 3)), ("1x12", (1, 12))])
def test_a_picture_has_height_times_width(succeeds, model_path, figures, shape, pixels, mean):
    argv = ["sample", model_path, "--out=s.png", f"--image-shape={shape}", "--random-state=4"]
    succeeds(*argv, "--n-samples=4", *["--mean"] * mean)
    [image] = figures[0].axes[0].images
    kind = "mean" if mean else "draw"
    rows = plots.sample_images(AEVB.load(model_path), n_samples=4, kind=kind, random_state=4)
    np.testing.assert_array_equal(
        np.ma.filled(image.get_array(), np.nan), plots.tile(rows, pixels, 2)
    )
    assert Path("s.png").stat().st_size > 1000


def test_square_pictures_need_no_shape(succeeds, figures):
    X = np.random.default_rng(0).random((20, 9), dtype=np.float32)
    AEVB.published(2, hidden_layer_sizes=(4,), n_epochs=1).fit(X).save("m.safetensors")
    succeeds("sample", "m.safetensors", "--out=s.png", "--n-samples=1")
    assert figures[0].axes[0].images[0].get_array().shape == (3, 3)


# ------------------------------------------------------------------------------------------ fit
@pytest.mark.parametrize("binarize", ["threshold", "dynamic"])
def test_fit_takes_binarize(succeeds, binarize):
    argv = ["--n-components=1", "--hidden-layer-sizes=2", "--n-epochs=1", "--learning-rate=auto"]
    succeeds("fit", "rows.npy", "--out=m.safetensors", f"--binarize={binarize}", *argv)
    model = AEVB.load("m.safetensors")
    assert model.binarize == binarize
    assert model.hidden_layer_sizes == (2,)
    assert model.learning_rate == "auto"


def companions(name, value):
    """A posterior with the support of a prior."""
    if name != "prior" or value == "auto":
        return {}
    support = PRIORS[value][0]
    return {"posterior": next(q for q, info in POSTERIORS.items() if info["support"] == support)}


def test_choices_are_those_of_the_model():
    choices = {option.name: option.kind.choices for option in MODEL_OPTIONS}
    for name, values in choices.items():
        for value in values:
            chosen = {name: value, **companions(name, value)}
            model = AEVB.published(1, hidden_layer_sizes=(2,), n_epochs=1, **chosen)
            model.fit(np.eye(3, dtype=np.float32))
    assert sum(bool(values) for values in choices.values()) == 8


def test_fit_left_alone_has_the_model_s_defaults(monkeypatch, succeeds):
    monkeypatch.setattr(Trainer, "run", lambda self: self)
    np.save("wide.npy", np.eye(30, dtype=np.float32))  # more columns than latent units
    succeeds("fit", "wide.npy", "--out=m.safetensors")
    assert AEVB.load("m.safetensors").get_params() == AEVB().get_params()


@pytest.mark.parametrize(
    ("validation", "shown"), [(-100.126, "   -100.13"), (float("nan"), "          ")]
)
def test_a_line_of_the_table(capsys, validation, shown):
    history = {
        "samples_seen": [1000, 1234567], "train_bound": [-1.0, -98.765],
        "validation_bound": [-2.0, validation], "seconds": [1.0, 61.26],
    }  # fmt: skip
    fit._print_epoch(SimpleNamespace(history=history))
    assert capsys.readouterr().out == f"    2   1,234,567     -98.77 {shown}     61.3\n"


# ----------------------------------------------------------------------------------------- demo
@pytest.fixture
def demo(monkeypatch, succeeds, evaluators):
    """Run a demo of one epoch. Return its output, trainer, evaluator and drawings."""

    def run(*argv):
        heard = {}

        class Heard(Trainer):
            def __init__(self, model, X, **kwargs):
                super().__init__(model, X, **kwargs)
                heard.update(model=model, X=X, **kwargs)

            def run(self):
                return super().run(self.n_train)

        def overview(model, X, image_shape, **kwargs):
            heard.update(drawn=X, image_shape=image_shape, **kwargs)
            return kwargs["figure"]

        monkeypatch.setattr(trainer, "Trainer", Heard)
        monkeypatch.setattr(plots, "overview", overview)
        heard["out"] = succeeds("demo", *argv)
        [heard["evaluator"]] = evaluators
        return heard

    return run


@pytest.mark.parametrize(
    ("argv", "seed", "n_threads"),
    [([], 0, 1), (["--random-state=5", "--n-threads=2", "--out=p.png"], 5, 2)],
)
def test_demo_says_what_it_did(demo, argv, seed, n_threads):
    heard = demo(*argv)
    digits, labels = datasets.load_digits(return_X_y=True)
    order = np.random.RandomState(seed).permutation(1797)
    test, train = digits[order[:359]], digits[order[359:]]
    np.testing.assert_array_equal(heard["X"], train)
    assert "X_val" not in heard  # the test rows do not choose the weights
    assert heard["model"].n_epochs == demo_command._EPOCHS
    for taker in (heard["model"], heard["evaluator"]):
        assert (taker.random_state, taker.n_threads) == (seed, n_threads)
    (one, first), (other, second) = heard["evaluator"].calls
    np.testing.assert_array_equal(one, train)
    np.testing.assert_array_equal(other, test)
    assert first == second == {"n_draws": 16}
    # the numbers
    judge = Evaluator(heard["model"], random_state=seed)
    told = heard["out"].splitlines()
    assert told[0].startswith("Learning 1438 images")
    for line, rows in zip(told[1:3], (train, test), strict=True):
        assert line.split()[2] == f"{judge.bound(rows, n_draws=16).mean:.2f}"
    assert f"reach {demo_command._independent_pixels(train, test):.2f} on the test" in told[3]
    # the picture: each digit twice among the first twenty rows, and of the test set
    drawn = [labels[(digits == row).all(axis=1)][0] for row in heard["drawn"][:20]]
    assert drawn == [*range(10)] * 2
    assert all((test == row).all(axis=1).any() for row in heard["drawn"][:20])
    assert len(np.unique(heard["drawn"][:20], axis=0)) == 20
    assert len(heard["drawn"]) == len(digits)
    for row, label in zip(heard["drawn"][::50], heard["labels"][::50], strict=True):
        assert label in labels[(digits == row).all(axis=1)]
    assert (heard["image_shape"], heard["cmap"]) == ((8, 8), "gray_r")
    path = argv[-1].removeprefix("--out=") if argv else "aevb-demo.png"
    assert heard["out"].endswith(f"Picture: {path}\n")
    assert matplotlib.image.imread(path).shape == (1200, 1650, 4)


# ------------------------------------------------------------------------------------ reproduce
ALL = {
    "--dataset": (["frey"], "chosen", ["frey"]),
    "--n-components": (["3", "7"], "n_components", [3, 7]),
    "--n-train": (["10", "1e2"], "n_train", [10, 100]),
    "--algorithms": (["wake-sleep"], "algorithms", ["wake-sleep"]),
    "--seeds": (["3"], "n_seeds", 3),
    "--init-scale": (["0.01"], "init_scale", 0.01),
    "--published": (["p.csv"], "published", Path("p.csv")),
    "--jobs": (["4"], "n_jobs", 4),
    "--k": (["1", "5"], "k", [1, 5]),
    "--n-threads": (["3"], "n_threads", 3),
    "--samples": (["2e4"], "n_samples", 20_000),
    "--learning-rate": (["0.5"], "learning_rate", 0.5),
    "--out": (["there"], "out", Path("there")),
}
CURVES = {"--algorithms", "--seeds", "--init-scale", "--published"}
OPTIONS = {
    "figure2": {"--dataset", "--n-components", "--jobs"} | CURVES,
    "figure3": {"--n-train", "--jobs"} | CURVES,
    "figure4": {"--dataset", "--jobs"},
    "figure5": {"--n-components", "--jobs"},
    "gallery": set(),
    "iwae": {"--k", "--n-threads"},
}


@pytest.fixture
def reproduced(monkeypatch, succeeds):
    """Run `aevb reproduce` without the work. Return the options that the experiment got."""

    def run(figure, *argv):
        heard = []
        module = import_module(f"aevb.paper.{figure}")
        signature = inspect.signature(module.reproduce)
        with monkeypatch.context() as patch:
            patch.setattr(module, "reproduce", lambda **options: heard.append(options))
            out = succeeds("reproduce", figure, *argv)
        [options] = heard
        signature.bind(**options)  # the experiment accepts all of them
        stem = f"{options['out']}/{figure}"
        picture = "" if figure == "iwae" else f", picture: {stem}.png"
        assert out == f"Numbers: {stem}.csv{picture}\n"
        defaults = {
            name: parameter.default
            for name, parameter in signature.parameters.items()
            if parameter.default is not parameter.empty
        }
        return options, defaults

    return run


@pytest.mark.parametrize("figure", OPTIONS)
def test_reproduce_takes_its_options(reproduced, figure):
    known = OPTIONS[figure] | {"--samples", "--learning-rate", "--out"}
    given = {name: ALL[name] for name in known}
    options, defaults = reproduced(
        figure, *(word for name, (words, _, _) in given.items() for word in (name, *words))
    )
    assert options == {name: value for _, name, value in given.values()} | {"progress": False}
    assert set(options) == {"out", *defaults} - ({"n_components"} if figure == "gallery" else set())


@pytest.mark.parametrize("figure", OPTIONS)
def test_reproduce_left_alone_has_the_experiment_s_defaults(reproduced, figure):
    options, defaults = reproduced(figure)
    assert options.pop("out") == Path("reproduction")
    assert {name: defaults[name] for name in options} == options
    expected = (24_000_000, 0.002) if figure == "iwae" else (10_000_000, "auto")
    assert (defaults["n_samples"], defaults["learning_rate"]) == expected
    assert defaults.get("n_seeds", 1) == defaults.get("n_jobs", 1) == 1
    assert defaults.get("init_scale") == {"figure3": 0.1}.get(figure)


def test_reproduce_shows_bars_to_a_terminal(reproduced, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert reproduced("figure4")[0]["progress"] is True


@pytest.mark.parametrize("count", ["0", "-1", "1.5", "few"])
@pytest.mark.parametrize("option", ["--jobs", "--seeds", "--samples", "--n-components"])
def test_counts_are_whole_and_positive(capsys, option, count):
    assert cli.main(["reproduce", "figure2", f"{option}={count}"]) == 2
    err = capsys.readouterr().err
    assert f"{option}: invalid number, at least 1 value: '{count}'" in err
    assert err.endswith("(see aevb reproduce figure2 --help)\n")
