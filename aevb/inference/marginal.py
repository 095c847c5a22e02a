"""The paper's method to estimate the marginal likelihood from draws of p(z|x) (appendix D)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from aevb.core.engine import Floats


class MarginalLikelihood(NamedTuple):
    """Estimates of log p(x) of each row, standard errors and effective numbers of draws."""

    log_p: Floats
    std_error: Floats
    ess: Floats


def marginal_likelihood(log_q: Floats, log_joint: Floats) -> MarginalLikelihood:
    """Estimate 1 / p(x) as the mean of q(z) / p(x, z) over draws z of p(z|x) (appendix D, step 3).

    Parameters
    ----------
    log_q, log_joint : ndarray of shape (n_draws, n_rows)
        log q(z) and log p(x, z) at draws that q was not fitted to.
    """
    n = log_q.shape[0]
    with np.errstate(invalid="ignore"):  # NaN if p(x, z) is 0
        log_w = log_q - log_joint
        log_sum = logsumexp(log_w, axis=0)
        ess = np.exp(2 * log_sum - logsumexp(2 * log_w, axis=0))
    variance = np.maximum(n / ess - 1.0, 0.0) / max(n - 1, 1)
    return MarginalLikelihood(math.log(n) - log_sum, np.sqrt(variance), ess)
