"""Paths that cannot be written to: the old file stays, no other is left, and the model stays."""

import errno
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import kill
import numpy as np
import pytest
from safetensors import SafetensorError

from aevb import AEVB, Trainer
from aevb.storage import atomic

X = np.random.default_rng(0).random((40, 6), dtype=np.float32)
SMALL = {"n_components": 2, "hidden_layer_sizes": (5,), "n_epochs": 1, "random_state": 0}


def failing(code):
    def fail(*args, **kwargs):
        raise OSError(code, os.strerror(code))

    return fail


def half_written(arrays, path, metadata):
    path.write_bytes(b"half a file")
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


# Where writing a file can fail: (module, name, replacement).
FAILURES = {
    "no such permission": (os, "open", failing(errno.EACCES)),
    "a read-only file system": (os, "open", failing(errno.EROFS)),
    "full at the first byte": (atomic, "save_file", failing(errno.ENOSPC)),
    "full half-way": (atomic, "save_file", half_written),
    "full when it is synced": (os, "fsync", failing(errno.ENOSPC)),
    "an error of the device": (os, "fsync", failing(errno.EIO)),
    "no renaming": (os, "replace", failing(errno.EACCES)),
    "over quota": (atomic, "save_file", failing(errno.EDQUOT)),
}
failures = pytest.mark.parametrize("failure", FAILURES)


@failures
def test_saving(failure, tmp_path, monkeypatch):
    path = tmp_path / "model.safetensors"
    model = AEVB.published(**SMALL).fit(X)
    model.save(path)
    before = path.read_bytes()
    model.partial_fit(X)
    answer = model.transform(X).tobytes()
    with monkeypatch.context() as patch:
        patch.setattr(*FAILURES[failure])
        with pytest.raises(OSError, match=r"\[Errno"):
            model.save(path)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == before
    assert model.transform(X).tobytes() == answer
    model.save(path)  # as soon as there is space again
    assert AEVB.load(path).transform(X).tobytes() == answer


@failures
def test_checkpoints(failure, tmp_path, monkeypatch):
    path = tmp_path / "run.safetensors"
    trainer = Trainer(AEVB.published(**SMALL), X, checkpoint=path, checkpoint_every=40).run(80)
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(*FAILURES[failure])
        with pytest.raises(OSError, match=r"\[Errno"):
            trainer.run(200)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == before
    assert trainer.model.n_samples_seen_ == 120  # it stands where the checkpoint failed
    whole = kill.state_of(Trainer(AEVB.published(**SMALL), X).run(200))
    assert kill.state_of(Trainer.resume(path, X).run(200)) == whole
    assert kill.state_of(trainer.run(200)) == whole


def test_a_disk_that_is_really_full(tmp_path):
    """The kernel itself refuses to let the file grow, because file size is limited."""
    code = f"""
import resource, signal
from pathlib import Path
import numpy as np
from aevb import AEVB

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
X = np.random.default_rng(0).random((40, 6), dtype=np.float32)
model = AEVB.published(**{SMALL!r}).fit(X)
model.save("m")
before = Path("m").read_bytes()
resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, resource.RLIM_INFINITY))
try:
    model.save("m")
except OSError as error:
    print(type(error).__name__, error.errno)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert Path("m").read_bytes() == before
"""
    command = [sys.executable, "-W", "error", "-c", code]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert (run.returncode, run.stdout) == (0, f"OSError {errno.EFBIG}\n"), run.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["m"]


