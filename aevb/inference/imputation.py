"""Imputation: missing values of a row, given its observed values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aevb.core.engine import Engine, Rows
from aevb.core.progress import progress_bar


def impute(
    engine: Engine,
    rows: Rows,
    missing: NDArray[np.bool_],
    method: str,
    n_starts: int,
    n_iterations: int,
    seed: int,
    n_threads: int | None,
    *,
    shown: bool,
) -> NDArray[np.float32]:
    """Return the rows with missing values filled in. The observed entries are undefined."""
    with progress_bar("imputation", rows.shape[0], shown=shown) as report:
        return engine.impute(
            rows,
            missing,
            method=method,
            n_starts=n_starts,
            n_iterations=n_iterations,
            seed=seed,
            n_threads=n_threads,
            progress=report,
        )
