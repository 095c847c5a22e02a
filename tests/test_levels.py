"""Every likelihood of variables with levels against its twin, and the twins against mathematics.

A new likelihood of this kind needs a module in tests/levels, and no change here.
"""

from __future__ import annotations

import numpy as np
import pytest
from engines import engine
from hooks import kernels
from levels import SideBySide, one_hot, twin
from oracle import U, assert_close
from scipy import stats

from aevb import _core
from aevb.core.catalogue import LEVEL_LIKELIHOODS, LIKELIHOODS

SIZES = [*range(2, 41), 64, 65, 200]
likelihoods = pytest.mark.parametrize("likelihood", LEVEL_LIKELIHOODS)


def float64(arrays):
    return [np.float64(a) for a in arrays]


def sizes(likelihood):
    return [1, *SIZES] if twin(likelihood).LEAST_LEVELS == 1 else SIZES


# --- the twins --------------------------------------------------------------------------------


@likelihoods
def test_the_twins_gradient_is_the_derivative(likelihood):
    """Differences of five points, h = 1e-3: truncation is of order 1e-12, cancellation 1e-13."""
    own, h = twin(likelihood), 1e-3
    for n_levels in sizes(likelihood)[:9]:
        outputs, x = own.examples(np.random.default_rng(0), 50, n_levels)
        outputs = float64(outputs)
        assert [a.shape[1] for a in outputs] == list(own.widths(n_levels))
        r, gradients = own.log_p(outputs, x)
        assert len(gradients) == len(outputs) == len(own.OUTPUTS)
        for i, gradient in enumerate(gradients):
            for column in range(gradient.shape[1]):
                slope = 0.0
                for k, weight in ((-2, 1), (-1, -8), (1, 8), (2, -1)):
                    moved = [a.copy() for a in outputs]
                    moved[i][:, column] += k * h
                    slope += weight * own.log_p(moved, x)[0] / (12 * h)
                tolerance = 1e-8 * (1 + np.abs(r) + np.abs(gradient[:, column]))
                assert (np.abs(gradient[:, column] - slope) <= tolerance).all(), own.OUTPUTS[i]


@likelihoods
def test_the_twins_probabilities_are_those_of_the_levels(likelihood):
    own = twin(likelihood)
    for n_levels in sizes(likelihood):
        outputs = float64(own.examples(np.random.default_rng(1), 40, n_levels)[0])
        p = own.probabilities(outputs)
        np.testing.assert_allclose(p.sum(1), 1, rtol=1e-12)
        for level in range(n_levels):
            log_p = own.log_p(outputs, np.full(40, level))[0]
            np.testing.assert_allclose(np.log(p[:, level]), log_p, rtol=1e-9, atol=1e-12)


# --- the kernels ------------------------------------------------------------------------------


def check_kernel(likelihood, levels, outputs, x):
    own = SideBySide(likelihood, levels)
    r, gradients = kernels.levels(likelihood, outputs, x, levels)
    exact = float64(outputs), np.float64(x)
    expected_r, expected = own.log_p(*exact)
    error_r, errors = own.error(*exact)
    what = f"{likelihood} {levels}"
    assert_close(r, expected_r, error_r, f"{what} r")
    for name, *of_one in zip(own.OUTPUTS, gradients, expected, errors, strict=True):
        assert_close(*of_one, f"{what} d{name}")

    none, alone = kernels.levels(likelihood, outputs, x, levels, with_r=False)
    assert (none == 0).all()
    for one, other in zip(gradients, alone, strict=True):
        np.testing.assert_array_equal(one, other)
    return r, gradients


def check_probabilities(likelihood, levels, outputs):
    """Each is e^(log p): its relative error is the error of log p, and 8 u for its own factors."""
    own, exact = SideBySide(likelihood, levels), float64(outputs)
    p = own.mean(exact)
    error = np.empty_like(p)
    column = 0
    for part, n_levels in zip(own.split(exact), levels, strict=True):
        for level in range(n_levels):
            codes = np.full(len(p), level)
            error[:, column] = p[:, column] * (own.own.error(part, codes)[0] + 8 * U)
            column += 1
    got = kernels.level_means(likelihood, outputs, levels)
    assert_close(got, p, error, f"{likelihood} {levels} probabilities")


@likelihoods
def test_the_kernel_is_the_twin(vectors, likelihood):
    rng = np.random.default_rng(2)
    for n_levels in sizes(likelihood):
        own = SideBySide(likelihood, [n_levels])
        outputs, x = own.examples(rng, 23, n_levels)
        check_kernel(likelihood, [n_levels], outputs, x)
        check_probabilities(likelihood, [n_levels], outputs)


@likelihoods
def test_the_kernel_is_the_twin_at_the_extremes(vectors, likelihood):
    for n_levels in (*sizes(likelihood)[:9], 16, 17, 33):
        cases = twin(likelihood).extremes(n_levels)
        assert cases
        for outputs, codes in cases:
            check_kernel(likelihood, [n_levels], outputs, one_hot(codes[:, None], [n_levels]))
            check_probabilities(likelihood, [n_levels], outputs)


@likelihoods
def test_variables_side_by_side(vectors, likelihood):
    """Each has its own part of the outputs, whatever the numbers of levels before it are."""
    rng, least = np.random.default_rng(3), twin(likelihood).LEAST_LEVELS
    for n_variables in (2, 3, 7, 20):
        levels = [int(n) for n in rng.integers(least, 20, n_variables)]
        for some in (levels, [least, *levels], [*levels, 65, least], [least] * n_variables):
            outputs, x = SideBySide(likelihood, some).examples(rng, 9, sum(some))
            check_kernel(likelihood, some, outputs, x)
            check_probabilities(likelihood, some, outputs)


