"""Annealed importance sampling of log p(x): closed forms, quadrature, exact moments, guarantees.

A tolerance is 5 standard errors: among 100 rows, a correct method fails for one seed in 1e4. The
log of a mean of weights is too low by about stderr^2 / 2, which the tolerances include. The noise
of a row depends on its content and the seed, so independent errors need other seeds or other rows.
"""

import functools
import itertools
import subprocess
import sys

import numpy as np
import oracle
import pytest
import scipy.sparse as sp
from scipy.special import logsumexp
from scipy.stats import chi2, ks_2samp, kstest, norm
from teams import team_of
from test_log_likelihood import LIKELIHOODS, ROUNDING, D, linear_gaussian, trained

from aevb import AEVB, MCEM, Evaluator, WakeSleep, datasets

BOUNDS = ["simulated_lower", "simulated_upper"]


def ais(model, X, seed=0, n_threads=1, **options):
    evaluator = Evaluator(model, random_state=seed, n_threads=n_threads)
    return evaluator.log_likelihood(X, "ais", **options)


def fields(result):
    return {k: v for k, v in (vars(result) | result.diagnostics).items() if k != "diagnostics"}


def as_bytes(result):
    return {name: np.asarray(value).tobytes() for name, value in fields(result).items()}


def assert_right(result, log_p, rounding):
    """Check every row and their mean. The spread of error / stderr is 1, to 0.11 and some more."""
    error = result.per_row - log_p
    assert np.all(np.abs(error) < 5 * result.stderr + result.stderr**2 + rounding)
    assert 0.5 < (error / result.stderr).std() < 1.6
    of_mean = np.sqrt((result.stderr**2).sum()) / len(error)
    tolerance = 5 * of_mean + np.mean(result.stderr**2) + np.mean(rounding)
    assert abs(error.mean()) < tolerance < 0.1
    assert result.diagnostics["acceptance"].shape == error.shape
    assert np.all(np.abs(result.diagnostics["acceptance"] - 0.6) < 0.4)


@pytest.mark.parametrize("way", [("prior", "sigmoid"), ("encoder", "linear")])
def test_linear_gaussian(isa, way):
    known = linear_gaussian("oblique", 1.5)
    X = known.X[:40]
    result = ais(known.model, X, start=way[0], schedule=way[1], n_temperatures=60, n_draws=100)
    assert_right(result, known.log_p(X), known.rounding(X))


@pytest.mark.parametrize("n_temperatures", [1, 5, 400])
def test_an_exact_encoder_makes_every_weight_p_of_x(isa, n_temperatures):
    """A weight is then a sum over the path of its steps, which add up to 1, times log p(x)."""
    exact = linear_gaussian("orthogonal", 1.0)
    X = np.concatenate([exact.X[:10], exact.X[10:15] * 4, exact.X[15:20] + 10]).astype(np.float32)
    log_p, rounding = exact.log_p(X), exact.rounding(X)
    assert (log_p.min() < -200) & (rounding.max() < 0.02)
    result = ais(exact.model, X, n_draws=7, n_temperatures=n_temperatures, start="encoder")
    assert np.all(np.abs(result.per_row - log_p) <= rounding)
    assert np.all(result.stderr <= rounding)
    np.testing.assert_allclose(result.diagnostics["ess"], 7, rtol=rounding.max() ** 2)


def grid_log_p(model, X):
    """log p(x) of a tanh decoder, summed over an even grid that is finer than any p(z|x) here."""
    w, X, J = oracle.float64(model.weights_), X.astype(float), model.n_components
    axis = np.linspace(-6.5, 6.5, 131 if J == 2 else 2001)
    grid = np.array(list(itertools.product(axis, repeat=J)))
    h = oracle.climb(w, "decoder", grid, "tanh")[0][-1]
    if model.likelihood == "bernoulli":
        logits = oracle.affine(w, "decoder.logits", h)
        r = X @ logits.T - oracle.softplus(logits).sum(1)
    else:
        m, raw = (oracle.affine(w, f"decoder.{head}", h) for head in ("mean", "log_var"))
        m = m if model.likelihood == "gaussian" else oracle.sigmoid(m)
        v = oracle.softplus(raw + 10) - 10
        square = X**2 @ np.exp(-v).T - 2 * X @ (m * np.exp(-v)).T
        r = -(square + (m**2 * np.exp(-v) + v + np.log(2 * np.pi)).sum(1)) / 2
    return logsumexp(r + norm.logpdf(grid).sum(1), axis=1) + J * np.log(axis[1] - axis[0])


