"""The variational lower bound with the model's own settings."""

from __future__ import annotations

from aevb.core.engine import Engine, Floats, Rows, Subset


def own_bound(
    engine: Engine, rows: Rows, subset: Subset, n_draws: int, n_threads: int | None
) -> Floats:
    """Return the bound of each row, with the model's own seed."""
    return engine.bound(rows, subset, n_draws=n_draws, seed=engine.seed, n_threads=n_threads)[0]
