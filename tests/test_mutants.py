"""The list of mutants is valid: their texts are in the sources, and their tests exist."""

import ast
from pathlib import Path

import pytest
from mutants import MUTANTS, run
from mutants.mutant import Mutant

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
LEFT_OUT = {"csrc/testing", "csrc/families"}  # that only tests use; that only declares


def functions(path):
    tree = ast.parse(path.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_text_stands_once_in_its_file():
    sources = {m.file: (ROOT / m.file).read_text() for m in MUTANTS}
    for mutant in MUTANTS:
        begin, end = run.span(mutant, sources[mutant.file])
        assert sources[mutant.file][begin:end] == mutant.text != mutant.replacement


def test_mutants_in_python_are_python():
    for mutant in (m for m in MUTANTS if m.file.endswith(".py")):
        ast.parse((ROOT / mutant.file).read_text().replace(mutant.text, mutant.replacement))


def test_their_tests_exist():
    names = {path.name: functions(path) for path in TESTS.glob("test_*.py")}
    for mutant in MUTANTS:
        assert mutant.tests, mutant.what
        for test in mutant.tests:
            file, name = test.split("[")[0].split("::")
            assert name in names[file], test


def test_there_are_enough_in_every_folder():
    folders = {path.parent for path in (ROOT / "csrc").rglob("*.[hc]*")}
    folders |= {path.parent for path in (ROOT / "aevb").rglob("*.py")}
    folders = {folder.relative_to(ROOT).as_posix() for folder in folders} - LEFT_OUT
    assert len(folders) > 8
    assert {Path(mutant.file).parent.as_posix() for mutant in MUTANTS} >= folders
    assert len(MUTANTS) >= 60
    assert len(set(MUTANTS)) == len(MUTANTS)


def test_a_text_that_has_moved_would_be_seen(tmp_path):
    mutant = Mutant("other", "a.cc", "x + 1", "x", ("test_mutants.py::test_their_tests_exist",))
    for source, n in (("y = x + 2;", 0), ("y = x + 1; z = x + 1;", 2)):
        with pytest.raises(ValueError, match=rf"a\.cc: has {n} times the text of 'other'"):
            run.span(mutant, source)


def test_switches_and_builds(tmp_path):
    """Two mutants that overlap are in different builds. Files are restored afterwards."""
    (tmp_path / "a.cc").write_text("int f(int x) { if (x > 0) return x + 1; return 0; }")
    texts = [("return x + 1;", "return x;"), ("x + 1", "x - 1"), ("x > 0", "x >= 0")]
    mutants = [Mutant("", "a.cc", text, other, ()) for text, other in texts]
    builds = run.batches(enumerate(mutants, start=1), tmp_path)
    assert [[number for number, _ in build] for build in builds] == [[1, 3], [2]]
    before = (tmp_path / "a.cc").read_text()
    with run.changed(tmp_path, [(m, run.switched(m, i)) for i, m in builds[0]]):
        assert (tmp_path / "a.cc").read_text() == (
            "int f(int x) { if ((aevb_mutant == 3 ? (x >= 0) : (x > 0))) "
            "{ if (aevb_mutant == 1) { return x; } else { return x + 1; } } return 0; }"
        )
    assert (tmp_path / "a.cc").read_text() == before
