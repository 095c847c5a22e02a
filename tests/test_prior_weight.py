"""N, the number of rows that share the prior on the weights: a step against the reference."""

import numpy as np
import oracle
import pytest
from oracle import U
from test_validation import SMALL, N, X, certain, held, held_out

from aevb import AEVB, Trainer

RATE, DECAY = 0.01, 50.0
OPTIONS = SMALL | {"optimizer": "sgd", "learning_rate": RATE, "weight_decay": DECAY}


def new_model(**settings):
    return AEVB.published(2, **OPTIONS | settings, random_state=0)


def assert_one_step(before, after, rows, n_prior):
    """Check a step of plain ascent on these rows. Gradients are good to 5e-5, as in test_bounds."""
    config = oracle.Config(likelihood="gaussian")
    _, gradient = oracle.bound_and_gradient(before, rows, np.zeros((1, len(rows), 2)), config)
    for name, w in oracle.float64(before).items():
        step = RATE * gradient[name] / len(rows)
        want = w + step - (RATE * DECAY / n_prior * w if name.endswith("weight") else 0)
        tolerance = 5e-5 * np.linalg.norm(step) + 4 * U * np.linalg.norm(w)
        assert np.linalg.norm(after[name] - want) <= tolerance, name


def test_partial_fit_counts_the_rows_of_all_calls():
    model, n_seen = new_model(), 0
    for rows in (X[:7], X[7:], X[:5]):
        n_seen += len(rows)
        if n_seen > 7:
            before = certain(model).weights_
        model.partial_fit(rows)
        if n_seen > 7:
            assert_one_step(before, model.weights_, rows, n_seen)
    assert n_seen == model.n_samples_seen_ == 16


@pytest.mark.parametrize("fraction", [0.0, 0.25])
def test_a_trainer_counts_the_rows_that_it_trains_on(fraction):
    trainer = Trainer(new_model(**held(fraction)), X)
    rows = X[~np.isin(np.arange(N), held_out(fraction))]
    for _ in range(3):  # N stays the same in every epoch
        before = certain(trainer.model).weights_
        assert_one_step(before, trainer.step().model.weights_, rows, len(rows))


def test_rows_held_out_elsewhere_do_not_count():
    trainer = Trainer(new_model(validation_fraction=0.5), X, X_val=X[:3])
    before = certain(trainer.model).weights_
    assert_one_step(before, trainer.step().model.weights_, X, N)


def test_a_fit_that_goes_on_counts_its_own_rows():
    model = certain(new_model(n_epochs=1, warm_start=True).fit(X))
    before = model.weights_
    assert_one_step(before, model.fit(X[:6]).weights_, X[:6], 6)
