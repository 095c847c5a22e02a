"""Dense layers and optimizer updates against their float64 twins.

The tolerance of a product is Higham's elementwise bound |got - A B| <= gamma(k) |A||B|. Here
gamma(k) = k u / (1 - k u) and u = 2^-24, for k products summed in any order, fused or not. A bias
makes k + 1 terms. An activation does not increase an error (all slopes are in [0, 1]) and adds its
own 4 ulp <= 8 u of its value. TINY per term allows for flushed subnormals. The bound holds for
every order of summation. A lost or repeated term moves an entry by about |A||B| / k, a thousand
times more.
"""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from hooks import kernels
from oracle import TINY, U, assert_close, gamma

from aevb import _core

ACTIVATIONS = list(oracle.ACTIVATIONS)
# Up to 130, these include every width of a vector or panel, one less and one more. Long sums
# follow.
LONG = [255, 256, 257, 383, 384, 385, 511, 512, 513, 784, 800, 801, 1023, 1024, 1025, 2050]
SHAPES = (
    [(s, 5, 19) for s in range(1, 131)]
    + [(6, s, 18) for s in [*range(1, 131), *LONG]]
    + [(7, 9, s) for s in [*range(1, 131), *LONG]]
    + [(100, 784, 50), (33, 257, 65), (101, 50, 129), (97, 31, 40)]
)


def randoms(rng, *shape):
    return rng.normal(size=shape).astype(np.float32)


def check_dense(x, weight, bias, activation):
    got = kernels.dense(x, weight, bias, activation)
    x, weight, bias = np.float64(x), np.float64(weight), np.float64(bias)
    k = len(weight)
    expected = oracle.ACTIVATIONS[activation](x @ weight + bias)
    tolerance = gamma(k + 1) * (np.abs(x) @ np.abs(weight) + np.abs(bias)) + k * TINY
    if activation not in ("identity", "relu"):
        tolerance += 8 * U * np.abs(expected)
    assert_close(got, expected, tolerance, f"dense {activation} {x.shape} x {weight.shape}")


def slope_error(activation, h):
    """Absolute float32 error of act'(h): roundings of each formula, exp within 2 ulp <= 4 u."""
    return {
        "identity": 0 * h,
        "relu": 0 * h,
        "tanh": U * (h**2 + np.abs(1 - h**2)),
        "sigmoid": 2 * U * np.abs(h * (1 - h)),
        "softplus": U * (4 * np.exp(-h) + np.abs(1 - np.exp(-h))),
    }[activation]


def check_dense_backward(delta, weight, h, activation):
    """With the weights as they are and with their transpose. How rows are shared changes no bit."""
    for kept in (False, True):
        got = kernels.dense_backward(delta, weight, h, activation, kept=kept)
        if (
            len(delta) > 1 and _core.backend() != "portable+blas"
        ):  # BLAS rounds differently for other shapes
            rest = kernels.dense_backward(delta[1:], weight, h[1:], activation, kept=kept)
            assert rest.tobytes() == got[1:].tobytes()
        check_data_gradient(got, delta, weight, h, activation)


def check_data_gradient(got, delta, weight, h, activation):
    delta, weight, h = np.float64(delta), np.float64(weight), np.float64(h)
    m = weight.shape[1]
    back, slope = delta @ weight.T, oracle.SLOPES[activation](h)
    tolerance = gamma(m) * (np.abs(delta) @ np.abs(weight.T)) * slope + m * TINY
    tolerance += np.abs(back) * slope_error(activation, h) + U * np.abs(back * slope)
    tolerance *= 1 + gamma(m + 8)  # second-order terms
    what = f"dense_backward {activation} {delta.shape} x {weight.T.shape}"
    assert_close(got, back * slope, tolerance, what)


