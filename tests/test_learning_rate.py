"""learning_rate="auto": the trials, and that they leave no trace except the chosen rate."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone

from aevb import AEVB, MCEM, DivergenceError, Trainer, WakeSleep, datasets
from aevb.estimators import mcem
from aevb.inference.annealing import Annealing, temperatures
from aevb.training import learning_rate
from aevb.training.learning_rate import LEARNING_RATES
from aevb.training.loop import Loop
from aevb.training.validation import Validation

pytestmark = pytest.mark.filterwarnings("ignore:all latent units have collapsed")  # short fits

DIGITS = datasets.load_digits()[:400]
SMALL = {"n_components": 2, "hidden_layer_sizes": (10,), "random_state": 3, "n_epochs": 40}
# The Gaussian data are so large that plain ascent diverges with the larger rates, but not with the
# smallest.
WILD = SMALL | {"likelihood": "gaussian", "optimizer": "sgd", "init_scale": 0.01}
WILD |= {"scale": "none"}


def same(model, other):
    return all(np.array_equal(w, other.weights_[name]) for name, w in model.weights_.items())


@pytest.fixture(name="quick_scores")
def few_temperatures(monkeypatch):
    """MCEM scores and starts by annealing, which takes long. Its quality does not matter here."""
    few = temperatures("sigmoid", 10)
    monkeypatch.setattr(mcem, "temperatures", lambda: few)
    monkeypatch.setattr(mcem, "_STARTS", Annealing(few))


@pytest.mark.filterwarnings("ignore:the bound still rose")
@pytest.mark.usefixtures("quick_scores")
@pytest.mark.parametrize("kind", [AEVB, WakeSleep, MCEM])
def test_what_is_chosen_scored_best_and_trains_as_if_it_had_been_given(kind):
    rows = DIGITS[:100]
    model = kind.published(**SMALL, learning_rate="auto").fit(rows)
    trials = model.learning_rate_trials_
    assert tuple(trials) == LEARNING_RATES
    assert model.learning_rate_ == max(trials, key=lambda rate: trials[rate])
    assert same(model, kind.published(**SMALL, learning_rate=model.learning_rate_).fit(rows))
    other = min(trials, key=lambda rate: trials[rate])
    assert not same(model, kind.published(**SMALL, learning_rate=other).fit(rows))


@pytest.mark.usefixtures("quick_scores")
@pytest.mark.parametrize("kind", [AEVB, MCEM])
def test_a_trial_is_a_tenth_of_the_run(kind):
    """Its score is that of as many epochs, on the rows that are not held out."""
    rows = DIGITS[:60]
    options = SMALL | {"early_stopping": True, "validation_fraction": 0.5}
    model = Trainer(kind.published(**options, learning_rate="auto"), rows).model
    for rate, score in model.learning_rate_trials_.items():
        trainer = Trainer(kind.published(**options, learning_rate=rate), rows).step(4)
        short = trainer.model
        # the mean over the half that trains, which differs from the mean over all rows
        trained = short._scores(short._engine, trainer._feed.rows, trainer._feed.subset, 1)
        assert score == pytest.approx(trained.mean(), abs=1e-9)
        assert abs(score - short.score(rows)) > 1e-6


def test_a_trial_scores_the_first_thousand_rows():
    rows = np.random.default_rng(0).random((1100, 6))
    options = SMALL | {"batch_size": 550}
    model = Trainer(AEVB.published(**options | {"n_epochs": 20}, learning_rate="auto"), rows).model
    for rate, score in model.learning_rate_trials_.items():
        short = AEVB.published(**options | {"n_epochs": 2}, learning_rate=rate).fit(rows)
        assert score == short.score(rows[:1000])
        assert score != short.score(rows[100:])


QUARTER = {"n_epochs": 30, "early_stopping": True, "validation_fraction": 0.25}
LENGTHS = {  # class, options; samples of a trial on 50 rows
    "a tenth": (AEVB, {"n_epochs": 30}, 150),
    "a tenth of less than ten epochs": (AEVB, {"n_epochs": 3}, 15),
    "of the rows that train": (WakeSleep, QUARTER, 111),
    "a million at most": (AEVB, {"n_epochs": 300_000}, 1_000_000),
    "a tenth of the moves of chains": (MCEM, {"n_epochs": 30, "n_updates": 5}, 150),
    "a million of updates": (MCEM, {"n_epochs": 300_000, "n_updates": 5}, 200_000),
    "of other updates": (MCEM, {"n_epochs": 300_000, "n_updates": 8}, 125_000),
}


@pytest.mark.usefixtures("quick_scores")
@pytest.mark.parametrize("length", LENGTHS)
def test_how_long_a_trial_is(length, monkeypatch):
    kind, options, n_samples = LENGTHS[length]
    runs = []
    monkeypatch.setattr(learning_rate, "_train", lambda t, n, *_: runs.append((t.engine, n)))
    trainer = Trainer(kind.published(**SMALL | options, learning_rate="auto"), DIGITS[:50])
    assert [n for _, n in runs] == pytest.approx([n_samples] * 3)
    assert [engine.learning_rate for engine, _ in runs] == list(LEARNING_RATES)
    assert len({id(engine) for engine, _ in runs} | {id(trainer.model._engine)}) == 4


def test_trials_call_nobody_write_nothing_and_validate_nothing(tmp_path, monkeypatch):
    """Trials have no patience either. The trainer itself then follows its options."""
    path, calls, validated = tmp_path / "run.safetensors", [], []
    real = Validation.score

    def score(validation, *args):
        validated.append(validation.n_rows)
        return real(validation, *args)

    monkeypatch.setattr(Validation, "score", score)
    model = AEVB.published(**SMALL, learning_rate="auto", early_stopping=True, patience=1)
    options = {"checkpoint": path, "checkpoint_every": 1, "callbacks": [calls.append]}
    trainer = Trainer(model, DIGITS[:50], X_val=DIGITS[50:70], **options)
    assert (calls, list(tmp_path.iterdir())) == ([], [])
    assert validated == []
    assert (model.patience, model.n_steps_, trainer.history["seconds"]) == (1, 0, [])
    trainer.run(50)
    assert (calls, path.exists(), validated[-1]) == ([trainer], True, 20)


def test_a_score_that_is_not_finite_is_of_a_rate_that_diverged(monkeypatch):
    real = AEVB._scores

    def scores(model, engine, rows, subset, n_draws):
        return real(model, engine, rows, subset, n_draws) + bad.get(engine.learning_rate, 0.0)

    monkeypatch.setattr(AEVB, "_scores", scores)
    bad = {0.01: np.nan, 0.1: -np.inf}
    model = Trainer(AEVB.published(**SMALL, learning_rate="auto"), DIGITS[:50]).model
    assert model.learning_rate_ == 0.02
    assert (model.learning_rate_trials_[0.01], model.learning_rate_trials_[0.1]) == (-np.inf,) * 2
    bad[0.02] = np.inf
    with pytest.raises(DivergenceError, match=r"smaller than 0\.01"):
        Trainer(AEVB.published(**SMALL, learning_rate="auto"), DIGITS[:50])


def test_scores_of_rates_that_diverged_come_back_from_files(tmp_path):
    trainer = Trainer(AEVB.published(**SMALL), DIGITS[:50], checkpoint=tmp_path / "run")
    trials = {0.01: -np.inf, 0.02: -75.5, 0.1: -1e30}
    model = trainer.model
    model._state = replace(model._state, learning_rate_trials=trials)
    trainer.save_checkpoint()
    trainer.model.save(tmp_path / "model")
    for name in ("run", "model"):
        assert AEVB.load(tmp_path / name).learning_rate_trials_ == trials
    model._state = replace(model._state, learning_rate_trials=None)
    trainer.model.save(tmp_path / "model")
    assert not hasattr(AEVB.load(tmp_path / "model"), "learning_rate_trials_")


def test_rates_that_diverge_are_passed_over():
    X = np.random.default_rng(0).normal(0.0, 300.0, (200, 8))
    model = AEVB.published(**WILD, learning_rate="auto").fit(X)
    scores = model.learning_rate_trials_
    assert scores[0.1] == -np.inf
    assert np.isfinite(scores[model.learning_rate_])
    assert model.learning_rate_ < 0.1


def test_all_diverge():
    X = np.random.default_rng(0).normal(0.0, 1e6, (200, 8))
    model = AEVB.published(**WILD, learning_rate="auto")
    with pytest.raises(DivergenceError, match=r"smaller than 0\.01"):
        model.fit(X)
    assert not hasattr(model, "weights_")
    with pytest.raises(DivergenceError):
        Trainer(model, X)
    assert not hasattr(model, "weights_")


def test_only_the_first_training_tries():
    model = AEVB.published(**SMALL, learning_rate="auto", warm_start=True).fit(DIGITS)
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
    model = AEVB.published(**SMALL, learning_rate="auto").partial_fit(DIGITS)
    assert model.n_samples_seen_ == len(DIGITS)
    assert model.learning_rate_ in LEARNING_RATES


def test_the_choice_is_kept_by_files_pickles_and_checkpoints(tmp_path):
    path = tmp_path / "run.safetensors"
    trainer = Trainer(AEVB.published(**SMALL, learning_rate="auto"), DIGITS, checkpoint=path)
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
    real, calls = Loop.train, []

    def train(self, *args):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(self, *args)

    model = AEVB.published(**SMALL, learning_rate="auto")
    monkeypatch.setattr(Loop, "train", train)
    with pytest.raises(KeyboardInterrupt):
        model.fit(DIGITS)
    assert not hasattr(model, "weights_")
    monkeypatch.undo()
    assert same(model.fit(DIGITS), clone(model).fit(DIGITS))
