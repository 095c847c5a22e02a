"""Early stopping with scripted validation bounds: when training stops, and what it restores."""

import copy

import kill
import numpy as np
import pytest
from sklearn.base import clone

from aevb import AEVB, MCEM, Trainer, WakeSleep
from aevb.training.validation import Validation

X = np.random.default_rng(0).random((30, 4), dtype=np.float32)
SMALL = {"n_components": 2, "hidden_layer_sizes": (3,), "batch_size": 10, "random_state": 0}
KINDS = {
    "adam": AEVB.published(**SMALL, optimizer="adam"),  # has two accumulators
    "WakeSleep": WakeSleep.published(**SMALL),
    "MCEM": MCEM.published(**SMALL, n_leapfrog=2),
}
kinds = pytest.mark.parametrize("kind", KINDS)
NOTHING = {}


def scripted(monkeypatch, bounds, patience, kind="adam", settings=NOTHING, **options):
    """A trainer with these validation bounds, and the arrays at the end of each epoch."""
    script, ends = iter(bounds), []
    monkeypatch.setattr(Validation, "score", lambda *_: next(script))
    stopping = {"early_stopping": True} | settings
    model = clone(KINDS[kind]).set_params(patience=patience, **stopping)
    look = [lambda t: ends.append(kill.state_of(t)[0])]
    return Trainer(model, X, X_val=X, callbacks=look, **options), ends


def arrays(trainer):
    return {k: v for k, v in kill.state_of(trainer)[0].items() if k != "chains"}


def without_chains(end):
    return {k: v for k, v in end.items() if k != "chains"}


SCRIPTS = {  # bounds, patience: epochs until it stops, and the best epoch
    "falls": ([3, 2, 1, 0], 2, 3, 0),
    "the same is no improvement": ([1, 2, 2, 2, 2], 2, 4, 1),
    "an improvement starts the count anew": ([1, 0, 2, 1, 3, 2, 2, 2], 2, 7, 4),
    "one": ([-5, -4, -4.5], 1, 3, 1),
    "from minus infinity": ([-np.inf, -9, -10, -np.inf, -10], 3, 5, 1),
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_it_stops_when_it_should_and_takes_back_the_best(script, monkeypatch):
    bounds, patience, n_epochs, best = SCRIPTS[script]
    trainer, ends = scripted(monkeypatch, bounds, patience)
    trainer.run(np.inf)
    assert trainer.history["validation_bound"] == bounds[:n_epochs]
    assert arrays(trainer) == without_chains(ends[best])
    assert trainer.model.n_samples_seen_ == 30 * n_epochs
    assert trainer.model.n_steps_ == 3 * n_epochs
    trainer.run(np.inf)  # a second call does not continue
    assert trainer.model.n_samples_seen_ == 30 * n_epochs


@kinds
def test_all_that_the_optimizer_knew_comes_back(kind, monkeypatch):
    """Training continues from there as from a model with the arrays of the best epoch."""
    trainer, ends = scripted(monkeypatch, [1, 3, 2, 2, 4, 5], 2, kind)
    kept = []
    trainer.callbacks = (*trainer.callbacks, lambda t: kept.append(copy.deepcopy(t.model)))
    trainer.run(np.inf)
    assert arrays(trainer) == without_chains(ends[1]) != without_chains(ends[2])
    twin = kept[1]
    core = twin._engine._model
    core.n_steps = trainer.model.n_steps_  # the counts of samples and steps stay
    core.n_samples_seen = trainer.model.n_samples_seen_
    for model in (trainer.model, twin):
        model.partial_fit(X)
    assert all(np.array_equal(w, twin.weights_[k]) for k, w in trainer.model.weights_.items())


def test_a_run_that_ends_before_its_patience_takes_back_the_best(monkeypatch):
    trainer, ends = scripted(monkeypatch, [1, 3, 2, 1, 5, 4], 10)
    trainer.run(120)
    assert arrays(trainer) == without_chains(ends[1])
    trainer.run(180)
    assert arrays(trainer) == without_chains(ends[4])


def test_without_early_stopping_the_last_weights_stay(monkeypatch):
    stopping = {"early_stopping": False}
    trainer, ends = scripted(monkeypatch, [3, 2, 1, 0], None, settings=stopping)
    trainer.run(120)
    assert trainer.history["validation_bound"] == [3, 2, 1, 0]
    assert arrays(trainer) == without_chains(ends[3]) != without_chains(ends[0])


def test_without_patience_all_epochs_are_trained_and_the_best_comes_back(monkeypatch):
    trainer, ends = scripted(monkeypatch, [3, 2, 1, 0], None)
    trainer.run(120)
    assert trainer.model.n_samples_seen_ == 120
    assert arrays(trainer) == without_chains(ends[0]) != without_chains(ends[3])


def test_epochs_without_improvement_are_counted_across_runs_and_files(monkeypatch, tmp_path):
    path = tmp_path / "run.safetensors"
    trainer, ends = scripted(monkeypatch, [1, 3, 2, 2, 2, 2], 3, checkpoint=path)
    trainer.run(90)
    ends_before = list(ends)
    resumed = Trainer.resume(path, X, X_val=X).run(np.inf)
    assert resumed.model.n_samples_seen_ == 150
    assert arrays(resumed) == without_chains(ends_before[1])


def test_patience_wants_rows_to_be_patient_about():
    for X_val, stopping in ((X, True), (None, True), (X, "auto")):
        Trainer(AEVB.published(**SMALL, patience=1, early_stopping=stopping), X, X_val=X_val)
    for X_val, stopping in ((X, False), (None, False), (None, "auto")):  # X has 30 rows
        with pytest.raises(ValueError, match="patience: got 1, but nothing is held out"):
            Trainer(AEVB.published(**SMALL, patience=1, early_stopping=stopping), X, X_val=X_val)
