"""What an estimator keeps, drops and passes on: between fits, in pickles, to the core."""

import copy
import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import aevb
from aevb import AEVB, MCEM, Evaluator, Trainer, WakeSleep, _core, exceptions
from aevb.core import engine as core_engine
from aevb.core import threads
from aevb.data.checks import check_scores

pytestmark = pytest.mark.filterwarnings("ignore:all latent units have collapsed")  # short fits

N, D = 30, 5
X = np.random.default_rng(0).random((N, D), dtype=np.float32)
SMALL = {"hidden_layer_sizes": (4,), "n_epochs": 1, "batch_size": 10, "random_state": 0}
KINDS = {"AEVB": AEVB, "WakeSleep": WakeSleep, "MCEM": MCEM}
kinds = pytest.mark.parametrize("kind", KINDS)


def small(kind="AEVB", **changes):
    return KINDS[kind].published(2, **SMALL | changes)


def whole_state(model):
    """Everything that the core keeps, with arrays as bytes."""
    state = model._engine.state()
    for arena in core_engine.ARENAS:
        state[arena] = {name: array.tobytes() for name, array in state[arena].items()}
    return state | {"units": [np.asarray(unit).tobytes() for unit in state["units"]]}


# ------------------------------------------------------------------------------- from fit to fit
def test_a_new_fit_gives_up_what_it_does_not_have():
    model = small(n_epochs=10, learning_rate="auto").fit(pd.DataFrame(X, columns=list("abcde")))
    model.note, model._private_, model.lucky = "mine", 7, 13
    assert list(model.feature_names_in_) == list("abcde")
    assert set(model.learning_rate_trials_) == {0.01, 0.02, 0.1}
    model.set_params(learning_rate=0.02, n_epochs=1).fit(X)
    for stale in ("feature_names_in_", "learning_rate_trials_"):
        assert not hasattr(model, stale)
    assert vars(model).keys() == vars(small().fit(X)).keys() | {"note", "_private_", "lucky"}
    assert (model.note, model._private_, model.lucky) == ("mine", 7, 13)
    model.fit(X[:, :3])
    assert model.n_features_in_ == 3


@kinds
def test_the_first_training_is_of_the_same_kind_however_it_begins(kind):
    """A model that is not fitted has nothing to continue from."""
    models = [small(kind).fit(X), small(kind, warm_start=True).fit(X), small(kind).partial_fit(X)]
    first, *others = map(whole_state, models)
    for other in others:
        assert {**other, "seconds": 0} == {**first, "seconds": 0}


@kinds
def test_partial_fit_holds_nothing_out_and_leaves_the_parameters(kind):
    model = small(kind, early_stopping=True, patience=3, n_epochs=4)
    params = model.get_params()
    model.partial_fit(X)
    assert (model.n_samples_seen_, model.n_steps_) == (N, 3)
    assert np.isnan(model.history_["validation_bound"]).all()
    assert model.get_params() == params
    model.partial_fit(X[:7])
    assert (model.n_samples_seen_, model.n_steps_) == (N + 7, 4)
    assert model.history_["samples_seen"] == [N, N + 7]


@kinds
def test_the_prior_in_a_stream_counts_all_rows_seen(kind):
    """A minibatch with the prior and one without differ by learning_rate * weight_decay / N * w."""
    options = {"optimizer": "sgd", "learning_rate": 0.02, "init_scale": 0.5, "batch_size": N}
    options |= {"n_updates": 1} if kind == "MCEM" else {}
    start = small(kind, weight_decay=0.0, **options)
    for n_seen in (0, N, N + 20):
        before = None if n_seen == 0 else start.weights_
        twins = [copy.deepcopy(start).set_params(weight_decay=decay) for decay in (0.0, 200.0)]
        free, held = (twin.partial_fit(X[:20]).weights_ for twin in twins)
        if before is None:  # the initial weights
            before = small(kind, **options).set_params(learning_rate=1e-30).fit(X[:20]).weights_
        for name, w in before.items():
            if kind == "WakeSleep" and name.startswith("encoder"):
                continue  # the encoder learns from another decoder's draws
            pull = 0.02 * 200.0 / (n_seen + 20) * w * name.endswith("weight")
            rounding = 4 * np.finfo(np.float32).eps * (1 + np.abs(free[name]).max())
            np.testing.assert_allclose(free[name] - held[name], pull, rtol=1e-4, atol=rounding)
        start.partial_fit(X if n_seen == 0 else X[:20])


