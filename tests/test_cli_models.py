"""Commands on a saved model: info, transform and impute."""

import csv

import numpy as np
import pytest

from aevb import AEVB, MCEM, Trainer, WakeSleep
from aevb.cli import columns
from aevb.estimators.columns import Column

NAMES = ("a", "b", "c, d")
SMALL = {"hidden_layer_sizes": (4,), "n_epochs": 2, "random_state": 0, "likelihood": "bernoulli"}


@pytest.fixture(scope="module", name="X")
def rows():
    return np.random.default_rng(0).random((30, 3)).round(2)


@pytest.fixture(autouse=True)
def elsewhere(X, tmp_path, monkeypatch):
    """Run in a folder with a model of named columns, m.safetensors."""
    monkeypatch.chdir(tmp_path)
    model = AEVB(2, early_stopping=True, validation_fraction=0.5, **SMALL).fit(X)
    columns.set_feature_names(model, NAMES)
    model.save("m.safetensors")


def write(path, rows, names=NAMES):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([names, *rows])


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


# ------------------------------------------------------------------------------------------ info
def test_info_describes_a_model(runs):
    history = AEVB.load("m.safetensors").history_
    train, held_out = (f"{history[f'{part}_bound'][-1]:.2f}" for part in ("train", "validation"))
    assert runs(0, "info", "m.safetensors").splitlines() == [
        "class         AEVB",
        "parameters    n_components=2, hidden_layer_sizes=(4,), likelihood='bernoulli', "
        "n_epochs=2, early_stopping=True, validation_fraction=0.5, random_state=0 "
        "(others have their defaults)",
        "columns       3 bernoulli, as they are",
        "rows seen     30",
        "epochs        2",
        f"last bounds   train {train}, validation {held_out} nats per row",
        "column  likelihood     location        scale",
        "a       bernoulli             0            1",
        "b       bernoulli             0            1",
        "c, d    bernoulli             0            1",
    ]


@pytest.mark.parametrize("kind", [WakeSleep, MCEM])
def test_info_of_other_models(runs, X, kind):
    kind(2, **SMALL).fit(X).save("other.safetensors")
    told = runs(0, "info", "other.safetensors").splitlines()
    assert told[0] == f"class         {kind.__name__}"
    assert "validation" not in told[-1]
    assert told[-1].startswith("last bounds   train ")  # columns without names need no table


def test_info_of_a_model_without_training(runs, X):
    model = AEVB(2, **SMALL)
    Trainer(model, X)
    model.save("new.safetensors")
    assert runs(0, "info", "new.safetensors").endswith("last bounds   none yet\n")


def test_info_without_a_model_is_as_ever(runs):
    assert runs(0, "info").startswith("aevb ")
    assert runs(1, "info", "none.safetensors") == "aevb: none.safetensors: no such model file\n"


def test_columns_in_words():
    kinds = [("a", "gaussian", 3.5, 0.25), ("b", "gaussian", -1.0, 2.0), ("c", "poisson", 0.0, 1.0),
             ("pixel", "bernoulli", 0.0, 0.5)]  # fmt: skip
    told = [Column(*kind) for kind in kinds]
    assert columns.summary(told) == (
        "2 gaussian, standardised; 1 poisson, as they are; 1 bernoulli, times 0.5"
    )
    assert [line.split() for line in columns.table_of(told)] == [
        ["column", "likelihood", "location", "scale"],
        ["a", "gaussian", "3.5", "0.25"],
        ["b", "gaussian", "-1", "2"],
        ["c", "poisson", "0", "1"],
        ["pixel", "bernoulli", "0", "0.5"],
    ]


# ------------------------------------------------------------------------------------- transform
def test_transform(runs, X):
    write("rows.csv", X)
    np.save("rows.npy", X)
    model = AEVB.load("m.safetensors")
    columns.set_feature_names(model, None)
    means = model.transform(X)
    for data in ("rows.csv", "rows.npy"):
        out = runs(0, "transform", "m.safetensors", data, "--out=z.npy")
        assert out == "30 rows of 2 latent units: z.npy\n"
        np.testing.assert_array_equal(np.load("z.npy"), means)
    runs(0, "transform", "m.safetensors", "rows.csv", "--out=z.csv")
    header, *written = read("z.csv")
    assert header == ["z0", "z1"]
    np.testing.assert_array_equal(np.array(written, np.float32), means)


