"""The interface of a model that the plots need."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from aevb.core.catalogue import SUPPORTS
from aevb.data.choices import STANDARDISED
from aevb.estimators.columns import Column

ImageShape = tuple[int, int]
FloatArray = NDArray[np.float32]


class LatentModel(Protocol):
    """The interface of a model that the plots need. All estimators of `aevb` have it."""

    n_components: int

    @property
    def likelihood_(self) -> str | dict[str, str]:
        """The likelihood in use: that of all columns, or of each column by its name."""

    @property
    def columns_(self) -> list[Column]:
        """Name, likelihood, location, scale and levels of each column."""

    def transform(self, X: Any) -> FloatArray:
        """Return posterior means of z."""

    def inverse_transform(self, Z: Any) -> FloatArray:
        """Return the means of p(x|z)."""

    def sample(self, n_samples: int = 1, random_state: Any = None) -> FloatArray:
        """Draw x from the model."""


def dense(X: Any) -> NDArray[Any]:
    """Return rows as an array."""
    return np.asarray(X.toarray() if hasattr(X, "toarray") else X)


def limits(model: LatentModel) -> tuple[float, float] | None:
    """Return the pixel values for black and white, or None to take those of the images."""
    columns = model.columns_
    if not all(_is_of_images(column.family) for column in columns):
        return None
    return 0.0, 1.0 / columns[0].scale


def _is_of_images(family: str) -> bool:
    """Tell whether a likelihood is for grey levels from 0 to 1."""
    return SUPPORTS[family] in ("unit-interval", "real") and family not in STANDARDISED


def prior_of(model: Any) -> str:
    """Return the name of a model's prior."""
    engine = getattr(model, "_engine", None)
    return "standard-normal" if engine is None else str(engine.settings["prior"])


def posterior_draws(
    model: Any, X: Any, n_draws: int, generator: np.random.RandomState
) -> FloatArray:
    """Draw z from q(z|x) of each row. The shape is (n_draws * n, n_components)."""
    seed = int(generator.randint(np.iinfo(np.int32).max))
    draws: FloatArray = model._draw_encoded(X, n_draws, seed)
    return draws.reshape(-1, draws.shape[2])


def prior_draws(model: Any, n_draws: int, generator: np.random.RandomState) -> FloatArray:
    """Draw z from p(z). The shape is (n_draws, n_components)."""
    draws: FloatArray = model._draw_prior(n_draws, int(generator.randint(np.iinfo(np.int32).max)))
    return draws
