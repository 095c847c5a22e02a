"""What an evaluation answers: an estimate per row, with its errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Estimate:
    """An estimate per row, with Monte Carlo errors; nats.

    Attributes
    ----------
    per_row : ndarray of shape (n_samples,)
        The estimate of each row.
    stderr : ndarray of shape (n_samples,)
        Its standard error over the noise; NaN where there was one draw.
    mean : float
        Mean over the rows.
    mean_stderr : float
        Standard error of that mean over the rows as a sample (and so over the noise in them).
    diagnostics : dict
        What else the estimator has to say.
    """

    per_row: NDArray[np.float64]
    stderr: NDArray[np.float64]
    mean: float
    mean_stderr: float
    diagnostics: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_rows(
        cls, per_row: NDArray[np.float64], stderr: NDArray[np.float64], **diagnostics: Any
    ) -> Estimate:
        """Build the estimate whose mean and its error follow from the rows."""
        n = per_row.shape[0]
        with np.errstate(all="ignore"):  # NaN where a row has -inf
            mean_stderr = float(per_row.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan")
        return cls(per_row, stderr, float(per_row.mean()), mean_stderr, diagnostics)
