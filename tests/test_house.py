"""Rules that a reader cannot check at a glance: strata, flags, imports."""

import ast
import os
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import aevb
from aevb import _core

ROOT = Path(__file__).resolve().parent.parent
CSRC = ROOT / "csrc"
CODE = {".h", ".cc", ".cpp", ".hpp", ".c", ".inc", ".pyx", ".pxd"}
# Each folder may use itself and the folders in the sets before it. Folders in the same set do not
# use each other.
STRATA = [
    {"base"},
    {"parallel", "simd"},
    {"families"},
    {"kernels"},
    {"nn"},
    {"model"},
    {"engine"},
    {"inference", "mcmc"},
    {"posterior"},
    {"algorithms"},
    {"bind"},
    {"testing"},
]
INCLUDE = re.compile(r'^\s*(?:#\s*include|cdef\s+extern\s+from)\s*"([^"]+)"', re.MULTILINE)


def python(code, **environment):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        env={k: v for k, v in os.environ.items() if k != "AEVB_BACKEND"} | environment,
        cwd="/",
    )


# ----------------------------------------------------------------------------------------- strata
def room(path, csrc):
    parts = path.relative_to(csrc).parts
    return parts[0] if len(parts) > 1 else ""


def rank(name):
    return next(i for i, names in enumerate(STRATA) if name in names)


def arrows(csrc):
    """(file, included file) of all quoted includes. An include without a target is an error."""
    for path in sorted(p for p in csrc.rglob("*") if p.suffix in CODE):
        for name in INCLUDE.findall(path.read_text()):
            target = next((d / name for d in (path.parent, csrc) if (d / name).exists()), None)
            assert target is not None, f"{path}: {name} is not in csrc"
            yield path, target.resolve()


def runs_back(source, target, csrc):
    one, two = room(source, csrc), room(target, csrc)
    return one != two and rank(two) >= rank(one)


def test_no_arrow_runs_back():
    seen = list(arrows(CSRC))
    assert len(seen) > 30
    assert {room(path, CSRC) for path, _ in seen} >= {"kernels", "nn", "bind"}
    assert [f"{a} -> {b}" for a, b in seen if runs_back(a, b, CSRC)] == []


def test_an_arrow_that_runs_back_would_be_seen(tmp_path):
    for name in ("base", "kernels", "nn", "inference", "mcmc"):
        (tmp_path / name).mkdir()
    (tmp_path / "base" / "base.h").write_text("")
    (tmp_path / "nn" / "a.h").write_text('#include "base/base.h"\n#include "kernels/b.h"\n')
    (tmp_path / "kernels" / "b.h").write_text('  #  include "../nn/a.h"\n')
    (tmp_path / "inference" / "c.h").write_text('#include "mcmc/d.h"\n')
    (tmp_path / "mcmc" / "d.h").write_text("")
    back = [a.name for a, b in arrows(tmp_path) if runs_back(a, b, tmp_path.resolve())]
    assert back == ["c.h", "b.h"]


# ------------------------------------------------------------------------------ strata of Python
PACKAGE = ROOT / "aevb"
ROOMS_OF_PYTHON = [
    {"exceptions", "_version"},
    {"core"},
    {"data"},
    {"inference", "storage"},
    {"training"},
    {"estimators"},
    {"evaluation", "plots", "datasets"},
    {"distributed"},
    {"paper"},
    {"cli"},
    {"__init__", "__main__"},
]
COMPILED = {"_core", "_gather", "_blas"}


