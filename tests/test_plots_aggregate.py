"""The aggregate posterior beside the prior: which draws, in which panels, and what is refused."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.stats import norm

from aevb import AEVB, MCEM, plots
from aevb.plots.model import posterior_draws, prior_draws

D = 14
SCALES = np.float32([1, 0.1, 3, 0, *(2 + np.arange(10))])


class Known:
    """q(z_j|x) is N(s_j x_j, (j + 1)^2 / 4)."""

    def __init__(self, n_components=D):
        self.n_components = n_components

    def transform(self, X):
        return self.encode(X)[0]

    def encode(self, X):
        mean = SCALES[: self.n_components] * np.asarray(X, np.float32)[:, : self.n_components]
        std = (np.arange(self.n_components, dtype=np.float32) + 1) / 2
        return mean, np.broadcast_to(std, mean.shape)

    def _draw_encoded(self, X, n_draws, seed):
        mean, std = self.encode(X)
        noise = np.random.default_rng(seed).standard_normal((n_draws, *mean.shape), np.float32)
        return mean + std * noise

    def _draw_prior(self, n_draws, seed):
        shape = n_draws, self.n_components
        return np.random.default_rng(seed).standard_normal(shape, np.float32)


@pytest.fixture(name="X")
def rows():
    return np.random.default_rng(0).uniform(-1, 1, (40, D))


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def labels(axes):
    return [(ax.get_xlabel(), ax.get_ylabel()) for ax in axes]


def test_draws_of_the_posterior(X):
    """Each row has n_draws draws, of its mean and its standard deviation."""
    z = posterior_draws(Known(3), X, 5000, np.random.RandomState(0))
    assert z.shape == (5000 * 40, 3)
    assert z.dtype == np.float32
    mean, std = Known(3).encode(X)
    noise = (z.reshape(5000, 40, 3) - mean) / std
    assert np.abs(noise.mean(axis=0)).max() < 5 / np.sqrt(5000)
    assert np.abs(noise.std(axis=0) - 1).max() < 5 / np.sqrt(2 * 5000)


def test_densities_of_two_normals():
    """With one mean for all rows, the aggregate posterior is normal, so both densities are known.

    The heights of the bins have the errors of shares of 10 000 and of 50 000 draws.
    """
    figure = plots.aggregate_posterior(Known(3), np.zeros((7, D)), random_state=0)
    figure.canvas.draw()
    assert labels(figure.axes) == [("z0", ""), ("z1", ""), ("z2", "")]
    for ax, std in zip(figure.axes, (0.5, 1.0, 1.5), strict=True):
        posterior, prior = ax.patches
        edges = posterior.get_data().edges
        np.testing.assert_array_equal(prior.get_data().edges, edges)
        assert 0.0005 < norm.sf(edges[-1] / max(std, 1)) < 0.002
        assert 0.0005 < norm.cdf(edges[0] / max(std, 1)) < 0.002
        for patch, scale, n in ((posterior, std, 10_003), (prior, 1, 50_000)):
            share = np.diff(norm.cdf(edges / scale))
            found = patch.get_data().values * np.diff(edges)
            assert (np.abs(found - share) <= 5 * np.sqrt(share / n) + 5 / n).all()
        assert posterior.get_fill()
        assert not prior.get_fill()


def test_the_units_whose_means_vary_most(X):
    figure = plots.aggregate_posterior(Known(), X)
    shown = [i for i in range(D) if i not in (1, 3)]
    assert labels(figure.axes) == [(f"z{i}", "") for i in shown]
    assert figure.get_suptitle() == "Aggregate posterior and prior: 12 of 14 latent units"


def test_chosen_units_and_pairs(X):
    model, generator = Known(5), np.random.RandomState(4)
    figure = plots.aggregate_posterior(
        model, X, units=[4, (0, 3), (2, 4)], n_draws=80, random_state=4
    )
    assert labels(figure.axes) == [("z4", ""), ("z0", "z3"), ("z2", "z4")]
    assert figure.get_suptitle() == "Aggregate posterior and prior: 4 of 5 latent units"
    posterior = posterior_draws(model, X, 80, generator)
    prior = prior_draws(model, 50_000, generator)
    assert len(posterior) == 3200
    for ax, pair in zip(figure.axes[1:], ([0, 3], [2, 4]), strict=True):
        below, above = ax.collections
        np.testing.assert_array_equal(below.get_offsets(), prior[::50, pair])
        np.testing.assert_array_equal(above.get_offsets(), posterior[::4, pair])
        assert ax.get_xlim() == ax.get_ylim()
        assert ax.get_xlim()[0] < np.quantile(prior[:, pair], 0.002)
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["aggregate posterior", "prior"]
    below, above = (tuple(cloud.get_facecolor()[0, :3]) for cloud in figure.axes[1].collections)
    filled, line = figure.axes[0].patches
    assert (filled.get_facecolor()[:3], line.get_edgecolor()[:3]) == (above, below)
    assert above != below


@pytest.mark.parametrize("posterior", ["gaussian", "exponential"])
def test_draws_are_those_of_the_model(X, posterior):
    """The draws of q(z|x) have the moments that `encode` gives, those of p(z) the prior's."""
    model = AEVB.published(2, hidden_layer_sizes=(3,), posterior=posterior, n_epochs=1).fit(X)
    mean, std = model.encode(X)
    z = posterior_draws(model, X, 4000, np.random.RandomState(0)).reshape(4000, 40, 2)
    noise = (z - mean) / std
    assert np.abs(noise.mean(axis=0)).max() < 5 / np.sqrt(4000)
    assert np.abs(noise.std(axis=0) - 1).max() < 8 / np.sqrt(4000)
    prior = prior_draws(model, 20_000, np.random.RandomState(0))
    assert prior.shape == (20_000, 2)
    location = 1.0 if posterior == "exponential" else 0.0
    assert np.abs(prior.mean(axis=0) - location).max() < 5 / np.sqrt(20_000)
    assert np.abs(np.cov(prior.T) - np.eye(2)).max() < 12 / np.sqrt(20_000)


