"""Training that leaves the finite numbers: what stays in memory and on disk."""

import kill
import numpy as np
import pytest

from aevb import AEVB, MCEM, DivergenceError, Trainer, WakeSleep

X = 5 * np.random.default_rng(0).standard_normal((200, 4))
SMALL = {"n_components": 2, "hidden_layer_sizes": (5,), "likelihood": "gaussian", "random_state": 0}
KINDS = {
    "AEVB": AEVB.published(**SMALL, optimizer="sgd", batch_size=10),
    "WakeSleep": WakeSleep.published(**SMALL, optimizer="sgd", batch_size=10),
    "MCEM": MCEM.published(**SMALL, optimizer="sgd", batch_size=50, n_leapfrog=2),
}
kinds = pytest.mark.parametrize("kind", KINDS)
CALM, WILD = 1e-3, 1e6


def new(kind, **settings):
    return type(KINDS[kind])(**KINDS[kind].get_params() | settings)


def all_finite(model):
    return all(np.isfinite(weight).all() for weight in model.weights_.values())


def again_and_again(call):
    """Repeat: one pass of partial_fit may not diverge."""
    while True:
        call(X)


def state(model):
    weights = {name: weight.tobytes() for name, weight in model.weights_.items()}
    return weights, repr(model.history_), model.n_steps_, model.n_samples_seen_


@kinds
def test_a_fit_that_diverges_leaves_the_estimator_as_it_was(kind):
    model = new(kind, learning_rate=WILD, n_epochs=50)
    with pytest.raises(DivergenceError, match="learning_rate smaller than 1e\\+06"):
        model.fit(X)
    assert not model.__sklearn_is_fitted__()
    model.set_params(learning_rate=CALM, n_epochs=2).fit(X)
    before = state(model)
    for call in (model.fit, model.set_params(warm_start=True).fit, model.partial_fit):
        model.set_params(learning_rate=WILD, n_epochs=50)
        with pytest.raises(DivergenceError) as caught:
            again_and_again(call)
        assert caught.value.learning_rate == WILD
        if call != model.partial_fit:
            assert state(model) == before
    assert all_finite(model)


@kinds
def test_a_run_that_diverges_goes_back_to_where_it_began(kind):
    trainer = Trainer(new(kind, learning_rate=CALM), X).run(600)
    before, history = state(trainer.model), trainer.history
    assert len(history["train_bound"]) == 3
    trainer.model.set_params(learning_rate=WILD)
    trainer = Trainer(trainer.model, X)
    with pytest.raises(DivergenceError) as caught:
        trainer.run(10**6)
    assert caught.value.step > trainer.model.n_steps_
    assert state(trainer.model) == before
    assert trainer.history == history
    trainer.model.set_params(learning_rate=CALM)
    Trainer(trainer.model, X).run(1200)
    assert trainer.model.n_samples_seen_ == 1200
    assert all_finite(trainer.model)


@kinds
def test_a_run_that_diverges_keeps_the_epochs_before(kind):
    def go_wild(trainer):
        if trainer.model.n_samples_seen_ == 600:
            trainer.model._engine.set_arrays(
                {k: np.full_like(w, 1e30) for k, w in trainer.model.weights_.items()}, "weights"
            )

    trainer = Trainer(new(kind, learning_rate=CALM), X, callbacks=[go_wild])
    with pytest.raises(DivergenceError):
        trainer.run(10**6)
    calm = Trainer(new(kind, learning_rate=CALM), X).run(600)
    assert len(trainer.history["train_bound"]) == 3
    assert kill.state_of(trainer) == kill.state_of(calm)
    trainer.callbacks = ()
    assert kill.state_of(trainer.run(1200)) == kill.state_of(calm.run(1200))


