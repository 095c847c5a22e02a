"""The interface of a model that the plots need."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from aevb.core.catalogue import SUPPORTS

ImageShape = tuple[int, int]
FloatArray = NDArray[np.float32]


class LatentModel(Protocol):
    """The interface of a model that the plots need. All estimators of `aevb` have it."""

    n_components: int

    @property
    def likelihood_(self) -> str:
        """The likelihood in use."""

    @property
    def input_scale_(self) -> float:
        """The factor on the data in use."""

    def transform(self, X: Any) -> FloatArray:
        """Return posterior means of z."""

    def inverse_transform(self, Z: Any) -> FloatArray:
        """Return the means of p(x|z)."""

    def sample(self, n_samples: int = 1, random_state: Any = None) -> FloatArray:
        """Draw x from the model."""


def dense_in_model_units(model: LatentModel, X: Any) -> FloatArray:
    """Return the rows as an array in the units of the model's means."""
    dense = np.asarray(X.toarray() if hasattr(X, "toarray") else X)
    return dense * np.float32(model.input_scale_)


def limits(model: LatentModel) -> tuple[float, float] | None:
    """Return the pixel values for black and white, or None to take those of the images."""
    counts = SUPPORTS[model.likelihood_] == "counts"
    return None if counts or model.likelihood_ == "gaussian" else (0.0, 1.0)
