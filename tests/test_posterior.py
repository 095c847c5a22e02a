"""HMC on p(z|x): draws against known posteriors, and what the result says of the chains.

Chains of different rows are independent. The standard error of a mean over 50 chains or more
therefore needs no effective sample size. The tolerance is 5 standard errors: a correct sampler
fails for one seed in 1e5.
"""

import functools
import itertools
import warnings

import numpy as np
import oracle
import pytest
import scipy.sparse as sp
from oracle import U
from scipy import stats
from scipy.interpolate import CubicSpline
from sklearn.exceptions import NotFittedError
from teams import team_of

from aevb import AEVB, sample_posterior

run = functools.partial(sample_posterior, random_state=0, n_threads=1)

ADAPTATIONS = ["dual-averaging", "multiplicative"]
STEPS = ["chain", "all"]
WAYS = [{"adaptation": a, "step_size_per": s} for a in ADAPTATIONS for s in STEPS]
# name: (loadings, log-variance of x). They are sixteenths, so that 20 of them are exact in float32.
GAUSSIANS = {
    "prior": (np.zeros((2, 3)), 0.0),
    "uneven": (np.diag([0.0, 1.0, 2.0, 4.0]) + np.eye(4, k=1) / 4, 0.0),
    "correlated": (np.ones((2, 6)) + np.eye(2, 6) / 16, np.log(6 / 50)),  # correlation -0.98
}
DECODERS = {  # name: (likelihood, activation, widths from x to z, scale of the weights)
    "bernoulli": ("bernoulli", "tanh", (9,), 0.8),
    "gaussian": ("gaussian", "softplus", (9,), 0.6),
    "bounded-gaussian": ("bounded-gaussian", "sigmoid", (9,), 1.5),
    "relu": ("gaussian", "relu", (17,), 0.4),
    "deep": ("bernoulli", "tanh", (11, 7), 0.6),
}


def blank(n_components, n_features, sizes, activation, likelihood):
    """A fitted model of this shape, for `set_weights` to fill."""
    X = np.random.default_rng(0).random((20, n_features), dtype=np.float32)
    model = AEVB.published(n_components, hidden_layer_sizes=sizes, activation=activation)
    return model.set_params(likelihood=likelihood, scale="none", n_epochs=1, random_state=0).fit(X)


@functools.cache
def gaussian_case(name, n=100):
    """x|z ~ N(z @ loadings, exp(log_var) I). Units relu(z + 20) are on for every z that matters.

    -> (model, X from it, posterior means (n, J), Cholesky factor of the posterior covariance).
    """
    loadings, log_var = GAUSSIANS[name]
    n_components, n_features = loadings.shape
    model = blank(n_components, n_features, (n_components,), "relu", "gaussian")
    weights = {name: np.zeros_like(weight) for name, weight in model.weights_.items()}
    weights["decoder.hidden0.weight"][:] = np.eye(n_components)
    weights["decoder.hidden0.bias"][:] = 20
    weights["decoder.mean.weight"][:] = loadings
    weights["decoder.mean.bias"][:] = -20 * loadings.sum(0)
    weights["decoder.log_var.bias"][:] = np.log(np.expm1(log_var + 10)) - 10
    rng = np.random.default_rng(1)
    X = rng.normal(size=(n, n_components)) @ loadings
    X = np.float32(X + np.exp(log_var / 2) * rng.normal(size=X.shape))
    covariance = np.linalg.inv(np.eye(n_components) + loadings @ loadings.T * np.exp(-log_var))
    means = X.astype(float) @ (np.exp(-log_var) * loadings.T @ covariance)
    return model.set_weights(weights), X, means, np.linalg.cholesky(covariance)