def modules(package):
    """{dotted name: path} of all of a package's modules."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(name, path, known):
    """Names of the modules that one imports anywhere: for types, and within functions, too.

    A name taken from a folder is the module of that name, or the folder's own.
    """
    package = name.split(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: has an import relative to its place"
            inside = [f"{node.module}.{alias.name}" for alias in node.names]
            compiled = {f"{package}.{c}" for c in COMPILED}
            targets = [i if i in known or i in compiled else str(node.module) for i in inside]
        else:
            continue
        yield from (t for t in targets if t.split(".")[0] == package)


def room_of_python(name):
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def rank_of_python(name):
    return next(i for i, names in enumerate(ROOMS_OF_PYTHON) if room_of_python(name) in names)


def wrong_imports(package):
    """Imports that do not run left, users of the compiled modules outside core, and circles."""
    known = modules(package)
    arrows = {name: sorted(set(imports(name, path, known))) for name, path in known.items()}
    wrong = []
    for one, targets in arrows.items():
        for two in targets:
            if room_of_python(two) in COMPILED:
                wrong += [f"{one} -> {two}"] if room_of_python(one) != "core" else []
            elif room_of_python(one) != room_of_python(two):
                wrong += [f"{one} -> {two}"] if rank_of_python(one) <= rank_of_python(two) else []
    graph = {one: {t for t in targets if t in known} - {one} for one, targets in arrows.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        wrong.append("circle: " + " -> ".join(error.args[1]))
    return wrong


def test_imports_run_left_and_never_in_a_circle():
    found = modules(PACKAGE)
    assert len(found) > 40
    assert {room_of_python(name) for name in found} == set().union(*ROOMS_OF_PYTHON)
    assert wrong_imports(PACKAGE) == []


def test_an_import_that_runs_right_or_in_a_circle_would_be_seen(tmp_path):
    sources = {
        "__init__": "from aevb.data.a import f\n",
        "core/engine": "from aevb import _core\n\n\ndef f():\n    import aevb.data.a\n",
        "data/a": "from aevb.core import engine\nfrom aevb.data import b\n",
        "data/b": (
            "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from aevb.data.a import f\n"
        ),
        "inference/c": "from aevb.storage.d import g\nfrom aevb._core import Rows\n",
        "storage/d": "import numpy\nfrom aevb.data.b import f\n",
        "training/e": "from aevb import _blas\n",
    }
    for name, source in sources.items():
        path = tmp_path / "aevb" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    *arrows, circle = wrong_imports(tmp_path / "aevb")
    assert sorted(arrows) == [
        "aevb.core.engine -> aevb.data.a",
        "aevb.inference.c -> aevb._core",
        "aevb.inference.c -> aevb.storage.d",
        "aevb.training.e -> aevb._blas",
    ]
    assert circle.startswith("circle: ")
    (tmp_path / "aevb" / "data" / "b.py").write_text("")
    (tmp_path / "aevb" / "core" / "engine.py").write_text("")
    assert not any("circle" in wrong for wrong in wrong_imports(tmp_path / "aevb"))


def sources():
    """(path, its text without comments) of all C++ and Cython files."""
    for path in sorted(p for p in CSRC.rglob("*") if p.suffix in CODE):
        text = re.sub(r"/\*.*?\*/", " ", path.read_text(), flags=re.DOTALL)
        yield path.relative_to(CSRC), re.sub(r"//[^\n]*", " ", text)


# base/ may read and set the floating-point environment, and parallel/ may pause while it spins. The
# pattern therefore leaves out getcsr, setcsr and pause.
ROOMS = {
    "OpenMP": (r"#\s*pragma\s+omp|_Pragma\(\s*\"omp|\bomp_\w+|omp\.h", r"parallel/.*"),
    "Python": (r"pybind11|Python\.h|\bPy[A-Z]\w+_\w+|numpy/", r"(bind|testing)/.*"),
    "vector types": (r"immintrin\.h|\b__m(128|256|512)", r"simd/.*"),
    "intrinsics": (r"\b_mm\d*_(?!getcsr|setcsr|pause)\w+", r"simd/.*"),
    # dispatch.cc runs once, at import, and is no kernel
    "exceptions": (r"\bthrow\b", r"kernels/dispatch\.cc|(?!kernels/|simd/).*"),
}
NOWHERE = {
    "control of the processor": (
        r"\b_mm_(getcsr|setcsr|pause)",
        r"(base|parallel|simd|kernels)/.*",
    ),
    "threads of their own": (r"std::(j?thread|async)\b(?!::id)|pthread_create", r"parallel/.*"),
    # Their sizes depend on the platform, so code uses kind and bytes instead.
    "NumPy's type characters": (r"\bchar_\(\)|\.dtype\(\)\.num\(|dtype\.char\b", r"(?!)"),
    "fast math": (r"fast-math|__attribute__\(\(optimize|GCC\s+optimize", r"(?!)"),
}


def rooms_with(pattern):
    return [path.as_posix() for path, text in sources() if re.search(pattern, text)]


@pytest.mark.parametrize("what", [*ROOMS, *NOWHERE])
def test_everything_is_in_its_room(what):
    pattern, allowed = (ROOMS | NOWHERE)[what]
    found = rooms_with(pattern)
    assert [path for path in found if not re.fullmatch(allowed, path)] == []
    assert found or what in NOWHERE  # a pattern without a match would prove nothing


def test_no_build_file_asks_for_fast_math_or_this_machine():
    files = [ROOT / "pyproject.toml", *ROOT.rglob("CMakeLists.txt"), *ROOT.rglob("*.cmake")]
    build = {"build", "_skbuild", ".venv"}
    files = [file for file in files if not build & set(file.relative_to(ROOT).parts)]
    assert ROOT / "CMakeLists.txt" in files
    forbidden = "fast-math|Ofast|unsafe-math|finite-math|associative-math|reciprocal-math"
    for file in files:
        text = re.sub(r"#[^\n]*", "", file.read_text())
        assert not re.search(rf"{forbidden}|march=native|mtune=native", text), file


def test_files_are_short():
    files = [f for d in ("csrc", "aevb", "tests") for f in (ROOT / d).rglob("*")]
    files = [f for f in files if f.suffix in CODE | {".py", ".pyi"}]
    long = {f.name: n for f in files if (n := f.read_text().count("\n")) > 500}
    assert len(files) > 30
    assert long == {}


def python_functions(text):
    """(name, lines without its docstring) of every function."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            n = node.end_lineno - node.lineno + 1
            if ast.get_docstring(node) is not None:
                n -= node.body[0].end_lineno - node.body[0].lineno + 1
            yield node.name, n


