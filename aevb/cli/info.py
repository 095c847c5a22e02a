"""``aevb info``: what is installed and in use, or what a model's file holds."""

from __future__ import annotations

import argparse
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aevb.cli.columns import feature_names, summary, table_of
from aevb.cli.files import load_model
from aevb.estimators.parameters import signature

if TYPE_CHECKING:
    from aevb.estimators.base import LatentVariableModel


def add(commands: Any) -> None:
    """Add the command to the parsers of ``aevb``."""
    parser = commands.add_parser(
        "info", help="describe a model; without one, versions, instruction set, threads and BLAS"
    )
    parser.add_argument(
        "model", metavar="MODEL", type=Path, nargs="?", help="a model written by fit"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Run the command."""
    model = None if args.model is None else load_model(args.model)
    for name, value in (_installation() if model is None else _description(model)).items():
        print(f"{name:13} {value}")
    if model is not None:
        columns = model.columns_
        # A table of columns that are all alike and without names would tell nothing new.
        if feature_names(model) is not None or len({column[1:] for column in columns}) > 1:
            print(*table_of(columns), sep="\n")


def _description(model: LatentVariableModel) -> dict[str, str]:
    chosen = [
        f"{name}={getattr(model, name)!r}"
        for name, parameter in signature(type(model)).items()
        if getattr(model, name) != parameter.default
    ]
    history = model.history_
    held_out = [bound for bound in history["validation_bound"] if not math.isnan(bound)]
    bounds = [
        f"{part} {found[-1]:.2f}"
        for part, found in (("train", history["train_bound"]), ("validation", held_out))
        if found
    ]
    return {
        "class": type(model).__name__,
        "parameters": f"{', '.join(chosen) or 'none'} (others have their defaults)",
        "columns": summary(model.columns_),
        "rows seen": f"{model.n_samples_seen_:,}",
        "epochs": str(len(history["seconds"])),
        "last bounds": f"{', '.join(bounds)} nats per row" if bounds else "none yet",
    }


def _installation() -> dict[str, str]:
    import scipy.linalg  # loads the BLAS that threadpoolctl then finds
    import threadpoolctl

    from aevb.core.engine import backend, backend_names, max_threads

    blas = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
    folder = Path(scipy.__file__).parent.parent
    # NumPy's wheels contain a BLAS too. SciPy's own is in one of SciPy's folders.
    blas.sort(key=lambda pool: not os.path.relpath(pool["filepath"], folder).startswith("scipy"))
    found = "{internal_api} {version}".format(**blas[0]) if blas else "unknown to threadpoolctl"
    return {
        "aevb": version_of("aevb"),
        "backend": f"{backend()} (available: {', '.join(backend_names())})",
        "threads": str(max_threads()),
        "SciPy's BLAS": found,
        "python": sys.version.split()[0],
        "numpy": version_of("numpy"),
        "scipy": version_of("scipy"),
        "scikit-learn": version_of("scikit-learn"),
    }


def version_of(package: str) -> str:
    """Return the version of an installed package."""
    from importlib import metadata

    return metadata.version(package)