@functools.cache
def decoder_case(name, n_components=2, n=60):
    """(model with a random decoder, reference config, z from the prior, x from p(x|z))."""
    likelihood, activation, sizes, scale = DECODERS[name]
    model = blank(n_components, 12, sizes, activation, likelihood)
    rng = np.random.default_rng(2)
    weights = {k: rng.normal(size=w.shape) * scale for k, w in model.weights_.items()}
    for k in {"decoder.log_var.weight", "decoder.log_var.bias"} & set(weights):
        weights[k] = weights[k] / 4 - (2 if k.endswith("bias") else 0)
    weights = oracle.float64(model.set_weights(weights).weights_)
    z = rng.normal(size=(n, n_components))
    h = oracle.climb(weights, "decoder", z, activation)[0][-1]
    head = "decoder.logits" if likelihood == "bernoulli" else "decoder.mean"
    x = oracle.affine(weights, head, h)
    x = x if likelihood == "gaussian" else oracle.sigmoid(x)
    if likelihood == "bernoulli":
        x = rng.random(x.shape) < x
    else:
        v = oracle.softplus(oracle.affine(weights, "decoder.log_var", h) + 10) - 10
        x = x + np.exp(v / 2) * rng.normal(size=x.shape)
    return model, oracle.Config(activation, likelihood), z, x.astype(np.float32)


def log_joint(weights, config, z, x):
    """log p(x, z) up to a constant, and its gradient by z, in float64; a row of x for each z."""
    outputs, _ = oracle.climb(weights, "decoder", z, config.activation)
    r, deltas = oracle.likelihood_heads(weights, config, outputs[-1], x)
    dz = oracle.descend(weights, "decoder", outputs, deltas, config.activation, {})
    return r - 0.5 * (z**2).sum(1), dz - z


def assert_mean(values, expected, resolution):
    """The mean over chains is correct, and precise enough for that to mean something."""
    stderr = values.std(0, ddof=1) / np.sqrt(len(values))
    assert stderr.max() <= resolution
    np.testing.assert_array_less(np.abs(values.mean(0) - expected), 5 * stderr + 64 * U)


def assert_moments(draws, means, factor):
    """After whitening by the true mean and covariance, the mean is 0 and the covariance is I."""
    centred = (draws.astype(float) - means).transpose(1, 2, 0)  # (chains, J, draws)
    u = np.linalg.solve(factor, centred)
    assert_mean(u.mean(2), 0, resolution=0.1)
    assert_mean(u @ u.swapaxes(1, 2) / len(draws), np.eye(u.shape[1]), resolution=0.1)


# Chains that move slowly, on purpose.
slow = pytest.mark.filterwarnings("ignore:sample_posterior. R-hat")
# Chains that may do anything.
wild = pytest.mark.filterwarnings("ignore:sample_posterior")


@slow
@pytest.mark.parametrize("name", GAUSSIANS)
def test_gaussian_posterior(name):
    """Trajectories are short. Near half a period of a Gaussian, they only change the sign of z."""
    model, X, means, factor = gaussian_case(name)
    assert_moments(run(model, X, 1000, n_leapfrog=2).draws, means, factor)


@pytest.mark.parametrize("way", WAYS)
def test_gaussian_posterior_whatever_the_adaptation(way):
    model, X, means, factor = gaussian_case("uneven")
    assert_moments(run(model, X, 1000, n_leapfrog=2, target_accept=0.8, **way).draws, means, factor)


@functools.cache
def quadrature(n_components):
    """(model, X, axis, grid (G, J), p(z|x) of each row on the grid (n, G)).

    Sums over an even grid are exact for densities that are smooth on its spacing and vanish at its
    ends. Rows are distinct, so that no two chains are equal.
    """
    model, config, _, X = decoder_case("bernoulli", n_components)
    X = np.unique(X, axis=0)[:50]
    axis = np.linspace(-6.5, 6.5, 131)
    grid = np.array(list(itertools.product(axis, repeat=n_components)))
    weights = oracle.float64(model.weights_)
    density = np.array([log_joint(weights, config, grid, x[None].astype(float))[0] for x in X])
    density = np.exp(density - density.max(1, keepdims=True))
    return model, X, axis, grid, density / density.sum(1, keepdims=True)


