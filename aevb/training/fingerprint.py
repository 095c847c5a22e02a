"""The fingerprint of a data set, by which a resumed run recognises its data."""

from __future__ import annotations

import os
from hashlib import sha256

import numpy as np

from aevb.core.engine import Engine, Rows
from aevb.core.state import RunState

_N_ROWS = 1000


def fingerprint(engine: Engine, rows: Rows) -> str:
    """Return a hash of the data's shape and of up to 1000 rows, evenly spaced."""
    n_rows, n_columns = rows.shape
    n = min(n_rows, _N_ROWS)
    index = [int(row) for row in np.linspace(0, n_rows - 1, n).round()]
    ids = engine.content_ids(rows, index)
    return sha256(repr((n_rows, n_columns)).encode() + ids.tobytes()).hexdigest()


def check_same_data(
    path: str | os.PathLike[str], now: RunState, then: RunState, shape: tuple[int, int]
) -> None:
    """Raise a ValueError if the data of a resumed run are not those of its checkpoint."""
    if (now.n_train, now.n_validation) != (then.n_train, then.n_validation):
        raise ValueError(
            f"X_val: got {now.n_validation} rows held out and {now.n_train} to train on, but the "
            f"run in {path} had {then.n_validation} and {then.n_train}"
        )
    if now.fingerprint != then.fingerprint:
        raise ValueError(
            f"X: got data of shape {shape} that are not those which the run in "
            f"{path} was training on; want the same rows in the same order"
        )
