"""The paper's estimator of the marginal likelihood (appendix D): HMC, a density fit, HMC again."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

Floats = NDArray[np.float64]

# Bandwidths tried, as multiples of Scott's rule.
_FACTORS = np.exp((np.arange(10) - 5) / 2)
_DRAWS_PER_DIMENSION = 4  # with fewer, a Gaussian and no kernel density


class MarginalLikelihood(NamedTuple):
    """Estimates of log p(x) per row, their standard errors and effective numbers of draws."""

    log_p: Floats
    std_error: Floats
    ess: Floats


def log_density_of(fit: Floats, at: Floats) -> Floats:
    """Fit a density to draws of each row, and return its logarithm at others.

    A Gaussian kernel density whose bandwidth is chosen by the score of one half of the draws under
    the other; with fewer than four draws per dimension, a Gaussian with independent components.

    Parameters
    ----------
    fit, at : ndarray of shape (n_draws, n_rows, J)
        Draws to fit to, and where to evaluate.

    Returns
    -------
    log_q : ndarray of shape (n_draws, n_rows)
    """
    n_draws, dim = fit.shape[0], fit.shape[2]
    spread = np.maximum(fit.std(axis=0, ddof=1), np.finfo(np.float64).tiny)
    if n_draws < _DRAWS_PER_DIMENSION * dim:
        u = (at - fit.mean(axis=0)) / spread
        gaussian: Floats = _log_normal(u) - np.log(spread).sum(axis=-1)
        return gaussian
    half = n_draws // 2
    scott = half ** (-1.0 / (dim + 4))
    scores = [
        _log_kernels(fit[:half], fit[half:], factor * scott * spread).sum(axis=0)
        for factor in _FACTORS
    ]
    best = _FACTORS[np.argmax(scores, axis=0)][:, None]
    return _log_kernels(fit, at, best * n_draws ** (-1.0 / (dim + 4)) * spread)


def _log_normal(u: Floats) -> Floats:
    log_p: Floats = -0.5 * (u**2 + math.log(2 * math.pi)).sum(axis=-1)
    return log_p


def _log_kernels(centres: Floats, at: Floats, width: Floats) -> Floats:
    """Log of the mean of Gaussians about the centres; a row at a time, for the memory's sake."""
    log_q = np.empty(at.shape[:2])
    for r in range(at.shape[1]):
        u = (at[:, None, r] - centres[None, :, r]) / width[r]
        log_q[:, r] = logsumexp(_log_normal(u), axis=1) - np.log(width[r]).sum()
    return log_q - math.log(centres.shape[0])


def marginal_likelihood(log_q: Floats, log_joint: Floats) -> MarginalLikelihood:
    """1 / p(x) as the mean of q(z) / p(x, z) over draws z of the posterior (appendix D, step 3).

    Parameters
    ----------
    log_q, log_joint : ndarray of shape (n_draws, n_rows)
        At draws that q was not fitted to.
    """
    n = log_q.shape[0]
    log_w = log_q - log_joint
    log_sum = logsumexp(log_w, axis=0)
    ess = np.exp(2 * log_sum - logsumexp(2 * log_w, axis=0))
    variance = np.maximum(n / ess - 1.0, 0.0) / max(n - 1, 1)
    return MarginalLikelihood(math.log(n) - log_sum, np.sqrt(variance), ess)
