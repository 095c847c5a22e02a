"""Headers of older versions of the model file."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from aevb.core.catalogue import SUPPORTS

# Parameters that did not exist in version 1, with the values that do what it did.
_ADDED_IN_2 = {"learning_rate_schedule": "constant", "early_stopping": False}


def up_to_date(header: dict[str, Any]) -> dict[str, Any]:
    """Return a header in the present version's form."""
    if header["format_version"] == 1:
        header = _from_1(header)
    return _from_2(header) if header["format_version"] <= 2 else header


def _from_2(header: dict[str, Any]) -> dict[str, Any]:
    """Add the parts of log_jacobian by column. Of constant columns each has the same."""
    units, config = header["units"], header["state"]["config"]
    scale = np.asarray(units["scale"], np.float64) + np.zeros(int(config["n_visible"]))
    parts = np.log(scale) if float(units["log_jacobian"]) != 0.0 else np.zeros_like(scale)
    constant = scale == 1.0
    if constant.any():
        parts[constant] = (float(units["log_jacobian"]) - parts.sum()) / constant.sum()
    added = {"log_jacobians": parts.tolist(), "places": [], "levels": []}
    return {**header, "units": {**units, **added}}


def _from_1(header: dict[str, Any]) -> dict[str, Any]:
    header = dict(header)
    history = header["history"]
    header["history"] = {**history, "held_out": [0] * len(history["seconds"])}
    scale = float(header.pop("input_scale"))
    config = header["state"]["config"]
    has_density = SUPPORTS[config["likelihood"]] == "real"
    log_jacobian = int(config["n_visible"]) * math.log(scale) if has_density else 0.0
    params = dict(header["params"])
    asked = params.pop("input_scale", "auto")
    params["scale"] = scale if asked == "auto" and has_density else asked
    if params.get("validation_fraction", 0.0) == 0.0:
        params["validation_fraction"] = "auto"
    else:
        params["early_stopping"] = params.get("patience") is not None
    header["params"] = _ADDED_IN_2 | params
    header["scale"] = scale
    header["units"] = {"location": 0.0, "scale": scale, "log_jacobian": log_jacobian}
    return header
