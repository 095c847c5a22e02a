"""What is said of each latent unit and of each column, against closed forms and scikit-learn."""

import copy

import numpy as np
import oracle
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.metrics import d2_tweedie_score, log_loss, r2_score

from aevb import AEVB, MCEM, Evaluator
from aevb.core.catalogue import LIKELIHOODS, SUPPORTS
from aevb.evaluation import quality
from aevb.evaluation.quality import DEVIANCES, explained, explained_levels

N, D, J = 60, 7, 3
SETTINGS = {
    "hidden_layer_sizes": (9,),
    "optimizer": "adagrad",
    "learning_rate": 0.02,
    "init_scale": 0.1,
    "n_epochs": 3,
    "random_state": 0,
}


def rows(likelihood):
    rng = np.random.default_rng(1)
    if SUPPORTS[likelihood] == "counts":
        return rng.poisson(3.0, size=(N, D)).astype(np.float32)
    return rng.random((N, D), dtype=np.float32)


@pytest.fixture(scope="module", name="case", params=LIKELIHOODS)
def model_and_rows(request):
    X = rows(request.param)
    return AEVB(J, **SETTINGS, likelihood=request.param, scale="none").fit(X), X


def outputs(model, X):
    """Mean and log-variance of q(z|x) in float64."""
    w = oracle.float64(model.weights_)
    x = oracle.encoder_inputs(np.float64(X), oracle.Config(likelihood=model.likelihood_))
    h = oracle.climb(w, "encoder", x, model.activation)[0][-1]
    return tuple(oracle.affine(w, f"encoder.{head}", h) for head in ("mean", "log_var"))


# Two products of float32, of at most nine terms of size about one.
TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}


# ------------------------------------------------------------------------------------ latent units
def test_encode_gives_mean_and_standard_deviation(case):
    model, X = case
    mean, std = model.encode(X)
    mu, log_var = outputs(model, X)
    assert mean.dtype == std.dtype == np.float32
    assert mean.tobytes() == model.transform(X).tobytes()
    np.testing.assert_allclose(mean, mu, **TOLERANCE)
    np.testing.assert_allclose(std, np.exp(log_var / 2), **TOLERANCE)


def test_encode_names_data_that_overflow(case):
    model, X = case
    model, weights = copy.deepcopy(model), model.weights_
    weights["encoder.log_var.bias"][:] = 1000
    with pytest.raises(ValueError, match=r"^X: takes the network"):
        model.set_weights(weights).encode(X)
    with pytest.raises(ValueError, match="features"):
        model.encode(X[:, :3])


def test_kl_per_unit_is_the_closed_form(case):
    model, X = case
    mu, log_var = outputs(model, X)
    kl = Evaluator(model).kl_per_unit(X)
    assert kl.shape == (J,)
    expected = 0.5 * (mu**2 + np.exp(log_var) - 1 - log_var).mean(0)
    np.testing.assert_allclose(kl, expected, **TOLERANCE)


def test_a_unit_that_equals_the_prior_costs_nothing(case):
    """A unit that is N(2, 1) on every row costs 2 nats, but is not active."""
    model, X = case
    model, weights = copy.deepcopy(model), model.weights_
    for head, values in (("mean", [0, 2]), ("log_var", [0, 0])):
        weights[f"encoder.{head}.weight"][:, :2] = 0
        weights[f"encoder.{head}.bias"][:2] = values
    evaluator = Evaluator(model.set_weights(weights))
    assert evaluator.kl_per_unit(X)[:2].tolist() == [0, 2]
    assert not evaluator.active_units(X)[:2].any()


@pytest.mark.parametrize("bound_estimator", ["analytic-kl", "monte-carlo"])
@pytest.mark.parametrize("n_draws", [1, 4])
def test_the_bound_is_reconstruction_minus_kl(case, bound_estimator, n_draws):
    model, X = case
    model = copy.deepcopy(model).set_params(bound_estimator=bound_estimator, n_epochs=1)
    evaluator = Evaluator(model.fit(X), random_state=0)
    estimate = evaluator.bound(X, n_draws=n_draws)
    reconstruction, kl = (estimate.diagnostics[key] for key in ("reconstruction", "kl"))
    assert reconstruction.shape == kl.shape == (N,)
    # the sum and the difference are rounded once each
    size = np.abs(reconstruction) + np.abs(kl)
    assert (np.abs(reconstruction - kl - estimate.per_row) <= 2.0**-52 * size).all()
    np.testing.assert_allclose(kl.mean(), evaluator.kl_per_unit(X).sum(), rtol=1e-6)