# --------------------------------------------------------------------------------------- copies
COPIES = {
    "pickle": lambda model, path: pickle.loads(pickle.dumps(model)),
    "joblib": lambda model, path: (joblib.dump(model, path), joblib.load(path))[1],
    "deepcopy": lambda model, path: copy.deepcopy(model),
    "save": lambda model, path: (model.save(path), type(model).load(path))[1],
}


@pytest.mark.parametrize("optimizer", ["sgd", "adagrad", "adam"])
@pytest.mark.parametrize("how", COPIES)
@kinds
def test_copies_have_all_of_the_core_s_state(kind, how, optimizer, tmp_path):
    """This includes a copy during an epoch, when the sum of its bounds has begun."""
    model = small(kind, optimizer=optimizer, batch_size=7, learning_rate=0.01)
    trainer = Trainer(model, X).step(3)
    state = whole_state(trainer.model)
    assert (state["n_steps"], state["n_samples_seen"]) == (3, 21)
    assert state["bound_sum"] != 0 != state["seconds"]
    n_states = {"sgd": 0, "adagrad": 1, "adam": 2}[optimizer]
    assert [bool(state[arena]) for arena in ("state1", "state2")] == [n_states > 0, n_states > 1]
    other = COPIES[how](model, tmp_path / "m")
    assert whole_state(other) == state
    assert other.history_ == model.history_
    assert whole_state(clone(model).fit(X)) != state


@pytest.mark.parametrize(
    "name", ["config", "units", "n_steps", "n_samples_seen", "bound_sum", "seconds"]
)
def test_each_part_of_a_pickle_is_needed_and_goes_where_it_belongs(name):
    state = small().fit(X)._engine.state()
    numbers = {"n_steps": 5, "n_samples_seen": 6, "bound_sum": 7.5, "seconds": 8.5}
    engine = core_engine.unpickle_engine(state | numbers, core_engine.PICKLE_FORMAT)
    assert {name: getattr(engine, name) for name in numbers} == numbers
    del state[name]
    with pytest.raises(ValueError, match=f"^pickle: the core's state is damaged: '{name}'"):
        core_engine.unpickle_engine(state, core_engine.PICKLE_FORMAT)


def test_a_pickle_of_no_known_version_is_warned_of():
    model = small()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.__setstate__(model.__getstate__())
    state = {k: v for k, v in model.__getstate__().items() if k != "_aevb_version"}
    for text, given in (
        ("an unknown version", state),
        (r"0\.0\.1", state | {"_aevb_version": "0.0.1"}),
    ):
        kept = dict(given)
        with pytest.warns(
            exceptions.InconsistentVersionWarning, match=f"this AEVB .* aevb {text} "
        ):
            model.__setstate__(given)
        assert given == kept
        assert "_aevb_version" not in vars(model)


# ----------------------------------------------------------------------------- scores and noise
@pytest.mark.parametrize("kind", ["AEVB", "WakeSleep"])
def test_scores_and_gradients_have_one_noise(kind):
    """It is the noise of the model's own seed and draws. Other noise gives other values."""
    model = small(kind, n_draws=3, init_scale=0.5).fit(X)
    scores = model.score_samples(X)
    assert scores.tobytes() == Evaluator(model).bound(X, n_draws=3).per_row.tobytes()
    assert (scores != Evaluator(model).bound(X, n_draws=1).per_row).any()
    bound, gradient = model.bound_and_gradient(X)
    np.testing.assert_allclose(bound, scores, rtol=1e-5)
    zero = model.bound_and_gradient(X, np.zeros((3, N, 2)))[0]
    assert (np.abs(zero - scores) > 1e-3 * np.abs(scores)).mean() > 0.5
    # along the gradient, the slope of the summed scores is its squared length
    weights, square = model.weights_, sum((g.astype(float) ** 2).sum() for g in gradient.values())
    ends = []
    for step in (0.2 / square, -0.2 / square):
        model.set_weights({k: w + step * gradient[k].astype(float) for k, w in weights.items()})
        ends.append(model.score_samples(X).sum())
    assert ends[0] - ends[1] == pytest.approx(0.4, rel=0.02)


