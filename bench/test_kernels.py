"""Products of the dense layers, on one thread and with each instruction set.

The test interface of the kernels copies its operands into the core's layout. A call with a single
row measures the time of that copy, which is subtracted. `net_share_of_peak` is therefore the
kernel's own share.
"""

from __future__ import annotations

import numpy as np
import pytest
from workload import fma_peak, forced_backend, interleave, measure

from aevb import _core
from aevb import _testing as kernels

N_ROWS, N_IN, N_OUT = 400, 784, 500
EPS = float(np.finfo(np.float32).eps)
FLOPS = 2 * N_ROWS * N_IN * N_OUT


@pytest.fixture(params=_core.backend_names())
def isa(request):
    with forced_backend(request.param):
        yield request.param


def operand(n_rows, n_cols, seed):
    return np.random.default_rng(seed).normal(size=(n_rows, n_cols)).astype(np.float32)


def report(benchmark, work, work_on_one_row):
    measure(benchmark, work, FLOPS)
    times = interleave({"all": work, "one": work_on_one_row}, rounds=7)
    net = FLOPS * (1 - 1 / N_ROWS) / np.median(times["all"] - times["one"])
    benchmark.extra_info["net_share_of_peak"] = round(float(net / fma_peak(1)), 3)


def assert_product(got, a, b):
    """Compare with float64: a sum of k products has at most k + 1 roundings of its terms."""
    tolerance = (a.shape[1] + 1) * EPS / 2 * (abs(a) @ abs(b))
    assert (abs(got - a.astype(np.float64) @ b) <= tolerance).all()


def test_dense(benchmark, isa):
    x, weight = operand(N_ROWS, N_IN, 0), operand(N_IN, N_OUT, 1)
    bias = np.zeros(N_OUT, dtype=np.float32)

    def work(x=x):
        return kernels.dense(x, weight, bias, "identity")

    report(benchmark, work, lambda: work(x[:1]))
    assert_product(work(), x, weight)


def test_dense_backward(benchmark, isa):
    delta, weight = operand(N_ROWS, N_OUT, 0), operand(N_IN, N_OUT, 1)
    h = np.zeros((N_ROWS, N_IN), dtype=np.float32)  # tanh'(0) = 1

    def work(n=N_ROWS):
        return kernels.dense_backward(delta[:n], weight, h[:n], "tanh")

    report(benchmark, work, lambda: work(1))
    assert_product(work(), delta, weight.T)


def test_dense_gradient(benchmark, isa):
    x, delta = operand(N_ROWS, N_IN, 0), operand(N_ROWS, N_OUT, 1)

    def work(n=N_ROWS):
        return kernels.dense_gradient(x[:n], delta[:n])

    report(benchmark, work, lambda: work(1))
    weight, bias = work()
    assert_product(weight, x.T, delta)
    assert_product(bias[None], np.ones((1, N_ROWS), dtype=np.float32), delta)
