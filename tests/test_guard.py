"""Plain arrays are looked at by the core as it reads them: not one bad value gets through."""

import numpy as np
import pytest

from aevb import AEVB


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("n_cols", [1, 5, 16, 33])
@pytest.mark.parametrize(("likelihood", "value", "says"), [
    ("bernoulli", 1.0001, "1.0001"),
    ("bernoulli", -1e-6, "-1e-06"),
    ("bernoulli", np.nan, "NaN"),
    ("gaussian", -np.inf, "infinity"),
    ("gaussian", np.nan, "NaN"),
    ("gaussian", 1e39, "1e.39"),
])  # fmt: skip
def test_no_bad_value_is_overlooked(isa, likelihood, value, says, n_cols, n_threads):
    rng = np.random.default_rng(0)
    X = rng.random((23, n_cols))
    settings = {"likelihood": likelihood, "n_threads": n_threads, "n_epochs": 2, "random_state": 0}
    model = AEVB(2, hidden_layer_sizes=(7,), **settings).fit(X)
    good = model.transform(X)
    for where in [(0, 0), (0, n_cols - 1), (22, 0), (22, n_cols - 1), (11, n_cols // 2)]:
        bad = X.copy()
        bad[where] = value
        for work in (model.transform, model.score_samples, model.bound_and_gradient):
            with pytest.raises(ValueError, match=f"X.*{says}"):
                work(bad)
    np.testing.assert_array_equal(model.transform(X), good)
