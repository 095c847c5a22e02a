"""Small files of every class to start fuzzing from, the same bytes on every run.

python seeds.py FOLDER
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from aevb import AEVB, MCEM, Trainer, WakeSleep

X = (np.arange(24, dtype=np.float32).reshape(8, 3) * 7 % 8) / 8  # what a resumed run trains on
SMALL: dict[str, Any] = {"n_components": 1, "hidden_layer_sizes": (2,), "random_state": 0}
MODELS = {
    "bernoulli": AEVB.published(**SMALL),
    "gaussian": AEVB.published(**SMALL, likelihood="gaussian", optimizer="adam"),
    "deep": AEVB.published(2, hidden_layer_sizes=(3, 2), optimizer="sgd", random_state=1),
    "bounded": AEVB.published(**SMALL, likelihood="bounded-gaussian", binarize="threshold"),
    "patient": AEVB.published(**SMALL, early_stopping=True, validation_fraction=0.25, patience=3),
    "levels": AEVB(
        **SMALL,
        likelihood=[("categorical", [0]), ("ordinal", [1]), ("student-t", [2])],
        mask_inputs=True,
        n_epochs=1,
    ),
    "wakesleep": WakeSleep.published(**SMALL),
    "mcem": MCEM.published(**SMALL, n_leapfrog=2, n_updates=1, n_draws=2),
    "batches": MCEM.published(**SMALL, n_leapfrog=2, n_updates=1, batch_size=4, optimizer="adam"),
}


def write_seeds(folder: Path) -> None:
    """Write a model and the checkpoint of a run for each of MODELS, and one with names."""
    for name, model in MODELS.items():
        trainer = Trainer(model, X, checkpoint=folder / f"{name}-run").run(16)
        trainer.model.save(folder / name)
    named = AEVB.published(**SMALL, n_epochs=1).fit(X)
    names = np.array(["a", "b", "c"], dtype=object)  # as of a data frame
    named._state = replace(named._state, feature_names=names)
    named.save(folder / "names")
    for path in folder.iterdir():
        _stop_the_clock(path)


def _stop_the_clock(path: Path) -> None:
    """Take out the seconds that training took, which no two runs share."""
    with safe_open(path, framework="numpy") as file:
        header = json.loads(file.metadata()["aevb"])
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    header["state"]["seconds"] = 0.25
    header["history"]["seconds"] = [0.25 for _ in header["history"]["seconds"]]
    save_file(arrays, path, metadata={"aevb": json.dumps(header)})


if __name__ == "__main__":
    write_seeds(Path(sys.argv[1]))
