"""The compiled core, connected to the functions that gather data and to SciPy's BLAS."""

from __future__ import annotations

try:
    from aevb import _blas, _gather
    from aevb import _core as core
except ImportError as error:
    raise ImportError(
        "aevb's compiled core is missing. In a source checkout, run `pip install .` and start "
        "Python from another folder: it then imports the installed package and not the sources."
    ) from error

__all__ = ["core"]

core.set_gather(_gather.capsule())
core.set_sgemm(_blas.capsule())
core.backend()  # raises here, and not in the first fit, if AEVB_BACKEND is wrong
