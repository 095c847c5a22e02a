"""The result of an evaluation: an estimate for each row, with its standard errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


# Arrays have no single answer to ==, so estimates are compared by identity.
@dataclass(frozen=True, eq=False, repr=False)
class Estimate:
    """An estimate for each row, with standard errors. All values are in nats.

    Attributes
    ----------
    per_row : ndarray of shape (n_samples,), float64
        The estimate of each row.
    stderr : ndarray of shape (n_samples,), float64
        Its Monte Carlo standard error, NaN for a single draw.
    mean : float
        Mean over the rows.
    mean_stderr : float
        Standard error of that mean, where the rows are a sample. It includes the Monte Carlo error.
    diagnostics : dict
        Further results of the method.
    """

    per_row: NDArray[np.float64]
    stderr: NDArray[np.float64]
    mean: float
    mean_stderr: float
    diagnostics: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return (
            f"Estimate(mean={self.mean:.6g}, mean_stderr={self.mean_stderr:.3g}, "
            f"n_rows={len(self.per_row)}, diagnostics={list(self.diagnostics)})"
        )

    @classmethod
    def from_rows(
        cls, per_row: NDArray[np.float64], stderr: NDArray[np.float64], **diagnostics: Any
    ) -> Estimate:
        """Build an estimate, and compute the mean and its standard error."""
        n = per_row.shape[0]
        with np.errstate(all="ignore"):  # the standard error is NaN if a row has -inf
            mean_stderr = float(per_row.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan")
        return cls(per_row, stderr, float(per_row.mean()), mean_stderr, diagnostics)
