"""Any value may be passed to any call: the result is of the right kind, or the error helps.

    pytest tests/test_face_properties.py --hypothesis-profile=long

makes more than 20 000 calls. Each run prints their number, which CALLS counts.
"""

import collections
import pickle
import re
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from strange import VALUES, data, values

from aevb import AEVB, MCEM, DivergenceError, Evaluator, Trainer, WakeSleep, sample_posterior

D, J = 4, 2
CALLS: collections.Counter = collections.Counter()  # calls by result
SMALL = {"n_components": J, "hidden_layer_sizes": (3,), "n_epochs": 1, "random_state": 0}
EM = {**SMALL, "n_draws": 3, "n_leapfrog": 2, "n_updates": 1}
# Warnings about what is no error, and scikit-learn's warnings about feature names.
HARMLESS = (
    "X does not have valid feature names", "X has feature names, but", "'hmc': of",
    "X: no value exceeds 1", "the bound still rose", "n_components=", "all latent units",
)  # fmt: skip

rng = np.random.default_rng(0)
UNIT, REAL = rng.random((9, D)), rng.standard_normal((9, D))
MODELS = {
    "bernoulli": AEVB.published(**SMALL, likelihood="bernoulli").fit(UNIT),
    "gaussian": AEVB.published(**SMALL, likelihood="gaussian", n_draws=2).fit(REAL),
    "bounded": AEVB.published(**SMALL, likelihood="bounded-gaussian", optimizer="adam").fit(UNIT),
    "dynamic": AEVB.published(**SMALL, binarize="dynamic").fit(UNIT),
    "threshold": AEVB.published(**SMALL, binarize="threshold").fit(REAL),
    "pixels": AEVB.published(**SMALL, likelihood="bernoulli").fit((255 * UNIT).astype(np.uint8)),
    "names": AEVB.published(**SMALL).fit(pd.DataFrame(UNIT, columns=list("abcd"))),
    "wake-sleep": WakeSleep.published(**SMALL).fit(REAL),
    "mcem": MCEM.published(**EM, likelihood="bernoulli").fit(UNIT),
}
models = pytest.mark.parametrize("name", MODELS)


def state(model):
    """Everything that makes up a model."""
    params = [(name, id(value)) for name, value in model.get_params().items()]
    if model._state is None:
        return params, None
    fitted = {k: repr(v) for k, v in vars(model._state).items() if k != "engine"}
    return params, fitted, pickle.dumps(model._engine.state())


def helps(error):
    """Whether a caller may expect an error of this kind, and whether its message says something."""
    text = str(error)
    internal = ("incompatible function arguments", "Unable to cast", "vector::", "basic_string")
    expected = isinstance(error, (ValueError, TypeError)) or type(error) is DivergenceError
    return expected and len(text) > 12 and not any(word in text for word in internal)


def attempt(model, call, *, changes=False, about=None, also=()):
    """Return call()'s answer, or None after an error that helps and leaves the model unchanged."""
    before = state(model)
    answer, error = outcome(call)
    if error is None:
        CALLS["answers"] += 1
        assert changes or state(model) == before, "changed by a call that only reads"
        return answer
    CALLS["errors that help"] += 1
    if not isinstance(error, also):
        assert helps(error), repr(error)
        named = about is None or about in str(error) or type(error) is DivergenceError
        assert named, repr(error)
    assert state(model) == before, f"changed by the call that raised {error!r}"
    return None


def outcome(call):
    """Return (answer, None) or (None, error)."""
    with warnings.catch_warnings():
        for message in HARMLESS:
            warnings.filterwarnings("ignore", message)
        try:
            return call(), None
        except Exception as error:
            return None, error


def is_array(answer, shape, dtype):
    answer = answer.to_numpy() if isinstance(answer, pd.DataFrame) else answer
    assert type(answer) is np.ndarray
    assert (answer.shape, answer.dtype) == (shape, dtype)
    return True


READ = {
    "transform": lambda m, X: m.transform(X),
    "reconstruct": lambda m, X: m.reconstruct(X),
    "score_samples": lambda m, X: m.score_samples(X),
    "bound_and_gradient": lambda m, X: m.bound_and_gradient(X)[0],
    "bound": lambda m, X: Evaluator(m).bound(X, n_draws=2).per_row,
    "importance": lambda m, X: Evaluator(m).log_likelihood(X, n_draws=3).per_row,
    "ais": lambda m, X: (
        Evaluator(m).log_likelihood(X, "ais", n_draws=2, n_temperatures=3, n_leapfrog=2).per_row
    ),
    "hmc": lambda m, X: (
        Evaluator(m).log_likelihood(X, "hmc", n_draws=4, n_warmup=2, n_leapfrog=2).per_row
    ),
    "sample_posterior": lambda m, X: sample_posterior(m, X, 2, n_warmup=2, n_leapfrog=2).draws[0],
    "active_units": lambda m, X: Evaluator(m).active_units(X),
    "encode": lambda m, X: m.encode(X)[1],
    "kl_per_unit": lambda m, X: Evaluator(m).kl_per_unit(X),
    "column_quality": lambda m, X: Evaluator(m).column_quality(X),
    "score": lambda m, X: m.score(X),
}
ANSWERS = {
    "transform": ((J,), np.float32),
    "encode": ((J,), np.float32),
    "sample_posterior": ((J,), np.float32),
    "reconstruct": ((D,), None),
}


