"""The units of a model: the location and scale of each column."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Units:
    """The model reads ``(x - location) * scale`` for each column of x.

    Parameters
    ----------
    location, scale : ndarray of shape (n_features,), float64
        Location and scale of each column.
    log_jacobian : float
        Sum of log(scale) over the columns that have a density, in nats. log p(x) of the data is
        log p of the scaled data plus this number.
    """

    def __init__(
        self, location: NDArray[np.float64], scale: NDArray[np.float64], log_jacobian: float
    ) -> None:
        self.location = location
        self.scale = scale
        self.log_jacobian = log_jacobian

    @classmethod
    def common(cls, n_features: int, scale: float = 1.0, *, is_density: bool = True) -> Units:
        """Return units with one scale for all columns, and the location 0."""
        log_jacobian = n_features * float(np.log(scale)) if is_density and scale != 1.0 else 0.0
        return cls(np.zeros(n_features), np.full(n_features, scale), log_jacobian)

    @cached_property
    def common_scale(self) -> float | None:
        """The scale of all columns, or None if they differ or have locations."""
        same = not self.location.any() and bool((self.scale == self.scale[0]).all())
        return float(self.scale[0]) if same else None

    def to_model(self, X: NDArray[Any]) -> NDArray[np.float64]:
        """Return values of the data in the model's units."""
        return (X.astype(np.float64) - self.location) * self.scale

    def to_data(self, X: NDArray[np.float32]) -> NDArray[Any]:
        """Return values of the model in the units of the data.

        They are float32 if the columns have one scale. Otherwise they are float64, which keeps a
        small spread at a large location.
        """
        if self.common_scale == 1.0:
            return X
        if self.common_scale is not None:
            return X * np.float32(1.0 / self.common_scale)
        return X / self.scale + self.location
