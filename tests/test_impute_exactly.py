"""Imputation against its float64 twin, iteration by iteration, with the core's own noise."""

import functools

import numpy as np
import oracle
import pytest
import twins
from test_impute import LIKELIHOODS, METHODS, D, Twin, blank, copies, two_modes

kernels = twins.kernels
LATENT, VISIBLE, ACCEPT = 14, 15, 16  # purposes of noise, as in nn/random.h


class Chain:
    """The steps of `impute` on rows of x with missing values."""

    def __init__(self, twin, X, missing, seed):
        self.twin, self.missing, self.seed = twin, missing, seed
        self.x, self.n = np.where(missing, 0, np.float64(X)), len(X)

    def noise(self, kernel, purpose, t, n_cols):
        return np.float64(kernel(self.seed, t, purpose, 0, self.n, n_cols))

    def observed(self, z):
        """log p(x_observed, z) up to a constant, and its gradient."""
        weights, config = self.twin.weights, self.twin.config
        outputs, _ = oracle.climb(weights, "decoder", z, config.activation)
        (block,) = oracle.blocks(config.likelihood)
        raw = [oracle.affine(weights, head, outputs[-1]) for head in block.heads]
        r, deltas = block.twin.log_p([np.where(self.missing, 0, a) for a in raw], self.x)
        deltas = [np.where(self.missing, 0, delta) for delta in deltas]
        deltas = dict(zip(block.heads, deltas, strict=True))
        dz = oracle.descend(weights, "decoder", outputs, deltas, config.activation, {})
        return r - 0.5 * (z**2).sum(1), dz - z

    def start(self, n_starts):
        """Climb from the encoder's mean and from draws of the prior; go to the highest end."""
        self.z = np.zeros((self.n, self.twin.model.n_components))
        for _ in range(5):
            x = np.where(self.missing, self.twin.decode(self.z)[0], self.x)
            self.z = self.twin.affine("encoder", "mean", x)
        ends, heights = [], []
        for s in range(n_starts):
            if s > 0:
                self.z = self.noise(kernels.normal, LATENT, 2**24 + s, self.z.shape[1])
            heights.append(self.climb(50))
            ends.append(self.z)
        self.ends, self.best = np.array(ends), np.argmax(heights, axis=0)
        self.z = self.ends[self.best, np.arange(self.n)]

    def climb(self, n_steps):
        """Gradient ascent. A step that does not go up is undone and halves the next step."""
        self.size = np.full(self.n, 0.1)
        (value, slope) = self.observed(self.z)
        for _ in range(n_steps):
            end = self.z + self.size[:, None] * slope
            value_there, slope_there = self.observed(end)
            higher = value_there > value
            self.size *= np.where(higher, 1.2, 0.5)
            self.z = np.where(higher[:, None], end, self.z)
            slope = np.where(higher[:, None], slope_there, slope)
            value = np.where(higher, value_there, value)
        return value

    def run(self, n_iterations):
        """Return the mean of E[x|z] over the second half, and the last draw of x."""
        sizes = [twins.StepSize("dual-averaging", 0.8, 0.1) for _ in range(self.n)]
        total, n_counted, half = 0.0, 0, n_iterations // 2
        for t in range(1, n_iterations + 1):
            step = np.array([size.value for size in sizes])
            ids = np.arange(self.n)
            self.z, acceptance, _ = twins.moved(self.observed, self.z, step, 5, self.seed, ids, t)
            for size, value in zip(sizes, acceptance, strict=True):
                if t <= half:
                    size.adapt(value)
                if t == half:
                    size.freeze()
            uniform = self.noise(kernels.uniform, ACCEPT, t, 4)
            self.jump(*uniform[:, 1:].T)
            mean, variance = self.twin.decode(self.z)
            if t > half:
                total, n_counted = total + mean, n_counted + 1
            if self.twin.config.likelihood == "bernoulli":
                drawn = (self.noise(kernels.uniform, VISIBLE, t, D) < mean).astype(float)
            else:
                drawn = mean + np.sqrt(variance) * self.noise(kernels.normal, VISIBLE, t, D)
            x = np.where(self.missing, drawn, self.x)
            self.propose(x, t, uniform[:, 0])
        return total / n_counted, x

    def jump(self, one, other, level):
        """Apply the Metropolis test to a move by the difference of two ends."""
        one, other = (np.int64(u * len(self.ends)) for u in (one, other))
        rows = np.arange(self.n)
        new = self.z + self.ends[other, rows] - self.ends[one, rows]
        gain = self.observed(new)[0] - self.observed(self.z)[0]
        self.jumped = (np.log(np.maximum(level, 1e-300)) < gain) & (one != other)
        self.z = np.where(self.jumped[:, None], new, self.z)

    def propose(self, x, t, uniform):
        """Apply the Metropolis test to a draw from q(z|x)."""
        mean, log_var = (self.twin.affine("encoder", head, x) for head in ("mean", "log_var"))
        eps = self.noise(kernels.normal, LATENT, t, self.z.shape[1])
        new = mean + np.exp(log_var / 2) * eps
        gain = self.twin.log_joint(new, x) - self.twin.log_joint(self.z, x)
        gain += 0.5 * (eps**2 - (self.z - mean) ** 2 * np.exp(-log_var)).sum(1)
        self.accepted = np.log(np.maximum(uniform, 1e-300)) < gain
        self.z = np.where(self.accepted[:, None], new, self.z)


