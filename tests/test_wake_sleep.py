"""Wake-sleep: a step against differences of its two objectives in float64, and training."""

import numpy as np
import pytest
from hooks import kernels
from teams import team_of

from aevb import AEVB, Trainer, WakeSleep

pytestmark = pytest.mark.filterwarnings("ignore:all latent units have collapsed")  # short fits

LATENT, DREAM_LATENT, DREAM_VISIBLE = 2, 10, 11  # streams of noise
FLOOR = -10.0


def softplus(a):
    return np.logaddexp(0.0, a)


def hidden_layers(w, side, h):
    i = 0
    while f"{side}.hidden{i}.weight" in w:
        h = np.tanh(h @ w[f"{side}.hidden{i}.weight"] + w[f"{side}.hidden{i}.bias"])
        i += 1
    return h


def linear(w, name, h):
    return h @ w[f"{name}.weight"] + w[f"{name}.bias"]


def encode(w, x):
    h = hidden_layers(w, "encoder", x)
    return linear(w, "encoder.mean", h), linear(w, "encoder.log_var", h)


def decode(w, z, likelihood):
    """Means and log-variances of p(x|z)."""
    h = hidden_layers(w, "decoder", z)
    if likelihood == "bernoulli":
        return 1 / (1 + np.exp(-linear(w, "decoder.logits", h))), None
    mean = linear(w, "decoder.mean", h)
    if likelihood == "bounded-gaussian":
        mean = 1 / (1 + np.exp(-mean))
    return mean, FLOOR + softplus(linear(w, "decoder.log_var", h) - FLOOR)


def log_p_x(w, x, z, likelihood):
    mean, v = decode(w, z, likelihood)
    if likelihood == "bernoulli":
        return (x * np.log(mean) + (1 - x) * np.log1p(-mean)).sum(1)
    return -0.5 * (np.log(2 * np.pi) + v + (x - mean) ** 2 * np.exp(-v)).sum(1)


def log_q(w, x, z):
    mean, log_var = encode(w, x)
    return -0.5 * (np.log(2 * np.pi) + log_var + (z - mean) ** 2 * np.exp(-log_var)).sum(1)


def ascend(weights, side, objective, learning_rate, decay):
    """Weights after a step up the objective's gradient by one network's weights, by differences.

    The prior pulls weights, but not biases.
    """
    after = {name: w.copy() for name, w in weights.items()}
    step = 1e-5
    for name in (n for n in weights if n.startswith(side)):
        for i in np.ndindex(weights[name].shape):
            probe = {n: w.copy() for n, w in weights.items()}
            probe[name][i] += step
            up = objective(probe)
            probe[name][i] -= 2 * step
            after[name][i] += learning_rate * (up - objective(probe)) / (2 * step)
        if name.endswith("weight"):
            after[name] -= learning_rate * decay * weights[name]
    return after


def twin(weights, x, seed, step, likelihood, learning_rate, decay):
    """A wake and a sleep step on a minibatch. The sleep step uses the wake step's new decoder."""
    n, J = len(x), weights["encoder.mean.bias"].size
    noise = np.float64(kernels.normal(seed, step, LATENT, 0, n, J))
    mean, log_var = encode(weights, x)
    z = mean + np.exp(log_var / 2) * noise

    def log_joint(w):
        return log_p_x(w, x, z, likelihood).mean()

    awake = ascend(weights, "decoder", log_joint, learning_rate, decay)
    z = np.float64(kernels.normal(seed, step, DREAM_LATENT, 0, n, J))
    mean, v = decode(awake, z, likelihood)
    if likelihood == "bernoulli":
        u = np.float64(kernels.uniform(seed, step, DREAM_VISIBLE, 0, n, x.shape[1]))
        assert np.abs(u - mean).min() > 1e-5  # no pixel depends on a rounding
        dreams = np.float64(u < mean)
    else:
        dreams = mean + np.exp(v / 2) * kernels.normal(seed, step, DREAM_VISIBLE, 0, n, x.shape[1])
    return ascend(awake, "encoder", lambda w: log_q(w, dreams, z).mean(), learning_rate, decay)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian", "bounded-gaussian"])
