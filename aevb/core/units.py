"""The units of a model: the location, the scale and the place of each column of the data."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Units:
    """How a model reads the columns of the data.

    It reads ``(value - location) * scale`` of a number. A column of levels has the codes 0, 1, ...
    in the data, and a column of x for each level in the model.

    Parameters
    ----------
    location, scale : ndarray of shape (n_features,), float64
        Location and scale of each column; 0 and 1 for levels.
    log_jacobian : float
        Sum of the next, in nats. log p(x) of the data is log p of the scaled data plus this number.
    log_jacobians : array of shape (n_features,), default=None
        log(scale) of each column that has a density, and 0 for the others. None means that all are
        0.
    places : sequence of int, default=()
        For each column of the data, its first column of x. Empty: they are the same.
    levels : sequence of int, default=()
        For each column of the data, the number of its levels, or 0 for numbers. As many as places.
    """

    def __init__(
        self,
        location: NDArray[np.float64],
        scale: NDArray[np.float64],
        log_jacobian: float,
        log_jacobians: NDArray[np.float64] | None = None,
        places: Sequence[int] = (),
        levels: Sequence[int] = (),
    ) -> None:
        self.location = location
        self.scale = scale
        self.log_jacobian = log_jacobian
        self.log_jacobians = np.zeros_like(scale) if log_jacobians is None else log_jacobians
        self.places = [int(place) for place in places]
        self.levels = [int(n) for n in levels]

    @classmethod
    def common(cls, n_features: int, scale: float = 1.0, *, is_density: bool = True) -> Units:
        """Return units with one scale for all columns, and the location 0."""
        log_scale = float(np.log(scale)) if is_density and scale != 1.0 else 0.0
        return cls(
            np.zeros(n_features),
            np.full(n_features, scale),
            n_features * log_scale,
            np.full(n_features, log_scale),
        )

    @property
    def n_features(self) -> int:
        """Number of columns of the data."""
        return len(self.scale)

    @property
    def n_visible(self) -> int:
        """Number of columns of x."""
        return sum(max(1, n) for n in self.levels) if self.places else self.n_features

    @cached_property
    def common_scale(self) -> float | None:
        """The scale of all columns, or None if they differ or have locations."""
        same = not self.location.any() and bool((self.scale == self.scale[0]).all())
        return float(self.scale[0]) if same and not self.places else None

    def columns_of_x(self, column: int) -> slice:
        """Return the columns of x of a column of the data."""
        if not self.places:
            return slice(column, column + 1)
        first = self.places[column]
        return slice(first, first + max(1, self.levels[column]))

    def to_model(self, X: NDArray[Any]) -> NDArray[np.float64]:
        """Return values of the data in the model's units. Levels keep their codes."""
        return (X.astype(np.float64) - self.location) * self.scale

    def to_data(self, X: NDArray[np.float32]) -> NDArray[Any]:
        """Return values of x in the units of the data, and the code of each most probable level.

        They are float32 if the columns have one scale. Otherwise they are float64, which keeps a
        small spread at a large location.
        """
        if self.places:
            X = self._of_columns(X)
        if self.common_scale == 1.0:
            return X
        if self.common_scale is not None:
            return X * np.float32(1.0 / self.common_scale)
        return X / self.scale + self.location

    def spread_to_data(self, std: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return standard deviations of x in the units of the data, NaN for levels."""
        if not self.places:
            return std / self.scale
        of_data = std[:, self.places] / self.scale
        of_data[:, np.asarray(self.levels) > 0] = np.nan
        return of_data

    def _of_columns(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        out = np.empty((len(X), self.n_features), np.float32)
        for column, n_levels in enumerate(self.levels):
            own = X[:, self.columns_of_x(column)]
            out[:, column] = own.argmax(axis=1) if n_levels > 0 else own[:, 0]
        return out
