"""Models with other posteriors and priors, as a whole: gradients, chains, scores and files.

The kernels of the posteriors are tested elsewhere. They serve here as parts of the twin.
"""

from __future__ import annotations

import functools
import pickle

import numpy as np
import oracle
import posteriors
import pytest
from engines import engine
from hooks import kernels
from scipy import stats
from test_posteriors import POSTERIORS
from test_wake_sleep import DREAM_LATENT, DREAM_VISIBLE, LATENT, ascend, decode, log_p_x

from aevb import AEVB, MCEM, Evaluator, Trainer, WakeSleep, _core, sample_posterior
from aevb.core.engine import Rows

# The models are hardly trained.
pytestmark = pytest.mark.filterwarnings("ignore:all latent units have collapsed")

OBJECTIVES = _core.catalogue()["objective"]
PAIRS = [  # posterior and prior
    ("laplace", "auto"),
    ("laplace", "laplace"),
    ("logistic", "cauchy"),
    ("gaussian", "logistic"),
    ("exponential", "auto"),
    *((name, "auto") for name in ("full-gaussian", "dirichlet", "f") if name in POSTERIORS),
]
pairs = pytest.mark.parametrize(("posterior", "prior"), PAIRS)
D = 4


# --- the gradient of a whole model ------------------------------------------------------------


def draw_weights(objective, closed, log_w, kl_weight):
    """(term, through, density, score) of each draw; log_w is (n, L)."""
    n_draws = log_w.shape[1]
    mean, zero = np.full_like(log_w, 1 / n_draws), np.zeros_like(log_w)
    if objective == "analytic-kl" and closed:
        return mean, zero + 1, zero, zero
    if objective in ("analytic-kl", "monte-carlo"):
        return mean, zero + 1, kl_weight * mean, -kl_weight * mean
    if objective.startswith("score-function"):
        f = log_w - oracle.baseline(log_w) if objective.endswith("baseline") else log_w
        return mean, zero, zero, f / n_draws
    weight = oracle.reweighted(log_w, objective)[1]
    if objective == "doubly-reparameterized":
        return weight, weight, kl_weight * weight**2, zero
    return weight, zero + 1, kl_weight * weight, -kl_weight * weight


def expected_answer(model, weights, x, noise, posterior, objective, kl_weight):
    """Bound and gradient by the kernels of q and p, with the networks in float64."""
    prior, own = model.config.as_dict()["prior"], posteriors.twin(posterior)
    config, n_draws = oracle.Config(), len(noise)
    encoder, _ = oracle.climb(weights, "encoder", np.float64(x), "tanh")
    outputs = [oracle.affine(weights, f"encoder.{head}", encoder[-1]) for head in own.OUTPUTS]
    outputs = [np.float32(a) for a in outputs]
    closed = POSTERIORS[posterior]["has_kl"] and prior == POSTERIORS[posterior]["prior"]
    by_closed = closed and objective == "analytic-kl"
    z, ratio, term = kernels.posterior_sample(posterior, prior, outputs, noise, by_closed)
    decoder, _ = oracle.climb(weights, "decoder", np.float64(z), "tanh")
    x = np.repeat(np.float64(x), n_draws, axis=0)
    r, deltas = oracle.likelihood_heads(weights, config, decoder[-1], x)
    log_w = (r + kl_weight * ratio).reshape(-1, n_draws)
    bound = term + r.reshape(-1, n_draws).mean(1)
    if (of_bound := oracle.reweighted((r + ratio).reshape(-1, n_draws), objective)) is not None:
        bound = of_bound[0]
    own_weights = np.stack(draw_weights(objective, by_closed, log_w, kl_weight), axis=-1)
    own_weights = own_weights.reshape(-1, 4)
    layers = {}
    deltas = {head: own_weights[:, :1] * delta for head, delta in deltas.items()}
    dz = oracle.descend(weights, "decoder", decoder, deltas, "tanh", layers)
    heads = kernels.posterior_backward(
        posterior, prior, outputs, noise, dz, own_weights, by_closed, kl_weight
    )
    heads = {f"encoder.{k}": np.float64(d) for k, d in zip(own.OUTPUTS, heads, strict=True)}
    oracle.descend(weights, "encoder", encoder, heads, "tanh", layers)
    tape = oracle.Tape(bound, r, ratio, layers, bound, 1.0)
    return bound, oracle.gradient(tape)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pairs
