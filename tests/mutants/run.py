"""Plant each mutant in a copy of the sources and see whether its tests notice.

    python tests/mutants/run.py [--only WORDS ...] [--jobs 2]

It prints a line for each mutant, then the number of survivors, and ends with 1 if there is one. It
needs the tools of the build in the environment; `nox -s mutants` brings them. All C++ mutants are
compiled at once, each behind a switch; those that cannot be are compiled one by one at the end.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import Queue

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from mutants import MUTANTS  # noqa: E402
from mutants.mutant import Mutant  # noqa: E402

COMPILED = {".cc", ".h"}
SWITCH = """// Which mutant is in force: the environment's AEVB_MUTANT; 0 is none.
#pragma once
#include <cstdlib>
[[maybe_unused]] static const int aevb_mutant =
    std::getenv("AEVB_MUTANT") != nullptr ? std::atoi(std::getenv("AEVB_MUTANT")) : 0;
"""
SECONDS = 300  # a test that takes longer hangs: that counts as noticing


def is_switched(mutant: Mutant) -> bool:
    """Whether a mutant may be compiled beside the right code."""
    return Path(mutant.file).suffix in COMPILED and not mutant.own_build


def is_compiled(mutant: Mutant) -> bool:
    """Whether a mutant is in the core."""
    return mutant.file.startswith("csrc/")


def span(mutant: Mutant, source: str) -> tuple[int, int]:
    """Where the mutant's text stands in its file; ValueError if that is not one place."""
    n_found = source.count(mutant.text)
    if n_found != 1:
        raise ValueError(f"{mutant.file}: has {n_found} times the text of {mutant.what!r}, want 1")
    begin = source.index(mutant.text)
    return begin, begin + len(mutant.text)


def switched(mutant: Mutant, number: int) -> str:
    """Return C++ that is the mutant where `aevb_mutant` is its number, else the right code."""
    if mutant.text.rstrip().endswith((";", "}")):
        choice = f"if (aevb_mutant == {number}) {{ {mutant.replacement} }} else {{ {mutant.text} }}"
        return f"{{ {choice} }}"  # it may be all of an outer if
    return f"(aevb_mutant == {number} ? ({mutant.replacement}) : ({mutant.text}))"


def batches(mutants: Iterable[tuple[int, Mutant]], root: Path) -> list[list[tuple[int, Mutant]]]:
    """Share switched mutants among builds, so that no two of a build overlap."""
    builds: list[list[tuple[int, Mutant]]] = []
    for number, mutant in mutants:
        begin, end = span(mutant, (root / mutant.file).read_text())
        for build in builds:
            others = [m for _, m in build if m.file == mutant.file]
            spans = [span(m, (root / m.file).read_text()) for m in others]
            if all(end <= b or e <= begin for b, e in spans):
                build.append((number, mutant))
                break
        else:
            builds.append([(number, mutant)])
    return builds


@contextmanager
def changed(root: Path, changes: Iterable[tuple[Mutant, str]]) -> Iterator[None]:
    """Put other texts in the place of the mutants', and the files back afterwards."""
    before: dict[Path, str] = {}
    edits: dict[Path, list[tuple[int, int, str]]] = {}
    for mutant, text in changes:
        path = root / mutant.file
        source = before.setdefault(path, path.read_text())
        edits.setdefault(path, []).append((*span(mutant, source), text))
    for path, spans in edits.items():
        source = before[path]
        for begin, end, text in sorted(spans, reverse=True):
            source = source[:begin] + text + source[end:]
        path.write_text(source)
    try:
        yield
    finally:
        for path, source in before.items():
            path.write_text(source)


def install(root: Path, folder: Path, site: Path) -> None:
    """Build the package of a source tree and put it into a folder of its own."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-build-isolation"]
    command += ["--no-deps", "--upgrade", "--target", str(site), str(root)]
    command += [f"--config-settings=build-dir={folder / 'build'}"]
    command += ["--config-settings=cmake.define.AEVB_TESTING=ON"]
    command += [f"--config-settings=cmake.define.CMAKE_CXX_FLAGS=-include {folder / 'switch.h'}"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    # An editable install would come first, and every mutant would seem to survive.
    where = "import aevb, pathlib; print(pathlib.Path(aevb.__file__).parent.parent)"
    found = subprocess.check_output(
        [sys.executable, "-c", where], cwd=folder, env=os.environ | {"PYTHONPATH": str(site)}
    )
    if Path(found.decode().strip()) != site:
        raise SystemExit(f"aevb was imported from {found.decode().strip()}, not from {site}")


def pytest(
    tests: Iterable[str], root: Path, site: Path, number: int, seconds: float | None
) -> subprocess.CompletedProcess[str]:
    """Run tests with an installed package and, in the core, the mutant of this number."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests],
        cwd=root / "tests",
        env=os.environ
        | {"PYTHONPATH": str(site), "AEVB_MUTANT": str(number), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=seconds,
    )


