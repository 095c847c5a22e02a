"""Constructor parameters: allowed values, what they reach, and what a fitted model can change."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from aevb import AEVB, MCEM, WakeSleep
from aevb.core import catalogue
from aevb.core.checks import check_integer
from aevb.core.engine import Config, Engine
from aevb.estimators.parameters import check_parameters, draw_seed

pytestmark = pytest.mark.filterwarnings("ignore:all latent units have collapsed")  # short fits

N, D = 60, 6
X = np.random.default_rng(0).random((N, D), dtype=np.float32)
KINDS = {"AEVB": AEVB, "WakeSleep": WakeSleep, "MCEM": MCEM}
SMALL = {"hidden_layer_sizes": (5,), "n_epochs": 2, "batch_size": 16, "random_state": 0}
SMALL |= {"likelihood": "bernoulli"}
UP, DOWN = (lambda x: float(np.nextafter(x, np.inf))), (lambda x: float(np.nextafter(x, -np.inf)))


def small(kind="AEVB", **changes):
    return KINDS[kind].published(2, **SMALL | changes)


def config_of(model):
    return model._engine.config.as_dict()


def weights_of(model):
    return {name: weight.tobytes() for name, weight in model.weights_.items()}


# ------------------------------------------------------------------------------- what each may be
COUNT = ([1, 7, 2**31 - 1, np.int64(3), np.uint8(200)],
         [0, -1, 2**31, 2**64, True, 1.0, "1", [1], np.float32(2), np.nan])  # fmt: skip
POSITIVE = [1e-30, 0.5, 3, 1e37, np.float32(0.1), np.float64(2), np.int8(1), Fraction(1, 2)]
NOT_REAL = [True, "1", [1], 1j, np.nan, np.inf, -np.inf, UP(1e37), 1e300, 1e-60, -1e-30, -1]
NOT_AT_LEAST_0 = [-1e-30, -1, None, "auto", True, [1.0], np.nan, np.inf]
FLAG = ([True, False, 0, 1, 2, np.bool_(True), np.int8(1)], ["yes", None, 1.0, [True]])


def choice(*good, bad=()):
    return good, [*bad, "nonsense", "", 3, list(good), np.array(good[:1]), str(good[-1]).upper()]


ALLOWED = {  # allowed values, forbidden values
    "n_components": COUNT,
    "hidden_layer_sizes": (
        [5, np.int64(5), (5,), [4, 3], np.array([4, 3]), range(2, 4), (2**31 - 1,)],
        [(), [], "5", b"5", {5}, {5: 1}, 0, (0,), (4, 0), (4, -1), (4, 2**31), 5.0, (5.0,), True,
         (4, True), None, ((4, 3),), np.array(4)],
    ),
    "activation": choice("tanh", "relu", "softplus", "sigmoid", bad=[None, "identity"]),
    "likelihood": choice("auto", "bernoulli", "gaussian", "bounded-gaussian", bad=[None]),
    "bound_estimator": choice(*catalogue.BOUND_ESTIMATORS, bad=[None]),
    "posterior": choice(*catalogue.POSTERIORS, bad=[None, "auto"]),
    "prior": choice("auto", *catalogue.PRIORS, bad=[None]),
    "renyi_order": ([0, 0.0, 0.5, 2, DOWN(1e6)], [1e6, *NOT_AT_LEAST_0]),
    "kl_weight": ([0, 0.0, 0.5, 1, 1e6], [UP(1e6), *NOT_AT_LEAST_0]),
    "kl_warmup": ([0, 0.0, 0.5, 1], [UP(1.0), 2, *NOT_AT_LEAST_0]),
    "kl_cycles": COUNT,
    "free_bits": ([0, 0.0, 0.5, 1, 1e6], [UP(1e6), *NOT_AT_LEAST_0]),
    "optimizer": choice("adagrad", "sgd", "adam", bad=[None, "auto"]),
    "binarize": choice(None, "threshold", "dynamic", bad=["none", False]),
    "weight_posterior": choice(None, "gaussian", "gaussian-decoder", bad=["none", False]),
    "n_weight_draws": ([0, *COUNT[0]], [v for v in COUNT[1] if not (v == 0 and type(v) is int)]),
    "n_draws": COUNT,
    "batch_size": COUNT,
    "n_epochs": (["auto", *COUNT[0]], [*COUNT[1], None, "all"]),
    "n_leapfrog": COUNT,
    "n_updates": COUNT,
    "n_threads": ([None, *COUNT[0]], COUNT[1]),
    "patience": ([None, *COUNT[0]], COUNT[1]),
    "learning_rate": (["auto", *POSITIVE], [0, 0.0, None, "fast", *NOT_REAL]),
    "weight_decay": ([0, 0.0, *POSITIVE], [None, "auto", *NOT_REAL]),
    "learning_rate_schedule": (
        ["constant", "linear", "cosine", lambda fraction: 1.0],
        [None, "auto", "steps", 0.5, True, ["cosine"]],
    ),
    "init_scale": (["auto", 0, 0.0, *POSITIVE], [None, "none", *NOT_REAL]),
    "early_stopping": (["auto", True, False, np.bool_(True)], [None, "yes", 0, 1, 1.0, [True]]),
    "mask_inputs": (["auto", True, False, np.bool_(True)], [None, "yes", 0, 1, 1.0, [True]]),
    "validation_fraction": (
        ["auto", 1e-30, 0.5, DOWN(1.0), np.float32(0.2)],
        [0, 0.0, 1, 1.0, -1e-30, None, "half", True, False, np.nan, np.inf],
    ),
    "target_accept": (
        [1e-30, 0.5, DOWN(1.0), np.float32(0.8), Fraction(9, 10)],
        [0, 0.0, 1, 1.0, -0.5, None, "high", True, np.nan],
    ),
    "scale": (
        ["auto", "none", "standard", UP(1e-37), 1, 0.5, np.float32(2), DOWN(1e37)],
        [1e-37, 1e37, 0, -1, "pixels", None, True, 1j, np.nan, np.inf, [1.0]],
    ),
    "warm_start": FLAG,
    "verbose": FLAG,
}  # fmt: skip


@pytest.mark.parametrize("name", ALLOWED)
def test_what_each_parameter_may_be(name):
    """The ends of ranges are included. The first word of an error is the parameter."""
    kinds = [kind for kind in KINDS.values() if name in kind().get_params()]
    assert kinds
    good, bad = ALLOWED[name]
    for kind in kinds:
        for value in good:
            check_parameters(kind(**{name: value}))
        for value in bad:
            with pytest.raises((ValueError, TypeError), match=f"^{name}: got ") as caught:
                check_parameters(kind(**{name: value}))
            assert "want" in str(caught.value)


def test_every_parameter_is_in_the_table():
    """Only random_state is not, because `draw_seed` checks it."""
    names = set().union(*(kind().get_params() for kind in KINDS.values()))
    assert names == ALLOWED.keys() | {"random_state"}


def test_all_rows_at_once_is_for_monte_carlo_em_alone():
    check_parameters(MCEM(batch_size=None))
    for kind in (AEVB, WakeSleep):
        with pytest.raises(TypeError, match=r"^batch_size: got None"):
            check_parameters(kind(batch_size=None))


@pytest.mark.parametrize("lowest", [0, 1, 4])
def test_integers_have_a_lowest_and_a_highest(lowest):
    for value in (lowest, lowest + 1, 2**31 - 1, np.int16(lowest)):
        checked = check_integer("n", value, lowest)
        assert (checked, type(checked)) == (value, int)
    for value in (lowest - 1, 2**31, -(2**40)):
        with pytest.raises(ValueError, match=rf"^n: got .*, want an integer from {lowest} to 214"):
            check_integer("n", value, lowest)
    for value in (True, np.bool_(True), float(lowest), "4", None, Fraction(4)):
        with pytest.raises(TypeError, match=r"^n: got "):
            check_integer("n", value, lowest)


# ---------------------------------------------------------------------------------- random states
def test_seeds_are_drawn_from_every_kind_of_random_state(monkeypatch):
    for seed in (0, 7, 2**32 - 1):
        first, second = np.random.RandomState(seed).randint(2**31 - 1, size=2)
        assert draw_seed(seed) == draw_seed(np.int64(seed)) == first
        state = np.random.RandomState(seed)
        assert [draw_seed(state), draw_seed(state)] == [first, second]
    first, second = np.random.RandomState(5).randint(2**31 - 1, size=2)
    with monkeypatch.context() as patch:
        patch.setattr(np.random.mtrand, "_rand", np.random.RandomState(5))  # NumPy's global state
        assert [draw_seed(None), draw_seed(np.random)] == [first, second]
    for bad in ("seed", -1, 2**32, 1.5, [1], np.random.default_rng(0)):
        with pytest.raises(ValueError, match=r"^random_state: got .*, want None, an integer in"):
            draw_seed(bad)


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_of_a_model_is_drawn_once(kind):
    """The model draws it with its weights. More training keeps it, and a new fit draws the next."""
    state = np.random.RandomState(3)
    first, second = np.random.RandomState(3).randint(2**31 - 1, size=2)
    model = small(kind, random_state=state, warm_start=True).fit(X)
    assert config_of(model)["seed"] == first
    model.fit(X).partial_fit(X)
    assert config_of(model)["seed"] == first
    assert config_of(model.set_params(warm_start=False).fit(X))["seed"] == second
    again = np.random.RandomState(3)
    again.randint(2**31 - 1, size=2)
    assert model.sample(3).tobytes() == model.sample(3, random_state=again).tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_sample_takes_the_estimators_own_random_state(kind):
    model = small(kind, random_state=11).fit(X)
    own = model.sample(9).tobytes()
    assert own == model.sample(9, random_state=11).tobytes() == model.sample(9).tobytes()
    assert own == model.sample(9, random_state=np.random.RandomState(11)).tobytes()
    assert own != model.sample(9, random_state=0).tobytes()  # 0 is a seed, not "none"
    assert model.set_params(random_state=12).sample(9).tobytes() != own


# ------------------------------------------------------------------------------- where it all goes
OTHER = {
    "hidden_layer_sizes": (7, 3),
    "activation": "softplus",
    "likelihood": "bounded-gaussian",
    "n_draws": 4,
    "optimizer": "adam",
    "learning_rate": 0.03,
    "weight_decay": 2.5,
    "init_scale": 0.25,
    "batch_size": 11,
    "binarize": "dynamic",
    "random_state": 5,
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_option_reaches_the_core(kind):
    own = {
        "bound_estimator": "monte-carlo",
        "weight_posterior": "gaussian",
        "posterior": "laplace",
        "prior": "logistic",
        "renyi_order": 0.25,
        "kl_weight": 0.5,
    }
    options = OTHER | (own if kind == "AEVB" else {})
    model = KINDS[kind].published(3, **options).set_params(n_epochs=1).fit(X)
    config = config_of(model)
    single = {name: float(np.float32(OTHER[name])) for name in
              ("learning_rate", "weight_decay", "init_scale")}  # fmt: skip
    expected = (
        OTHER
        | single
        | {
            "n_visible": D,
            "mask_inputs": False,
            "n_components": 3,
            "hidden_layer_sizes": [7, 3],
            "bound_estimator": "monte-carlo" if kind == "AEVB" else "analytic-kl",
            "posterior": "laplace" if kind == "AEVB" else "gaussian",
            "prior": "logistic" if kind == "AEVB" else "standard-normal",
            "renyi_order": 0.25 if kind == "AEVB" else 0.5,
            "kl_weight": 0.5 if kind == "AEVB" else 1.0,
            "free_bits": 0.0,
            "n_draws": 1 if kind == "MCEM" else 4,  # of an encoder, which it has not
            "seed": int(np.random.RandomState(5).randint(2**31 - 1)),
            "weight_posterior": "gaussian" if kind == "AEVB" else "none",
            "algorithm": {"AEVB": "aevb", "WakeSleep": "wake-sleep", "MCEM": "monte-carlo-em"}[
                kind
            ],
        }
    )
    del expected["random_state"]
    assert config == expected


def test_what_means_something_else_in_the_core():
    """No binarisation is "none", all rows are 2^62, and the data decide what "auto" is."""
    model = MCEM.published(2, hidden_layer_sizes=5, n_epochs=1, n_updates=1).fit(np.round(X))
    config = config_of(model)
    assert (config["binarize"], config["batch_size"]) == ("none", 2**62)
    assert (config["likelihood"], config["hidden_layer_sizes"]) == ("bernoulli", [5])
    assert Config(**config_without(config, "algorithm")).as_dict()["algorithm"] == "aevb"


def config_without(config, name):
    return {key: value for key, value in config.items() if key != name}


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("activation", ["identity", "tanh", "relu", "softplus", "sigmoid"]),
        ("likelihood", [*catalogue.catalogue()["likelihood"]]),
        ("bound_estimator", [*catalogue.BOUND_ESTIMATORS]),
        ("optimizer", ["adagrad", "adam", "sgd"]),
        ("binarize", ["none", "threshold", "dynamic"]),
        ("algorithm", ["aevb", "wake-sleep", "monte-carlo-em"]),
    ],
)
def test_the_cores_names_are_read_as_they_are_written(name, values):
    config = config_of(small().fit(X))
    for value in values:
        if value in catalogue.LEVEL_LIKELIHOODS:
            continue  # it needs numbers of levels
        assert Config(**config | {name: value}).as_dict() == config | {name: value}
    want = ", ".join(repr(value) for value in values)
    with pytest.raises(ValueError, match=f"^{name}: got 'x', want one of {want}$"):
        Config(**config | {name: "x"})


LEARNS = {  # other values of parameters that change learning
    "hidden_layer_sizes": (6,),
    "activation": "relu",
    "likelihood": "bounded-gaussian",
    "optimizer": "sgd",
    "learning_rate": 0.03,
    "weight_decay": 0.0,
    "init_scale": 0.2,
    "batch_size": 15,
    "n_epochs": 3,
    "binarize": "dynamic",
    "learning_rate_schedule": "linear",
    "scale": 0.5,
    "early_stopping": True,
    "random_state": 1,
}
OWN = {
    "AEVB": {
        "bound_estimator": "monte-carlo",
        "n_draws": 2,
        "posterior": "laplace",
        "prior": "laplace",
        "kl_weight": 0.5,
        "kl_warmup": 0.5,
        "free_bits": 0.5,
    },
    "WakeSleep": {"n_draws": 2, "posterior": "laplace", "prior": "laplace"},
    "MCEM": {"n_leapfrog": 9, "target_accept": 0.5, "n_updates": 4, "prior": "laplace"},
}
SAME = {"n_threads": 1, "verbose": 0, "warm_start": True, "validation_fraction": 0.2}


@pytest.mark.parametrize("kind", KINDS)
def test_no_option_is_without_effect(kind):
    plain = weights_of(small(kind).fit(X))
    assert weights_of(small(kind).fit(X)) == plain
    for name, value in (LEARNS | OWN[kind]).items():
        other = weights_of(small(kind, **{name: value}).fit(X))
        assert other != plain, name
    stopping = {"early_stopping": True}
    few = weights_of(small(kind, **stopping, validation_fraction=0.05).fit(X))
    assert few not in (plain, weights_of(small(kind, **stopping).fit(X)))
    same = SAME | ({"n_draws": 7} if kind == "MCEM" else {})  # which only `transform` reads
    for name, value in same.items():
        assert weights_of(small(kind, **{name: value}).fit(X)) == plain, name


# ---------------------------------------------------------------------- what a fitted model changes
FIXED = {
    "n_components": (3, 2),
    "hidden_layer_sizes": ((5, 5), [5]),
    "activation": ("sigmoid", "tanh"),
    "likelihood": ("gaussian", "bernoulli"),
    "optimizer": ("sgd", "adagrad"),
    "scale": (0.5, 1.0),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_fitted_model_cannot_change_is_named(kind):
    model = small(kind, warm_start=True).fit(X)
    before = weights_of(model)
    for name, (value, now) in FIXED.items():
        kept = model.get_params()[name]
        asked = list(value) if isinstance(value, tuple) else value
        model.set_params(**{name: value})
        for go_on in (model.fit, model.partial_fit):
            with pytest.raises(ValueError, match=f"^{name}: got ") as caught:
                go_on(X)
            assert f"got {asked!r}, but the fitted model has {now!r}" in str(caught.value)
        model.set_params(**{name: kept})
        assert weights_of(model) == before
    model.set_params(likelihood="bernoulli", scale=1, hidden_layer_sizes=[5]).partial_fit(X)
    assert model.n_samples_seen_ == 3 * N


CHANGED = {  # parameter: (new value, the core's value)
    "n_draws": (3, 3),
    "learning_rate": (0.5, 0.5),
    "weight_decay": (0.25, 0.25),
    "init_scale": (0.5, 0.5),
    "batch_size": (7, 7),
    "binarize": ("threshold", "threshold"),
}


@pytest.mark.filterwarnings("ignore:the bound still rose")
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_fitted_model_can_change_holds_from_the_next_training_on(kind):
    model = small(kind, warm_start=True, n_epochs=1, learning_rate=0.01).fit(X[:20])
    # without an encoder there are no draws from it
    for name, (value, now) in (CHANGED | ({"n_draws": (3, 1)} if kind == "MCEM" else {})).items():
        config = config_of(model)
        model.set_params(**{name: value}).sample()
        assert config_of(model) == config  # no change yet
        assert config_of(model.fit(X[:20])) == config | {name: now}
    model.set_params(learning_rate="auto").fit(X[:20])
    assert model.learning_rate_ == 0.5  # a trained model keeps its rate


@pytest.mark.parametrize("rate", [0.02, 0.1, 1 / 3, 1e-30, 1e37])
def test_the_learning_rate_reads_as_it_was_written(rate):
    engine = Engine(Config(**config_of(small().fit(X)) | {"learning_rate": rate}))
    estimator = small().fit(X)
    estimator._state = replace(estimator._state, engine=engine)
    assert np.float32(estimator.learning_rate_) == np.float32(rate)
    assert len(repr(estimator.learning_rate_)) <= 13
    if rate != 1 / 3:
        assert estimator.learning_rate_ == rate
