"""Skipping zeros changes nothing: the same bits as data whose zeros are too small to matter."""

import numpy as np
import pytest
from scipy import sparse

from aevb import AEVB

# Adding 1e-30 times anything of ordinary size to a sum leaves it as it was, but it is not zero: the
# engine does such rows whole.
ALMOST_ZERO = np.float32(1e-30)


def images(rng, n, d):
    """Mostly zeros: some columns always, whole stretches per row, single pixels in between."""
    x = rng.random((n, d), dtype=np.float32)
    x[:, rng.random(d) < 0.3] = 0
    for row in x:
        start, stop = sorted(rng.integers(0, d + 1, 2))
        row[:start] = 0
        row[stop:] = 0
    x[rng.random((n, d)) < 0.3] = 0
    x[rng.integers(n)] = 0
    return x


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize(
    ("n", "d", "batch_size"),
    [
        (1, 1, 50),
        (7, 3, 50),
        (10, 64, 50),
        (23, 321, 50),
        (100, 784, 50),
        (37, 1025, 50),
        (1700, 130, 1201),
    ],
)
def test_training_and_scores_have_the_bits_of_dense_data(isa, n, d, batch_size, n_threads):
    x = images(np.random.default_rng(n * d), n, d)
    filled = np.where(x == 0, ALMOST_ZERO, x)
    models = [
        AEVB(
            3,
            hidden_layer_sizes=(70,),
            likelihood="bernoulli",
            batch_size=batch_size,
            n_epochs=3,
            n_threads=n_threads,
            random_state=0,
        ).fit(data)
        for data in (x, filled)
    ]
    for name, weight in models[0].weights_.items():
        np.testing.assert_array_equal(weight, models[1].weights_[name], err_msg=name)
    np.testing.assert_array_equal(models[0].transform(x), models[0].transform(filled))


def test_a_row_full_of_ones_among_empty_ones(isa):
    """The first row of a block decides nothing about the others."""
    x = np.zeros((40, 130), dtype=np.float32)
    x[::10] = 1
    x[3, 7] = 1
    model = AEVB(2, hidden_layer_sizes=(9,), n_epochs=2, random_state=0).fit(x)
    one_by_one = np.concatenate([model.transform(x[i : i + 1]) for i in range(len(x))])
    np.testing.assert_allclose(model.transform(x), one_by_one, rtol=2e-5, atol=1e-6)


def test_strided_csr_vectors_are_read_as_scipy_reads_them():
    """SciPy keeps the views it is given; the values between theirs must not be read."""
    rng = np.random.default_rng(0)
    plain = sparse.random_array((50, 20), density=0.3, format="csr", dtype=np.float32, rng=rng)
    plain.indices, plain.indptr = plain.indices.astype("i4"), plain.indptr.astype("i4")
    model = AEVB(2, hidden_layer_sizes=(9,), n_epochs=2, random_state=0).fit(plain)
    data = np.full(2 * plain.nnz, 1e9, dtype=np.float32)
    indices = np.full(2 * plain.nnz, 10**9, dtype=np.int32)
    data[::2], indices[::2] = plain.data, plain.indices
    strided = sparse.csr_matrix((data[::2], indices[::2], plain.indptr), shape=plain.shape)
    np.testing.assert_array_equal(model.transform(strided), model.transform(plain))


def test_duplicate_csr_entries_count_as_their_sum():
    values, rows, columns = np.float32([0.6, 0.6, 0.2]), [0, 0, 1], [2, 2, 1]
    x = sparse.coo_matrix((values, (rows, columns)), shape=(2, 4))
    doubled = sparse.csr_matrix((values, np.int32([2, 2, 1]), np.int32([0, 2, 3])), shape=(2, 4))
    assert doubled.nnz == 3
    model = AEVB(1, hidden_layer_sizes=(3,), likelihood="gaussian", n_epochs=1, random_state=0)
    model.fit(x.toarray())
    np.testing.assert_array_equal(model.transform(doubled), model.transform(x.toarray()))
    assert doubled.nnz == 3, "the caller's matrix was changed"
    with pytest.raises(ValueError, match=r"X: got values from 0 to 1\.2"):
        AEVB(likelihood="bernoulli").fit(doubled)