@pytest.mark.parametrize("place", ["below a file", "nowhere", "a folder"])
def test_places_that_are_none(place, tmp_path):
    (tmp_path / "file").write_bytes(b"something")
    (tmp_path / "folder").mkdir()
    places = {"below a file": "file/m", "nowhere": "nowhere/m", "a folder": "folder"}
    model = AEVB.published(**SMALL).fit(X)
    answer = model.transform(X).tobytes()
    with pytest.raises(OSError, match=r"\[Errno"):
        model.save(tmp_path / places[place])
    with pytest.raises(OSError, match=r"\[Errno"):
        Trainer(AEVB.published(**SMALL), X, checkpoint=tmp_path / places[place]).run(80)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["file", "folder"]
    assert (tmp_path / "file").read_bytes() == b"something"
    assert list((tmp_path / "folder").iterdir()) == []
    assert model.transform(X).tobytes() == answer


def test_a_file_has_the_permissions_of_any_new_file(tmp_path):
    before = os.umask(0o027)
    try:
        AEVB.published(**SMALL).fit(X).save(tmp_path / "m")
    finally:
        os.umask(before)
    assert (tmp_path / "m").stat().st_mode & 0o777 == 0o640


@pytest.fixture(name="calls")
def spied(monkeypatch):
    """The operations on files, in order: (operation, file names)."""
    calls, opened = [], {}

    def spy(place, name, note):
        real = getattr(place, name)

        def call(*args, **kwargs):
            result = real(*args, **kwargs)
            calls.append((name, note(result, *args)))
            return result

        monkeypatch.setattr(place, name, call)

    def open_(descriptor, path, *_):
        opened[descriptor] = Path(path)
        return Path(path)

    spy(os, "open", open_)
    spy(os, "close", lambda _, descriptor: opened[descriptor])
    spy(os, "fsync", lambda _, descriptor: opened[descriptor])
    spy(os, "replace", lambda _, source, target: (Path(source), Path(target)))
    spy(atomic, "save_file", lambda _, arrays, path: Path(path))
    return calls


@pytest.mark.parametrize("what", ["model", "checkpoint"])
def test_a_file_is_on_disk_before_it_has_its_name_and_then_the_name_is(what, tmp_path, calls):
    path = tmp_path / "m"
    if what == "model":
        AEVB.published(**SMALL).fit(X).save(path)
    else:
        Trainer(AEVB.published(**SMALL), X, checkpoint=path).save_checkpoint()
    temporary = calls[0][1]
    assert temporary.parent == tmp_path  # another folder may be on another file system
    assert temporary.name.startswith("m.")
    assert temporary.name.endswith(".part")
    order = [call for call in calls if call[0] in ("save_file", "fsync", "replace")]
    assert order == [
        ("save_file", temporary),
        ("fsync", temporary),
        ("replace", (temporary, path)),
        ("fsync", tmp_path),
    ]
    assert sum(name == "open" for name, _ in calls) == sum(name == "close" for name, _ in calls)


def test_two_writers_have_files_of_their_own(tmp_path, calls):
    model = AEVB.published(**SMALL).fit(X)
    for _ in range(2):
        model.save(tmp_path / "m")
    assert len({target for name, target in calls if name == "save_file"}) == 2


@pytest.mark.parametrize("place", ["save_file", "fsync", "replace"])
def test_ctrl_c_while_a_file_is_written_leaves_what_was_there(place, tmp_path, monkeypatch):
    path = tmp_path / "m"
    path.write_bytes(b"before")
    model = AEVB.published(**SMALL).fit(X)

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(atomic if place == "save_file" else os, place, interrupt)
    with pytest.raises(KeyboardInterrupt):
        model.save(path)
    assert path.read_bytes() == b"before"
    assert [file.name for file in tmp_path.iterdir()] == ["m"]


@pytest.mark.parametrize(
    ("said", "code"), [("I/O error: full (os error 28)", errno.ENOSPC), ("nobody knows", errno.EIO)]
)
def test_the_writers_own_errors_are_the_systems(said, code, tmp_path, monkeypatch):
    model = AEVB.published(**SMALL).fit(X)

    def fail(*args, **kwargs):
        raise SafetensorError(said)

    monkeypatch.setattr(atomic, "save_file", fail)
    with pytest.raises(OSError, match=re.escape(said)) as caught:
        model.save(tmp_path / "m")
    assert (caught.value.errno, caught.value.filename) == (code, str(tmp_path / "m"))


