"""Held-out rows: which and how many, that they do not train, and what the history says of them.

An almost certain encoder leaves no noise in a bound, and steps of 1e-30 do not change the weights.
The bounds then show from outside which rows were visited.
"""

import numpy as np
import oracle
import pytest

from aevb import AEVB, Evaluator, Trainer
from aevb.training.length import n_validation_draws

N = 11
X = np.random.default_rng(0).standard_normal((N, 5))
X *= np.sqrt(3 * np.arange(1, N + 1) / (X**2).sum(1))[:, None]  # all lengths differ
X = X.astype(np.float32)
SMALL = {"hidden_layer_sizes": (4,), "likelihood": "gaussian", "scale": "none"}
STILL = SMALL | {"optimizer": "sgd", "learning_rate": 1e-30, "init_scale": 0.01}


def certain(model):
    """Make the encoder's noise too small to matter."""
    weights = model.weights_
    weights["encoder.log_var.weight"][:] = 0
    weights["encoder.log_var.bias"][:] = -60
    return model.set_weights(weights)


def twin_bounds(model, rows):
    """The bounds of the rows in float64."""
    config = oracle.Config(likelihood="gaussian")
    return oracle.run(model.weights_, rows, np.zeros((1, len(rows), 2)), config).bound


# A bound is a sum of 40 terms below 100 nats, with at most 4 layers of 5 values.
TOLERANCE = oracle.gamma(100) * 100


def held(fraction):
    """Settings that hold out this fraction of the rows."""
    return {"early_stopping": True, "validation_fraction": fraction} if fraction else {}


def watched(seed=0, rows=X, fraction=0.0, **settings):
    settings |= held(fraction)
    trainer = Trainer(AEVB.published(2, **STILL | settings, random_state=seed), rows)
    certain(trainer.model)
    return trainer


def visits(trainer, n_epochs):
    """The rows of each epoch in the order of visits, recognised by their bounds."""
    bounds = twin_bounds(trainer.model, X)
    assert np.diff(np.sort(bounds)).min() > 4 * TOLERANCE  # no two rows are mixed up
    engine, seen = trainer.model._engine, []
    for _ in range(n_epochs * trainer.n_train):
        before = engine.bound_sum
        trainer.step()
        off = np.abs(bounds - (engine.bound_sum - before))
        assert off.min() < TOLERANCE
        seen.append(int(off.argmin()))
    return np.reshape(seen, (n_epochs, -1))


def held_out(fraction, seed=0):
    """The rows that one epoch does not visit."""
    trainer = watched(seed, fraction=fraction, batch_size=1)
    return sorted(set(range(N)) - set(visits(trainer, 1)[0]))


@pytest.mark.parametrize(("fraction", "n_held_out"), [(0.0, 0), (0.25, 3), (0.9, 10)])
def test_an_epoch_visits_each_training_row_once_in_a_new_order(fraction, n_held_out):
    trainer = watched(fraction=fraction, batch_size=1)
    epochs = visits(trainer, 4)
    assert len(set(epochs[0])) == trainer.n_train == N - n_held_out
    for epoch in epochs:
        assert sorted(epoch) == sorted(epochs[0])
    if trainer.n_train > 1:
        assert len({tuple(epoch) for epoch in epochs}) == 4


def test_any_row_may_be_held_out():
    """Each row is held out as often as any other: 3 of 11, 100 splits, to 5 standard errors."""
    counts = np.zeros(N)
    for seed in range(100):
        counts[held_out(0.25, seed)] += 1
    assert counts.sum() == 300
    assert np.abs(counts - 300 / N).max() < 5 * np.sqrt(100 * 3 / N * (1 - 3 / N))