def test_the_reconstruction_is_the_mean_of_log_p_of_x_given_z(case):
    """With a posterior as narrow as float32, every draw is the mean of q(z|x)."""
    model, X = case
    model, weights = copy.deepcopy(model), model.weights_
    weights["encoder.log_var.weight"][:] = 0
    weights["encoder.log_var.bias"][:] = -40
    model.set_weights(weights)
    w, config = oracle.float64(weights), oracle.Config(model.activation, model.likelihood_)
    mu = outputs(model, X)[0]
    h = oracle.climb(w, "decoder", mu, model.activation)[0][-1]
    expected, _ = oracle.likelihood_heads(w, config, h, np.float64(X))
    got = Evaluator(model).bound(X, n_draws=2).diagnostics["reconstruction"]
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


def test_dynamic_binarisation_encodes_the_draws():
    """The divergence in the bound is that of the binary rows, and not that of the grey levels."""
    X = rows("bernoulli")
    model = AEVB(J, **SETTINGS, binarize="dynamic").fit(X)
    estimates = [Evaluator(model, random_state=seed).bound(X) for seed in (0, 1)]
    assert (estimates[0].diagnostics["kl"] != estimates[1].diagnostics["kl"]).any()


def test_without_an_encoder_there_is_no_kl():
    X = rows("bernoulli")
    model = MCEM(J, hidden_layer_sizes=(9,), n_epochs=1, random_state=0).fit(X)
    with pytest.raises(ValueError, match=r"^kl_per_unit: .*MCEM has no encoder"):
        Evaluator(model).kl_per_unit(X)
    assert Evaluator(model).column_quality(X).shape == (D,)


# ----------------------------------------------------------------------------------------- columns
def expected_quality(likelihood, x, mean):
    """Scores of one column by scikit-learn."""
    support = SUPPORTS[likelihood]
    if support == "real":
        return r2_score(x, mean)
    if support in ("counts", "positive"):  # Poisson's and the gamma distribution's deviance
        return d2_tweedie_score(x, mean, power=1 if support == "counts" else 2)

    def loss(means):  # of a grey level: a 1 with the weight x, and a 0 with the weight 1 - x
        both = np.repeat([1, 0], len(x))
        weights, twice = np.concatenate([x, 1 - x]), np.tile(means, 2)
        return log_loss(both, twice, sample_weight=weights)

    perfect = loss(x)
    return 1 - (loss(mean) - perfect) / (loss(np.full(len(x), x.mean())) - perfect)


@pytest.mark.parametrize(("container", "together"), [(np.asarray, 1), (sp.csr_matrix, 1 << 20)])
def test_column_quality_is_scikit_learns(case, container, together, monkeypatch):
    monkeypatch.setattr(quality, "_BLOCK_VALUES", together)
    model, X = case
    got = Evaluator(model).column_quality(container(X))
    means = np.float64(model.reconstruct(X))
    expected = [
        expected_quality(model.likelihood_, np.float64(X[:, d]), means[:, d]) for d in range(D)
    ]
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("support", DEVIANCES)
def test_perfect_mean_and_constant_columns(support):
    x = np.array([[0.0, 0.1, 1.0], [1.0, 0.1, 0.0], [1.0, 0.1, 1.0]])
    means = np.float32(np.stack([x[:, 0], x[:, 1] + 0.1, np.full(3, x[:, 2].mean())], axis=1))
    got = explained(lambda: iter([(slice(0, 3), x)]), means, [support] * 3)
    np.testing.assert_allclose(got, [1, np.nan, 0], atol=1e-6)


def test_a_mean_that_is_certain_and_wrong_is_finite():
    x, means = np.array([[0.0], [1.0]]), np.float32([[1], [0]])
    for support in ("unit-interval", "counts"):
        share = explained(lambda: iter([(slice(0, 2), x)]), means, [support])
        assert -1000 < share[0] < -1


def test_columns_may_have_supports_of_their_own():
    x = np.random.default_rng(0).integers(0, 2, size=(9, 3)).astype(float)
    means = np.random.default_rng(1).random((9, 3), dtype=np.float32)
    supports = ["counts", "real", "unit-interval"]

    def quality_of(supports):
        return explained(lambda: iter([(slice(0, 9), x)]), means, supports)

    alone = [quality_of([support] * 3)[i] for i, support in enumerate(supports)]
    assert quality_of(supports).tolist() == alone


