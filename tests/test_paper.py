"""The paper's experiments: a stopped run continues, and finished work is not repeated."""

import csv
import json

import joblib
import numpy as np
import pytest

from aevb import AEVB, MCEM, datasets
from aevb.cli import main
from aevb.paper import figure2, figure3, figure4, figure5, gallery, runs
from aevb.training.loop import Loop

DIGITS = datasets.load_digits()[:300]
COLUMNS = ["dataset", "algorithm", "n_components", "seed", "samples", "train_bound", "test_bound"]


@pytest.fixture(autouse=True, scope="module")
def small():
    """Use digits in place of MNIST, and curves of a few hundred samples."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figure2, "load", lambda dataset: (DIGITS[:200], DIGITS[200:]))
        patch.setattr(
            figure2, "curve_points", lambda n: [p for p in (400, 800) if p < n] + [int(n)]
        )
        yield


def reproduce(out, **options):
    options = {"chosen": ["mnist"], "n_components": [2], "n_samples": 2000} | options
    return figure2.reproduce(out, **options)


def table(out):
    with open(out / "figure2.csv", newline="") as file:
        return [[row[name] for name in COLUMNS] for row in csv.DictReader(file)]


@pytest.fixture(name="whole", scope="module")
def whole_runs(small, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole")
    reproduce(out)
    return out


def test_a_curve_for_each_run(whole):
    rows = table(whole)
    assert [row[:5] for row in rows] == [
        ["mnist", algorithm, "2", "0", samples]
        for algorithm in ("aevb", "wake-sleep")
        for samples in ("400", "800", "2000")
    ]
    assert all(-60 < float(bound) < -15 for row in rows for bound in row[5:])
    assert (whole / "figure2.png").stat().st_size > 10_000
    settings = json.loads((whole / "runs" / "mnist-aevb-2-0.json").read_text())
    assert settings["config"]["n_components"] == 2
    scores = settings["score_of_learning_rates"]
    best = max(scores, key=lambda rate: scores[rate])
    assert settings["config"]["learning_rate"] == pytest.approx(float(best))
    assert {"aevb", "numpy", "python", "machine", "backend"} <= set(settings)


@pytest.mark.parametrize("at", [2, 9, 25])
def test_a_stopped_run_goes_on_to_the_same_curve(whole, at, tmp_path, monkeypatch):
    real, calls = Loop.train, []

    def train(self, *args):
        calls.append(1)
        if len(calls) == at:
            raise KeyboardInterrupt
        return real(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(Loop, "train", train)
        with pytest.raises(KeyboardInterrupt):
            reproduce(tmp_path)
    reproduce(tmp_path)
    assert table(tmp_path) == table(whole)


def test_what_is_done_is_not_done_again(whole, monkeypatch):
    def never(*args):
        raise AssertionError("trained again")

    before = table(whole)
    monkeypatch.setattr(Loop, "train", never)
    reproduce(whole)
    assert table(whole) == before


def test_runs_at_once_give_the_same_curves(whole, tmp_path):
    with joblib.parallel_config("threading"):  # so that this process's patches apply
        reproduce(tmp_path, n_jobs=2)
    assert table(tmp_path) == table(whole)


def test_the_trials_are_told(tmp_path, capsys):
    reproduce(tmp_path, algorithms=["aevb"])
    assert capsys.readouterr().out.count("mnist-aevb-2-0: learning rate 0.") == 3


def test_first_parameters_of_another_scale(tmp_path):
    narrow, again = tmp_path / "narrow", tmp_path / "again"
    one = {"algorithms": ["aevb"], "learning_rate": 0.02}
    reproduce(tmp_path, **one)
    reproduce(narrow, init_scale=0.01, **one)
    assert table(narrow) != table(tmp_path)
    command = f"reproduce figure2 --dataset mnist --n-components 2 --samples 2000 --out {again}"
    options = "--algorithms aevb --learning-rate 0.02 --init-scale 0.01"
    assert main([*command.split(), *options.split()]) == 0
    assert table(again) == table(narrow)
    with pytest.raises(ValueError, match=r"init_scale: got 0.1, but the run in .* has 0.01"):
        reproduce(narrow, **one)


def test_points_of_a_curve():
    assert runs.curve_points(1e6) == [100_000, 200_000, 500_000, 1_000_000]
    assert runs.curve_points(3e5) == [100_000, 200_000, 300_000]
    assert runs.curve_points(50) == [50]


def test_the_paper_s_settings():
    model = figure2.make_model("frey", "wake-sleep", 5, 1)
    assert (model.likelihood, model.hidden_layer_sizes) == ("bounded-gaussian", (200,))
    assert isinstance(figure2.make_model("mnist", "aevb", 20, 0), AEVB)


def test_the_command(tmp_path, capsys):
    published = tmp_path / "published.csv"
    published.write_text(
        "panel,algorithm,set,samples,bound_nats\nMNIST Nz=2,aevb,test,400,-50\n"
        "MNIST Nz=2,aevb,test,2000,-40\n"
    )
    command = f"reproduce figure2 --dataset mnist --n-components 2 --samples 2000 --out {tmp_path}"
    arguments = [*command.split(), "--learning-rate", "0.05", "--algorithms", "aevb"]
    assert main([*arguments, "--published", str(published)]) == 0
    out = capsys.readouterr().out
    assert "figure2.png" in out
    # ours at 400, 800 and 2000 samples; published values at and between their points
    cells = [line.split(" | ") for line in out.splitlines() if line.startswith("| MNIST Nz=2")]
    assert [(line[2], line[4], line[6]) for line in cells] == [
        ("400", "", "-50.0"), ("800", "", "-47.5"), ("2000", "", "-40.0"),
    ]  # fmt: skip
    assert len(table(tmp_path)) == 3
    assert main([*arguments, "--seeds", "0"]) == 2
    assert "--seeds" in capsys.readouterr().err


def test_figure_3(tmp_path, monkeypatch):
    """All three algorithms run. A visit of Monte Carlo EM is five samples."""
    monkeypatch.setattr(figure3, "load", lambda n_train: (DIGITS[:n_train], DIGITS[200:]))
    monkeypatch.setattr(figure3, "_POINTS", (1000,))
    monkeypatch.setattr(figure3, "_N_JUDGED", 20)
    command = f"reproduce figure3 --n-train 100 --samples 2e3 --out {tmp_path}"
    assert main([*command.split(), "--learning-rate", "0.1"]) == 0
    with open(tmp_path / "figure3.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["algorithm"], row["samples"]) for row in rows] == [
        (algorithm, samples)
        for algorithm in ("aevb", "wake-sleep", "mcem")
        for samples in ("1000", "2000")
    ]
    for row in rows:
        assert -60 < float(row["train_log_likelihood"]) < -15
        # two estimates of one value
        assert abs(float(row["test_log_likelihood"]) - float(row["test_ais"])) < 0.5
    mcem = MCEM.load(tmp_path / "runs" / "mnist100-mcem-3-0.safetensors")
    assert mcem.n_samples_seen_ * mcem.n_updates == 2000
    assert (tmp_path / "figure3.png").stat().st_size > 10_000


@pytest.fixture(name="small_images")
def digits_in_place_of_mnist(monkeypatch):
    monkeypatch.setattr(gallery, "load", lambda dataset: (DIGITS[:200], DIGITS[200:]))
    for module in (figure4, figure5, gallery):
        shapes = {"mnist": (8, 8), "frey": (8, 8)}
        monkeypatch.setattr(module, "IMAGE_SHAPES", shapes)


def test_figures_4_and_5_use_the_runs_of_figure_2(small_images, whole, monkeypatch):
    folder = whole / "runs"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    command = ["reproduce", "figure4", "--dataset", "mnist", "--samples", "2e3"]
    assert main([*command, "--out", str(whole)]) == 0
    command = ["reproduce", "figure5", "--n-components", "2", "3", "--samples", "2e3"]
    assert main([*command, "--out", str(whole)]) == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.name in before} == (
        before
    )
    assert len(AEVB.load(folder / "mnist-aevb-3-0.safetensors").history_["seconds"]) == 10
    for name in ("figure4", "figure5"):
        assert (whole / f"{name}.png").stat().st_size > 10_000
    with open(whole / "figure5.csv", newline="") as file:
        assert {row["n_components"] for row in csv.DictReader(file)} == {"2", "3"}


def test_a_shorter_curve_of_a_longer_run(whole):
    before = table(whole)
    rows = reproduce(whole, n_samples=800)
    assert [row["samples"] for row in rows] == ["400", "800"] * 2
    reproduce(whole)
    assert table(whole) == before


def test_the_gallery_restores(small_images, tmp_path, monkeypatch):
    """Posterior inference is better than the given image and the pixel means."""
    pixels = (255 * DIGITS).astype(np.uint8)
    for module in (figure2, gallery):
        monkeypatch.setattr(module, "load", lambda dataset: (pixels[:200], pixels[200:]))
    for name, few in (("_N_JUDGED", 30), ("_N_POSTERIOR", 20)):
        monkeypatch.setattr(gallery, name, few)
    command = f"reproduce gallery --samples 2e4 --learning-rate 0.1 --out {tmp_path}"
    assert main(command.split()) == 0
    with open(tmp_path / "gallery.csv", newline="") as file:
        rmse = {(row["task"], row["method"]): float(row["rmse"]) for row in csv.DictReader(file)}
    assert len(rmse) == 3 + 2 * 5
    assert rmse["denoising", "posterior mean"] < rmse["denoising", "as given"]
    for task in ("inpainting", "super-resolution"):
        assert rmse[task, "posterior mean"] < rmse[task, "pixel means"] < rmse[task, "as given"]
        assert rmse[task, "posterior mean"] < rmse[task, "a draw"]
    assert (tmp_path / "gallery.png").stat().st_size > 10_000
