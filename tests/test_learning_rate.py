"""learning_rate="auto": the trials, and that they leave no trace but the choice."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone

from aevb import AEVB, MCEM, DivergenceError, Trainer, WakeSleep, datasets
from aevb._learning_rate import LEARNING_RATES

DIGITS = datasets.load_digits()[:400]
SMALL = {"n_components": 2, "hidden_layer_sizes": (10,), "random_state": 3, "n_epochs": 40}
# Gaussian data so large that plain ascent diverges with the larger steps and not with the least.
WILD = SMALL | {"likelihood": "gaussian", "optimizer": "sgd", "init_scale": 0.01}


def same(model, other):
    return all(np.array_equal(w, other.weights_[name]) for name, w in model.weights_.items())


@pytest.mark.parametrize("kind", [AEVB, WakeSleep, MCEM])
def test_what_is_chosen_scored_best_and_trains_as_if_it_had_been_given(kind):
    model = kind(**SMALL, learning_rate="auto").fit(DIGITS)
    trials = model.learning_rate_trials_
    assert tuple(trials) == LEARNING_RATES
    assert model.learning_rate_ == max(trials, key=lambda rate: trials[rate])
    assert same(model, kind(**SMALL, learning_rate=model.learning_rate_).fit(DIGITS))
    other = min(trials, key=lambda rate: trials[rate])
    assert not same(model, kind(**SMALL, learning_rate=other).fit(DIGITS))


@pytest.mark.parametrize("kind", [AEVB, MCEM])
def test_a_trial_is_a_tenth_of_the_run(kind):
    """Its score is that of a fit of as many epochs, on the rows that are not held out."""
    model = kind(**SMALL, learning_rate="auto", validation_fraction=0.5).fit(DIGITS)
    options = SMALL | {"n_epochs": 4, "validation_fraction": 0.5}
    for rate, score in model.learning_rate_trials_.items():
        short = kind(**options, learning_rate=rate).fit(DIGITS)
        scores = short.score_samples(DIGITS)
        # the mean over the half that was trained on, which is not the mean over all
        rows = Trainer(short, DIGITS)._subset
        trained = short._scores(Trainer(short, DIGITS)._rows, rows)
        assert score == pytest.approx(trained.mean(), abs=1e-9)
        assert abs(score - scores.mean()) > 1e-6


def test_rates_that_diverge_are_passed_over():
    X = np.random.default_rng(0).normal(0.0, 300.0, (200, 8))
    model = AEVB(**WILD, learning_rate="auto").fit(X)
    scores = model.learning_rate_trials_
    assert scores[0.1] == -np.inf
    assert np.isfinite(scores[model.learning_rate_])
    assert model.learning_rate_ < 0.1


def test_all_diverge():
    X = np.random.default_rng(0).normal(0.0, 1e6, (200, 8))
    model = AEVB(**WILD, learning_rate="auto")
    with pytest.raises(DivergenceError, match=r"smaller than 0\.01"):
        model.fit(X)
    assert not hasattr(model, "weights_")
    with pytest.raises(DivergenceError):
        Trainer(model, X)
    assert not hasattr(model, "weights_")


def test_only_the_first_training_tries():
    model = AEVB(**SMALL, learning_rate="auto", warm_start=True).fit(DIGITS)
    trials, rate = model.learning_rate_trials_, model.learning_rate_
    n_steps = model.n_steps_
    model.fit(DIGITS)
    assert model.n_steps_ == 2 * n_steps
    assert (model.learning_rate_trials_, model.learning_rate_) == (trials, rate)
    model.partial_fit(DIGITS)
    assert model.learning_rate_ == rate
    model.set_params(learning_rate=0.05).partial_fit(DIGITS)
    assert model.learning_rate_ == 0.05
    model.set_params(warm_start=False).fit(DIGITS)
    assert not hasattr(model, "learning_rate_trials_")


def test_partial_fit_tries_too():
    model = AEVB(**SMALL, learning_rate="auto").partial_fit(DIGITS)
    assert model.n_samples_seen_ == len(DIGITS)
    assert model.learning_rate_ in LEARNING_RATES


def test_the_choice_is_kept_by_files_pickles_and_checkpoints(tmp_path):
    path = tmp_path / "run.safetensors"
    trainer = Trainer(AEVB(**SMALL, learning_rate="auto"), DIGITS, checkpoint=path)
    trainer.run(500)
    model = trainer.model
    model.save(tmp_path / "model.safetensors")
    for other in (
        AEVB.load(tmp_path / "model.safetensors"),
        pickle.loads(pickle.dumps(model)),
        Trainer.resume(path, DIGITS).model,
    ):
        assert other.learning_rate == "auto"
        assert other.learning_rate_ == model.learning_rate_
        assert other.learning_rate_trials_ == model.learning_rate_trials_
    assert clone(model).learning_rate == "auto"
    resumed = Trainer.resume(path, DIGITS).run(4000).model
    assert same(resumed, trainer.run(4000).model)


def test_an_interrupted_trial_leaves_the_estimator_as_it_was(monkeypatch):
    real, calls = Trainer._advance, []

    def advance(self, *args):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        real(self, *args)

    model = AEVB(**SMALL, learning_rate="auto")
    monkeypatch.setattr(Trainer, "_advance", advance)
    with pytest.raises(KeyboardInterrupt):
        model.fit(DIGITS)
    assert not hasattr(model, "weights_")
    monkeypatch.undo()
    assert same(model.fit(DIGITS), clone(model).fit(DIGITS))
