"""The estimator's interface: shape, type and determinism of every method, and that it learns."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from likelihoods import twin
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from aevb import AEVB

pytestmark = [  # most fits are short
    pytest.mark.filterwarnings("ignore:the bound still rose"),
    pytest.mark.filterwarnings("ignore:all latent units have collapsed"),
]

LIKELIHOODS = ["bernoulli", "gaussian", "bounded-gaussian"]
EPS = np.finfo(np.float32).eps
ACTIVATIONS = {  # all are 1-Lipschitz, as `dense` requires
    "tanh": np.tanh,
    "relu": lambda a: np.maximum(a, 0),
    "softplus": lambda a: np.logaddexp(0, a),
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    "identity": lambda a: a,
}


@pytest.fixture(scope="module", name="X")
def data():
    return (load_digits().data[:90] / 16).astype(np.float32)


def small(**changes):
    settings = {"n_components": 3, "hidden_layer_sizes": (16,), "n_epochs": 2, "batch_size": 20}
    settings |= {"scale": "none"}
    return AEVB.published(**{**settings, "random_state": 0, **changes})


def weight_bytes(model):
    return {name: weight.tobytes() for name, weight in model.weights_.items()}


def dense(h, error, weight, bias, activation):
    """One layer in float64, and a bound on the float32 error up to here.

    A sum of k products and a bias loses at most (k + 2) eps of the sum of their sizes. The error of
    the input passes through |weight|. The activation may add eight ulp.
    """
    weight, bias = weight.astype(float), bias.astype(float)
    size = np.abs(h) @ np.abs(weight) + np.abs(bias)
    error = error @ np.abs(weight) + (len(weight) + 2) * EPS * size
    out = ACTIVATIONS[activation](h @ weight + bias)
    return out, error + 8 * EPS * (1 + np.abs(out))


def run_layers(model, h, prefix, head, last):
    """The encoder's or the decoder's `head` in float64, with its error bound."""
    weights, error = model.weights_, np.zeros(np.shape(h))
    h = np.asarray(h, float)
    for layer in range(len(model.hidden_layer_sizes)):
        name = f"{prefix}.hidden{layer}"
        h, error = dense(
            h, error, weights[f"{name}.weight"], weights[f"{name}.bias"], model.activation
        )
    name = f"{prefix}.{head}"
    return dense(h, error, weights[f"{name}.weight"], weights[f"{name}.bias"], last)


def expected_shapes(n_visible, hidden, n_latent, likelihood):
    heads = ["logits"] if likelihood == "bernoulli" else ["mean", "log_var"]
    sizes = {}
    widths = [n_visible, *hidden]
    for i in range(len(hidden)):
        sizes[f"encoder.hidden{i}"] = (widths[i], widths[i + 1])
    sizes["encoder.mean"] = sizes["encoder.log_var"] = (widths[-1], n_latent)
    widths = [n_latent, *hidden[::-1]]
    for i in range(len(hidden)):
        sizes[f"decoder.hidden{i}"] = (widths[i], widths[i + 1])
    for head in heads:
        sizes[f"decoder.{head}"] = (widths[-1], n_visible)
    shapes = {f"{name}.weight": shape for name, shape in sizes.items()}
    return shapes | {f"{name}.bias": shape[1:] for name, shape in sizes.items()}


@pytest.mark.parametrize("hidden", [(16,), (12, 7), [9, 5, 6]])
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_shapes_and_types(X, likelihood, hidden):
    model = small(likelihood=likelihood, hidden_layer_sizes=hidden)
    assert model.fit(X) is model
    n, d = X.shape
    shapes = {name: weight.shape for name, weight in model.weights_.items()}
    assert shapes == expected_shapes(d, list(hidden), 3, likelihood)
    assert {weight.dtype for weight in model.weights_.values()} == {np.dtype(np.float32)}

    Z = model.transform(X)
    for result, shape in [
        (Z, (n, 3)),
        (model.inverse_transform(Z), (n, d)),
        (model.reconstruct(X), (n, d)),
        (model.sample(5), (5, d)),
        (model.sample(), (1, d)),
        (model.fit_transform(X), (n, 3)),
    ]:
        assert result.shape == shape
        assert result.dtype == np.float32
        assert np.isfinite(result).all()
    bound = model.score_samples(X)
    assert bound.shape == (n,)
    assert bound.dtype == np.float64
    score = model.score(X)
    assert isinstance(score, float)
    assert score == pytest.approx(bound.mean(), rel=1e-12)
    assert model.score(X, np.zeros(n)) == score

    assert (model.n_features_in_, model.likelihood_) == (d, likelihood)
    assert model.columns_ == [(f"x{i}", likelihood, 0.0, 1.0, ()) for i in range(d)]
    assert model.n_samples_seen_ == 2 * n
    assert model.n_steps_ == 10
    history = model.history_
    assert set(history) == {
        "samples_seen",
        "train_bound",
        "validation_bound",
        "held_out",
        "seconds",
    }
    assert list(history["samples_seen"]) == [n, 2 * n]
    assert np.isfinite(history["train_bound"]).all()
    assert len(history["train_bound"]) == 2
    assert np.isnan(history["validation_bound"]).all()
    assert len(history["validation_bound"]) == 2
    assert len(history["seconds"]) == 2
    assert min(history["seconds"]) >= 0


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("activation", ["tanh", "relu", "softplus", "sigmoid"])
def test_encoder_and_decoder_against_numpy(X, activation, likelihood):
    model = small(activation=activation, likelihood=likelihood, hidden_layer_sizes=(12, 7)).fit(X)
    Z, error = run_layers(model, X, "encoder", "mean", "identity")
    assert (np.abs(model.transform(X) - Z) <= error).all()
    Z = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    head = "logits" if likelihood == "bernoulli" else "mean"
    last = "identity" if likelihood == "gaussian" else "sigmoid"
    mean, error = run_layers(model, Z, "decoder", head, last)
    assert (np.abs(model.inverse_transform(Z) - mean) <= error).all()
    assert np.array_equal(model.reconstruct(X), model.inverse_transform(model.transform(X)))


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_sample_has_the_decoders_law(X, likelihood):
    """With a decoder that ignores z, the distribution of x is known, and so are its moments."""
    model = small(likelihood=likelihood).fit(X)
    weights = model.weights_
    raw = np.linspace(-1.5, 1.5, X.shape[1]).astype(np.float32)
    own = twin(likelihood)
    for output in own.OUTPUTS:
        weights[f"decoder.{output}.weight"][:] = 0
        weights[f"decoder.{output}.bias"][:] = raw
    model.set_weights(weights)
    n, draws = 20_000, model.sample(20_000, random_state=3).astype(float)
    outputs = [raw.astype(float)] * len(own.OUTPUTS)
    mean, variance = own.mean(outputs), own.variance(outputs)
    kurtosis = None if likelihood == "bernoulli" else 3
    if likelihood == "bernoulli":
        assert set(np.unique(draws)) == {0.0, 1.0}
    # Five standard errors over 64 columns. The seed is fixed, so the result is always the same.
    assert (np.abs(draws.mean(0) - mean) < 5 * np.sqrt(variance / n)).all()
    if kurtosis is not None:
        assert (np.abs(draws.var(0) - variance) < 5 * variance * np.sqrt((kurtosis - 1) / n)).all()
    off_diagonal = np.corrcoef(draws.T) - np.eye(X.shape[1])
    assert np.abs(off_diagonal).max() < 6 / np.sqrt(n)  # pixels do not share their noise


def test_sample_depends_on_random_state_only(X):
    model = small().fit(X)
    first = model.sample(30, random_state=1)
    assert np.array_equal(first, model.sample(30, random_state=1))
    assert not np.array_equal(first, model.sample(30, random_state=2))
    assert len(np.unique(first, axis=0)) > 1


@pytest.mark.parametrize("random_state", [7, "RandomState"])
def test_same_seed_same_model(X, random_state):
    def seed():
        return np.random.RandomState(7) if random_state == "RandomState" else random_state

    one, two = small(random_state=seed()).fit(X), small(random_state=seed()).fit(X)
    assert weight_bytes(one) == weight_bytes(two)
    assert one.score_samples(X).tobytes() == two.score_samples(X).tobytes()
    assert one.history_["train_bound"] == two.history_["train_bound"]
    assert one.transform(X).tobytes() == one.transform(X).tobytes()
    assert one.score_samples(X).tobytes() == one.score_samples(X).tobytes()


def test_other_seeds_other_models(X):
    models = [small(random_state=seed).fit(X) for seed in (0, 1, None, None)]
    assert len({weight_bytes(model)["encoder.mean.weight"] for model in models}) == 4


def test_refit_starts_afresh(X):
    model = small().fit(X)
    first = weight_bytes(model)
    assert weight_bytes(model.fit(X)) == first
    assert model.n_samples_seen_ == 2 * len(X)
    assert model.fit(X[:, :30]).n_features_in_ == 30


@pytest.mark.parametrize(
    ("likelihood", "optimizer", "rate"),
    [
        ("bernoulli", "sgd", 0.01),
        ("bernoulli", "adagrad", 0.05),
        ("gaussian", "sgd", 0.01),
        ("gaussian", "adam", 0.005),
        ("bounded-gaussian", "adam", 0.005),
    ],
)
def test_learning_improves_the_bound_on_digits(likelihood, optimizer, rate):
    X = load_digits().data / 16
    rate = rate / 10 if likelihood != "bernoulli" and optimizer == "sgd" else rate
    model = AEVB.published(
        8, hidden_layer_sizes=(64,), likelihood=likelihood, optimizer=optimizer, random_state=0
    )
    model.set_params(scale="none")
    model.set_params(learning_rate=rate, n_epochs=60).fit(X[:1500])
    bounds = model.history_["train_bound"]
    assert bounds[-1] > bounds[2] > bounds[0]
    # On held-out rows, it beats the best model with independent pixels, which needs no code z.
    train, test = X[:1500], X[1500:]
    if likelihood == "bernoulli":
        p = np.clip(train.mean(0), 1e-3, 1 - 1e-3)
        independent = (test * np.log(p) + (1 - test) * np.log1p(-p)).sum(1).mean()
    else:  # one variance for all pixels: for a pixel that never varies, its own would be unbounded
        var = train.var()
        independent = -0.5 * (np.log(2 * np.pi * var) + (test - train.mean()) ** 2 / var)
        independent = independent.sum(1).mean()
    assert model.score(test) > independent


@pytest.mark.parametrize("bound_estimator", ["analytic-kl", "monte-carlo", "score-function"])
def test_every_bound_estimator_trains(X, bound_estimator):
    model = small(bound_estimator=bound_estimator, n_draws=2, n_epochs=30).fit(X)
    assert model.history_["train_bound"][-1] > model.history_["train_bound"][0]


@pytest.mark.parametrize("bound_estimator", ["analytic-kl", "monte-carlo"])
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_gradient_points_uphill(X, likelihood, bound_estimator):
    """Along the gradient, the bound's slope is its squared length (step: one nat either way)."""
    model = small(likelihood=likelihood, bound_estimator=bound_estimator, n_draws=2).fit(X)
    weights = model.weights_
    noise = np.random.default_rng(1).normal(size=(2, len(X), 3)).astype(np.float32)
    before = weight_bytes(model)
    bound, gradient = model.bound_and_gradient(X, noise)
    assert weight_bytes(model) == before
    assert bound.shape == (len(X),)
    assert {k: g.shape for k, g in gradient.items()} == {k: w.shape for k, w in weights.items()}
    square = sum((g.astype(float) ** 2).sum() for g in gradient.values())
    ends = []
    for step in (1 / square, -1 / square):
        moved = {k: (w + step * gradient[k]).astype(np.float32) for k, w in weights.items()}
        model.set_weights(moved)
        ends.append(model.bound_and_gradient(X, noise)[0].astype(float).sum())
    assert ends[0] - ends[1] == pytest.approx(2, rel=0.01)