def test_transform_takes_columns_by_name(runs, X):
    write("rows.csv", X)
    runs(0, "transform", "m.safetensors", "rows.csv", "--out=z.npy")
    write("turned.csv", np.column_stack([X[:, ::-1], X[:, 0]]), [*NAMES[::-1], "e"])
    runs(0, "transform", "m.safetensors", "turned.csv", "--out=y.npy", "--drop=e")
    np.testing.assert_array_equal(np.load("y.npy"), np.load("z.npy"))


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        (
            ["transform", "m.safetensors", "d.csv", "--out=z.txt"],
            2,
            "end in .npy or .csv, got z.txt",
        ),
        (["transform", "m.safetensors", "d.csv", "--out=no/z.npy"], 1, "no: no such folder"),
        (["transform", "none", "d.csv", "--out=z.npy"], 1, "none: no such model file"),
        (
            ["impute", "m.safetensors", "d.npy", "--out=d.csv"],
            2,
            "--out must end in .npy, got d.csv",
        ),
        (["impute", "m.safetensors", "d.csv", "--out=no/d.csv"], 1, "no: no such folder"),
        (["impute", "none", "d.csv", "--out=d.csv"], 1, "none: no such model file"),
    ],
)
def test_what_is_wrong_is_said_before_the_data_are_read(runs, argv, code, message):
    assert message in runs(code, *argv)


# ---------------------------------------------------------------------------------------- impute
HOLES = [(0, 1), (4, 0), (4, 2), (7, 0), (7, 1), (7, 2)]


def with_holes(X):
    holey = X.copy()
    holey[tuple(zip(*HOLES, strict=True))] = np.nan
    return holey


def filled(X, **options):
    model = AEVB.load("m.safetensors")
    columns.set_feature_names(model, None)
    return model.impute(with_holes(X), random_state=5, **options)


def test_impute_of_a_csv_file(runs, X):
    """Missing cells are filled. The text of all others stays, and so do columns left out."""
    cells = [[f" {i:03}", *(f"{value:+.2f}0" for value in row)] for i, row in enumerate(X)]
    for (i, j), missing in zip(HOLES, ["", "NA", "?", " ", "NaN", "nan"], strict=True):
        cells[i][j + 1] = missing
    write("rows.csv", cells, ["name", *NAMES])
    argv = ["impute", "m.safetensors", "rows.csv", "--drop=name", "--random-state=5"]
    out = runs(0, *argv, "--out=full.csv")
    assert out == "6 missing values of 30 rows filled in: full.csv\n"
    for (i, j), value in zip(HOLES, filled(X)[tuple(zip(*HOLES, strict=True))], strict=True):
        cells[i][j + 1] = f"{value:.9g}"
    assert read("full.csv") == [["name", *NAMES], *cells]
    runs(0, *argv, "--out=rows.csv")  # in place
    assert read("rows.csv") == read("full.csv")


def test_impute_keeps_the_order_of_the_file(runs, X):
    names = ["b", "c, d", "a"]
    write("rows.csv", with_holes(X)[:, [1, 2, 0]], names)
    runs(0, "impute", "m.safetensors", "rows.csv", "--random-state=5", "--out=full.csv")
    header, *written = read("full.csv")
    assert header == names
    np.testing.assert_allclose(np.array(written, float), filled(X)[:, [1, 2, 0]], rtol=1e-6)


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_impute_keeps_the_delimiter(runs, delimiter):
    with open("rows.csv", "w") as file:
        file.write(f"\ufeff0.10{delimiter}1{delimiter}\n.3{delimiter}1e-1{delimiter}0\n")
    runs(0, "impute", "m.safetensors", "rows.csv", "--out=full.csv")
    with open("full.csv") as file:
        first, second = file.read().splitlines()
    assert first.startswith(f"0.10{delimiter}1{delimiter}0.")
    assert second == f".3{delimiter}1e-1{delimiter}0"


def test_impute_to_an_array(runs, X):
    np.save("rows.npy", with_holes(X))
    argv = ["impute", "m.safetensors", "rows.npy", "--out=full.npy", "--random-state=5"]
    assert runs(0, *argv).startswith("6 missing values of 30 rows")
    np.testing.assert_array_equal(np.load("full.npy"), filled(X))
    runs(0, *argv, "--method=sample")
    np.testing.assert_array_equal(np.load("full.npy"), filled(X, method="sample"))
    runs(0, *argv, "--sampler=importance", "--n-draws=40")
    expected = filled(X, sampler="importance", n_draws=40)
    np.testing.assert_array_equal(np.load("full.npy"), expected)


def test_impute_needs_an_encoder(runs, X):
    MCEM(2, **SMALL).fit(X).save("mcem.safetensors")
    message = runs(1, "impute", "mcem.safetensors", "rows.csv", "--out=full.csv")
    assert message == "aevb: mcem.safetensors: a MCEM cannot impute: it has no encoder\n"
