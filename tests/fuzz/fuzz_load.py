"""Fuzz what reads files: `load` of every class, and `Trainer.resume`.

    python fuzz_load.py [libFuzzer's options] [corpus folder]

A file either gives a model that works, and whose own file can be read again, or a ValueError that
names it. Anything else is a finding: another exception, memory taken by a claim of the file, a
crash, a hang. `nox -s fuzz` runs it with the core under AddressSanitizer.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import random
import re
import shutil
import sys
import tempfile
import warnings
import zlib
from pathlib import Path

import atheris
import numpy as np

READERS = [
    *("aevb.storage.model_file", "aevb.storage.checkpoint"),
    *("aevb.core.engine", "aevb.core.checks", "aevb.data.checks"),
    *("aevb.estimators.parameters", "aevb.estimators.kinds", "aevb.estimators.learner"),
]
with atheris.instrument_imports(include=[*READERS, "json", "safetensors.numpy"]):
    from mutate import mutate
    from seeds import X, write_seeds

    from aevb import AEVB, MCEM, DivergenceError, Trainer, WakeSleep

CLASSES = {"AEVB": AEVB, "WakeSleep": WakeSleep, "MCEM": MCEM}
CLASS = re.compile(rb'"class\\": \\"(\w+)')
MOST_FEATURES = 1000  # of a model that is tried out, as a row of data has to be made for it
MOST_WORK = 16  # draws, leapfrog steps and updates of a run that takes a step

MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None  # no disk is as fast
FOLDER = Path(tempfile.mkdtemp(prefix="aevb-fuzz-", dir=MEMORY))
INPUT, OUTPUT = FOLDER / "input.safetensors", FOLDER / "output.safetensors"


class BrokenPromiseError(Exception):
    """A promise of the loader that a file broke."""


def read(what, *args):
    """Return what a reader makes of the file, None if it refuses it as it should."""
    try:
        return what(INPUT, *args)
    except ValueError as error:
        if str(INPUT) not in str(error):
            raise BrokenPromiseError(f"the error does not name the file: {error}") from error
        if isinstance(error.__cause__, (MemoryError, SystemError)):
            raise BrokenPromiseError(
                f"the file had the loader do what it cannot: {error}"
            ) from error
        return None


def try_out(model, reads_back):
    """Use a model that was loaded and save it; read that again at times."""
    n = model.n_features_in_
    if n <= MOST_FEATURES:
        if isinstance(model, MCEM):  # a user's parameters, which may ask for hours
            model.set_params(n_draws=2, n_leapfrog=2)
        model.set_params(n_threads=1, verbose=0)
        try:
            shape = model.transform(np.zeros((2, n), np.float32)).shape
        except ValueError as error:  # zeros may be no levels, or out of range in the file's units
            if not str(error).startswith("X: "):
                raise
        else:
            assert shape == (2, model._n_features_out)
    model.save(OUTPUT)
    if not reads_back:
        return
    again = type(model).load(OUTPUT)
    assert {k: v.tobytes() for k, v in again.weights_.items()} == {
        k: v.tobytes() for k, v in model.weights_.items()
    }


def go_on(trainer):
    """Let a resumed run take a step, if that is not made to take long, and write it again."""
    params = trainer.model.get_params(deep=False)
    work = [params.get(name, 1) for name in ("n_draws", "n_leapfrog", "n_updates")]
    if max(work) <= MOST_WORK:
        trainer.model.set_params(n_threads=1)
        # the file's numbers may be as large as float32 has them
        with contextlib.suppress(DivergenceError):
            trainer.step()
    trainer.save_checkpoint()


def test_one_input(data):
    INPUT.write_bytes(data)
    found = CLASS.search(data)
    name = found[1].decode() if found else "AEVB"
    cls = CLASSES.get(name, AEVB)
    dice = zlib.crc32(data)
    if dice % 16 == 0:  # the wrong class at times
        cls = list(CLASSES.values())[dice // 16 % 3]
    model = read(cls.load)
    if model is not None:
        try_out(model, dice % 4 == 0)
    if b"trainer" in data and (model is not None or dice % 8 == 0):
        trainer = read(Trainer.resume, X)
        if trainer is not None and dice % 4 == 0:
            go_on(trainer)


def main():
    for cls in CLASSES.values():  # scikit-learn looks them up anew each time, which takes long
        names = cls._get_param_names()
        cls._get_param_names = staticmethod(lambda names=names: names)
    warnings.simplefilter("ignore")  # data without the names of a model's features, say
    atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
    seeds = FOLDER / "seeds"
    seeds.mkdir()
    write_seeds(seeds)
    originals = [path.read_bytes() for path in sorted(seeds.iterdir())]

    def mutator(data, max_size, seed):
        return mutate(data, max_size, random.Random(seed), originals, atheris.Mutate)

    # ours first, so that what the command line says wins
    options = ["-timeout=10", "-rss_limit_mb=2000", "-malloc_limit_mb=500", "-max_len=20000"]
    arguments = [sys.argv[0], *options, *sys.argv[1:], str(seeds)]
    atheris.Setup(arguments, test_one_input, custom_mutator=mutator)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