def test_partial_fit_is_one_epoch(X):
    """Without a prior it is the next epoch of fit. (A prior's weight falls as a stream grows.)"""
    once, first = small(n_epochs=1).fit(X), small().partial_fit(X)
    assert weight_bytes(once) == weight_bytes(first)
    streamed, fitted = small(weight_decay=0), small(n_epochs=3, weight_decay=0).fit(X)
    for epoch in range(1, 4):
        assert streamed.partial_fit(X) is streamed
        assert streamed.n_samples_seen_ == epoch * len(X)
        assert streamed.n_steps_ == 5 * epoch
    assert weight_bytes(streamed) == weight_bytes(fitted)
    assert streamed.history_["train_bound"] == fitted.history_["train_bound"]


def test_partial_fit_over_chunks(X):
    model = small(learning_rate=0.05)
    first = model.partial_fit(X[:30]).score(X)
    for _ in range(20):
        for chunk in np.array_split(X, 4):
            model.partial_fit(chunk)
    assert model.n_samples_seen_ == 30 + 20 * len(X)
    assert model.score(X) > first


def test_warm_start_goes_on(X):
    warm, once = small(warm_start=True), small(n_epochs=4).fit(X)
    first = weight_bytes(warm.fit(X))
    assert weight_bytes(warm.fit(X)) == weight_bytes(once) != first
    assert warm.n_samples_seen_ == once.n_samples_seen_ == 4 * len(X)
    assert list(warm.history_["samples_seen"]) == list(once.history_["samples_seen"])
    assert weight_bytes(warm.set_params(warm_start=False).fit(X)) == first


