"""Draws from p(z|x) by Hamiltonian Monte Carlo, and their mean."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aevb.core.chains import PosteriorChains
from aevb.core.progress import progress_bar

_DRAWS_AT_ONCE = 10  # limits the memory of `mean_of_draws`


def warm_up(chains: PosteriorChains, n: int, *, n_threads: int | None, shown: bool) -> None:
    """Adapt the step sizes during n transitions. Then freeze them."""
    with progress_bar("HMC warm-up", chains.n_rows, shown=shown) as report:
        chains.run(n, adapt=True, keep=False, n_threads=n_threads, progress=report)
    chains.freeze()


def draw(
    chains: PosteriorChains, n: int, *, n_threads: int | None, shown: bool
) -> NDArray[np.float32]:
    """Return the coordinates of the next n states of every chain: (n, n_rows, J)."""
    with progress_bar("HMC", chains.n_rows, shown=shown) as report:
        return chains.run(n, adapt=False, keep=True, n_threads=n_threads, progress=report)


def mean_of_draws(
    chains: PosteriorChains, n: int, *, n_threads: int | None, shown: bool
) -> NDArray[np.float32]:
    """Make n transitions for warm-up. Return the mean of the next n states (n_rows, J)."""
    warm_up(chains, n, n_threads=n_threads, shown=shown)
    total: NDArray[np.float64] | float = 0.0
    for done in range(0, n, _DRAWS_AT_ONCE):
        n_now = min(_DRAWS_AT_ONCE, n - done)
        draws = draw(chains, n_now, n_threads=n_threads, shown=shown)
        total += chains.latent(draws).sum(axis=0, dtype=np.float64)
    return np.asarray(total / n, np.float32)
