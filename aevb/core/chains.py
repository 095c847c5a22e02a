"""Markov chains of the compiled core."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aevb.core.compiled import core
from aevb.core.engine import Engine, Floats, Report, Rows
from aevb.core.threads import resolve_threads, single_threaded_blas


class PosteriorChains:
    """A Markov chain on p(z|x) for each row, by HMC. The chains start at z.

    They move in the coordinates of z, see `Engine.coordinates`.
    """

    def __init__(
        self,
        engine: Engine,
        rows: Rows,
        z: NDArray[np.float32],
        *,
        n_leapfrog: int,
        target_accept: float,
        seed: int,
        adaptation: str = "dual-averaging",
        per_chain: bool = True,
        by_content: bool = False,
    ) -> None:
        self._chains = core.PosteriorChains(
            engine._model,
            rows,
            engine.coordinates(z),
            n_leapfrog=n_leapfrog,
            adaptation=adaptation,
            per_chain=per_chain,
            target_accept=target_accept,
            seed=seed,
            by_content=by_content,
        )
        self.n_rows = len(z)
        self._engine = engine

    def run(
        self, n: int, *, adapt: bool, keep: bool, n_threads: int | None, progress: Report
    ) -> NDArray[np.float32]:
        """Make n transitions of every chain. Return the coordinates (n, n_rows, J) if `keep`."""
        with single_threaded_blas():
            return self._chains.run(
                n,
                adapt=adapt,
                keep=keep,
                n_threads=resolve_threads(n_threads),
                progress=progress,
            )

    def latent(self, u: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the z of coordinates u (..., J)."""
        return self._engine.latent(u)

    def freeze(self) -> None:
        """Stop the adaptation of the step sizes."""
        self._chains.freeze()

    @property
    def step_size(self) -> NDArray[np.float32]:
        """Leapfrog step size of each chain."""
        return self._chains.step_size

    @property
    def acceptance_sum(self) -> Floats:
        """Sum of the acceptance probabilities of each chain's transitions since `freeze`."""
        return self._chains.acceptance_sum

    @property
    def n_divergent(self) -> NDArray[np.uint32]:
        """Divergent transitions of each chain since `freeze`."""
        return self._chains.n_divergent
