"""Errors and warnings that are aevb's own."""

from __future__ import annotations

__all__ = ["DivergenceError", "InconsistentVersionWarning"]


class InconsistentVersionWarning(UserWarning):
    """A model was unpickled by another version of aevb than pickled it."""


class DivergenceError(ArithmeticError):
    """Training left the finite numbers: the bound or a weight is infinite or not a number.

    Parameters
    ----------
    step : int
        Number of minibatches, over the model's life, after which it was found.
    learning_rate : float
        The step size in use.
    """

    def __init__(self, step: int, learning_rate: float) -> None:
        super().__init__(step, learning_rate)
        self.step = step
        self.learning_rate = learning_rate

    def __str__(self) -> str:
        return (
            f"training diverged: the bound or a weight was not finite after step {self.step}; "
            f"try a learning_rate smaller than {self.learning_rate:g}, or scale the data"
        )
