"""The variational lower bound with the model's own settings."""

from __future__ import annotations

import numpy as np

from aevb.core.engine import Engine, Floats, Rows, Subset
from aevb.data.checks import still_finite


def own_bound(
    engine: Engine, rows: Rows, subset: Subset, n_draws: int, n_threads: int | None
) -> Floats:
    """Return the bound of each row, with the model's own seed."""
    return engine.bound(rows, subset, n_draws=n_draws, seed=engine.seed, n_threads=n_threads)[0]


def kl_per_unit(engine: Engine, rows: Rows, n_threads: int | None) -> Floats:
    """Return the mean over the rows of KL(q(z_j|x) || N(0, 1)) for each latent unit j, in nats."""
    outputs = engine.posterior(rows, n_threads=n_threads)
    mean, log_var = (np.float64(still_finite("X", output)) for output in outputs)
    with np.errstate(over="ignore"):  # infinite if the variance is
        kl: Floats = 0.5 * (mean**2 + np.expm1(log_var) - log_var).mean(axis=0)
    return kl
