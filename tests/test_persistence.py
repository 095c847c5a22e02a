"""Models on disk: a saved model comes back bit for bit, and errors name damaged files."""

import json
import pickle

import numpy as np
import pandas as pd
import pytest
import safetensors
import safetensors.numpy
from sklearn.exceptions import NotFittedError

from aevb import AEVB, __version__
from aevb.storage import model_file

pytestmark = pytest.mark.filterwarnings("ignore:all latent units have collapsed")  # short fits

N, D = 50, 9


@pytest.fixture(scope="module", name="X")
def data():
    return np.random.default_rng(0).random((N, D), dtype=np.float32)


def small(**changes):
    settings = {"n_components": 2, "hidden_layer_sizes": (6,), "n_epochs": 2, "batch_size": 16}
    settings |= {"likelihood": "bernoulli"}
    return AEVB.published(**{**settings, "random_state": 0, **changes})


@pytest.fixture
def path(X, tmp_path):
    path = tmp_path / "model.safetensors"
    small().fit(X).save(path)
    return path


def weight_bytes(model):
    return {name: weight.tobytes() for name, weight in model.weights_.items()}


def read(path):
    with safetensors.safe_open(path, framework="numpy") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118


def assert_same(one, two, X):
    assert weight_bytes(one) == weight_bytes(two)
    assert one.transform(X).tobytes() == two.transform(X).tobytes()
    assert one.score_samples(X).tobytes() == two.score_samples(X).tobytes()
    for name in ("n_features_in_", "likelihood_", "columns_", "n_samples_seen_", "n_steps_"):
        assert getattr(one, name) == getattr(two, name)
        assert type(getattr(one, name)) is type(getattr(two, name))
    assert one.history_.keys() == two.history_.keys()
    for name, entries in one.history_.items():
        assert len(entries) == len(two.history_[name])
        if name != "seconds":  # two runs take different times
            np.testing.assert_array_equal(entries, two.history_[name])


@pytest.mark.parametrize("optimizer", ["sgd", "adagrad", "adam"])
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian", "bounded-gaussian"])
def test_round_trip_and_continuation(X, tmp_path, likelihood, optimizer):
    model = small(likelihood=likelihood, optimizer=optimizer, learning_rate=0.003)
    model.set_params(hidden_layer_sizes=(6, 5), early_stopping=True).fit(X)
    model.save(tmp_path / "m")
    loaded = AEVB.load(tmp_path / "m")
    assert isinstance(loaded, AEVB)
    assert loaded.get_params() == model.get_params()
    assert loaded.history_["seconds"] == model.history_["seconds"]
    for _ in range(3):
        assert_same(loaded, model, X)
        assert loaded.partial_fit(X) is loaded
        model.partial_fit(X)
    assert_same(loaded.fit(X), model.fit(X), X)


@pytest.mark.parametrize("random_state", [None, "RandomState", np.int64(5)])
def test_any_random_state_goes_on(X, tmp_path, random_state):
    if random_state == "RandomState":
        random_state = np.random.RandomState(1)
    model = small(random_state=random_state).fit(X)
    model.save(str(tmp_path / "m"))
    loaded = AEVB.load(str(tmp_path / "m"))
    if isinstance(random_state, np.integer):
        assert loaded.random_state == random_state
    assert_same(loaded, model, X)
    assert_same(loaded.partial_fit(X), model.partial_fit(X), X)


def test_numpy_parameters_and_odd_types(X, tmp_path):
    model = small(
        n_components=np.int64(3),
        learning_rate=np.float32(0.01),
        hidden_layer_sizes=[np.int32(5)],
        warm_start=np.bool_(True),
        patience=4,
        early_stopping=np.bool_(True),
        validation_fraction=np.float64(0.1),
    ).fit(X)
    model.save(tmp_path / "m")
    loaded = AEVB.load(tmp_path / "m")
    assert loaded.learning_rate == model.learning_rate
    assert list(loaded.hidden_layer_sizes) == [5]
    assert_same(loaded.fit(X), model.fit(X), X)  # warm start: both continue


