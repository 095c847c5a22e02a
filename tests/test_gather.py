"""Every number of X reaches the network as float32(number) times the scale, to the last bit.

A model whose encoder is the identity shows what it has read: transform(X) returns it. Its numbers
are sums of one product by 1 and of zeros, which no instruction set rounds.
"""

import functools

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from aevb import AEVB, _core
from aevb.core.engine import Config, Engine, Rows
from aevb.core.units import Units

N, D = 37, 9
SCALES = [1.0, 1 / 254, 3.0]  # models of 1/255 warn of dark pixels


@functools.cache
def mirror(scale, n_columns=D):
    """A fitted model whose `transform` returns what it reads."""
    settings = {"activation": "relu", "likelihood": "gaussian", "n_epochs": 1, "random_state": 0}
    model = AEVB.published(n_columns, hidden_layer_sizes=(2 * n_columns,), scale=scale, **settings)
    model.fit(np.zeros((2, n_columns)))
    weights = {name: np.zeros_like(w) for name, w in model.weights_.items()}
    one = np.eye(n_columns)
    weights["encoder.hidden0.weight"] = np.hstack([one, -one])  # relu keeps one sign of each
    weights["encoder.mean.weight"] = np.vstack([one, -one])
    return model.set_weights(weights)


def expected(X, scale):
    return np.asarray(X).astype(np.float32) * np.float32(scale)


def same(got, want):
    """Compare bit by bit, except for the sign of a zero, which the identity loses."""
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, want)


def numbers(dtype, shape=(N, D)):
    """Numbers over the whole range of a type, with its ends and many zeros."""
    rng, dtype = np.random.default_rng(0), np.dtype(dtype)
    if dtype.kind == "b":
        return rng.random(shape) < 0.5
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        X = rng.integers(info.min, info.max, shape, dtype.newbyteorder("="), endpoint=True)
        X >>= rng.integers(0, 8 * dtype.itemsize, shape).astype(X.dtype)  # numbers of every size
        ends = [info.min, info.max, info.max - 1, 1]
    else:
        X = rng.standard_normal(shape) * 10.0 ** rng.integers(-30, 31, shape)
        ends = [3e36, -3e36, 1.0, -1.0]
    X[rng.random(shape) < 0.4] = 0
    X[0, :4] = X[-1, -4:] = ends
    return X.astype(dtype)


def strided(X):
    """Every third row and every second column of an array whose other cells are wrong."""
    wide = np.full((3 * len(X), 2 * X.shape[1]), 7, X.dtype)
    wide[2::3, 1::2] = X
    return wide[2::3, 1::2]


def columns_apart(X):
    """Columns of rows of records, of 40 bytes or more: no stride is the item's size."""
    wide = np.full((len(X), X.shape[1], 5), 3, X.dtype)
    wide[:, :, 2] = X
    return wide[:, :, 2]


def read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


def unaligned(X):
    raw = np.zeros(X.nbytes + 1, np.uint8)[1:].view(X.dtype).reshape(X.shape)
    raw[:] = X
    return raw


