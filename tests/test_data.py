"""What X may be: every valid container gives the same model, and every bad one is named."""

import os
import subprocess
import sys
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from aevb import AEVB, DivergenceError, Evaluator, Trainer
from aevb.exceptions import FitWarning

N, D = 60, 11
INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]


def small(**changes):
    settings = {"n_components": 2, "hidden_layer_sizes": (7,), "n_epochs": 2, "batch_size": 16}
    return AEVB.published(**{**settings, "random_state": 0, **changes})


@pytest.fixture(scope="module")
def grey():
    X = np.random.default_rng(0).random((N, D), dtype=np.float32)
    X[X < 0.4] = 0  # makes sparse matrices worthwhile
    return X


@pytest.fixture(scope="module")
def binary(grey):
    return (grey > 0.5).astype(np.float32)


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(1).integers(0, 256, (N, D)).astype(np.uint8)


def units_of(model):
    """Location and scale of each column."""
    return [(column.location, column.scale) for column in model.columns_]


def results(X, **changes):
    """The results for X of every method that takes rows, as bytes."""
    model = small(**changes).fit(X)
    said = {name: weight.tobytes() for name, weight in model.weights_.items()}
    noise = np.random.default_rng(2).normal(size=(1, N, 2)).astype(np.float32)
    bound, gradient = model.bound_and_gradient(X, noise)
    said |= {f"gradient of {name}": g.tobytes() for name, g in gradient.items()}
    said |= {
        "bound": bound.tobytes(),
        "transform": model.transform(X).tobytes(),
        "reconstruct": np.asarray(model.reconstruct(X), np.float32).tobytes(),
        "score_samples": model.score_samples(X).tobytes(),
        "evaluator": Evaluator(model, random_state=0).bound(X, n_draws=2).per_row.tobytes(),
        "units": units_of(model),
        "likelihood_": model.likelihood_,
    }
    streamed = small(**changes).partial_fit(X)
    said["partial_fit"] = streamed.weights_["encoder.mean.weight"].tobytes()
    return said


def unaligned(X):
    raw = np.empty(X.nbytes + 1, np.uint8)[1:]
    view = raw.view(X.dtype).reshape(X.shape)
    view[:] = X
    assert not view.flags.aligned
    return view


def read_only(X):
    X = X.copy()
    X.setflags(write=False)
    return X


def padded(X):
    """A view of every second row and column of a wider array, whose other cells are NaN."""
    wide = np.full((2 * N, 2 * D), np.nan, X.dtype)
    wide[1::2, ::2] = X
    return wide[1::2, ::2]


def shuffled_csr(X):
    """Indices out of order, with stored zeros."""
    m = sp.csr_matrix(np.where(X == 0, 9, X))
    m.data[m.data == 9] = 0
    for start, end in zip(m.indptr[:-1], m.indptr[1:], strict=True):
        m.indices[start:end] = m.indices[start:end][::-1].copy()
        m.data[start:end] = m.data[start:end][::-1].copy()
    m.has_sorted_indices = False
    return m


def duplicated_csr(X):
    """Every entry is stored twice, as halves."""
    m = sp.csr_matrix(X)
    halves = np.repeat(m.data / 2, 2), np.repeat(m.indices, 2), m.indptr * 2
    return sp.csr_matrix(halves, shape=X.shape)


def long_csr(X):
    m = sp.csr_array(X)
    m.indices, m.indptr = m.indices.astype(np.int64), m.indptr.astype(np.int64)
    return m