def test_a_history_of_any_numbers_comes_back(X, tmp_path):
    model = small(early_stopping=True, n_epochs=3).fit(X)
    model.history_["validation_bound"] = [np.nan, -np.inf, np.inf]
    model.save(tmp_path / "m")
    loaded = AEVB.load(tmp_path / "m")
    np.testing.assert_array_equal(loaded.history_["validation_bound"], [np.nan, -np.inf, np.inf])
    for name, column in loaded.history_.items():
        assert {type(entry) for entry in column} == {
            int if name in ("samples_seen", "held_out") else float
        }, name


def test_what_could_not_be_read_is_not_written(X, path):
    before = path.read_bytes()
    model = small().fit(X).set_params(batch_size=0)
    with pytest.raises(ValueError, match="batch_size"):
        model.save(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_feature_names_and_units_come_back(tmp_path, likelihood):
    columns = ["ä", "b c", 'quote"', "d"]
    X = np.random.default_rng(0).integers(0, 256, (30, 4)).astype(np.uint8)
    frame = pd.DataFrame(X, columns=columns)
    model = small(likelihood=likelihood).fit(frame)
    model.save(tmp_path / "m")
    loaded = AEVB.load(tmp_path / "m")
    assert list(loaded.feature_names_in_) == columns
    assert loaded.columns_ == model.columns_
    assert all(column.scale != 1 for column in loaded.columns_)
    assert loaded._engine.units.log_jacobian == model._engine.units.log_jacobian
    assert (loaded._engine.units.log_jacobian != 0) == (likelihood == "gaussian")
    assert loaded.transform(frame).tobytes() == model.transform(frame).tobytes()
    assert list(loaded.get_feature_names_out()) == list(model.get_feature_names_out())


def test_the_file_is_plain_safetensors(X, path):
    tensors, metadata = read(path)
    model = small().fit(X)
    for name, weight in model.weights_.items():
        tensor = tensors[f"weights/{name}"]
        assert tensor.dtype == np.float32
        assert np.array_equal(tensor, weight)
    assert all(isinstance(value, str) for value in metadata.values())
    header = json.loads(metadata["aevb"], parse_constant=no_constant)
    assert header["params"]["n_components"] == 2


def no_constant(name):
    raise AssertionError(f"{name} is Python's, not JSON's")


def test_saving_is_deterministic_and_leaves_nothing_else(X, path):
    first = AEVB.load(path)
    content = path.read_bytes()
    first.save(path)
    assert path.read_bytes() == content
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_saving_over_a_file_replaces_it(X, path):
    model = small(random_state=9, n_components=5).fit(X)
    model.save(path)
    assert_same(AEVB.load(path), model, X)


def test_unfitted_models_are_not_saved(tmp_path):
    with pytest.raises(NotFittedError):
        AEVB.published().save(tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def test_missing_places_are_said(X, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        AEVB.load(tmp_path / "nowhere")
    with pytest.raises(OSError, match="nowhere"):
        small().fit(X).save(tmp_path / "nowhere" / "m")


@pytest.mark.parametrize("share", [0, 4, 8, 9, 0.1, 0.3, 0.6, 0.9, -1])
def test_truncated_files(path, share):
    content = path.read_bytes()
    keep = int(share * len(content)) if isinstance(share, float) else share
    path.write_bytes(content[:keep])
    with pytest.raises(ValueError, match=path.name):
        AEVB.load(path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda c: c[:8] + b"x" + c[9:],
        lambda c: b"\xff" * 8 + c[8:],
        lambda c: c + b"more",
        lambda c: b"not a model at all, but some text",
        lambda c: bytes(len(c)),
        lambda c: c.replace(b'"F32"', b'"F64"', 1),
        lambda c: c.replace(b'"F32"', b'"XYZ"', 1),
        lambda c: c.replace(b"n_components", b"n_componentz"),
        lambda c: c.replace(b"tanh", b"than"),
    ],
)
def test_damaged_files(path, damage):
    content = path.read_bytes()
    assert damage(content) != content
    path.write_bytes(damage(content))
    with pytest.raises(ValueError, match=path.name):
        AEVB.load(path)


def test_no_flipped_bit_in_the_header_does_worse_than_a_value_error(path):
    content = bytearray(path.read_bytes())
    header = 8 + int.from_bytes(content[:8], "little")
    rng, messages = np.random.default_rng(0), []
    for position in rng.integers(0, header, 300):
        flipped = content.copy()
        flipped[position] ^= 1 << int(rng.integers(8))
        path.write_bytes(flipped)
        try:
            AEVB.load(path)  # some flips do no harm, for example in a digit of the history
        except ValueError as error:
            messages.append(str(error))
    assert len(messages) > 30
    assert all(path.name in message for message in messages)


@pytest.mark.parametrize("damage", ["missing", "shape", "transposed", "float64", "nan", "inf"])
@pytest.mark.parametrize("name", ["weights/encoder.hidden0.weight", "weights/decoder.logits.bias"])
def test_wrong_tensors(path, name, damage):
    tensors, metadata = read(path)
    tensor = tensors.pop(name)
    bad = tensor.copy()
    bad.flat[-1] = np.nan if damage == "nan" else np.inf
    changed = {
        "shape": tensor[:-1].copy(),
        "transposed": tensor[None].T.copy(),
        "float64": tensor.astype(float),
        "nan": bad,
        "inf": bad,
    }
    if damage != "missing":
        tensors[name] = changed[damage]
    safetensors.numpy.save_file(tensors, path, metadata)
    with pytest.raises(ValueError, match=path.name) as caught:
        AEVB.load(path)
    assert name in str(caught.value)


def test_every_tensor_is_needed_and_checked(path):
    tensors, metadata = read(path)
    assert len(tensors) > 10  # the weights' ten and the optimizer's
    for name in tensors:
        rest = {key: tensor for key, tensor in tensors.items() if key != name}
        safetensors.numpy.save_file(rest, path, metadata)
        with pytest.raises(ValueError, match=path.name):
            AEVB.load(path)
        if tensors[name].dtype == np.float32:
            nan = {**tensors, name: np.full_like(tensors[name], np.nan)}
            safetensors.numpy.save_file(nan, path, metadata)
            with pytest.raises(ValueError, match=path.name):
                AEVB.load(path)


@pytest.mark.parametrize("name", ["weights/more", "more", "trainer/chains"])
def test_tensors_that_nobody_asked_for(path, name):
    tensors, metadata = read(path)
    tensors[name] = np.zeros((N, 2), np.float32)
    safetensors.numpy.save_file(tensors, path, metadata)
    with pytest.raises(ValueError, match=rf"{path.name}: .* unknown tensors \['{name}'\]"):
        AEVB.load(path)


def test_sums_of_squares_are_not_negative(path):
    tensors, metadata = read(path)
    name = "state1/decoder.logits.weight"
    tensors[name] = tensors[name].copy()
    tensors[name].flat[-1] = -1e-3
    safetensors.numpy.save_file(tensors, path, metadata)
    with pytest.raises(ValueError, match=path.name) as caught:
        AEVB.load(path)
    assert f"{name}: has values below 0" in str(caught.value)


def test_other_peoples_safetensors(path):
    tensors, metadata = read(path)
    for other in (None, {}, dict.fromkeys(metadata, "{not json"), {"format": "pt"}):
        safetensors.numpy.save_file(tensors, path, other)
        with pytest.raises(ValueError, match=path.name):
            AEVB.load(path)
    safetensors.numpy.save_file({}, path, metadata)
    with pytest.raises(ValueError, match=path.name):
        AEVB.load(path)


HEADERS = {
    "no layers": lambda h: h["state"]["config"].update(hidden_layer_sizes=[]),
    "too many layers": lambda h: h["state"]["config"].update(hidden_layer_sizes=[6, 6]),
    "vast layer": lambda h: h["state"]["config"].update(hidden_layer_sizes=[2**50]),
    "other likelihood": lambda h: h["state"]["config"].update(likelihood="gaussian"),
    "unknown activation": lambda h: h["state"]["config"].update(activation="swish"),
    "negative step": lambda h: h["state"].update(n_steps=-1),
    "text for a step": lambda h: h["state"].update(n_steps="x"),
    "negative scale": lambda h: h.update(scale=-1),
    "nan scale": lambda h: h.update(scale=float("nan")),
    "unknown scale": lambda h: h.update(scale="auto"),
    "no units": lambda h: h.pop("units"),
    "no location": lambda h: h["units"].pop("location"),
    "endless location": lambda h: h["units"].update(location=[float("inf")] * D),
    "few units": lambda h: h["units"].update(scale=[1.0, 2.0]),
    "no spread": lambda h: h["units"].update(scale=[0.0] * D),
    "negative spread": lambda h: h["units"].update(scale=-1.0),
    "nan jacobian": lambda h: h["units"].update(log_jacobian=float("nan")),
    "no history": lambda h: h.update(history={}),
    "less history": lambda h: h["history"].pop("seconds"),
    "ragged history": lambda h: h["history"]["seconds"].pop(),
    "few names": lambda h: h.update(feature_names=["a"]),
    "unknown parameter": lambda h: h["params"].update(n_wings=2),
    "no parameters": lambda h: h.update(params=None),
    "later format": lambda h: h.update(format_version=10**6),
    "next format": lambda h: h.update(format_version=model_file.FORMAT_VERSION + 1),
    "no format": lambda h: h.pop("format_version"),
    "other class": lambda h: h.update({"class": "Other"}),
    "other algorithm": lambda h: h["state"]["config"].update(algorithm="wake-sleep"),
    "no encoder": lambda h: h["state"]["config"].update(algorithm="monte-carlo-em"),
    "wrong parameter": lambda h: h["params"].update(n_threads="x"),
    "endless parameter": lambda h: h["params"].update(learning_rate=float("inf")),
    "nested seed": lambda h: h["params"].update(random_state=[[1]]),
    "wrapping draws": lambda h: h["state"]["config"].update(n_draws=2**64 - 1),
    "wrapping batch": lambda h: h["state"]["config"].update(batch_size=2**64 - 1),
    "half a character": lambda h: h["state"]["config"].update({"\ud800": 1}),
    "nan seconds": lambda h: h["state"].update(seconds=float("nan")),
    "no seconds": lambda h: h["state"].pop("seconds"),
    "no sum": lambda h: h["state"].pop("bound_sum"),
    "negative samples": lambda h: h["state"].update(n_samples_seen=-1),
    "no samples": lambda h: h["state"].pop("n_samples_seen"),
    "endless sum": lambda h: h["state"].update(bound_sum=float("inf")),
    "tiny scale": lambda h: h.update(scale=1e-37),
    "vast scale": lambda h: h.update(scale=1e37),
    "no scale": lambda h: h.pop("scale"),
    "text for names": lambda h: h.update(feature_names="a" * D),
    "numbers for names": lambda h: h.update(feature_names=[1] * D),
    "many names": lambda h: h.update(feature_names=["a"] * (D + 1)),
    "no names": lambda h: h.pop("feature_names"),
    "endless rate": lambda h: h.update(learning_rate_trials=[["inf", 1.0]]),
    "nan rate": lambda h: h.update(learning_rate_trials=[[0.1, 1.0], ["nan", 1.0]]),
    "text for a score": lambda h: h.update(learning_rate_trials=[[0.1, "well"]]),
    "more history": lambda h: h["history"].update(minutes=[1.0, 2.0]),
    "text in history": lambda h: h["history"].update(seconds=["long", "short"]),
    "half a sample": lambda h: h["history"].update(samples_seen=[None, 1]),
    "real seed": lambda h: h["params"].update(random_state=1.5),
    "other activation": lambda h: h["params"].update(activation="swish"),
}


@pytest.mark.parametrize("damage", HEADERS)
def test_damaged_headers(path, damage):
    tensors, metadata = read(path)
    header = json.loads(metadata["aevb"])
    HEADERS[damage](header)
    safetensors.numpy.save_file(tensors, path, {"aevb": json.dumps(header)})
    with pytest.raises(ValueError, match=path.name):
        AEVB.load(path)


@pytest.mark.parametrize("name", ["n_visible", "n_components", "hidden_layer_sizes"])
def test_a_vast_network_is_not_allocated(path, name):
    tensors, metadata = read(path)
    for size in (2**40, 2**62, 2**64 - 1, 2**70):
        header = json.loads(metadata["aevb"])
        header["state"]["config"][name] = [size] if name == "hidden_layer_sizes" else size
        safetensors.numpy.save_file(tensors, path, {"aevb": json.dumps(header)})
        with pytest.raises(ValueError, match=path.name) as caught:
            AEVB.load(path)
        assert not isinstance(caught.value.__cause__, MemoryError)


def test_a_later_format_says_whose_it_is(path):
    tensors, metadata = read(path)
    header = json.loads(metadata["aevb"]) | {"format_version": 4, "library_version": "7.8.9"}
    safetensors.numpy.save_file(tensors, path, {"aevb": json.dumps(header)})
    with pytest.raises(ValueError, match=r"version 4, written by aevb 7\.8\.9; .* up to 3"):
        AEVB.load(path)


def test_a_header_says_what_the_model_is(X, path):
    model = small().fit(X)
    header = json.loads(read(path)[1]["aevb"])
    assert (header["format_version"], header["class"]) == (3, "AEVB")
    assert header["library_version"] == __version__
    assert header["state"]["n_steps"] == model.n_steps_ == 8
    assert header["state"]["n_samples_seen"] == model.n_samples_seen_ == 2 * N
    assert header["params"] == {**model.get_params(), "hidden_layer_sizes": [6]}
    del header["learning_rate_trials"]  # the first files lack it
    safetensors.numpy.save_file(read(path)[0], path, {"aevb": json.dumps(header)})
    assert_same(AEVB.load(path), model, X)


def test_a_bottomless_header(path):
    safetensors.numpy.save_file(read(path)[0], path, {"aevb": "[" * 100_000})
    with pytest.raises(ValueError, match=path.name):
        AEVB.load(path)


class Bomb:
    """Unpickling this leaves a trace."""

    went_off = False

    @staticmethod
    def go_off():
        Bomb.went_off = True

    def __reduce__(self):
        return Bomb.go_off, ()


def test_a_pickle_is_refused_and_not_run(tmp_path):
    for number, write in enumerate([
        lambda file: pickle.dump(Bomb(), file),
        lambda file: np.save(file, np.array([Bomb()], object), allow_pickle=True),
        lambda file: np.savez(file, a=np.array([Bomb()], object)),
    ]):  # fmt: skip
        path = tmp_path / f"bomb{number}"
        with open(path, "wb") as file:
            write(file)
        with pytest.raises(ValueError, match=path.name):
            AEVB.load(path)
    assert not Bomb.went_off
    pickle.loads(pickle.dumps(Bomb()))
    assert Bomb.went_off  # it would have


def test_saving_and_loading_need_no_pickle(X, tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("pickle was used")

    model = small().fit(X)
    for name in ("dump", "dumps", "load", "loads", "Pickler", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    model.save(tmp_path / "m")
    assert_same(AEVB.load(tmp_path / "m"), model, X)
