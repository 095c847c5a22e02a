"""Steps of Monte Carlo EM against float64, with the core's own noise: chains and weights."""

import numpy as np
import oracle
import pytest
import twins
from test_mcem import log_likelihood, pixels, small, visits

from aevb import Trainer


class Twin:
    """A trainer of MCEM in float64: the chains, their common step size and the weights."""

    def __init__(self, trainer, X):
        model = trainer.model
        self.params, self.X = model.get_params(), np.float64(X)
        self.config = oracle.Config(model.activation, model.likelihood_)
        self.seed = model._engine.config.as_dict()["seed"]
        self.weights, self.z = oracle.float64(model.weights_), np.float64(trainer._chains.z)
        self.zero = {name: 0.0 * weight for name, weight in self.weights.items()}
        self.states = {name: (value, value) for name, value in self.zero.items()}
        self.size = twins.StepSize("multiplicative", self.params["target_accept"], 0.1)
        self.n_steps, self.n_updates = 0, 0

    def density(self, x):
        def density(z):
            outputs, _ = oracle.climb(self.weights, "decoder", z, "tanh")
            r, deltas = oracle.likelihood_heads(self.weights, self.config, outputs[-1], x)
            dz = oracle.descend(self.weights, "decoder", outputs, deltas, "tanh", {})
            return r - 0.5 * (z**2).sum(1) - np.log(2 * np.pi) / 2 * z.shape[1], dz - z

        return density

    def step(self, rows):
        """Move the chains of these rows, then the weights. Return the mean of log p(x, z)."""
        density, ids = self.density(self.X[rows]), self.n_steps << 32 | np.asarray(rows)
        n_leapfrog, step = self.params["n_leapfrog"], np.full(len(rows), self.size.value)
        z, acceptance, _ = twins.moved(density, self.z[rows], step, n_leapfrog, self.seed, ids, 0)
        self.z[rows], self.acceptance = z, acceptance.mean()
        bound = density(z)[0].mean()
        self.size.adapt(self.acceptance)
        for _ in range(self.params["n_updates"]):
            self.update(z, self.X[rows])
        self.n_steps += 1
        return bound

    def update(self, z, x):
        gradient = log_likelihood(self.weights, self.config, z, x)[1]
        self.n_updates += 1
        optimizer, decay = self.params["optimizer"], self.params["weight_decay"] / len(self.X)
        rate = self.params["learning_rate"] * oracle.warm_up(optimizer, self.n_updates)
        for name, weight in self.weights.items():
            new, *self.states[name] = oracle.optimizer_update(
                optimizer,
                weight,
                gradient[name],
                *self.states[name],
                learning_rate=rate,
                scale=1.0,
                decay=decay if name.endswith("weight") else 0.0,
                step=self.n_updates,
            )
            self.weights[name] = new


@pytest.mark.parametrize("optimizer", ["sgd", "adagrad", "adam"])
@pytest.mark.parametrize("batch_size", [None, 16])
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_several_steps_are_the_twins(isa, optimizer, batch_size, missing):
    """Each step has three updates, which Adam and Adagrad count. The last minibatch is smaller.

    A gradient is good to 5e-5 of its norm. Adagrad and Adam divide it by its own size. The few
    elements that are a hundredth of the others therefore have errors a hundred times as large.
    """
    n, size = 40, batch_size or 40
    X = pixels(n, 6)
    X[np.random.default_rng(1).random(X.shape) < missing] = np.nan
    model = small(n_updates=3, batch_size=batch_size, n_leapfrog=4, target_accept=0.6)
    model.set_params(likelihood="bernoulli", init_scale=0.5, weight_decay=n / 8)
    rate = 0.05 if optimizer != "sgd" else 0.3
    trainer = Trainer(model.set_params(optimizer=optimizer, learning_rate=rate), X)
    twin, before = Twin(trainer, X), oracle.float64(model.weights_)
    for _ in range(3):
        bounds = []
        for rows in visits(model, n, size):
            bounds.append(twin.step(rows) * len(rows))
            trainer.step()
            assert trainer._chains.acceptance == pytest.approx(twin.acceptance, abs=1e-3)
            assert trainer._chains.step_size == pytest.approx(twin.size.value, rel=1e-3)
        np.testing.assert_allclose(trainer._chains.z, twin.z, rtol=2e-3, atol=2e-3)
        assert trainer.history["train_bound"][-1] == pytest.approx(sum(bounds) / n, abs=1e-3)
    for name, got in model.weights_.items():
        moved = np.linalg.norm(twin.weights[name] - before[name])
        assert np.linalg.norm(got - twin.weights[name]) <= 1e-4 * moved, name