def cpp_functions(text):
    """(first line, number of lines) of every function, as clang-format lays them out."""
    begins = None
    for number, line in enumerate(text.splitlines()):
        opens = re.fullmatch(r"( {0,2})[^\s/#}].*\{", line)
        if opens and not re.match(r"\s*(namespace|struct|class|enum|extern)\b", line):
            begins = (number, opens[1] + "}", line.strip())
        elif begins and (line == begins[1] or line.startswith(begins[1] + ";")):
            yield begins[2], number - begins[0] + 1
            begins = None


def test_functions_are_short():
    found = [
        (f"{f.name}: {name}", n)
        for f in (ROOT / "aevb").rglob("*.py")
        for name, n in python_functions(f.read_text())
    ]
    found += [
        (f"{f.name}: {name}", n)
        for f in CSRC.rglob("*")
        if f.suffix in {".h", ".cc"}
        for name, n in cpp_functions(f.read_text())
    ]
    assert len(found) > 500
    # a constructor lists the parameters of an estimator
    assert [(name, n) for name, n in found if n > (90 if "__init__" in name else 60)] == []


def test_a_long_function_would_be_seen():
    body = "    x = 1\n" * 60
    assert list(python_functions(f'def f():\n    """Do."""\n{body}')) == [("f", 61)]
    body = "  x = 1;\n" * 60
    assert list(cpp_functions(f"void f(int a) {{\n{body}}}\n")) == [("void f(int a) {", 62)]


