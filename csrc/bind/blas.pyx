# cython: language_level=3
"""The address of SciPy's sgemm, for machines that the core has no tuned kernels for."""

from cpython.pycapsule cimport PyCapsule_New
from scipy.linalg.cython_blas cimport sgemm


def capsule():
    """The address of `sgemm`, Fortran's calling convention."""
    return PyCapsule_New(<void*>sgemm, "aevb.sgemm", NULL)