def test_validation_rows_are_held_out(X):
    model = small(early_stopping=True, validation_fraction=0.2, n_epochs=3).fit(X)
    assert model.n_samples_seen_ == 3 * 72
    assert np.isfinite(model.history_["validation_bound"]).all()
    assert len(model.history_["validation_bound"]) == 3
    assert weight_bytes(model) != weight_bytes(small(n_epochs=3).fit(X))


def test_patience_stops_a_fit_that_stands_still(X):
    """A step of 1e-30 is lost in rounding, so the weights never move and nothing improves."""
    still = {"optimizer": "sgd", "learning_rate": 1e-30, "early_stopping": True, "n_epochs": 60}
    model = small(**still, patience=3).fit(X)
    assert 3 < len(model.history_["train_bound"]) < 60
    assert len(small(**still).fit(X).history_["train_bound"]) == 60


def test_set_weights_round_trip(X):
    one, two = small().fit(X), small(random_state=5).fit(X)
    two.set_weights(one.weights_)
    assert weight_bytes(one) == weight_bytes(two)
    assert one.transform(X).tobytes() == two.transform(X).tobytes()


def test_weights_are_copies(X):
    model = small().fit(X)
    before = model.transform(X)
    for weight in model.weights_.values():
        weight[:] = 7
    assert model.transform(X).tobytes() == before.tobytes()


