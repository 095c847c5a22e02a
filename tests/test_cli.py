"""The command line, in process: what it prints and writes, and how it fails."""

import inspect
import runpy
import subprocess
import sys

import matplotlib.image
import numpy as np
import pytest
import scipy.sparse as sp

from aevb import AEVB, Evaluator, Trainer, _core, cli, datasets, plots
from aevb.cli import demo, files
from aevb.cli.options import MODEL_OPTIONS

D = 12
SMALL = ["--n-components=2", "--hidden-layer-sizes=6", "--n-epochs=3", "--random-state=0"]


@pytest.fixture(scope="module", name="X")
def rows():
    return np.random.default_rng(0).random((60, D), dtype=np.float32)


@pytest.fixture(scope="module")
def model_path(X, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    model = AEVB.published(2, hidden_layer_sizes=(6,), n_epochs=3, batch_size=20, random_state=0)
    model.fit(X).save(path)
    return path


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Run in an empty folder, so that the test sees and removes what is written by default."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def fails(capsys):
    """Run a command that must fail. Return its exit code and its one line on stderr."""

    def run(code, *argv):
        assert cli.main([str(word) for word in argv]) == code
        err = capsys.readouterr().err
        assert err.startswith("aevb: ")
        assert err.count("\n") == 1
        return err

    return run


def succeeds(capsys, *argv):
    code = cli.main([str(word) for word in argv])
    captured = capsys.readouterr()
    assert code == 0, captured.err
    return captured.out


def test_help_and_version(capsys):
    assert "evaluate" in succeeds(capsys, "--help")
    told = succeeds(capsys, "fit", "--help")
    assert "--hidden-layer-sizes" in told
    assert "more words than numbers" in " ".join(told.split())
    assert succeeds(capsys, "--version").startswith("aevb ")


def test_help_imports_nothing_heavy():
    code = (
        "import sys, aevb.cli; aevb.cli.main(['--help']); "
        "heavy = {'matplotlib', 'pooch', 'requests', 'sklearn.datasets'} & set(sys.modules); "
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_python_dash_m(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["aevb", "--version"])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_module("aevb", run_name="__main__")
    assert stopped.value.code == 0
    assert capsys.readouterr().out.startswith("aevb ")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "COMMAND"),
        (["dance"], "invalid choice: 'dance'"),
        (["fit", "digits"], "--out"),
        (
            ["fit", "digits", "--out=m", "--n-epochs=few"],
            "--n-epochs: invalid integer or 'auto' value: 'few'",
        ),
        (["fit", "digits", "--out=m", "--optimizer=luck"], "--optimizer: invalid choice"),
        (["fit", "digits", "--out=m", "--hidden-layer-sizes=5,x"], "list of layer sizes"),
        (
            ["fit", "digits", "--out=m", "--scale=big"],
            "number or one of 'auto', 'none', 'standard'",
        ),
        (["fit", "letters", "--out=m"], "got letters"),
        (["fit", "rows.txt", "--out=m"], "got rows.txt"),
        (["sample", "m", "--out=s.gif"], "must end in .npy or .csv or .png, got s.gif"),
        (["sample", "m", "--out=s.npy", "--n-samples=0"], "--n-samples must be at least 1"),
        (["sample", "m", "--out=s.png", "--image-shape=big"], "invalid image shape"),
    ],
)
def test_wrong_calls(fails, argv, message):
    assert message in fails(2, *argv)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["fit", "rows.npy", "--out=m"], "rows.npy"),
        (["fit", "digits", "--out=nowhere/m"], "nowhere: no such folder to write m in"),
        (["demo", "--out=nowhere/p.png"], "nowhere: no such folder"),
        (["fit", "digits", "--out=m", "--n-epochs=-1"], "n_epochs"),
        (["fit", "digits", "--out=m", "--learning-rate=-1"], "learning_rate"),
        (["evaluate", "m.safetensors", "digits"], "m.safetensors: no such model file"),
        (["sample", "m.safetensors", "--out=s.npy"], "m.safetensors: no such model file"),
    ],
)
def test_errors(fails, argv, message):
    assert message in fails(1, *argv)


