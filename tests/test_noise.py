"""The counter-based random streams: generator, counters, distribution, permutations.

Every statistical test uses fixed seeds and states its false-alarm probability. That is the chance
that a correct generator would fail with random seeds. About 200 statistics have 1e-6 each, 2e-4 in
all.
"""

from __future__ import annotations

import math
from itertools import pairwise, permutations

import numpy as np
import oracle
import pytest
from hooks import kernels
from scipy import stats

ALARM = 1e-6  # false-alarm probability of one statistic
SIGMAS = float(stats.norm.isf(ALARM / 2))  # 4.9, two-sided

# Random123's kat_vectors, philox4x32 with 10 rounds: counter, key, output.
KNOWN = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000",
     "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff",
     "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0",
     "d16cfe09 94fdcceb 5001e420 24126ea1"),
]  # fmt: skip


def words(text):
    return np.array([int(word, 16) for word in text.split()], dtype=np.uint32)


# --- generator --------------------------------------------------------------------------------


@pytest.mark.parametrize(("counter", "key", "output"), KNOWN)
def test_philox_known_answers(isa, counter, key, output):
    np.testing.assert_array_equal(oracle.philox4x32_10(words(counter), words(key)), words(output))
    for n in range(1, 40):  # in every lane of a vector, and in the remainder
        got = kernels.philox(np.tile(words(counter), (n, 1)), words(key))
        assert got.dtype == np.uint32
        np.testing.assert_array_equal(got, np.tile(words(output), (n, 1)))


def test_philox_against_the_scalar_twin(isa):
    rng = np.random.default_rng(0)
    counters = rng.integers(0, 2**32, size=(300, 4), dtype=np.uint32)
    key = rng.integers(0, 2**32, size=2, dtype=np.uint32)
    expected = [oracle.philox4x32_10(counter, key) for counter in counters]
    np.testing.assert_array_equal(kernels.philox(counters, key), np.uint32(expected))


# --- mapping to counters ----------------------------------------------------------------------

STREAMS = [  # seed, step, purpose, first_row: low and high words of each field
    (0, 0, 0, 0),
    (1, 2, 3, 4),
    (2**32 + 5, 7, 1, 1000),
    (2**63 + 2**31 + 1, 2**32 - 1, 255, 2**31 - 50),
    (123, 2**32, 7, 0),
    (123, 2**40 + 3, 128, 2**20),
]


@pytest.mark.parametrize("stream", STREAMS)
def test_uniform_is_exactly_the_mapped_words(isa, stream):
    for n_rows, n_cols in [(1, 1), (3, 2), (2, 3), (5, 4), (4, 5), (3, 20), (2, 67), (1, 131)]:
        got = kernels.uniform(*stream, n_rows, n_cols)
        assert got.dtype == np.float32
        assert got.shape == (n_rows, n_cols)
        np.testing.assert_array_equal(got, oracle.uniform(*stream, n_rows, n_cols))


@pytest.mark.parametrize("stream", STREAMS)
def test_normal_is_box_muller_of_the_mapped_words(isa, stream):
    """Error of radius * cos: radius times (relative error of radius + absolute error of cos).

    log within 4 ulp is 8 u of log u. The square root halves it and adds u/2 to the product's u/2.
    Cosine and sine add 4.2 u (test_math.py). In all this is below 10 u of the radius.
    """
    for n_rows, n_cols in [(1, 1), (3, 2), (2, 3), (5, 4), (4, 5), (3, 20), (2, 67), (1, 131)]:
        got = kernels.normal(*stream, n_rows, n_cols)
        assert got.dtype == np.float32
        assert got.shape == (n_rows, n_cols)
        padded = oracle.normal(*stream, n_rows, n_cols + -n_cols % 4)
        radius = np.hypot(padded[:, 0::2], padded[:, 1::2]).repeat(2, axis=1)[:, :n_cols]
        assert (np.abs(got - padded[:, :n_cols]) <= 10 * oracle.U * radius).all()


@pytest.mark.parametrize("draw", [kernels.normal, kernels.uniform])
def test_noise_does_not_depend_on_the_shape_asked_for(isa, draw):
    whole = draw(9, 8, 7, 0, 40, 70)
    for first, n_rows, n_cols in [(0, 1, 1), (3, 5, 70), (17, 23, 33), (39, 1, 69), (8, 9, 5)]:
        part = draw(9, 8, 7, first, n_rows, n_cols)
        np.testing.assert_array_equal(part, whole[first : first + n_rows, :n_cols])


# --- distribution -----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2**64 - 1])
def test_uniform_distribution(isa, seed):
    """Kolmogorov-Smirnov test on 10^6 values (the grid of 2^-24 shifts it by far below 1e-3)."""
    u = np.float64(kernels.uniform(seed, 0, 1, 0, 10_000, 100)).ravel()
    assert u.min() >= 0
    assert u.max() < 1
    assert stats.kstest(u, "uniform").pvalue > ALARM


@pytest.mark.parametrize("seed", [0, 1, 2**64 - 1])
def test_normal_distribution(isa, seed):
    """Kolmogorov-Smirnov test, the first four moments and three tails of 10^6 values."""
    z = np.float64(kernels.normal(seed, 0, 1, 0, 10_000, 100)).ravel()
    n = z.size
    assert stats.kstest(z, "norm").pvalue > ALARM
    # E z^k and Var z^k of a standard normal, k = 1 .. 4
    for k, (mean, variance) in enumerate([(0, 1), (1, 2), (0, 15), (3, 96)], start=1):
        assert abs((z**k).mean() - mean) <= SIGMAS * math.sqrt(variance / n), f"moment {k}"
    for threshold in (2.0, 3.0, 4.0):
        for tail in (z > threshold, z < -threshold):
            p = stats.norm.sf(threshold)
            assert stats.binomtest(int(tail.sum()), n, p).pvalue > ALARM, f"tail {threshold}"
    assert np.abs(z).max() <= math.sqrt(48 * math.log(2)) * (1 + 10 * oracle.U)  # u >= 2^-24


