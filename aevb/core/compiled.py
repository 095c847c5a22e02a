"""The compiled modules, wired up: data gather and SciPy's BLAS go into the core."""

from __future__ import annotations

try:
    from aevb import _blas, _gather
    from aevb import _core as core
except ImportError as error:
    raise ImportError(
        "aevb's compiled core is missing. In a source checkout, run `pip install .` and start "
        "Python from another folder, so that the installed package is imported, not the sources."
    ) from error

__all__ = ["core"]

core.set_gather(_gather.capsule())
core.set_sgemm(_blas.capsule())
core.backend()  # an AEVB_BACKEND that this machine lacks is an error now, not in the first fit