@kinds
def test_steps_that_diverge_go_back_to_where_they_began(kind):
    """The rollback works after several epochs, and in the middle of one."""

    def go_wild(trainer):
        if trainer.model.n_samples_seen_ == 800:
            trainer.model._engine.set_arrays(
                {k: np.full_like(w, 1e30) for k, w in trainer.model.weights_.items()}, "weights"
            )

    trainer = Trainer(new(kind, learning_rate=CALM), X, callbacks=[go_wild]).run(200).step(1)
    before = kill.state_of(trainer)
    with pytest.raises(DivergenceError) as caught:
        trainer.step(10**6)
    assert len(trainer.history["train_bound"]) == 1
    assert kill.state_of(trainer) == before
    # the first step after the fourth epoch finds it, by its bound or by its result
    assert caught.value.step - 800 // trainer.model.batch_size in (0, 1)
    assert caught.value.learning_rate == pytest.approx(CALM)
    trainer.callbacks = ()
    calm = Trainer(new(kind, learning_rate=CALM), X).run(1200)
    assert kill.state_of(trainer.run(1200)) == kill.state_of(calm)


def test_a_run_whose_callbacks_train_keeps_its_epochs_too():
    """A step inside a run does not remove the run's own rollback point."""

    def train_or_go_wild(trainer):
        n_epochs = len(trainer.history["seconds"])
        if n_epochs == 1:
            trainer.step()
        ends.append(kill.state_of(trainer))
        if n_epochs == 4:
            trainer.model._engine.set_arrays(
                {k: np.full_like(w, 1e30) for k, w in trainer.model.weights_.items()}, "weights"
            )

    ends = []
    trainer = Trainer(new("AEVB", learning_rate=CALM), X, callbacks=[train_or_go_wild])
    with pytest.raises(DivergenceError):
        trainer.run(10**6)
    assert kill.state_of(trainer) == ends[3]
    assert trainer._undo is None


@kinds
def test_the_last_good_checkpoint_stays(kind, tmp_path):
    path = tmp_path / "run.safetensors"
    model = new(kind, learning_rate=CALM)
    seen = []

    def go_wild(trainer):
        seen.append(path.read_bytes() if path.exists() else b"")
        if len(seen) == 4:
            trainer.model._engine.set_arrays(
                {k: np.full_like(w, 1e30) for k, w in trainer.model.weights_.items()}, "weights"
            )

    trainer = Trainer(model, X, checkpoint=path, checkpoint_every=200, callbacks=[go_wild])
    with pytest.raises(DivergenceError):
        trainer.step(100).run(10**6)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    resumed = Trainer.resume(path, X)
    assert resumed.model.n_samples_seen_ > 0
    assert all_finite(resumed.model)


@kinds
def test_a_wild_step_after_a_checkpoint_does_not_touch_it(kind, tmp_path):
    path = tmp_path / "run.safetensors"
    trainer = Trainer(new(kind, learning_rate=CALM), X, checkpoint=path).run(600)
    before = path.read_bytes()
    trainer.model._engine.set_arrays(
        {k: np.full_like(w, 1e30) for k, w in trainer.model.weights_.items()}, "weights"
    )
    with pytest.raises(DivergenceError):
        trainer.run(10**6)
    assert path.read_bytes() == before
    resumed = Trainer.resume(path, X).run(1200)
    assert kill.state_of(resumed) == kill.state_of(
        Trainer(new(kind, learning_rate=CALM), X).run(1200)
    )


def test_a_validation_bound_below_float32_is_kept_and_saved(tmp_path):
    """Held-out data may have a density of 0 although the training data have none such."""
    path = tmp_path / "run.safetensors"
    model = new("AEVB", learning_rate=CALM, early_stopping=True, patience=10)
    trainer = Trainer(model, X, X_val=1e30 * X, checkpoint=path).run(600)
    assert trainer.history["validation_bound"] == [-np.inf] * 3
    model.save(tmp_path / "m")
    assert AEVB.load(tmp_path / "m").history_ == model.history_
    resumed = Trainer.resume(path, X, X_val=1e30 * X)
    assert resumed._run.best[0] == -np.inf
    assert resumed.history == trainer.history
