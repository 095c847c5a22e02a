"""log p(x|z) = log n! - sum_i log x_i! + sum_i x_i log p_i, for counts x with the total n.

The shares p are the softmax of the logits a. Counts that are NaN are missing: the others are a
multinomial of their own total. All columns have one distribution, so there is no `grid`.
"""

from __future__ import annotations

import numpy as np
from oracle import U
from scipy.special import gammaln, logsumexp, softmax

OUTPUTS = ("logits",)


def log_p(outputs, x):
    (a,) = outputs
    r, gradient = np.zeros(len(x)), np.zeros(x.shape)
    for row, seen in enumerate(~np.isnan(x)):
        counts, logits = x[row, seen], a[row, seen]
        if counts.sum() > 0:
            logits = logits - logits.max()
            ways = gammaln(counts.sum() + 1) - gammaln(counts + 1).sum()
            r[row] = ways + counts @ (logits - logsumexp(logits))
            gradient[row, seen] = counts - counts.sum() * softmax(logits)
    return r, [gradient]


def error(outputs, x):
    """First-order float32 error of log_p's results.

    The terms of log p are double, but for log sum e^a. There a - max a has a relative error of u,
    which is an absolute error of its exponential's exponent. exp is within 4 u, a sum of D terms
    within D u, and log within 8 u.
    """
    (a,) = outputs
    r, gradient = np.zeros(len(x)), np.zeros(x.shape)
    for row, seen in enumerate(~np.isnan(x)):
        counts, logits = x[row, seen], a[row, seen]
        if counts.sum() == 0:
            continue
        n, d, below = counts.sum(), len(counts), np.abs(logits - logits.max())
        p = softmax(logits)
        of_sum = U * (p @ below) + (4 + d) * U
        r[row] = n * (of_sum + 8 * U * np.log(1 / p.max()))
        r[row] += U * abs(log_p([a[row : row + 1]], x[row : row + 1])[0][0])
        mean_error = n * p * (of_sum + U * below + 8 * U)
        gradient[row, seen] = mean_error + U * np.abs(counts - n * p)
    return r, [gradient]


def mean(outputs):
    """The shares: means for the total 1."""
    return softmax(outputs[0], axis=1)


def examples(rng, n, d, spread=2.0, total=50):
    a = rng.normal(size=(n, d), scale=spread).astype(np.float32)
    totals = rng.integers(0, total, n)
    x = np.array(
        [rng.multinomial(t, softmax(row)) for t, row in zip(totals, np.float64(a), strict=True)]
    )
    return [a], x.astype(np.float32)