DAMAGED = {
    "empty.npy": b"",
    "noise.npy": b"\x93NUMPY and then nothing of the kind",
    "noise.npz": b"PK\x03\x04 and then nothing of the kind",
    "empty.csv": b"",
    "header.csv": b"a,b,c\n",
    "ragged.csv": b"1,2,3\n4,5\n",
    "words.csv": b"1,2\nthree,four\n",
    "latin.csv": b"\xff\xfe\n1,2\n",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_data(fails, tmp_path, name):
    (tmp_path / name).write_bytes(DAMAGED[name])
    fails(1, "fit", name, "--out=m.safetensors")
    assert not (tmp_path / "m.safetensors").exists()


def test_pickled_data_are_refused(fails, tmp_path):
    np.save(tmp_path / "objects.npy", np.array([{}, {}]), allow_pickle=True)
    assert "objects.npy" in fails(1, "fit", "objects.npy", "--out=m")


def test_archive_without_x(fails, tmp_path):
    np.savez(tmp_path / "two.npz", a=np.zeros((3, 2)), b=np.zeros(3))
    assert "none of its arrays is called X: a, b" in fails(1, "fit", "two.npz", "--out=m")


@pytest.mark.parametrize("content", [b"", b"not a model", bytes(8), b"\xff" * 64])
def test_damaged_model(fails, tmp_path, content):
    (tmp_path / "m.safetensors").write_bytes(content)
    assert "m.safetensors" in fails(1, "evaluate", "m.safetensors", "digits")


def test_data_of_another_width(fails, model_path, tmp_path):
    np.save(tmp_path / "narrow.npy", np.zeros((5, D - 1)))
    assert str(D) in fails(1, "evaluate", model_path, "narrow.npy")


def test_divergence_is_one_line(fails, X, tmp_path):
    np.save(tmp_path / "rows.npy", X)
    wild = ["--n-components=2", "--optimizer=sgd", "--learning-rate=1e20", "--likelihood=gaussian"]
    assert "learning_rate" in fails(1, "fit", "rows.npy", "--out=m", *wild)


def test_interrupt(fails, monkeypatch):
    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "run", interrupted)
    assert "interrupted" in fails(130, "fit", "digits", "--out=m")


def test_every_parameter_is_an_option():
    parameters = inspect.signature(AEVB).parameters
    options = [option.name for option in MODEL_OPTIONS]
    left_out = {"warm_start", "verbose"}  # no second fit; the curve
    assert options == [name for name in parameters if name not in left_out]


def test_options_reach_the_model(capsys, X, tmp_path):
    np.save(tmp_path / "rows.npy", X)
    given = {
        "n_components": 3, "hidden_layer_sizes": (7, 5), "activation": "relu",
        "likelihood": "gaussian", "bound_estimator": "monte-carlo", "n_draws": 2,
        "optimizer": "adam", "learning_rate": 0.001, "weight_decay": 0.5, "init_scale": 0.05,
        "batch_size": 10, "n_epochs": 2, "scale": 2.0,
        "learning_rate_schedule": "linear", "early_stopping": True,
        "validation_fraction": 0.2, "patience": 9, "n_threads": 1, "random_state": 4,
    }  # fmt: skip
    words = {"hidden_layer_sizes": "7,5", "early_stopping": "true"}
    argv = [f"--{name.replace('_', '-')}={words.get(name, value)}" for name, value in given.items()]
    succeeds(capsys, "fit", "rows.npy", "--out=m.safetensors", *argv)
    model = AEVB.load(tmp_path / "m.safetensors")
    assert {name: model.get_params()[name] for name in given} == given


def test_fit_is_fit(capsys, X, tmp_path):
    np.save(tmp_path / "rows.npy", X)
    options = {
        "n_components": 2, "n_epochs": 40, "batch_size": 10, "learning_rate": 0.1,
        "validation_fraction": 0.3, "patience": 2, "random_state": 0,
    }  # fmt: skip
    argv = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    out = succeeds(capsys, "fit", "rows.npy", "--out=m.safetensors", *argv)
    fitted, loaded = AEVB(**options).fit(X), AEVB.load(tmp_path / "m.safetensors")
    for name, weight in fitted.weights_.items():
        np.testing.assert_array_equal(loaded.weights_[name], weight)
    lines = out.splitlines()
    assert lines[:3] == [
        "rows     60, 18 of them held out", "columns  12 gaussian, standardised", "epochs   40"
    ]  # fmt: skip
    table = [line.split() for line in lines[5:-1]]
    n_epochs = len(fitted.history_["seconds"])
    assert n_epochs < 40  # patience ended the training
    for i, row in enumerate(table):
        bounds = [fitted.history_[f"{part}_bound"][i] for part in ("train", "validation")]
        seen = fitted.history_["samples_seen"][i]
        assert row[:4] == [str(i + 1), f"{seen:,}", *(f"{bound:.2f}" for bound in bounds)]
    assert len(table) == n_epochs
    assert out.endswith("Model: m.safetensors\n")


def test_fit_without_validation(capsys, X, tmp_path):
    np.save(tmp_path / "rows.npy", X)
    out = succeeds(capsys, "fit", "rows.npy", "--out=m.safetensors", *SMALL)
    assert "nan" not in out
    assert len(out.splitlines()) == 3 + 2 + 3 + 1


def write_npy(path, X):
    np.save(path.with_suffix(".npy"), X)


def write_stack(path, X):
    np.save(path.with_suffix(".npy"), X.reshape(len(X), 3, 4))


def write_npz(path, X):
    np.savez(path.with_suffix(".npz"), X=X, y=np.zeros(len(X)))


def write_single(path, X):
    np.savez(path.with_suffix(".npz"), anything=X)


def write_sparse(path, X):
    sp.save_npz(path.with_suffix(".npz"), sp.coo_matrix(X))


def write_csv(path, X):
    np.savetxt(path.with_suffix(".csv"), X, delimiter=",", fmt="%.9g")


