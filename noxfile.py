"""Sessions for a person to start: `nox -s asan`, `tsan`, `fuzz -- 100000`, `mutants`."""

import os
import subprocess
from pathlib import Path

import nox

nox.options.sessions = ["asan", "tsan"]

COMPILER = os.environ.get("CXX", "g++")  # GCC
BUILD_TOOLS = ["scikit-build-core", "pybind11", "cython", "scipy", "cmake", "ninja"]
TESTS = Path("tests").resolve()
# Python is not built with a sanitizer, so its runtime has to be there before anything else; and
# libstdc++, in which it looks for what throws.
ASAN_LIBRARIES = ("libasan.so", "libstdc++.so")
TSAN_LIBRARIES = ("libtsan.so",)
ASAN_OPTIONS = {
    # Python keeps much until the end of the process, which is no leak of ours
    "detect_leaks": 0,
    # more than its limit for one allocation is a MemoryError, as tests expect it
    "allocator_may_return_null": 1,
    "detect_stack_use_after_return": 1,
    "strict_init_order": 1,
}
# Where memory runs out before that limit, AddressSanitizer ends the process instead of throwing; a
# forked child waits for ever for its allocator if another thread was in that.
ASAN_CANNOT = [
    "tests/test_full_disk.py::test_memory_that_there_is_not",
    "tests/test_concurrency.py::test_a_fork_while_other_threads_work",
]
TSAN_OPTIONS = {
    # tests fork from processes with threads
    "die_after_fork": 0,
    "exitcode": 66,
}
# Tests that have many threads in the core at a time.
THREADED = [
    "test_work_stealing.py",
    "test_threads.py",
    "test_shared_model.py",
    "test_interrupts.py",
    "test_checkpoint.py",
    "test_mcem.py",
    "test_hmc.py",
    "test_joint_steps.py",
    "test_annealing.py",
    "test_log_likelihood.py",
    "test_posterior.py",
    "test_trainer.py",
    "test_wake_sleep.py",
    "test_sparsity.py",
]


def install(session: nox.Session, preset: str, *packages: str) -> None:
    """Install the package as the preset of CMakePresets.json has it."""
    session.install(*BUILD_TOOLS, *packages)
    session.install(
        "--no-build-isolation",
        f"--config-settings=cmake.args=--preset={preset}",
        # what scikit-build-core would set otherwise stands above the preset
        "--config-settings=cmake.build-type=RelWithDebInfo",
        "--config-settings=install.strip=false",
        f"--config-settings=build-dir=build/{preset}",
        ".[test]",
    )


def environment(libraries: tuple[str, ...], **options: dict[str, object]) -> dict[str, str]:
    """Return what a Python needs that is to load a core with a sanitizer."""
    paths = [
        subprocess.check_output([COMPILER, f"-print-file-name={name}"], text=True).strip()
        for name in libraries
    ]
    return {
        "LD_PRELOAD": " ".join(paths),
        **{name: ":".join(f"{k}={v}" for k, v in o.items()) for name, o in options.items()},
    }


@nox.session
def asan(session: nox.Session) -> None:
    """Run all tests under AddressSanitizer and UndefinedBehaviourSanitizer."""
    install(session, "asan")
    env = environment(
        ASAN_LIBRARIES, ASAN_OPTIONS=ASAN_OPTIONS, UBSAN_OPTIONS={"print_stacktrace": 1}
    )
    session.chdir("tests")  # where the sources do not hide the installed package
    skipped = [f"--deselect={test}" for test in ASAN_CANNOT]
    session.run("pytest", *skipped, *session.posargs, env=env)


@nox.session
def tsan(session: nox.Session) -> None:
    """Run the tests with threads under ThreadSanitizer."""
    install(session, "tsan")
    env = environment(TSAN_LIBRARIES, TSAN_OPTIONS=TSAN_OPTIONS)
    env["OPENBLAS_NUM_THREADS"] = "1"  # NumPy's has locks that are not seen, and seems to race
    _check_that_races_are_seen(session)
    session.chdir("tests")
    session.run("pytest", *(session.posargs or THREADED), env=env)


def _check_that_races_are_seen(session: nox.Session) -> None:
    race = Path(session.create_tmp()) / "race"
    flags = ["-std=c++20", "-O1", "-g", "-fsanitize=thread", "-fopenmp", "-Icsrc"]
    session.run(COMPILER, *flags, str(TESTS / "race.cc"), "-o", str(race), external=True)
    session.run(str(race), "barrier", external=True)
    options = {"TSAN_OPTIONS": f"exitcode={TSAN_OPTIONS['exitcode']}"}
    codes = [TSAN_OPTIONS["exitcode"]]
    session.run(str(race), external=True, silent=True, success_codes=codes, env=options)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Fuzz the loader under AddressSanitizer: `nox -s fuzz -- EXECUTIONS [libFuzzer's options]`."""
    install(session, "asan", "atheris")
    n, *extra = session.posargs or ["100000"]
    # libFuzzer before AddressSanitizer, which has its functions too, but empty ones; and atheris's
    # mutator before libFuzzer, which looks for one when it is loaded
    folder = session.run(
        "python", "-c", "import sysconfig; print(sysconfig.get_path('platlib'))", silent=True
    )
    site = Path(str(folder).strip())
    first = [next(site.glob("atheris/custom_mutator.*.so")), site / "ubsan_with_fuzzer.so"]
    # without allocator_may_return_null: a file that has us ask for so much is a finding
    options = {"detect_leaks": 0, "verify_asan_link_order": 0, "symbolize": 0}
    env = environment(ASAN_LIBRARIES, ASAN_OPTIONS=options)
    env["LD_PRELOAD"] = " ".join([*map(str, first), env["LD_PRELOAD"]])
    session.chdir("tests/fuzz")
    session.run("python", "fuzz_load.py", f"-runs={n}", "-print_final_stats=1", *extra, env=env)


@nox.session
def mutants(session: nox.Session) -> None:
    """Plant the mutants of tests/mutants: `nox -s mutants [-- --only WORDS ... --jobs 2]`."""
    project = nox.project.load_toml("pyproject.toml")["project"]
    session.install(
        *BUILD_TOOLS, *project["dependencies"], *project["optional-dependencies"]["test"]
    )
    session.run("python", "tests/mutants/run.py", *session.posargs)
