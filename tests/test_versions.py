"""This version reads files of earlier versions, and a pickle says which version wrote it."""

import copy
import io
import pickle
import runpy
import warnings
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.base import clone

from aevb import AEVB, MCEM, Trainer, WakeSleep, __version__
from aevb.core import engine as core_engine
from aevb.estimators import learner
from aevb.exceptions import InconsistentVersionWarning

FIXTURES = Path(__file__).resolve().parent / "fixtures"
VERSIONS = sorted(folder.name for folder in FIXTURES.iterdir() if folder.is_dir())
KINDS = {"bernoulli": AEVB, "gaussian": AEVB, "wake-sleep": WakeSleep, "mcem": MCEM,
         "checkpoint": AEVB}  # fmt: skip
EPS = np.finfo(np.float32).eps
X = np.random.default_rng(0).random((30, 6))


def test_there_is_something_to_read():
    assert VERSIONS
    for version in VERSIONS:
        files = {file.stem for file in (FIXTURES / version).glob("*.safetensors")}
        assert files == set(KINDS)


def change_by_rounding(model, ask):
    """How far an answer may change on another instruction set.

    A sum of n products in another order equals that of the same products, each changed by up to n
    eps, as if the weights had changed. The worst change is at most ten times the largest over 20
    draws of signs, in networks of this size. The activations, exponentials and logarithms add a few
    ulps.
    """
    weights, answer = model.weights_, ask(model)
    n_most = max(sum(w.shape) for w in weights.values())
    rng, other, change = np.random.default_rng(0), copy.deepcopy(model), 0.0
    for _ in range(20):
        signs = {k: rng.choice([-1.0, 1.0], w.shape) for k, w in weights.items()}
        other.set_weights({k: w * (1 + n_most * EPS * signs[k]) for k, w in weights.items()})
        change = np.maximum(change, np.abs(ask(other) - answer))
    return 10 * change.max() + 10 * EPS * np.abs(answer).max()


def check_answers(name, model, expected):
    asks = {
        "inverse_transform": lambda m: m.inverse_transform(expected["Z"]),
        "transform": lambda m: m.transform(expected["X"]),
        "score_samples": lambda m: m.score_samples(expected["X"]),
    }
    found = [ask for ask in asks if f"{name}/{ask}" in expected]
    assert len(found) == (1 if name == "mcem" else 3)
    for ask in found:
        want = expected[f"{name}/{ask}"]
        tolerance = change_by_rounding(model, asks[ask])
        assert tolerance < 0.01 * np.ptp(want)  # otherwise this would prove nothing
        np.testing.assert_allclose(asks[ask](model), want, rtol=0, atol=tolerance)


def expected_of(version):
    with np.load(FIXTURES / version / "expected.npz") as file:
        return dict(file)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("version", VERSIONS)
def test_files_of_any_version_are_read(isa, version, name):
    expected = expected_of(version)
    model = KINDS[name].load(FIXTURES / version / f"{name}.safetensors")
    check_answers(name, model, expected)
    assert len(model.history_["train_bound"]) > 0
    model.partial_fit(expected["X"])


@pytest.mark.parametrize("version", VERSIONS)
def test_checkpoints_of_any_version_go_on(version, tmp_path):
    expected = expected_of(version)
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes((FIXTURES / version / path.name).read_bytes())
    trainer = Trainer.resume(path, expected["X"])
    assert trainer.run(120).model.n_samples_seen_ == 120
    # nine more steps, each with as much rounding: less than the change by the training itself
    before = KINDS["checkpoint"].load(FIXTURES / version / path.name).transform(expected["X"])
    after, want = trainer.model.transform(expected["X"]), expected["resumed/transform"]
    assert np.abs(after - want).max() < 0.01 * np.abs(want - before).max()


def test_a_version_is_written_once():
    before = {file: file.read_bytes() for file in (FIXTURES / __version__).iterdir()}
    with pytest.raises(SystemExit, match="stays as it is"):
        runpy.run_path(str(FIXTURES / "make.py"), run_name="__main__")
    assert {file: file.read_bytes() for file in (FIXTURES / __version__).iterdir()} == before


# -------------------------------------------------------------------------------------- pickles
@pytest.fixture(name="model", params=[AEVB, WakeSleep, MCEM])
def fitted(request):
    return request.param.published(2, hidden_layer_sizes=(5,), n_epochs=1, random_state=0).fit(X)


def by_joblib(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


COPIES = {
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "joblib": by_joblib,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}


@pytest.mark.parametrize("how", COPIES)
def test_copies_are_whole_and_say_nothing(model, how):
    other = COPIES[how](model)
    assert vars(other).keys() == vars(model).keys()
    assert other.get_params() == model.get_params()
    assert (
        other.inverse_transform(X[:, :2]).tobytes() == model.inverse_transform(X[:, :2]).tobytes()
    )
    assert not hasattr(clone(other), "weights_")
    unfitted = COPIES[how](clone(model))
    assert vars(unfitted) == vars(clone(model))


def test_a_pickle_of_another_version_is_read_with_a_warning(model, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(learner, "__version__", "0.0.7")
        pickled = pickle.dumps(model)
    assert b"0.0.7" in pickled
    with pytest.warns(InconsistentVersionWarning, match=rf"aevb 0\.0\.7 .* {__version__}"):
        other = pickle.loads(pickled)
    assert vars(other).keys() == vars(model).keys()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pickle.loads(pickle.dumps(other))  # it has this version now


def test_a_pickle_of_another_format_is_an_error(model, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(core_engine, "PICKLE_FORMAT", 99)
        pickled = pickle.dumps(model)
    with pytest.raises(ValueError, match="pickle: the core's state has format 99, want 2"):
        pickle.loads(pickled)
    state = model._engine.state()
    for damage in ({}, {**state, "config": {}}, {**state, "weights": {}}, {**state, "n_steps": -1}):
        with pytest.raises(ValueError, match="pickle: the core's state is damaged"):
            core_engine.unpickle_engine(damage, 2)
