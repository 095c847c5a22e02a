"""The errors and warnings that aevb defines."""

from __future__ import annotations

__all__ = ["DivergenceError", "FitWarning", "InconsistentVersionWarning", "RankError"]


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


class RankError(RuntimeError):
    """Another of the processes that train together has failed, so this one ends too.

    Parameters
    ----------
    rank : int
        The number of the process that failed.
    n_ranks : int
        The number of processes.
    message : str
        Its error.
    """

    def __init__(self, rank: int, n_ranks: int, message: str) -> None:
        super().__init__(rank, n_ranks, message)
        self.rank = rank
        self.n_ranks = n_ranks
        self.message = message

    def __str__(self) -> str:
        return f"rank {self.rank} of {self.n_ranks} has failed: {self.message}"
