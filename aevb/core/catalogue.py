"""What there is to choose from, by name, and the weights that follow from a choice."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

LIKELIHOODS = ("bernoulli", "gaussian", "bounded-gaussian")
BOUND_ESTIMATORS = ("analytic-kl", "monte-carlo", "score-function")
OPTIMIZERS = ("adagrad", "sgd", "adam")
ACTIVATIONS = ("tanh", "relu", "softplus", "sigmoid")
BINARIZE = ("threshold", "dynamic")


def weight_shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return the shape of every array in ``weights_`` of a model with this configuration."""
    hidden = list(config["hidden_layer_sizes"])
    if not hidden:
        raise ValueError("it has no hidden layers")
    n_visible, n_latent = config["n_visible"], config["n_components"]
    layers: dict[str, tuple[int, int]] = {}
    sides = {"encoder": [n_visible, *hidden], "decoder": [n_latent, *hidden[::-1]]}
    if config.get("algorithm") == "monte-carlo-em":
        del sides["encoder"]
    else:
        layers["encoder.mean"] = layers["encoder.log_var"] = (hidden[-1], n_latent)
    for side, widths in sides.items():
        for i, shape in enumerate(pairwise(widths)):
            layers[f"{side}.hidden{i}"] = shape
    heads = ["logits"] if config["likelihood"] == "bernoulli" else ["mean", "log_var"]
    layers |= {f"decoder.{head}": (hidden[0], n_visible) for head in heads}
    shapes: dict[str, tuple[int, ...]] = {}
    for name, (n_in, n_out) in layers.items():
        shapes[f"{name}.weight"] = (n_in, n_out)
        shapes[f"{name}.bias"] = (n_out,)
    return shapes
