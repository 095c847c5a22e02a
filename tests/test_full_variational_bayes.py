"""Full variational Bayes in the Python face: attributes, draws, files, runs, streams."""

import pickle

import numpy as np
import pytest
from scipy.special import logsumexp

from aevb import AEVB, Evaluator, Trainer, WakeSleep
from aevb.core.engine import ARENAS, Engine, Rows, Subset
from aevb.training.validation import Validation

X = np.random.default_rng(0).random((70, 12), dtype=np.float32)


def model_of(kind="gaussian", **changes):
    own = {"hidden_layer_sizes": (9,), "n_epochs": 2, "random_state": 0, "weight_posterior": kind}
    return AEVB.published(2, **own | changes)


@pytest.fixture(name="model", scope="module")
def fitted():
    model = model_of(likelihood="bernoulli").fit(X)
    # deviations that a draw shows
    engine = model._engine
    wide = {k: a + np.float32(2.0) for k, a in engine.arrays("log_sd").items()}
    engine.set_arrays(wide, "log_sd")
    return model


def with_draws(model, n):
    other = pickle.loads(pickle.dumps(model))
    return other.set_params(n_weight_draws=n)


def points(model, n):
    """The models with the draws of the weights, in order."""
    found = []
    for index in range(n):
        one = model_of(None, likelihood="bernoulli").fit(X)
        drawn = model._engine.draw(index, seed=model._engine.seed, n_threads=1)
        found.append(one.set_weights(drawn.arrays("weights")))
    return found


def bits(model):
    engine = model._engine
    return {f"{a}/{k}": w.tobytes() for a in ARENAS for k, w in engine.arrays(a).items()}


def test_attributes(model):
    std = model.weights_std_
    assert {k: w.shape for k, w in std.items()} == {k: w.shape for k, w in model.weights_.items()}
    log_sd = model._engine.arrays("log_sd")
    for name, array in std.items():
        np.testing.assert_array_equal(array, np.exp(log_sd[name]))
    assert model.weight_kl_ == model._engine.weight_kl > 0
    decoder = model_of("gaussian-decoder").fit(X)
    assert {name.split(".")[0] for name in decoder.weights_std_} == {"decoder"}
    assert decoder.weight_kl_ < model_of().fit(X).weight_kl_
    for other in (model_of(None).fit(X), model_of()):
        assert not hasattr(other, "weights_std_")
        assert not hasattr(other, "weight_kl_")


def test_the_first_deviations_are_those_documented():
    model = model_of(learning_rate=1e-9).fit(X)
    for array in model.weights_std_.values():
        np.testing.assert_allclose(array, 0.01, rtol=1e-5)


def test_results_at_the_posterior_mean_are_those_of_its_weights(model):
    point = model_of(None, likelihood="bernoulli").fit(X).set_weights(model.weights_)
    np.testing.assert_array_equal(model.transform(X), point.transform(X))
    np.testing.assert_array_equal(model.score_samples(X), point.score_samples(X))
    np.testing.assert_array_equal(model.sample(5, random_state=1), point.sample(5, random_state=1))


