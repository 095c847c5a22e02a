"""Data are checked before use, or by the core as it reads them: no bad value passes."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from aevb import AEVB


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("n_cols", [1, 5, 16, 33])
@pytest.mark.parametrize(("likelihood", "value", "says"), [
    ("bernoulli", 1.0001, "1.0001"),
    ("bernoulli", -2e-6, "-2e-06"),
    ("gaussian", -np.inf, "infinity"),
    ("gaussian", 1e39, "1e.39"),
])  # fmt: skip
def test_no_bad_value_is_overlooked(isa, likelihood, value, says, n_cols, n_threads):
    rng = np.random.default_rng(0)
    X = rng.random((23, n_cols))
    settings = {"likelihood": likelihood, "n_threads": n_threads, "n_epochs": 2, "random_state": 0}
    model = AEVB.published(1, hidden_layer_sizes=(7,), **settings).fit(X)
    good = model.transform(X)
    for where in [(0, 0), (0, n_cols - 1), (22, 0), (22, n_cols - 1), (11, n_cols // 2)]:
        bad = X.copy()
        bad[where] = value
        for work in (model.transform, model.score_samples, model.bound_and_gradient):
            with pytest.raises(ValueError, match=f"X.*{says}"):
                work(bad)
    np.testing.assert_array_equal(model.transform(X), good)


@pytest.mark.parametrize("bad", [np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_found_wherever_it_is(bad):
    """The check reads data in blocks of a megabyte."""
    X = np.random.default_rng(0).random((6000, 150), dtype=np.float32)
    model = AEVB.published(2, hidden_layer_sizes=(3,), n_epochs=1, random_state=0).fit(X[:10])
    for row, column in [(0, 0), (0, 149), (3001, 75), (5999, 0), (5999, 149)]:
        wrong = X.copy()
        wrong[row, column] = bad
        frame = pd.DataFrame(wrong)
        views = [wrong, np.asfortranarray(wrong), wrong[::-1, ::-1], sp.csr_matrix(wrong)]
        for view in [*views, frame, frame.to_numpy(dtype=object)]:
            with pytest.raises(ValueError, match=r"infinity|infinite|value -?inf"):
                model.score_samples(view)
            with pytest.raises(ValueError, match=r"infinity|infinite|value -?inf"):
                AEVB.published(2, n_epochs=1).fit(view)


def test_a_frame_with_a_hole_is_read_without_a_warning():
    """Here a warning is an error. The one to avoid says that an array replaces a frame."""
    frame = pd.DataFrame(np.ones((5, 2)), columns=["a", "b"])
    model = AEVB.published(1, hidden_layer_sizes=(2,), n_epochs=1).fit(frame)
    complete = model.score_samples(frame)
    frame.loc[3, "b"] = np.nan
    scores = model.score_samples(frame)
    assert scores[3] != complete[3]
    np.testing.assert_array_equal(np.delete(scores, 3), np.delete(complete, 3))
    model.partial_fit(frame)
    assert list(model.feature_names_in_) == ["a", "b"]
