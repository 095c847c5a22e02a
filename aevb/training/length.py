"""How long "auto" trains, how many rows it holds out, and how often it validates."""

from __future__ import annotations

import math

N_ROWS = 1_000_000  # seen in a run
_LEAST_EPOCHS, _MOST_EPOCHS = 5, 2000
_EPOCHS_PER_ROW = 20  # at most: few rows are soon learnt by heart
_LEAST_STOPPING = 40  # rows of X
_LEAST_HELD_OUT, _MOST_HELD_OUT = 20, 2000  # rows
_SHARE_HELD_OUT = 0.1
_N_VALIDATIONS = 50  # of a run
_N_SCORES = 4000  # of a validation: rows times draws
_MOST_DRAWS = 50


def epochs_of_run(n_epochs: int | str, n_train: float) -> int:
    """Return the number of epochs that `n_epochs` stands for, with `n_train` rows in each.

    If the number of rows is not known, `n_train` is infinity.
    """
    if not isinstance(n_epochs, str):
        return int(n_epochs)
    most = int(min(_MOST_EPOCHS, _EPOCHS_PER_ROW * n_train))
    return min(max(math.ceil(N_ROWS / n_train), _LEAST_EPOCHS), most)


def stops_early(early_stopping: bool | str, n_rows: int, *, given: bool) -> bool:
    """Tell whether held-out rows decide: some of `n_rows` rows, or those that are given."""
    if isinstance(early_stopping, str):
        return given or n_rows >= _LEAST_STOPPING
    return bool(early_stopping)


def n_held_out(validation_fraction: float | str, n_rows: int) -> int:
    """Return the number of rows to hold out.

    Raises
    ------
    ValueError
        If no row is left to train on.
    """
    if isinstance(validation_fraction, str):
        tenth = math.ceil(_SHARE_HELD_OUT * n_rows)
        n_val = min(max(tenth, _LEAST_HELD_OUT), _MOST_HELD_OUT, n_rows // 2)
    else:
        n_val = math.ceil(validation_fraction * n_rows)
    if not 1 <= n_val < n_rows:
        raise ValueError(
            f"validation_fraction: got {validation_fraction!r}, which holds out {n_val} of the "
            f"{n_rows} rows of X; want at least one to hold out and one to train on"
        )
    return n_val


def epochs_between_validations(n_epochs: int) -> int:
    """Return the number of epochs from one validation to the next."""
    return math.ceil(n_epochs / _N_VALIDATIONS)


def n_validation_draws(n_draws: int, n_val: int) -> int:
    """Return the draws of z per row in a validation, so that their noise does not decide."""
    return max(n_draws, min(math.ceil(_N_SCORES / n_val), _MOST_DRAWS))
