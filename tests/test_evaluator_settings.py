"""The meaning of the evaluator's settings, their defaults, and the limits of its rules."""

import ast
import copy
import dataclasses
import inspect
import re
import textwrap
import warnings

import numpy as np
import pytest
from teams import team_of
from test_log_likelihood import trained

from aevb import Estimate, Evaluator
from aevb.evaluation import methods
from aevb.evaluation.methods import METHODS
from aevb.inference.marginal import MarginalLikelihood


@pytest.fixture(name="case")
def model_and_rows():
    model, X = trained("gaussian", 2)
    before = model.get_params()
    yield model, X
    model.set_params(**before)


def test_an_estimate_is_one_line_and_equal_to_itself():
    rows = np.array([-3.0, 1.0, 5.0])
    estimate = Estimate.from_rows(rows, np.zeros(3), n_draws=2, ess=np.ones(3))
    said = "Estimate(mean=1, mean_stderr=2.31, n_rows=3, diagnostics=['n_draws', 'ess'])"
    assert repr(estimate) == said
    other = dataclasses.replace(estimate)
    assert estimate == estimate
    assert estimate != other
    assert len({estimate, other}) == 2


def test_the_mean_and_its_error():
    """The rows are a sample: divide by n - 1, then by n. One row has no spread."""
    rows = np.array([-3.0, 1.0, 4.0, 10.0])
    estimate = Estimate.from_rows(rows, np.zeros(4), other=5)
    assert estimate.mean == 3.0
    assert estimate.mean_stderr == pytest.approx(np.sqrt((36 + 4 + 1 + 49) / 3 / 4), rel=1e-12)
    assert estimate.diagnostics == {"other": 5}
    one = Estimate.from_rows(rows[:1], np.zeros(1))
    assert one.mean == -3.0
    assert np.isnan(one.mean_stderr)
    none = Estimate.from_rows(np.array([-np.inf, 0.0]), np.zeros(2))
    assert none.mean == -np.inf
    assert np.isnan(none.mean_stderr)


def test_a_unit_at_the_threshold_is_not_active(case):
    model, X = case
    variances = model.transform(X).var(axis=0, dtype=np.float64)
    evaluator = Evaluator(model)
    for variance in variances:
        expected = (variances > variance).tolist()
        assert evaluator.active_units(X, threshold=variance).tolist() == expected
        below = evaluator.active_units(X, threshold=np.nextafter(variance, 0))
        assert below.tolist() == (variances >= variance).tolist()


def test_the_threshold_is_a_hundredth(case):
    model, X = case
    model, weights = copy.deepcopy(model), model.weights_
    wanted = np.array([0.0098, 0.0102])
    weights["encoder.mean.weight"] *= np.sqrt(wanted / model.transform(X).var(axis=0))
    model.set_weights(weights)
    np.testing.assert_allclose(model.transform(X).var(axis=0), wanted, rtol=0.01)
    assert Evaluator(model).active_units(X).tolist() == [False, True]


CALLS = {
    "bound": lambda e, X: e.bound(X, n_draws=2),
    "importance": lambda e, X: e.log_likelihood(X, n_draws=3),
    "adapted": lambda e, X: e.log_likelihood(X, n_draws=3, n_adaptations=1),
    "ais": lambda e, X: e.log_likelihood(
        X, "ais", n_draws=2, n_temperatures=3, bidirectional=True, n_simulated=20
    ),
    "hmc": lambda e, X: e.log_likelihood(X, "hmc", n_draws=8, n_warmup=5),
}


def as_bytes(estimate):
    values = vars(estimate) | estimate.diagnostics
    return {k: np.asarray(v).tobytes() for k, v in values.items() if k != "diagnostics"}


@pytest.mark.filterwarnings("ignore:'hmc'")
@pytest.mark.parametrize("name", CALLS)
def test_without_a_seed_it_is_the_models(case, name):
    """Every call then gives the same result. Another seed gives other noise."""
    model, X = case
    call = CALLS[name]
    own = as_bytes(call(Evaluator(model), X))
    assert own == as_bytes(call(Evaluator(model), X))
    assert own == as_bytes(call(Evaluator(model.set_params(random_state=9)), X))  # no fit with it
    other = call(Evaluator(model, random_state=1), X)
    assert as_bytes(other)["per_row"] != own["per_row"]
    assert as_bytes(call(Evaluator(model, random_state=1), X)) == as_bytes(other)
    assert as_bytes(call(Evaluator(model, random_state=2), X))["per_row"] != own["per_row"]


def test_a_bound_with_the_models_draws_and_seed_is_its_score(case):
    model, X = case
    estimate = Evaluator(model).bound(X, n_draws=model.n_draws)
    assert estimate.per_row.tobytes() == model.score_samples(X).tobytes()
    estimate = Evaluator(model).bound(X)
    assert list(estimate.diagnostics) == ["n_draws", "reconstruction", "kl"]
    assert estimate.diagnostics["n_draws"] == 1


@pytest.mark.filterwarnings("ignore:'hmc'")
@pytest.mark.parametrize("name", CALLS)
def test_threads_are_the_evaluators_or_the_models(case, name):
    """The number of threads changes no result."""
    model, X = case
    X = np.repeat(X, 10, axis=0)  # makes blocks for three threads
    model.set_params(n_threads=3)
    with team_of(3):
        three = CALLS[name](Evaluator(model, random_state=0), X)
    with team_of(2):
        two = CALLS[name](Evaluator(model, random_state=0, n_threads=2), X)
    assert as_bytes(three) == as_bytes(two)
    one = CALLS[name](Evaluator(model, random_state=0, n_threads=1), X)
    assert as_bytes(one) == as_bytes(two)


