"""The density of draws of z by a distribution that is fitted to other draws."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aevb.core.compiled import core
from aevb.core.engine import Floats
from aevb.core.threads import resolve_threads


def fitted_log_density(
    fit: NDArray[np.float32], at: NDArray[np.float32], *, n_threads: int | None
) -> Floats:
    """Fit a density q(z) to the draws `fit` of each row. Return log q at the draws `at`.

    Both arguments are (n_draws, n_rows, J), the result is (n_draws, n_rows).
    """
    return core.fitted_log_density(fit, at, n_threads=resolve_threads(n_threads))
