"""Columns of the data in their places: numbers, and variables with a column of x for each level."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from engines import SETTINGS, data_of, engine
from teams import team_of
from test_bounds import Case, random_rows
from test_families import assert_decodes
from test_gather import DTYPES, LAYOUTS, dense, numbers
from test_missing import assert_same_bits, results, with_holes

from aevb import _core
from aevb.core.engine import Rows

BLOCKS = (("gaussian", 3), ("bernoulli", 2), ("categorical", (4, 2)), ("ordinal", (5,)))
D, N_VARIABLES = 16, 8
ORDER = np.array([5, 0, 7, 4, 2, 1, 6, 3])  # for each column of the data, its variable
PLACES = np.array([0, 1, 2, 3, 4, 5, 9, 11])[ORDER].tolist()
LEVELS = np.array([0, 0, 0, 0, 0, 4, 2, 5])[ORDER].tolist()
LOCATION = np.where(LEVELS, 0.0, np.arange(8) - 3.5)
SCALE = np.where(LEVELS, 1.0, 1.7 ** np.arange(8))
IN_PLACE = ("contiguous", "fortran", "strided", "columns apart", "reversed", "csr", "long csr")


def config(**changes):
    return _core.Config(**SETTINGS | {"n_visible": D, "likelihood": BLOCKS} | changes)


def model_of(**changes):
    units = {"location": LOCATION, "scale": SCALE, "places": PLACES, "levels": LEVELS}
    return _core.Model(config(), **units | changes)


def mirror(n_inputs, **changes):
    """A model that encodes what its encoder reads."""
    settings = {"activation": "identity", "init_scale": 0}
    settings |= {"n_components": n_inputs, "hidden_layer_sizes": [n_inputs]} | changes
    units = {"location": LOCATION, "scale": SCALE, "places": PLACES, "levels": LEVELS}
    model = _core.Model(config(**settings), **units)
    weights = model.arrays("weights")
    weights["encoder.hidden0.weight"][:] = weights["encoder.mean.weight"][:] = np.eye(n_inputs)
    model.set_arrays(weights, "weights")
    return model


def rows_of(X, **options):
    if sp.issparse(X):
        return Rows.csr(X.data, X.indices, X.indptr, X.shape[1], **options)
    return Rows(X, **options)


def expected(X):
    """The rows of x, naively."""
    x = np.zeros((len(X), D), np.float32)
    for column, (place, n_levels) in enumerate(zip(PLACES, LEVELS, strict=True)):
        values = X[:, column].astype(np.float64)
        if n_levels > 0:
            x[np.arange(len(X)), place + values.astype(int)] = 1
        else:
            x[:, place] = (values - LOCATION[column]) * SCALE[column]
    return x


def data(dtype, n=37):
    X, rng = numbers(dtype, (n, N_VARIABLES)), np.random.default_rng(1)
    for column, n_levels in enumerate(LEVELS):
        if n_levels > 0:
            X[:, column] = rng.integers(0, 2 if X.dtype == bool else n_levels, n)
    return X


# --- reading ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", IN_PLACE)
def test_each_column_goes_to_its_place(layout, dtype):
    X = LAYOUTS[layout](data(dtype))
    read = mirror(D).encode(rows_of(X), n_threads=1)
    np.testing.assert_array_equal(read, expected(dense(X)))


@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("layout", IN_PLACE)
def test_a_missing_value_has_a_zero_in_each_of_its_columns(layout, dtype):
    """Which variables are missing stands after x, in the order of x."""
    given = LAYOUTS[layout](with_holes(np.random.default_rng(2), data(dtype)))
    X = dense(given)
    assert X.dtype == np.dtype(dtype)
    holes = np.isnan(X)
    x = expected(np.nan_to_num(X))
    for column, (place, n_levels) in enumerate(zip(PLACES, LEVELS, strict=True)):
        x[holes[:, column], place : place + max(1, n_levels)] = 0
    in_order = np.empty_like(holes)
    in_order[:, ORDER] = holes
    rows = rows_of(given, holes=True)
    np.testing.assert_array_equal(mirror(D).encode(rows, n_threads=1), x)
    read = mirror(D + N_VARIABLES, mask_inputs=True).encode(rows, n_threads=1)
    np.testing.assert_array_equal(read, np.hstack([x, in_order]))


def test_complete_data_have_a_mask_of_zeros():
    X = data("d")
    read = mirror(D + N_VARIABLES, mask_inputs=True).encode(Rows(X), n_threads=1)
    np.testing.assert_array_equal(read, np.hstack([expected(X), np.zeros(X.shape)]))


def test_the_order_of_the_columns_does_not_matter(isa):
    """The bits of all results are those of data in the order of x."""
    case = Case(BLOCKS, "analytic-kl", (5,), "tanh", 1, 30, D, 2)
    natural = engine(D, likelihood=BLOCKS)
    X = with_holes(np.random.default_rng(3), data_of(natural, random_rows(case, RNG(4), 30)))
    jacobians = np.where(np.arange(N_VARIABLES) < 3, np.arange(N_VARIABLES) / 8, 0)
    units = [0.0] * N_VARIABLES, [1.0] * N_VARIABLES, jacobians.sum()
    places, levels = (np.array(natural.units[i]) for i in (4, 5))
    one = _core.Model(natural.config, *units, jacobians, places.tolist(), levels.tolist())
    other = _core.Model(natural.config, *units, jacobians[ORDER], places[ORDER], levels[ORDER])
    other.set_arrays(one.arrays("weights"), "weights")
    assert_same_bits(results(one, X), results(other, X[:, ORDER]))
    bounds = [results(m, X)[0] for m in (natural, one)]
    change = np.where(np.isnan(X), 0, jacobians).sum(1)
    np.testing.assert_allclose(bounds[1], bounds[0] + change, rtol=1e-12)


RNG = np.random.default_rng


def test_the_units_are_what_was_given():
    log_jacobians = np.where(LEVELS, 0, np.log(SCALE))
    units = LOCATION, SCALE, log_jacobians.sum(), log_jacobians, PLACES, LEVELS
    model = _core.Model(config(), *units)
    for one in (model, model.copy()):
        for got, want in zip(one.units, units, strict=True):
            np.testing.assert_array_equal(got, want)


# --- decoding ---------------------------------------------------------------------------------


@pytest.mark.parametrize("likelihood", [BLOCKS, BLOCKS[::-1]], ids=["first", "last"])
def test_decoded_means_are_the_twins(isa, likelihood):
    assert_decodes(likelihood, D)


def test_two_threads_draw_the_same_bits(isa):
    def said(n_threads):
        model = engine(D, likelihood=BLOCKS, hidden_layer_sizes=[70])
        with team_of(n_threads):
            x, z = model.sample(50, seed=4, n_threads=n_threads)
            return x, z, model.decode(z, n_threads=n_threads)

    assert_same_bits(said(1), said(2))


def test_imputed_levels_have_their_probabilities(isa):
    """The decoder's outputs are constant, so means are these, and draws have one 1 per variable."""
    model = engine(D, likelihood=BLOCKS)
    weights = {name: 0 * a for name, a in model.arrays("weights").items()}
    a = np.float32([0.5, -0.3, 0, 0.2, -1, 1])
    weights["decoder.categorical.logits.bias"] = a
    model.set_arrays(weights, "weights")
    means = model.decode(np.zeros((1, 2), np.float32), n_threads=1)[0]
    p = [np.exp(part) / np.exp(part).sum() for part in (a[:4], a[4:])]
    np.testing.assert_allclose(means[5:11], np.concatenate(p), rtol=1e-6)

    x = np.zeros((2, D), np.float32)
    x[:, [5, 9, 11]] = 1
    missing = np.zeros((2, D), bool)
    missing[0, 5:9] = missing[1, 9:] = True
    options = {"n_starts": 1, "n_iterations": 9, "seed": 1, "n_threads": 1}
    data = data_of(model, x).astype(np.float64)
    for row, place in ((0, 5), (1, 9), (1, 11)):
        data[row, PLACES.index(place)] = np.nan
    rows = Rows(data, holes=True)
    for method in ("mean", "mode", "sample"):
        filled = _core.impute(model, rows, method=method, **options)
        if method == "sample":
            assert set(filled[missing]) == {0, 1}
        else:
            np.testing.assert_allclose(filled[missing], np.tile(means, (2, 1))[missing], rtol=1e-5)
        for row, columns in ((0, slice(5, 9)), (1, slice(9, 11)), (1, slice(11, 16))):
            assert filled[row, columns].sum() == pytest.approx(1, abs=1e-5)


