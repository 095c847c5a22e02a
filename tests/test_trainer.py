"""The trainer: counts, resuming, history and callbacks; and that fit() does the same."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from aevb import AEVB, DivergenceError, Evaluator, Trainer
from aevb.core.state import HISTORY_KEYS
from aevb.training import trainer as training

pytestmark = pytest.mark.filterwarnings("ignore:all latent units have collapsed")  # short fits

N, D = 100, 12


@pytest.fixture(scope="module", name="X")
def data():
    return np.random.default_rng(0).random((N, D), dtype=np.float32)


def small(**changes):
    settings = {"n_components": 3, "hidden_layer_sizes": (9,), "n_epochs": 3, "batch_size": 20}
    return AEVB.published(**{**settings, "random_state": 0, **changes})


def weight_bytes(model):
    return {name: weight.tobytes() for name, weight in model.weights_.items()}


def assert_same(one, two):
    assert weight_bytes(one) == weight_bytes(two)
    assert (one.n_samples_seen_, one.n_steps_) == (two.n_samples_seen_, two.n_steps_)


WAYS = {  # each way sees 300 samples in all
    "run": lambda trainer: trainer.run(300),
    "run twice": lambda trainer: (trainer.run(100), trainer.run(300)),
    "stop inside an epoch": lambda trainer: (trainer.run(140), trainer.run(300)),
    "step": lambda trainer: trainer.step(15),
    "step by step": lambda trainer: [trainer.step() for _ in range(15)],
    "mixed": lambda trainer: (trainer.step(3), trainer.run(200), trainer.step(2), trainer.run(300)),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian", "bounded-gaussian"])
def test_every_way_gives_the_model_of_fit(X, way, likelihood):
    fitted, model = small(likelihood=likelihood).fit(X), small(likelihood=likelihood)
    trainer = Trainer(model, X)
    assert trainer.model is model
    WAYS[way](trainer)
    assert_same(model, fitted)
    assert list(trainer.history["samples_seen"]) == [100, 200, 300]
    assert trainer.history["train_bound"] == pytest.approx(fitted.history_["train_bound"])


@pytest.mark.parametrize("kind", ["csr", "float64", "fortran", "frame"])
def test_other_containers(X, kind):
    other = {
        "csr": lambda: sp.csr_matrix(X),
        "float64": lambda: X.astype(float),
        "fortran": lambda: np.asfortranarray(X),
        "frame": lambda: pd.DataFrame(X, columns=[f"x{i}" for i in range(D)]),
    }[kind]()
    model = small()
    Trainer(model, other).run(300)
    assert_same(model, small().fit(X))
    assert hasattr(model, "feature_names_in_") == (kind == "frame")


def test_a_fitted_model_goes_on(X):
    model = small(n_epochs=2).fit(X)
    Trainer(model, X).run(300)
    assert_same(model, small(n_epochs=3).fit(X))


def test_run_counts_all_samples_ever_seen(X):
    model = small()
    trainer = Trainer(model, X)
    trainer.run(200)
    before = weight_bytes(model)
    trainer.run(200)
    trainer.run(120)
    assert weight_bytes(model) == before
    assert model.n_samples_seen_ == 200
    trainer.run(230)  # not a whole number of minibatches: the last one is completed
    assert model.n_samples_seen_ == 240


def test_short_last_minibatch(X):
    model = small()
    trainer = Trainer(model, X[:50])
    seen = []
    for _ in range(7):
        trainer.step()
        seen.append(model.n_samples_seen_)
    assert seen == [20, 40, 50, 70, 90, 100, 120]
    assert model.n_steps_ == 7


@pytest.mark.parametrize("batch_size", [N, N + 1, 10 * N, 10**9])
def test_batch_larger_than_the_data(X, batch_size):
    model = small(batch_size=batch_size)
    Trainer(model, X).step(3)
    assert model.n_samples_seen_ == 3 * N
    assert model.n_steps_ == 3
    # No minibatch has more rows than there are, so all of these give the same model.
    assert_same(model, small(batch_size=N).fit(X))


def test_minibatches_of_one_row(X):
    model = small(batch_size=1, n_epochs=1).fit(X)
    assert model.n_steps_ == model.n_samples_seen_ == N
    single = small(n_epochs=4).fit(X[:1])
    assert single.n_steps_ == single.n_samples_seen_ == 4


def test_history_has_one_entry_an_epoch(X):
    model = small()
    trainer = Trainer(model, X, X_val=X[:30])
    trainer.run(300)
    history = trainer.history
    assert set(history) == set(HISTORY_KEYS)
    assert [len(entries) for entries in history.values()] == [3] * len(HISTORY_KEYS)
    assert list(history["samples_seen"]) == [100, 200, 300]
    assert np.isfinite(history["validation_bound"]).all()
    assert min(history["seconds"]) >= 0
    for name, entries in model.history_.items():
        np.testing.assert_array_equal(entries, history[name])


def test_validation_rows_do_not_train(X):
    with_val, without = small(), small()
    Trainer(with_val, X, X_val=X[:30]).run(300)
    trainer = Trainer(without, X)
    trainer.run(300)
    assert_same(with_val, without)
    assert np.isnan(trainer.history["validation_bound"]).all()


@pytest.mark.parametrize("batch_size", [20, 30, 7])
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_bounds_in_the_history_are_means_over_rows(X, likelihood, batch_size):
    """Steps of 1e-30 do not change the weights, so the bound can be estimated from outside."""
    model = small(optimizer="sgd", learning_rate=1e-30, likelihood=likelihood)
    model.set_params(batch_size=batch_size, init_scale=0.5)
    trainer = Trainer(model, X, X_val=X[:30])
    trainer.run(N)
    for name, rows in (("train_bound", X), ("validation_bound", X[:30])):
        estimate = Evaluator(model, random_state=1).bound(rows, n_draws=256)
        spread = np.sqrt((256 * estimate.stderr**2).sum()) / len(rows)  # for the mean of one draw
        assert abs(trainer.history[name][0] - estimate.mean) < 6 * spread


def test_callbacks_are_called_after_each_epoch(X):
    calls = []
    trainer = Trainer(
        small(),
        X,
        callbacks=[
            lambda t: calls.append(("a", t, t.model.n_samples_seen_, len(t.history["seconds"]))),
            lambda t: calls.append(("b", t, t.model.n_samples_seen_, len(t.history["seconds"]))),
        ],
    )
    trainer.run(200)
    expected = [(name, trainer, 100 * e, e) for e in (1, 2) for name in "ab"]
    assert calls == expected


def test_a_callback_may_look_at_the_model(X):
    scores, plain = [], small()
    model = small()

    def look(trainer):
        trainer.model.sample(2, random_state=0)
        scores.append(trainer.model.score(X))

    Trainer(model, X, callbacks=[look]).run(300)
    Trainer(plain, X).run(300)
    assert_same(model, plain)
    assert len(scores) == 3
    assert scores[-1] == model.score(X)


def test_a_callback_stops_the_run(X):
    model = small()
    trainer = Trainer(model, X, callbacks=[lambda t: t.model.n_samples_seen_ >= 200])
    trainer.run(10_000)
    assert model.n_samples_seen_ == 200
    trainer.run(np.inf)  # until a callback stops it
    assert model.n_samples_seen_ == 300
    never = small()
    Trainer(never, X, callbacks=[lambda t: False]).run(300)
    assert never.n_samples_seen_ == 300


def test_a_callbacks_exception_comes_through(X):
    def fail(trainer):
        raise RuntimeError("from the callback")

    model = small()
    with pytest.raises(RuntimeError, match="from the callback"):
        Trainer(model, X, callbacks=[fail]).run(300)
    assert model.n_samples_seen_ == 100
    Trainer(model, X).run(300)
    assert_same(model, small().fit(X))


@pytest.mark.parametrize("init_scale", [0.1, 0.4])
def test_an_unfitted_model_is_initialised(init_scale):
    X = np.zeros((10, 90), np.float32)
    model = small(init_scale=init_scale, hidden_layer_sizes=(80,), n_components=30)
    Trainer(model, X)
    assert (model.n_samples_seen_, model.n_steps_) == (0, 0)
    for name, weight in model.weights_.items():
        n = weight.size
        assert abs(weight.mean()) < 5 * init_scale / np.sqrt(n), name
        assert abs(weight.std() / init_scale - 1) < 5 / np.sqrt(2 * n), name
        kurtosis = ((weight / weight.std()) ** 4).mean()
        assert abs(kurtosis - 3) < 6 * np.sqrt(24 / n), name  # not only the spread is normal
    values = np.concatenate([weight.ravel() for weight in model.weights_.values()])
    assert len(np.unique(values)) > 0.99 * len(values)  # no two weights share a stream


def test_divergence_names_the_step_and_the_remedy(X):
    model = small(optimizer="sgd", learning_rate=1e6, likelihood="gaussian")
    with pytest.raises(DivergenceError, match=r"step \d+") as caught:
        Trainer(model, X).run(300)
    assert "learning_rate" in str(caught.value)


@pytest.mark.parametrize("likelihood", ["auto", "bernoulli"])
def test_a_trainer_that_fails_to_start_leaves_the_model_unfitted(X, likelihood):
    X = np.round(X)
    model = small(likelihood=likelihood)
    before = sorted(vars(model))
    for rows, held_out in [(X + np.inf, None), (X, X[:, :3]), (X, X + np.inf), (X, X * 2)]:
        with pytest.raises(ValueError, match=r"infinity|features|0, 1"):
            Trainer(model, rows, X_val=held_out)
        assert sorted(vars(model)) == before
    if likelihood == "bernoulli":
        with pytest.raises(ValueError, match="0, 1"):
            Trainer(model, X * 2)
        assert sorted(vars(model)) == before


@pytest.mark.parametrize("fails_at", ["X", "X_val", "fingerprint", "chains"])
def test_a_trainer_that_fails_to_start_leaves_a_fitted_model_as_it_was(X, fails_at, monkeypatch):
    model = small().fit(X)
    before, config = dict(vars(model)), model._engine.config.as_dict()
    model.set_params(learning_rate=0.5, batch_size=7, weight_decay=3.0)
    options = {"X_val": X[:, :3]} if fails_at == "X_val" else {"checkpoint": "unwritten"}

    def fail(*_):
        raise MemoryError("none left")

    if fails_at == "fingerprint":
        monkeypatch.setattr(training, "fingerprint", fail)
    if fails_at == "chains":
        monkeypatch.setattr(AEVB, "_new_chains", fail)
    with pytest.raises((ValueError, MemoryError)):
        Trainer(model, X[:, :5] if fails_at == "X" else X, **options)
    assert model._engine.config.as_dict() == config
    for name in before.keys() - {"learning_rate", "batch_size", "weight_decay"}:
        assert vars(model)[name] is before[name]
    assert model.learning_rate_ == 0.02
    monkeypatch.undo()
    Trainer(model, X)  # which updates the options
    assert model.learning_rate_ == 0.5


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda X: Trainer(X, X), "model"),
        (lambda X: Trainer(small(), X, X_val=X[:, :5]), "X_val"),
        (lambda X: Trainer(small(), X, X_val=np.full_like(X, np.inf)), "X_val"),
        (lambda X: Trainer(small(likelihood="bernoulli"), X, X_val=X + 1), "X_val"),
        (lambda X: Trainer(small(), X, callbacks=[3]), "callbacks"),
        (lambda X: Trainer(small(), X, callbacks=3), "callbacks"),
        (lambda X: Trainer(small(), X).run("many"), "n_samples"),
        (lambda X: Trainer(small(), X).run(np.nan), "n_samples"),
        (lambda X: Trainer(small(), X).run(-1), "n_samples"),
        (lambda X: Trainer(small(), X).step(-1), r"\bn\b"),
        (lambda X: Trainer(small(), X).step(1.5), r"\bn\b"),
        (lambda X: Trainer(small().fit(X), X[:, :5]), "features"),
        (lambda X: Trainer(small(), np.full_like(X, np.inf)), "infinity"),
        (lambda X: Trainer(small(batch_size=0), X), "batch_size"),
    ],
)
def test_wrong_arguments_are_named(X, call, name):
    with pytest.raises((ValueError, TypeError), match=name):
        call(X)