# --------------------------------------------------------------------------------------- memory
MEMORY = """
import resource
from pathlib import Path
import numpy as np
from aevb import AEVB, MCEM, Evaluator, WakeSleep, sample_posterior

def used():
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()

X = np.random.default_rng(0).random((40, 6), dtype=np.float32)
model = AEVB.published(2, hidden_layer_sizes=(5,), n_epochs=1, random_state=0, n_threads=2).fit(X)
em = MCEM.published(2, hidden_layer_sizes=(5,), n_epochs=1, n_draws=5, random_state=0)
em.set_params(n_threads=2).fit(X)
wide = np.broadcast_to(X[:1, :1], (10**9, 6))  # takes no memory of its own
answer = model.transform(X).tobytes()
CALLS = {
    "sample": lambda: model.sample(2**31 - 1),
    "decode": lambda: model.inverse_transform(np.zeros((10**8, 2), np.float32)),
    "encode": lambda: model.transform(wide),
    "scores": lambda: model.score_samples(wide),
    "draws": lambda: Evaluator(model).bound(X, n_draws=2**31 - 1),
    "posterior": lambda: sample_posterior(model, X, 2**31 - 1, n_warmup=0),
    "chains": lambda: em.transform(wide),
    "temperatures": lambda: Evaluator(model).log_likelihood(X, "ais", n_temperatures=2**31 - 1),
    "simulated": lambda: Evaluator(model).log_likelihood(
        X, "ais", bidirectional=True, n_simulated=2**31 - 1, n_temperatures=2
    ),
    "hidden": lambda: AEVB.published(2, hidden_layer_sizes=(2**31 - 1,)).fit(X),
    "two hidden": lambda: AEVB.published(2, hidden_layer_sizes=(2**31 - 1,) * 2).fit(X),
    "many hidden": lambda: AEVB.published(2, hidden_layer_sizes=(10**9,) * 5).fit(X),
    "components": lambda: WakeSleep.published(2**31 - 1, hidden_layer_sizes=(10,)).fit(X),
    "components of chains": lambda: MCEM.published(2**31 - 1, hidden_layer_sizes=(1,)).fit(X),
    "training draws": lambda: AEVB.published(2, hidden_layer_sizes=(5,), n_draws=2**31 - 1).fit(X),
    "refit": lambda: model.set_params(hidden_layer_sizes=(10**9,)).fit(X),
}
room = used() + 400 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (room, room))
for name, call in CALLS.items():
    try:
        call()
    except (MemoryError, ValueError) as error:
        print(name, type(error).__name__, error, sep=": ")
    model.set_params(hidden_layer_sizes=(5,))
    assert model.transform(X).tobytes() == answer, name
before = used()
for _ in range(20):
    for name in ("hidden", "sample", "training draws", "draws"):
        try:
            CALLS[name]()
        except (MemoryError, ValueError):
            pass
assert used() - before < 50 * 2**20, used() - before
model.partial_fit(X)
assert model.n_samples_seen_ == 80
print("alive")
"""


def test_memory_that_there_is_not(tmp_path):
    """No crash, no leak, and a model that still works. 400 MB of memory are left."""
    assert resource.RLIMIT_AS  # otherwise this platform has no such limit
    command = [sys.executable, "-W", "error", "-c", MEMORY]
    environment = os.environ | {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "1"}
    run = subprocess.run(
        command, capture_output=True, text=True, timeout=300, cwd=tmp_path, env=environment
    )
    assert run.returncode == 0, run.stdout + run.stderr
    *said, last = run.stdout.splitlines()
    assert last == "alive"
    names = [line.split(":")[0] for line in said]
    assert names == [line.split('"')[1] for line in MEMORY.splitlines() if '": lambda' in line]
    assert not any("vector::" in line for line in said), said
