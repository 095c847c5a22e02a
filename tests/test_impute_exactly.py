"""Imputation against its float64 twin, iteration by iteration, with the core's own noise."""

import functools

import numpy as np
import oracle
import pytest
import twins
from test_impute import LIKELIHOODS, METHODS, D, Twin, blank

kernels = twins.kernels
LATENT, VISIBLE, ACCEPT = 14, 15, 16  # purposes of noise, as in nn/random.h


class Chain:
    """The steps of `impute` on rows of x with missing values."""

    def __init__(self, twin, X, missing, seed):
        self.twin, self.missing, self.seed = twin, missing, seed
        self.x, self.n = np.where(missing, 0, np.float64(X)), len(X)
        self.z = self.noise(kernels.normal, LATENT, 0, twin.model.n_components)
        self.size = np.full(self.n, 0.1)

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

    def climb(self, n_steps):
        """Gradient ascent. A step that does not go up is undone and halves the next step."""
        (value, slope) = self.observed(self.z)
        for _ in range(n_steps):
            end = self.z + self.size[:, None] * slope
            value_there, slope_there = self.observed(end)
            higher = value_there > value
            self.size *= np.where(higher, 1.2, 0.5)
            self.z = np.where(higher[:, None], end, self.z)
            slope = np.where(higher[:, None], slope_there, slope)
            value = np.where(higher, value_there, value)

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
            mean, variance = self.twin.decode(self.z)
            if t > half:
                total, n_counted = total + mean, n_counted + 1
            if self.twin.config.likelihood == "bernoulli":
                drawn = (self.noise(kernels.uniform, VISIBLE, t, D) < mean).astype(float)
            else:
                drawn = mean + np.sqrt(variance) * self.noise(kernels.normal, VISIBLE, t, D)
            x = np.where(self.missing, drawn, self.x)
            self.propose(x, t)
        return total / n_counted, x

    def propose(self, x, t):
        """Apply the Metropolis test to a draw from q(z|x)."""
        mean, log_var = (self.twin.affine("encoder", head, x) for head in ("mean", "log_var"))
        eps = self.noise(kernels.normal, LATENT, t, self.z.shape[1])
        new = mean + np.exp(log_var / 2) * eps
        gain = self.twin.log_joint(new, x) - self.twin.log_joint(self.z, x)
        gain += 0.5 * (eps**2 - (self.z - mean) ** 2 * np.exp(-log_var)).sum(1)
        uniform = self.noise(kernels.uniform, ACCEPT, t, 1)[:, 0]
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


@pytest.mark.parametrize("n_iterations", [1, 2, 7])
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_rows_are_filled_as_the_twin_does(likelihood, n_iterations):
    """Two blocks of rows. In a few rows, a rounding decides, and the chains separate."""
    twin, rng = random_model(likelihood), np.random.default_rng(1)
    X = twin.draw(rng.normal(size=(130, 2)), rng).astype(np.float32)
    missing = rng.random(X.shape) < 0.5
    seed = np.random.RandomState(8).randint(np.iinfo(np.int32).max)
    chain, climber = (Chain(twin, X, missing, seed) for _ in range(2))
    chain.climb(50)
    expected = dict(zip(("mean", "sample"), chain.run(n_iterations), strict=True))
    climber.climb(50 + n_iterations)
    expected["map"] = twin.decode(climber.z)[0]
    assert 0.1 < chain.accepted.mean() < 0.9
    for method in METHODS:
        got = twin.model.impute(
            X, missing, method=method, n_iterations=n_iterations, random_state=8
        )
        wanted = np.where(missing, expected[method], X)
        agree = np.isclose(got, wanted, rtol=5e-3, atol=5e-3).all(1)
        assert agree.mean() > 0.93, method