@pytest.mark.parametrize("way", [(1, "prior", "linear"), (2, "encoder", "sigmoid")])
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_quadrature(vectors, likelihood, way):
    model, X = trained(likelihood, way[0])
    result = ais(model, X, start=way[1], schedule=way[2], n_temperatures=50, n_draws=40)
    assert_right(result, grid_log_p(model, X), ROUNDING)


def assert_mean(runs, expected, resolution):
    """The mean over seeds is correct, and precise enough for that to mean something."""
    stderr = np.std(runs, ddof=1) / np.sqrt(len(runs))
    assert abs(np.mean(runs) - expected) < 4.5 * stderr < 4.5 * resolution


@pytest.mark.parametrize("start", ["prior", "encoder"])
@pytest.mark.parametrize(
    ("schedule", "n_leapfrog", "n_draws"),
    [([0, 1], 1, 1), ([0, 0.7, 1], 3, 2), ([0, 0.1, 0.3, 0.9, 1], 1, 1), ("sigmoid", 3, 2)],
)
def test_the_likelihood_itself_is_unbiased(schedule, n_leapfrog, n_draws, start):
    """The mean of estimate / p(x) is 1 with any settings. Rows near the offset have less noise."""
    known = linear_gaussian("oblique", 2.0)
    X = np.float32(known.offset + 0.3 * (known.X - known.offset))
    run = functools.partial(ais, known.model, X, start=start, schedule=schedule, n_temperatures=8)
    runs = [run(seed, n_leapfrog=n_leapfrog, n_draws=n_draws).per_row for seed in range(400)]
    ratio = np.exp(runs - known.log_p(X))
    assert_mean(ratio.mean(1), 1, resolution=0.015)
    if schedule == [0, 1] and start == "encoder":  # importance sampling, whose variance is known
        assert ratio.var(0).mean() == pytest.approx((known.rho - 1) / n_draws, rel=0.1)


@pytest.mark.parametrize("start", ["prior", "encoder"])
def test_simulated_rows_of_a_linear_gaussian(start):
    """log p(x) of rows from the model is a constant minus half a chi-squared of D degrees."""
    known = linear_gaussian("oblique", 1.5)
    run = functools.partial(ais, known.model, known.X[:2], bidirectional=True, start=start)
    said = run(n_simulated=500, n_temperatures=80).diagnostics
    lower, upper = (said[name] for name in BOUNDS)
    assert 0.1 > said["gap"] == pytest.approx((upper - lower).mean())
    truth, stderr = -known.marginal.entropy(), np.sqrt(D / 2 / 500)
    assert lower.mean() - 4 * stderr < truth < upper.mean() + 4 * stderr
    top = known.marginal.logpdf(known.offset)
    assert kstest(2 * top - lower - upper, chi2(D).cdf).pvalue > 1e-3


@pytest.mark.parametrize("likelihood", ["bernoulli", "bounded-gaussian"])
def test_the_gap_closes_around_the_truth(likelihood):
    """The simulated rows have the log p of rows from `sample`, on average and in distribution."""
    model, X = trained(likelihood, 2)
    log_p, n, gaps = grid_log_p(model, model.sample(500, random_state=0)), 200, []
    run = functools.partial(ais, model, X[:1], bidirectional=True, n_simulated=n)
    for n_temperatures in (5, 20, 60):
        said = run(n_temperatures=n_temperatures).diagnostics
        lower, upper = (said[name] for name in BOUNDS)
        of_gap = (upper - lower).std() / np.sqrt(n)
        assert said["gap"] > -4 * of_gap
        stderr = log_p.std() * np.sqrt(1 / n + 1 / len(log_p))
        assert lower.mean() - 4 * stderr < log_p.mean() < upper.mean() + 4 * stderr
        gaps.append(said["gap"])
    assert gaps[0] > gaps[1] > gaps[2] - 4 * of_gap
    assert abs(gaps[2]) < 0.02 + 4 * of_gap < 0.15
    assert ks_2samp((lower + upper) / 2, log_p).pvalue > 1e-3