@likelihoods
def test_a_missing_variable_adds_nothing(vectors, likelihood):
    """Its gradient is 0, its outputs do not matter, and the others' bits stay as they are."""
    rng, levels = np.random.default_rng(4), [3, 17, 2, 8, 5]
    own = SideBySide(likelihood, levels)
    outputs, x = own.examples(rng, 40, sum(levels))
    missing = rng.random((40, len(levels))) < 0.4
    missing[0], missing[1] = True, False
    x[np.repeat(missing, levels, axis=1)] = np.nan
    r, gradients = check_kernel(likelihood, levels, outputs, x)
    assert r[0] == 0

    odd = [a.copy() for a in outputs]
    for part, gone in zip(own.split(odd), missing.T, strict=True):
        for a in part:
            a[gone] = np.nan
    other_r, other = kernels.levels(likelihood, odd, x, levels)
    np.testing.assert_array_equal(r, other_r)
    whole = kernels.levels(likelihood, outputs, own.examples(rng, 40, sum(levels))[1], levels)[1]
    assert len(whole) == len(gradients)
    for a, b in zip(gradients, other, strict=True):
        np.testing.assert_array_equal(a, b)
    for part, gone in zip(own.split(gradients), missing.T, strict=True):
        for a in part:
            assert (a[gone] == 0).all()


@likelihoods
def test_equal_variables_have_equal_parts(vectors, likelihood):
    """A variable's place does not change its bits."""
    outputs, x = SideBySide(likelihood, [9]).examples(np.random.default_rng(5), 30, 9)
    _, alone = kernels.levels(likelihood, outputs, x, [9])
    _, thrice = kernels.levels(likelihood, [np.tile(a, 3) for a in outputs], np.tile(x, 3), [9] * 3)
    for one, three in zip(alone, thrice, strict=True):
        np.testing.assert_array_equal(np.tile(one, 3), three)


# --- the start and draws ----------------------------------------------------------------------


@likelihoods
def test_starting_outputs_have_the_shares(likelihood):
    """Shares below 1e-3 are lifted, and so are two cut points that are closer than that."""
    own, rng = twin(likelihood), np.random.default_rng(6)
    for n_levels in range(own.LEAST_LEVELS, 30):
        shares = rng.dirichlet(np.full(n_levels, 5.0)) * 0.9 + 0.1 / n_levels
        outputs = _core.starting_levels(likelihood, list(shares))
        for got, want in zip(outputs, own.start(shares), strict=True):
            np.testing.assert_allclose(got, want[0], rtol=1e-10, atol=1e-10)
        p = own.probabilities([a[None] for a in outputs])
        np.testing.assert_allclose(p[0], shares, rtol=1e-10)


@likelihoods
@pytest.mark.parametrize("shares", [[1, 0, 0], [0, 0, 1], [0, 1, 0, 0], [0.5, 0, 0.5], [0, 0]])
def test_a_level_without_rows_has_a_small_share(likelihood, shares):
    """Its probability is neither 0 nor large, so that the first training steps are ordinary."""
    outputs = _core.starting_levels(likelihood, shares)
    assert all(np.isfinite(a).all() for a in outputs)
    p = twin(likelihood).probabilities([a[None] for a in outputs])[0]
    shares = np.array(shares)
    assert (p[shares == 0] > 1e-5).all()
    if shares.any():
        assert (np.abs(p - shares) < 0.02).all()


def test_starting_outputs_are_those_of_levels():
    with pytest.raises(ValueError, match="likelihood: want one without levels"):
        _core.starting_outputs(LEVEL_LIKELIHOODS[0], [0.5], [0.1])
    for name, shares in ((LIKELIHOODS[0], [1.0]), (LEVEL_LIKELIHOODS[0], [])):
        with pytest.raises(ValueError, match="likelihood: want one with levels, and their shares"):
            _core.starting_levels(name, shares)


@likelihoods
def test_draws_have_the_probabilities(vectors, likelihood):
    """The counts of each variable, and of each pair, by chi-squared with p > 1e-6 in all.

    The decoder's outputs are constant, so draws are independent.
    """
    levels, n = [3, 5, 2, 9], 20_000
    own = SideBySide(likelihood, levels)
    model = engine(sum(levels), likelihood=[(likelihood, levels)])
    weights = {name: 0 * value for name, value in model.arrays("weights").items()}
    outputs = own.examples(np.random.default_rng(7), 1, sum(levels))[0]
    for name, a in zip(own.OUTPUTS, outputs, strict=True):
        weights[f"decoder.{name}.bias"] = np.float32(0.3) * a[0]  # so that no level is rare
    model.set_arrays(weights, "weights")
    biases = [np.float64(weights[f"decoder.{name}.bias"])[None] for name in own.OUTPUTS]
    p = np.split(own.mean(biases)[0], np.cumsum(levels)[:-1])

    x, z = model.sample(n, seed=5, n_threads=1)
    assert (np.unique(x) == [0, 1]).all()
    drawn = np.split(x, np.cumsum(levels)[:-1], axis=1)
    p_values = []
    for i, (a, p_a) in enumerate(zip(drawn, p, strict=True)):
        assert (a.sum(1) == 1).all()
        p_values.append(stats.chisquare(a.sum(0), n * p_a).pvalue)
        for b, p_b in zip(drawn[:i], p[:i], strict=True):
            together = (np.float64(a).T @ b).ravel()
            p_values.append(stats.chisquare(together, n * np.outer(p_a, p_b).ravel()).pvalue)
    assert min(p_values) > 1e-6 / len(p_values)

    means = model.decode(z[:50], n_threads=1)
    np.testing.assert_allclose(means, np.repeat(own.mean(biases), 50, axis=0), rtol=1e-5)
