"""Diagnostics of Markov chains: split R-hat and effective sample size."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FEW_MOVES = 0.1  # a chain that moves in a smaller share of its transitions is stuck
_ROUNDINGS = 16  # a chain within so many roundings of its largest value stands still


def _stands_still(draws: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    largest = np.abs(draws).max(axis=0)
    spread = draws.max(axis=0) - draws.min(axis=0)
    still: NDArray[np.bool_] = spread <= _ROUNDINGS * np.finfo(draws.dtype).eps * largest
    return still


def split_r_hat(draws: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return the split R-hat of each chain. `draws` is (n_draws, ...), a chain along axis 0.

    If the draws of a chain differ by no more than rounding, the result is NaN.
    """
    n = draws.shape[0] // 2
    if n < 2:
        return np.full(draws.shape[1:], np.nan)
    halves = np.stack([draws[:n], draws[-n:]]).astype(np.float64)
    within = halves.var(axis=1, ddof=1).mean(axis=0)
    between = n * halves.mean(axis=1).var(axis=0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        r_hat: NDArray[np.float64] = np.sqrt((n - 1) / n + between / n / within)
    return np.where(_stands_still(draws), np.nan, r_hat)


def effective_sample_size(draws: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return the effective number of independent draws of each chain. `draws` is (n_draws, ...).

    It is n / (1 + 2 S), where S is the sum of the autocorrelations. The sum goes over pairs of
    successive lags. It ends before the first pair that is not positive, and no pair counts more
    than the one before (Geyer, "Practical Markov chain Monte Carlo", 1992). If the draws of a chain
    differ by no more than rounding, the result is 0. If a chain moves in fewer than a tenth of its
    transitions, its moves limit the result: after a single move the autocorrelations may be small.
    """
    n = draws.shape[0]
    if n < 4:
        return np.full(draws.shape[1:], np.nan)
    centred = draws.astype(np.float64) - draws.mean(axis=0, dtype=np.float64)
    spectrum = np.fft.rfft(centred, n=2 * n, axis=0)
    covariance = np.fft.irfft(spectrum * spectrum.conj(), axis=0)[:n]
    with np.errstate(divide="ignore", invalid="ignore"):
        rho = covariance / covariance[0]
    pairs = rho[: n // 2 * 2].reshape(n // 2, 2, *draws.shape[1:]).sum(axis=1)
    positive = np.logical_and.accumulate(pairs > 0, axis=0)
    total = np.minimum.accumulate(np.where(positive, pairs, 0.0), axis=0).sum(axis=0)
    ess: NDArray[np.float64] = n / np.maximum(2.0 * total - 1.0, 1.0 / np.log10(max(n, 10)))
    moves = np.count_nonzero(draws[1:] != draws[:-1], axis=0)
    ess = np.where(moves < FEW_MOVES * n, np.minimum(ess, moves), ess)
    return np.where(_stands_still(draws), 0.0, ess)
