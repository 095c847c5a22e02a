"""The table of importance weighted autoencoders: its models, its data, and how they are judged."""

import csv
from types import SimpleNamespace

import numpy as np
import pytest

from aevb import datasets
from aevb.cli import main
from aevb.paper import iwae
from aevb.paper.runs import Run
from aevb.training.loop import Loop

GREY = np.uint8(255 * datasets.load_digits()[:300])


def reproduce(out):
    return main(["reproduce", "iwae", "--k", "1", "--samples", "4e3", "--out", str(out)])


def test_the_command(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(iwae, "load", lambda: (GREY[:200], iwae.binarised(GREY[200:])))
    monkeypatch.setattr(iwae, "_N_JUDGED_BY", 100)
    assert reproduce(tmp_path) == 0
    out = capsys.readouterr().out
    with open(tmp_path / "iwae.csv", newline="") as file:
        [row] = csv.DictReader(file)
    assert (row["k"], row["samples"], row["n_components"]) == ("1", "4000", "50")
    bound, log_p = float(row["test_bound"]), float(row["test_log_likelihood"])
    assert -64 * np.log(2) < bound < log_p < -15  # better than even odds for each pixel
    assert f"| 1 | {-log_p:.2f} | 86.76 | {float(row['active_units']):.0f} | 19 |" in out
    # the run is complete: a second call only prints
    monkeypatch.setattr(Loop, "train", None)
    assert reproduce(tmp_path) == 0
    assert capsys.readouterr().out in out


@pytest.mark.parametrize("k", [1, 5, 50])
def test_the_models(k):
    model = iwae.make_model(k)
    estimator = "analytic-kl" if k == 1 else "importance-weighted"
    assert (model.bound_estimator, model.n_draws) == (estimator, k)
    assert (model.n_components, model.hidden_layer_sizes) == (50, (200, 200))
    assert (model.activation, model.likelihood, model.binarize) == ("tanh", "bernoulli", "dynamic")
    assert model.early_stopping is False  # all rows are training rows


def test_the_runs(monkeypatch, tmp_path):
    heard = []

    def run_one(run, folder, n_threads, *, progress):
        heard.append((run, folder, n_threads, progress))
        return {"test_log_likelihood": "-85.543", "test_bound": "-87.123", "samples": "100",
                "active_units": "22.000", "effective_draws": "31.4", "seconds": "9.6"}  # fmt: skip

    monkeypatch.setattr(iwae, "run_one", run_one)
    options = {"n_samples": 1e6, "learning_rate": 0.5, "n_threads": 3, "progress": True}
    rows = iwae.reproduce(tmp_path, k=[5, 7], **options)
    assert [row["k"] for row in rows] == ["5", "7"]
    for k, (run, *others) in zip((5, 7), heard, strict=True):
        assert others == [tmp_path / "runs", 3, True]
        assert (run.points, run.learning_rate, run.init_scale) == ([1_000_000], 0.5, "auto")
        assert run.make_model().n_draws == k
    assert len({run.name for run, *_ in heard}) == 2  # each has files of its own
    assert iwae.table(rows).splitlines()[2:] == [
        "| 5 | 85.54 | 85.54 | 22 | 22 | -87.12 | 31 | 100 | 10 |",
        "| 7 | 85.54 |  | 22 |  | -87.12 | 31 | 100 | 10 |",
    ]


def test_all_training_rows_and_binary_test_rows(monkeypatch):
    def load_mnist(n_validation):
        assert n_validation == 0
        return SimpleNamespace(train=GREY[:200], test=GREY[200:])

    monkeypatch.setattr(datasets, "load_mnist", load_mnist)
    train, test = iwae.load()
    np.testing.assert_array_equal(train, GREY[:200])
    assert test.dtype == np.uint8
    assert set(np.unique(test)) == {0, 255}
    np.testing.assert_array_equal(test, iwae.load()[1])


def test_a_pixel_is_white_as_often_as_it_is_bright():
    n = 40_000
    grey = np.repeat(np.uint8([[0, 1, 64, 128, 254, 255]]), n, axis=0)
    share = (iwae.binarised(grey) == 255).mean(axis=0)
    assert (share[0], share[-1]) == (0, 1)
    p = grey[0] / 255
    assert (np.abs(share - p) <= 5 * np.sqrt(p * (1 - p) / n)).all()


def test_a_model_is_judged_on_the_test_rows(monkeypatch, tmp_path):
    train, test = np.zeros((3, 2)), np.ones((2, 2))

    class Judge:
        def __init__(self, model, **options):
            assert (model, options) == (
                "model", {"random_state": 8, "n_threads": 3, "progress": True},
            )  # fmt: skip

        def bound(self, rows):
            assert rows is test
            return SimpleNamespace(mean=-2.0)

        def log_likelihood(self, rows, n_draws):
            assert rows is test
            assert n_draws == 5000
            ess = {"ess": np.array([4.0, 6.0])}
            return SimpleNamespace(mean=-1.0, stderr=np.array([3.0, 4.0]), diagnostics=ess)

        def active_units(self, rows):
            assert rows is test
            return np.array([True, False, True])

    def trace(run, X, judge, folder, **more):
        assert X is train
        assert folder == tmp_path
        assert (more["n_threads"], more["progress"]) == (3, True)
        return [judge("model")]

    monkeypatch.setattr(iwae, "load", lambda: (train, test))
    monkeypatch.setattr(iwae, "Evaluator", Judge)
    monkeypatch.setattr(iwae, "trace", trace)
    run = Run("mnist", "iwae5", 50, 8, None, 0.1, [1])
    assert iwae.run_one(run, tmp_path, 3, progress=True) == {
        "test_bound": -2.0, "test_log_likelihood": -1.0, "monte_carlo_error": 2.5,
        "effective_draws": 5.0, "active_units": 2.0,
    }  # fmt: skip
