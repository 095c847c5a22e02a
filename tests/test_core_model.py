"""A model of the core: its copies, values that are not finite, and subnormals on its threads."""

import numpy as np
import pytest
from engines import train
from teams import team_of

from aevb import AEVB, _core
from aevb.core.engine import ARENAS

STATES = {"sgd": 1, "adagrad": 2, "adam": 3}  # number of arenas for each optimizer


def fitted(optimizer="adam", n_cols=64, **settings):
    X = np.random.default_rng(0).random((40, n_cols), dtype=np.float32)
    settings = {"hidden_layer_sizes": (5,), "n_epochs": 1, "n_threads": 1, **settings}
    return X, AEVB.published(2, optimizer=optimizer, random_state=0, batch_size=20, **settings).fit(
        X
    )


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("optimizer", STATES)
def test_what_is_not_finite_is_found_wherever_it_is(optimizer, bad):
    """In the first and the last value of every array. 64 outputs leave no padding behind them."""
    engine = fitted(optimizer)[1]._engine
    assert engine.finite
    for arena in ARENAS[: STATES[optimizer]]:
        right = engine.arrays(arena)
        squares = arena == ("state2" if optimizer == "adam" else "state1")
        if squares and bad == -np.inf:
            continue  # the core refused it
        for name in right:
            for at in (0, -1):
                wrong = {k: v.copy() for k, v in right.items()}
                wrong[name].flat[at] = bad
                engine.set_arrays(wrong, arena)
                assert not engine.finite, (arena, name, at)
        engine.set_arrays(right, arena)
        assert engine.finite


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_all_values_are_looked_at(bad):
    for n in (1, 3, 16, 33):
        values = np.full(n, 3e38, dtype=np.float32)
        assert _core.all_finite(values)
        for at in range(n):
            wrong = values.copy()
            wrong[at] = bad
            assert not _core.all_finite(wrong)
    assert _core.all_finite(np.zeros(0, dtype=np.float32))


@pytest.mark.parametrize("optimizer", STATES)
def test_a_copy_goes_on_to_the_same_bits(optimizer):
    X, model = fitted(optimizer)
    engine = model._engine._model
    copy = engine.copy()
    assert copy.config.as_dict() == engine.config.as_dict()
    said = [[getattr(e, name) for name in ("n_steps", "n_samples_seen", "bound_sum", "seconds")]
            for e in (engine, copy)]  # fmt: skip
    assert said[0] == said[1]
    assert all(said[0])
    before = engine.arrays("weights")
    answers = [train(e, X)[:4] for e in (copy, engine)]
    assert answers[0] == answers[1]
    for arena in ARENAS:
        ours, theirs = engine.arrays(arena), copy.arrays(arena)
        assert bool(ours) == (arena in ARENAS[: STATES[optimizer]])
        for name in ours:
            np.testing.assert_array_equal(ours[name], theirs[name], err_msg=f"{arena} {name}")
    assert any((engine.arrays("weights")[name] != w).any() for name, w in before.items())


def test_a_copy_of_many_weights_is_whole():
    """The core copies a million weights at a time."""
    model = fitted(n_cols=1100, hidden_layer_sizes=(1000,))[1]
    for arena in ARENAS:
        ours, theirs = (e.arrays(arena) for e in (model._engine, model._engine.copy()))
        for name in ours:
            np.testing.assert_array_equal(ours[name], theirs[name], err_msg=f"{arena} {name}")


def test_subnormals_are_flushed_on_every_thread(isa):
    """1e-20 times 1e-20 is 1e-40, which is no normal float32. If flushed, it is 0."""
    model = fitted("sgd", 3, activation="relu", hidden_layer_sizes=(3,), n_threads=3)[1]
    weights = {name: 0 * w for name, w in model.weights_.items()}
    weights["encoder.hidden0.weight"] += np.eye(3, dtype=np.float32)
    weights["encoder.mean.weight"] += np.float32(1e-20)
    model.set_weights(weights)
    x = np.full((40, 3), 1e-20, dtype=np.float32)
    with team_of(3):
        codes = model.transform(x)
    assert (codes == 0).all()
    assert (np.float32(1e-20) * x > 0).all()  # subnormals stay alive on this thread


def test_an_accumulator_that_is_not_finite_is_reported():
    """The thread with that share reports it: an infinite sum of squares only stops one weight."""
    X, model = fitted("adam", hidden_layer_sizes=(70,), n_threads=3)
    engine = model._engine._model
    for name in engine.arrays("state2"):
        for at in (0, -1):
            one = engine.copy()
            wrong = one.arrays("state2")
            wrong[name].flat[at] = np.inf
            one.set_arrays(wrong, "state2")
            with team_of(3):
                n_steps, n_rows, _, diverged, _ = train(one, X, n_threads=3)
            assert (n_steps, n_rows, diverged) == (2, 40, True), (name, at)
            assert all(np.isfinite(w).all() for w in one.arrays("weights").values())
    assert not train(engine, X)[3]