def notices(test: str, root: Path, site: Path, number: int) -> str:
    """Run one test: "" if it passes, else how it noticed; ValueError if it did not run."""
    try:
        run = pytest([test], root, site, number, SECONDS)
    except subprocess.TimeoutExpired:
        return "hangs"
    if run.returncode < 0:
        return "crashes"
    if run.returncode > 2:  # 2: what cannot even be imported
        raise ValueError(f"{test}: pytest ended with {run.returncode}\n{run.stdout}{run.stderr}")
    return "fails" if run.returncode else ""


class Report:
    """Counts and prints what became of the mutants."""

    def __init__(self) -> None:
        self.n_caught = 0
        self.survivors: list[Mutant] = []

    def add(self, mutant: Mutant, answers: dict[str, str]) -> None:
        """Note what each of a mutant's tests did."""
        blind = [test for test, how in answers.items() if not how]
        self.n_caught += not blind
        if blind:
            self.survivors.append(mutant)
        print(f"{'SURVIVED' if blind else 'caught':8} {mutant.file}: {mutant.what}")
        for test in blind:
            print(f"         not noticed by {test}")
        sys.stdout.flush()


def judge(mutant: Mutant, root: Path, site: Path, number: int, report: Report) -> None:
    """Run a mutant's tests where it is planted."""
    report.add(mutant, {test: notices(test, root, site, number) for test in mutant.tests})


def run(mutants: list[Mutant], folder: Path, jobs: int) -> Report:
    """Plant every mutant and return what the tests said."""
    root, report = folder / "tree", Report()
    files = subprocess.check_output(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, text=True
    )
    for name in filter(lambda name: (ROOT / name).is_file(), files.splitlines()):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    (folder / "switch.h").write_text(SWITCH)

    sites: Queue[Path] = Queue()
    for i in range(jobs):
        sites.put(folder / f"site{i}")

    def install_all(*changes: tuple[Mutant, str]) -> None:
        with changed(root, changes):
            install(root, folder, folder / "site0")
        for i in range(1, jobs):
            shutil.rmtree(folder / f"site{i}", ignore_errors=True)
            shutil.copytree(folder / "site0", folder / f"site{i}")

    @contextmanager
    def a_site() -> Iterator[Path]:
        site = sites.get()
        try:
            yield site
        finally:
            sites.put(site)

    def planted(item: tuple[int, Mutant]) -> None:
        number, mutant = item
        with a_site() as site:
            if is_compiled(mutant):
                judge(mutant, root, site, number, report)
                return
            with changed(site, [(mutant, mutant.replacement)]):
                judge(mutant, root, site, 0, report)

    numbered = list(enumerate(mutants, start=1))
    builds = batches(((i, m) for i, m in numbered if is_switched(m)), root) or [[]]
    with ThreadPoolExecutor(jobs) as pool:
        for k, build in enumerate(builds):
            print(f"-- build {k + 1} of {len(builds)}: {len(build)} mutants in C++", flush=True)
            install_all(*((m, switched(m, i)) for i, m in build))
            if k == 0:
                print("-- the tests without any mutant", flush=True)
                tests = {test: None for mutant in mutants for test in mutant.tests}
                right = pytest(tests, root, folder / "site0", 0, None)
                if right.returncode != 0:
                    raise SystemExit(f"a test fails without any mutant\n{right.stdout}")
                print("-- mutants in Python", flush=True)
                list(pool.map(planted, (item for item in numbered if not is_compiled(item[1]))))
            list(pool.map(planted, build))
    for number, mutant in numbered:
        if is_compiled(mutant) and not is_switched(mutant):
            install_all((mutant, mutant.replacement))
            judge(mutant, root, folder / "site0", number, report)
    return report


def main() -> None:
    """Run the mutants that the command line chooses."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--only", nargs="+", default=[""], help="those with one of these in file or description"
    )
    parser.add_argument("--jobs", type=int, default=2, help="tests at a time (default: 2)")
    args = parser.parse_args()
    mutants = [m for m in MUTANTS if any(word in f"{m.file} {m.what}" for word in args.only)]
    with tempfile.TemporaryDirectory() as folder:
        report = run(mutants, Path(folder), args.jobs)
    print(f"{len(mutants)} mutants: {report.n_caught} caught, {len(report.survivors)} survived")
    if report.survivors:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
