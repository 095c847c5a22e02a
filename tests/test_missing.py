"""Missing values: NaN in the data. The likelihood leaves them out, and the encoder reads 0."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
import scipy.sparse as sp
from engines import SETTINGS, data_of, draws, engine
from hooks import kernels
from likelihoods import Observed, twin
from oracle import U, assert_close
from teams import late_thread, slow_thread, team_of
from test_bounds import Case, assert_bound_and_gradient, random_rows
from test_families import CATALOGUE, SIZES, ask, float64

from aevb import AEVB, WakeSleep, _core
from aevb.core.catalogue import LIKELIHOODS
from aevb.core.engine import Rows

LATENT, DREAM_LATENT, DREAM_VISIBLE = 2, 10, 11  # streams of noise
MIXED = (("gaussian", 3), ("bernoulli", 2), ("categorical", (4, 2)), ("ordinal", (5, 70)))
MIXED_COLUMNS = 3 + 2 + 6 + 75
likelihoods = pytest.mark.parametrize("likelihood", LIKELIHOODS)
masks = pytest.mark.parametrize("mask_inputs", [False, True], ids=["zeros", "masks"])


def with_holes(rng, x, share=0.4):
    """A copy of x with missing values. The first row has nothing, the second row all."""
    holes = rng.random(x.shape) < share
    holes[:1], holes[1:2] = True, False
    return np.where(holes, np.float32(np.nan), x)


# --- the kernels ------------------------------------------------------------------------------


@likelihoods
def test_the_kernel_is_the_sum_over_what_is_observed(vectors, likelihood):
    rng, own = np.random.default_rng(0), Observed(likelihood)
    for d in SIZES[:45:2]:
        outputs, complete = own.examples(rng, 7, d)
        x = with_holes(rng, complete)
        hidden = [np.where(np.isnan(x), np.float32(odd), a) for a in outputs for odd in [np.nan]]
        for given in (outputs, hidden):  # the outputs of missing values do not matter
            r, gradients = kernels.likelihood(likelihood, given, x, holes=True)
            exact = float64(outputs), np.float64(x)
            expected_r, expected = own.log_p(*exact)
            error_r, errors = own.error(*exact)
            assert_close(r, expected_r, error_r, f"{likelihood} {d} r")
            assert r[0] == 0
            for name, *of_one in zip(own.OUTPUTS, gradients, expected, errors, strict=True):
                assert_close(*of_one, f"{likelihood} {d} d{name}")
                assert (of_one[0][np.isnan(x)] == 0).all()
            none, alone = kernels.likelihood(likelihood, given, x, with_r=False, holes=True)
            assert (none == 0).all()
            for one, other in zip(gradients, alone, strict=True):
                np.testing.assert_array_equal(one, other)


@likelihoods
def test_without_holes_both_kernels_have_the_same_bits(vectors, likelihood):
    outputs, x = twin(likelihood).examples(np.random.default_rng(1), 5, 70)
    r, gradients = kernels.likelihood(likelihood, outputs, x)
    other_r, others = kernels.likelihood(likelihood, outputs, x, holes=True)
    np.testing.assert_array_equal(r, other_r)
    for one, other in zip(gradients, others, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_encoder_reads_zero_for_a_missing_value(vectors):
    rng = np.random.default_rng(2)
    for d in SIZES:
        x = with_holes(rng, rng.normal(scale=100, size=(3, d)).astype(np.float32))
        np.testing.assert_array_equal(kernels.read_inputs("as-is", x), np.nan_to_num(x))


def test_the_encoder_reads_the_logarithm_of_counts(vectors):
    """1 + x has one rounding, an absolute error of u in the logarithm, which is within 8 u."""
    rng = np.random.default_rng(3)
    for d in SIZES:
        x = with_holes(rng, rng.poisson(10.0 ** rng.uniform(-1, 8, (3, d))).astype(np.float32))
        expected = np.log1p(np.nan_to_num(np.float64(x)))
        got = kernels.read_inputs("log1p", x)
        assert_close(got, expected, U + 8 * U * expected, f"log1p {d}")
        assert (got[np.isnan(x)] == 0).all()


# --- the bound and its gradient ---------------------------------------------------------------


@masks
@likelihoods
def test_the_models_bound_and_gradient_are_the_twins(vectors, likelihood, mask_inputs):
    case = Case(likelihood, "analytic-kl", (7,), "tanh", 2, 23, 70, 3)
    case = case._replace(missing=0.4, mask_inputs=mask_inputs)
    assert_bound_and_gradient(case, *ask(case))


@masks
@pytest.mark.parametrize("objective", CATALOGUE["objective"])
def test_every_objective_leaves_out_what_is_missing(vectors, objective, mask_inputs):
    case = Case("gaussian", objective, (7,), "tanh", 3, 16, 13, 3)
    case = case._replace(missing=0.4, mask_inputs=mask_inputs)
    assert_bound_and_gradient(case, *ask(case))


@masks
@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("objective", ["analytic-kl", "importance-weighted"])
@pytest.mark.parametrize("order", [1, -1], ids=["first", "last"])
def test_a_mixed_model_adds_its_blocks(vectors, order, objective, missing, mask_inputs):
    case = Case(MIXED[::order], objective, (9, 7), "tanh", 2, 37, MIXED_COLUMNS, 3)
    case = case._replace(missing=missing, mask_inputs=mask_inputs)
    assert_bound_and_gradient(case, *ask(case))


@masks
@pytest.mark.parametrize("likelihood", [(("categorical", (3, 66)),), (("ordinal", (7, 60)),)])
def test_a_block_of_levels_alone(vectors, likelihood, mask_inputs):
    case = Case(likelihood, "monte-carlo", (7,), "tanh", 2, 23, sum(likelihood[0][1]), 3)
    case = case._replace(missing=0.3, mask_inputs=mask_inputs)
    assert_bound_and_gradient(case, *ask(case))


# --- a model, and rows of its data --------------------------------------------------------------


def model_and_data(likelihood=MIXED, n=40, *, missing=0.3, units=None, **changes):
    """An untrained model, and data with holes: the first row has nothing, the second row all."""
    d = MIXED_COLUMNS if likelihood is MIXED else 9
    model = engine(d, likelihood=likelihood, **changes)
    if units is not None:
        model = _core.Model(model.config, *units)
    case = Case(likelihood, "analytic-kl", (5,), "tanh", 1, n, d, 2)
    data = data_of(model, random_rows(case, np.random.default_rng(4), n))
    return model, with_holes(np.random.default_rng(5), data, missing)


def results(model, data, n_threads=1, *, rows=None):
    """All that a model says of some rows, as arrays."""
    rows = Rows(data, holes=True) if rows is None else rows
    some = {"begin": 0, "size": len(data), "seed": 3, "n_threads": n_threads}
    z = np.random.default_rng(6).normal(size=(len(data), 2)).astype(np.float32)
    bound, gradient = model.bound_and_gradient(rows, None, seed=3, n_threads=n_threads)
    return [
        bound,
        *gradient.values(),
        *model.posterior(rows, n_threads=n_threads),
        *model.bound(rows, split=False, n_draws=2, **some),
        *model.importance(rows, n_draws=9, n_adaptations=0, **some),
        model.log_joint(rows, z[None], n_threads=n_threads),
        _core.content_ids(model, rows, list(range(len(data)))),
    ]


def assert_same_bits(some, others):
    for one, other in zip(some, others, strict=True):
        np.testing.assert_array_equal(one, other)


def fit(model, data, n_threads=1, **changes):
    """Train for an epoch."""
    n = len(data)
    part = {"begin": 0, "size": n, "split": False, "epoch": 0, "position": 0, "n_train": n}
    part |= {"max_steps": 99, "max_seconds": 1e9} | changes
    model.train(Rows(data, holes=True), n_threads=n_threads, **part)


def fitted_results(algorithm, mask_inputs, n_threads):
    model, data = model_and_data(algorithm=algorithm, mask_inputs=mask_inputs, batch_size=17)
    with team_of(n_threads):
        fit(model, data, n_threads)
        return [*model.arrays("weights").values(), *results(model, data, n_threads)]


@masks
@pytest.mark.parametrize("algorithm", ["aevb", "wake-sleep"])
def test_two_threads_give_the_same_bits(vectors, algorithm, mask_inputs):
    one, two = (fitted_results(algorithm, mask_inputs, n_threads) for n_threads in (1, 2))
    assert_same_bits(one, two)


@pytest.mark.parametrize("late", [late_thread, slow_thread])
@pytest.mark.parametrize("algorithm", ["aevb", "wake-sleep"])
def test_a_late_thread_changes_no_bit(algorithm, late):
    alone = fitted_results(algorithm, True, 1)
    for rank in range(3):
        with late(rank):
            assert_same_bits(alone, fitted_results(algorithm, True, 3))


def test_all_nans_are_one(vectors):
    model, data = model_and_data(mask_inputs=True)
    before = results(model, data)
    words = data.view(np.uint32)
    odd = np.random.default_rng(7).integers(1, 1 << 22, words.shape, np.uint32)
    sign = np.random.default_rng(8).integers(0, 2, words.shape, np.uint32) << 31
    words[...] = np.where(np.isnan(data), np.uint32(0x7FC00000) | odd | sign, words)
    assert len(np.unique(words[np.isnan(data)])) > 9
    assert_same_bits(before, results(model, data))


def test_a_row_without_values_has_the_divergence_alone(vectors):
    """Its bound is -KL, and its log p(x), of no values, is 0 if q(z|x) is the prior."""
    for units in (None, ([0.5] * 9, [3.0] * 9, 9 * np.log(3), [np.log(3)] * 9)):
        model, data = model_and_data("gaussian", units=units)
        data[:] = np.nan
        noise = np.zeros((1, len(data), 2), np.float32)
        rows = Rows(data, holes=True)
        bound, _ = model.bound_and_gradient(rows, noise, seed=0, n_threads=1)
        mean, deviation = (np.float64(a) for a in model.posterior(rows, n_threads=1))
        kl = 0.5 * (mean**2 + deviation**2 - 1 - 2 * np.log(deviation)).sum(1)
        assert (kl > 0).all()
        np.testing.assert_allclose(bound, -kl, rtol=1e-5, atol=1e-6)
        model.set_arrays({k: 0 * v for k, v in model.arrays("weights").items()}, "weights")
        options = {"begin": 0, "size": len(data), "n_draws": 9, "n_adaptations": 0}
        log_p = model.importance(rows, **options, seed=0, n_threads=1)[0]
        np.testing.assert_allclose(log_p, 0, atol=1e-6)


def scores(model, rows, n):
    """Every kind of log density of each row, in nats."""
    some = {"begin": 0, "size": n, "n_draws": 3, "seed": 3, "n_threads": 1}
    z = np.random.default_rng(6).normal(size=(n, 2)).astype(np.float32)
    yield model.bound_and_gradient(rows, None, seed=3, n_threads=1)[0]
    yield model.bound(rows, split=False, **some)[0]
    yield model.importance(rows, n_adaptations=0, **some)[0]
    yield model.importance(rows, n_adaptations=2, **some)[0]
    yield model.log_joint(rows, z[None], n_threads=1)
    path = {"n_leapfrog": 3, "split": False, "from_encoder": False}
    yield _core.anneal(model, rows, [0.0, 0.5, 1.0], None, **path, **some)[0]


@pytest.mark.parametrize("objective", ["analytic-kl", "importance-weighted"])
def test_scores_have_the_jacobian_of_what_is_observed(vectors, objective):
    """In units of their own, the columns' densities have the factor `scale` where x is known.

    The data are short binary fractions and the scales powers of two, so the units round nothing.
    """
    scale, location = 2.0 ** np.arange(9), np.arange(9.0)
    log_scale = np.where(np.arange(9) == 4, 0.0, np.log(scale))  # one column is no density
    units = location, scale, log_scale.sum(), log_scale
    plain, data = model_and_data("gaussian", bound_estimator=objective, n_draws=3)
    data = np.round(8 * data) / np.float32(8)
    scaled = _core.Model(plain.config, *units)
    scaled.set_arrays(plain.arrays("weights"), "weights")
    other = np.float64(data) / scale + location
    change = np.where(np.isnan(data), 0.0, log_scale).sum(1)
    assert change[0] == 0
    assert change[1] == pytest.approx(log_scale.sum())
    pairs = zip(
        scores(plain, Rows(data, holes=True), 40),
        scores(scaled, Rows(other, holes=True), 40),
        strict=True,
    )
    for ours, theirs in pairs:
        np.testing.assert_allclose(theirs, ours + change, rtol=1e-12, atol=1e-12)


# --- reading ----------------------------------------------------------------------------------


def test_a_stored_nan_of_a_sparse_matrix_is_missing(vectors):
    model, data = model_and_data("poisson", mask_inputs=True)
    data[3] = 0
    m = sp.csr_array(data)
    assert np.isnan(m.data).any()
    assert m.nnz < data.size
    rows = Rows.csr(m.data, m.indices, m.indptr, 9, holes=True)
    assert_same_bits(results(model, data), results(model, data, rows=rows))


def test_values_are_clipped_beside_missing_ones(vectors):
    model, data = model_and_data("bernoulli", mask_inputs=True)
    data[2:, ::2] *= np.float32(1.0001)
    data[5, 0], data[6, 0] = np.float32(-1e-4), np.float32(1.0001)
    rows = Rows(data, (0.0, 1.0, 2e-4), holes=True)
    assert np.nanmin(data) < 0 < 1 < np.nanmax(data)
    expected = results(model, np.clip(data, 0, 1))
    assert_same_bits(expected, results(model, data, rows=rows))


def trained(data, **changes):
    model = engine(9, batch_size=7, **changes)
    fit(model, data)
    weights = model.arrays("weights")
    assert all(np.isfinite(a).all() for a in weights.values())
    return list(weights.values())


def test_binarised_data_keep_their_holes(vectors):
    """Draws of 0 and 1 are 0 and 1, and so are those by a threshold of one half."""
    rng = np.random.default_rng(9)
    grey = with_holes(rng, rng.random((30, 9), dtype=np.float32))
    binary = np.where(np.isnan(grey), grey, np.float32(grey > 0.5))
    for masked in (False, True):
        expected = trained(binary, mask_inputs=masked)
        assert_same_bits(expected, trained(binary, mask_inputs=masked, binarize="dynamic"))
        assert_same_bits(expected, trained(grey, mask_inputs=masked, binarize="threshold"))
        complete = trained(np.nan_to_num(binary), mask_inputs=masked)
        assert any((a != b).any() for a, b in zip(expected, complete, strict=True))


# --- the algorithms ---------------------------------------------------------------------------


def test_dreams_have_the_holes_of_the_minibatch(vectors):
    """One step of wake-sleep: the encoder's step is that of the dreams, each with a row's holes."""
    rng, n, seed = np.random.default_rng(10), 10, SETTINGS["seed"]
    data = with_holes(rng, np.float32(rng.random((n, 9)) < 0.5))
    model = engine(9, algorithm="wake-sleep", mask_inputs=True, learning_rate=0.1, init_scale=1)
    before = oracle.float64(model.arrays("weights"))
    fit(model, data, max_steps=1)
    after = oracle.float64(model.arrays("weights"))

    z = np.float64(draws(seed, 0, DREAM_LATENT, 0, n, 2, 1)[0])
    mean = oracle.decode(after, oracle.Config(), z)[0]
    u = np.float64(kernels.uniform(seed, 0, DREAM_VISIBLE, 0, n, 9))
    assert np.abs(u - mean).min() > 1e-5  # no value depends on a rounding
    holes = np.isnan(data[kernels.permutation(seed, 0, n)])
    dreams = np.where(holes, np.nan, u < mean)
    assert (dreams[~holes] == 1).any()
    inputs = oracle.encoder_inputs(dreams, oracle.Config(mask_inputs=True))
    outputs, _ = oracle.climb(before, "encoder", inputs, "tanh")
    mean, log_var = (oracle.affine(before, f"encoder.{head}", outputs[-1]) for head in HEADS)
    distance = (z - mean) * np.exp(-log_var)
    deltas = {"encoder.mean": distance, "encoder.log_var": (distance * (z - mean) - 1) / 2}
    layers = {}
    oracle.descend(before, "encoder", outputs, deltas, "tanh", layers)
    for layer, (h, delta) in layers.items():
        for name, gradient in (("weight", h.T @ delta), ("bias", delta.sum(0))):
            moved = after[f"{layer}.{name}"] - before[f"{layer}.{name}"]
            size, weight = np.linalg.norm(gradient), np.linalg.norm(before[f"{layer}.{name}"])
            # 5e-5 of the gradient, as in test_bounds.py, and the weight's own rounding
            error = 0.1 / n * 5e-5 * size + 2 * U * (weight + np.linalg.norm(moved))
            assert np.linalg.norm(moved - 0.1 / n * gradient) <= error, f"{layer}.{name}"
            assert np.linalg.norm(moved) > 20 * error, f"{layer}.{name}"


HEADS = ("mean", "log_var")


def test_an_encoder_is_needed_to_read_what_is_missing():
    with pytest.raises(ValueError, match="mask_inputs: got true, want false"):
        engine(9, algorithm="monte-carlo-em", mask_inputs=True)


@pytest.mark.parametrize(
    ("given", "has_holes", "reads"),
    [("auto", True, True), ("auto", False, False), (False, True, False), (True, False, True)],
)
@pytest.mark.parametrize("cls", [AEVB, WakeSleep])
def test_whether_the_encoder_reads_masks(cls, given, has_holes, reads):
    X = np.random.default_rng(0).normal(size=(30, 4))
    X[::3, 1] = np.nan if has_holes else 0.0
    model = cls(2, hidden_layer_sizes=(5,), n_epochs=1, mask_inputs=given, random_state=0).fit(X)
    assert model.weights_["encoder.hidden0.weight"].shape == (8 if reads else 4, 5)
    X[0] = np.nan
    assert np.isfinite(model.transform(X)).all()
    model.set_params(warm_start=True, mask_inputs=not reads)
    with pytest.raises(ValueError, match=f"mask_inputs: got {not reads}, but the fitted model has"):
        model.fit(X)