@pytest.mark.parametrize("units", [[5], [-1], [(0, 5)], [(1, 1)], [(0, 1, 2)], [0.5], ["a"], [()]])
def test_units_that_the_model_does_not_have(X, units):
    with pytest.raises(ValueError, match=r"units: got .*, want numbers from 0 to 4, or pairs"):
        plots.aggregate_posterior(Known(5), X, units=units)


def test_other_errors(X):
    with pytest.raises(ValueError, match="units: got none, want at least one"):
        plots.aggregate_posterior(Known(5), X, units=[])
    for n_draws in (0, -1):
        with pytest.raises(ValueError, match=f"n_draws: got {n_draws}, want an integer from 1"):
            plots.aggregate_posterior(Known(5), X, n_draws=n_draws)
    with pytest.raises(TypeError, match=r"n_draws: got 1\.5"):
        plots.aggregate_posterior(Known(5), X, n_draws=1.5)
    with pytest.raises(ValueError, match="model: got MCEM, which has no encoder, want AEVB"):
        plots.aggregate_posterior(MCEM(2), X)


def test_a_fitted_model(X):
    """Sparse rows, too, and on a figure of the caller's. Nothing else is drawn on."""
    model = AEVB.published(2, hidden_layer_sizes=(4,), likelihood="gaussian", n_epochs=1)
    model.set_params(random_state=0).fit(X)
    figures = []
    for some in (X, csr_matrix(X)):
        figure = plots.offscreen_figure(6, 3)
        assert plots.aggregate_posterior(model, some, random_state=1, figure=figure) is figure
        figure.canvas.draw()
        figures.append([p.get_data().values for ax in figure.axes for p in ax.patches])
    np.testing.assert_array_equal(*figures)
    assert plt.get_fignums() == []
    plots.aggregate_posterior(model, X, units=[1])
    assert len(plt.get_fignums()) == 1