def binary(n_components, width, n_features, weight):
    """(a Bernoulli model with these weights, all possible rows, p(x) of each row)."""
    rows = np.array(list(itertools.product([0, 1], repeat=n_features)), dtype=np.float32)
    model = AEVB.published(
        n_components, hidden_layer_sizes=(width,), likelihood="bernoulli", n_epochs=1
    )
    weights = model.set_params(random_state=0, n_threads=1).fit(rows).weights_
    model.set_weights({name: weight(name, w) for name, w in weights.items()})
    p = np.exp(grid_log_p(model, rows))
    assert p.sum() == pytest.approx(1)
    return model, rows, p


def assert_unbiased_bounds(model, rows, p, **options):
    """E 1 / p(x) is the number of rows and E p(x) = sum p(x)^2, with any settings."""
    run = functools.partial(ais, model, rows[:1], bidirectional=True, **options)
    said = [[run(seed=seed).diagnostics[name] for name in BOUNDS] for seed in range(400)]
    lower, upper = np.swapaxes(said, 0, 1)
    assert_mean(np.exp(-upper).mean(1), len(rows), resolution=0.03 * len(rows))
    assert_mean(np.exp(lower).mean(1), (p**2).sum(), resolution=0.02 * (p**2).sum())


@pytest.mark.filterwarnings("ignore:'ais'")  # paths of one and two steps
@pytest.mark.parametrize(
    ("way", "start"), [((1, 10), "encoder"), ((2, 51), "encoder"), ((5, 5), "prior")]
)
def test_both_bounds_are_unbiased(way, start):
    rng, scale = np.random.default_rng(0), {"encoder": 0.3, "decoder": 0.6}
    case = binary(2, 8, 4, lambda k, w: rng.normal(size=w.shape) * scale[k[:7]])
    run = functools.partial(assert_unbiased_bounds, *case, n_leapfrog=2, n_simulated=15)
    run(n_temperatures=way[0], n_draws=way[1], start=start)


def test_step_sizes_do_not_follow_the_chains_that_are_counted():
    """Chains from the counted exact draw must not tune the step sizes: 1 / p(x) would be 8 % low.

    p(x = 1|z) is 0.9 from 0.55 to 0.85, else 0.02.
    """
    bump = {"hidden0.weight": [[15, 15]], "hidden0.bias": [-15 * 0.55, -15 * 0.85]}
    bump |= {"logits.weight": [[3], [-3]], "logits.bias": [-4]}
    model, rows, p = binary(1, 2, 1, lambda k, w: 0 * w + bump.get(k[8:], 0))
    options = {"n_leapfrog": 1, "n_temperatures": 30, "n_draws": 2, "n_simulated": 120}
    assert_unbiased_bounds(model, rows, p, **options)


def test_simulated_rows_are_apart_from_those_of_x():
    """Neither set changes with the other. A smaller set of simulated rows starts a larger one."""
    model, X = trained("gaussian", 2)
    run = functools.partial(ais, model, n_temperatures=5, n_draws=3)
    plain = as_bytes(run(X, n_simulated=7))
    assert not {*BOUNDS, "gap"} & plain.keys()
    run = functools.partial(run, bidirectional=True)
    seven, one, other = run(X, n_simulated=7), run(X[:2], n_simulated=1), run(X, seed=1)
    assert plain.items() <= as_bytes(seven).items()
    for name in BOUNDS:
        of_seven, of_other = seven.diagnostics[name], other.diagnostics[name]
        assert (of_seven.shape, of_other.shape) == ((7,), (100,))
        assert one.diagnostics[name].tolist() == of_seven[:1].tolist()
        assert not {*of_seven} & {*of_other}


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("n_draws", [3, 51])
def test_thread_count_does_not_matter(vectors, likelihood, n_draws):
    model, X = trained(likelihood, 2)
    options = {"n_draws": n_draws, "n_temperatures": 5, "bidirectional": True, "n_simulated": 21}
    results = []
    for n in (1, 2, 3, 7):
        with team_of(n):
            results.append(as_bytes(ais(model, X, n_threads=n, **options)))
    one, *others = results
    assert [[k for k in one if one[k] != other[k]] for other in others] == [[], [], []]


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("n_draws", [5, 51])
def test_other_rows_do_not_matter(isa, likelihood, n_draws):
    """The bits are equal. With a BLAS, last bits depend on the batch, and whole chains on them."""
    model, X = trained(likelihood, 2)
    run = functools.partial(ais, model, n_draws=n_draws, n_temperatures=5)
    whole, order = fields(run(X)), np.random.default_rng(0).permutation(len(X))
    for pick in (order, np.arange(1), np.arange(5, 12), np.repeat(np.arange(20), 9)):
        part = fields(run(X[pick]))
        if isa == "portable+blas":
            error = 5 * np.hypot(part["stderr"], whole["stderr"][pick])
            assert n_draws < 51 or np.all(np.abs(part["per_row"] - whole["per_row"][pick]) < error)
            continue
        for name in ("per_row", "stderr", "ess", "acceptance"):
            assert part[name].tobytes() == whole[name][pick].tobytes()


