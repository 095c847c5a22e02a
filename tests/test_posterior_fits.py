"""Every posterior trains, and those whose density jumps refuse what needs the score."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from aevb import AEVB, MCEM, WakeSleep
from aevb.core.catalogue import POSTERIORS, PRIORS

X = np.float32(load_digits().data[:300] / 16)
SMALL = {"hidden_layer_sizes": (20,), "batch_size": 30, "random_state": 0}


@pytest.mark.parametrize("posterior", POSTERIORS)
def test_the_bound_rises(posterior):
    model = AEVB.published(3, posterior=posterior, n_epochs=8, **SMALL).fit(X)
    bounds = model.history_["train_bound"]
    assert np.isfinite(bounds).all()
    assert bounds[-1] > bounds[0] + 5
    codes = model.transform(X)
    assert np.isfinite(codes).all()
    if POSTERIORS[posterior]["support"] != "real":
        assert (codes > 0).all()
    assert np.isfinite(model.score_samples(X)).all()


@pytest.mark.parametrize("prior", PRIORS)
def test_draws_of_each_prior_decode(prior):
    model = MCEM.published(2, prior=prior, n_epochs=2, **SMALL).fit(X)
    assert np.isfinite(model.history_["train_bound"]).all()
    assert np.isfinite(model.sample(100, random_state=0)).all()


@pytest.mark.parametrize("posterior", ["uniform", "pareto", "reciprocal"])
@pytest.mark.parametrize(
    "objective", ["score-function", "score-function-baseline", "doubly-reparameterized"]
)
def test_a_density_that_jumps_has_no_score(posterior, objective):
    model = AEVB.published(2, posterior=posterior, bound_estimator=objective, **SMALL)
    with pytest.raises(
        ValueError,
        match=rf"posterior: got '{posterior}', .* want another for bound_estimator '{objective}'",
    ):
        model.fit(X)
    with pytest.raises(ValueError, match=rf"posterior: got '{posterior}', .* for WakeSleep"):
        WakeSleep.published(2, posterior=posterior, **SMALL).fit(X)


def test_a_triangle_has_a_score():
    model = AEVB.published(
        2, posterior="triangular", bound_estimator="score-function", n_epochs=1, **SMALL
    ).fit(X)
    assert np.isfinite(model.history_["train_bound"]).all()
