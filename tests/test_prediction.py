"""Predictions of the core by importance sampling, against float64 twins with the core's noise.

The model has blocks of several likelihoods, of numbers and of levels, and rows have missing values.
Densities and means are the core's own, which other tests compare with twins.
"""

import functools

import numpy as np
import pytest
import twins
from engines import SETTINGS
from hooks import kernels
from oracle import U, gamma
from scipy.special import logsumexp
from teams import late_thread, team_of

from aevb.core.engine import Config, Engine, Rows
from aevb.core.units import Units

BLOCKS = [("bernoulli", 2), ("gaussian", 3), ("categorical", [3, 2]), ("ordinal", [4])]
PLACES = [5, 2, 0, 10, 3, 8, 1, 4]  # of the columns of the data in x
LEVELS = [3, 0, 0, 4, 0, 2, 0, 0]
BINARY = [*range(2), *range(5, 14)]  # columns of x with the values 0 and 1 alone
LATENT, PRIOR = 2, 24  # what noise is for: nn/random.h
ALL_LEVELS = [slice(5, 8), slice(8, 10), slice(10, 14)]
D, J, SEED = 14, 2, 2**40 + 3


@functools.cache
def mixed():
    config = Config(
        n_visible=D,
        **SETTINGS | {"likelihood": BLOCKS, "mask_inputs": True, "init_scale": 1.0},
    )
    scale = np.where(np.array(LEVELS) > 0, 1.0, [1, 2, 1, 1, 0.5, 1, 1, 3])
    jacobians = np.where(np.isin(PLACES, [2, 3, 4]), np.log(scale), 0.0)
    units = Units(np.zeros(8), scale, jacobians.sum(), jacobians, PLACES, LEVELS)
    engine = Engine(config, units)
    weights = engine.arrays("weights")
    # a q(z|x) that is wide, and not at the prior's mean
    weights["encoder.mean.bias"][:] = 0.5
    weights["encoder.log_var.bias"][:] = 0.7
    weights["decoder.gaussian.log_var.weight"][:] = 0
    engine.set_arrays(weights, "weights")
    return engine


def data(n, seed=0):
    """Rows of data with a third of the values missing: the last row has none, the first all."""
    rng = np.random.default_rng(seed)
    X = np.empty((n, 8))
    for column, levels in enumerate(LEVELS):
        binary = PLACES[column] < 2
        X[:, column] = rng.integers(levels or 2, size=n) if levels or binary else rng.normal(size=n)
    hidden = rng.random(X.shape) < 0.35
    hidden[0], hidden[-1] = True, False
    X[hidden] = np.nan
    return X


def predict(X, ids=None, n_threads=1, **options):
    settings = {
        "n_draws": 60,
        "n_adaptations": 0,
        "n_samples": 0,
        "mean": True,
        "deviation": False,
        **options,
    }
    rows = Rows(X, None, True)
    ids = np.arange(len(X), dtype=np.uint64) if ids is None else ids
    settings |= {"seed": SEED, "n_threads": n_threads, "progress": lambda done: None}
    return mixed().predict(rows, ids, **settings)


