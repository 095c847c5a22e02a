"""transform and score of many rows, beside the machine's peak, and the call for a single row."""

from __future__ import annotations

import numpy as np
import pytest
from shapes import MAIN, dense_rows, mnist_like_rows
from workload import measure

from aevb import AEVB
from aevb._core import Rows

N_ROWS = 60_000


@pytest.fixture(scope="module", params=["dense", "mnist-like"])
def data(request):
    if request.param == "mnist-like":
        return np.tile(mnist_like_rows(N_ROWS // 6), (6, 1))
    return dense_rows(N_ROWS, MAIN.n_visible)


def published(**changes):
    options = {"hidden_layer_sizes": MAIN.hidden, "likelihood": "bernoulli", "random_state": 0}
    return AEVB.published(MAIN.n_components, **options | changes)


@pytest.fixture(scope="module")
def model(data):
    return published(n_epochs=2).fit(data[:2000])


@pytest.mark.parametrize("n_threads", [1, 2])
def test_transform(benchmark, model, data, n_threads):
    model.set_params(n_threads=n_threads)
    measure(benchmark, lambda: model.transform(data), N_ROWS * MAIN.encode_flops(), n_threads)
    Z = model.transform(data)
    assert Z.shape == (N_ROWS, MAIN.n_components)
    assert np.isfinite(Z).all()
    np.testing.assert_array_equal(Z, model.set_params(n_threads=3 - n_threads).transform(data))


@pytest.mark.parametrize("n_threads", [1, 2])
def test_score(benchmark, model, data, n_threads):
    model.set_params(n_threads=n_threads)
    flops = N_ROWS * sum(MAIN.forward_flops().values())
    measure(benchmark, lambda: model.score(data), flops, n_threads)
    score = model.score(data)
    untrained = published(random_state=1, learning_rate=1e-9, n_epochs=1).fit(data[:100])
    assert score > untrained.score(data)
    assert score == model.set_params(n_threads=3 - n_threads).score(data)


def test_transform_one_row(benchmark, model, data):
    """Time the estimator's call, with its checks of X."""
    row = data[:1]
    got = benchmark(model.transform, row)
    np.testing.assert_array_equal(got, model.transform(data[:100])[:1])


def test_encode_one_row(benchmark, model, data):
    """Time the core's call without the estimator."""
    row = data[:1]
    engine = model._engine
    got = benchmark(lambda: engine.encode(Rows(row), n_threads=2))
    np.testing.assert_array_equal(got, model.transform(row))