VIEWS = {
    "fortran": np.asfortranarray,
    "float64": lambda X: X.astype(np.float64),
    "float64 fortran": lambda X: np.asfortranarray(X.astype(np.float64)),
    "float64 strided": lambda X: padded(X.astype(np.float64)),
    "strided": padded,
    "reversed": lambda X: X[::-1, ::-1].copy()[::-1, ::-1],
    "read-only": read_only,
    "unaligned": unaligned,
    "big-endian": lambda X: X.astype(">f4"),
    "list": lambda X: X.tolist(),
    "csr_matrix": sp.csr_matrix,
    "csr_array": sp.csr_array,
    "csr float64": lambda X: sp.csr_matrix(X.astype(np.float64)),
    "csr shuffled": shuffled_csr,
    "csr duplicates": duplicated_csr,
    "csr int64 indices": long_csr,
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_every_layout_gives_the_same_bits(grey, likelihood, view):
    X = VIEWS[view](grey)
    expected = results(grey, likelihood=likelihood)
    assert results(X, likelihood=likelihood) == expected
    assert np.array_equal(X.toarray() if sp.issparse(X) else X, grey)  # X itself is unchanged


@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
def test_memory_maps(pixels, tmp_path, dtype, order):
    written = np.memmap(tmp_path / "x", dtype=dtype, mode="w+", shape=(N, D), order=order)
    written[:] = pixels
    written.flush()
    X = np.memmap(tmp_path / "x", dtype=dtype, mode="r", shape=(N, D), order=order)
    expected = results(pixels.astype(np.float32), scale=1 / 255)
    assert results(X, scale=1 / 255) == expected


@pytest.mark.parametrize("container", [np.asarray, np.asfortranarray, sp.csr_matrix])
@pytest.mark.parametrize("dtype", [*INTEGERS, "bool", "float64"])
def test_binary_data_of_every_type(binary, dtype, container):
    """Data of 0 and 1 are never divided by 255, whatever their type."""
    assert results(binary)["units"] == [(0, 1)] * D
    assert results(container(binary.astype(dtype))) == results(binary)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_counts_of_every_integer_type(dtype):
    X = np.random.default_rng(0).integers(0, 100, (N, D))
    expected = results(X.astype(np.float32), likelihood="gaussian", scale=1)
    assert results(X.astype(dtype), likelihood="gaussian", scale=1) == expected


def test_float64_is_rounded_once():
    X = np.random.default_rng(0).normal(size=(N, D))
    assert results(X, scale="none") == results(X.astype(np.float32), scale="none")


def test_frames(grey):
    columns = [f"c{i}" for i in range(D)]
    assert results(pd.DataFrame(grey, columns=columns)) == results(grey)
    mixed = pd.DataFrame((grey > 0.5).astype(np.float64), columns=columns)
    mixed = mixed.astype({"c0": bool, "c1": np.uint8, "c2": np.int64, "c3": np.float32})
    of_frame, of_array = results(mixed), results((grey > 0.5).astype(np.float32))
    del of_frame["reconstruct"], of_array["reconstruct"]  # a frame has its own types
    assert of_frame == of_array


def test_pixels_are_scaled(pixels):
    bernoulli = {"likelihood": "bernoulli"}
    by_hand = results(pixels.astype(np.float32), scale=1 / 255, **bernoulli)
    for X in (pixels, np.asfortranarray(pixels), pixels[::-1].copy()[::-1], sp.csr_matrix(pixels)):
        assert results(X, **bernoulli) == by_hand
    assert by_hand["units"] == [(0, 1 / 255)] * D


def test_only_uint8_is_taken_for_pixels():
    images = np.random.default_rng(1).integers(0, 256, (N, 40)).astype(np.uint8)
    model = small().fit(images)
    assert (units_of(model), model.likelihood_) == ([(0, 1 / 255)] * 40, "bernoulli")
    for dtype in ("int16", "int64", "float32", "float64"):
        with pytest.warns(FitWarning, match=rf"grey levels 0 to 255, but its dtype is {dtype}"):
            model = small().fit(images.astype(dtype))
        assert (model._state.scale, model.likelihood_) == ("standard", "gaussian")


def test_the_scale_of_fit_holds_for_every_later_method(pixels, binary):
    ones, bernoulli = binary.astype(np.uint8), {"likelihood": "bernoulli"}
    model = small(**bernoulli).fit(pixels)
    by_hand = small(scale=1 / 255, **bernoulli).fit(pixels)
    with pytest.warns(FitWarning, match="no value exceeds 1"):
        assert model.transform(ones).tobytes() == by_hand.transform(ones * 1.0).tobytes()
    plain = small(scale=1, **bernoulli).fit(pixels.astype(np.float32) * np.float32(1 / 255))
    assert 1 < model.reconstruct(pixels).max() <= 255  # in the units of the pixels
    np.testing.assert_allclose(
        model.transform(pixels), plain.transform(pixels / 255), rtol=1e-4, atol=1e-7
    )
    fitted_on_binary = small().fit(ones)
    assert units_of(fitted_on_binary) == [(0, 1)] * D
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        fitted_on_binary.transform(pixels)  # never divided silently


@pytest.mark.parametrize("container", [np.asarray, sp.csr_matrix])
def test_threshold(grey, binary, container):
    threshold = small(binarize="threshold", likelihood="bernoulli")
    far = np.where(grey > 0.5, grey * 1000, -grey)
    for X in (grey, far, grey.astype(float), np.asfortranarray(far)):
        model, expected = threshold.fit(container(X)), small(likelihood="bernoulli").fit(binary)
        assert model.transform(container(X)).tobytes() == expected.transform(binary).tobytes()
    half = np.array([[0.5, np.nextafter(np.float32(0.5), np.float32(1))]] * 5, np.float32)
    expected = small().fit(np.array([[0, 1]] * 5, np.float32)).weights_
    for name, weight in small(binarize="threshold").fit(half).weights_.items():
        assert weight.tobytes() == expected[name].tobytes()


def test_threshold_is_of_scaled_values(pixels):
    one = small(binarize="threshold").fit(pixels)
    two = small().fit((pixels > 127).astype(np.uint8))
    assert one.transform(pixels).tobytes() == two.transform((pixels > 127) * 1).tobytes()


def test_dynamic_binarisation(grey, binary):
    def weights(X, **changes):
        return small(likelihood="bernoulli", **changes).fit(X).weights_["decoder.logits.weight"]

    assert weights(binary, binarize="dynamic").tobytes() == weights(binary).tobytes()
    dynamic = weights(grey, binarize="dynamic")
    assert dynamic.tobytes() == weights(sp.csr_matrix(grey), binarize="dynamic").tobytes()
    assert not np.array_equal(dynamic, weights(grey))
    assert not np.array_equal(dynamic, weights(binary))
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        weights(grey * 2, binarize="dynamic")


@pytest.mark.filterwarnings("ignore:all latent units have collapsed")
def test_dynamic_binarisation_has_the_right_mean():
    """Only the logits' bias can learn the mean pixel. Fresh draws must teach it the grey level."""
    X = np.tile(np.linspace(0.1, 0.9, 9, dtype=np.float32), (2000, 1))
    model = small(binarize="dynamic", batch_size=200, n_epochs=150, learning_rate=0.1)
    mean = model.set_params(weight_decay=0).fit(X).inverse_transform(np.zeros((1, 2)))
    assert np.abs(mean - X[0]).max() < 0.05


# ------------------------------------------------------------------------------------ no copies
def test_large_data_are_not_copied(tmp_path):
    shape = (260_000, 784)  # 204 MB, all of it a hole in the file
    mapped = np.memmap(tmp_path / "x", dtype=np.uint8, mode="w+", shape=shape)
    model = small(hidden_layer_sizes=(4,), n_epochs=1, batch_size=500)
    for X in (mapped, np.ones((4000, 1000)), sp.csr_matrix(np.ones((4000, 1000)))):
        size = X.data.nbytes + X.indices.nbytes if sp.issparse(X) else X.nbytes
        tracemalloc.start()
        model.fit(X).partial_fit(X)
        model.transform(X), model.score_samples(X)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < size / 4


LIMITED = """
import resource, sys
import numpy as np
from aevb import AEVB, Evaluator, Trainer

path, dtype, order = sys.argv[1:]
n = 200_000_000 // (500 * np.dtype(dtype).itemsize)
X = np.memmap(path, dtype=dtype, mode="r", shape=(n, 500), order=order)
model = AEVB.published(2, hidden_layer_sizes=(4,), n_epochs=1, batch_size=500, random_state=0)
model.fit(np.zeros((9, 500))).score(np.zeros((9, 500)))  # threads and libraries are in place
used = next(int(s.split()[1]) << 10 for s in open("/proc/self/status") if s.startswith("VmData"))
resource.setrlimit(resource.RLIMIT_DATA, (used + 80_000_000,) * 2)
try:
    np.ones(n * 500, dtype)
except MemoryError:
    print("the limit bites")
model.fit(X).partial_fit(X)
model.transform(X), model.score_samples(X), Evaluator(model).active_units(X)
Trainer(model, X).step(3)
print("done")
"""


@pytest.mark.skipif(
    "san.so" in os.environ.get("LD_PRELOAD", ""), reason="a sanitizer takes memory of its own"
)
@pytest.mark.parametrize(("dtype", "order"), [("uint8", "C"), ("float32", "C"), ("float64", "F")])
def test_nothing_below_python_copies_them_either(tmp_path, dtype, order):
    """Private memory is limited to less than half of X. tracemalloc cannot see into the core."""
    path = tmp_path / "x"
    with open(path, "wb") as file:
        file.truncate(200_000_000)
    command = [sys.executable, "-c", LIMITED, str(path), dtype, order]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert run.stdout.split("\n")[:2] == ["the limit bites", "done"], run.stderr


# --------------------------------------------------------------------------------- bad arguments
def spoilt(value, where=(-1, -1), dtype=np.float64):
    X = np.full((N, D), 0.5, dtype)
    X[where] = value
    return X


BAD_ROWS = {
    "inf": (spoilt(np.inf), "inf"),
    "-inf float32": (spoilt(-np.inf, dtype=np.float32), "inf"),
    "inf csr": (sp.csr_matrix(spoilt(np.inf)), "inf"),
    "beyond float32": (spoilt(1e39), "float32|infinity or a value too large"),
    "above one": (spoilt(1.01), r"\[0, 1\]"),
    "below zero": (spoilt(-1e-3), r"\[0, 1\]"),
    "below zero csr": (sp.csr_matrix(spoilt(-1e-3)), r"\[0, 1\]"),
    "integers": (spoilt(2, dtype=int), r"\[0, 1\]"),
    "narrow": (np.zeros((N, D - 1)), "features"),
    "wide": (np.zeros((N, D + 1), np.float32), "features"),
    "wide csr": (sp.csr_matrix((N, D + 1)), "features"),
    "no rows": (np.zeros((0, D), np.float32), r"0 sample"),
    "no columns": (np.zeros((N, 0)), r"0 feature|features"),
    "1-d": (np.zeros(D), "2D|dimension"),
    "3-d": (np.zeros((N, D, 1)), "dim"),
    "scalar": (0.5, "2D|scalar"),
    "complex": (np.zeros((N, D), complex), "(?i)complex"),
    "strings": (np.full((N, D), "grey"), "(?i)str"),
    "objects": (np.full((N, D), "grey", object), "(?i)str"),
    "ragged": ([[0.0, 1.0], [0.0]], "(?i)inhomogeneous|sequence"),
}
METHODS = {
    "partial_fit": lambda model, X: model.partial_fit(X),
    "transform": lambda model, X: model.transform(X),
    "reconstruct": lambda model, X: model.reconstruct(X),
    "score_samples": lambda model, X: model.score_samples(X),
    "score": lambda model, X: model.score(X),
    "bound_and_gradient": lambda model, X: model.bound_and_gradient(X),
    "Trainer": lambda model, X: Trainer(model, X).step(),
    "Evaluator": lambda model, X: Evaluator(model).bound(X),
}


def everything(model):
    said = {name: weight.tobytes() for name, weight in model.weights_.items()}
    names = ["n_samples_seen_", "n_steps_", "n_features_in_", "likelihood_", "columns_"]
    said |= {name: getattr(model, name) for name in names} | {"params": model.get_params()}
    history = {name: repr(list(v)) for name, v in model.history_.items() if name != "seconds"}
    return said | {"history": history, "attributes": sorted(vars(model))}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bad", BAD_ROWS)
def test_bad_rows_are_named(grey, bad, method):
    X, message = BAD_ROWS[bad]
    model = small(likelihood="bernoulli").fit(grey)
    before = everything(model)
    with pytest.raises(ValueError, match=message):
        METHODS[method](model, X)
    assert everything(model) == before


@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize("bad", sorted(set(BAD_ROWS) - {"narrow", "wide", "wide csr"}))
def test_a_fit_that_fails_leaves_the_estimator_as_it_was(grey, bad, fitted):
    X, message = BAD_ROWS[bad]
    model, control = small(likelihood="bernoulli"), small(likelihood="bernoulli")
    if fitted:
        model.fit(grey), control.fit(grey)
    before = sorted(vars(model))
    for fit in (model.fit, model.partial_fit)[: 1 if fitted else 2]:
        with pytest.raises(ValueError, match=message):
            fit(X)
        assert sorted(vars(model)) == before
    model.partial_fit(grey), control.partial_fit(grey)
    assert everything(model) == everything(control)


def test_scaling_beyond_float32_is_named():
    with pytest.raises(ValueError, match="float32"):
        small(scale=1e30, likelihood="gaussian").fit(spoilt(1e30))
    model = small(scale=1e30, likelihood="gaussian").fit(spoilt(1e-30) * 1e-30)
    with pytest.raises(ValueError, match="float32"):
        model.transform(spoilt(1e30))


@pytest.mark.parametrize(("Z", "name"), [
    (np.zeros((4, 3)), r"\bZ\b"),
    (np.zeros(2), r"\bZ\b|2D"),
    (np.full((4, 2), np.nan), r"\bZ\b.*NaN|NaN.*\bZ\b"),
    (np.full((4, 2), np.inf, np.float32), r"\bZ\b"),
    (np.full((4, 2), "a"), "(?i)str"),
])  # fmt: skip
def test_bad_codes_are_named(grey, Z, name):
    with pytest.raises(ValueError, match=name):
        small().fit(grey).inverse_transform(Z)


@pytest.mark.parametrize(
    "noise",
    [
        np.zeros((N, 2), np.float32),
        np.zeros((1, N - 1, 2), np.float32),
        np.zeros((1, N, 3), np.float32),
        np.zeros((0, N, 2), np.float32),
        np.full((1, N, 2), np.nan, np.float32),
        "noise",
    ],
)
def test_bad_noise_is_named(grey, noise):
    with pytest.raises((ValueError, TypeError), match="noise"):
        small().fit(grey).bound_and_gradient(grey, noise)


@pytest.mark.parametrize("n_samples", [0, -1, 1.5, "many", None])
def test_bad_sample_counts_are_named(grey, n_samples):
    with pytest.raises((ValueError, TypeError), match="n_samples"):
        small().fit(grey).sample(n_samples)


BAD_PARAMETERS = {
    "n_components": [0, -1, 2.5, "two", None],
    "hidden_layer_sizes": [(0,), (-3,), (2.5,), "ab", (5, None)],
    "activation": ["swish", None, 3],
    "likelihood": ["poisson", None],
    "bound_estimator": ["elbo", None],
    "n_draws": [0, -1, 1.5, "one"],
    "optimizer": ["lbfgs", None],
    "learning_rate": [0, -1, np.nan, np.inf, "fast", None],
    "weight_decay": [-1, np.nan, np.inf, "some"],
    "init_scale": [-1, np.nan, np.inf, "small"],
    "batch_size": [0, -5, 2.5, "all"],
    "n_epochs": [-1, 1.5, "few", None],
    "binarize": ["yes", 0.5],
    "scale": ["pixels", np.nan, np.inf, None],
    "early_stopping": ["yes", None, 1],
    "validation_fraction": [-0.1, 0.0, 1.0, 1.5, np.nan, "half"],
    "patience": [-1, 1.5, "long"],
    "n_threads": [0, -2, 2.5, "two"],
    "random_state": ["seed", -1, 1.5],
    "warm_start": ["yes"],
    "verbose": ["loud"],
}
CASES = [(name, value) for name, values in BAD_PARAMETERS.items() for value in values]


@pytest.mark.parametrize(("name", "value"), CASES)
def test_bad_parameters_are_named_at_fit(grey, name, value):
    # By scikit-learn's convention, the constructor checks nothing.
    model = AEVB(**{"n_components": 2, name: value})
    before = sorted(vars(model))
    for fit in (model.fit, model.partial_fit):
        with pytest.raises((ValueError, TypeError), match=name):
            fit(grey)
        assert sorted(vars(model)) == before
    fitted = small().fit(grey)
    good = everything(fitted)
    with pytest.raises((ValueError, TypeError), match=name):
        fitted.set_params(**{name: value}).fit(grey)
    fitted.set_params(**{name: small().get_params()[name]})
    assert everything(fitted) == good


# ------------------------------------------------------------------------------------ divergence
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian", "bounded-gaussian"])
def test_divergence_is_said_and_undone(grey, likelihood):
    wild = {"optimizer": "sgd", "likelihood": likelihood, "learning_rate": 1e6}
    model = small(**wild)
    before = sorted(vars(model))
    for fit in (model.fit, model.partial_fit):
        with pytest.raises(DivergenceError, match=r"step \d+") as caught:
            fit(grey)
        assert "learning_rate" in str(caught.value)
        assert isinstance(caught.value, ArithmeticError)
        assert sorted(vars(model)) == before

    tame = dict(wild, learning_rate=1e-4)
    model, control = small(**tame).fit(grey), small(**tame).fit(grey)
    for attempt in ("partial_fit", "fit", "warm fit"):
        model.set_params(learning_rate=1e6, warm_start=attempt == "warm fit")
        with pytest.raises(DivergenceError):
            model.partial_fit(grey) if attempt == "partial_fit" else model.fit(grey)
        model.set_params(learning_rate=1e-4, warm_start=False)
        assert everything(model) == everything(control)
    model.partial_fit(grey), control.partial_fit(grey)
    assert everything(model) == everything(control)
