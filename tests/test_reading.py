"""Reading X: feature names, ranges, the choice by "auto", and names of arguments in errors."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from aevb import AEVB, MCEM, Evaluator, Trainer, WakeSleep, sample_posterior
from aevb.data import validation
from aevb.data.validation import check_data, value_range

N, D = 12, 4
NAMES = list("abcd")
X = np.random.default_rng(0).random((N, D))
FRAME = pd.DataFrame(X, columns=NAMES)
SMALL = {"hidden_layer_sizes": (3,), "n_epochs": 1, "random_state": 0}
FEW = SMALL | {"n_draws": 2, "n_leapfrog": 2}
FLOAT32_MAX = float(np.finfo(np.float32).max)


def small(**changes):
    return AEVB.published(2, **SMALL | changes)


ENCODER = {
    "transform": lambda m, X: m.transform(X),
    "reconstruct": lambda m, X: m.reconstruct(X),
    "score_samples": lambda m, X: m.score_samples(X),
    "score": lambda m, X: m.score(X),
}
READ = ENCODER | {
    "bound_and_gradient": lambda m, X: m.bound_and_gradient(X),
    "bound": lambda m, X: Evaluator(m).bound(X),
    "importance": lambda m, X: Evaluator(m).log_likelihood(X, n_draws=2),
    "ais": lambda m, X: Evaluator(m).log_likelihood(X, "ais", n_draws=2, n_temperatures=2),
    "active_units": lambda m, X: Evaluator(m).active_units(X),
    "sample_posterior": lambda m, X: sample_posterior(m, X, 1, n_warmup=1),
    "impute": lambda m, X: m.impute(X, np.zeros((N, D), bool), n_iterations=1),
    "impute by importance": lambda m, X: m.impute(
        X, np.zeros((N, D), bool), sampler="importance", n_draws=2
    ),
    "conditional": lambda m, X: Evaluator(m).conditional_log_likelihood(X, 0, n_draws=2),
    "Trainer": lambda m, X: Trainer(m, X),
    "X_val": lambda m, X: Trainer(m, FRAME, X_val=X),
    "partial_fit": lambda m, X: m.partial_fit(X),
}


# -------------------------------------------------------------------------------- feature names
@pytest.mark.parametrize("method", READ)
def test_an_array_in_the_place_of_a_frame_is_warned_of(method):
    """The array is read as if its columns had the names. A frame with them gives no warning."""
    model = small().fit(FRAME)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        READ[method](model, FRAME)
    model = small().fit(FRAME)
    with pytest.warns(UserWarning, match="X does not have valid feature names, but AEVB was"):
        READ[method](model, X)


@pytest.mark.parametrize("method", READ)
def test_columns_of_other_names_or_in_another_order_are_an_error(method):
    model = small().fit(FRAME)
    for wrong in (FRAME[NAMES[::-1]], FRAME.rename(columns={"a": "e"})):
        with pytest.raises(ValueError, match="feature names should match"):
            READ[method](model, wrong)


@pytest.mark.parametrize("method", sorted(READ.keys() - {"X_val"}))
def test_a_frame_in_the_place_of_an_array_is_warned_of(method):
    with pytest.warns(UserWarning, match="X has feature names, but AEVB was fitted without"):
        READ[method](small().fit(X), FRAME)


@pytest.mark.parametrize(
    "kind", [WakeSleep.published(2, **SMALL), MCEM.published(2, **FEW)], ids=["WakeSleep", "MCEM"]
)
@pytest.mark.parametrize("method", ENCODER)
def test_the_other_kinds_look_at_names_too(kind, method):
    model = kind.fit(FRAME)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        READ[method](model, X)
    with pytest.raises(ValueError, match="feature names should match"):
        READ[method](model, FRAME[NAMES[::-1]])


# ------------------------------------------------------------------------------- ranges of values
VIEWS = {
    "rows": np.ascontiguousarray,
    "columns": np.asfortranarray,
    "every other": lambda x: np.repeat(np.repeat(x, 2, 0), 2, 1)[::2, ::2],
    "backwards": lambda x: np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1],
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 41), (41, 1), (7, 5), (5, 16), (9, 17), (40, 3)])
def test_no_value_at_any_border_of_a_block_is_overlooked(shape, view, monkeypatch):
    """Blocks of 16 values here: each place is at the border of some block, or in the midst."""
    monkeypatch.setattr(validation, "_BLOCK_BYTES", 128)
    for at in np.ndindex(shape):
        x = np.zeros(shape)
        x[at] = -2.5
        assert value_range(VIEWS[view](x)) == (-2.5, 0.0 if x.size > 1 else -2.5)
        x[at] = 7
        assert value_range(VIEWS[view](x)) == (0.0 if x.size > 1 else 7, 7)
        x[at] = np.nan
        assert np.isnan(value_range(VIEWS[view](x))).all()
    if view == "rows":
        assert value_range(np.arange(40.0)) == (0, 39)  # the values of a sparse matrix
    assert value_range(np.zeros((0,))) == (0, 0)


@pytest.mark.parametrize("X", [
    [[0.25, 0.5], [0.75, 2.0]],
    [[-3.0, -0.5], [-0.25, -2.0]],
    [[0.0, 0.5], [0.25, 0.0]],
    [[0.0, -0.5], [-0.25, -1.0]],
    [[0.0, 0.0], [0.0, 0.0]],
])  # fmt: skip
def test_what_is_not_stored_is_zero(X):
    X = np.array(X)
    for given in (X, sp.csr_array(X), sp.coo_array(X), sp.csc_matrix(X)):
        data = check_data(small(), given, is_new=True)
        assert (data.low, data.high, data.n_rows) == (X.min(), X.max(), 2)


@pytest.mark.parametrize("make", [np.asarray, sp.csr_array, pd.DataFrame])
def test_the_ends_of_the_unit_interval_are_in_it(make):
    above, below = 1 + 2e-6, -2e-6  # by more than the slack
    for ends, likelihood in [
        ((0.0, 1.0), "bernoulli"),
        ((0.0, above), "gaussian"),
        ((below, 1.0), "gaussian"),
    ]:
        rows = np.array([[1.0, ends[0]], [ends[1], 0.0]])
        model = small(learning_rate=1e-6).fit(make(rows))
        assert model.likelihood_ == likelihood
        assert small(binarize="threshold").fit(make(rows)).likelihood_ == "bernoulli"
        for options in ({"likelihood": "bernoulli"}, {"binarize": "dynamic"}):
            if likelihood == "bernoulli":
                small(**options).fit(make(rows))
                continue
            with pytest.raises(ValueError, match=r"^X: got values from .* in \[0, 1\]; rescale X"):
                small(**{"likelihood": "bernoulli"} | options).fit(make(rows))


def test_ranges_are_those_of_scaled_values():
    X = np.array([[0.0, 4.0], [4.0, 0.0]])
    assert small(scale=0.25).fit(X).likelihood_ == "bernoulli"
    assert small(scale=0.25 * (1 + 2e-6)).fit(X).likelihood_ == "gaussian"
    model = small(scale=0.25).fit(X)
    for wrong in (X + 0.01, sp.csr_array(X + 0.01), X - 0.01, pd.DataFrame(X - 0.01)):
        with pytest.raises(ValueError, match=r"the Bernoulli likelihood wants .* 0\.25\)"):
            model.transform(wrong)


@pytest.mark.parametrize(("dtype", "high", "scale"), [
    ("u1", 1, 1.0),
    ("u1", 249, "standard"),
    ("u1", 250, 1 / 255),
    ("u1", 255, 1 / 255),
    ("?", 1, 1.0),
    ("i1", 100, "standard"),
    ("u2", 249, "standard"),
    ("f4", 249, "standard"),
])  # fmt: skip
@pytest.mark.parametrize("make", [np.asarray, sp.csr_matrix])
def test_bytes_of_images_are_pixels(make, dtype, high, scale):
    X = np.tile(np.array([[0, 1], [high, 0]]).astype(dtype), (1, 16))
    model = small(learning_rate=1e-6).fit(make(X))
    assert model._state.scale == scale
    assert model.columns_[0].family == ("gaussian" if scale == "standard" else "bernoulli")
    half = small(scale=0.5, learning_rate=1e-6, likelihood="gaussian").fit(make(X))
    assert half.columns_ == [(f"x{i}", "gaussian", 0.0, 0.5, ()) for i in range(32)]


@pytest.mark.parametrize("make", [np.asarray, np.asfortranarray, sp.csr_array, pd.DataFrame])
@pytest.mark.parametrize("scale", [0.5, 1.0, 4.0])
def test_values_go_up_to_float32s_largest(make, scale):
    """A threshold takes all of them. Values that are scaled down must be in range before, too."""
    model = small(binarize="threshold", scale=scale)
    most = FLOAT32_MAX / max(scale, 1.0)
    inside = make(np.array([[most, -most], [1, 0]]))
    assert np.isfinite(model.fit(inside).transform(inside)).all()
    for wrong in (most * 1.001, -most * 1.001):
        outside = make(np.array([[0, 1], [0, wrong]]))
        for call in (model.fit, model.transform, model.score_samples):
            with pytest.raises(ValueError, match="float32"):
                call(outside)


def test_rounding_alone_puts_nothing_out_of_range():
    """The largest value scales to 1 in float64, and to more than 1 in the core's float32."""
    largest = next(
        a
        for a in np.random.default_rng(0).uniform(1, 100, 1000)
        if a * (1 / a) <= 1 and np.float32(a) * np.float32(1 / a) > 1
    )
    rows = largest * np.round(X)
    model = small(scale=1 / largest).fit(rows)
    assert model.likelihood_ == "bernoulli"
    for method in ("transform", "score_samples", "bound_and_gradient", "bound", "impute"):
        READ[method](model, rows)
    assert model.transform(rows).tobytes() == model.transform(pd.DataFrame(rows)).tobytes()
    rows[3, 2] *= 1.001
    with pytest.raises(ValueError, match=r"X: got values from 0.0 to .* in \[0, 1\]"):
        model.transform(rows)


