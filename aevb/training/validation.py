"""The held-out rows of a run, and their scores."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from aevb.core.engine import Engine, Rows, Subset
from aevb.training.exchange import ALONE, Exchange
from aevb.training.length import n_validation_draws
from aevb.training.trainable import Trainable

_SHARE_WORST = 0.02


@dataclass(frozen=True)
class Validation:
    """Held-out rows, which may decide when to stop.

    Attributes
    ----------
    rows : Rows
        The data set that has them.
    subset : Subset
        Their positions in it. There may be none.
    decides : bool
        Whether the run returns to the weights with the best score.
    """

    rows: Rows
    subset: Subset
    decides: bool

    @property
    def n_rows(self) -> int:
        """Number of held-out rows."""
        return self.subset.size

    def score(self, model: Trainable, engine: Engine, exchange: Exchange = ALONE) -> float:
        """Return the mean score of all processes' rows in nats, or NaN without rows.

        If more than 50 rows decide, the worst fiftieth counts as the next worst row does. Otherwise
        a single outlier among them would decide.
        """
        n_rows = sum(exchange.gather(self.n_rows))
        if n_rows == 0:
            return math.nan
        n_draws = int(engine.settings["n_draws"])
        if self.decides:
            n_draws = n_validation_draws(n_draws, n_rows)
        own = model._scores(engine, self.rows, self.subset, n_draws)
        scores = np.concatenate(exchange.gather(own))
        if self.decides:
            scores = np.maximum(scores, np.quantile(scores, _SHARE_WORST, method="lower"))
        return float(scores.mean())