@pytest.mark.filterwarnings("ignore:'hmc'")
@pytest.mark.parametrize("name", [name for name in CALLS if name != "bound"])
def test_progress_is_the_evaluators_or_the_models(case, name, capsys):
    model, X = case
    for verbose, progress in ((0, None), (1, None), (0, True), (1, False)):
        CALLS[name](Evaluator(model.set_params(verbose=verbose), progress=progress), X)
        shown = "100%" in capsys.readouterr().err
        assert shown == (bool(verbose) if progress is None else progress)


@pytest.mark.filterwarnings("ignore:'hmc'")
def test_defaults_of_the_papers_estimator(case):
    model, X = case
    evaluator = Evaluator(model, random_state=0)
    X, said = X[:4], {"n_draws": 50, "n_leapfrog": 20, "n_warmup": 200, "max_components": 5}
    default = as_bytes(evaluator.log_likelihood(X, "hmc"))
    assert as_bytes(evaluator.log_likelihood(X, "hmc", **said)) == default
    for name in ("n_draws", "n_leapfrog", "n_warmup"):
        changed = evaluator.log_likelihood(X, "hmc", **said | {name: said[name] - 1})
        assert as_bytes(changed)["per_row"] != default["per_row"]
    assert evaluator.log_likelihood(X, "hmc", n_draws=8, max_components=2).per_row.shape == (4,)
    with pytest.raises(ValueError, match="max_components"):
        evaluator.log_likelihood(X, "hmc", max_components=1)
    with pytest.raises(ValueError, match="n_draws"):
        evaluator.log_likelihood(X, "hmc", n_draws=3)
    assert evaluator.log_likelihood(X, "hmc", n_draws=4, n_warmup=0).per_row.shape == (4,)


@pytest.mark.parametrize(
    ("ess", "warns"),
    [
        ([4.0] * 10, False),  # 5 n / (n + 5) of n = 20 draws are enough
        ([3.99] + [20.0] * 9, False),  # a tenth of the rows may have fewer
        ([3.99] * 2 + [20.0] * 8, True),
        ([np.nan] * 2 + [20.0] * 8, True),
        ([3.99] * 2 + [20.0] * 18, False),
        ([3.99] * 3 + [20.0] * 17, True),
    ],
)
def test_when_the_weights_are_said_to_be_poor(case, monkeypatch, ess, warns):
    model, X = case
    ess = np.array(ess)

    def estimates(log_q, log_joint):
        assert log_q.shape == log_joint.shape == (20, len(ess))
        return MarginalLikelihood(0 * ess, 0 * ess, ess)

    monkeypatch.setattr(methods, "marginal_likelihood", estimates)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Evaluator(model).log_likelihood(X[: len(ess)], "hmc", n_draws=20, n_warmup=100)
    assert [w.category for w in caught] == [RuntimeWarning] * warns
    assert all(w.filename == __file__ for w in caught)
    if warns:
        assert f"of {np.mean(~(ess >= 4)):.0%} of the rows" in str(caught[0].message)


# ------------------------------------------------------------------------- options of the methods
@pytest.mark.parametrize("name", METHODS)
def test_an_option_of_another_method_is_an_error(case, name):
    model, X = case
    known = [field.name for field in dataclasses.fields(METHODS[name])]
    others = {field.name for method in METHODS.values() for field in dataclasses.fields(method)}
    for option in [*sorted(others - set(known)), "nonsense"]:
        message = f"^{option}: got an option that method '{name}' does not have, want one of "
        with pytest.raises(TypeError, match=f"{message}{', '.join(known)}$"):
            Evaluator(model).log_likelihood(X, name, **{option: 1})


def test_an_error_draws_no_seed(case):
    model, X = case
    state = np.random.RandomState(0)
    evaluator = Evaluator(model, random_state=state)
    before = state.get_state()[2]
    for options in ({"n_draws": 0}, {"n_leapfrog": 1}):
        with pytest.raises((TypeError, ValueError)):
            evaluator.log_likelihood(X, **options)
    assert state.get_state()[2] == before


@pytest.mark.parametrize("name", METHODS)
def test_methods_and_options_are_documented(name):
    """Each field has its entry, with its default, and both texts are found where users look."""
    method, looked_at = METHODS[name], Evaluator.log_likelihood.__doc__
    entries = re.findall(r"^    (\w+) : .*, default=(.*)$", method.__doc__, re.M)
    defaults = {field.name: field.default for field in dataclasses.fields(method)}
    assert [option for option, _ in entries] == list(defaults)
    for option, default in entries:
        assert ast.literal_eval(default) == defaults[option]
    text = inspect.cleandoc(method.__doc__).replace("Parameters\n----------\n", "")
    assert f'\n\n``"{name}"``\n{textwrap.indent(text, "    ")}' in looked_at
    assert "{methods}" not in looked_at


@pytest.mark.parametrize("name", METHODS)
def test_methods_are_values(name):
    method = METHODS[name]()
    assert method == METHODS[name]()
    with pytest.raises(dataclasses.FrozenInstanceError):
        method.n_draws = 3