# --- what is refused --------------------------------------------------------------------------


def changed(values, at, value):
    return [value if i == at else old for i, old in enumerate(values)]


@pytest.mark.parametrize(
    ("units", "message"),
    [
        ({"places": [], "levels": []}, "places, levels: want those of the columns with levels"),
        ({"places": []}, "places, levels: want none, or as many as location has"),
        ({"levels": LEVELS[:-1]}, "places, levels: want none, or as many as location has"),
        (
            {"places": PLACES[:-1], "levels": LEVELS[:-1]},
            "places, levels: want none, or as many as location has",
        ),
        ({"location": LOCATION[:-1]}, "scale: want as many values as location has"),
        (
            {"location": LOCATION[:-1], "scale": SCALE[:-1], "places": PLACES[:-1]}
            | {"levels": LEVELS[:-1]},
            "location, scale: want one value per column",
        ),
        ({"log_jacobians": [0.0]}, "log_jacobians: want as many as location has"),
        ({"places": changed(PLACES, 1, 16)}, "places: want columns of x"),
        ({"places": changed(PLACES, 0, 13)}, "places: want columns of x"),
        ({"places": changed(PLACES, 1, 1)}, "places, levels: want each column of x once"),
        ({"places": changed(PLACES, 6, 4)}, "places, levels: want each column of x once"),
        ({"levels": changed(LEVELS, 0, 3)}, "places, levels: want each column of x once"),
        ({"levels": changed(LEVELS, 1, 1)}, "places, levels: .* the levels of the likelihoods"),
        ({"levels": changed(LEVELS, 6, 0)}, "places, levels: .* the levels of the likelihoods"),
        # no memory is taken for what does not fit
        (
            {"levels": changed(LEVELS, 0, 2**32 - 1), "log_jacobians": np.ones(N_VARIABLES)},
            "places: want columns of x",
        ),
    ],
)
def test_a_layout_that_does_not_fit_is_refused(units, message):
    with pytest.raises(ValueError, match=message):
        model_of(**units)