def check_dense_gradient(x, delta):
    weight_gradient, bias_gradient = kernels.dense_gradient(x, delta)
    x, delta = np.float64(x), np.float64(delta)
    n, what = len(x), f"dense_gradient {x.T.shape} x {delta.shape}"
    tolerance = gamma(n) * (np.abs(x.T) @ np.abs(delta)) + n * TINY
    assert_close(weight_gradient, x.T @ delta, tolerance, what)
    assert_close(bias_gradient, delta.sum(0), gamma(n) * np.abs(delta).sum(0), f"{what} bias")


def output_of(activation, a):
    return oracle.ACTIVATIONS[activation](np.float64(a)).astype(np.float32)


def test_dense_over_ragged_shapes(isa):
    rng = np.random.default_rng(0)
    for i, (n, k, m) in enumerate(SHAPES):
        x, weight, bias = randoms(rng, n, k), randoms(rng, k, m), randoms(rng, m)
        for activation in ("identity", ACTIVATIONS[i % len(ACTIVATIONS)]):
            check_dense(x, weight / np.float32(np.sqrt(k)), bias, activation)


def test_dense_backward_over_ragged_shapes(isa):
    rng = np.random.default_rng(1)
    for i, (n, m, k) in enumerate(SHAPES):  # m is the length of the sums here
        delta, weight, a = randoms(rng, n, m), randoms(rng, k, m), randoms(rng, n, k)
        for activation in ("identity", ACTIVATIONS[i % len(ACTIVATIONS)]):
            check_dense_backward(delta, weight, output_of(activation, a), activation)


def test_dense_gradient_over_ragged_shapes(isa):
    rng = np.random.default_rng(2)
    for k, n, m in SHAPES:
        check_dense_gradient(randoms(rng, n, k), randoms(rng, n, m))


def test_dense_gradient_over_many_rows(isa):
    """The sums go over blocks of even size."""
    rng = np.random.default_rng(6)
    for n, k, m in [(500, 21, 70), (501, 130, 65), (1501, 7, 16), (1999, 241, 3)]:
        check_dense_gradient(randoms(rng, n, k), randoms(rng, n, m))


