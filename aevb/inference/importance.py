"""Importance sampling: estimates of log p(x)."""

from __future__ import annotations

from aevb.core.engine import Engine, Floats, Rows
from aevb.core.progress import progress_bar


def importance(
    engine: Engine,
    rows: Rows,
    n_draws: int,
    n_adaptations: int,
    seed: int,
    n_threads: int | None,
    *,
    shown: bool,
) -> tuple[Floats, Floats, Floats]:
    """Return log p(x) of each row, its standard error and its effective number of draws."""
    with progress_bar("importance", rows.shape[0], shown=shown) as report:
        return engine.importance(
            rows,
            n_draws=n_draws,
            n_adaptations=n_adaptations,
            seed=seed,
            n_threads=n_threads,
            progress=report,
        )
