"""Early stopping: held-out rows, the way back to the best weights, and callbacks that stop."""

import numpy as np
import pytest

from aevb import AEVB, Trainer
from aevb.training.learning_rate import is_unstable
from aevb.training.length import n_validation_draws

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 10))
OPTIONS = {
    "hidden_layer_sizes": (50,),
    "random_state": 0,
    "batch_size": 20,
    "weight_decay": 0.0,
    "learning_rate_schedule": "constant",
}


def test_it_goes_back_to_the_best_weights():
    # 40 rows of noise: the model learns them by heart, and the held-out bound falls
    options = {"n_epochs": 300, "learning_rate": 0.01, **OPTIONS}
    stopped = AEVB(5, **options).fit(X)
    bounds = np.array(stopped.history_["validation_bound"])
    assert np.isfinite(bounds).sum() == 50
    assert np.isfinite(bounds[-1])
    assert np.flatnonzero(np.isfinite(bounds))[0] == 5
    best = np.nanmax(bounds)
    assert best > bounds[-1] + 3
    assert stopped.history_["held_out"] == [20] * 300

    full = AEVB(5, **options, early_stopping=False).fit(X)
    assert all(np.isnan(full.history_["validation_bound"]))
    fresh = RNG.normal(size=(500, 10))
    assert stopped.score(fresh) > full.score(fresh) + 0.5

    trainer = Trainer(AEVB(5, **options), X).run()
    rows = trainer._feed.validation
    assert rows.n_rows == 20
    assert rows.score(trainer.model, trainer.model._engine) == best
    assert trainer.history["samples_seen"][-1] == 300 * 40
    assert all(
        np.array_equal(w, stopped.weights_[name]) for name, w in trainer.model.weights_.items()
    )


def test_given_rows_decide_too():
    held_out = RNG.normal(size=(100, 10))
    trainer = Trainer(AEVB(5, n_epochs=100, learning_rate=0.01, **OPTIONS), X, X_val=held_out).run()
    bounds = trainer.history["validation_bound"]
    assert len(bounds) == 100
    assert np.isfinite(bounds).all()
    assert trainer._feed.validation.score(trainer.model, trainer.model._engine) == max(bounds)
    monitored = AEVB(5, n_epochs=3, early_stopping=False, **OPTIONS)
    trainer = Trainer(monitored, X, X_val=held_out).run()
    assert np.isfinite(trainer.history["validation_bound"]).all()
    assert trainer._run.best is None


def test_a_validation_has_several_draws():
    trainer = Trainer(AEVB(5, n_epochs=1, **OPTIONS), X)
    engine = trainer.model._engine
    rows = trainer._feed.validation
    expected = engine.bound(rows.rows, rows.subset, n_draws=50, seed=engine.seed, n_threads=1)[0]
    assert rows.score(trainer.model, engine) == expected.mean()


def test_one_outlier_does_not_decide():
    data = np.vstack([X, X])
    data[data[:, 0].argmax()] *= 100
    for seed in range(5):
        model = AEVB(5, n_epochs=1, validation_fraction=0.5, **{**OPTIONS, "random_state": seed})
        trainer = Trainer(model, data)
        engine, rows = trainer.model._engine, trainer._feed.validation
        assert rows.n_rows == 60
        n_draws = n_validation_draws(1, 60)
        scores = engine.bound(
            rows.rows, rows.subset, n_draws=n_draws, seed=engine.seed, n_threads=1
        )[0]
        second = np.sort(scores)[1]
        assert second > scores.min()
        assert rows.score(trainer.model, engine) == np.maximum(scores, second).mean()


def test_the_last_epoch_has_a_validation():
    bounds = np.array(AEVB(2, n_epochs=101, **OPTIONS).fit(X).history_["validation_bound"])
    assert list(np.flatnonzero(np.isfinite(bounds))) == [*range(2, 99, 3), 100]


def test_patience_ends_the_run():
    options = {"n_epochs": 300, "learning_rate": 0.01, **OPTIONS}
    model = AEVB(5, patience=3, **options).fit(X)
    bounds = np.array(model.history_["validation_bound"])
    bounds = bounds[np.isfinite(bounds)]
    assert len(bounds) - 1 - bounds.argmax() == 3
    with pytest.raises(ValueError, match=r"patience: got 3, but nothing is held out"):
        AEVB(5, patience=3, early_stopping=False, **options).fit(X)


def test_few_rows_are_all_trained_on():
    model = AEVB(2, n_epochs=1, **OPTIONS).fit(X[:39])
    assert model.n_samples_seen_ == 39
    model = AEVB(2, n_epochs=1, **OPTIONS).partial_fit(X)
    assert model.n_samples_seen_ == 60
    with pytest.raises(ValueError, match=r"validation_fraction: got 'auto', which holds out 0"):
        AEVB(2, n_epochs=1, early_stopping=True, **OPTIONS).fit(X[:1])


@pytest.mark.parametrize("value", ["yes", 1, None])
def test_bad_values(value):
    with pytest.raises(TypeError, match=r"early_stopping: got .*, want True, False or 'auto'"):
        AEVB(2, early_stopping=value, **OPTIONS).fit(X)


@pytest.mark.parametrize("result", [True, np.True_, np.bool_(1)])
def test_callbacks_stop_with_any_bool(result):
    trainer = Trainer(AEVB(2, **OPTIONS), X, callbacks=[lambda t: result]).run(1e6)
    assert len(trainer.history["seconds"]) == 1


@pytest.mark.parametrize("result", [None, False, np.False_])
def test_callbacks_go_on(result):
    trainer = Trainer(AEVB(2, **OPTIONS), X, callbacks=[lambda t: result]).run(120)
    assert len(trainer.history["seconds"]) == 3


@pytest.mark.parametrize("result", [1, 0, "stop", 0.5])
def test_callbacks_of_another_type_are_refused(result):
    with pytest.raises(TypeError, match=r"callbacks: .* returned .*, want True to end the run"):
        Trainer(AEVB(2, **OPTIONS), X, callbacks=[lambda t: result]).run(120)


def test_an_unstable_run_goes_back_and_halves_the_rate():
    """A training that blows up at some rate goes on at half of it, from the best weights."""
    data = RNG.normal(size=(200, 10))
    options = {**OPTIONS, "n_epochs": 40, "learning_rate": "auto"}
    seen = []

    def spoil(trainer):
        seen.append(trainer.learning_rate)
        if len(seen) == 10:
            weights = trainer.model.weights_
            trainer.model.set_weights({name: 30 * w for name, w in weights.items()})

    trainer = Trainer(AEVB(2, **options), data, callbacks=[spoil]).run()
    assert seen[:10] == [0.004] * 10
    assert seen[10:] == [0.002] * 30
    bounds = trainer.history["train_bound"]
    assert bounds[10] < bounds[9] - 5
    assert bounds[11] > bounds[9] - 2
    assert trainer.model.learning_rate_ == 0.002
    options["learning_rate"] = 0.004  # as the user wants it
    seen.clear()
    Trainer(AEVB(2, **options), data, callbacks=[spoil]).run()
    assert seen == [0.004] * 40


def test_what_counts_as_unstable():
    assert not is_unstable({"train_bound": [-9.0]})
    assert not is_unstable({"train_bound": [-30.0, -10.0, -19.0]})
    assert is_unstable({"train_bound": [-30.0, -10.0, -21.0]})
    assert not is_unstable({"train_bound": [-11.0, -10.0, -14.0]})  # a few nats
    assert is_unstable({"train_bound": [-11.0, -10.0, -16.0]})