def test_results_are_averaged_over_draws_of_the_weights(model):
    n = 3
    drawn, each = with_draws(model, n), points(model, n)
    Z = model.transform(X)
    for ask in (
        lambda m: m.transform(X),
        lambda m: m.inverse_transform(Z),
        lambda m: m.reconstruct(X),
        lambda m: m.score_samples(X),
    ):
        got, parts = ask(drawn), np.stack([ask(point) for point in each])
        np.testing.assert_allclose(got, parts.mean(0), rtol=1e-5, atol=1e-6)
        assert np.abs(parts[0] - parts[1]).max() > 1e-3
    mean, std = drawn.encode(X)
    means, stds = (np.stack(parts) for parts in zip(*(p.encode(X) for p in each), strict=True))
    np.testing.assert_allclose(mean, means.mean(0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(std**2, (stds**2).mean(0) + means.var(0), rtol=1e-4)


def test_samples_are_shared_among_draws_of_the_weights(model):
    drawn, each = with_draws(model, 3), points(model, 3)
    got = drawn.sample(8, random_state=4)
    assert got.shape == (8, 12)
    np.testing.assert_array_equal(got[:2], each[0].sample(2, random_state=4))
    assert len({row.tobytes() for row in drawn.sample(300, random_state=4)}) > 250
    assert drawn.sample(2, random_state=4).shape == (2, 12)


def test_predictive_log_likelihood(model):
    n, options = 4, {"n_draws": 50}
    seed = model._engine.seed
    got = Evaluator(model).log_likelihood(X, n_weight_draws=n, **options)
    each = [Evaluator(p, random_state=None).log_likelihood(X, **options) for p in points(model, n)]
    assert all(p._engine.seed == seed for p in points(model, n))
    log_p = np.stack([estimate.per_row for estimate in each])
    np.testing.assert_allclose(got.per_row, logsumexp(log_p, axis=0) - np.log(n), rtol=1e-10)
    p = np.exp(log_p - log_p.max(0))
    np.testing.assert_allclose(got.stderr, p.std(0, ddof=1) / p.mean(0) / 2, rtol=1e-6)
    assert got.diagnostics["n_draws"] == n * 50
    assert (got.diagnostics["ess"] <= n * 50).all()
    one = Evaluator(model).log_likelihood(X, n_weight_draws=1, **options)
    np.testing.assert_array_equal(one.stderr, each[0].stderr)
    np.testing.assert_allclose(one.diagnostics["ess"], each[0].diagnostics["ess"])


def test_errors_of_draws(model):
    with pytest.raises(ValueError, match="n_weight_draws: got -1"):
        model_of(n_weight_draws=-1).fit(X)
    with pytest.raises(ValueError, match="n_weight_draws: got -1"):
        Evaluator(model).log_likelihood(X, n_weight_draws=-1)
    with pytest.raises(ValueError, match="n_weight_draws: got 2, want a model with a weight_post"):
        Evaluator(model_of(None).fit(X)).log_likelihood(X, n_weight_draws=2)
    with pytest.raises(ValueError, match="weight_decay: got 0, want a positive number"):
        model_of(weight_decay=0.0).fit(X)
    with pytest.raises(ValueError, match="weight_posterior: got 'gaussian', but the fitted model"):
        model_of(None, warm_start=True).fit(X).set_params(weight_posterior="gaussian").fit(X)


# --- files and runs ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["gaussian", "gaussian-decoder"])
def test_files_and_pickles_hold_all(kind, tmp_path):
    model = model_of(kind).fit(X).partial_fit(X[:30], weight_prior="posterior", forgetting=0.5)
    model.save(tmp_path / "model.safetensors")
    others = [AEVB.load(tmp_path / "model.safetensors"), pickle.loads(pickle.dumps(model))]
    want = bits(model)
    assert any(name.startswith("prior_log_sd/") for name in want)
    for other in others:
        assert bits(other) == want
        assert other._state.n_forgotten == model._state.n_forgotten > 0
    model.partial_fit(X[30:])
    for other in others:
        assert bits(other.partial_fit(X[30:])) == bits(model)


@pytest.mark.parametrize("optimizer", ["adam", "adagrad"])
def test_a_resumed_run_has_the_same_bits(optimizer, tmp_path):
    settings = {"optimizer": optimizer, "early_stopping": True, "batch_size": 10}
    whole = Trainer(model_of(**settings), X).run(200)
    path = tmp_path / "run.safetensors"
    trainer = Trainer(model_of(**settings), X, checkpoint=path)
    trainer.step(9)
    trainer.save_checkpoint()
    resumed = Trainer.resume(path, X).run(200)
    assert bits(resumed.model) == bits(whole.model)
    assert resumed.model.history_["validation_bound"] == whole.model.history_["validation_bound"]


def test_a_failed_fit_changes_nothing(model):
    before = bits(model)
    with pytest.raises(ValueError, match="X"):
        model.partial_fit(np.full((3, 12), np.inf))
    assert bits(model) == before


def test_validation_is_at_the_posterior_mean():
    model = model_of(early_stopping=True, n_epochs=1).fit(X)
    held = model.history_["held_out"][0]
    assert held > 0
    state = model._engine.state()
    point = Engine.from_state(
        {a: {} for a in ARENAS}
        | {**state, "config": state["config"] | {"weight_posterior": "none"}}
        | {a: {} for a in ARENAS if "log_sd" in a}
    )
    validation = Validation(Rows(X), Subset(0, held, split=True), decides=True)
    bound = validation.score(model, point)
    assert bound == model.history_["validation_bound"][0]


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian", "poisson"])
def test_the_first_minibatches_of_wide_data_do_not_blow_up(likelihood):
    wide = np.random.default_rng(1).integers(0, 2, (200, 2000)).astype(np.float32)
    found = [
        AEVB(5, likelihood=likelihood, weight_posterior=kind, n_epochs=3, random_state=0,
             early_stopping=False).fit(wide).history_["train_bound"]
        for kind in (None, "gaussian")
    ]  # fmt: skip
    assert np.isfinite(found).all()
    assert found[1][-1] > found[0][-1] - 0.05 * abs(found[0][-1])


# --- streams ----------------------------------------------------------------------------------


def test_the_posterior_becomes_the_prior():
    model = model_of().fit(X)
    mean, log_sd = (model._engine.arrays(a) for a in ("weights", "log_sd"))
    model.partial_fit(X, weight_prior="posterior")
    for kept, arena in [(mean, "prior_mean"), (log_sd, "prior_log_sd")]:
        for name, array in model._engine.arrays(arena).items():
            np.testing.assert_array_equal(array, kept[name])
    assert model._state.n_forgotten == 2 * len(X)  # N counts the rows of this call
    model.partial_fit(X)
    assert model._state.n_forgotten == 2 * len(X)


def test_forgetting_widens_the_posterior_that_becomes_the_prior():
    model = model_of(weight_decay=9000.0).fit(X)
    engine = model._engine
    spread = {k: a - np.linspace(0, 2, a.size, dtype=np.float32).reshape(a.shape)
              for k, a in engine.arrays("log_sd").items()}  # fmt: skip
    engine.set_arrays(spread, "log_sd")
    log_sd = model._engine.arrays("log_sd")
    model.partial_fit(X, weight_prior="posterior", forgetting=0.25)
    highest, n_highest = -0.5 * np.log(9000.0), 0
    for name, array in model._engine.arrays("prior_log_sd").items():
        want = np.minimum(log_sd[name] + np.log(2.0), highest)
        np.testing.assert_allclose(array, want, rtol=1e-6)
        n_highest += (want == highest).sum()
    assert n_highest > 0
    assert min(a.min() for a in model._engine.arrays("prior_log_sd").values()) < highest - 1e-3


def test_the_first_call_has_the_fixed_prior():
    model = model_of().partial_fit(X, weight_prior="posterior")
    assert bits(model) == bits(model_of().partial_fit(X))


@pytest.mark.parametrize("optimizer", ["sgd", "adagrad", "adam"])
def test_forgetting_is_what_its_text_says(optimizer):
    """The squares times 0.25, and N = 30 + 0.25 * 40 instead of 30 + 40."""

    def start():
        return model_of(optimizer=optimizer, learning_rate=1e-3, weight_decay=40.0).partial_fit(
            X[:40]
        )

    model, other = start(), start()
    squares = {"sgd": [], "adagrad": ["state1"], "adam": ["state2"]}[optimizer]
    for arena in [*squares, *(f"log_sd_{name}" for name in squares)]:
        quarter = {k: a * np.float32(0.25) for k, a in other._engine.arrays(arena).items()}
        other._engine.set_arrays(quarter, arena)
    trainer = Trainer(other.set_params(n_epochs=1), X[40:])
    trainer._run = trainer._run._replace(n_prior=40)
    trainer.step(1)
    model.partial_fit(X[40:], forgetting=0.25)
    assert bits(model) == bits(trainer.model)
    assert model._state.n_forgotten == 30
    assert bits(start().partial_fit(X[40:])) == bits(start().partial_fit(X[40:], forgetting=1.0))
    assert bits(start().partial_fit(X[40:])) != bits(model)


def test_errors_of_streams():
    model = model_of(None)
    for wrong in (0.0, 1.5, -1.0):
        with pytest.raises(ValueError, match="forgetting: got"):
            model.partial_fit(X, forgetting=wrong)
    with pytest.raises(TypeError, match="forgetting: got 'some'"):
        model.partial_fit(X, forgetting="some")
    with pytest.raises(ValueError, match="weight_prior: got 'other', want one of 'fixed', 'post"):
        model.partial_fit(X, weight_prior="other")
    for points_only in (model, WakeSleep(2)):
        with pytest.raises(ValueError, match="weight_prior: got 'posterior', want a model with"):
            points_only.partial_fit(X, weight_prior="posterior")