@functools.cache
def random_model(likelihood):
    """A model whose q(z|x) is near the prior, so that many of its proposals are accepted."""
    model, rng = blank(likelihood, 2), np.random.default_rng(5)
    weights = {k: 0.6 * rng.normal(size=w.shape) for k, w in model.weights_.items()}
    for name in ("encoder.mean.weight", "encoder.log_var.weight", "encoder.log_var.bias"):
        weights[name] /= 4
    return Twin(model.set_weights(weights))


@pytest.mark.parametrize(("n_starts", "n_iterations"), [(1, 2), (3, 1), (3, 7), (10, 2)])
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_rows_are_filled_as_the_twin_does(likelihood, n_starts, n_iterations):
    """Two blocks of rows. In a few rows, a rounding decides, and the chains separate."""
    twin, rng = random_model(likelihood), np.random.default_rng(1)
    X = twin.draw(rng.normal(size=(130, 2)), rng).astype(np.float32)
    missing = rng.random(X.shape) < 0.5
    seed = np.random.RandomState(8).randint(np.iinfo(np.int32).max)
    chain, climber = (Chain(twin, X, missing, seed) for _ in range(2))
    chain.start(n_starts)
    expected = dict(zip(("mean", "sample"), chain.run(n_iterations), strict=True))
    climber.start(n_starts)
    climber.climb(n_iterations)
    expected["mode"] = twin.decode(climber.z)[0]
    assert 0.1 < chain.accepted.mean() < 0.9
    assert (n_starts == 1) == (not chain.jumped.any())
    assert len(np.unique(chain.best)) == n_starts
    options = {"n_starts": n_starts, "n_iterations": n_iterations, "random_state": 8}
    for method in METHODS:
        got = twin.model.impute(X, missing, method=method, **options)
        wanted = np.where(missing, expected[method], X)
        agree = np.isclose(got, wanted, rtol=5e-3, atol=5e-3).all(1)
        assert agree.mean() > 0.93, method


@pytest.mark.parametrize("n_iterations", [1, 6])
def test_two_modes_are_filled_as_the_twin_does(n_iterations):
    """The ends of the starts are in either mode, and jumps move between them."""
    twin, x, hidden = two_modes()
    X, missing = copies(x, hidden, 130)
    seed = np.random.RandomState(8).randint(np.iinfo(np.int32).max)
    chain, climber = (Chain(twin, X, missing, seed) for _ in range(2))
    chain.start(3)
    sides = (chain.ends[:, :, 0] > 0).mean(1)
    assert sides[0] == 0  # the encoder's
    assert np.all(np.abs(sides[1:] - 0.5) < 0.2)
    before = chain.z
    expected = dict(zip(("mean", "sample"), chain.run(n_iterations), strict=True))
    assert 0.02 < (chain.z * before < 0).mean() < 0.5
    climber.start(3)
    climber.climb(n_iterations)
    expected["mode"] = twin.decode(climber.z)[0]
    options = {"n_starts": 3, "n_iterations": n_iterations, "random_state": 8}
    for method in METHODS:
        got = twin.model.impute(X, missing, method=method, **options)
        wanted = np.where(missing, expected[method], X)
        assert np.isclose(got, wanted, rtol=5e-3, atol=5e-3).all(1).mean() > 0.97, method
