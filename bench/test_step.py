"""The training step: shapes, threads, instruction sets, and growth of the time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from shapes import (
    BATCH,
    BOUNDED,
    DEEP,
    GAUSSIAN,
    MAIN,
    SMALL,
    WIDE,
    dense_rows,
    mnist_like_rows,
)
from workload import Training, forced_backend, interleave, measure

from aevb import _core

N_ROWS = 10_000
SHAPES = {
    "dense": MAIN,
    "mnist-like": MAIN,
    "small": SMALL,
    "deep": DEEP,
    "wide": WIDE,
    "gaussian": GAUSSIAN,
    "bounded-gaussian": BOUNDED,
}
SPEED_OF = {
    "avx512": 1.0,
    "avx2": 0.5,
    "portable+blas": 0.5,
}  # rough values, to choose the number of steps


def rows_for(name, shape):
    if name == "mnist-like":
        return mnist_like_rows(N_ROWS)
    return dense_rows(N_ROWS, shape.n_visible)


def steps_per_round(shape):
    """Return the number of steps that take about 0.15 s."""
    flops = 30e9 * SPEED_OF.get(_core.backend(), 0.1)
    return int(np.clip(flops / shape.flops_per_step(), 5, 4000))


def assert_same_at_any_thread_count(shape, X):
    models = [Training(shape, X, n_threads=n) for n in (1, 2)]
    bounds = [model(5) for model in models]
    one, two = (model.weights() for model in models)
    assert bounds[0] == bounds[1]
    for name, array in one.items():
        np.testing.assert_array_equal(array, two[name], err_msg=name)


def run(benchmark, shape, X, n_threads):
    assert_same_at_any_thread_count(shape, X)
    training = Training(shape, X, n_threads=n_threads)
    first = training(5)
    n_steps = steps_per_round(shape)
    bounds = []
    measure(
        benchmark,
        lambda: bounds.append(training(n_steps)),
        n_steps * shape.flops_per_step(),
        n_threads,
    )
    assert np.isfinite(bounds).all()
    assert bounds[-1] > first
    benchmark.extra_info |= {"shape": str(shape), "n_threads": n_threads}
    if benchmark.stats is not None:
        median = float(np.median(benchmark.stats.stats.data))
        benchmark.extra_info["ms_per_step"] = round(1e3 * median / n_steps, 4)


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("name", SHAPES)
def test_step(benchmark, name, n_threads):
    run(benchmark, SHAPES[name], rows_for(name, SHAPES[name]), n_threads)


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("isa", _core.backend_names())
def test_step_by_isa(benchmark, isa, n_threads):
    with forced_backend(isa):
        run(benchmark, MAIN, dense_rows(N_ROWS, MAIN.n_visible), n_threads)


def test_two_threads_over_one(benchmark):
    X = dense_rows(N_ROWS, MAIN.n_visible)
    n_steps = steps_per_round(MAIN)
    one, two = (Training(MAIN, X, n_threads=n) for n in (1, 2))
    contestants = {1: lambda: one(n_steps), 2: lambda: two(n_steps)}
    times = benchmark.pedantic(interleave, (contestants, 9), rounds=1)
    benchmark.extra_info["speedup"] = round(float(np.median(times[1] / times[2])), 3)
    for name, array in one.weights().items():
        np.testing.assert_array_equal(array, two.weights()[name], err_msg=name)


# Sizes to compare along each axis. The other sizes stay as in 784-500-20, M = 100.
GROWTH = {
    "n_rows": (2500, 10_000, 40_000),
    "n_visible": (400, 800, 1600),
    "hidden": (250, 500, 1000),
    "n_components": (20, 80, 320),
    "batch": (100, 400, 1600),
}


def resized(axis, size):
    """(shape, rows of data, rows of a minibatch) with one of them changed."""
    if axis in ("n_visible", "n_components"):
        return replace(MAIN, **{axis: size}), 2500, BATCH
    if axis == "hidden":
        return replace(MAIN, hidden=(size,)), 2500, BATCH
    return (MAIN, size, BATCH) if axis == "n_rows" else (MAIN, 2500, size)


@pytest.mark.parametrize("axis", GROWTH)
def test_growth(benchmark, axis):
    """The time of a step grows with a size as fast as its products do, or more slowly."""
    flops, contestants, trainings = [], {}, []
    for size in GROWTH[axis]:
        shape, n_rows, batch = resized(axis, size)
        flops.append(shape.flops_per_step(batch))
        training = Training(
            shape, dense_rows(n_rows, shape.n_visible), n_threads=2, batch_size=batch
        )
        trainings.append((training, training(5)))
        contestants[size] = lambda training=training: training(40)
    times = benchmark.pedantic(interleave, (contestants, 7), rounds=1)
    for training, first in trainings:
        assert training(40) > first
    log_size = np.log(GROWTH[axis])
    medians = [np.median(times[size]) for size in GROWTH[axis]]
    power, expected = (np.polyfit(log_size, np.log(v), 1)[0] for v in (medians, flops))
    benchmark.extra_info |= {
        "ms_per_step": [round(1e3 * float(t) / 40, 4) for t in medians],
        "power": round(float(power), 3),
        "expected_power": round(float(expected), 3),
    }
    assert power < expected + 0.25


def test_flops_per_step():
    assert MAIN.flops_per_step() == 410e6
