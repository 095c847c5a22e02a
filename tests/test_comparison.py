"""`Evaluator.compare`: the evaluations, the gap, the table, and the models that it refuses."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError

from aevb import AEVB, MCEM, Comparison, Estimate, Evaluator, WakeSleep
from aevb.evaluation.comparison import Evaluation

SETTINGS = {
    "hidden_layer_sizes": (20,), "likelihood": "bernoulli", "n_epochs": 5, "random_state": 0,
}  # fmt: skip
pytestmark = pytest.mark.filterwarnings("ignore:the bound still rose", "ignore:all latent units")


@pytest.fixture(scope="module", name="X")
def data():
    return (load_digits().data[:80] / 16).astype(np.float32)


@pytest.fixture(scope="module", name="models")
def fitted(X):
    return {
        "narrow": AEVB.published(2, **SETTINGS).fit(X),
        5: AEVB.published(5, **SETTINGS).fit(X),
        "wake": WakeSleep.published(3, **SETTINGS).fit(X),
    }


def same(one, two):
    assert one.per_row.tobytes() == two.per_row.tobytes()
    assert (one.mean, one.mean_stderr) == (two.mean, two.mean_stderr)


def test_each_model_is_evaluated_as_by_itself(models, X):
    settings = {"random_state": 3, "n_threads": 2, "progress": False}
    options = {"n_draws": 20, "n_adaptations": 1}
    compared = Evaluator.compare(models, X, n_bound_draws=4, **options, **settings)
    assert isinstance(compared, Comparison)
    assert list(compared) == ["narrow", 5, "wake"]
    for name, model in models.items():
        evaluator, found = Evaluator(model, **settings), compared[name]
        same(found.bound, evaluator.bound(X, n_draws=4))
        same(found.log_likelihood, evaluator.log_likelihood(X, **options))
        np.testing.assert_array_equal(found.kl_per_unit, evaluator.kl_per_unit(X))
        np.testing.assert_array_equal(found.active_units, evaluator.active_units(X))


def test_defaults(models, X):
    model = models["narrow"]
    [(_, found)] = Evaluator.compare([model], X).items()
    same(found.bound, Evaluator(model).bound(X, n_draws=1))
    same(found.log_likelihood, Evaluator(model).log_likelihood(X))


def test_progress_and_seed_are_the_callers(models, X, capsys):
    few = {"n_draws": 3, "n_bound_draws": 1}
    shown = Evaluator.compare(models, X, progress=True, random_state=1, **few)
    assert capsys.readouterr().err.count("100%") == 3
    other = Evaluator.compare(models, X, random_state=2, **few)
    assert capsys.readouterr().err == ""
    assert shown["wake"].bound.mean != other["wake"].bound.mean


def test_the_gap_is_that_of_each_row():
    bound = Estimate.from_rows(np.array([-5.0, -9.0, -1.0]), np.array([3.0, 0.0, 1.0]))
    log_p = Estimate.from_rows(np.array([-4.0, -7.0, -1.0]), np.array([4.0, 2.0, 0.0]))
    found = Evaluation.from_estimates(bound, log_p, np.zeros(2), np.zeros(2, bool))
    np.testing.assert_array_equal(found.gap.per_row, [1, 2, 0])
    np.testing.assert_array_equal(found.gap.stderr, [5, 2, 1])
    assert found.gap.mean == 1.0
    assert found.gap.mean_stderr == pytest.approx(1 / np.sqrt(3))


def test_the_gap_of_impossible_rows_gives_no_warning():
    rows = Estimate.from_rows(np.array([-np.inf, -1.0]), np.zeros(2))
    found = Evaluation.from_estimates(rows, rows, np.zeros(2), np.zeros(2, bool))
    np.testing.assert_array_equal(found.gap.per_row, [np.nan, 0])


def test_the_gap_is_the_divergence_from_the_posterior():
    """x = z + noise, both N(0, 1), has p(z|x) = N(x/2, 1/2). The KL of q = N(m, s^2) is known.

    The hidden units are linear around 10.
    """
    X = np.linspace(-2, 2, 50, dtype=np.float32)[:, np.newaxis]
    shape = {"hidden_layer_sizes": (1,), "activation": "relu", "likelihood": "gaussian"}
    model = AEVB.published(1, **shape, n_epochs=1, scale="none", random_state=0).fit(X)
    weights = {name: np.zeros_like(array) for name, array in model.weights_.items()}
    for name in ("encoder.hidden0", "decoder.hidden0", "decoder.mean"):
        weights[f"{name}.weight"][:] = 1
        weights[f"{name}.bias"][:] = -10 if name == "decoder.mean" else 10
    weights["encoder.mean.weight"][:] = 0.3
    weights["encoder.mean.bias"][:] = -3
    weights["encoder.log_var.bias"][:] = log_var = np.log(0.8)
    model.set_weights(weights)
    found = Evaluator.compare([model], X, n_draws=20_000, n_bound_draws=2000, random_state=0)
    x = X[:, 0].astype(float)
    expected = 0.5 * (0.8 / 0.5 + (0.3 * x - x / 2) ** 2 / 0.5 - 1 - log_var + np.log(0.5))
    gap = found["AEVB"].gap
    assert (np.abs(gap.per_row - expected) <= 5 * gap.stderr + 1e-3).all()
    assert gap.stderr.max() < 0.1
    assert found["AEVB"].bound.mean < found["AEVB"].log_likelihood.mean


@pytest.fixture(name="known")
def comparison_of_known_values():
    def evaluation(shift, kl, active):
        bound = Estimate.from_rows(np.array([-4.0, -2.0]) + shift, np.zeros(2))
        ess = np.array([10.4, 20.4, 90.0])
        log_p = Estimate.from_rows(np.array([-3.0, 0.0]) + shift, np.zeros(2), ess=ess)
        return Evaluation.from_estimates(bound, log_p, np.array(kl), np.array(active))

    wide = evaluation(-100.0, [2.5, 0.0, 0.75], [True, False, True])
    return Comparison({"a": evaluation(0.0, [1.0], [True]), 20: wide})


def test_records(known):
    first, second = known.records()
    assert first.pop("kl_per_unit") == [1.0]
    assert first == pytest.approx({
        "model": "a", "bound": -3.0, "bound_stderr": 1.0, "log_likelihood": -1.5,
        "log_likelihood_stderr": 1.5, "gap": 1.5, "gap_stderr": 0.5, "kl": 1.0,
        "active_units": 1, "n_components": 1, "effective_draws": 20.4,
    })  # fmt: skip
    assert second["kl_per_unit"] == [2.5, 0.0, 0.75]
    assert (second["model"], second["kl"], second["active_units"]) == (20, 3.25, 2)
    assert second["n_components"] == 3


def test_the_table(known):
    assert str(known).splitlines() == [
        "              bound         log p(x)           gap  active units    KL  effective draws",
        "a     -3.00 +- 1.00    -1.50 +- 1.50  1.50 +- 0.50        1 of 1  1.00               20",
        "20  -103.00 +- 1.00  -101.50 +- 1.50  1.50 +- 0.50        2 of 3  3.25               20",
    ]
    assert repr(known) == str(known)


def test_names_of_a_list(models, X):
    narrow, wide, wake = models.values()
    few = {"n_draws": 2, "n_bound_draws": 1}
    assert list(Evaluator.compare([narrow, wake, wide], X, **few)) == [
        "AEVB 1", "WakeSleep", "AEVB 2",
    ]  # fmt: skip
    assert list(Evaluator.compare((wide,), X, **few)) == ["AEVB"]


@pytest.mark.parametrize("models", [[], {}, ()])
def test_no_models(models, X):
    with pytest.raises(ValueError, match="models: got none, want at least one fitted model"):
        Evaluator.compare(models, X)


def test_models_that_cannot_be_compared(models, X):
    narrow = models["narrow"]
    unfitted = {"one": narrow, "two": AEVB(2)}
    with pytest.raises(NotFittedError, match="models: 'two' is not fitted, want fitted models"):
        Evaluator.compare(unfitted, X)
    with pytest.raises(TypeError, match="models: got AEVB, want a dict or a list of fitted models"):
        Evaluator.compare(narrow, X)
    with pytest.raises(TypeError, match="models: 'int' is int, want AEVB or WakeSleep"):
        Evaluator.compare([narrow, 3], X)
    mcem = MCEM(2, hidden_layer_sizes=(4,), likelihood="bernoulli", n_epochs=1).fit(X[:20])
    with pytest.raises(ValueError, match="models: 'm' has no bound; MCEM has no encoder"):
        Evaluator.compare({"m": mcem}, X)
    other = AEVB.published(2, **SETTINGS).fit(X[:, :60])
    with pytest.raises(ValueError, match="'AEVB 1' has 64 features and 'AEVB 2' has 60, want"):
        Evaluator.compare([narrow, other], X)


@pytest.mark.parametrize("name", ["n_draws", "n_adaptations", "n_bound_draws", "n_threads"])
def test_wrong_options_are_named(models, X, name):
    with pytest.raises(ValueError, match=f"^{name}: got -1"):
        Evaluator.compare(models, X, **{name: -1})