def normal(purpose, ids, n_draws):
    """Standard normal numbers of each row and draw, (n_draws, n, J), fifty draws in a pass."""
    together, passes = min(n_draws, 50), range(-(-n_draws // 50))
    width = -(-J // 4) * 4
    noise = [
        twins.noise(kernels.normal, SEED, purpose, ids, together * width, iteration=i)
        for i in passes
    ]
    noise = [part.reshape(len(ids), together, width)[:, :, :J].swapaxes(0, 1) for part in noise]
    return np.concatenate(noise)[:n_draws]


def log_normal(z, mean, sd):
    return (-0.5 * ((z - mean) / sd) ** 2 - np.log(sd) - 0.5 * np.log(2 * np.pi)).sum(2)


class Draws:
    """z, weights and E[x|z] of each row and draw, in float64: (draws, rows, ...).

    Every second draw is one of the prior. The density is that of the mixture.
    """

    def __init__(self, X, ids, n_draws):
        engine, rows = mixed(), Rows(X, None, True)
        mean, sd = (np.float64(a) for a in engine.posterior(rows, n_threads=1))
        z = mean + sd * normal(LATENT, ids, n_draws)
        z[1::2] = normal(PRIOR, ids, n_draws)[1::2]
        z = np.float32(z)
        log_joint = engine.log_joint(rows, z, n_threads=1)
        share = len(z[::2]) / n_draws
        parts = np.array([share, 1 - share])[:, None, None]
        logs = np.array([log_normal(z, mean, sd), log_normal(z, 0, 1)])
        log_q = logsumexp(logs, axis=0, b=parts)
        self.log_w = log_joint - log_q
        self.v = np.exp(self.log_w - logsumexp(self.log_w, axis=0))
        self.means = np.float64(engine.decode(z.reshape(-1, J), n_threads=1))
        self.means = self.means.reshape(*z.shape[:2], D)
        self.mean = np.einsum("lr,lrd->rd", self.v, self.means)
        self.ess = 1 / (self.v**2).sum(0)
        # Of a log weight: some 30 roundings of each of its terms, of log p(x, z) and log q. The
        # twin's z and those of the core differ by 4 roundings, which moves the terms as much.
        self.error = gamma(60) * (np.abs(log_joint) + np.abs(log_q) + 40).max(0)

    def mean_error(self):
        """Weights of a relative error e move a mean by 2 e times the spread of what it averages."""
        spread = np.einsum("lr,lrd->rd", self.v, np.abs(self.means - self.mean))
        largest = np.abs(self.means).max((0, 2))[:, None]
        return 2 * self.error[:, None] * (spread + largest) + 64 * U * largest


@pytest.mark.parametrize("n_draws", [1, 7, 50, 120])
def test_means_are_those_of_the_weighted_draws(isa, n_draws):
    """A whole number of passes or not. The draws beyond the last do not count."""
    X = data(40)
    ids = np.arange(40, dtype=np.uint64) * 2**33 + 5
    found, twin = predict(X, ids, n_draws=n_draws), Draws(X, ids, n_draws)
    assert found.mean.shape == (40, D)
    assert (np.abs(found.mean - twin.mean) <= twin.mean_error()).all()
    assert (np.abs(found.ess - twin.ess) <= 4 * twin.error * twin.ess + 1e-12).all()
    if n_draws > 7:
        plain = twin.means.mean(0)  # without the weights
        assert np.abs(plain - twin.mean).max() > 100 * twin.mean_error().max()
        assert found.ess.min() < 0.7 * n_draws


@pytest.mark.parametrize("n_adaptations", [1, 2, 3])
def test_adaptations_leave_the_means_as_they_are(n_adaptations):
    """Each is an estimate of the same mean, with an error by the number of effective draws."""
    X = data(30)
    exact = predict(X, n_draws=40000)
    found = predict(X, n_draws=4000, n_adaptations=n_adaptations, deviation=True)
    for_one = 1 / found.ess + 1 / exact.ess
    error = np.abs(np.float64(found.mean) - exact.mean)
    assert found.ess.min() > 100
    assert exact.ess.min() > 100
    assert (error <= 5 * found.std * np.sqrt(for_one)[:, None] + 1e-4).all()


def test_adaptations_make_more_draws_count():
    X = data(200)
    ess = [np.median(predict(X, n_draws=400, n_adaptations=n).ess) for n in (0, 1, 3)]
    assert ess[2] > ess[1] > 1.3 * ess[0]


def test_what_was_not_asked_for_has_no_rows():
    found = predict(data(5))
    assert found.std.shape == (0, D)
    assert found.samples.shape == (0, 5, D)
    found = predict(data(5), mean=False, n_samples=3)
    assert found.mean.shape == (0, D)
    assert found.samples.shape == (3, 5, D)
    assert np.isfinite(found.samples).all()
    assert (found.ess >= 1).all()


def test_deviations_are_those_of_the_mixture():
    """Values 0 and 1 with the mean m have the variance m (1 - m).

    Copies of a row have noise of their own. Their mean has a standard error; the tolerance is 5. It
    says nothing of values that hardly ever change.
    """
    X = np.repeat(data(8), 100, axis=0)
    found = predict(X, n_draws=100, deviation=True)
    twin = Draws(X, np.arange(len(X)), 100)
    of_z = np.einsum("lr,lrd->rd", twin.v, twin.means**2) - twin.mean**2
    binary = np.isin(np.arange(D), BINARY)
    expected = np.where(binary, twin.mean * (1 - twin.mean), of_z + noise_variance(X))
    excess = (np.float64(found.std) ** 2 - expected).reshape(8, 100, D)
    expected, of_z = (a.reshape(8, 100, D).mean(1) for a in (expected, of_z))
    stderr = excess.std(1, ddof=1) / 10
    varies = expected > 0.05
    assert varies.mean() > 0.5
    assert (np.abs(excess.mean(1)) <= 5 * stderr)[varies].all()
    assert (of_z > 6 * stderr)[varies].sum() >= 5  # both parts matter
    assert (expected - of_z > 6 * stderr)[varies].mean() > 0.8


def noise_variance(X):
    """E[Var(x|z)] of the Gaussian columns, from a model whose log-variances do not depend on z."""
    log_var = mixed().arrays("weights")["decoder.gaussian.log_var.bias"]
    out = np.full((len(X), D), np.nan)
    out[:, 2:5] = np.exp(np.logaddexp(0, np.float64(log_var) + 10) - 10)
    return out


def test_a_deviation_is_not_lost_beside_a_large_mean():
    """The spread is summed around the means: squares of x would lose it in their noise."""
    engine = mixed().copy()
    weights = engine.arrays("weights")
    weights["decoder.gaussian.mean.bias"][:] = 1000
    weights["decoder.gaussian.mean.weight"][:] = 0
    engine.set_arrays(weights, "weights")
    options = {
        "n_draws": 2000,
        "n_adaptations": 3,
        "n_samples": 0,
        "mean": True,
        "deviation": True,
        "seed": 1,
    }
    options |= {"n_threads": 1, "progress": lambda done: None}
    X = np.full((1, 8), np.nan)
    found = engine.predict(Rows(X, None, True), np.zeros(1, np.uint64), **options)
    expected = np.sqrt(noise_variance(X)[0, 2:5])
    # the relative error of a standard deviation of n draws is 1 / sqrt(2 n)
    np.testing.assert_allclose(found.std[0, 2:5], expected, rtol=5 / np.sqrt(2 * found.ess[0]))
    np.testing.assert_allclose(found.mean[0, 2:5], 1000, rtol=64 * U)


N_SAMPLES = 3000


@functools.cache
def sampled():
    X = data(6, seed=3)
    return predict(X, n_draws=120, n_samples=N_SAMPLES, deviation=True), Draws(X, range(6), 120)


def test_samples_have_the_mean_of_the_draws():
    """Given the draws of z, samples are independent draws of the weighted mixture."""
    found, twin = sampled()
    samples = np.float64(found.samples)
    stderr = samples.std(0, ddof=1) / np.sqrt(N_SAMPLES)
    tolerance = 5 * stderr + twin.mean_error() + 1e-3 * (stderr == 0)
    assert (np.abs(samples.mean(0) - twin.mean) <= tolerance).all()
    plain = twin.means.mean(0)
    assert (np.abs(samples.mean(0) - plain) > 5 * stderr).any(1).all()
    squares = (samples - twin.mean) ** 2
    stderr = squares.std(0, ddof=1) / np.sqrt(N_SAMPLES)
    of_z = np.einsum("lr,lrd->rd", twin.v, twin.means**2) - twin.mean**2
    excess = np.abs(squares.mean(0) - of_z - noise_variance(found.mean))
    assert (excess <= 5 * stderr + 1e-4)[:, 2:5].all()


def test_all_values_of_a_sample_come_from_one_z():
    """Columns are independent given z, so their covariance is that of the means."""
    (found, twin), n_related = sampled(), 0
    part = [0, 1, 2, 3, 4, 5, 8, 10]  # a column of each variable
    for row in range(6):
        means, v = twin.means[:, row, part], twin.v[:, row]
        centred = means - v @ means
        expected = (centred.T * v) @ centred
        x = np.float64(found.samples[:, row, part])
        products = (x - x.mean(0))[:, :, None] * (x - x.mean(0))[:, None]
        stderr = products.std(0, ddof=1) / np.sqrt(N_SAMPLES)
        off = ~np.eye(len(part), dtype=bool)
        assert (np.abs(products.mean(0) - expected) <= 6 * stderr + 1e-4)[off].all()
        n_related += (np.abs(expected) > 12 * stderr)[off].any()
    assert n_related >= 3


def test_samples_have_one_level_of_each_variable():
    samples = sampled()[0].samples
    assert set(np.unique(samples[:, :, BINARY])) == {0, 1}
    for columns in ALL_LEVELS:
        np.testing.assert_array_equal(samples[:, :, columns].sum(2), 1)


def test_a_row_has_its_result_wherever_it_stands(isa):
    """The ids alone key the noise. Another id, or another seed, is other noise."""
    if isa == "portable+blas":
        pytest.skip("rounds differently for other shapes")
    X, ids = data(700), np.arange(700, dtype=np.uint64)
    options = {"n_samples": 2, "deviation": True, "n_draws": 13, "n_adaptations": 2}
    whole = predict(X, ids, **options)
    for part in (slice(0, 1), slice(333, 700), slice(699, None, -7)):
        some = predict(X[part], ids[part].copy(), **options)
        for name in ("mean", "std", "ess"):
            assert getattr(some, name).tobytes() == getattr(whole, name)[part].tobytes(), name
        assert some.samples.tobytes() == whole.samples[:, part].tobytes()
    other = predict(X, ids + np.uint64(1), **options)
    assert (other.mean != whole.mean).any(1).all()


def said(n_threads, **options):
    settings = {"n_draws": 60, "n_adaptations": 2, "n_samples": 2} | options
    found = predict(data(900), n_threads=n_threads, **settings)
    return [a.tobytes() for a in found]


@pytest.mark.parametrize("n_threads", [2, 3])
def test_threads_give_the_same_bits(isa, n_threads):
    alone = said(1, deviation=True)
    with team_of(n_threads):
        assert said(n_threads, deviation=True) == alone


@pytest.mark.parametrize("n_samples", [0, 2])
@pytest.mark.parametrize("rank", range(3))
def test_a_late_thread_changes_no_bit(rank, n_samples):
    """The last block is shorter than the others, so that its rows belong to other threads."""
    options = {"deviation": True, "n_samples": n_samples}
    alone = said(1, **options)
    with team_of(3), late_thread(rank):
        assert said(3, **options) == alone


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ("ids", {"ids": np.zeros(4, np.uint64)}),
        ("ids", {"ids": np.zeros((5, 1), np.uint64)}),
        ("ids", {"ids": np.zeros(10, np.uint64)[::2]}),
        ("n_draws", {"n_draws": 0}),
        ("deviation", {"mean": False, "deviation": True}),
    ],
)
def test_wrong_arguments_are_named(said, wrong):
    with pytest.raises(ValueError, match=said):
        predict(data(5), **wrong)


def test_a_row_without_any_weight_is_not_a_number():
    """x is so far out that log p(x|z) is below float32's range at all z."""
    X = data(3)
    X[2, 1] = 1e30
    found = predict(X, deviation=True)
    assert np.isnan(found.mean[2]).all()
    assert np.isnan(found.ess[2])
    assert np.isfinite(found.mean[:2]).all()
    assert np.isfinite(found.std[:2]).all()
