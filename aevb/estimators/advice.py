"""Warnings where a fit, or data, will mislead: what is wrong and what to do."""

from __future__ import annotations

import math

import numpy as np

from aevb.core.engine import Rows
from aevb.core.state import State
from aevb.core.warn import warn
from aevb.data.choices import PIXEL_SCALE, looks_like_pixels
from aevb.data.validation import Data
from aevb.estimators.columns import likelihood_of
from aevb.exceptions import FitWarning
from aevb.inference.bound import has_kl_per_unit, kl_per_unit
from aevb.training.schedule import SCHEDULES, Schedule

# A rise over the second half of the training is steep from these values on.
_STEEP = 0.6  # share of the whole rise at the same learning rate
_LEAST_RISE = 2.0  # nats per row, in the whole run
_LEAST_BOUNDS = 4  # that can tell
_N_RATES = 100
# Mean KL divergence in nats below which a latent unit says nothing about the rows.
_LEAST_KL = 0.02


def advise_before(state: State, data: Data) -> None:
    """Warn of a new model that does not suit its data."""
    n_components = state.engine.n_components
    if n_components > data.n_features:
        warn(
            f"n_components={n_components} is more than the {data.n_features} columns of X: some "
            f"latent units cannot tell anything about a row. For features by transform, take fewer",
            FitWarning,
        )
    is_uint8 = data.X.dtype == np.uint8
    if not is_uint8 and likelihood_of(state) == "gaussian" and looks_like_pixels(data):
        warn(
            f"X looks like images of grey levels 0 to 255, but its dtype is {data.X.dtype}, so it "
            f"is modelled as real numbers. For pixels convert it with X.astype('uint8'), or set "
            f"likelihood='bernoulli' and scale=1/255",
            FitWarning,
        )


def advise_after(
    state: State, rows: Rows, n_epochs: int | str, schedule: str | Schedule, n_threads: int | None
) -> None:
    """Warn of a fit that has not ended well. `rows` are some rows of the training data."""
    if has_kl_per_unit(state.engine) and len(state.history["seconds"]) >= _LEAST_BOUNDS:
        highest = kl_per_unit(state.engine, rows, n_threads).max()
        if highest < _LEAST_KL:
            warn(
                f"all latent units have collapsed: KL(q(z_j|x) || p(z_j)) is at most "
                f"{highest:.2g} nats, so transform says nothing about a row. The columns may be "
                f"independent; if not, train longer, or lower weight_decay",
                FitWarning,
            )
    if n_epochs == "auto":
        return
    rise = late_rise(state.history, late_share(schedule))
    if rise is not None:
        warn(
            f"the bound still rose by {rise:.3g} nats per row in the second half of the training: "
            f"the model is undertrained. Increase n_epochs (it had "
            f"{len(state.history['seconds'])}), or use n_epochs='auto'",
            FitWarning,
        )


def late_share(schedule: str | Schedule) -> float:
    """Return the share of the learning rates of a run that its second half has."""
    function = SCHEDULES[schedule] if isinstance(schedule, str) else schedule
    rates = [function((i + 0.5) / _N_RATES) for i in range(_N_RATES)]
    return sum(rates[_N_RATES // 2 :]) / sum(rates) if sum(rates) > 0 else 0.0


def late_rise(history: dict[str, list[float]], share: float) -> float | None:
    """Return the rise of the bound over the second half of the training if it is steep.

    The bound is that of the held-out rows, if there are any. It would rise by `share` of its whole
    rise if it rose as steeply as ever.
    """
    validated = [bound for bound in history["validation_bound"] if not math.isnan(bound)]
    bounds = validated if len(validated) >= _LEAST_BOUNDS else history["train_bound"]
    if len(bounds) < _LEAST_BOUNDS:
        return None
    rise = bounds[-1] - bounds[(len(bounds) - 1) // 2]
    whole = bounds[-1] - history["train_bound"][0]  # since the first epoch
    return rise if rise > share * max(_LEAST_RISE, _STEEP * whole) else None


def reads_pixels(state: State) -> bool:
    """Tell whether a model multiplies its data by 1/255."""
    return state.scale == PIXEL_SCALE


def advise_of_scale(highest: float) -> None:
    """Warn if the data for such a model seem to be scaled to [0, 1] already."""
    if 0 < highest <= 1:
        warn(
            "X: no value exceeds 1, but the model multiplies by 1/255, since it was fitted on "
            "uint8 pixels of 0 to 255. Its results will be those of almost black images; want "
            "values from 0 to 255, or a model that was fitted on values like these",
            FitWarning,
        )
