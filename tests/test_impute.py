"""Missing values, against quadrature over z, with encoders that are far from p(z|x).

Rows are independent chains: the mean of copies of a row has a standard error. The tolerance is 5.
"""

import functools
import itertools
import pickle

import numpy as np
import oracle
import pandas as pd
import pytest
import scipy.sparse as sp
from oracle import U, gamma
from scipy import stats
from scipy.ndimage import maximum_filter
from scipy.optimize import minimize
from sklearn.exceptions import NotFittedError

from aevb import AEVB, MCEM, WakeSleep, datasets

METHODS = ["mean", "sample", "mode"]
LIKELIHOODS = ["bernoulli", "gaussian", "bounded-gaussian"]
D = 5
MASKS = np.array([[1, 0, 0, 1, 0], [0, 1, 1, 1, 0], [0, 0, 0, 0, 1], [1, 1, 1, 1, 1]], dtype=bool)
GOOD, GAPS = np.eye(6, D, dtype=np.float32), np.eye(6, D, k=1) > 0  # data and a mask


def blank(likelihood, n_components, sizes=(7,), *, activation="tanh", cls=AEVB):
    """A fitted model of this shape, for `set_weights` to fill."""
    X = np.random.default_rng(0).random((20, D), dtype=np.float32)
    model = cls.published(n_components, hidden_layer_sizes=sizes, activation=activation, n_epochs=1)
    options = {"scale": "none", "random_state": 0, "n_threads": 1}
    return model.set_params(likelihood=likelihood, **options).fit(X)


