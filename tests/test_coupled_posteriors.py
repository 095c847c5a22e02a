"""Models whose posterior couples the components of z, and those made of gamma variables."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from aevb import AEVB, Evaluator, sample_posterior
from aevb.core.catalogue import POSTERIORS

X = np.float32(load_digits().data[:60] / 16)
SMALL = {"hidden_layer_sizes": (10,), "batch_size": 20, "random_state": 0, "n_epochs": 4}
# Fits are short, as the tests do not need good models.
pytestmark = pytest.mark.filterwarnings("ignore:the bound still rose")
COUPLED = [name for name, info in POSTERIORS.items() if not info["is_factorized"]]
GAMMA = ["gamma", "chi-squared", "f", "beta"]


def fitted(posterior, n_components=3, **parameters):
    return AEVB.published(n_components, posterior=posterior, **{**SMALL, **parameters}).fit(X)


def test_two_posteriors_are_coupled():
    assert COUPLED == ["full-gaussian", "dirichlet"]


@pytest.mark.parametrize("posterior", COUPLED)
def test_coupled_components_have_no_divergence_of_their_own(posterior):
    """A fit of four epochs looks for collapsed units, which it must not do here."""
    model = fitted(posterior)
    message = rf"^kl_per_unit: the latent units depend on .* the posterior '{posterior}', want"
    with pytest.raises(ValueError, match=message):
        Evaluator(model).kl_per_unit(X)
    with pytest.raises(ValueError, match="free_bits"):
        fitted(posterior, free_bits=0.1)


@pytest.mark.parametrize("posterior", COUPLED)
@pytest.mark.parametrize("n_components", [1, 3])
def test_the_closed_form_counts_a_rows_divergence_once(posterior, n_components):
    """SGVB B against SGVB A, with the same draws of z and so with the same reconstruction."""
    model = fitted(posterior, n_components)
    drawn = fitted(posterior, n_components, bound_estimator="monte-carlo", n_epochs=1)
    drawn.set_weights(model.weights_)
    closed, drawn = (Evaluator(m, random_state=0).bound(X, n_draws=200) for m in (model, drawn))
    reconstruction, kl = (closed.diagnostics[key] for key in ("reconstruction", "kl"))
    np.testing.assert_allclose(reconstruction - kl, closed.per_row, rtol=1e-9)
    error = (closed.per_row - drawn.per_row) / (closed.stderr + drawn.stderr + 1e-5)
    assert np.abs(error).max() < 5
    codes = model.transform(X)
    assert codes.shape == (len(X), n_components)
    if posterior == "dirichlet":
        np.testing.assert_allclose(codes.sum(1), 1, atol=1e-6)


def test_a_factor_has_a_limit():
    with pytest.raises(ValueError, match=r"^n_components: got 1025, want at most 1024 with the"):
        fitted("full-gaussian", 1025)


@pytest.mark.parametrize("posterior", COUPLED + GAMMA)
def test_a_model_can_be_asked_everything(posterior):
    model = fitted(posterior)
    result = sample_posterior(model, X[:4], 20, n_warmup=50, random_state=0)
    assert np.isfinite(result.draws).all()
    evaluator = Evaluator(model, random_state=0)
    options = {"n_draws": 20, "n_temperatures": 30}
    annealed = evaluator.log_likelihood(X[:3], method="ais", **options)
    sampled = evaluator.log_likelihood(X[:3], n_draws=2000)
    error = annealed.per_row - sampled.per_row
    assert (np.abs(error) < 1 + 5 * (annealed.stderr + sampled.stderr)).all()
    holes = X[:4].copy()
    holes[:, ::3] = np.nan
    assert np.isfinite(model.impute(holes, n_iterations=20, random_state=0)).all()
