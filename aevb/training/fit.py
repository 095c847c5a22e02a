"""Training for the epochs of a model's ``n_epochs``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aevb.core.engine import Rows
from aevb.training.trainable import Trainable
from aevb.training.trainer import Trainer


def fit_rows(model: Trainable, X: Any, *, n_seen: float = 0) -> Rows:
    """Train a model on X for its ``n_epochs``. If training fails, the model is not usable.

    Parameters
    ----------
    model : object
        A model that no other thread uses.
    X : array-like or CSR matrix of shape (n_samples, n_features), or source of chunks
        Training data.
    n_seen : float, default=0
        Number of the rows of earlier calls, which the prior on the weights counts too.

    Returns
    -------
    rows : Rows
        Up to 500 rows of X.
    """
    sharing = getattr(model, "_sharing", _alone)  # of a model that other processes train
    with sharing(X) as (some_rows, options):
        trainer = Trainer(model, some_rows, **options)
        trainer._run = trainer._run._replace(n_prior=trainer._run.n_prior + round(n_seen))
        trainer.run()
    return trainer._feed.some_rows


@contextmanager
def _alone(X: Any) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Return the rows and the options of a trainer in this process."""
    yield X, {}
