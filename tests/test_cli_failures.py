"""How the command ends: exit codes, one line on stderr, and complaints before the work starts."""

import os
import runpy
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import scipy
import threadpoolctl

import aevb
from aevb import cli, datasets
from aevb.cli import evaluate, files, info, sample
from aevb.cli.options import UsageError


def ends(monkeypatch, capsys, error):
    """Run a command that ends with an error. Return exit code and stderr; stdout must be empty."""

    def fail(args):
        raise error

    monkeypatch.setattr(info, "run", fail)
    code = cli.main(["info"])
    captured = capsys.readouterr()
    assert captured.out == ""
    return code, captured.err


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ZeroDivisionError("by 0"), 1, "by 0"),
        (FloatingPointError("grew"), 1, "grew"),
        (ImportError("no such thing"), 1, "no such thing"),
        (MemoryError(), 1, "MemoryError"),
        (OSError("disk"), 1, "disk"),
        (TypeError("kind"), 1, "kind"),
        (ValueError("of two\n   lines"), 1, "of two lines"),
        (UsageError("called so"), 2, "called so"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_an_error_is_one_line_and_its_code(monkeypatch, capsys, error, code, line):
    assert ends(monkeypatch, capsys, error) == (code, f"aevb: {line}\n")


@pytest.mark.parametrize("error", [RuntimeError, KeyError, AssertionError, AttributeError])
def test_a_mistake_of_ours_is_not_swallowed(monkeypatch, capsys, error):
    with pytest.raises(error):
        ends(monkeypatch, capsys, error())


@pytest.mark.parametrize(("argv", "code"), [(["dance"], 2), (["evaluate", "m", "digits"], 1)])
def test_python_dash_m_has_the_exit_code(monkeypatch, capsys, argv, code):
    monkeypatch.setattr(sys, "argv", ["aevb", *argv])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_module("aevb", run_name="__main__")
    assert stopped.value.code == code
    assert capsys.readouterr().err.count("\n") == 1


def test_a_reader_that_has_gone_is_no_noise(tmp_path):
    read, write = os.pipe()
    os.close(read)
    with open(write, "wb") as pipe:
        done = subprocess.run(
            [sys.executable, "-m", "aevb", "info"],
            stdout=pipe,
            stderr=subprocess.PIPE,
            check=False,
            cwd=tmp_path,  # in a checkout, Python would import the sources
        )
    assert (done.returncode, done.stderr) == (1, b"")


def never(*args, **kwargs):
    raise AssertionError("worked first")


@pytest.mark.parametrize(
    ("argv", "work"),
    [
        (["fit", "digits", "--out=nowhere/m"], "aevb.cli.fit.read_table"),
        (["demo", "--out=nowhere/p.png"], "aevb.datasets.load_digits"),
        (["sample", "m", "--out=nowhere/s.npy"], "aevb.cli.sample.load_model"),
    ],
)
def test_a_folder_that_is_not_there_is_said_before_the_work(monkeypatch, capsys, argv, work):
    monkeypatch.setattr(work, never)
    assert cli.main(argv) == 1
    err = capsys.readouterr().err
    assert err == f"aevb: nowhere: no such folder to write {Path(argv[-1]).name} in\n"


@pytest.mark.parametrize("argv", [["--out=s.gif"], ["--out=s.npy", "--n-samples=-1"]])
def test_wrong_calls_are_said_before_the_work(monkeypatch, capsys, argv):
    monkeypatch.setattr(sample, "load_model", never)
    assert cli.main(["sample", "m", *argv]) == 2
    assert argv[-1].split("=")[1] in capsys.readouterr().err


def test_no_model_is_said_before_data_are_read(monkeypatch, capsys):
    monkeypatch.setattr(evaluate, "read_table_for", never)
    assert cli.main(["evaluate", "m", "digits"]) == 1
    assert capsys.readouterr().err == "aevb: m: no such model file\n"


def test_a_wrong_call_names_the_help_of_its_command(capsys):
    assert cli.main(["fit", "digits"]) == 2
    assert capsys.readouterr().err.endswith(" (see aevb fit --help)\n")


# ---------------------------------------------------------------------------------------- files
def test_rows_of_a_npy_stay_on_disk(tmp_path):
    X = np.arange(24, dtype=np.uint8).reshape(4, 3, 2)
    for array in (X, X.reshape(4, 6), X[:, 0, 0]):
        np.save(tmp_path / "rows.npy", array)
        read = files.read_table(str(tmp_path / "rows.npy")).X
        assert isinstance(read, np.memmap)
        assert not read.flags.writeable
        assert read.dtype == np.uint8
        np.testing.assert_array_equal(read, array.reshape(4, -1) if array.ndim > 2 else array)


@pytest.mark.parametrize("names", [["X"], ["only"], ["a", "X"], ["X", "a", "b"]])
def test_which_array_of_a_npz(tmp_path, names):
    X = np.arange(24.0).reshape(4, 2, 3)
    others = {name: np.zeros((5, 6)) for name in names}  # they are read in this order
    np.savez(tmp_path / "rows.npz", **others | {"X" if "X" in names else "only": X})
    np.testing.assert_array_equal(files.read_table(str(tmp_path / "rows.npz")).X, X.reshape(4, 6))


@pytest.mark.parametrize("name", ["rows.npy", "rows.npz", "rows.csv"])
def test_what_is_wrong_with_a_file_is_said_after_its_name(tmp_path, monkeypatch, capsys, name):
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(b"")
    assert cli.main(["fit", name, "--out=m"]) == 1
    assert capsys.readouterr().err.startswith(f"aevb: {name}: ")


@pytest.mark.parametrize("name", ["mnist:train", "mnist:", "MNIST", "frey:test", "X.NPY", "npy"])
def test_names_that_mean_nothing(monkeypatch, name):
    monkeypatch.setattr(datasets, "load_mnist", never)
    with pytest.raises(UsageError, match=f"DATA must be a .npy, .* or frey; got {name}$"):
        files.read_table(name)


# ----------------------------------------------------------------------------------------- info
def said(capsys):
    assert cli.main(["info"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line[13] == " " for line in lines)
    return {line[:13].strip(): line[14:] for line in lines}


def test_info_gives_the_versions(capsys):
    facts = said(capsys)
    for package in ("aevb", "numpy", "scipy", "scikit-learn"):
        assert facts[package] == version(package)
    assert facts["python"] == ".".join(map(str, sys.version_info[:3]))
    assert len(facts) == 8
    assert aevb.__version__ == version("aevb")
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"aevb {version('aevb')}\n"


def test_info_gives_the_blas_of_scipy(capsys, monkeypatch):
    folder = Path(scipy.__file__).parent.parent

    def pool(api, name, path):
        return {"user_api": api, "internal_api": name, "version": "1", "filepath": str(path)}

    pools = [
        pool("openmp", "a", folder / "scipy.libs" / "libgomp.so"),
        pool("blas", "b", folder / "numpy.libs" / "libscipy_openblas.so"),
        pool("blas", "c", folder / "scipy.libs" / "libscipy_openblas.so"),
    ]
    for found, blas in ((pools, "c 1"), (pools[::-1], "c 1"), (pools[:2], "b 1")):
        monkeypatch.setattr(threadpoolctl, "threadpool_info", lambda found=found: found)
        assert said(capsys)["SciPy's BLAS"] == blas
    monkeypatch.setattr(threadpoolctl, "threadpool_info", lambda: pools[:1])
    assert said(capsys)["SciPy's BLAS"] == "unknown to threadpoolctl"
