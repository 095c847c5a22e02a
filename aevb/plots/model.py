"""The interface of a model that the plots need."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from aevb.core.catalogue import SUPPORTS
from aevb.data.choices import STANDARDISED
from aevb.data.frames import without_na
from aevb.data.validation import check_data, schema_of_fit
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

    def reconstruct(self, X: Any) -> FloatArray:
        """Return the means of p(x|z) at the posterior means of z."""

    def sample(
        self, n_samples: int = 1, random_state: Any = None, totals: Any = None
    ) -> FloatArray:
        """Draw x from the model."""


def dense(X: Any) -> NDArray[Any]:
    """Return rows as an array, with NaN for None and pandas.NA."""
    rows: NDArray[Any] = without_na(np.asarray(X.toarray() if hasattr(X, "toarray") else X))
    return rows


def numbers_of(model: Any, X: Any) -> NDArray[np.float64]:
    """Return rows as numbers: the codes of levels, and NaN where a value is missing.

    Raises
    ------
    ValueError, TypeError
        If the columns of X are not those of the model.
    """
    return dense(check_data(model, X).X).astype(np.float64)


def kinds_of(model: Any, n_columns: int) -> tuple[str, ...]:
    """Return "float", "integer", "boolean" or "category" for each column."""
    schema = schema_of_fit(model)
    if schema is None:
        return ("float",) * n_columns
    return tuple(column.kind for column in schema.columns)


def names_of(model: LatentModel, X: Any, n_columns: int) -> list[str]:
    """Return the names of the model's columns, or of those of a data frame, or x0, x1, ..."""
    names = getattr(model, "feature_names_in_", getattr(X, "columns", None))
    return [f"x{i}" for i in range(n_columns)] if names is None else [str(name) for name in names]


def check_images(model: LatentModel) -> None:
    """Raise a ValueError if the rows of a model cannot be images: a column has categories."""
    for column in model.columns_:
        if SUPPORTS[column.family] == "levels":
            raise ValueError(
                f"model: got one with the likelihood {column.family!r} for column "
                f"{column.name!r}, want one of images; plots.marginals draws tables"
            )


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
