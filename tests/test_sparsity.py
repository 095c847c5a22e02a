"""Skipping zeros changes nothing: the bits are those of data with tiny values in their place."""

import numpy as np
import pytest
from engines import engine, train
from hooks import kernels
from scipy import sparse
from teams import team_of

from aevb import AEVB, Evaluator
from aevb.core.engine import ARENAS, Rows

# If 1e-30 times an ordinary number is added to a sum, the sum stays as it was. But 1e-30 is not
# zero, so the engine does not skip such rows.
ALMOST_ZERO = np.float32(1e-30)


def images(rng, n, d):
    """Mostly zeros: some whole columns, long stretches in each row, single pixels in between."""
    x = rng.random((n, d), dtype=np.float32)
    x[:, rng.random(d) < 0.3] = 0
    for row in x:
        start, stop = sorted(rng.integers(0, d + 1, 2))
        row[:start] = 0
        row[stop:] = 0
    x[rng.random((n, d)) < 0.3] = 0
    x[rng.integers(n)] = 0
    return x


def arenas(model):
    """Weights and accumulators, as bytes."""
    arrays = {arena: model.arrays(arena) for arena in ARENAS}
    return {f"{a} {name}": w.tobytes() for a in arrays for name, w in arrays[a].items()}


@pytest.mark.parametrize(
    ("n", "d", "batch_size", "n_threads"),
    [
        (1, 1, 50, 3),
        (7, 3, 50, 1),
        (23, 321, 50, 1),
        (100, 784, 50, 3),
        (37, 1025, 50, 3),
        (1700, 130, 1201, 1),
        (1700, 130, 1201, 3),
    ],
)
def test_training_and_scores_have_the_bits_of_dense_data(isa, n, d, batch_size, n_threads):
    x = images(np.random.default_rng(n * d), n, d)
    filled = np.where(x == 0, ALMOST_ZERO, x)
    models = []
    for data in (x, filled):
        model = engine(d, hidden_layer_sizes=[70], batch_size=batch_size, optimizer="adagrad")
        with team_of(n_threads):
            for epoch in range(2):
                train(model, data, n_threads, epoch=epoch)
        models.append(model)
    assert arenas(models[0]) == arenas(models[1])
    with team_of(n_threads):
        codes = [models[0].encode(Rows(data), n_threads=n_threads) for data in (x, filled)]
    np.testing.assert_array_equal(*codes)


@pytest.mark.parametrize("weight_decay", [0.0, 1.0])
@pytest.mark.parametrize("optimizer", ["sgd", "adagrad", "adam"])
def test_every_optimizer_steps_on_rows_that_are_skipped(optimizer, weight_decay):
    """Some minibatches use an input, others do not, and some use none. The momentum continues.

    A gradient of 1e-30 shows only where there is no other. Adam divides it by at least 1e-8.
    """
    rng = np.random.default_rng(0)
    x = images(rng, 600, 47)
    x[rng.random(600) < 0.8] = 0
    filled = np.where(x == 0, ALMOST_ZERO, x)
    for batch_size in (8, 501):
        settings = {"batch_size": batch_size, "optimizer": optimizer, "weight_decay": weight_decay}
        models = [engine(47, **settings), engine(47, **settings)]
        for model, data in zip(models, (x, filled), strict=True):
            for epoch in range(2):
                train(model, data, epoch=epoch)
        for arena in ARENAS:
            skipped, whole = (model.arrays(arena) for model in models)
            for name, array in skipped.items():
                assert (np.abs(array - whole[name]) <= 1e-18).all(), f"{arena} {name}"
        assert arenas(engine(47, **settings)) != arenas(models[0])


