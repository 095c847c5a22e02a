"""A likelihood of counts accepts integers from 0 only."""

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse as sp

from aevb import AEVB
from aevb.core.catalogue import SUPPORTS
from aevb.data.rows import as_rows, check_data, choose_input_scale, rows_as_they_are

N, D = 60, 11
COUNTS = SimpleNamespace(
    support="counts", as_dict=lambda: {"likelihood": "tallies", "binarize": "none"}
)


def judged(X):
    judge = AEVB(2, hidden_layer_sizes=3, n_epochs=1).fit(np.eye(D, dtype=np.float32))
    return check_data(judge, X)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "bool", "float32", "float64"])
@pytest.mark.parametrize("make", [np.asfortranarray, sp.csr_matrix, np.ascontiguousarray])
def test_counts_are_integers_from_zero(dtype, make):
    X = np.random.default_rng(0).integers(0, 2, (N, D)).astype(dtype)
    rows = as_rows(judged(make(X)), 1.0, COUNTS)
    assert rows.shape == (N, D)
    # Python has to check the values: the core does not check for integers
    assert rows_as_they_are(X, D, 1.0, COUNTS) is None


@pytest.mark.parametrize("wrong", [0.5, -1.0, 2.000001])
@pytest.mark.parametrize("make", [np.asfortranarray, sp.csr_matrix])
def test_what_is_no_count_is_named(wrong, make):
    X = np.random.default_rng(0).integers(0, 9, (N, D)).astype(float)
    X[N - 1, D - 1] = wrong
    want = (
        rf"^X: got the value {wrong:g}, likelihood='tallies' wants integers >= 0 \(values times "
        rf"input_scale 1\); change X"
    )
    with pytest.raises(ValueError, match=want):
        as_rows(judged(make(X)), 1.0, COUNTS)


def test_counts_may_need_a_scale():
    X = np.random.default_rng(0).integers(0, 9, (N, D)) / 10
    assert as_rows(judged(X), 10.0, COUNTS).shape == (N, D)
    with pytest.raises(ValueError, match=r"^X: got the value 1, .*times input_scale 0\.5\); "):
        as_rows(judged(np.ones((N, D))), 0.5, COUNTS)


def test_counts_of_one_byte_are_no_pixels(monkeypatch):
    monkeypatch.setitem(SUPPORTS, "tallies", "counts")
    data = judged(np.full((N, D), 7, dtype=np.uint8))
    assert choose_input_scale("auto", "tallies", data) == 1
    assert choose_input_scale("auto", "gaussian", data) == 1 / 255
    assert choose_input_scale(0.5, "tallies", data) == 0.5