def write_header(path, X):
    names = ",".join(f"pixel{i}" for i in range(X.shape[1]))
    np.savetxt(path.with_suffix(".csv"), X, delimiter=",", fmt="%.9g", header=names, comments="")


@pytest.mark.parametrize(
    "write",
    [write_npy, write_stack, write_npz, write_single, write_sparse, write_csv, write_header],
)
def test_data_files(X, tmp_path, write):
    write(tmp_path / "rows", X)
    (path,) = tmp_path.iterdir()
    read = files.read_table(str(path)).X
    dense = read.toarray() if sp.issparse(read) else read
    np.testing.assert_array_equal(dense.astype(np.float32), X)


def test_data_names(monkeypatch):
    mnist = datasets.Mnist(*(np.full(3, part, np.uint8) for part in range(6)))
    monkeypatch.setattr(datasets, "load_mnist", lambda: mnist)
    monkeypatch.setattr(datasets, "load_frey_face", lambda: "faces")
    assert files.read_table("mnist").X is mnist.train
    assert files.read_table("mnist:validation").X is mnist.validation
    assert files.read_table("mnist:test").X is mnist.test
    assert files.read_table("frey").X == "faces"
    np.testing.assert_array_equal(files.read_table("digits").X, datasets.load_digits())


def test_evaluate(capsys, X, model_path, tmp_path):
    np.save(tmp_path / "rows.npy", X)
    argv = ["evaluate", model_path, "rows.npy", "--n-draws=4", "--random-state=3"]
    out = succeeds(capsys, *argv)
    evaluator = Evaluator(AEVB.load(model_path), random_state=3)
    estimate = evaluator.bound(X, n_draws=4)
    assert f"{estimate.mean:.2f} +- {estimate.mean_stderr:.2f} nats" in out
    assert "60 rows" in out
    assert f"{evaluator.active_units(X).sum()} of 2" in out
    assert succeeds(capsys, *argv) == out


def test_sample_to_array(capsys, model_path, tmp_path):
    argv = ["sample", model_path, "--n-samples=7", "--random-state=5"]
    succeeds(capsys, *argv, "--out=draws.npy")
    succeeds(capsys, *argv, "--out=means.npy", "--mean")
    model = AEVB.load(model_path)
    np.testing.assert_array_equal(np.load("draws.npy"), model.sample(7, random_state=5))
    means = plots.sample_images(model, n_samples=7, kind="mean", random_state=5)
    np.testing.assert_array_equal(np.load("means.npy"), means)
    assert means.shape == (7, D)


def test_sample_to_picture(capsys, model_path):
    succeeds(capsys, "sample", model_path, "--out=s.png", "--image-shape=3x4", "--mean")
    assert matplotlib.image.imread("s.png").shape == (900, 900, 4)


def test_sample_to_picture_needs_a_shape(fails, model_path):
    message = fails(2, "sample", model_path, "--out=s.png")
    assert "--image-shape HxW with H * W = 12" in message


def test_info(capsys):
    out = succeeds(capsys, "info")
    assert f"{_core.backend()} (available: {', '.join(_core.backend_names())})" in out
    assert np.__version__ in out
    facts = dict(
        line.split(maxsplit=1) for line in out.replace("SciPy's BLAS", "BLAS").splitlines()
    )
    assert int(facts["threads"]) == _core.max_threads()
    assert "blas" in facts["BLAS"].lower() or "mkl" in facts["BLAS"].lower()


@pytest.fixture
def short_demo(monkeypatch):
    monkeypatch.setattr(demo, "_EPOCHS", 3)


@pytest.mark.usefixtures("short_demo")
def test_demo(capsys, tmp_path):
    out = succeeds(capsys, "demo")
    assert out.count("nats per row") == 2
    assert "Picture: aevb-demo.png" in out
    assert matplotlib.image.imread("aevb-demo.png").std() > 0.05
    assert [path.name for path in tmp_path.iterdir()] == ["aevb-demo.png"]


@pytest.mark.usefixtures("short_demo")
def test_demo_without_matplotlib(capsys, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    out = succeeds(capsys, "demo", "--out=p.png")
    assert out.count("nats per row") == 2
    assert "No picture: pictures need matplotlib: pip install 'aevb[plot]'" in out
    assert not list(tmp_path.iterdir())


def test_demo_beats_independent_pixels(capsys, monkeypatch):
    monkeypatch.setattr(demo, "_draw_demo", lambda *args: None)
    monkeypatch.setattr(demo, "_EPOCHS", 80)
    out = succeeds(capsys, "demo")
    train, test = (
        float(line.split()[2]) for line in out.splitlines() if "bound" in line.split()[1:2]
    )
    blind = float(out.split("one by one reach ")[1].split()[0])
    assert train > blind + 2
    assert test > blind + 2


def test_independent_pixels():
    train = np.array([[0, 1], [0, 0.5], [0, 1]], np.float32)
    p = np.array([0.5, 3.0]) / 4
    test = np.array([[0, 0.25], [1, 1]], np.float32)
    expected = (test * np.log(p) + (1 - test) * np.log(1 - p)).sum(axis=1).mean()
    assert demo._independent_pixels(train, test) == pytest.approx(expected)