# ---------------------------------------------------------------------------- masked arrays
def with_one(weights, value):
    return weights | {"decoder.hidden0.weight": value}


ARGUMENTS = {
    "X of fit": ("X", X, lambda m, v: m.fit(v)),
    "X of partial_fit": ("X", X, lambda m, v: m.partial_fit(v)),
    "X of transform": ("X", X, lambda m, v: m.transform(v)),
    "X of reconstruct": ("X", X, lambda m, v: m.reconstruct(v)),
    "X of score_samples": ("X", X, lambda m, v: m.score_samples(v)),
    "X of bound_and_gradient": ("X", X, lambda m, v: m.bound_and_gradient(v)),
    "X of impute": ("X", X, lambda m, v: m.impute(v, np.zeros((N, D), bool), n_iterations=1)),
    "mask of impute": ("mask", X < 0.5, lambda m, v: m.impute(X, v, n_iterations=1)),
    "X of Trainer": ("X", X, lambda m, v: Trainer(m, v)),
    "X_val of Trainer": ("X_val: X", X, lambda m, v: Trainer(m, X, X_val=v)),
    "Z": ("Z", X[:, :2], lambda m, v: m.inverse_transform(v)),
    "noise": ("noise", np.zeros((1, N, 2)), lambda m, v: m.bound_and_gradient(X, v)),
    "weights": (
        "weights['decoder.hidden0.weight']",
        np.ones((2, 3)),
        lambda m, v: m.set_weights(with_one(m.weights_, v)),
    ),
    "X of a posterior": ("X", X, lambda m, v: sample_posterior(m, v, 1, n_warmup=1)),
    "X of bound": ("X", X, lambda m, v: Evaluator(m).bound(v)),
}