def test_the_score_is_the_mean_of_scores():
    model = small().fit(X)
    assert model.score(X) == float(np.mean(model.score_samples(X)))
    assert model.score(X[:1]) == model.score_samples(X[:1])[0]


def test_scores_that_are_no_numbers_name_the_first_such_row():
    good = np.array([1.0, -np.inf, -3.0])
    assert check_scores("X", good) is good
    for row in range(3):
        bad = good.copy()
        bad[row:] = np.nan
        with pytest.raises(ValueError, match=f"^X: row {row} takes the network"):
            check_scores("X", bad)


OVERFLOWS = {
    "transform": (lambda m: m.transform(X), "X"),
    "reconstruct": (lambda m: m.reconstruct(X), "X"),
    "inverse_transform": (lambda m: m.inverse_transform(X[:, :2]), "Z"),
    "sample": (lambda m: m.sample(3), "sample"),
    "score_samples": (lambda m: m.score_samples(X), "X"),
    "bound_and_gradient": (lambda m: m.bound_and_gradient(X), "X"),
}


@pytest.mark.parametrize(("call", "name"), OVERFLOWS.values(), ids=OVERFLOWS)
def test_a_network_that_overflows_names_what_led_to_it(call, name):
    model = small(likelihood="gaussian", activation="relu").fit(X)
    model.set_weights({k: np.full_like(w, 1e20) for k, w in model.weights_.items()})
    with pytest.raises(ValueError, match=rf"^{name}: (row 0 )?takes the network"):
        call(model)


def test_set_weights_wants_them_all_and_finite_and_real():
    model = small().fit(X)
    weights, before = model.weights_, whole_state(model)
    for name, w in weights.items():
        without = {k: v for k, v in weights.items() if k != name}
        with pytest.raises(ValueError, match=rf"^weights: got none for \['{name}'\], want all"):
            model.set_weights(without)
        for wrong in (np.where(w == w.flat[-1], np.inf, w), np.full(w.shape, 1e39), w + 0j, w[:-1]):
            with pytest.raises(ValueError, match=name):
                model.set_weights(weights | {name: wrong})
    with pytest.raises(ValueError, match=r"^weights: got the unknown names \[\"'x'\", '3'\]"):
        model.set_weights(weights | {"x": 1, 3: 1})
    assert whole_state(model) == before
    assert model.set_weights({k: w.astype(float).tolist() for k, w in weights.items()}) is model
    assert whole_state(model) == before


# ------------------------------------------------------------------------------ threads and BLAS
def test_the_number_of_threads(monkeypatch):
    for asked, given in [
        (1, 1),
        (3, 3),
        (1023, 1023),
        (1024, 1024),
        (1025, 1024),
        (2**31 - 1, 1024),
    ]:
        assert threads.resolve_threads(asked) == given
    assert 1 <= threads.resolve_threads(None) <= joblib.cpu_count()
    for cores, limit, want in [(7, 5, 5), (5, 7, 5), (0, 7, 1), (7, 0, 1)]:
        monkeypatch.setattr(threads, "_usable_cores", lambda affinity, n=cores: n)
        monkeypatch.setattr(_core, "max_threads", lambda n=limit: n)
        assert threads.resolve_threads(None) == want
    for wrong in (0, -1, 1.5, True, "2", 2**31):
        with pytest.raises((TypeError, ValueError), match=r"^n_threads: got "):
            threads.resolve_threads(wrong)
    monkeypatch.setattr(threads, "_forked", True)  # OpenMP's threads do not survive
    assert [threads.resolve_threads(n) for n in (None, 1, 8)] == [1, 1, 1]
    with pytest.raises(ValueError, match="n_threads"):
        threads.resolve_threads(0)


def test_a_divergence_is_told_with_its_step_and_rate():
    error = exceptions.DivergenceError(7, 0.25)
    assert (error.step, error.learning_rate) == (7, 0.25)
    assert "after step 7; try a learning_rate smaller than 0.25, or scale" in str(error)
    twin = pickle.loads(pickle.dumps(error))
    assert (str(twin), twin.step) == (str(error), 7)
    assert issubclass(exceptions.InconsistentVersionWarning, UserWarning)


def test_an_unknown_name_of_the_package_is_an_attribute_error():
    assert aevb.plots.__name__ == "aevb.plots"
    with pytest.raises(AttributeError, match="module 'aevb' has no attribute 'nonsense'"):
        _ = aevb.nonsense