@pytest.mark.parametrize("name", ["encoder.hidden0.weight", "decoder.logits.bias"])
@pytest.mark.parametrize("damage", ["shape", "transpose", "nan", "inf", "text"])
def test_set_weights_names_what_is_wrong_and_changes_nothing(X, name, damage):
    model = small().fit(X)
    before = weight_bytes(model)
    weights = {key: weight + 1 for key, weight in model.weights_.items()}
    weights[name] = {
        "shape": weights[name][:-1],
        "transpose": weights[name][None].T,
        "nan": np.where(weights[name] == weights[name].max(), np.nan, weights[name]),
        "inf": np.full_like(weights[name], np.inf),
        "text": np.full(weights[name].shape, "a"),
    }[damage]
    with pytest.raises((ValueError, TypeError), match=name):
        model.set_weights(weights)
    assert weight_bytes(model) == before


def test_set_weights_rejects_unknown_names_and_other_types(X):
    model = small().fit(X)
    before = weight_bytes(model)
    changed = {key: weight + 1 for key, weight in model.weights_.items()}
    with pytest.raises(ValueError, match=r"decoder\.nonsense"):
        model.set_weights(changed | {"decoder.nonsense": np.zeros(3, np.float32)})
    with pytest.raises((TypeError, ValueError), match="weights"):
        model.set_weights(list(model.weights_.values()))
    assert weight_bytes(model) == before