def test_columns_are_what_the_model_reads():
    """Pixels times their scale, and ones where a threshold makes them."""
    X = np.random.default_rng(0).integers(0, 256, size=(N, D)).astype(np.uint8)
    grey = AEVB(J, **SETTINGS, likelihood="bernoulli").fit(X)
    binary = AEVB(J, **SETTINGS, binarize="threshold").fit(X)
    scaled = np.float64(X.astype(np.float32) * np.float32(1 / 255))
    for model, x in ((grey, scaled), (binary, np.float64(scaled > 0.5))):
        means = model._engine.decode(model.transform(X), n_threads=1)
        share = explained(lambda x=x: iter([(slice(0, N), x)]), means, ["unit-interval"] * D)
        np.testing.assert_allclose(Evaluator(model).column_quality(X), share, rtol=1e-4)


def test_quality_of_columns_of_several_kinds():
    """Each has the deviance of its own likelihood, wherever the model keeps it."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=300)
    frame = pd.DataFrame(
        {
            "count": rng.poisson(np.exp(1 + z)),
            "city": np.where(z > 0.5, "Rome", np.where(z > -0.5, "Paris", "Oslo")),
            "number": 5 * z,
            "yes": z > 0,
            "size": pd.Categorical(np.where(z > 0.2, "L", "S"), ["S", "L"], ordered=True),
            "one": "same",
        }
    )
    frame = frame.astype({"yes": "boolean", "count": "Int64"}).mask(rng.random((300, 6)) < 0.2)
    settings = SETTINGS | {"n_epochs": 20}
    model = AEVB(J, likelihood={"count": "poisson"}, **settings).fit(frame)
    got = dict(zip(frame, Evaluator(model).column_quality(frame), strict=True))
    means = model._engine.decode(model.transform(frame), n_threads=1)
    places = dict(zip(frame, model._engine.units.places, strict=True))

    def of_numbers(name, likelihood):
        known = frame[name].notna().to_numpy()
        mean = np.float64(means[known, places[name]])
        if name == "number":
            mean = mean / model.columns_[2].scale + model.columns_[2].location
        return expected_quality(likelihood, frame[name][known].to_numpy(float), mean)

    def of_levels(name, levels):
        known = frame[name].notna().to_numpy()
        values = frame[name][known].astype(str)
        own = places[name] + values.map(levels.index).to_numpy(int)
        lost = -np.log(np.float64(means[known, own])).sum()
        return 1 + lost / np.log(values.map(values.value_counts(normalize=True))).sum()

    assert got["count"] == pytest.approx(of_numbers("count", "poisson"), rel=1e-6)
    assert got["number"] == pytest.approx(of_numbers("number", "gaussian"), rel=1e-6)
    assert got["yes"] == pytest.approx(of_numbers("yes", "bernoulli"), rel=1e-6)
    assert got["city"] == pytest.approx(of_levels("city", ["Oslo", "Paris", "Rome"]), rel=1e-6)
    assert got["size"] == pytest.approx(of_levels("size", ["S", "L"]), rel=1e-6)
    assert np.isnan(got["one"])
    assert got["city"] > 0.01


def test_levels_that_are_impossible_and_observed_are_finite():
    codes, never = np.array([0.0, 1.0, np.nan]), np.float32([[0, 1], [0.5, 0.5], [1, 0]])
    assert -1000 < explained_levels(codes, never) < -1
    perfect = np.float32([[1, 0], [0, 1], [0, 1]])
    assert explained_levels(codes, perfect) == 1
    assert np.isnan(explained_levels(np.array([np.nan]), perfect[:1]))


def test_missing_values_of_binarised_columns_do_not_count():
    X = np.random.default_rng(0).random((N, D))
    both = np.concatenate([X, np.full((N, D), np.nan)])
    evaluator = Evaluator(AEVB(J, **SETTINGS, binarize="threshold").fit(both))
    got = evaluator.column_quality(both)
    np.testing.assert_allclose(got, evaluator.column_quality(X), rtol=1e-6)


def test_threads_are_the_evaluators(case, monkeypatch):
    model, X = case
    asked, read = [], type(model)._reconstructions

    def means(self, rows):
        asked.append(self.n_threads)
        return read(self, rows)

    monkeypatch.setattr(type(model), "_reconstructions", means)
    Evaluator(model, n_threads=2).column_quality(X)
    Evaluator(model).column_quality(X)
    assert asked == [2, model.n_threads]