@pytest.mark.parametrize("hidden", [(5,), (4, 3)])
def test_each_step_is_the_twins(isa, likelihood, hidden):
    """Minibatches have five, five and three rows, each with as many draws from the model."""
    X = np.random.default_rng(0).uniform(0.05, 0.95, (13, 6)).astype(np.float32)
    model = WakeSleep.published(
        2,
        hidden_layer_sizes=hidden,
        likelihood=likelihood,
        optimizer="sgd",
        learning_rate=0.1,
        weight_decay=6.5,
        init_scale=0.5,
        scale="none",
        batch_size=5,
        random_state=3,
    )
    trainer = Trainer(model, X)
    seed = model._engine.config.as_dict()["seed"]
    order = kernels.permutation(seed, 0, 13)
    for step in range(3):
        before = {name: np.float64(w) for name, w in model.weights_.items()}
        got = trainer.step().model.weights_
        x = np.float64(X[order[5 * step : 5 * step + 5]])
        for name, w in twin(before, x, seed, step, likelihood, 0.1, 0.5).items():
            moved = np.abs(w - before[name]).max()
            assert moved > 1e-6, name
            # float32 gradients, as in the bounds' tests, and the rounding of the weights themselves
            np.testing.assert_allclose(
                got[name], w, rtol=0, atol=5e-4 * moved + 1e-6, err_msg=f"{name} moved {moved:.2g}"
            )


@pytest.mark.parametrize(
    ("kind", "rate", "damping"),
    [
        (AEVB, 0.1, 20),
        (WakeSleep, 0.1, 500),
        (WakeSleep, 0.04, 80),
        (WakeSleep, 0.02, 20),
        (WakeSleep, 0.01, 20),
    ],
)
def test_adagrad_s_first_steps_are_small(kind, rate, damping):
    """At t = 1 a step has the size of the rate, in the sign of the gradient, but for the factor."""
    X = np.random.default_rng(0).uniform(0.05, 0.95, (13, 6)).astype(np.float32)
    settings = {"init_scale": 0.5, "learning_rate": rate, "hidden_layer_sizes": (5,)}
    trainer = Trainer(kind.published(2, **settings, batch_size=5, random_state=3), X)
    before = trainer.model.weights_
    for name, w in trainer.step().model.weights_.items():
        expected = rate * np.sqrt(1 / (1 + damping))
        np.testing.assert_allclose(abs(w - before[name]), expected, rtol=1e-3, err_msg=name)


@pytest.mark.parametrize("n_threads", [2, 3, 7])
def test_any_number_of_threads_gives_the_same_bits(isa, n_threads):
    X = (np.random.default_rng(1).random((250, 130)) < 0.2).astype(np.uint8)

    def fit(threads):
        model = WakeSleep.published(
            3, hidden_layer_sizes=(70,), n_epochs=2, random_state=0, n_threads=threads
        )
        with team_of(threads):
            return model.fit(X).weights_

    one = fit(1)
    for name, w in fit(n_threads).items():
        np.testing.assert_array_equal(w, one[name], err_msg=name)


def test_it_learns_and_its_bound_is_one():
    """On data from a small decoder, the bound rises. As in the paper, AEVB's bound is higher."""
    rng = np.random.default_rng(2)
    z = rng.normal(size=(2000, 2))
    X = (rng.random((2000, 20)) < 1 / (1 + np.exp(-z @ rng.normal(0, 2, (2, 20))))).astype(float)
    settings = {"hidden_layer_sizes": (30,), "n_epochs": 30, "random_state": 0}
    model = WakeSleep.published(2, **settings).fit(X)
    bounds = model.history_["train_bound"]
    base_rate = X.mean(0)
    independent = (base_rate * np.log(base_rate) + (1 - base_rate) * np.log1p(-base_rate)).sum()
    assert bounds[-1] > bounds[0]
    assert bounds[-1] > independent + 1
    assert model.score(X) < AEVB.published(2, **settings).fit(X).score(X) + 0.05


def test_it_is_saved_and_loaded(tmp_path):
    X = np.random.default_rng(0).random((50, 6))
    model = WakeSleep.published(2, hidden_layer_sizes=(5,), n_epochs=2, random_state=0).fit(X)
    model.save(tmp_path / "model.safetensors")
    loaded = WakeSleep.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.transform(X), model.transform(X))
    more = [m.set_params(warm_start=True).fit(X).weights_ for m in (model, loaded)]
    for name in more[0]:
        np.testing.assert_array_equal(more[0][name], more[1][name])
    with pytest.raises(ValueError, match="WakeSleep"):
        AEVB.load(tmp_path / "model.safetensors")