@pytest.mark.parametrize("what", ARGUMENTS)
def test_masked_values_are_refused_by_name_and_masked_arrays_without_any_read(what):
    """A value under a mask is not data."""
    name, value, call = ARGUMENTS[what]
    model = small().fit(X)
    hidden = np.ma.masked_array(value)
    hidden[(0,) * value.ndim] = np.ma.masked
    with pytest.raises(ValueError, match=f"^{re.escape(name)}: got masked values"):
        call(model, hidden)
    call(model, np.ma.masked_array(value))


@pytest.mark.parametrize("name", ["mask of impute", "X of impute", "Z", "noise", "weights"])
def test_what_must_be_dense_says_so_by_name(name):
    said, value, call = ARGUMENTS[name]
    with pytest.raises(TypeError) as caught:
        call(small().fit(X), sp.csr_array(value if value.ndim == 2 else value[0]))
    assert str(caught.value).startswith(f"{said}: got a sparse matrix or array, want a dense one")


# ------------------------------------------------------------------------------- damaged matrices
def set_at(name, at, value):
    def harm(m):
        vector = getattr(m, name).copy()
        vector[at] = value
        setattr(m, name, vector)

    return harm


def cut(name, n):
    return lambda m: setattr(m, name, getattr(m, name)[:n])