@pytest.mark.parametrize(
    "call",
    [
        lambda model, X: model.transform(X),
        lambda model, X: model.inverse_transform(X[:, :3]),
        lambda model, X: model.reconstruct(X),
        lambda model, X: model.sample(),
        lambda model, X: model.score_samples(X),
        lambda model, X: model.score(X),
        lambda model, X: model.bound_and_gradient(X),
        lambda model, X: model.set_weights({}),
        lambda model, X: model.get_feature_names_out(),
    ],
)
def test_unfitted_is_said(X, call):
    with pytest.raises(NotFittedError):
        call(small(), X)
    with pytest.raises(AttributeError):
        _ = small().weights_


def test_feature_names_out_and_pandas(X):
    names = [f"pixel{i}" for i in range(X.shape[1])]
    frame = pd.DataFrame(X, columns=names, index=np.arange(len(X)) * 2)
    model = small().set_output(transform="pandas").fit(frame)
    assert list(model.get_feature_names_out()) == ["aevb0", "aevb1", "aevb2"]
    assert list(model.feature_names_in_) == names
    out = model.transform(frame)
    assert isinstance(out, pd.DataFrame)
    assert list(out.columns) == ["aevb0", "aevb1", "aevb2"]
    assert list(out.index) == list(frame.index)
    assert out.to_numpy().tobytes() == small().fit(X).transform(X).tobytes()


def test_grid_search_over_a_pipeline():
    digits = load_digits()
    X, y = digits.data[:300], digits.target[:300]
    pipeline = make_pipeline(MinMaxScaler(clip=True), small(n_epochs=5))
    grid = {"aevb__n_components": np.array([1, 4]), "aevb__learning_rate": np.array([1e-4, 0.05])}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(X)
    scores = search.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    assert search.best_params_["aevb__learning_rate"] == 0.05
    assert search.transform(X).shape == (300, search.best_params_["aevb__n_components"])
    encode = small(n_components=8, n_epochs=60, learning_rate=0.05)
    classify = make_pipeline(MinMaxScaler(clip=True), encode, KNeighborsClassifier())
    assert classify.fit(X[:200], y[:200]).score(X[200:], y[200:]) > 0.5  # chance gives 0.1


@pytest.mark.parametrize("random_state", [0, None, "RandomState"])
@pytest.mark.parametrize("optimizer", ["sgd", "adagrad", "adam"])
@pytest.mark.parametrize("copier", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_go_on_as_the_original(X, copier, optimizer, random_state):
    if random_state == "RandomState":
        random_state = np.random.RandomState(3)
    model = small(optimizer=optimizer, learning_rate=0.005, random_state=random_state).fit(X)
    twin = copier(model)
    for _ in range(2):
        assert weight_bytes(twin) == weight_bytes(model)
        assert twin.transform(X).tobytes() == model.transform(X).tobytes()
        assert twin.score_samples(X).tobytes() == model.score_samples(X).tobytes()
        assert twin.history_["train_bound"] == model.history_["train_bound"]
        before = weight_bytes(model)
        twin.partial_fit(X)
        assert weight_bytes(model) == before  # the copy shares nothing with the original
        model.partial_fit(X)


def test_clone_is_unfitted_and_fits_the_same(X):
    model = small().fit(X)
    twin = clone(model)
    assert twin.get_params() == model.get_params()
    assert not hasattr(twin, "n_features_in_")
    assert weight_bytes(twin.fit(X)) == weight_bytes(model)


def test_quiet_by_default(X, capfd):
    small().fit(X).score(X)
    assert capfd.readouterr() == ("", "")
