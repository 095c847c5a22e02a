"""The fingerprint of a data set, by which a resumed run recognises its data."""

from __future__ import annotations

from hashlib import sha256

import numpy as np

from aevb.core.engine import Engine, Rows

_N_ROWS = 1000


def fingerprint(engine: Engine, rows: Rows) -> str:
    """Return a hash of the data's shape and of up to 1000 rows, evenly spaced."""
    n_rows, n_columns = rows.shape
    n = min(n_rows, _N_ROWS)
    index = [int(row) for row in np.linspace(0, n_rows - 1, n).round()]
    ids = engine.content_ids(rows, index)
    return sha256(repr((n_rows, n_columns)).encode() + ids.tobytes()).hexdigest()