def floating(name):
    return lambda m: setattr(m, name, getattr(m, name).astype(float))


OUTER_DAMAGES = {
    "an index below 0": set_at("indices", 1, -1),
    "an index too high": set_at("indices", -1, N),
    "indices that are no integers": floating("indices"),
    "fewer indices": cut("indices", -1),
    "fewer values": cut("data", -1),
    "a start above 0": set_at("indptr", 0, 1),
    "an end beyond": set_at("indptr", -1, N * D + 1),
    "an end before": set_at("indptr", -1, 0),
    "a fall": set_at("indptr", 1, N * D),
    "a start too few": cut("indptr", -1),
    "starts that are no integers": floating("indptr"),
}
COORDINATE_DAMAGES = {
    "a row below 0": lambda m: m.row.__setitem__(1, -1),
    "a row too high": lambda m: m.row.__setitem__(1, N),
    "a column below 0": lambda m: m.col.__setitem__(1, -1),
    "a column too high": lambda m: m.col.__setitem__(1, D),
    "fewer values": cut("data", -1),
}
DAMAGES = [
    (form, what, harm) for form in ("csr", "csc", "bsr") for what, harm in OUTER_DAMAGES.items()
] + [("coo", what, harm) for what, harm in COORDINATE_DAMAGES.items()]


@pytest.mark.parametrize(
    ("form", "harm"), [pytest.param(f, h, id=f"{f} {w}") for f, w, h in DAMAGES]
)
def test_a_damaged_matrix_is_refused_before_anybody_walks_along_its_indices(form, harm):
    model = small().fit(X)
    whole = sp.coo_matrix(X).asformat(form)
    assert model.transform(whole).tobytes() == model.transform(X).tobytes()
    harm(whole)
    for call in (model.transform, model.fit, model.partial_fit, model.score_samples):
        with pytest.raises(ValueError, match=f"^X: got a damaged {form.upper()} matrix: its index"):
            call(whole)


def test_indices_end_with_the_last_column():
    """The check knows each format's number of columns or rows. An index must be below it."""
    model = small().fit(X)
    for form, n in (("csr", D), ("csc", N)):
        whole = sp.coo_matrix(X).asformat(form)
        whole.indices = whole.indices.copy()
        assert whole.indices.max() == n - 1
        whole.indices[np.argmax(whole.indices)] = n
        with pytest.raises(ValueError, match="damaged"):
            model.transform(whole)
