"""Engines under test, without an estimator around them."""

import numpy as np
from hooks import kernels

from aevb import _core
from aevb.core.engine import Rows

SETTINGS = {
    "n_components": 2,
    "hidden_layer_sizes": [5],
    "activation": "tanh",
    "likelihood": "bernoulli",
    "bound_estimator": "analytic-kl",
    "n_draws": 1,
    "optimizer": "sgd",
    "learning_rate": 0.05,
    "weight_decay": 0.0,
    "init_scale": 0.3,
    "batch_size": 10,
    "binarize": "none",
    "seed": 5,
}


def engine(n_visible, scale=1.0, **changes):
    config = _core.Config(n_visible=n_visible, **SETTINGS | changes)
    places, levels = layout(config)
    units = [0.0] * len(levels), [scale] * len(levels)
    if not any(levels):
        return _core.Model(config, *units)
    return _core.Model(config, *units, places=places, levels=levels)


def layout(config):
    """The place in x and the number of levels of each column of the data; 0: a number."""
    settings, levels = config.as_dict(), []
    if isinstance(settings["likelihood"], str):
        levels = [0] * settings["n_visible"]
    else:
        for _, size in settings["likelihood"]:
            levels += [0] * size if isinstance(size, int) else size
    return [sum(max(1, n) for n in levels[:i]) for i in range(len(levels))], levels


def data_of(model, x):
    """Rows of x as the data that a model made by `engine` reads: levels have their codes."""
    data = []
    for place, n_levels in zip(*layout(model.config), strict=True):
        own = x[:, place : place + max(1, n_levels)]
        code = own.argmax(1) if n_levels > 0 else own[:, 0]  # of a missing variable: of its NaN
        data.append(np.where(np.isnan(own[:, 0]), np.float32(np.nan), code))
    return np.float32(data).T.copy()


def train(model, X, n_threads=1, **changes):
    """Train on an epoch, or on the slice of it that `changes` give. Return the engine's answer."""
    part = {"begin": 0, "size": len(X), "split": False, "epoch": 0, "position": 0}
    part |= {"max_steps": 10**9, "max_seconds": 1e9, "n_train": len(X)}
    return model.train(Rows(X), n_threads=n_threads, **part | changes)


def order(model, n_rows, *, begin=0, size=None, split=False, epoch=0):
    """Return the rows of the data in the order of an epoch."""
    seed, size = model.config.as_dict()["seed"], n_rows if size is None else size
    rows = begin + kernels.permutation(seed, epoch, size, 7)
    return kernels.permutation(seed, 0, n_rows, 6)[rows] if split else rows


def draws(seed, step, purpose, first_row, n_rows, n_cols, n_draws):
    """Normal noise of consecutive rows, (draws, rows, columns). Each draw begins a block of four.

    For noise by a row's content, `step` and `first_row` are the high and low words of the row's id.
    """
    width = -(-n_cols // 4) * 4
    noise = kernels.normal(seed, step, purpose, first_row, n_rows, n_draws * width)
    return noise.reshape(n_rows, n_draws, width)[:, :, :n_cols].swapaxes(0, 1).copy()