def csr(X, index_type=np.int32):
    """Everything that can be stored: explicit zeros, an empty row, and rows that are not."""
    stored = (X != 0) | (np.random.default_rng(1).random(X.shape) < 0.2)
    stored[len(X) // 2] = stored[-1] = False
    stored[0] = True
    rows, columns = np.nonzero(stored)
    indptr = np.concatenate([[0], np.cumsum(stored.sum(1))])
    m = sp.csr_array((X[rows, columns], columns, indptr), shape=X.shape)
    m.indices, m.indptr = m.indices.astype(index_type), m.indptr.astype(index_type)
    return m


LAYOUTS = {
    "contiguous": np.ascontiguousarray,
    "fortran": np.asfortranarray,
    "strided": strided,
    "columns apart": columns_apart,
    "reversed": lambda X: X[::-1, ::-1].copy()[::-1, ::-1],
    "read-only": read_only,
    "unaligned": unaligned,
    "one row": lambda X: np.broadcast_to(X[0], X.shape),
    "one column": lambda X: np.broadcast_to(X[:, :1], X.shape),
    "byte-swapped": lambda X: X.astype(X.dtype.newbyteorder("S")),
    "frame": pd.DataFrame,
    "csr": csr,
    "long csr": lambda X: csr(X, np.int64),
    "csc": sp.csc_array,
    "coo": sp.coo_matrix,
}
DTYPES = ["?", "b", "B", "h", "H", "i", "I", "l", "L", "q", "Q", "f", "d"]


def dense(X):
    return X.toarray() if sp.issparse(X) else np.asarray(X)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_number_is_rounded_once_and_scaled_once(layout, dtype):
    """This includes integers of 32 and 64 bits above 2^24, which float32 does not hold."""
    X = numbers(dtype)
    given = LAYOUTS[layout](X)
    for scale in SCALES:
        same(mirror(scale).transform(given), expected(dense(given), scale))


@pytest.mark.parametrize("dtype", ["e", "g", "O"])
def test_types_that_are_converted_first(dtype):
    X = np.random.default_rng(0).standard_normal((N, D)).astype(dtype)
    same(mirror(3.0).transform(X), expected(X.astype(np.float64), 3.0))


def test_a_float64_is_rounded_before_it_is_scaled():
    """Midway between two float32 numbers, the two orders differ."""
    X = np.random.default_rng(0).random((200, D))
    once = (X * np.float64(np.float32(1 / 254))).astype(np.float32)
    assert (expected(X, 1 / 254) != once).any()
    same(mirror(1 / 254).transform(X), expected(X, 1 / 254))


@pytest.mark.parametrize("make", [np.ascontiguousarray, csr])
def test_a_negative_zero_is_a_zero(make):
    """It is in range for every likelihood, and equal to the other zero."""
    X = np.random.default_rng(0).integers(0, 2, (N, D)).astype(float)
    X[::2] = 0
    negative = np.where(X == 0, -0.0, X)
    same(mirror(1.0).transform(make(negative)), expected(X, 1))
    model = AEVB.published(2, hidden_layer_sizes=(3,), n_epochs=1, random_state=0).fit(negative)
    twin = AEVB.published(2, hidden_layer_sizes=(3,), n_epochs=1, random_state=0).fit(X)
    assert (model.likelihood_, twin.likelihood_) == ("bernoulli", "bernoulli")
    np.testing.assert_array_equal(model.transform(make(negative)), twin.transform(X))


@pytest.mark.parametrize("index_type", [np.int32, np.int64])
def test_csr_of_nothing_and_of_single_entries(index_type):
    X = np.zeros((5, D))
    same(mirror(1.0).transform(csr(X, index_type)), expected(X, 1))
    X[3, D - 1], X[4, 0] = 2.5, -1.5
    for m in (csr(X, index_type)[:-1], sp.csr_array(X)):
        same(mirror(2.0).transform(m), expected(m.toarray(), 2))
    same(mirror(1.0, 1).transform(sp.csr_array(np.float32([[4], [0]]))), np.float32([[4], [0]]))


# --------------------------------------------------------------------------- the core's own rows
def core_mirror(units=None):
    config = {"n_visible": D, "n_components": D, "hidden_layer_sizes": [D], "binarize": "none"}
    config |= {"activation": "identity", "likelihood": "gaussian", "bound_estimator": "analytic-kl"}
    config |= {"n_draws": 1, "optimizer": "sgd", "learning_rate": 1, "weight_decay": 0, "seed": 0}
    model = Engine(Config(**config, init_scale=0, batch_size=1), units)
    weights = model.arrays("weights")
    weights["encoder.hidden0.weight"][:] = weights["encoder.mean.weight"][:] = np.eye(D)
    model.set_arrays(weights, "weights")
    return model


def test_scale_is_one_unless_given():
    X, m = numbers("f"), csr(numbers("f"))
    model, double = core_mirror(), core_mirror(Units.common(D, 2.0))
    same(model.encode(Rows(X), n_threads=1), X)
    same(double.encode(Rows(X), n_threads=1), 2 * X)
    vectors = m.data, m.indices, m.indptr, D
    same(model.encode(Rows.csr(*vectors), n_threads=1), m.toarray())
    same(double.encode(Rows.csr(*vectors), n_threads=1), 2 * m.toarray())
    assert Rows(X).shape == Rows.csr(*vectors).shape == (N, D)


def test_a_value_is_clipped_within_the_slack_of_its_range():
    X, model = np.float32([[-1e-3, 0, 0.5, 1, 1.001, 1, 0, 0, 0]]), core_mirror()
    same(model.encode(Rows(X, (0.0, 1.0, 0.0011)), n_threads=1), np.clip(X, 0, 1))
    with pytest.raises(_core.OutOfRangeError):
        model.encode(Rows(X, (0.0, 1.0, 0.0009)), n_threads=1)


@pytest.mark.parametrize("index_type", [np.int32, np.int64])
def test_the_core_reads_both_types_of_indices(index_type):
    """SciPy makes indices short where it can, so other tests rarely have long ones."""
    m, model = csr(numbers("d"), index_type), core_mirror()
    assert m.indices.dtype == m.indptr.dtype == index_type
    same(
        model.encode(Rows.csr(m.data, m.indices, m.indptr, D), n_threads=1), m.toarray().astype("f")
    )


def test_only_a_given_range_is_looked_at_and_its_ends_are_in_it():
    X = np.tile(np.linspace(0, 1, D, dtype=np.float32), (N, 1))
    for scale in (1.0, 4.0):
        model = core_mirror(Units.common(D, scale))
        for low, high in ((0.0, scale), (-1.0, scale), (0.0, 2 * scale)):
            same(model.encode(Rows(X, (low, high, 0.0)), n_threads=1), scale * X)
        for low, high in ((1e-30, scale), (0.0, np.nextafter(scale, 0, dtype=np.float32))):
            with pytest.raises(_core.OutOfRangeError):
                model.encode(Rows(X, (low, high, 0.0)), n_threads=1)


def test_the_core_says_what_it_cannot_read():
    X, m = numbers("d"), csr(numbers("d"))
    for bad, said in [
        (X[0], "X: got shape .*, want two dimensions"),
        (X.astype(complex), "X: got dtype complex128"),
        (np.zeros((2, D), "e"), "X: got dtype float16"),
        (X.astype(object), "X: got dtype object"),
        (X.astype(">f8"), "X: want the machine's byte order"),
        (unaligned(X), "X: want an aligned array"),
    ]:
        with pytest.raises(ValueError, match=said):
            Rows(bad)
    for data, indices, indptr, said in [
        (m.data[::2], m.indices[::2], m.indptr, "contiguous"),
        (m.data[:-1], m.indices, m.indptr, "do not fit together"),
        (m.data, m.indices, m.indptr[:0], "do not fit together"),
        (m.data, m.indices.astype(np.int64), m.indptr, "indices of one type"),
        (m.data, m.indices.astype(np.uint32), m.indptr.astype(np.uint32), "indices of one type"),
        (m.data.astype(complex), m.indices, m.indptr, "X.data: got dtype complex128"),
        (m.data[None], m.indices, m.indptr, "three vectors"),
        (m.data, m.indices, m.indptr[None], "three vectors"),
    ]:
        with pytest.raises(ValueError, match=said):
            Rows.csr(data, indices, indptr, D)


def test_rows_keep_their_arrays_alive():
    rows = [Rows(numbers("d").copy()), Rows.csr(*(v.copy() for v in vectors()), D)]
    junk = [np.full((N, D), 5.0) for _ in range(20)]  # would reuse freed memory
    for r, want in zip(rows, (numbers("d"), csr(numbers("d")).toarray()), strict=True):
        same(core_mirror().encode(r, n_threads=1), expected(want, 1))
    assert len(junk) == 20


def vectors():
    m = csr(numbers("d"))
    return m.data, m.indices, m.indptr