def test_seeds_defaults_and_schedules():
    model, X = trained("gaussian", 2)
    X = X[:12]
    default = ais(model, X)
    said = {"n_draws": 10, "n_leapfrog": 10, "n_temperatures": 200, "schedule": "sigmoid"}
    assert as_bytes(ais(model, X, start="encoder", **said)) == as_bytes(default)
    for k, v in {"seed": 1, "n_leapfrog": 9, "n_temperatures": 199, "schedule": "linear"}.items():
        assert (ais(model, X, **{k: v}).per_row != default.per_row).all()
    for n in (1, 7, 64):
        linear = as_bytes(ais(model, X, schedule="linear", n_temperatures=n))
        assert as_bytes(ais(model, X, schedule=np.linspace(0, 1, n + 1))) == linear


def test_stderr_is_the_spread_over_seeds_and_falls_with_the_draws():
    """This also holds for chains in several passes. 100 rows and 30 seeds: to a few per cent."""
    known = linear_gaussian("oblique", 2.0)
    run = functools.partial(ais, known.model, known.X, start="encoder", n_temperatures=3)
    few, many = run(n_draws=60), run(n_draws=960)
    assert np.mean(few.stderr) / np.mean(many.stderr) == pytest.approx(4, rel=0.1)
    runs = [run(seed=seed, n_draws=120) for seed in range(30)]
    seen = np.var([r.per_row for r in runs], axis=0, ddof=1).mean()
    assert np.mean([r.stderr**2 for r in runs]) == pytest.approx(seen, rel=0.15)
    assert np.var([r.mean for r in runs], ddof=1) < 2.5 * seen / len(known.X)  # 1 to 0.26
    for result, n in ((few, 60), (runs[0], 120), (run(n_draws=50), 50), (run(n_draws=2), 2)):
        ess = result.diagnostics["ess"]
        assert np.all((ess >= 1) & (ess <= n * (1 + 1e-9)))
        np.testing.assert_allclose(result.stderr, np.sqrt((n / ess - 1) / (n - 1)), rtol=1e-6)
    one = run(n_draws=1)
    assert np.all(np.isnan(one.stderr) & np.isfinite(one.per_row) & (one.diagnostics["ess"] == 1))


def test_containers_and_pixels():
    X = (datasets.load_digits()[:40] * 255).astype(np.uint8)
    model = AEVB.published(3, hidden_layer_sizes=(9,), n_epochs=2, random_state=0).fit(X)
    options = {"n_draws": 3, "n_temperatures": 10, "bidirectional": True, "n_simulated": 5}
    expected = as_bytes(ais(model, X, **options))
    for container in (sp.csr_matrix, np.asfortranarray, np.float64):
        assert as_bytes(ais(model, container(X), **options)) == expected


