"""The variational lower bound with the model's own settings."""

from __future__ import annotations

from aevb.core.engine import Engine, Floats, Rows, Subset
from aevb.data.checks import still_finite


def own_bound(
    engine: Engine, rows: Rows, subset: Subset, n_draws: int, n_threads: int | None
) -> Floats:
    """Return the bound of each row, with the model's own seed."""
    return engine.bound(rows, subset, n_draws=n_draws, seed=engine.seed, n_threads=n_threads)[0]


def kl_per_unit(engine: Engine, rows: Rows, n_threads: int | None) -> Floats:
    """Return the mean over the rows of KL(q(z_j|x) || p(z_j)) for each latent unit j, in nats.

    Where the KL divergence has no closed form, it is estimated by 10 draws per row.
    """
    still_finite("X", engine.encode(rows, n_threads=n_threads))
    return engine.component_kl(rows, n_draws=10, seed=engine.seed, n_threads=n_threads)