@pytest.mark.parametrize("n_components", [1, 2])
def test_quadrature_of_a_tanh_bernoulli_decoder(n_components):
    """Moments are correct, and each tenth of the true marginal CDF has a tenth of the draws."""
    model, X, axis, grid, density = quadrature(n_components)
    means = density @ grid
    second = np.einsum("ng,gi,gj->nij", density, grid, grid, optimize=True)
    covariance = second - means[:, :, None] * means[:, None]
    draws = run(model, X, 1000, n_leapfrog=2).draws
    assert_moments(draws, means, np.linalg.cholesky(covariance))
    for j in range(n_components):
        tenths = []
        for row, table in enumerate(density.reshape(len(X), *[len(axis)] * n_components)):
            marginal = table.sum(1 - j) if n_components == 2 else table
            cdf = CubicSpline(axis, marginal / (axis[1] - axis[0])).antiderivative()
            tenths.append(np.histogram(cdf(draws[:, row, j]), 10, range=(0, 1))[0] / len(draws))
        assert_mean(np.array(tenths), 0.1, resolution=0.005)


@pytest.mark.parametrize("name", DECODERS)
def test_calibration_by_simulation(name):
    """With z ~ p(z), x ~ p(x|z), z is one more draw from p(z|x), so its rank is uniform."""
    model, _, z, X = decoder_case(name, n=400)
    draws = run(model, X, 31 * 12, n_leapfrog=5).draws[::12]
    ranks = (draws < z).sum(0)  # 0 to 31
    for j in range(z.shape[1]):
        counts = np.bincount(ranks[:, j] // 4, minlength=8)  # 50 expected in each
        assert stats.chisquare(counts).pvalue > 1e-4, counts


@pytest.mark.parametrize("name", DECODERS)
def test_acceptance_is_that_of_an_exact_leapfrog(isa, name):
    """A wrong gradient also leaves the posterior invariant, but accepts less at the same step."""
    model, config, _, X = decoder_case(name)
    result = run(model, X, 300, n_leapfrog=7, target_accept=0.98)
    weights, rng = oracle.float64(model.weights_), np.random.default_rng(3)
    z = result.draws[::6].astype(float)  # 50 starts from each posterior
    x = np.tile(X.astype(float), (len(z), 1))
    step = np.tile(result.step_size.astype(float), len(z))[:, None]
    z = z.reshape(len(x), -1)
    momentum = rng.normal(size=z.shape)
    value, slope = log_joint(weights, config, z, x)
    before = value - 0.5 * (momentum**2).sum(1)
    for _ in range(7):
        momentum = momentum + 0.5 * step * slope
        z = z + step * momentum
        value, slope = log_joint(weights, config, z, x)
        momentum = momentum + 0.5 * step * slope
    change = value - 0.5 * (momentum**2).sum(1) - before
    expected = np.exp(np.minimum(0, change)).reshape(-1, len(X)).mean(0)
    assert_mean(result.acceptance - expected, 0, resolution=0.004)


@slow
@pytest.mark.parametrize(("target", "n_leapfrog"), [(0.65, 1), (0.9, 1), (0.9, 10)])
@pytest.mark.parametrize("way", WAYS)
def test_acceptance_is_near_its_target(way, target, n_leapfrog):
    """Single noisy transitions tune the steps. 0.08 is a third of the way between the targets."""
    model, _, _, X = decoder_case("deep")
    options = {"n_leapfrog": n_leapfrog, "target_accept": target, "n_warmup": 300, **way}
    result = run(model, X, 300, **options)
    assert result.acceptance.mean() == pytest.approx(target, abs=0.08)
    assert (len(np.unique(result.step_size)) == 1) == (way["step_size_per"] == "all")


def test_step_sizes_are_frozen_after_warm_up():
    """A longer run therefore continues the shorter one."""
    model, _, _, X = decoder_case("gaussian")
    short, long = run(model, X, 40), run(model, X, 90)
    assert short.step_size.tobytes() == long.step_size.tobytes()
    assert short.draws.tobytes() == long.draws[:40].tobytes()
    assert (short.step_size != run(model, X, 40, n_warmup=201).step_size).any()


@pytest.fixture(scope="module", name="walk")
def slow_chains():
    """2000 single leapfrog steps of about 0.2: a random walk in directions of width 1 to 0.25."""
    model, X, *_ = gaussian_case("uneven")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "sample_posterior: R-hat")
        return run(model, X, 2000, n_leapfrog=1)


def test_ess_predicts_the_error_of_the_mean(walk):
    """(mean - truth)^2 ess / variance is 1 on average, to 0.14 with 100 chains.

    An ess from some 50 effective draws is itself off by about 20 %. The limits are 1 / 2 and 2.
    """
    _, _, means, factor = gaussian_case("uneven")
    error = walk.draws.mean(0, dtype=float) - means
    ratio = (error**2 / (factor @ factor.T).diagonal() * walk.ess).mean(0)
    assert np.abs(np.log2(ratio)).max() < 1