def test_bound_and_gradient_are_the_twins(isa, posterior, prior, objective):
    for n_draws, kl_weight in ((3, 1.0), (1, 0.3)):
        settings = {"n_draws": n_draws, "bound_estimator": objective, "init_scale": 0.5}
        model = engine(D, posterior=posterior, prior=prior, n_components=3, **settings)
        rng = np.random.default_rng(0)
        x = rng.integers(0, 2, size=(17, D)).astype(np.float32)
        n_cols = 3 * POSTERIORS[posterior]["n_noise"]
        kernel = getattr(kernels, POSTERIORS[posterior]["noise"])
        noise = kernel(0, 0, LATENT, 0, n_draws * 17, n_cols).reshape(n_draws, 17, n_cols)
        options = {"seed": 0, "kl_weight": kl_weight, "n_threads": 1}
        bound, gradient = model.bound_and_gradient(Rows(x), noise, **options)
        weights = oracle.float64(model.arrays("weights"))
        expected = expected_answer(model, weights, x, noise, posterior, objective, kl_weight)
        np.testing.assert_allclose(bound, expected[0], rtol=2e-5, atol=2e-5)
        assert gradient.keys() == expected[1].keys()
        for name, g in expected[1].items():
            tolerance = 1e-3 if objective.startswith("score") else 2e-4
            error = np.linalg.norm(gradient[name] - g)
            assert error <= tolerance * (np.linalg.norm(g) + 1e-2), name


@pairs
def test_any_number_of_threads_gives_the_same_bits(posterior, prior):
    x = np.random.default_rng(0).integers(0, 2, size=(300, D)).astype(np.float32)
    for objective in ("analytic-kl", "renyi", "score-function-baseline"):
        model = engine(D, posterior=posterior, prior=prior, bound_estimator=objective, n_draws=2)
        one, other = (
            model.bound_and_gradient(Rows(x), None, seed=3, n_threads=threads) for threads in (1, 3)
        )
        np.testing.assert_array_equal(one[0], other[0])
        for name, g in one[1].items():
            np.testing.assert_array_equal(g, other[1][name])


# --- one latent unit, against quadrature ------------------------------------------------------


