"""The errors and warnings that aevb defines."""

from __future__ import annotations

__all__ = ["DivergenceError", "FitWarning", "InconsistentVersionWarning"]


class FitWarning(UserWarning):
    """A fit, or data that a model reads, will mislead. The message says what to do."""


class InconsistentVersionWarning(UserWarning):
    """One version of aevb unpickled a model that another version pickled."""


class DivergenceError(ArithmeticError):
    """Training diverged: the bound or a weight is infinite or not a number.

    Parameters
    ----------
    step : int
        Minibatches that the model had been trained on, in all calls, when training found it.
    learning_rate : float
        The learning rate in use.
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
