"""The initial weights with ``init_scale="auto"``, and a posterior of weights as their prior."""

from __future__ import annotations

import numpy as np

from aevb.core.catalogue import SUPPORTS
from aevb.core.engine import Engine, starting_outputs
from aevb.data.moments import Moments


def set_initial_weights(engine: Engine, likelihood: str, m: Moments) -> None:
    """Scale weights that were drawn from N(0, 1), and set the biases.

    The weights of a layer get the variance 2 / (inputs + outputs) (Glorot, Bengio, "Understanding
    the difficulty of training deep feedforward neural networks", 2010). The biases are 0, but those
    of the output layers give each column its mean and variance. A column that does not vary gets
    no other weights than its bias.
    """
    units = engine.units
    mean = (m.mean - units.location) * units.scale
    variance = (m.spread * units.scale) ** 2
    constant = m.constant & (SUPPORTS[likelihood] == "real")
    weights = engine.arrays("weights")
    names = [name for name in weights if name.endswith(".weight")]
    n_outputs = len(outputs := starting_outputs(likelihood, mean, variance))
    last = names[-n_outputs:]  # the output layers come last
    for name in names:
        weight, bias = weights[name], weights[name.replace(".weight", ".bias")]
        weight *= np.float32(np.sqrt(2.0 / sum(weight.shape)))
        bias[:] = 0.0
        if name in last:
            bias[:] = outputs[last.index(name)]
            weight[:, constant] = 0.0
    engine.set_arrays(weights, "weights")


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
