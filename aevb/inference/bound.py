"""The variational lower bound with the model's own settings."""

from __future__ import annotations

from aevb.core.catalogue import POSTERIORS
from aevb.core.engine import Engine, Floats, Rows, Subset
from aevb.data.checks import still_finite


def own_bound(
    engine: Engine, rows: Rows, subset: Subset, n_draws: int, n_threads: int | None
) -> Floats:
    """Return the bound of each row, with the model's own seed."""
    return engine.bound(rows, subset, n_draws=n_draws, seed=engine.seed, n_threads=n_threads)[0]


def has_kl_per_unit(engine: Engine) -> bool:
    """Tell whether each latent unit has a KL divergence of its own: they are independent in q."""
    return engine.has_encoder and bool(POSTERIORS[_posterior(engine)]["is_factorized"])


def kl_per_unit(engine: Engine, rows: Rows, n_threads: int | None) -> Floats:
    """Return the mean over the rows of KL(q(z_j|x) || p(z_j)) for each latent unit j, in nats.

    Where the KL divergence has no closed form, it is estimated by 10 draws per row. The model must
    have an encoder.
    """
    if not has_kl_per_unit(engine):
        raise ValueError(
            f"kl_per_unit: the latent units depend on each other under the posterior "
            f"{_posterior(engine)!r}, want a posterior with independent units"
        )
    still_finite("X", engine.encode(rows, n_threads=n_threads))
    return engine.component_kl(rows, n_draws=10, seed=engine.seed, n_threads=n_threads)


def _posterior(engine: Engine) -> str:
    name: str = engine.config.as_dict()["posterior"]
    return name
