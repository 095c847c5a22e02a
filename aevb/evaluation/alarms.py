"""Reasons to mistrust an estimate or a chain, and the one warning of a call that lists them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aevb.core.engine import Floats
from aevb.core.warn import warn
from aevb.evaluation.diagnostics import FEW_MOVES

HANDFUL = 5.0
MOST_ROWS = 0.1  # more rows than this share are no accident
_FEWEST_DRAWS = 20  # of a chain that is judged
_FEWEST_FOR_R_HAT = 200  # R-hat of a good chain is about 1 + chi^2_1 / ess
_LARGE_R_HAT = 1.1
_MANY_DIVERGENCES = 0.01


def few_draws(ess: Floats, n_draws: int, advice: str) -> list[str]:
    """Return a reason if too many rows have only a handful of effective draws.

    The mean of n weights has the relative variance 1 / ess - 1 / n. The limit on it is 1 / 5. Near
    the limit, the standard error of log p(x) is 0.45 nats and its bias is -0.1 nats. Beyond it,
    both are underestimates: the largest weights are still missing. Fewer than ten draws are not
    judged: a handful is then what was asked for.
    """
    if n_draws < 2 * HANDFUL:
        return []
    limit = 1.0 / (1.0 / HANDFUL + 1.0 / n_draws)
    poor = float(np.mean(~(ess >= limit)))  # NaN counts as poor
    if poor <= MOST_ROWS:
        return []
    return [
        f"the effective number of draws of {poor:.0%} of the rows is below {limit:.1f} "
        f"(n_draws={n_draws}), so their errors may be many nats; {advice}"
    ]


def poor_chains(
    draws: NDArray[np.float32],
    ess: Floats,
    r_hat: Floats,
    n_divergent: NDArray[np.int64],
) -> list[str]:
    """Return the reasons to mistrust the chains of a `PosteriorDraws`."""
    n_draws, n_chains = draws.shape[:2]
    if n_draws < _FEWEST_DRAWS:
        return []
    moved = (draws[1:] != draws[:-1]).any(axis=2).mean(axis=0)
    stuck = int(np.count_nonzero((moved < FEW_MOVES) | (ess == 0).any(axis=1)))
    divergent = int(np.count_nonzero(n_divergent > _MANY_DIVERGENCES * n_draws))
    unmixed = int(np.count_nonzero((r_hat > _LARGE_R_HAT).any(axis=1)))
    reasons = []
    if stuck:
        reasons.append(
            f"{stuck} of {n_chains} chains stood still in most transitions or moved by float32's "
            f"rounding alone; use a longer n_warmup, and look whether X resembles the training data"
        )
    if divergent:
        reasons.append(
            f"more than a hundredth of the transitions of {divergent} of {n_chains} chains "
            f"diverged; use a longer n_warmup or a larger target_accept"
        )
    if n_draws >= _FEWEST_FOR_R_HAT and unmixed > MOST_ROWS * n_chains:
        reasons.append(
            f"R-hat of {unmixed} of {n_chains} chains is above {_LARGE_R_HAT}; use more draws or a "
            f"larger n_leapfrog"
        )
    return reasons


def warn_of(what: str, reasons: Sequence[str]) -> None:
    """Give one RuntimeWarning with all reasons."""
    if reasons:
        warn(f"{what}: {'. Also, '.join(reasons)}", RuntimeWarning)