class Twin:
    """Float64 twin of a model's weights: p(x, z), E[x|z] and a chain like impute's."""

    def __init__(self, model):
        self.model, self.weights = model, oracle.float64(model.weights_)
        self.config = oracle.Config(model.activation, model.likelihood_)
        self.heads = {k for k in self.weights if k.startswith("decoder") and "hidden" not in k}

    def affine(self, side, head, h):
        h = oracle.climb(self.weights, side, h, self.config.activation)[0][-1]
        return oracle.affine(self.weights, f"{side}.{head}", h)

    def log_joint(self, z, x, missing=False):
        """log p(x_observed, z) up to a constant; a row of x for each z, or one for all."""
        seen = ~np.broadcast_to(missing, D)
        heads = {k: self.weights[k][..., seen] for k in self.heads}
        h = oracle.climb(self.weights, "decoder", z, self.config.activation)[0][-1]
        r = oracle.likelihood_heads(heads, self.config, h, np.atleast_2d(x)[:, seen])[0]
        return r - 0.5 * (z**2).sum(1)

    def decode(self, z):
        """Mean and variance of p(x|z)."""
        return oracle.decode(self.weights, self.config, z)

    def draw(self, z, rng):
        m, v = self.decode(z)
        if self.config.likelihood == "bernoulli":
            return (rng.random(m.shape) < m).astype(float)
        return m + np.sqrt(v) * rng.normal(size=m.shape)

    def posterior(self, x, missing, n_points=161):
        """(grid, probabilities). Sums over an even grid are exact for functions smooth on it."""
        axis = np.linspace(-7, 7, n_points)
        grid = np.array(list(itertools.product(axis, repeat=self.model.n_components)))
        log_p = self.log_joint(grid, x, missing)
        p = np.exp(log_p - log_p.max())
        return grid, p / p.sum()

    def moments(self, x, missing, n_points=161):
        """Mean and covariance of all of x under p(z|x_observed) p(x|z)."""
        z, p = self.posterior(x, missing, n_points)
        m, v = self.decode(z)
        mean = p @ m
        return mean, (m - mean).T @ ((m - mean) * p[:, None]) + np.diag(p @ v)

    def chain(self, X, missing, rule, n_iterations=200):
        """Means of E[x|z] over the second half of a chain per row, with q(z|x) as proposal.

        Accepted "always" (pseudo-Gibbs), by the "joint" p(x, z) without q, or "right".
        """
        rng = np.random.default_rng(3)
        z = rng.normal(size=(len(X), self.model.n_components))
        kept = []
        for _ in range(n_iterations):
            x = np.where(missing, self.draw(z, rng), X)
            mean, lv = self.affine("encoder", "mean", x), self.affine("encoder", "log_var", x)
            new = mean + np.exp(lv / 2) * rng.normal(size=z.shape)
            gain = self.log_joint(new, x) - self.log_joint(z, x)
            if rule == "right":
                gain += 0.5 * (((new - mean) ** 2 - (z - mean) ** 2) * np.exp(-lv)).sum(1)
            accept = (np.log(rng.random(len(X))) < gain) | (rule == "always")
            z = np.where(accept[:, None], new, z)
            kept.append(self.decode(z)[0])
        return np.mean(kept[n_iterations // 2 :], axis=0)


@functools.cache
def wrong_encoder(likelihood, n_components):
    """A model whose q(z|x) is wide and unrelated to p(z|x), and a row for each of MASKS.

    -> (twin, X, E[x | x_observed] by quadrature, pseudo-Gibbs's worst error in each row).
    """
    model = blank(likelihood, n_components)
    rng = np.random.default_rng(5)
    scale = 1.5 if likelihood == "bernoulli" else 0.8
    weights = {k: rng.normal(size=w.shape) * scale for k, w in model.weights_.items()}
    if likelihood != "bernoulli":
        weights["decoder.log_var.weight"] /= 8
        weights["decoder.log_var.bias"] -= 1
    weights["encoder.log_var.weight"] /= 8
    weights["encoder.mean.weight"] /= 2
    weights["encoder.mean.bias"][:] = 0.8
    weights["encoder.log_var.bias"][:] = 1.0
    twin = Twin(model.set_weights(weights))
    X = twin.draw(rng.normal(size=(len(MASKS), n_components)), rng)
    if likelihood == "bernoulli":
        X[2, :4] = 0.25, 1, 0.5, 0  # grey levels
    X, rows = X.astype(np.float32), list(zip(X, MASKS, strict=True))
    means, coarse = (np.array([twin.moments(*row, n)[0] for row in rows]) for n in (161, 121))
    np.testing.assert_allclose(coarse, means, atol=1e-6)
    pseudo = by_row(twin.chain(*copies(X, MASKS, 100), "always", 100)).mean(1)
    return twin, X, means, np.where(MASKS, np.abs(pseudo - means), 0).max(1)


def copies(X, masks, n):
    return np.tile(X, (n, 1)), np.tile(masks, (n, 1))


def by_row(result):  # of copies of a row for each of MASKS -> (rows, copies, D)
    return result.reshape(-1, len(MASKS), D).swapaxes(0, 1).astype(float)


def run(model, X, missing=None, **options):
    return model.impute(X, missing, **{"n_iterations": 20, "random_state": 0, **options})


def fill(model, X, missing, **options):
    """Check every result: it is finite float32, and observed values keep their bits."""
    result = run(model, X, missing, **options)
    assert result.dtype == np.float32
    assert result.shape == X.shape
    assert np.isfinite(result).all()
    assert result[~missing].tobytes() == X[~missing].tobytes()
    return result


def assert_mean(values, expected, resolution):
    """The mean over chains is correct, and precise enough for that to mean something."""
    stderr = values.std(0, ddof=1) / np.sqrt(len(values))
    assert stderr.max() <= resolution
    np.testing.assert_array_less(np.abs(values.mean(0) - expected), 5 * stderr + 64 * U)
    return 5 * stderr


@pytest.mark.parametrize("n_components", [1, 2])
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_mean_is_the_conditional_mean_whatever_the_encoder(vectors, likelihood, n_components):
    """Pseudo-Gibbs is wrong by six times the tolerance in each row, also with nothing observed."""
    twin, X, means, pseudo = wrong_encoder(likelihood, n_components)
    result = by_row(fill(twin.model, *copies(X, MASKS, 150), n_iterations=300))
    for row, hidden, expected, off in zip(result, MASKS, means, pseudo, strict=True):
        assert len(np.unique(row[:, hidden], axis=0)) > 145  # separate chains
        tolerance = assert_mean(row[:, hidden], expected[hidden], resolution=0.02)
        assert off > 6 * tolerance.max()


@functools.cache
def two_modes():
    """z is near 1.5 or -1.5, and pixel 3 favours 1.5. q(z|x) covers both, and -1.5 better."""
    model = blank("bernoulli", 1, (3,))
    weights = {name: np.zeros_like(w) for name, w in model.weights_.items()}
    weights["decoder.hidden0.weight"][:] = 3
    weights["decoder.hidden0.bias"][:] = -3.6, 3.6, 0
    weights["decoder.logits.weight"][:2, :3] = [[6], [-6]]
    weights["decoder.logits.weight"][2, 3:] = 0.5, 2
    weights["decoder.logits.bias"][:3] = 4
    weights["encoder.hidden0.weight"][4, 0] = 1
    weights["encoder.mean.weight"][0] = -0.5
    weights["encoder.mean.bias"][:] = -0.8
    weights["encoder.log_var.bias"][:] = 1
    return Twin(model.set_weights(weights)), np.ones(D, dtype=np.float32), np.arange(D) == 4


def test_modes_have_their_weights():
    """HMC does not move between the modes. Proposals do, and must be accepted with q."""
    twin, x, hidden = two_modes()
    z, p = twin.posterior(x, hidden)
    assert p[np.abs(z[:, 0]) < 0.3].sum() < 1e-8
    expected = twin.moments(x, hidden)[0][hidden]
    given, missing = copies(x, hidden, 500)
    result = fill(twin.model, given, missing, n_iterations=2000)
    tolerance = assert_mean(result[:, hidden].astype(float), expected, resolution=0.004)
    assert_mean(twin.chain(given, missing, "right")[:, hidden], expected, resolution=0.01)
    for rule in ("always", "joint"):
        off = np.abs(twin.chain(given, missing, rule).mean(0)[hidden] - expected)
        assert np.all(off > 5 * tolerance), rule


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_an_encoder_of_no_use_does_no_harm(likelihood):
    """All its proposals are some 400 nats worse than the current z."""
    twin, X, means, _ = wrong_encoder(likelihood, 2)
    far = {"encoder.mean.bias": [30, 30], "encoder.log_var.bias": [-6, -6]}
    model = blank(likelihood, 2).set_weights(twin.model.weights_ | far)
    result = by_row(fill(model, *copies(X, MASKS, 150), n_iterations=400))
    for row, hidden, expected in zip(result, MASKS, means, strict=True):
        assert_mean(row[:, hidden], expected[hidden], resolution=0.02)


@pytest.mark.parametrize("case", [0, 1, "two modes"])
def test_samples_have_the_joint_frequencies_of_missing_pixels(case):
    """The pixels depend on one another, so correct marginals are not enough."""
    if case == "two modes":
        twin, x, hidden = two_modes()
        hidden = hidden | (np.arange(D) == 3)
    else:
        twin, X, *_ = wrong_encoder("bernoulli", 2)
        x, hidden = X[case], MASKS[case]
    z, p = twin.posterior(x, hidden)
    m = twin.decode(z)[0][:, hidden]
    patterns = np.array(list(itertools.product([0, 1], repeat=hidden.sum())))
    joint = np.array([p @ np.where(pattern, m, 1 - m).prod(1) for pattern in patterns])
    independent = np.where(patterns, p @ m, 1 - p @ m).prod(1)
    n = 3000
    result = fill(twin.model, *copies(x, hidden, n), method="sample", n_iterations=100)[:, hidden]
    counts = (result[:, None] == patterns).all(2).sum(0)
    assert counts.sum() == n  # all values are 0 or 1
    assert (n * joint).min() > 5
    assert stats.chisquare(counts, n * joint).pvalue > 1e-4
    assert stats.chisquare(counts, n * independent).pvalue < 1e-4


@pytest.mark.parametrize("n_components", [1, 2])
@pytest.mark.parametrize("likelihood", LIKELIHOODS[1:])
def test_samples_have_the_moments_of_missing_values(likelihood, n_components):
    """Mean and covariance include the noise of x. In the last row they are the prior's."""
    twin, X, *_ = wrong_encoder(likelihood, n_components)
    draws = by_row(fill(twin.model, *copies(X, MASKS, 1500), method="sample", n_iterations=60))
    for x, hidden, row in zip(X, MASKS, draws, strict=True):
        mean, covariance = twin.moments(x, hidden)
        u = (row - mean)[:, hidden] / np.sqrt(covariance.diagonal()[hidden])
        correlation = covariance / np.sqrt(np.outer(covariance.diagonal(), covariance.diagonal()))
        assert_mean(u, 0, resolution=0.04)
        assert_mean(u[:, :, None] * u[:, None], correlation[hidden][:, hidden], resolution=0.08)


@functools.cache
def modes(likelihood, n_components):
    """(twin, X, masks, means at the mode, tolerance) of rows with one maximum on a grid.

    An ascent in float32 ends where log p(x_observed, z) is within its rounding of the maximum. The
    tolerance is the change of the means in that region.
    """
    twin = wrong_encoder(likelihood, n_components)[0]
    rng, rows, shape = np.random.default_rng(5), [], (81,) * n_components
    while len(rows) < 8:
        x = twin.draw(rng.normal(size=(1, n_components)), rng).astype(np.float32)[0]
        hidden = rng.permutation(D) < rng.integers(1, 4)
        grid, p = twin.posterior(x, hidden, n_points=81)
        highest_around = maximum_filter(p.reshape(shape), size=3).ravel()
        if (p == highest_around)[p > 0].sum() > 1:
            continue
        z = minimize(
            lambda z, *given: -twin.log_joint(z[None], *given)[0], grid[p.argmax()], (x, hidden)
        ).x
        mean = twin.decode(z[None])[0][0]
        near = z + rng.normal(size=(4000, n_components)) * 0.02
        fall = twin.log_joint(z[None], x, hidden) - twin.log_joint(near, x, hidden)
        near = near[fall < gamma(30) * 16 * D]  # up to 30 roundings of terms of up to 16 nats
        rows.append((x, hidden, mean, np.abs(twin.decode(near)[0] - mean).max(0)))
    return twin, *map(np.array, zip(*rows, strict=True))


@pytest.mark.parametrize("n_components", [1, 2])
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_mode_is_the_mean_at_the_mode(isa, likelihood, n_components):
    """The start does not matter: copies of a row start at different z and end together."""
    twin, X, masks, means, tolerance = modes(likelihood, n_components)
    given, missing = copies(X, masks, 10)
    result = fill(twin.model, given, missing, method="mode", n_iterations=1000)
    error = np.where(missing, np.abs(result - np.tile(means, (10, 1))), 0)
    assert np.all(error <= np.tile(tolerance, (10, 1)))
    conditional = [twin.moments(x, hidden, 81)[0] for x, hidden in zip(X, masks, strict=True)]
    assert np.abs(conditional - means)[masks].max() > 5 * tolerance.max()  # it is not "mean"


def test_mode_comes_closer_with_more_iterations():
    """A valley, 160 times as steep across as along: 50 steps do not reach the lowest point."""
    model = blank("gaussian", 2, (2,), activation="relu")
    weights = {name: np.zeros_like(w) for name, w in model.weights_.items()}
    loadings = np.array([[4.0, 0, 0, 1, 1], [0, 1, 1, 0, 1]])
    weights["decoder.hidden0.weight"][:] = np.eye(2)
    weights["decoder.hidden0.bias"][:] = 8  # relu is the identity for all z that matter
    weights["decoder.mean.weight"][:] = loadings
    weights["decoder.mean.bias"][:] = -8 * loadings.sum(0)
    weights["decoder.log_var.bias"][0] = -3
    variance = Twin(model.set_weights(weights)).decode(np.zeros((1, 2)))[1][0, :2]
    X = np.float32(np.random.default_rng(0).normal(size=(100, D)) * [4, 1, 0, 0, 0])
    expected = (X[:, :2] * [4, 1] / np.add(variance, [16, 1])) @ loadings[:, 2:]
    missing = np.tile(np.arange(D) > 1, (100, 1))
    error = []
    for n in (1, 30, 300, 3000):
        result = fill(model, X, missing, method="mode", n_starts=1, n_iterations=n)[:, 2:]
        error.append(np.abs(result - expected).mean())
    assert error[0] > 1.2 * error[1] > 2 * error[2] > 6 * error[3]
    # At distance z from the mode along the valley, a step of 1 / 322 (the inverse of the curvature
    # across) gains (2 z)^2 / 644. A gain below the rounding of some 8 nats does not count.
    assert error[3] < np.sqrt(644 * gamma(30) * 8) / 2


@functools.cache
def gappy(likelihood="bernoulli"):
    """(model, X with zeros at missing values, mask): 300 rows, some complete, some empty."""
    twin = wrong_encoder(likelihood, 2)[0]
    rng = np.random.default_rng(7)
    missing = rng.random((300, D)) < 0.4
    missing[::50], missing[1::50] = True, False
    X = twin.draw(rng.normal(size=(300, 2)), rng).astype(np.float32)
    X[missing] = 0
    return twin.model, X, missing


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_what_stands_at_missing_values_does_not_matter(likelihood, method):
    """If no value is missing, the data come back unchanged."""
    model, X, missing = gappy(likelihood)
    assert run(model, X, method=method).tobytes() == X.tobytes()
    result = fill(model, X, missing, method=method)
    assert (result[missing] != 0).any()
    for filler in (np.nan, np.inf, -np.inf, 1e30, -7, 0.5):
        filled = np.where(missing, np.float32(filler), X)
        assert fill(model, filled, missing, method=method).tobytes() == result.tobytes(), filler


CONTAINERS = {  # data with NaN and a mask; float64 has 1e300, which is no float32
    "float64": lambda X, m: (np.where(m, 1e300, X.astype(np.float64)), m),
    "order F": lambda X, m: (np.asfortranarray(X), None),
    "mask in order F": lambda X, m: (X, np.asfortranarray(m)),
    "strides": lambda X, m: (np.repeat(X, 2, axis=1)[:, ::2], np.repeat(m, 2, axis=0)[::2]),
    "lists": lambda X, m: (X.tolist(), m.tolist()),
    "lists, NaN": lambda X, m: (X.tolist(), None),
    "frame": lambda X, m: (pd.DataFrame(X), pd.DataFrame(m)),
    "frame, NaN": lambda X, m: (pd.DataFrame(X.astype(np.float64)), None),
}


@pytest.mark.parametrize("name", CONTAINERS)
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_the_container_does_not_matter(likelihood, name):
    """No call writes into the container."""
    model, X, missing = gappy(likelihood)
    given, mask = CONTAINERS[name](np.where(missing, np.nan, X), missing)
    before = pickle.dumps((given, mask))
    result = np.asarray(run(model, given, mask))
    assert (result[missing] == fill(model, X, missing)[missing]).all()
    assert pickle.dumps((given, mask)) == before


def test_names_of_features_are_compared():
    frame = pd.DataFrame(GOOD, columns=list("abcde"))
    model = AEVB(2, hidden_layer_sizes=(7,), n_epochs=1).fit(frame)
    assert run(model, frame.where(~GAPS)).shape == frame.shape
    with pytest.raises(ValueError, match="feature names"):
        run(model, frame[list("edcba")])


@pytest.mark.parametrize("method", METHODS)
def test_pixels(method):
    """uint8 comes back in its own units. Only a mask can say which of its values are missing."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, size=(60, D)).astype(np.uint8)
    missing = rng.random(X.shape) < 0.4
    options = {"likelihood": "bernoulli", "n_epochs": 1, "random_state": 0, "n_threads": 1}
    model = AEVB.published(2, hidden_layer_sizes=(7,), **options).fit(X)
    scaled = X * np.float32(1 / 255)
    assert run(model, X, method=method).tobytes() == X.astype(float).tobytes()
    result = run(model, X, missing, method=method)
    assert run(model, np.where(missing, np.nan, X), method=method).tobytes() == result.tobytes()
    other = AEVB(**model.get_params()).set_params(scale=1.0)
    other.fit(scaled).set_weights(model.weights_)
    expected = fill(other, scaled, missing, method=method)[missing]
    np.testing.assert_allclose(result[missing], 255 * expected, rtol=4 * U)


@pytest.mark.parametrize("method", METHODS)
def test_models_that_read_alike_impute_alike(method):
    """WakeSleep with the same weights; a model that reads greys as 0 or 1, and returns greys."""
    model, X, missing = gappy()
    expected = fill(model, X, missing, method=method)
    grey = np.where(X > 0.5, np.float32(0.75), np.float32(0.25))
    reader = AEVB(**model.get_params() | {"binarize": "threshold"}).fit(grey)
    for other, x in ((blank("bernoulli", 2, cls=WakeSleep), X), (reader, grey)):
        result = fill(other.set_weights(model.weights_), x, missing, method=method)
        assert result[missing].tobytes() == expected[missing].tobytes()


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("method", METHODS)
def test_thread_count_does_not_matter(isa, likelihood, method):
    model, X, missing = gappy(likelihood)
    model = pickle.loads(pickle.dumps(model))  # a copy for this test
    one, two, three = (
        run(model.set_params(n_threads=n), X, missing, method=method).tobytes() for n in (1, 2, 3)
    )
    assert one == two == three


@pytest.mark.parametrize("method", METHODS)
def test_random_state(method):
    """None means the estimator's own seed, here 0. No call changes the model."""
    model, X, missing = gappy("gaussian")
    before, state = pickle.dumps(model), np.random.RandomState(3)
    zero, own, one, same, other, first, second, third = (
        run(model, X, missing, method=method, random_state=seed, n_iterations=100)
        for seed in (0, None, 1, 1, 2, state, state, np.random.RandomState(3))
    )
    assert zero.tobytes() == own.tobytes() != one.tobytes() == same.tobytes()
    assert second.tobytes() != first.tobytes() == third.tobytes()
    changed = (one != other).any(1)[missing.any(1)]  # "mode" differs in last bits, or in its mode
    assert changed.mean() > (0.5 if method == "mode" else 0.99)
    assert pickle.dumps(model) == before


@pytest.mark.parametrize("method", METHODS)
def test_other_rows_do_not_matter(isa, method):
    """Only a row's index matters. A BLAS chooses its kernel by shape, so last bits differ."""
    model, X, missing = gappy("gaussian")
    whole = run(model, X, missing, method=method)
    for k in (1, 7, 130, 257):
        part = run(model, X[:k], missing[:k], method=method)
        assert isa == "portable+blas" or part.tobytes() == whole[:k].tobytes()
    X, missing = (np.concatenate([a[199::-1], a[200:]]) for a in (X, missing))
    assert run(model, X, missing, method=method)[200:].tobytes() == whole[200:].tobytes()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_nothing_breaks_finiteness(likelihood, method):
    model, X, missing = gappy(likelihood)
    if likelihood != "bernoulli":
        X = X * np.float32(1e3)  # log p(x|z) and slopes of a million
    for n in (1, 2, 3, 100):
        result = fill(model, X, missing, method=method, n_iterations=n)[missing]
        if likelihood == "bernoulli" or (likelihood == "bounded-gaussian" and method != "sample"):
            assert ((result >= 0) & (result <= 1)).all()


@pytest.mark.filterwarnings("ignore:the bound still rose")
@pytest.mark.parametrize("cls", [AEVB, WakeSleep])
def test_digits_are_filled_in_better_than_by_means(cls):
    X = datasets.load_digits()
    train, X = X[:1500], X[1500:]
    model = cls(6, hidden_layer_sizes=(20,), n_epochs=60, optimizer="adam", learning_rate=0.01)
    model.set_params(batch_size=50, random_state=0, n_threads=1).fit(train)
    missing = np.random.default_rng(0).random(X.shape) < 0.5
    filled = {name: fill(model, X, missing, method=name, n_iterations=200) for name in METHODS}
    filled["means"] = np.broadcast_to(train.mean(0), X.shape)
    error = {name: np.mean((values - X)[missing] ** 2) for name, values in filled.items()}
    assert error["mean"] < 0.81 * error["means"]
    assert max(error["mean"], error["mode"]) < 0.5 * error["sample"]


WRONG = {  # words of the error: values of that argument, or X
    "mask": [GAPS[:, :4], GAPS[:5], GAPS[0], True, "all", GAPS.astype(float), GAPS.astype(str)],
    "method": ["median", None],
    "n_starts": [0, 2.5, 1001],
    "n_iterations": [0, -3, 1.5, True, "many"],
    "random_state": ["a"],
    "features": [GOOD[:, :4]],
    "observed": [np.where(GAPS, GOOD, wrong) for wrong in (np.nan, np.inf, -np.inf)],
    r"\[0, 1\]": [GOOD + 2, np.where(GAPS, 0.5, GOOD - 0.01)],
    "[Ss]parse|dense": [sp.csr_matrix(GOOD)],
    "1D|dimension|shape": [GOOD[0]],
    "0 sample": [GOOD[:0]],
    "X": [np.full((7, D), np.inf)],  # this is not missing: without a mask, only NaN is
}


@pytest.mark.parametrize(("said", "value"), [(k, v) for k in WRONG for v in WRONG[k]])
def test_wrong_arguments_are_named(said, value):
    name = said if said in ("mask", "method", "n_starts", "n_iterations", "random_state") else "X"
    fits = name != "X" or value.shape == GAPS.shape
    options = {"X": GOOD, "mask": GAPS if fits else None, "n_iterations": 3, name: value}
    with pytest.raises((ValueError, TypeError), match=said):
        gappy()[0].impute(**options)


@pytest.mark.parametrize("cls", [AEVB, WakeSleep])
def test_unfitted_is_said(cls):
    with pytest.raises(NotFittedError):
        cls().impute(GOOD, GAPS)
    assert not hasattr(MCEM, "impute")
