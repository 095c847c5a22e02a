"""The order of rows and the noise ids of rows, against references written from the description."""

import numpy as np
import pytest
from engines import engine
from hooks import kernels

from aevb import _core
from aevb.core.engine import Rows

WORD = 2**64 - 1
GOLDEN = 0x9E3779B97F4A7C15
SPLIT, EPOCH = 6, 7  # purposes


def mix64(x):
    """Return MurmurHash3's finaliser of a 64-bit word."""
    x = (x ^ x >> 33) * 0xFF51AFD7ED558CCD & WORD
    x = (x ^ x >> 33) * 0xC4CEB9FE1A85EC53 & WORD
    return x ^ x >> 33


def permutation(seed, index, n, purpose):
    """Eight Feistel rounds on the next even power of two, repeated until the result is below n."""
    half = 1
    while 2 ** (2 * half) < n:
        half += 1
    state = mix64((seed + GOLDEN) & WORD) ^ mix64((index * 0xD1342543DE82EF95 + purpose) & WORD)
    keys = [mix64((state + i * GOLDEN) & WORD) for i in range(1, 9)]

    def encipher(i):
        left, right = i >> half, i & 2**half - 1
        for key in keys:
            product = (right ^ key) * 0xFF51AFD7ED558CCD & WORD
            left, right = right, left ^ ((product ^ product >> 31) >> 17 & 2**half - 1)
        return left << half | right

    order = [encipher(i) for i in range(n)]
    while max(order) >= n:
        order = [i if i < n else encipher(i) for i in order]
    return order


@pytest.mark.parametrize("purpose", [SPLIT, EPOCH])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 16, 17, 63, 64, 65, 128, 129, 1000])
def test_the_order_is_the_twins(n, purpose):
    for seed, index in [(0, 0), (1, 0), (0, 1), (2**64 - 1, 77), (2**63 + 5, 2**40)]:
        order = kernels.permutation(seed, index, n, purpose)
        assert sorted(order) == list(range(n))
        assert order.tolist() == permutation(seed, index, n, purpose)


def test_every_purpose_has_an_order_of_its_own():
    orders = [kernels.permutation(3, 0, 1000, purpose) for purpose in (SPLIT, EPOCH, 8)]
    for i, one in enumerate(orders):
        for other in orders[:i]:
            assert (one == other).mean() < 0.02  # matches are Poisson(1)
    assert (kernels.permutation(3, 0, 1000) == orders[1]).all()  # an epoch's by default


def test_every_epoch_has_an_order_of_its_own():
    assert len({tuple(kernels.permutation(3, epoch, 16)) for epoch in range(50)}) == 50


# --- noise ids by content ---------------------------------------------------------------------


def content_id(row):
    """Four chains over the row's pairs of floats, padded to whole lines of sixteen."""
    n = len(row)
    padded = np.zeros(-(-n // 16) * 16, dtype=np.float32)
    padded[:n] = row
    chains = [1, 2, 3, 4]
    for i, word in enumerate((padded + np.float32(0)).view(np.uint64).tolist()):
        h = (chains[i % 4] ^ word) * GOLDEN & WORD
        chains[i % 4] = h ^ h >> 29
    return mix64((sum(mix64(h + i) for i, h in enumerate(chains)) + n) & WORD)


def ids(x):
    return _core.content_ids(engine(x.shape[1]), Rows(x), list(range(len(x)))).tolist()


@pytest.mark.parametrize("n_cols", [1, 7, 8, 9, 16, 17, 40])
def test_content_ids_are_the_twins(n_cols):
    """Every column counts, and so does the width. The two zeros are one."""
    base = np.random.default_rng(0).normal(size=n_cols).astype(np.float32)
    rows = np.tile(base, (n_cols + 1, 1))
    rows[np.arange(n_cols), np.arange(n_cols)] += 1
    got = ids(rows)
    assert got == [content_id(row) for row in rows]
    assert len(set(got)) == n_cols + 1
    zeros = np.zeros((2, n_cols), dtype=np.float32)
    zeros[1] = -0.0
    assert len(set(ids(zeros))) == 1
    assert ids(zeros)[0] != ids(np.zeros((1, n_cols + 1), dtype=np.float32))[0]