def trained(rows, **settings):
    """Train for three epochs, and keep the last weights."""
    model = AEVB.published(2, **SMALL, batch_size=4, random_state=0, **settings)
    trainer = Trainer(model, rows)
    trainer.step(3 * -(-trainer.n_train // 4))
    return {k: w.tobytes() for k, w in model.weights_.items()}, model.history_


def test_only_training_rows_move_the_weights():
    """Each row is changed in turn. A held-out row changes only the validation bound."""
    weights, history = trained(X, **held(0.25))
    assert len(history["seconds"]) == 3
    still = []
    for row in range(N):
        other = X.copy()
        other[row] += 1
        other_weights, other_history = trained(other, **held(0.25))
        assert other_history["validation_bound"] != history["validation_bound"]
        if other_weights == weights:
            still.append(row)
            assert other_history["train_bound"] == history["train_bound"]
        else:
            assert other_history["train_bound"] != history["train_bound"]
    assert still == held_out(0.25)


@pytest.mark.parametrize("batch_size", [1, 3, 50])
@pytest.mark.parametrize("fraction", [0.0, 0.25, 0.5])
def test_the_history_has_means_over_its_own_rows(fraction, batch_size):
    trainer = watched(fraction=fraction, batch_size=batch_size).run(3 * N)
    bounds = twin_bounds(trainer.model, X)
    is_held = np.isin(np.arange(N), held_out(fraction))
    n_epochs = len(trainer.history["seconds"])
    assert trainer.history["samples_seen"] == [(~is_held).sum() * (i + 1) for i in range(n_epochs)]
    for name, rows in (("train_bound", ~is_held), ("validation_bound", is_held)):
        mean = bounds[rows].mean() if rows.any() else np.nan
        assert trainer.history[name] == pytest.approx([mean] * n_epochs, abs=TOLERANCE, nan_ok=True)


@pytest.mark.parametrize(
    ("n", "fraction", "n_held_out"), [(10, 0.01, 1), (10, 0.3, 3), (10, 0.31, 4), (2, 0.5, 1)]
)
def test_the_number_of_held_out_rows_is_rounded_up(n, fraction, n_held_out):
    trainer = watched(rows=X[:n], fraction=fraction)
    assert trainer.n_train == n - n_held_out


@pytest.mark.parametrize(("n", "fraction"), [(1, 0.01), (10, 0.91)])
def test_a_fraction_that_leaves_no_row_to_train_on_is_named(n, fraction):
    with pytest.raises(ValueError, match=f"validation_fraction: got {fraction}.* {n} rows"):
        AEVB.published(2, **SMALL, **held(fraction)).fit(X[:n])


def test_rows_held_out_elsewhere_leave_all_of_x_to_train_on():
    model = AEVB.published(2, **SMALL, **held(0.5), random_state=0)
    n_draws = n_validation_draws(1, 4)
    scores = []
    look = [lambda t: scores.append(Evaluator(t.model).bound(X[:4] + 1, n_draws).per_row.mean())]
    trainer = Trainer(model, X, X_val=X[:4] + 1, callbacks=look).run(3 * N)
    assert trainer.n_train == N
    assert trainer.history["samples_seen"] == [N, 2 * N, 3 * N]
    assert trainer.history["validation_bound"] == scores


def test_partial_fit_holds_out_nothing_and_has_no_patience():
    settings = {**SMALL, "random_state": 0}
    plain = AEVB.published(2, **settings).partial_fit(X)
    model = AEVB.published(2, **settings, **held(0.5), patience=1)
    for n_seen in (N, 2 * N, 3 * N):
        assert model.partial_fit(X).n_samples_seen_ == n_seen
    assert np.isnan(model.history_["validation_bound"]).all()
    plain.partial_fit(X).partial_fit(X)
    assert all(np.array_equal(w, plain.weights_[k]) for k, w in model.weights_.items())
    stopping = (model.early_stopping, model.validation_fraction, model.patience)
    assert stopping == (True, 0.5, 1)


def test_without_early_stopping_no_row_is_held_out():
    trainer = watched(batch_size=1, validation_fraction=0.5).run(2 * N)
    assert trainer.n_train == N
    assert np.isnan(trainer.history["validation_bound"]).all()
