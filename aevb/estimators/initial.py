"""The initial weights with ``init_scale="auto"``, and a posterior of weights as their prior."""

from __future__ import annotations

import numpy as np

from aevb.core.catalogue import LEVEL_LIKELIHOODS, OUTPUTS, SUPPORTS
from aevb.core.engine import Engine, starting_levels, starting_outputs
from aevb.data.families import families_of
from aevb.data.moments import Moments
from aevb.data.validation import Data
from aevb.training.exchange import Exchange


def set_initial_weights(engine: Engine, m: Moments, shares: list[list[float]]) -> None:
    """Scale weights that were drawn from N(0, 1), and set the biases.

    The weights of a layer get the variance 2 / (inputs + outputs) (Glorot, Bengio, "Understanding
    the difficulty of training deep feedforward neural networks", 2010). The biases are 0, but those
    of the output layers give each column its mean and variance, or the shares of its levels. A
    column that does not vary gets no other weights than its bias.
    """
    weights = engine.arrays("weights")
    for name, array in weights.items():
        if name.endswith(".weight"):
            array *= np.float32(np.sqrt(2.0 / sum(array.shape)))
        else:
            array[:] = 0.0
    units, blocks = engine.units, engine.settings["likelihood"]
    families = np.array(families_of(blocks, units))
    mean = (m.mean - units.location) * units.scale
    variance = (m.spread * units.scale) ** 2
    for family in dict.fromkeys(families):
        own = np.flatnonzero(families == family)
        if family in LEVEL_LIKELIHOODS:
            each = [starting_levels(family, shares[j]) for j in own]
            outputs = [np.concatenate(parts) for parts in zip(*each, strict=True)]
        else:
            outputs = list(starting_outputs(family, mean[own], variance[own]))
        prefix = "decoder." if isinstance(blocks, str) or len(blocks) == 1 else f"decoder.{family}."
        constant = m.constant[own] & (SUPPORTS[family] == "real")
        for output, values in zip(OUTPUTS[family], outputs, strict=True):
            weights[f"{prefix}{output}.bias"][:] = values
            if f"{prefix}{output}.weight" in weights and constant.any():
                weights[f"{prefix}{output}.weight"][:, constant] = 0.0
    engine.set_arrays(weights, "weights")


def level_shares(data: Data, families: list[str], exchange: Exchange) -> list[list[float]]:
    """Return the shares of the levels of each column, with one more of each; [] for numbers."""
    shares: list[list[float]] = [[] for _ in families]
    for j, (family, n_levels) in enumerate(zip(families, data.n_levels, strict=True)):
        if family in LEVEL_LIKELIHOODS:
            codes = data.X[:, j]
            own = np.bincount(codes[~np.isnan(codes)].astype(np.intp), minlength=n_levels)
            counts = np.sum(exchange.gather(own), axis=0) + 1.0
            shares[j] = (counts / counts.sum()).tolist()
    return shares


def keep_posterior_as_prior(engine: Engine, forgetting: float) -> None:
    """Make the posterior of each weight its prior, with `forgetting` times its precision.

    The precision does not go below ``weight_decay``, that of the first prior.
    """
    engine.keep_posterior_as_prior()
    if forgetting < 1.0:
        highest = -0.5 * np.log(np.float32(engine.settings["weight_decay"]))
        wider = {
            name: np.minimum(log_sd - np.float32(0.5 * np.log(forgetting)), highest)
            for name, log_sd in engine.arrays("prior_log_sd").items()
        }
        engine.set_arrays(wider, "prior_log_sd")
