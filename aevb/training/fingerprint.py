"""The fingerprint of a data set, by which a resumed run recognises its data."""

from __future__ import annotations

import os
from hashlib import sha256

import numpy as np

from aevb.core.engine import Engine, Rows
from aevb.core.state import RunState
from aevb.training.exchange import Exchange

_N_ROWS = 1000


def fingerprint(engine: Engine, rows: Rows, exchange: Exchange) -> str:
    """Return a hash of the data's shape and of up to 1000 rows, evenly spaced.

    Of several processes, return a hash of the hashes.
    """
    n_rows, n_columns = rows.shape
    n = min(n_rows, _N_ROWS)
    index = [int(row) for row in np.linspace(0, n_rows - 1, n).round()]
    ids = engine.content_ids(rows, index)
    own = sha256(repr((n_rows, n_columns)).encode() + ids.tobytes()).hexdigest()
    if exchange.n_ranks == 1:
        return own
    return sha256("".join(exchange.gather(own)).encode()).hexdigest()


def check_same_data(
    path: str | os.PathLike[str], now: RunState, then: RunState, shape: tuple[int, int]
) -> None:
    """Raise a ValueError if the data of a resumed run are not those of its checkpoint.

    With another number of processes, each has other rows, and nothing can be compared.
    """
    if now.n_ranks != then.n_ranks:
        return
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