def assert_uncorrelated(a, b, what):
    """Correlations of values, of squares, and of a value with a square: N(0, 1/n) each."""
    a, b = a - a.mean(), b - b.mean()
    for f, g in ((a, b), (a**2, b**2), (a, b**2), (a**2, b)):
        score = np.corrcoef(f.ravel(), g.ravel())[0, 1] * math.sqrt(f.size)
        assert abs(score) <= SIGMAS, f"{what}: {score:.1f} standard deviations"


@pytest.mark.parametrize("draw", [kernels.normal, kernels.uniform])
def test_columns_and_rows_are_independent(isa, draw):
    values = np.float64(draw(3, 1, 2, 0, 20_000, 8))
    for lag in range(1, 8):  # within a Box-Muller pair, within a block, between blocks
        assert_uncorrelated(values[:, lag:], values[:, :-lag], f"columns {lag} apart")
    for lag in (1, 2, 3, 4, 8, 16):
        assert_uncorrelated(values[lag:], values[:-lag], f"rows {lag} apart")


@pytest.mark.parametrize("draw", [kernels.normal, kernels.uniform])
def test_streams_are_independent(isa, draw):
    base = (11, 5, 2)
    others = [(12, 5, 2), (11 + 2**32, 5, 2), (11, 6, 2), (11, 5 + 2**32, 2), (11, 5, 3)]
    others += [(11, 5, 1), (5, 11, 2), (11, 2, 5)]
    streams = [np.float64(draw(*stream, 0, 10_000, 10)) for stream in [base, *others]]
    for stream, values in zip(others, streams[1:], strict=True):
        assert (values == streams[0]).mean() < 1e-3
        assert_uncorrelated(streams[0], values, f"{base} and {stream}")


# --- permutation ------------------------------------------------------------------------------


def test_permutation_is_a_bijection():
    sizes = [*range(1, 301), 511, 512, 513, 1000, 4095, 4096, 4097, 50_000, 65_536, 65_537]
    for n in sizes:
        for seed, epoch in [(0, 0), (1, 0), (2**64 - 1, 77)]:
            order = kernels.permutation(seed, epoch, n)
            assert order.dtype == np.int64
            np.testing.assert_array_equal(np.sort(order), np.arange(n))


def test_permutation_depends_on_seed_and_epoch_only():
    orders = [kernels.permutation(s, e, 1000) for s, e in [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)]]
    for a, b in pairwise(orders):
        assert (a == b).mean() < 0.02  # matches are Poisson(1): the odds of 20 or more are 2e-19
    np.testing.assert_array_equal(orders[0], kernels.permutation(0, 0, 1000))


@pytest.mark.parametrize("axis", ["epoch", "seed"])
def test_permutation_is_uniform_over_s4(axis):
    """Chi-square test over the 24 orders of 4 rows: 24 000 draws along epochs or along seeds."""
    index = {order: i for i, order in enumerate(permutations(range(4)))}
    counts = np.zeros(24)
    for i in range(24_000):
        seed, epoch = (7, i) if axis == "epoch" else (i, 7)
        counts[index[tuple(kernels.permutation(seed, epoch, 4).tolist())]] += 1
    assert stats.chisquare(counts).pvalue > ALARM


@pytest.mark.parametrize("n", [5, 10, 37])
def test_permutation_sends_every_row_everywhere(n):
    """Chi-square test of position x row over 400 n epochs: n^2 cells, (n - 1)^2 of them free.

    Rows and columns of the table have the same sum. With the factor (n - 1) / n of a random
    permutation matrix, the statistic is therefore chi-square with (n - 1)^2 degrees of freedom.
    """
    n_epochs = 400 * n
    counts = np.zeros((n, n))
    for epoch in range(n_epochs):
        counts[np.arange(n), kernels.permutation(3, epoch, n)] += 1
    expected = n_epochs / n
    statistic = ((counts - expected) ** 2 / expected).sum() * (n - 1) / n
    assert stats.chi2.sf(statistic, (n - 1) ** 2) > ALARM
    assert stats.chi2.cdf(statistic, (n - 1) ** 2) > ALARM  # nor too even to be random


@pytest.mark.parametrize("n", [100, 1000])
def test_permutation_has_no_order_left(n):
    """Neighbours do not depend on each other: Spearman correlations over 200 epochs."""
    scores = []
    for epoch in range(200):
        order = np.float64(kernels.permutation(1, epoch, n))
        scores.append(np.corrcoef(order, np.arange(n))[0, 1] * math.sqrt(n - 1))
    assert abs(np.sum(scores)) <= SIGMAS * math.sqrt(len(scores))
    assert stats.chi2.sf(np.sum(np.square(scores)), len(scores)) > ALARM
    adjacent = [
        np.corrcoef(order[1:], order[:-1])[0, 1]
        for order in (kernels.permutation(1, epoch, n) for epoch in range(200))
    ]
    # the lag-one correlation of a permutation has mean -1/(n - 1) and variance about 1/n
    score = (np.mean(adjacent) + 1 / (n - 1)) * math.sqrt(n * len(adjacent))
    assert abs(score) <= SIGMAS