# ---------------------------------------------------------------------- the process we live in
SUBNORMALS = """
import threading
import numpy as np

def alive():
    small = np.full(64, 1e-40, np.float32)
    tiny = np.full(64, 1e-310)
    assert (small * np.float32(0.5) > 0).all() and (tiny * 0.5 > 0).all(), "results are flushed"
    assert (small * np.float32(1e30) > 0).all() and (tiny * 1e300 > 0).all(), "inputs are zeros"
    assert float("5e-324") > 0 and np.finfo(np.float32).smallest_subnormal > 0

def everywhere():
    failed = []
    def guarded():
        try:
            alive()
        except BaseException as error:
            failed.append(error)
    thread = threading.Thread(target=guarded)
    thread.start()
    thread.join()
    assert not failed, failed
    alive()

everywhere()
import aevb
everywhere()
"""
AFTER = {
    "fit": "aevb.AEVB.published(2, n_epochs=1).fit(X).transform(X)\n",
    "divergence": (
        "try:\n    aevb.AEVB.published(2, optimizer='sgd', learning_rate=1e6).fit(X)\n"
        "except aevb.DivergenceError:\n    print('diverged')\n"
    ),
    "callbacks": (
        "stop = lambda trainer: (everywhere(), True)[1]\n"
        "aevb.Trainer(aevb.AEVB.published(2), X, callbacks=[stop]).run(10**9)\n"
    ),
}


@pytest.mark.parametrize("after", AFTER)
def test_subnormals_stay_alive(after):
    X = "X = np.random.default_rng(0).random((300, 20), dtype=np.float32)\n"
    run = python(SUBNORMALS + X + AFTER[after] + "everywhere()\nprint('alive')\n")
    assert run.stdout.split() == (["diverged"] if after == "divergence" else []) + ["alive"], (
        run.stderr
    )


def test_the_check_for_subnormals_can_fail():
    flushing = (
        "numpy = np\nclass np:\n    float32, full = numpy.float32, lambda *_: numpy.zeros(9)\n"
    )
    run = python(SUBNORMALS + flushing + "everywhere()")
    assert run.returncode == 1
    assert "results are flushed" in run.stderr


def test_an_unknown_instruction_set_is_named_at_import():
    run = python("import aevb", AEVB_BACKEND="nonsense")
    assert run.returncode == 1, "an exception, not a crash"
    last = run.stderr.strip().splitlines()[-1]
    assert "AEVB_BACKEND" in last
    assert "nonsense" in last
    assert "portable" in last


def test_an_unknown_instruction_set_is_named_in_process():
    before = _core.backend()
    with pytest.raises(ValueError, match="nonsense"):
        _core.use_backend("nonsense")
    assert _core.backend() == before


@pytest.mark.parametrize("name", _core.backend_names())
def test_each_instruction_set_can_be_forced(name):
    code = (
        "import numpy as np, aevb\n"
        "X = np.random.default_rng(0).random((40, 9), dtype=np.float32)\n"
        "assert np.isfinite(aevb.AEVB.published(2, n_epochs=1, random_state=0).fit(X).score(X))\n"
        "print(aevb._core.backend())"
    )
    run = python(code, AEVB_BACKEND=name)
    assert run.stdout.strip() == name, run.stderr


def test_the_best_instruction_set_is_the_default():
    names = _core.backend_names()
    assert {"portable", "portable+blas"} <= set(names)
    assert len(set(names)) == len(names)
    vector = [name for name in names if name.startswith("avx")]
    run = python("import aevb; print(aevb._core.backend())")
    assert run.stdout.strip() in (vector or names), run.stderr
    assert _core.max_threads() >= 1


def test_import_is_quiet_and_light():
    run = python(
        "import sys, aevb\n"
        "late = 'dask', 'matplotlib', 'mpi4py', 'pytest'\n"
        "print([name for name in late if name in sys.modules])"
    )
    assert (run.returncode, run.stdout.strip(), run.stderr) == (0, "[]", "")


def test_public_names():
    wanted = {"AEVB", "Trainer", "Evaluator", "Estimate", "DivergenceError", "datasets", "plots"}
    wanted |= {"catalogue", "DaskAEVB"}
    assert wanted <= set(aevb.__all__)
    assert all(hasattr(aevb, name) for name in wanted)
    assert issubclass(aevb.DivergenceError, ArithmeticError)
    with pytest.raises(AttributeError, match="nonsense"):
        _ = aevb.nonsense
    package = Path(aevb.__file__).parent
    assert (package / "py.typed").exists()
    assert (package / "_core.pyi").exists()
