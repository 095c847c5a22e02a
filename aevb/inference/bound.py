"""The variational lower bound with the model's own settings."""

from __future__ import annotations

from aevb.core.engine import Engine, Floats, Rows, Subset


def own_bound(engine: Engine, rows: Rows, subset: Subset, n_threads: int | None) -> Floats:
    """Return the bound of each row, with the model's own number of draws and seed."""
    settings = engine.settings
    return engine.bound(
        rows, subset, n_draws=settings["n_draws"], seed=settings["seed"], n_threads=n_threads
    )[0]
