"""``aevb info``: the versions, the backend, the number of threads and the BLAS library."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """Add the command to the parsers of ``aevb``."""
    parser = commands.add_parser("info", help="versions, instruction set, threads and BLAS")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Run the command."""
    import scipy.linalg  # loads the BLAS that threadpoolctl then finds
    import threadpoolctl

    from aevb.core.engine import backend, backend_names, max_threads

    blas = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
    folder = Path(scipy.__file__).parent.parent
    # NumPy's wheels contain a BLAS too. SciPy's own is in one of SciPy's folders.
    blas.sort(key=lambda pool: not os.path.relpath(pool["filepath"], folder).startswith("scipy"))
    found = "{internal_api} {version}".format(**blas[0]) if blas else "unknown to threadpoolctl"
    facts = {
        "aevb": version_of("aevb"),
        "backend": f"{backend()} (available: {', '.join(backend_names())})",
        "threads": str(max_threads()),
        "SciPy's BLAS": found,
        "python": sys.version.split()[0],
        "numpy": version_of("numpy"),
        "scipy": version_of("scipy"),
        "scikit-learn": version_of("scikit-learn"),
    }
    for name, value in facts.items():
        print(f"{name:13} {value}")


def version_of(package: str) -> str:
    """Return the version of an installed package."""
    from importlib import metadata

    return metadata.version(package)
