"""Schedules of the learning rate, and the length of a run."""

import math

import numpy as np
import pytest

from aevb import AEVB, Trainer
from aevb.training.exchange import Exchange
from aevb.training.learning_rate import adam_rate
from aevb.training.length import (
    epochs_between_validations,
    epochs_of_run,
    n_held_out,
    n_validation_draws,
    stops_early,
)
from aevb.training.schedule import Schedules, fractions_of_run

RNG = np.random.default_rng(0)
X = RNG.normal(size=(250, 4))
OPTIONS = {
    "hidden_layer_sizes": (5,),
    "random_state": 0,
    "early_stopping": False,
    "learning_rate": 0.01,
    "weight_decay": 0.0,
}


def model(schedule="cosine", **changes):
    return AEVB(2, **{**OPTIONS, "learning_rate_schedule": schedule, "n_epochs": 2, **changes})


def weights(fitted):
    return np.concatenate([w.ravel() for w in fitted.weights_.values()])


@pytest.mark.parametrize(
    ("schedule", "factor"),
    [
        ("cosine", lambda f: (1 + math.cos(math.pi * f)) / 2),
        ("linear", lambda f: 1 - f),
        (lambda f: f * f, lambda f: f * f),
    ],
)
def test_factors(schedule, factor):
    fractions = fractions_of_run(300, 100, 100, 1100, 5)
    assert fractions == pytest.approx([0.2, 0.3, 0.4, 0.5, 0.6])
    assert Schedules(schedule).rate(fractions) == pytest.approx([factor(f) for f in fractions])


def test_no_factors_without_an_end():
    assert Schedules("constant").rate([0.1]) is None
    assert fractions_of_run(0, 100, 0, math.inf, 5) == []
    assert Schedules("cosine").rate([]) is None