def test_full_and_sparse_minibatches_take_turns():
    """What was found for one minibatch must not be used for the next."""
    n, d = 40, 25
    order = engine(d).config.as_dict()["seed"], 0, n
    x = np.random.default_rng(0).uniform(0.1, 1, (n, d)).astype(np.float32)
    for first in (0, 10):
        data = x.copy()
        for start in (first, first + 20):
            rows = kernels.permutation(*order)[start : start + 10]
            data[rows] = np.where(np.random.default_rng(1).random((10, d)) < 0.8, 0, data[rows])
        models = [engine(d), engine(d)]
        for model, rows in zip(models, (data, np.where(data == 0, ALMOST_ZERO, data)), strict=True):
            train(model, rows)
        assert arenas(models[0]) == arenas(models[1])


@pytest.mark.parametrize("n", [500, 501, 999, 1000, 1001])
def test_sums_of_many_rows_are_made_in_even_blocks(n):
    """The bits are the same whether the rows of a block are listed or not."""
    x = images(np.random.default_rng(n), n, 25)
    models = [engine(25, batch_size=n), engine(25, batch_size=n)]
    for model, data in zip(models, (x, np.where(x == 0, ALMOST_ZERO, x)), strict=True):
        train(model, data)
    assert arenas(models[0]) == arenas(models[1])


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_both_zeros_are_one(likelihood):
    """Noise follows from a row's content, and a sparse matrix does not keep a -0."""
    x = images(np.random.default_rng(0), 30, 21)
    negative = np.where(x == 0, np.float32(-0.0), x)
    assert np.signbit(negative).any()
    kept = sparse.csr_matrix(np.ones_like(x))
    kept.data[:] = negative.ravel()
    assert kept.nnz == x.size
    model = AEVB.published(
        2, hidden_layer_sizes=(5,), likelihood=likelihood, n_epochs=2, random_state=0
    )
    model.fit(x)
    forms = [x, negative, sparse.csr_matrix(x), kept]

    def said(data):
        bound, gradient = model.bound_and_gradient(data)
        evaluator = Evaluator(model, random_state=0)
        arrays = [bound, *gradient.values(), model.score_samples(data), model.transform(data)]
        arrays.append(evaluator.bound(data, n_draws=2).per_row)
        return [a.tobytes() for a in arrays]

    expected = said(x)
    for data in forms[1:]:
        assert said(data) == expected
    weights = [
        AEVB.published(
            2, hidden_layer_sizes=(5,), likelihood=likelihood, n_epochs=2, random_state=0
        )
        .fit(data)
        .weights_
        for data in forms
    ]
    for other in weights[1:]:
        for name, w in weights[0].items():
            np.testing.assert_array_equal(w, other[name])


def test_a_row_full_of_ones_among_empty_ones(isa):
    """The first row of a block says nothing about the others."""
    x = np.zeros((40, 130), dtype=np.float32)
    x[::10] = 1
    x[3, 7] = 1
    model = AEVB.published(2, hidden_layer_sizes=(9,), n_epochs=2, random_state=0).fit(x)
    one_by_one = np.concatenate([model.transform(x[i : i + 1]) for i in range(len(x))])
    np.testing.assert_allclose(model.transform(x), one_by_one, rtol=2e-5, atol=1e-6)


def test_strided_csr_vectors_are_read_as_scipy_reads_them():
    """SciPy keeps the views that it is given. The values between theirs must not be read."""
    rng = np.random.default_rng(0)
    plain = sparse.random_array((50, 20), density=0.3, format="csr", dtype=np.float32, rng=rng)
    plain.indices, plain.indptr = plain.indices.astype("i4"), plain.indptr.astype("i4")
    model = AEVB.published(2, hidden_layer_sizes=(9,), n_epochs=2, random_state=0).fit(plain)
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
    model = AEVB.published(
        1, hidden_layer_sizes=(3,), likelihood="gaussian", n_epochs=1, random_state=0
    )
    model.fit(x.toarray())
    np.testing.assert_array_equal(model.transform(doubled), model.transform(x.toarray()))
    assert doubled.nnz == 3, "the caller's matrix was changed"
    with pytest.raises(ValueError, match=r"X: got values from 0.0 to 1\.2"):
        AEVB.published(1, likelihood="bernoulli").fit(doubled)
