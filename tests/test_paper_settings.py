"""The paper's settings: which models train on which data, for how long, and how they are judged."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from aevb import AEVB, MCEM, WakeSleep, datasets
from aevb.paper import figure2, figure3, figure4, figure5, runs, trained
from aevb.paper.runs import Run

PUBLISHED = "panel,algorithm,set,{x},{y}\nP,aevb,test,1,-5\n"


@pytest.fixture
def mnist(monkeypatch):
    """Rows that show their own index and the set of MNIST that they belong to."""
    rows = np.arange(2000, dtype=float)[:, np.newaxis]
    parts = datasets.Mnist(*(array for i in (1, 2, 3) for array in (rows + 10_000 * i, rows)))
    monkeypatch.setattr(datasets, "load_mnist", lambda: parts)
    return parts


@pytest.fixture
def planned(monkeypatch, tmp_path):
    """Call an experiment without the work. Return its runs and the options of its calls."""

    def plan(module, **options):
        heard = {}

        def run_all(runs, trace_one, path, **more):
            heard.update(runs=runs, trace_one=trace_one, path=path, **more)
            return ["rows"]

        monkeypatch.setattr(module, "run_all", run_all)
        monkeypatch.setattr(module, "table", lambda *args, **more: heard.update(table=(args, more)))
        monkeypatch.setattr(module, "draw", lambda *args, **more: heard.update(draw=(args, more)))
        assert module.reproduce(tmp_path, **options) == ["rows"]
        return heard

    return plan


def kinds(runs):
    return [(run.dataset, run.algorithm, run.n_components, run.seed) for run in runs]


# -------------------------------------------------------------------------------------- figure 2
def test_figure_2_has_the_paper_s_panels(planned, tmp_path):
    heard = planned(figure2)
    panels = [*(("mnist", n) for n in (3, 5, 10, 20, 200)), *(("frey", n) for n in (2, 5, 10, 20))]
    expected = [(d, a, n, 0) for d, n in panels for a in ("aevb", "wake-sleep")]
    assert kinds(heard["runs"]) == expected
    assert heard["path"] == tmp_path / "figure2.csv"
    assert heard["trace_one"] is figure2.run_one
    for run in heard["runs"]:
        many = {"aevb": 200, "wake-sleep": 20}[run.algorithm]
        narrow = run.dataset == "mnist" and run.n_components >= many
        assert (run.learning_rate, run.init_scale) == ("auto", 0.01 if narrow else 0.1)
        assert run.points == runs.curve_points(1e7)


def test_figure_2_takes_what_it_is_told(planned, tmp_path):
    csv = tmp_path / "p.csv"
    csv.write_text(PUBLISHED.format(x="samples", y="bound_nats"))
    heard = planned(
        figure2, chosen=["frey"], n_components=[4], algorithms=["wake-sleep"], n_samples=3e5,
        n_seeds=3, learning_rate=0.5, init_scale=0.01, published=csv, n_jobs=7, progress=True,
    )  # fmt: skip
    assert kinds(heard["runs"]) == [("frey", "wake-sleep", 4, seed) for seed in (0, 1, 2)]
    assert (heard["n_jobs"], heard["progress"]) == (7, True)
    for run in heard["runs"]:
        assert (run.learning_rate, run.init_scale) == (0.5, 0.01)
        assert run.points == [100_000, 200_000, 300_000]
        assert run.make_model().random_state == run.seed
    for args, _ in (heard["table"], heard["draw"]):
        assert args[:2] == (["rows"], {("P", "aevb", "test"): [(1.0, -5.0)]})
    assert heard["draw"][0][2] == tmp_path / "figure2.png"


def test_the_panels_of_figure_2(planned):
    (_, shown), (_, drawn) = (planned(figure2)[name] for name in ("table", "draw"))
    for options in (shown, drawn):
        assert options["column"] == "bound"
        assert options.get("unit", 1.0) == 1.0
        assert options["panel_of"]({"dataset": "frey", "n_components": "5"}) == "Frey Nz=5"
        assert options["panel_of"]({"dataset": "mnist", "n_components": "3"}) == "MNIST Nz=3"
    assert drawn["axes"]("MNIST Nz=3") == {
        "xscale": "log", "ylim": (-150, -95), "xlabel": "training samples",
        "ylabel": "bound, nats per row",
    }  # fmt: skip
    assert drawn["axes"]("Frey Nz=2")["ylim"] == (0, 1600)


@pytest.mark.parametrize(("dataset", "hidden"), [("mnist", (500,)), ("frey", (200,))])
@pytest.mark.parametrize(("algorithm", "kind"), [("aevb", AEVB), ("wake-sleep", WakeSleep)])
def test_the_networks_of_figure_2(dataset, hidden, algorithm, kind):
    model = figure2.make_model(dataset, algorithm, 7, 3)
    likelihood = {"mnist": "auto", "frey": "bounded-gaussian"}[dataset]
    settings = {"hidden_layer_sizes": hidden, "likelihood": likelihood, "random_state": 3}
    assert type(model) is kind
    assert model.get_params() == kind.published(7, **settings).get_params()


def test_mnist_trains_on_the_first_rows_and_is_tested_on_the_test_set(mnist):
    train, test = figure2.load("mnist")
    assert train is mnist.train
    assert test is mnist.test
    train, test = figure3.load(1000)
    np.testing.assert_array_equal(train, mnist.train[:1000])
    assert test is mnist.test


def test_faces_are_split_at_random(monkeypatch):
    faces = np.arange(1965)
    monkeypatch.setattr(datasets, "load_frey_face", lambda: faces)
    scaled = figure2.load("frey")
    train, test = (np.rint(255 * rows).astype(int) for rows in scaled)  # from [0, 1]
    np.testing.assert_allclose(scaled[0], train / 255, rtol=1e-7)
    assert (len(train), len(test)) == (1600, 365)
    assert np.array_equal(np.sort(np.concatenate([train, test])), faces)
    # neighbours in the video are on both sides, the same in each call
    assert np.mean(np.isin(test + 1, train)) == pytest.approx(1600 / 1965, abs=0.1)
    assert np.array_equal(figure2.load("frey")[0], scaled[0])
    assert not np.array_equal(train, np.sort(train))


class Scored:
    def score(self, rows):
        return float(rows[0, 0])


def traced(monkeypatch, module, run, tmp_path, model):
    """Return what `trace` gets for a run, and what its judge says of a model."""
    heard = {}

    def trace(run, X, judge, folder, **more):
        heard.update(run=run, X=X, folder=folder, **more)
        return judge(model)

    monkeypatch.setattr(module, "trace", trace)
    heard["judged"] = module.run_one(run, tmp_path, 3, progress=True)
    assert heard["run"] is run
    assert (heard["folder"], heard["n_threads"], heard["progress"]) == (tmp_path, 3, True)
    return heard


def test_figure_2_judges_by_the_bound_of_both_sets(monkeypatch, mnist, tmp_path):
    run = Run("mnist", "aevb", 2, 0, None, 0.1, [1])
    heard = traced(monkeypatch, figure2, run, tmp_path, Scored())
    assert heard["X"] is mnist.train
    assert heard["judged"] == {"train_bound": 10_000.0, "test_bound": 30_000.0}


# -------------------------------------------------------------------------------------- figure 3
def test_figure_3_has_the_paper_s_panels(planned, tmp_path):
    heard = planned(figure3, n_samples=6e6)
    expected = [(f"mnist{n}", a, 3, 0) for n in (1000, 50_000) for a in figure3.ALGORITHMS]
    assert list(figure3.ALGORITHMS) == ["aevb", "wake-sleep", "mcem"]
    assert kinds(heard["runs"]) == expected
    assert heard["path"] == tmp_path / "figure3.csv"
    assert heard["trace_one"] is figure3.run_one
    points = [1_000_000, 2_000_000, 3_000_000, 5_000_000, 6_000_000]
    assert all(run.points == points for run in heard["runs"])
    assert all((run.learning_rate, run.init_scale) == ("auto", 0.1) for run in heard["runs"])
    kind = {"aevb": AEVB, "wake-sleep": WakeSleep, "mcem": MCEM}
    for run in heard["runs"]:
        model, settings = run.make_model(), {"hidden_layer_sizes": (100,), "random_state": 0}
        assert model.get_params() == kind[run.algorithm].published(3, **settings).get_params()
    whole = planned(figure3, n_samples=1e8)["runs"][0].points
    assert whole == [int(m * 1e6) for m in (1, 2, 3, 5, 10, 20, 30, 40, 50, 60, 100)]


def test_figure_3_takes_what_it_is_told(planned, tmp_path):
    csv = tmp_path / "p.csv"
    names = {"x": "samples_millions", "y": "marginal_log_likelihood_nats"}
    csv.write_text(PUBLISHED.format(**names))
    heard = planned(
        figure3, n_train=[70], algorithms=["mcem"], n_samples=2e6, n_seeds=2, learning_rate=0.5,
        init_scale=0.01, published=csv, n_jobs=7, progress=True,
    )  # fmt: skip
    assert kinds(heard["runs"]) == [("mnist70", "mcem", 3, seed) for seed in (0, 1)]
    assert (heard["n_jobs"], heard["progress"]) == (7, True)
    for run in heard["runs"]:
        assert (run.learning_rate, run.init_scale) == (0.5, 0.01)
        assert run.points == [1_000_000, 2_000_000]
        assert run.make_model().random_state == run.seed
    for args, options in (heard["table"], heard["draw"]):
        assert args[:2] == (["rows"], {("P", "aevb", "test"): [(1.0, -5.0)]})
        assert (options["column"], options["unit"]) == ("log_likelihood", 1e6)
        assert options["panel_of"]({"dataset": "mnist1000"}) == "N=1000"
    assert heard["draw"][0][2] == tmp_path / "figure3.png"
    assert heard["draw"][1]["axes"]("N=1000") == {
        "xlabel": "training samples (millions)", "ylabel": "log p(x), nats per row",
    }  # fmt: skip


def test_figure_3_judges_the_first_thousand_rows_of_both_sets(monkeypatch, mnist, tmp_path):
    calls = []

    class Judge:
        def __init__(self, model, **options):
            assert options == {"random_state": 8, "n_threads": 3}

        def log_likelihood(self, rows, method, **options):
            calls.append((rows, method, options))
            return type("Estimate", (), {"mean": float(len(calls))})

    monkeypatch.setattr(figure3, "Evaluator", Judge)
    run = Run("mnist1500", "mcem", 3, 8, None, 0.1, [1])
    heard = traced(monkeypatch, figure3, run, tmp_path, None)
    np.testing.assert_array_equal(heard["X"], mnist.train[:1500])
    ais = {"start": "prior", "n_draws": 5, "n_temperatures": 100}
    assert [call[1:] for call in calls] == [("hmc", {}), ("ais", ais)] * 2
    for i, part in enumerate((mnist.train, mnist.train, mnist.test, mnist.test)):
        np.testing.assert_array_equal(calls[i][0], part[:1000])
    assert heard["judged"] == {
        "train_log_likelihood": 1.0, "train_ais": 2.0,
        "test_log_likelihood": 3.0, "test_ais": 4.0,
    }  # fmt: skip


# -------------------------------------------------------------------------------- figures 4 and 5
@pytest.fixture
def shown(monkeypatch, tmp_path):
    """Call a figure of trained models without the work. Return what it trains and draws."""

    def show(module, name, **options):
        heard = {"drawn": []}

        def train(path, kinds, **more):
            heard.update(path=path, kinds=kinds, **more)
            return [f"model {i}" for i in range(len(kinds))]

        def draw(model, image_shape, *, ax, **more):
            ax.set_xlabel(model)
            heard["drawn"].append((model, image_shape, more))

        real = module.offscreen_figure

        def kept(*size):
            heard["figure"] = figure = real(*size)
            figure.savefig = lambda path, **more: heard.update(saved=path)
            return figure

        monkeypatch.setattr(module, "train", train)
        monkeypatch.setattr(module, "offscreen_figure", kept)
        monkeypatch.setattr(module, name, draw)
        module.reproduce(tmp_path, **options)
        return heard

    return show


def test_figure_4(shown, tmp_path):
    heard = shown(figure4, "manifold")
    assert heard["kinds"] == [("frey", 2), ("mnist", 2)]
    assert heard["path"] == tmp_path / "figure4.csv"
    assert heard["drawn"] == [
        ("model 0", (28, 20), {"n": 10}), ("model 1", (28, 28), {"n": 20}),
    ]  # fmt: skip
    assert [panel.get_xlabel() for panel in heard["figure"].axes] == ["model 0", "model 1"]
    assert heard["saved"] == tmp_path / "figure4.png"
    options = {"n_samples": 5.0, "learning_rate": 0.5, "n_jobs": 3, "progress": True}
    heard = shown(figure4, "manifold", chosen=["mnist"], **options)
    assert heard["kinds"] == [("mnist", 2)]
    assert options.items() <= heard.items()


def test_figure_5(shown, tmp_path):
    heard = shown(figure5, "samples")
    assert heard["kinds"] == [("mnist", n) for n in (2, 5, 10, 20)]
    assert heard["path"] == tmp_path / "figure5.csv"
    assert heard["drawn"] == [(f"model {i}", (28, 28), {"random_state": 0}) for i in range(4)]
    titles = [panel.get_title() for panel in heard["figure"].axes]
    assert titles == [f"{n} latent variables" for n in (2, 5, 10, 20)]
    assert heard["saved"] == tmp_path / "figure5.png"
    options = {"n_samples": 5.0, "learning_rate": 0.5, "n_jobs": 3, "progress": True}
    heard = shown(figure5, "samples", n_components=[9], **options)
    assert heard["kinds"] == [("mnist", 9)]
    assert options.items() <= heard.items()


def test_models_are_trained_as_figure_2_s_are(monkeypatch, tmp_path):
    heard = {}

    def run_all(runs, trace_one, path, **more):
        heard.update(runs=runs, trace_one=trace_one, path=path, **more)
        (tmp_path / "runs").mkdir()
        for run in runs:
            model = AEVB.published(run.n_components, hidden_layer_sizes=(2,), n_epochs=1)
            model.fit(np.eye(4, dtype=np.float32))
            model.save(tmp_path / "runs" / f"{run.name}.safetensors")

    monkeypatch.setattr(trained, "run_all", run_all)
    path, options = tmp_path / "figure.csv", {"n_jobs": 3, "progress": True}
    kinds_of = [("mnist", 2), ("frey", 3)]
    models = trained.train(path, kinds_of, n_samples=3e5, learning_rate=0.5, **options)
    assert [model.n_components for model in models] == [2, 3]
    assert kinds(heard["runs"]) == [("mnist", "aevb", 2, 0), ("frey", "aevb", 3, 0)]
    assert heard["trace_one"] is figure2.run_one
    assert heard["path"] == path
    assert options.items() <= heard.items()
    for run in heard["runs"]:
        assert (run.learning_rate, run.init_scale) == (0.5, 0.1)
        assert run.points == [100_000, 200_000, 300_000]


# ------------------------------------------------------------------------------------------ runs
@pytest.mark.parametrize(
    ("n", "points"),
    [
        (99_999, [99_999]),
        (1e5, [100_000]),
        (100_001, [100_000, 100_001]),
        (1e7, [k * 10**p for p in (5, 6) for k in (1, 2, 5)] + [10**7]),
        (1.5e8, [k * 10**p for p in (5, 6, 7) for k in (1, 2, 5)] + [10**8, 15 * 10**7]),
    ],
)
def test_the_points_of_a_curve(n, points):
    assert runs.curve_points(n) == points


X = np.random.default_rng(0).integers(0, 2, (40, 6)).astype(np.float32)
SIZES = {"hidden_layer_sizes": (3,), "batch_size": 10, "random_state": 2}


def a_run(kind=AEVB, points=(200, 400), **options):
    make = partial(kind.published, 2, **SIZES)
    return Run(**{
        "dataset": "bits", "algorithm": "aevb", "n_components": 2, "seed": 2, "make_model": make,
        "learning_rate": 0.05, "points": points, "init_scale": 0.2,
    } | options)  # fmt: skip


def trace(folder, run, **options):
    said = []
    rows = runs.trace(run, X, lambda model: {"seen": model.n_samples_seen_ + 0.12345}, folder,
                      say=said.append, **options)  # fmt: skip
    return rows, said


@pytest.mark.filterwarnings("ignore:all latent units have collapsed")
@pytest.mark.parametrize("kind", [AEVB, MCEM])
def test_a_run_is_judged_at_its_points(tmp_path, kind):
    run = a_run(kind)
    rows, said = trace(tmp_path / "new" / "runs", run, n_threads=1)
    n_updates = 5 if kind is MCEM else 1
    for row, point in zip(rows, (200, 400), strict=True):
        assert list(row) == [
            "dataset", "algorithm", "n_components", "seed", "samples", "seen", "seconds",
        ]  # fmt: skip
        assert list(row.values())[:-1] == [
            "bits", "aevb", "2", "2", str(point), f"{point // n_updates}.123",
        ]  # fmt: skip
        assert len(row["seconds"].partition(".")[2]) == 1
    assert said == [", ".join(f"{k} {v}" for k, v in row.items()) for row in rows]
    folder = tmp_path / "new" / "runs"
    assert runs._read_rows(folder / "bits-aevb-2-2.csv") == rows
    model = kind.load(folder / "bits-aevb-2-2.safetensors")
    assert model.n_samples_seen_ * n_updates == 400
    assert (model.learning_rate, model.init_scale) == (0.05, 0.2)
    assert model.n_epochs == 400 // n_updates // 40
    written = json.loads((folder / "bits-aevb-2-2.json").read_text())
    assert (written["class"], written["n_train"]) == (kind.__name__, 40)
    assert written["config"]["init_scale"] == pytest.approx(0.2)
    assert written["score_of_learning_rates"] == {}
    # the same as the estimator's own training
    alone = kind.published(
        2, **SIZES, learning_rate=0.05, init_scale=0.2, n_epochs=model.n_epochs
    ).fit(X)
    for name, weight in alone.weights_.items():
        np.testing.assert_array_equal(model.weights_[name], weight)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_a_run_has_its_threads_when_it_goes_on_too(tmp_path, monkeypatch, n_threads):
    heard = []
    real = runs.Trainer._advance

    def advance(self, *args, **more):
        heard.append(self.model.n_threads)
        return real(self, *args, **more)

    monkeypatch.setattr(runs.Trainer, "_advance", advance)
    trace(tmp_path, a_run(points=(40,)), n_threads=n_threads)
    trace(tmp_path, a_run(points=(40, 80)), n_threads=3 - n_threads)
    assert heard == [n_threads, 3 - n_threads]


def test_a_longer_run_goes_on_from_a_shorter_one(tmp_path):
    short, _ = trace(tmp_path, a_run(points=(40,)))
    rows, said = trace(tmp_path, a_run(points=(40, 80)))
    assert rows[0] == short[0]
    assert len(said) == 1
    assert [row["seen"] for row in rows] == ["40.123", "80.123"]


def test_a_curve_whose_checkpoint_is_lost_begins_anew(tmp_path):
    whole, _ = trace(tmp_path, a_run(points=(40, 80)))
    trace(tmp_path / "b", a_run(points=(40,)))
    (tmp_path / "b" / "bits-aevb-2-2.safetensors").unlink()
    rows, said = trace(tmp_path / "b", a_run(points=(40, 80)))
    assert len(said) == len(rows) == 2
    assert [row["seen"] for row in rows] == [row["seen"] for row in whole]


def test_a_curve_of_other_points_is_refused(tmp_path):
    trace(tmp_path, a_run(points=(40, 80)))
    with pytest.raises(ValueError, match=r"has the points \[40, 80\], want those of \[40, 120\]"):
        trace(tmp_path, a_run(points=(40, 120)))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"learning_rate": 0.1}, "learning_rate: got 0.1, but the run in .* has 0.05;"),
        ({"init_scale": 0.1}, "init_scale: got 0.1, but the run in .* has 0.2;"),
        ({"learning_rate": "auto"}, None),
    ],
)
def test_a_run_of_other_settings_is_refused(tmp_path, changed, message):
    trace(tmp_path, a_run(points=(40,)))
    if message is None:
        assert trace(tmp_path, a_run(points=(40,), **changed))[1] == []
    else:
        with pytest.raises(ValueError, match=message):
            trace(tmp_path, a_run(points=(40,), **changed))


def test_a_run_s_bar_is_that_of_the_whole(tmp_path, capsys):
    trace(tmp_path, a_run(MCEM, points=(200, 400)), progress=True)
    bars = capsys.readouterr().err
    assert "bits-aevb-2-2" in bars
    assert "/80.0" in bars  # visits: a fifth of the samples
    assert "/40.0" not in bars


def test_scores_that_are_not_finite_are_null(tmp_path):
    run = a_run(points=(40,), learning_rate="auto")
    trace(tmp_path, run)
    path = tmp_path / f"{run.name}.json"
    assert len(json.loads(path.read_text())["score_of_learning_rates"]) == 3
    trainer = runs.Trainer.resume(tmp_path / f"{run.name}.safetensors", X)
    trials = {0.01: -3.0, 0.1: -np.inf}
    trainer.model._state = replace(trainer.model._state, learning_rate_trials=trials)
    runs._write_settings(run, trainer, tmp_path)
    assert json.loads(path.read_text())["score_of_learning_rates"] == {"0.01": -3.0, "0.1": None}


def test_a_csv_is_there_whole_or_as_it_was(tmp_path):
    path = tmp_path / "curve.csv"
    runs.write_rows(path, [{"a": "1", "b": "2"}])
    with pytest.raises(ValueError, match="c"):
        runs.write_rows(path, [{"a": "3", "b": "4"}, {"a": "5", "c": "6"}])
    assert path.read_bytes() == b"a,b\r\n1,2\r\n"
    assert runs._read_rows(path) == [{"a": "1", "b": "2"}]
    assert runs._read_rows(tmp_path / "none.csv") == []