@pytest.mark.parametrize(
    ("warmup", "cycles", "factors"),
    [
        (0.0, 1, None),
        (0.5, 1, [0.0, 0.4, 0.8, 1.0, 1.0, 1.0]),
        (0.5, 2, [0.0, 0.8, 1.0, 0.4, 1.0, 1.0]),
    ],
)
def test_the_kl_weight_warms_up_in_each_cycle(warmup, cycles, factors):
    found = Schedules("constant", warmup, cycles).kl([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert found == (factors if factors is None else pytest.approx(factors))


def test_steps_follow_the_schedule():
    # SGD moves the weights by the rate times the gradient: compare with steps of given rates
    options = {"optimizer": "sgd", "batch_size": 100}
    scheduled = model("linear", **options).fit(X)
    by_hand = Trainer(model("constant", **options), X)
    for seen in (0, 100, 200, 250, 350, 450):
        by_hand.learning_rate = 0.01 * (1 - seen / 500)
        by_hand.step()
    assert np.allclose(weights(scheduled), weights(by_hand.model), rtol=1e-6)


def test_one_factor_per_step_in_long_epochs():
    long = np.repeat(X, 10, axis=0)
    seen = []
    settings = {"batch_size": 1, "n_epochs": 1, "n_threads": 1}  # else there are short slices
    fitted = model(lambda f: seen.append(f) or 1.0, **settings).fit(long)
    assert sorted(set(seen[:2500])) == pytest.approx(np.arange(2500) / 2500)
    constant = model("constant", **settings).fit(long)
    assert np.array_equal(weights(fitted), weights(constant))


@pytest.mark.parametrize("kind", ["partial_fit", "step", "endless"])
def test_constant_where_no_end_is_known(kind):
    def run(schedule):
        m = model(schedule)
        if kind == "partial_fit":
            return m.partial_fit(X)
        if kind == "step":
            return Trainer(m, X).step(4).model
        return Trainer(m, X, callbacks=[lambda t: True]).run(math.inf).model

    assert np.array_equal(weights(run("cosine")), weights(run("constant")))


def test_a_resumed_run_goes_on_with_its_schedule(tmp_path):
    path = tmp_path / "run"
    whole = Trainer(model(), X).run(1000)

    def stop(trainer):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Trainer(model(), X, checkpoint=path, callbacks=[stop]).run(1000)
    resumed = Trainer.resume(path, X).run(1000)
    assert np.array_equal(weights(resumed.model), weights(whole.model))


def test_the_next_run_starts_a_new_schedule():
    twice = Trainer(model(), X)
    twice.run(250)
    twice.run(500)
    warm = model(n_epochs=1, warm_start=True).fit(X).fit(X)
    assert np.array_equal(weights(twice.model), weights(warm))


@pytest.mark.parametrize(
    ("schedule", "error"),
    [
        ("cosin", r"learning_rate_schedule: got 'cosin', want one of"),
        (3, r"learning_rate_schedule: got 3, want one of"),
        (lambda f: -1.0, r"learning_rate_schedule: got -1.0 at 0 of the run"),
        (lambda f: math.nan, r"learning_rate_schedule: got nan at 0"),
        (lambda f: "a", r"learning_rate_schedule: got 'a' at 0 of the run, want a number"),
    ],
)
def test_bad_schedules(schedule, error):
    with pytest.raises((TypeError, ValueError), match=error):
        model(schedule).fit(X)


def test_a_callable_cannot_go_into_a_checkpoint(tmp_path):
    with pytest.raises(ValueError, match=r"checkpoint: a file cannot hold learning_rate_schedule"):
        Trainer(model(lambda f: 1.0), X, checkpoint=tmp_path / "run")
    fitted = model(lambda f: 1.0).fit(X)
    fitted.save(tmp_path / "m.safetensors")
    assert AEVB.load(tmp_path / "m.safetensors").learning_rate_schedule == "constant"


def test_the_learning_rate_of_callbacks_is_used():
    def by_trainer(trainer):
        trainer.learning_rate = 1e-9

    def by_parameter(trainer):
        trainer.model.learning_rate = 1e-9

    start = weights(Trainer(model("constant"), X).run(250).model)
    for callback in (by_trainer, by_parameter):
        trainer = Trainer(model("constant"), X, callbacks=[callback]).run(750)
        assert trainer.model.learning_rate_ == 1e-9
        assert trainer.learning_rate == 1e-9
        assert np.allclose(weights(trainer.model), start, atol=1e-6)


def test_other_parameters_of_callbacks_are_used_or_refused():
    def decay(trainer):
        trainer.model.weight_decay = 2500.0

    plain = Trainer(model("constant", optimizer="sgd"), X).run(750)
    decayed = Trainer(model("constant", optimizer="sgd"), X, callbacks=[decay]).run(750)
    assert np.abs(weights(decayed.model)).sum() < 0.7 * np.abs(weights(plain.model)).sum()

    def widen(trainer):
        trainer.model.n_components = 3

    with pytest.raises(ValueError, match=r"n_components: got 3, but the fitted model has 2"):
        Trainer(model(), X, callbacks=[widen]).run(750)


@pytest.mark.parametrize("rate", [0, -1.0, math.nan, math.inf, "a", True])
def test_bad_learning_rates_of_callbacks(rate):
    trainer = Trainer(model(), X)
    with pytest.raises((TypeError, ValueError), match=r"learning_rate: got"):
        trainer.learning_rate = rate


@pytest.mark.parametrize(
    ("n_train", "expected"),
    [(1, 20), (30, 600), (100, 2000), (400, 2000), (1000, 1000), (300_000, 5), (10**9, 5)],
)
def test_epochs(n_train, expected):
    assert epochs_of_run("auto", n_train) == expected
    assert epochs_of_run(7, n_train) == 7


def test_long_runs_have_a_lower_rate():
    assert [adam_rate(n) for n in (1, 2_000_000)] == [0.004, 0.004]
    assert adam_rate(16_000_000) == pytest.approx(0.002)
    short, long = (AEVB(2, **{**OPTIONS, "learning_rate": "auto"}) for _ in range(2))
    assert Trainer(short.set_params(n_epochs=8000), X).learning_rate == pytest.approx(0.004)
    assert Trainer(long.set_params(n_epochs=64000), X).learning_rate == pytest.approx(0.002)


def test_held_out_rows():
    held_out = {n: n_held_out("auto", n) for n in (30, 100, 1000, 10**7)}
    assert held_out == {30: 15, 100: 20, 1000: 100, 10**7: 2000}
    assert n_held_out(0.25, 10) == 3
    with pytest.raises(ValueError, match=r"validation_fraction: got 0.99, which holds out 5"):
        n_held_out(0.99, 5)
    assert [stops_early("auto", n, given=False) for n in (39, 40)] == [False, True]
    assert stops_early("auto", 3, given=True)
    assert not stops_early(False, 10**6, given=True)
    assert stops_early(True, 2, given=False)
    assert [epochs_between_validations(n) for n in (1, 50, 51, 2000)] == [1, 1, 2, 40]
    assert [n_validation_draws(1, n) for n in (20, 400, 5000)] == [50, 10, 1]
    assert n_validation_draws(70, 20) == 70


class Apart(Exchange):
    """An exchange after many steps, without any other process."""

    sync_every = 1500

    def __init__(self):
        self.asked = []

    def steps_together(self, n_steps, max_steps):
        return min(max_steps, self.sync_every)

    def train(self, engine, rows, subset, **options):
        self.asked.append(options["max_steps"])
        return super().train(engine, rows, subset, **options)


def test_a_schedule_does_not_shorten_a_round():
    """A call of the core has up to 1000 factors, but a round has its own length."""
    exchange, rows = Apart(), np.random.default_rng(0).random((2000, 3))
    model = AEVB(1, hidden_layer_sizes=(2,), batch_size=1, n_threads=1, early_stopping=False)
    Trainer(model.set_params(learning_rate=1e-3), rows, comm=exchange).run(2000)
    assert exchange.asked[0] == 1500