def test_good_chains_look_good():
    model, _, _, X = decoder_case("bernoulli")
    result = run(model, X, 1000, n_leapfrog=5)
    assert result.r_hat.max() < 1.05
    assert np.median(result.ess) > 250
    assert result.ess.min() > 50
    assert not result.n_divergent.any()
    n = len(X)
    assert result.draws.shape == (1000, n, 2)
    assert result.ess.shape == result.r_hat.shape == (n, 2)
    assert result.acceptance.shape == result.step_size.shape == result.n_divergent.shape == (n,)
    assert result.draws.dtype == np.float32
    assert result.n_divergent.dtype.kind in "iu"


def as_bytes(result):
    return [np.asarray(field).tobytes() for field in result]


@wild
@pytest.mark.parametrize("step_size_per", STEPS)
def test_thread_count_does_not_matter(isa, step_size_per):
    model, _, _, X = decoder_case("gaussian", n=61)
    options = {"n_warmup": 30, "step_size_per": step_size_per}
    results = []
    for n in (1, 2, 3):
        with team_of(n):
            results.append(as_bytes(run(model, X, 20, n_threads=n, **options)))
    assert results[0] == results[1] == results[2]


def test_random_state():
    """Runs of some tenths of a second, so that an effect of the clock would show."""
    model, _, _, X = decoder_case("gaussian", n=200)
    one, same, other = (run(model, X, 300, random_state=seed) for seed in (1, 1, 2))
    assert as_bytes(one) == as_bytes(same)
    assert (one.draws != other.draws).any(axis=(0, 2)).all()  # in every chain


@pytest.mark.parametrize("container", [np.asfortranarray, np.float64, np.uint8, sp.csr_matrix])
def test_the_container_of_x_does_not_matter(container):
    model, _, _, X = decoder_case("bernoulli")
    assert as_bytes(run(model, container(X), 20)) == as_bytes(run(model, X, 20))


@wild
@pytest.mark.parametrize("name", DECODERS)
@pytest.mark.parametrize(
    ("option", "value"),
    [("n_leapfrog", 200), ("target_accept", 0.9999), ("target_accept", 0.01), ("n_warmup", 0)],
)
def test_nothing_breaks_finiteness(name, option, value):
    model, _, _, X = decoder_case(name)
    X = X[:5].copy()
    if DECODERS[name][0] == "gaussian":
        X[0] *= 1e3  # log p(x|z) and slopes of a million
    result = run(model, X, 20, **{"n_warmup": 50, option: value})
    assert np.isfinite(result.draws).all()
    assert ((result.step_size > 0) & (result.step_size < np.inf)).all()
    assert ((result.acceptance >= 0) & (result.acceptance <= 1)).all()
    assert ((result.n_divergent >= 0) & (result.n_divergent <= 20)).all()


WRONG = {  # words of the error: arguments; arrays are X
    "n_draws": [0, 2.5],
    "n_leapfrog": [0, 1.5],
    "n_warmup": [-1],
    "target_accept": [0.0, 1.0, -0.5, np.nan, "high"],
    "adaptation": ["nuts", None],
    "step_size_per": ["row"],
    "random_state": ["a"],
    "n_threads": [0],
    "model": [3],
    "features": [np.ones((3, 5))],
    "0 sample": [np.ones((0, 12))],
    "infinity": [np.full((3, 12), np.inf)],
}


@pytest.mark.parametrize(("said", "value"), [(k, v) for k in WRONG for v in WRONG[k]])
def test_wrong_arguments_are_named(said, value):
    model, _, _, X = decoder_case("bernoulli")
    wrong = {"X" if isinstance(value, np.ndarray) else said: value}
    with pytest.raises((ValueError, TypeError), match=said):
        sample_posterior(**{"model": model, "X": X, "n_draws": 3, **wrong})


def test_unfitted_is_said():
    with pytest.raises(NotFittedError):
        sample_posterior(AEVB.published(), np.ones((3, 12)), 3)