def test_other_models_with_the_same_decoder_and_none_is_changed():
    """The results have the same bits. MCEM has only a decoder."""
    model, X = trained("bernoulli", 2)
    options = {"n_temperatures": 10, "bidirectional": True, "n_simulated": 9, "start": "prior"}
    expected = as_bytes(ais(model, X, **options))
    for cls in (AEVB, WakeSleep, MCEM):
        other = cls.published(
            2, hidden_layer_sizes=(16,), likelihood="bernoulli", n_epochs=2, random_state=1
        )
        other.fit(X).set_weights({name: model.weights_[name] for name in other.weights_})
        state = [repr(vars(other)), *(w.tobytes() for w in other.weights_.values())]
        assert as_bytes(ais(other, X, **options)) == expected
        if cls is not MCEM:
            assert np.isfinite(ais(other, X, start="encoder", n_temperatures=5).per_row).all()
        assert [repr(vars(other)), *(w.tobytes() for w in other.weights_.values())] == state
    with pytest.raises(ValueError, match=r"start.*'encoder'.*MCEM has no encoder"):
        ais(other, X, start="encoder")
    with pytest.raises(ValueError, match=r"method.*'importance'.*MCEM has no encoder"):
        Evaluator(other).log_likelihood(X)


SHAPES = [[], [0], [1], [0.1, 1], [0, 0.9], [0, 0.6, 0.5, 1], [0, 1, 1], [0, np.nan, 1], [[0, 1]]]
WRONG = {  # words of the error: arguments
    "schedule": ["cosine", None, 3, {}, ["a"], [0, 1j], [0, -0.1, 1], [0, 1.1, 1], *SHAPES],
    **dict.fromkeys(["n_temperatures", "n_draws", "n_leapfrog", "n_simulated"], (0, 1.5, "many")),
    "start": ["posterior", 1],
    "features": [np.ones((3, 5))],
    "0 sample": [np.ones((0, 16))],
    "infinity": [np.full((3, 16), np.inf)],
    r"\[0, 1\]": [np.full((3, 16), 2.0)],
    "not fitted": [AEVB.published(), MCEM.published()],
}


@pytest.mark.parametrize(("said", "value"), [(k, v) for k in WRONG for v in WRONG[k]])
def test_wrong_arguments_are_named(said, value):
    model, X = trained("bernoulli", 2)
    wrong = {{np.ndarray: "X", AEVB: "model", MCEM: "model"}.get(type(value), said): value}
    with pytest.raises((ValueError, TypeError), match=said):
        ais(**{"model": model, "X": X, "n_draws": 2, "bidirectional": True, **wrong})


LONG_CALL = """
import os, signal, threading
import numpy as np
from aevb import AEVB, Evaluator
X = np.random.default_rng(0).random((300, 16), dtype=np.float32)
model = AEVB.published(2, hidden_layer_sizes=(16,), n_epochs=1, random_state=0, n_threads=2).fit(X)
run = Evaluator(model, random_state=0).log_likelihood
before = run(X).mean, run(X, "ais", n_temperatures=3).mean
sent = threading.Event()
def interrupt():
    sent.set()
    os.kill(os.getpid(), signal.SIGINT)
threading.Timer(1.0, interrupt).start()
try:
    run(X[:%s], "ais", n_draws=100, n_temperatures=5000, bidirectional=True, n_simulated=3000)
except KeyboardInterrupt:
    print("interrupted", sent.is_set())
print("usable", (run(X).mean, run(X, "ais", n_temperatures=3).mean) == before)
"""


@pytest.mark.parametrize("n_rows", [1, 300])
def test_ctrl_c(n_rows, tmp_path):
    """In minutes of work, Ctrl-C falls into the simulated rows (one row of X is quick) or X."""
    command = [sys.executable, "-c", LONG_CALL % n_rows]  # outside the checkout
    child = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (child.stdout, child.stderr) == ("interrupted True\nusable True\n", "")


def test_progress(capsys):
    model, X = trained("bernoulli", 1)
    ais(model, X, n_temperatures=5)
    assert capsys.readouterr() == ("", "")
    Evaluator(model, progress=True).log_likelihood(X, "ais", n_temperatures=5)
    assert "100%" in capsys.readouterr().err


def test_draws_of_a_binarised_gaussian_model_are_no_such_data():
    model = AEVB.published(2, hidden_layer_sizes=(5,), likelihood="gaussian", binarize="threshold")
    model.set_params(n_epochs=1, random_state=0).fit(np.eye(8))
    with pytest.raises(ValueError, match="bidirectional"):
        ais(model, np.eye(8), n_temperatures=5, bidirectional=True)
    assert np.isfinite(ais(model, np.eye(8), n_temperatures=5).per_row).all()