def type_of_x(model):
    """The type of values of x. A model of standardised columns needs float64 for large ones."""
    return np.float64 if model._state.scale == "standard" else np.float32


def read(model, method, X):
    if method in ("bound_and_gradient", "encode") and not hasattr(model, method):
        return None
    return attempt(model, lambda: READ[method](model, X))


@models
@given(given=data(D), method=st.sampled_from(sorted(READ)))
def test_reading(name, given, method):
    model = MODELS[name]
    answer = read(model, method, given.X)
    if answer is None:
        return
    if method == "score":
        assert type(answer) is float
    elif method == "active_units":
        is_array(answer, (J,), np.bool_)
    elif method in ("kl_per_unit", "column_quality"):
        is_array(answer, (J if method == "kl_per_unit" else D,), np.float64)
    else:
        columns, dtype = ANSWERS.get(method, ((), np.float64))
        is_array(answer, (np.shape(given.X)[0], *columns), dtype or type_of_x(model))
        # a density may be 0, and 'hmc' warns when it is poor
        assert np.isfinite(answer).all() if columns else method == "hmc" or np.all(answer < np.inf)
    if given.plain is not None:  # the container does not matter
        plain = read(model, method, given.plain)
        if name == "names" or plain is None:
            return
        np.testing.assert_array_equal(np.asarray(answer), plain)


@models
@given(given=data(J), other=values())
def test_from_z_to_x(name, given, other):
    model = MODELS[name]
    answer = attempt(model, lambda: model.inverse_transform(given.X))
    if answer is not None:
        is_array(answer, (np.shape(given.X)[0], D), type_of_x(model))
        assert np.isfinite(np.asarray(answer)).all()
    answer = attempt(model, lambda: model.sample(other), about="n_samples")
    if answer is not None:
        is_array(answer, (int(other), D), type_of_x(model))
    answer = attempt(model, lambda: model.sample(2, random_state=other), about="random_state")
    if answer is not None:
        is_array(answer, (2, D), type_of_x(model))


KINDS = {
    "AEVB": AEVB.published(**SMALL),
    "WakeSleep": WakeSleep.published(**SMALL),
    "MCEM": MCEM.published(**EM),
    "score-function": AEVB.published(
        **SMALL, bound_estimator="score-function", likelihood="gaussian"
    ),
}


def learn(model, how, X):
    if how == "trainer":
        return Trainer(model, X).step(2).model
    return getattr(model, how)(X)


def made_ready(model, how, X):
    """Whether there can be a trainer, if one is needed. Making it changes the model."""
    return how != "trainer" or attempt(model, lambda: Trainer(model, X), changes=True) is not None


@pytest.mark.parametrize("kind", KINDS)
@given(
    given=data(D),
    how=st.sampled_from(["fit", "partial_fit", "trainer"]),
    fitted=st.booleans(),
    warm=st.booleans(),
)
def test_learning(kind, given, how, fitted, warm):
    model = clone(KINDS[kind]).set_params(warm_start=warm)
    if fitted:
        model.fit(REAL if model.likelihood == "gaussian" else UNIT)
    if not made_ready(model, how, given.X):
        return
    answer = attempt(model, lambda: learn(model, how, given.X), changes=True)
    if answer is None:
        return
    assert answer is model
    assert all(np.isfinite(weight).all() for weight in model.weights_.values())
    assert model.n_steps_ >= 1
    assert len({len(column) for column in model.history_.values()}) == 1


@pytest.mark.parametrize("kind", ["AEVB", "WakeSleep", "MCEM"])
@given(drawn=st.data())
def test_constructor_parameters(kind, drawn):
    model = clone(KINDS[kind])
    name = drawn.draw(st.sampled_from(sorted(model.get_params())))
    model.set_params(**{name: drawn.draw(values())})
    about = None if name in ("patience", "likelihood", "binarize", "learning_rate") else name
    if attempt(model, lambda: model.fit(UNIT), changes=True, about=about) is None:
        assert not model.__sklearn_is_fitted__()
        return
    for method in ("transform", "score_samples", "reconstruct"):
        read(model, method, UNIT)


@models
@given(drawn=st.data())
def test_parameters_set_after_a_fit(name, drawn):
    model = pickle.loads(pickle.dumps(MODELS[name]))
    parameter = drawn.draw(st.sampled_from(sorted(model.get_params())))
    model.set_params(**{parameter: drawn.draw(values()), "warm_start": True})
    X = {"gaussian": REAL, "threshold": REAL, "wake-sleep": REAL}.get(name, UNIT)
    X = pd.DataFrame(X, columns=list("abcd")) if name == "names" else X
    method = drawn.draw(st.sampled_from(sorted(READ)))
    read(model, method, X)
    attempt(model, lambda: model.sample(2))
    how = drawn.draw(st.sampled_from(["fit", "partial_fit", "trainer"]))
    if made_ready(model, how, X):
        attempt(model, lambda: learn(model, how, X), changes=True)
    read(model, method, X)


