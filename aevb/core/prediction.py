"""The result of a prediction of x."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Prediction(NamedTuple):
    """What is known of x for each row, given its observed values.

    A result that was not asked for has no rows.

    Attributes
    ----------
    mean, std : ndarray of shape (n_rows, D), float32
        Mean and standard deviation.
    samples : ndarray of shape (n_samples, n_rows, D), float32
        Draws.
    ess : ndarray of shape (n_rows,), float64
        Effective number of draws of z.
    """

    mean: NDArray[np.float32]
    std: NDArray[np.float32]
    samples: NDArray[np.float32]
    ess: NDArray[np.float64]
