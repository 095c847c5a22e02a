"""A Gaussian with full covariance: z = mean + L eps.

L has exp(log_diagonal) on its diagonal. `factor` has the elements below it, row by row.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from posteriors import normal_outputs

OUTPUTS = ("mean", "log_diagonal", "factor")
COUPLED = True
AT_PRIOR = {"standard-normal": (0, 0, 0)}


def matrix(outputs):
    """L of each row (n, J, J)."""
    _, log_diagonal, factor = outputs
    n, d = log_diagonal.shape
    root = np.zeros((n, d, d), dtype=np.result_type(*outputs))
    root[:, range(d), range(d)] = np.exp(log_diagonal)
    root[(slice(None), *np.tril_indices(d, -1))] = factor
    return root


def marginals(outputs):
    return stats.norm(outputs[0], np.sqrt((matrix(outputs) ** 2).sum(2)))


def joint(outputs):
    """The distribution of z for one row of outputs."""
    (root,) = matrix(outputs)
    return stats.multivariate_normal(outputs[0][0], root @ root.T)


def log_density(outputs, z):
    noise = np.linalg.solve(matrix(outputs), (z - outputs[0])[..., None])[..., 0]
    return -0.5 * (math.log(2 * math.pi) + noise**2) - outputs[1]


def kl(outputs, prior):
    assert prior == "standard-normal"
    mean, log_diagonal, _ = outputs
    rest = (matrix(outputs) ** 2).sum(2) + mean**2 - 1 - 2 * log_diagonal
    first = np.zeros_like(mean)
    first[:, 0] = 0.5 * rest.sum(1)
    return first


def examples(rng, n, d):
    """The factor shrinks with the number of components, so that L has no large inverse."""
    mean, log_diagonal, all_pairs = normal_outputs(rng, n, d * d, 1, 0.5, 0.7 / math.sqrt(d))
    return [mean[:, :d], log_diagonal[:, :d], all_pairs[:, : d * (d - 1) // 2]]