def binary_rows(n, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.exponential(size=(n, 1))
    return (rng.random((n, D)) < 1 / (1 + np.exp(2 - 2 * z * [1, 1, -1, 0.5]))).astype(float)


SMALL = {"hidden_layer_sizes": (4,), "likelihood": "bernoulli", "random_state": 0, "n_threads": 1}
TINY = [("exponential", "exponential"), ("laplace", "laplace"), ("gaussian", "laplace")]
tiny = pytest.mark.parametrize(("posterior", "prior"), TINY)


@functools.cache
def fitted(posterior, prior):
    """A model with random weights, whose q(z|x) is not far from the prior."""
    model = AEVB.published(1, posterior=posterior, prior=prior, n_epochs=1, **SMALL)
    model.fit(binary_rows(100))
    rng = np.random.default_rng(5)
    weights = {name: rng.normal(size=w.shape) for name, w in sorted(model.weights_.items())}
    for head in posteriors.twin(posterior).OUTPUTS:
        weights[f"encoder.{head}.weight"] /= 8
        weights[f"encoder.{head}.bias"] /= 8
    return model.set_weights(weights)


def grid(model, prior, x, columns=slice(None)):
    """Points of z under the prior, and weights that are proportional to p(z|x) (k, n)."""
    z, weight = posteriors.quadrature(Shaped(prior))
    z, weight = z[:, 0, 0], weight[:, 0, 0]
    weights = oracle.float64(model.weights_)
    means = oracle.decode(weights, oracle.Config(), z[:, None])[0]
    seen, p = np.float64(x)[:, columns], means[:, None, columns]
    log_p = (seen * np.log(p) + (1 - seen) * np.log1p(-p)).sum(2)
    return z, means, weight[:, None] * np.exp(log_p)


class Shaped:
    """The distribution of a prior, for `posteriors.quadrature`: one row and component."""

    def __init__(self, prior):
        p = posteriors.prior(prior)
        self.ppf = lambda u: np.broadcast_to(p.ppf(u), np.shape(u) or (1, 1))
        self.isf = p.isf


X = np.array([[0, 0, 0, 0], [1, 1, 0, 1], [1, 0, 1, 0], [1, 1, 1, 1]], dtype=float)


@tiny
def test_log_p_by_importance_and_annealing_is_that_of_quadrature(posterior, prior):
    model = fitted(posterior, prior)
    exact = np.log(grid(model, prior, X)[2].sum(0))
    evaluator = Evaluator(model)
    found = {
        "importance": evaluator.log_likelihood(X, n_draws=4000),
        "from the encoder": evaluator.log_likelihood(X, method="ais", n_draws=100),
        "from the prior": evaluator.log_likelihood(X, method="ais", n_draws=100, start="prior"),
    }
    for what, estimate in found.items():
        error = np.abs(estimate.per_row - exact)
        assert (error < 5 * estimate.stderr + 1e-4).all(), what
        assert estimate.stderr.max() < 0.1, what
    assert (evaluator.bound(X, n_draws=4000).per_row < exact + 1e-3).all()


@tiny
def test_bidirectional_bounds_are_close(posterior, prior):
    model = fitted(posterior, prior)
    options = {"n_draws": 20, "bidirectional": True, "n_simulated": 50}
    estimate = Evaluator(model).log_likelihood(X, method="ais", start="prior", **options)
    assert abs(estimate.diagnostics["gap"]) < 0.05


@tiny
def test_importance_sampling_adapts_on_the_real_line(posterior, prior):
    """Its Gaussians have no place elsewhere."""
    model = fitted(posterior, prior)
    if POSTERIORS[posterior]["support"] != "real":
        with pytest.raises(ValueError, match=r"^n_adaptations: got 2, want 0"):
            Evaluator(model).log_likelihood(X, n_adaptations=2)
        return
    exact = np.log(grid(model, prior, X)[2].sum(0))
    estimate = Evaluator(model).log_likelihood(X, n_draws=2000, n_adaptations=2)
    assert (np.abs(estimate.per_row - exact) < 5 * estimate.stderr + 1e-4).all()


@tiny
def test_chains_have_the_posterior(posterior, prior):
    """The last draws of 400 chains of a row have the mean and the distribution of p(z|x)."""
    model = fitted(posterior, prior)
    rows = np.repeat(X[1:3], 400, axis=0)
    result = sample_posterior(model, rows, 30, n_warmup=100, random_state=1)
    z, _, weight = grid(model, prior, X[1:3])
    order = np.argsort(z)
    for row in range(2):
        last = result.draws[-1, 400 * row : 400 * (row + 1), 0]
        assert prior != "exponential" or (last > 0).all()
        cdf = np.cumsum(weight[order, row]) / weight[:, row].sum()
        levels = np.interp(last, z[order], cdf - weight[order, row] / weight[:, row].sum() / 2)
        assert stats.kstest(levels, "uniform").pvalue > 1e-4


@tiny
def test_missing_values_have_their_conditional_mean(posterior, prior):
    model = fitted(posterior, prior)
    rows = np.repeat(X[1:2], 200, axis=0)
    missing = np.zeros(rows.shape, dtype=bool)
    missing[:, :2] = True
    got = model.impute(rows, missing, n_iterations=100, random_state=0)[:, :2]
    _, means, weight = grid(model, prior, X[1:2], slice(2, None))
    expected = (weight * means[:, :2]).sum(0) / weight.sum()
    assert (np.abs(got.mean(0) - expected) < 5 * stats.sem(got, axis=0) + 1e-3).all()


@pytest.mark.parametrize("prior", ["exponential", "laplace"])
def test_mcem_takes_a_prior(prior):
    rows = binary_rows(100)
    model = MCEM.published(1, prior=prior, n_epochs=30, **SMALL).fit(rows)
    exact = np.log(grid(model, prior, X)[2].sum(0))
    np.testing.assert_allclose(model.score_samples(X), exact, atol=0.2)
    assert prior != "exponential" or (model.transform(X) > 0).all()
    assert model.history_["train_bound"][-1] > model.history_["train_bound"][0]
    z = model._engine.sample(500, seed=0, n_threads=1)[1]
    assert stats.kstest(z[:, 0], posteriors.prior(prior).cdf).pvalue > 1e-4


# --- wake-sleep -------------------------------------------------------------------------------


def twin_step(weights, x, seed, posterior, prior, rate, decay):
    """A wake and a sleep step. The sleep phase ascends log q, whose gradient is the score."""
    own, info, n = posteriors.twin(posterior), POSTERIORS[posterior], len(x)

    def outputs(w, rows):
        h = oracle.climb(w, "encoder", rows, "tanh")[0][-1]
        return [oracle.affine(w, f"encoder.{head}", h) for head in own.OUTPUTS]

    n_cols = 2 * info["n_noise"]
    noise = getattr(kernels, info["noise"])(seed, 0, LATENT, 0, n, n_cols)[None]
    wake = [np.float32(a) for a in outputs(weights, x)]
    z = np.float64(kernels.posterior_sample(posterior, prior, wake, noise)[0])
    awake = ascend(weights, "decoder", lambda w: log_p_x(w, x, z, "bernoulli").mean(), rate, decay)
    z = np.float64(kernels.prior_draw(prior, seed, n, 2, DREAM_LATENT))
    mean, _ = decode(awake, z, "bernoulli")
    u = np.float64(kernels.uniform(seed, 0, DREAM_VISIBLE, 0, n, x.shape[1]))
    assert np.abs(u - mean).min() > 1e-5
    dreams = np.float64(u < mean)

    def log_q(w):
        return own.log_density(outputs(w, dreams), z).sum(1).mean()

    return ascend(awake, "encoder", log_q, rate, decay)


@pytest.mark.parametrize(
    ("posterior", "prior"), [("laplace", "logistic"), ("exponential", "exponential")]
)
def test_a_wake_sleep_step_is_the_twins(isa, posterior, prior):
    rows = np.random.default_rng(0).uniform(0.05, 0.95, (9, 5)).astype(np.float32)
    settings = {"optimizer": "sgd", "learning_rate": 0.1, "weight_decay": 6.5, "init_scale": 0.5}
    model = WakeSleep.published(
        2, **SMALL, **settings, posterior=posterior, prior=prior, batch_size=9, scale="none"
    )
    trainer = Trainer(model, rows)
    seed = model._engine.config.as_dict()["seed"]
    before = {name: np.float64(w) for name, w in model.weights_.items()}
    got = trainer.step().model.weights_
    x = np.float64(rows[kernels.permutation(seed, 0, 9)])
    for name, w in twin_step(before, x, seed, posterior, prior, 0.1, 6.5 / 9).items():
        moved = np.abs(w - before[name]).max()
        assert moved > 1e-6, name
        np.testing.assert_allclose(got[name], w, rtol=0, atol=5e-4 * moved + 1e-6, err_msg=name)


# --- files ------------------------------------------------------------------------------------

SETTINGS = {
    "posterior": "logistic",
    "prior": "cauchy",
    "bound_estimator": "renyi",
    "renyi_order": 0.25,
    "kl_weight": 0.5,
    "kl_warmup": 0.5,
    "kl_cycles": 2,
    "n_draws": 2,
}
ALL_SETTINGS = [SETTINGS, {"posterior": "exponential", "free_bits": 0.1, "kl_weight": 2.0}]


def assert_same_model(one, other):
    assert one.get_params() == other.get_params()
    assert one._engine.settings == other._engine.settings
    for name, w in one.weights_.items():
        np.testing.assert_array_equal(w, other.weights_[name])
    np.testing.assert_array_equal(one.score_samples(X), other.score_samples(X))


@pytest.mark.parametrize("settings", ALL_SETTINGS)
def test_files_and_pickles_keep_the_choices(settings, tmp_path):
    model = AEVB.published(2, n_epochs=2, **SMALL, **settings).fit(binary_rows(100))
    model.save(tmp_path / "model.safetensors")
    loaded = AEVB.load(tmp_path / "model.safetensors")
    for other in (loaded, pickle.loads(pickle.dumps(model))):
        assert_same_model(model, other)
        more = [m.set_params(warm_start=True) for m in (pickle.loads(pickle.dumps(model)), other)]
        assert_same_model(*(m.fit(binary_rows(100)) for m in more))


@pytest.mark.parametrize("settings", ALL_SETTINGS)
def test_a_checkpoint_keeps_the_choices(settings, tmp_path):
    rows, path = binary_rows(200), tmp_path / "run.safetensors"

    def fresh(**options):
        return Trainer(AEVB.published(2, **SMALL, **settings, batch_size=50), rows, **options)

    def stop(trainer):
        if len(trainer.history["seconds"]) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fresh(checkpoint=path, callbacks=[stop]).run(2000)
    resumed = Trainer.resume(path, rows)
    assert_same_model(resumed.run(2000).model, fresh().run(2000).model)
