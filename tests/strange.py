"""Whatever a caller might pass: data in strange containers, and values that no parameter allows."""

import decimal
import fractions
import tempfile
import warnings
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp
from hypothesis import strategies as st

# Scalars and other values. Legal integers among them are small, so that no call takes long.
VALUES = [
    None, True, False, 0, -1, 1, 2, 3, 1.0, 0.5, 1.5, -0.5, float("nan"), float("inf"),
    float("-inf"), 1e-300, 1e300, 1e-40, -(2**31), 2**31, 2**32, 2**63, 2**64, -(2**63), 10**30,
    np.int64(2), np.uint8(3), np.float32(0.5), np.float64("nan"), np.bool_(True), np.array(2),
    np.array([1, 2]), np.array([]), np.array(["a"]), "x", "", "\0", "auto", "none", b"x", [], (),
    [1], (2, 3), [0], [-1], [1.5], [[2]], ["x"], [None], {}, {1: 2}, {3}, range(2), object(), 1j,
    fractions.Fraction(1, 2), decimal.Decimal("0.5"), decimal.Decimal("NaN"), pd.NA, pd.NaT,
    np.datetime64("2020-01-01"), np.ma.masked, int, len, iter([2]), float, Ellipsis,
    "adam", "tanh", "gaussian", "threshold", "analytic-kl", "float32", "mean", "prior", "linear",
]  # fmt: skip


class Strange(NamedTuple):
    """Data as a caller passes them, and the same as a plain float64 array if that is possible."""

    X: Any
    plain: Any
    what: str


def values():
    return st.sampled_from(VALUES)


def unit(rng, shape):
    return rng.random(shape)


def binary(rng, shape):
    return rng.integers(0, 2, shape).astype(float)


def normal(rng, shape):
    return rng.standard_normal(shape)


def whole(rng, shape):
    return rng.integers(0, 256, shape).astype(float)


def subnormal(rng, shape):
    return rng.random(shape) * 1e-39


def tiny(rng, shape):
    return rng.random(shape) * 5e-324


def huge(rng, shape):
    return rng.standard_normal(shape) * 1e36


def beyond_float32(rng, shape):
    return rng.standard_normal(shape) * 1e300


def constant(rng, shape):
    return np.full(shape, rng.choice([0.0, -0.0, 1.0, 0.5, -3.0]))


def with_nan(rng, shape):
    x = np.asarray(rng.random(shape))
    if x.size:
        x.flat[rng.integers(x.size)] = rng.choice([np.nan, np.inf, -np.inf])
    return x


MAKERS = (unit, unit, binary, normal, whole, subnormal, tiny, huge, beyond_float32, constant,
          with_nan)  # fmt: skip
DTYPES = [
    "f8", "f4", "f2", "g", "?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "q", "Q", ">f4",
    ">f8", ">i4", "c8", "c16", "O", "U8", "S8", "M8[s]", "m8[s]",
]  # fmt: skip


def contiguous(x):
    return x


def fortran(x):
    return np.asfortranarray(x)


def reversed_rows(x):
    return np.ascontiguousarray(x[::-1])[::-1] if x.ndim else x


def reversed_columns(x):
    return np.ascontiguousarray(x[..., ::-1])[..., ::-1] if x.ndim else x


def every_other(x):
    if x.ndim == 0:
        return x
    spread = np.zeros((2 * x.shape[0], *x.shape[1:]), x.dtype)
    spread[::2] = x
    return spread[::2]


def one_row_again_and_again(x):
    return np.broadcast_to(x[:1], x.shape) if x.ndim and len(x) else x


def one_column_again_and_again(x):
    return np.broadcast_to(x[..., :1], x.shape) if x.ndim and x.shape[-1] else x


def read_only(x):
    x = np.array(x)
    x.flags.writeable = False
    return x


def unaligned(x):
    if x.dtype.hasobject:
        return x
    raw = np.zeros(x.nbytes + 1, np.uint8)
    y = raw[1:].view(x.dtype).reshape(x.shape)
    y[...] = x
    return y


LAYOUTS = (contiguous, contiguous, fortran, reversed_rows, reversed_columns, every_other,
           one_row_again_and_again, one_column_again_and_again, read_only, unaligned)  # fmt: skip


def mangled(csr, rng):
    """Break the structure of a CSR matrix behind SciPy's back."""
    csr = csr.copy()
    if csr.nnz == 0:
        return csr
    at = int(rng.integers(csr.nnz))
    how = int(rng.integers(8))
    if how == 0:
        csr.indices[at] = rng.choice([-1, -(2**31), csr.shape[1], 2**31 - 1])
    elif how == 1:
        csr.indptr[int(rng.integers(1, len(csr.indptr)))] = rng.choice([-1, csr.nnz + 1, 2**31 - 1])
    elif how == 2:
        csr.indptr[0] = rng.choice([-1, 1])
    elif how == 3:
        csr.indptr = csr.indptr[: -int(rng.integers(1, len(csr.indptr)))]
    elif how == 4:
        csr.indices = csr.indices[:-1]
    elif how == 5:
        csr.data = csr.data[:-1]
    elif how == 6:
        csr.indptr = csr.indptr.astype(np.float64)
    else:
        csr.indptr[-1] = 0
    return csr


def mangled_columns(csc, rng):
    """Break the structure of a CSC matrix in the same way: it is the transpose of a CSR matrix."""
    bad = mangled(csc.T.tocsr(), rng)
    csc.data, csc.indices, csc.indptr = bad.data, bad.indices, bad.indptr
    return csc