def test_dense_gradient_of_mostly_zero_columns(isa):
    """Blocks of zeros may be skipped. The result must be exact, wherever the zeros are."""
    rng = np.random.default_rng(3)
    for n, k, m in [(100, 130, 37), (33, 65, 64), (8, 17, 5)]:
        x = randoms(rng, n, k)
        x[rng.random((n, k)) < 0.8] = 0
        x[:, rng.random(k) < 0.5] = 0
        x[n // 3 : n // 2] = 0
        check_dense_gradient(x, randoms(rng, n, m))
        check_dense(x, randoms(rng, k, m), randoms(rng, m), "identity")


def embedded(a, offset):
    """The same values in a larger buffer of NaN, `offset` floats off its alignment."""
    buffer = np.full((a.shape[0] + 2, a.shape[1] + 40), np.nan, dtype=np.float32)
    view = buffer[1:-1, offset : offset + a.shape[1]]
    view[:] = a
    return view


def shifted(a, offset):
    """The same values, contiguous, at an address `offset` floats off the alignment of a vector."""
    buffer = np.full(a.size + 32, np.nan, dtype=np.float32)
    start = (-buffer.ctypes.data // 4) % 16 + offset
    view = buffer[start : start + a.size].reshape(a.shape)
    view[:] = a
    return view


LAYOUTS = {
    "fortran": lambda a, offset: np.asfortranarray(a),
    "every other": lambda a, offset: np.repeat(np.repeat(a, 2, axis=0), 2, axis=1)[::2, ::2],
    "reversed": lambda a, offset: a[::-1, ::-1].copy()[::-1, ::-1],
    "embedded": embedded,
    "shifted": shifted,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_and_alignment_of_inputs(isa, layout):
    rng = np.random.default_rng(4)
    for offset in range(1, 16):
        n, k, m = 12 + offset, 30 + offset, 50 + offset

        def laid_out(*shape, offset=offset):
            return LAYOUTS[layout](randoms(rng, *shape), offset)

        x, weight, delta = laid_out(n, k), laid_out(k, m), laid_out(n, m)
        h = LAYOUTS[layout](output_of("tanh", randoms(rng, n, k)), offset)
        bias = laid_out(1, m)[0]
        check_dense(x, weight, bias, "tanh")
        check_dense_backward(delta, weight, h, "tanh")
        check_dense_gradient(x, delta)


# --- optimizers -------------------------------------------------------------------------------


def update_tolerance(optimizer, weight, grad, state1, state2, hyper):
    """First-order error of one update -> tolerances of (weight, state1, state2).

    g has 2 u of each of its two terms (two roundings each) and u of itself. For adam the terms have
    a third rounding, that of the factor 0.1 in scale and decay. Constants and the learning rate are
    rounded to float32 once. Adagrad's reciprocal square root, an estimate to 14 bits with one
    Newton step, is within 8 u with its roundings. Adam's m / (sqrt(v) + epsilon) is within 6 u,
    also from estimates: the root is within 5/2 u, their sum, three products and epsilon add the
    rest. Its rate has three roundings. Sixteen u of the step cover those and the last product.
    """
    lr, scale, decay, t = (hyper[k] for k in ("learning_rate", "scale", "decay", "step"))
    g = scale * grad - decay * weight
    n_roundings = 3 if optimizer == "adam" else 2
    dg = n_roundings * U * (np.abs(scale * grad) + np.abs(decay * weight)) + U * np.abs(g) + TINY
    new_weight, new1, new2 = oracle.optimizer_update(
        optimizer, weight, grad, state1, state2, **hyper
    )
    step = np.abs(new_weight - weight)
    if optimizer == "sgd":
        return lr * dg + 16 * U * step + U * np.abs(new_weight), 0 * step, 0 * step
    if optimizer == "adagrad":
        d1 = 2 * np.abs(g) * dg + dg**2 + 3 * U * new1 + TINY
        root = np.sqrt(new1 + 1e-12)
        return (
            lr * dg / root
            + 16 * U * step
            + 0.5 * step * d1 / (new1 + 1e-12)
            + U * np.abs(new_weight),
            d1,
            0 * step,
        )
    d1 = 0.1 * dg + 3 * U * (0.9 * np.abs(state1) + 0.1 * np.abs(g)) + TINY
    d2 = 0.001 * (2 * np.abs(g) * dg + dg**2) + 4 * U * new2 + TINY
    correction1, v = 1 - 0.9**t, new2 / (1 - 0.999**t)
    root = np.sqrt(v)
    relative_root = 0.5 * d2 / np.maximum(new2, TINY) * root / (root + 1e-8)
    dstep = lr * d1 / correction1 / (root + 1e-8) + step * (relative_root + 16 * U)
    return dstep + U * np.abs(new_weight), d1, d2


OPTIMIZERS = ("sgd", "adagrad", "adam")


def check_update(optimizer, weight, grad, state1, state2, **hyper):
    arrays = (weight, grad, state1, state2)
    before = [a.copy() for a in arrays]
    got = kernels.optimizer_update(optimizer, *arrays, **hyper)
    for a, copy in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(a, copy)  # the inputs do not change
    exact = [np.float64(a) for a in arrays]
    expected = oracle.optimizer_update(optimizer, *exact, **hyper)
    tolerances = update_tolerance(optimizer, *exact, hyper)
    used = {"sgd": 1, "adagrad": 2, "adam": 3}[optimizer]
    names = ("weight", "state1", "state2")
    for name, g, e, t in list(zip(names, got, expected, tolerances, strict=True))[:used]:
        assert_close(g, e, t, f"{optimizer} n={len(weight)} {hyper} {name}")


def update_arguments(rng, n, grad_scale=1.0):
    weight, grad = randoms(rng, n), randoms(rng, n) * np.float32(grad_scale)
    state1, state2 = randoms(rng, n), randoms(rng, n) ** 2
    return weight, grad, state1, state2


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_update_over_lengths(isa, optimizer):
    rng = np.random.default_rng(5)
    for n in [*range(1, 131), 1000]:
        weight, grad, state1, state2 = update_arguments(rng, n, grad_scale=100)
        state1 = state1**2 if optimizer == "adagrad" else state1
        hyper = {"learning_rate": 0.02, "scale": 0.01, "decay": 0.003, "step": n}
        check_update(optimizer, weight, grad, state1, state2, **hyper)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("step", [1, 2, 10, 1000, 100_000, 10_000_000])
def test_update_over_steps_and_magnitudes(isa, optimizer, step):
    """Adam's corrections 1 - beta^t span 1e-3 .. 1. In float32, t = 1 would lose 4 digits."""
    rng = np.random.default_rng(6)
    for grad_scale in (1e-6, 1e-3, 1.0, 1e3, 1e6):
        weight, grad, state1, state2 = update_arguments(rng, 67, grad_scale)
        state1 = np.float32(grad_scale**2) * state1**2 if optimizer == "adagrad" else state1
        state2 = state2 * np.float32(grad_scale**2)
        for decay in (0.0, 0.5):
            hyper = {"learning_rate": 1e-3, "scale": 1.0, "decay": decay, "step": step}
            check_update(optimizer, weight, grad, state1, state2, **hyper)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_first_update_starts_from_zero_state(isa, optimizer):
    """At t = 1, adagrad and adam step by about the learning rate, in the sign of the gradient."""
    rng = np.random.default_rng(7)
    weight, grad, _, _ = update_arguments(rng, 33)
    grad[::4] = 0
    zero = np.zeros_like(weight)
    hyper = {"learning_rate": 0.1, "scale": 1.0, "decay": 0.0, "step": 1}
    check_update(optimizer, weight, grad, zero, zero, **hyper)
    moved = kernels.optimizer_update(optimizer, weight, grad, zero, zero, **hyper)[0] != weight
    np.testing.assert_array_equal(moved, grad != 0)


@pytest.mark.parametrize("step", [1, 10_000_000])
def test_adam_at_the_ends_of_its_accumulators(isa, step):
    """Squares from 0 to the largest float32, and a mean of 0, of their root or far from it."""
    squares = [0.0, 1e-45, 1e-40, TINY, 1e-30, 1e-16, 1.0, 1e30, 1e36, np.finfo(np.float32).max]
    state2 = np.repeat(np.float32(squares), 4)
    state1 = np.stack([0 * state2, np.sqrt(state2), -1e-3 + 0 * state2, 1e3 + 0 * state2])
    for mean in state1:
        hyper = {"learning_rate": 0.001, "scale": 1.0, "decay": 0.0, "step": step}
        check_update("adam", 0 * state2, 0 * state2, mean, state2, **hyper)


def test_adam_leaves_a_weight_whose_squares_overflowed(isa):
    """The step is 0, as for a huge root. Beside finite squares, a mean of NaN shows."""
    inf, nan = np.inf, np.nan
    weight, state1, state2 = np.float32([[2, 2, 2, 2], [0, 1e20, nan, 1], [inf, inf, 1, 1]])
    hyper = {"learning_rate": 0.001, "scale": 1.0, "decay": 0.0, "step": 1}
    got, _, squares = kernels.optimizer_update("adam", weight, 0 * weight, state1, state2, **hyper)
    np.testing.assert_array_equal(got[:3], [2, 2, nan])
    assert got[3] > 2
    np.testing.assert_array_equal(squares[:2], [inf, inf])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_update_of_misaligned_arrays(isa, optimizer):
    rng = np.random.default_rng(8)
    hyper = {"learning_rate": 0.02, "scale": 0.5, "decay": 0.1, "step": 3}
    for offset in range(1, 16):
        arguments = update_arguments(rng, 40 + offset)
        arguments = [shifted(np.abs(a) if i > 1 else a, offset) for i, a in enumerate(arguments)]
        check_update(optimizer, *arguments, **hyper)