@pytest.mark.parametrize("name", ["places", "levels"])
@pytest.mark.parametrize("value", [-1, 1.5, "a", 2**70])
def test_places_and_levels_are_whole_numbers(name, value):
    with pytest.raises(TypeError):
        model_of(**{name: changed({"places": PLACES, "levels": LEVELS}[name], 1, value)})


def test_a_level_more_or_fewer_is_another_likelihood():
    """As many columns of x in all, with the levels of the two variables exchanged."""
    levels = np.array(LEVELS)
    levels[[0, 6]] = levels[[6, 0]]
    places = np.array(PLACES)
    places[6] = 7
    with pytest.raises(ValueError, match="the levels of the likelihoods"):
        model_of(places=places.tolist(), levels=levels.tolist())


@pytest.mark.parametrize("n", [N_VARIABLES - 1, D])
def test_the_data_have_a_column_for_each_variable(n):
    with pytest.raises(ValueError, match=f"X: got {n} columns, want {N_VARIABLES}"):
        model_of().encode(Rows(np.zeros((3, n))), n_threads=1)


@pytest.mark.parametrize(
    ("likelihood", "message"),
    [
        ("categorical", "likelihood: 'categorical' wants the number of levels of each variable"),
        ([("ordinal", 16)], "likelihood: 'ordinal' wants the number of levels of each variable"),
        ([("gaussian", [9, 7])], "likelihood: 'gaussian' has no levels, want a number of columns"),
        ([("ordinal", [15, 1])], "likelihood: 'ordinal' wants at least 2 levels for each variable"),
        ([("categorical", [16, 0])], "likelihood: 'categorical' wants at least 1 levels"),
        ([("categorical", [9, 6])], "likelihood: got 15 columns, want n_visible = 16"),
        ([("categorical", []), ("gaussian", 16)], "likelihood: got 0, want at least 1"),
        ([("ordinal", [8]), ("ordinal", [8])], "likelihood: got 'ordinal' twice"),
    ],
)
def test_a_likelihood_that_does_not_fit_is_refused(likelihood, message):
    with pytest.raises(ValueError, match=message):
        config(likelihood=likelihood)


@pytest.mark.parametrize("binarize", ["threshold", "dynamic"])
def test_levels_are_not_binarised(binarize):
    with pytest.raises(ValueError, match="binarize: want none for variables with levels"):
        config(binarize=binarize)


def test_the_layout_of_a_model_is_fixed():
    model = model_of()
    others = (*BLOCKS[:2], ("categorical", (3, 3)), BLOCKS[3])
    for changes in ({"likelihood": others}, {"mask_inputs": True}):
        with pytest.raises(ValueError, match=r"config: .* are fixed"):
            model.config = config(**changes)
    model.config = config(learning_rate=0.5)


@pytest.mark.parametrize("likelihood", [BLOCKS, (("categorical", (16,)),), (("ordinal", (9, 7)),)])
def test_a_config_is_made_again_from_its_dict(likelihood):
    one = config(likelihood=likelihood)
    named = [(name, list(size) if isinstance(size, tuple) else size) for name, size in likelihood]
    assert one.as_dict()["likelihood"] == named
    other = _core.Config(**one.as_dict())
    assert other.as_dict() == one.as_dict()
    assert other.weight_shapes == one.weight_shapes


def test_weights_have_the_names_and_shapes_of_their_outputs():
    shapes = config(mask_inputs=True).weight_shapes
    assert shapes["encoder.hidden0.weight"] == (D + N_VARIABLES, 5)
    outputs = {name: shape for name, shape in shapes.items() if name.count(".") == 3}
    assert {k: v for k, v in outputs.items() if "categorical" in k or "ordinal" in k} == {
        "decoder.categorical.logits.weight": (5, 6),
        "decoder.categorical.logits.bias": (6,),
        "decoder.ordinal.location.weight": (5, 1),
        "decoder.ordinal.location.bias": (1,),
        "decoder.ordinal.cut_points.bias": (4,),
    }
