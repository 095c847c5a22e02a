"""Every training step against a reference: its rows, its noise and the optimizer's update.

The gradient is the engine's own, for the twin's rows and noise. test_bounds.py compares it
with float64. Both use the same sums, so the tolerance of the update is that of
test_dense_kernels.py.
"""

import numpy as np
import oracle
import pytest
from engines import draws, engine, order, train
from hooks import kernels
from oracle import assert_close
from test_dense_kernels import update_tolerance

from aevb.core.engine import Rows

ARENAS = ("weights", "state1", "state2")  # without a weight posterior the others are empty
LATENT, BINARIZE = 2, 3  # streams of noise
STATES = {"sgd": 0, "adagrad": 1, "adam": 2}
CASES = [
    {"optimizer": "sgd"},
    {"optimizer": "adagrad", "bound_estimator": "monte-carlo"},
    {"optimizer": "adam"},
    {"optimizer": "adam", "likelihood": "gaussian", "bound_estimator": "score-function"},
    {"optimizer": "adagrad", "likelihood": "bounded-gaussian", "weight_decay": 0.0},
    {"optimizer": "sgd", "binarize": "dynamic", "n_draws": 1},
    {"optimizer": "sgd", "batch_size": 100},
]


def some(seed=0, n=23, d=70):
    return np.random.default_rng(seed).uniform(0.05, 0.95, (n, d)).astype(np.float32)


def check_step(model, X, position, n, n_train, **part):
    """Check one step on n rows, and the sum of the bounds of the twin's rows."""
    config = model.config.as_dict()
    seed, step = config["seed"], model.n_steps
    x = X[order(model, len(X), **part)[position : position + n]]
    if config["binarize"] == "dynamic":
        x = (kernels.uniform(seed, step, BINARIZE, 0, n, x.shape[1]) < x).astype(np.float32)
    noise = draws(seed, step, LATENT, 0, n, config["n_components"], config["n_draws"])
    bound, gradient = model.bound_and_gradient(Rows(x), noise, seed=seed, n_threads=1)
    before = [model.arrays(arena) for arena in ARENAS]
    seen = model.n_samples_seen, model.bound_sum
    n_steps, n_rows, bound_sum, diverged, _ = train(
        model, X, position=position, max_steps=1, n_train=n_train, **part
    )
    assert (n_steps, n_rows, diverged, model.n_steps) == (1, n, False, step + 1)
    assert bound_sum == pytest.approx(bound.sum(), rel=1e-13)
    assert model.n_samples_seen == seen[0] + n
    assert model.bound_sum == seen[1] + bound_sum

    optimizer = config["optimizer"]
    after = [model.arrays(arena) for arena in ARENAS[: 1 + STATES[optimizer]]]
    for name, g in gradient.items():
        hyper = {
            "learning_rate": config["learning_rate"] * oracle.warm_up(optimizer, step + 1),
            "scale": 1 / n,
            "decay": config["weight_decay"] / n_train if name.endswith("weight") else 0.0,
            "step": step + 1,
        }
        state = [np.float64(a.get(name, 0 * g)) for a in before]
        arguments = (optimizer, state[0], np.float64(g), *state[1:])
        expected = oracle.optimizer_update(*arguments, **hyper)
        tolerances = update_tolerance(*arguments, hyper)
        for got, want, tolerance in zip(after, expected, tolerances, strict=False):
            assert_close(got[name], want, tolerance, f"{name} at step {step}")
        assert (after[0][name] != before[0][name]).any(), name


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_step_is_the_twins(case):
    """Two epochs of 23 rows: the last minibatch is short, the second epoch has another order."""
    settings = {"n_components": 5, "hidden_layer_sizes": [9, 7], "n_draws": 3, "weight_decay": 3.0}
    X = some()
    model = engine(70, **{**settings, **case})
    batch = min(model.config.as_dict()["batch_size"], 23)
    for epoch in (0, 10**10):
        for position in range(0, 23, batch):
            n = min(batch, 23 - position)
            check_step(model, X, position, n, n_train=20, epoch=epoch)


@pytest.mark.parametrize("split", [False, True])
def test_a_part_of_an_epoch_has_its_rows(split):
    X = some()
    model = engine(70)
    for epoch, position in [(0, 0), (3, 9)]:
        part = {"begin": 4, "size": 15, "split": split, "epoch": epoch}
        check_step(model, X, position, min(10, 15 - position), n_train=15, **part)


def state(model):
    arrays = [model.arrays(arena) for arena in ARENAS]
    said = [{name: a.tobytes() for name, a in arena.items()} for arena in arrays]
    return said, model.n_steps, model.n_samples_seen, model.bound_sum


@pytest.mark.parametrize("optimizer", STATES)
def test_however_an_epoch_is_sliced_it_comes_to_the_same_bits(optimizer):
    X = some()
    whole, sliced = engine(70, optimizer=optimizer), engine(70, optimizer=optimizer)
    for epoch in range(2):
        assert train(whole, X, epoch=epoch)[:2] == (3, 23)
        for position, max_steps, n in [(0, 2, 20), (20, 5, 3)]:
            answer = train(sliced, X, epoch=epoch, position=position, max_steps=max_steps)
            assert answer[:2] == (min(max_steps, -(-n // 10)), n)
    assert state(whole) == state(sliced)


@pytest.mark.parametrize("n_threads", [1, 3])
def test_a_part_ends_where_it_is_told_to(n_threads):
    """It does at most max_steps steps, starts no step after its time, and stops at the end."""
    X = some()
    for part, n_steps, n_rows in [
        ({"max_steps": 0}, 0, 0),
        ({"max_steps": 1}, 1, 10),
        ({"max_steps": 2}, 2, 20),
        ({"max_steps": 3}, 3, 23),
        ({"max_seconds": 0.0}, 1, 10),
        ({"max_seconds": -1.0}, 1, 10),
        ({"position": 20}, 1, 3),
        ({"position": 23}, 0, 0),
        ({"size": 7}, 1, 7),
    ]:
        model = engine(70)
        got = train(model, X, n_threads, **part)
        assert got[:2] == (n_steps, n_rows), part
        assert (model.n_steps, model.n_samples_seen) == (n_steps, n_rows), part
        assert model.bound_sum == got[2]