ARGUMENTS = {
    ("bound",): ["n_draws"],
    ("log_likelihood", "importance"): ["n_draws", "n_adaptations", "method"],
    ("log_likelihood", "ais"): [
        "n_draws", "n_leapfrog", "schedule", "n_temperatures", "start", "bidirectional",
        "n_simulated",
    ],
    ("log_likelihood", "hmc"): ["n_draws", "n_leapfrog", "n_warmup", "max_components"],
    ("active_units",): ["threshold"],
    ("sample_posterior",): [
        "n_draws", "n_leapfrog", "n_warmup", "target_accept", "adaptation", "step_size_per",
        "random_state", "n_threads",
    ],
    ("impute",): [
        "mask", "method", "sampler", "n_draws", "n_starts", "n_iterations", "n_imputations",
        "return_std", "random_state",
    ],
    ("bound_and_gradient",): ["noise"],
    ("Evaluator",): ["n_threads", "random_state"],
    ("Trainer",): ["checkpoint_every", "callbacks", "X_val"],
}  # fmt: skip
CHEAP = {
    ("log_likelihood", "importance"): {"n_draws": 2},
    ("log_likelihood", "ais"): {"n_draws": 2, "n_temperatures": 3, "n_simulated": 2},
    ("log_likelihood", "hmc"): {"n_draws": 4, "n_warmup": 2},
    ("sample_posterior",): {"n_draws": 2, "n_warmup": 2},
    ("impute",): {"n_draws": 3, "n_starts": 2, "n_iterations": 3},
}


def call_with(model, what, **arguments):
    arguments = CHEAP.get(what, {}) | arguments
    if what[0] == "sample_posterior":
        return sample_posterior(model, UNIT, **arguments)
    if what[0] in ("impute", "bound_and_gradient"):
        return getattr(model, what[0])(UNIT, **arguments)
    if what[0] == "Trainer":
        return Trainer(model, UNIT, **arguments)
    if what[0] == "Evaluator":
        return Evaluator(model, **arguments).bound(UNIT)
    method = {"method": what[1]} if len(what) > 1 else {}
    return getattr(Evaluator(model), what[0])(UNIT, **(method | arguments))


@pytest.mark.parametrize("what", ARGUMENTS, ids=" ".join)
@given(drawn=st.data())
def test_arguments(what, drawn):
    name = drawn.draw(st.sampled_from(ARGUMENTS[what]))
    value = drawn.draw(values() if name != "X_val" else data(D).map(lambda given: given.X))
    model = MODELS[drawn.draw(st.sampled_from(["bernoulli", "bounded", "threshold"]))]
    attempt(model, lambda: call_with(model, what, **{name: value}), about=name)


@given(drawn=st.data())
def test_weights(drawn):
    model = pickle.loads(pickle.dumps(MODELS["bounded"]))
    weights = model.weights_
    name = drawn.draw(st.sampled_from([*sorted(weights), "nonsense", 3]))
    given = drawn.draw(data(D))
    weights[name] = given.X
    attempt(model, lambda: model.set_weights(weights), changes=True, about=str(name))
    attempt(model, lambda: model.set_weights(given.X), changes=True, about="weights")
    assert all(np.isfinite(weight).all() for weight in model.weights_.values())


def without_address(value):
    """The name of a case, the same in every process."""
    return re.sub(r" at 0x\w+", "", repr(value))


@pytest.mark.parametrize("value", VALUES, ids=without_address)
def test_paths(value, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a name is a file in this folder
    model = MODELS["bernoulli"]
    if isinstance(value, (int, np.integer)):
        value = -1 if value == 0 else value  # never a descriptor of this process
    attempt(model, lambda: model.save(value), also=(OSError,))
    attempt(model, lambda: AEVB.load(value), also=(OSError,))
    attempt(model, lambda: Trainer(model, UNIT, checkpoint=value), also=(OSError,))
    attempt(model, lambda: Trainer.resume(value, UNIT), also=(OSError,))


@given(start=st.sampled_from([b"", b"\x10\0\0\0\0\0\0\0{", b"\x02\0\0\0\0\0\0\0{}"]),
       rest=st.binary(max_size=300))  # fmt: skip
def test_files_of_anything(start, rest, tmp_path_factory):
    path = tmp_path_factory.mktemp("x", numbered=True) / "m"
    path.write_bytes(start + rest)
    model = MODELS["bernoulli"]
    assert attempt(model, lambda: AEVB.load(path), about=str(path)) is None
    assert attempt(model, lambda: Trainer.resume(path, UNIT), about=str(path)) is None


def test_the_check_of_an_error_can_fail():
    model = clone(KINDS["AEVB"]).fit(UNIT)

    def harm():
        model._engine._model.n_steps += 1
        raise ValueError("learning_rate: got something, want something else")

    with pytest.raises(AssertionError, match="changed by the call"):
        attempt(model, harm)
    for error in (KeyError("n_draws"), ValueError(""), TypeError("Unable to cast Python instance")):
        assert not helps(error)
