"""A likelihood of counts accepts integers from 0 only."""

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse as sp

from aevb import AEVB
from aevb.core.catalogue import SUPPORTS
from aevb.core.units import Units
from aevb.data.choices import choose
from aevb.data.moments import column_moments
from aevb.data.rows import as_rows, rows_as_they_are
from aevb.data.validation import check_data

N, D = 60, 11
ONES = Units.common(D)
COUNTS = SimpleNamespace(
    support="counts", as_dict=lambda: {"likelihood": "tallies", "binarize": "none"}
)


def judged(X):
    judge = AEVB.published(2, hidden_layer_sizes=3, n_epochs=1).fit(np.eye(D, dtype=np.float32))
    return check_data(judge, X)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "bool", "float32", "float64"])
@pytest.mark.parametrize("make", [np.asfortranarray, sp.csr_matrix, np.ascontiguousarray])
def test_counts_are_integers_from_zero(dtype, make):
    X = np.random.default_rng(0).integers(0, 2, (N, D)).astype(dtype)
    rows = as_rows(judged(make(X)), ONES, COUNTS)
    assert rows.shape == (N, D)
    # Python has to check the values: the core does not check for integers
    assert rows_as_they_are(X, D, COUNTS) is None


@pytest.mark.parametrize("wrong", [0.5, -1.0, 2.000001])
@pytest.mark.parametrize("make", [np.asfortranarray, sp.csr_matrix])
def test_what_is_no_count_is_named(wrong, make):
    X = np.random.default_rng(0).integers(0, 9, (N, D)).astype(float)
    X[N - 1, D - 1] = wrong
    want = (
        rf"^X: got the value {wrong:g}, likelihood='tallies' wants integers >= 0 \(values times "
        rf"scale 1\); change X"
    )
    with pytest.raises(ValueError, match=want):
        as_rows(judged(make(X)), ONES, COUNTS)


def test_counts_may_need_a_scale():
    X = np.random.default_rng(0).integers(0, 9, (N, D)) / 10
    assert as_rows(judged(X), Units.common(D, 10.0), COUNTS).shape == (N, D)
    with pytest.raises(ValueError, match=r"^X: got the value 1, .*times scale 0\.5\); "):
        as_rows(judged(np.ones((N, D))), Units.common(D, 0.5), COUNTS)


def test_counts_of_one_byte_are_no_pixels(monkeypatch):
    monkeypatch.setitem(SUPPORTS, "tallies", "counts")
    data = judged(np.full((N, D), 7, dtype=np.uint8))
    m = column_moments(data.X)
    assert choose("tallies", "auto", None, data, m).scale == 1
    assert choose("bounded-gaussian", "auto", None, data, m).scale == 1 / 255
    assert choose("tallies", 0.5, None, data, m).scale == 0.5