def mangled_coordinates(coo, rng):
    if coo.nnz:
        index = (coo.row, coo.col)[int(rng.integers(2))]
        index[int(rng.integers(coo.nnz))] = rng.choice([-1, 10**6, -(2**31)])
    return coo


def shuffled(csr, rng):
    """Entries out of order and duplicated: legal, but not canonical."""
    coo = csr.tocoo()
    row = np.concatenate([coo.row, coo.row])
    col = np.concatenate([coo.col, coo.col])
    data = np.concatenate([coo.data, np.zeros_like(coo.data)])  # the sum is exact
    order = np.lexsort((rng.random(len(row)), row))
    indptr = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=csr.shape[0]))])
    return sp.csr_matrix((data[order], col[order], indptr), shape=csr.shape)


def with_long_indices(csr):
    csr = csr.copy()
    csr.indices, csr.indptr = csr.indices.astype(np.int64), csr.indptr.astype(np.int64)
    return csr


def masked(x, rng):
    return np.ma.masked_array(x, mask=rng.random(x.shape) < 0.3)


def in_a_file(x):
    with tempfile.TemporaryFile() as file:
        mapped = np.memmap(file, x.dtype, "w+", shape=x.shape)
    mapped[...] = x
    return mapped


SPARSE = {
    "csr": lambda x, rng: sp.csr_matrix(x),
    "csr array": lambda x, rng: sp.csr_array(x),
    "csc": lambda x, rng: sp.csc_matrix(x),
    "coo": lambda x, rng: sp.coo_matrix(x),
    "lil": lambda x, rng: sp.lil_matrix(x),
    "long indices": lambda x, rng: with_long_indices(sp.csr_matrix(x)),
    "shuffled": lambda x, rng: shuffled(sp.csr_matrix(x), rng),
    "mangled": lambda x, rng: mangled(sp.csr_matrix(x), rng),
    "mangled csc": lambda x, rng: mangled_columns(sp.csc_matrix(x), rng),
    "mangled coo": lambda x, rng: mangled_coordinates(sp.coo_matrix(x), rng),
}
OTHERS = {
    "list": lambda x, rng: x.tolist(),
    "frame": lambda x, rng: pd.DataFrame(x),
    "named frame": lambda x, rng: pd.DataFrame(x, columns=list("abcdefgh")[: x.shape[1]]),
    "odd names": lambda x, rng: pd.DataFrame(x, columns=[1, "b", "c", "d", "e"][: x.shape[1]]),
    "nullable frame": lambda x, rng: pd.DataFrame(x).convert_dtypes(),
    "matrix": lambda x, rng: np.asmatrix(x),
    "masked": masked,
    "unmasked": lambda x, rng: np.ma.masked_array(x),
    "ragged": lambda x, rng: [*x.tolist(), [1.0]],
    "structured": lambda x, rng: np.zeros(len(x), [("a", "f4"), ("b", "f4")]),
    "objects": lambda x, rng: np.array([[object()] * x.shape[1]] * len(x)).reshape(x.shape),
}
SAME = {"list", "frame", "named frame", "nullable frame", "unmasked"} | {
    k for k in SPARSE if "mangled" not in k
}


def as_plain(x):
    """Return the values as a float64 array if they are real numbers that it can hold, else None."""
    if x.dtype.kind not in "fiub":
        return None
    with np.errstate(over="ignore"):
        plain = np.ascontiguousarray(x, np.float64)
    return plain if x.dtype.kind == "f" or np.all(np.abs(plain) < 2**24) else None


@st.composite
def data(draw, n_columns):
    """Draw a `Strange`. Two in three have the right number of columns and some rows."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.sampled_from([3, 3, 1, 2, 5, 0]))
    shape = draw(
        st.sampled_from(
            [(n, n_columns)] * 8
            + [(n, n_columns + 1), (n, n_columns - 1), (n, 0), (n_columns,), (), (n, n_columns, 1)]
        )
    )
    dtype, layout = draw(st.sampled_from([*DTYPES, *["f4", "f8", "u1"] * 6])), contiguous
    maker = draw(st.sampled_from(MAKERS))
    with np.errstate(all="ignore"):
        x = np.asarray(maker(rng, shape))
        if np.dtype(dtype).kind in "iuMm":
            x = np.nan_to_num(np.clip(x, 0 if np.dtype(dtype).kind == "u" else -100, 100))
        try:
            x = x.astype(dtype)
        except (TypeError, ValueError):
            x = x.astype("U8").astype(dtype, copy=False) if dtype in ("S8", "O") else x
    container = draw(st.sampled_from(["array"] * 12 + [*SPARSE, *OTHERS, "memmap", "value"]))
    what = f"{maker.__name__} {dtype} {shape} {container}"
    if container == "value":
        value = draw(values())
        return Strange(value, None, f"the value {value!r}")
    if container == "memmap" and x.nbytes and not x.dtype.hasobject:
        return Strange(in_a_file(x), as_plain(x) if x.ndim == 2 else None, what)
    if container in ("array", "memmap") or x.ndim != 2:
        layout = draw(st.sampled_from(LAYOUTS))
        y = layout(x)
        return Strange(y, as_plain(y) if y.ndim == 2 else None, f"{what} {layout.__name__}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            y = (SPARSE | OTHERS)[container](x, rng)
    except (TypeError, ValueError, OverflowError):  # SciPy or pandas cannot represent this
        return Strange(x, as_plain(x), f"{what}, no: array")
    return Strange(y, as_plain(x) if container in SAME else None, what)
