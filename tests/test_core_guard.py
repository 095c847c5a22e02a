"""Guarded rows: every call finds a value out of range, wherever it stands."""

import numpy as np
import pytest
from engines import engine, train
from teams import team_of

from aevb import _core
from aevb.core.engine import Rows

PART = {"begin": 0, "seed": 0, "n_threads": 3}


def calls(model, n):
    part = {**PART, "size": n}
    return {
        "encode": lambda r: model.encode(r, n_threads=3),
        "bound": lambda r: model.bound(r, n_draws=1, split=False, **part),
        "importance": lambda r: model.importance(r, n_draws=1, n_adaptations=0, **part),
        "predict": lambda r: model.predict(
            r,
            np.zeros(n, np.uint64),
            n_draws=1,
            n_adaptations=0,
            n_samples=0,
            mean=True,
            deviation=False,
            seed=0,
            n_threads=3,
        ),
        "gradient": lambda r: model.bound_and_gradient(r, None, seed=0, n_threads=3),
    }


@pytest.mark.parametrize("n_cols", [1, 3, 4, 5, 15, 16, 17, 33])
def test_no_value_out_of_range_is_overlooked(isa, n_cols):
    """The bad value is in the first, middle or last row, and at both ends of its vectors."""
    n = 23
    X = np.random.default_rng(0).uniform(-1, 2, (n, n_cols)).astype(np.float32)
    X[0, 0], X[-1, -1] = -1, 2  # both ends of the range are legal
    model = engine(n_cols, likelihood="gaussian")
    works = calls(model, n)
    with team_of(3):
        for work in works.values():
            work(Rows(X, range=(-1.0, 2.0, 0.0)))
    for value in (np.nextafter(np.float32(2), np.float32(3)), -1.0001, np.nan, np.inf, -np.inf):
        for row in (0, n // 2, n - 1):
            for column in {0, n_cols // 2, n_cols - 2, n_cols - 1} - {-1}:
                bad = X.copy()
                bad[row, column] = value
                with pytest.raises(_core.OutOfRangeError, match="not in"):
                    works["encode"](Rows(bad, range=(-1.0, 2.0, 0.0)))
                model.encode(Rows(bad), n_threads=1)  # without a range, the core does not check
    for work in works.values():
        with pytest.raises(_core.OutOfRangeError, match="not in"):
            work(Rows(bad, range=(-1.0, 2.0, 0.0)))


def test_the_range_is_of_scaled_values():
    X = np.full((4, 3), 255, dtype=np.uint8)
    rows = Rows(X, range=(0.0, 1.0, 0.0))
    engine(3, scale=1 / 255).encode(rows, n_threads=1)
    with pytest.raises(_core.OutOfRangeError):
        engine(3, scale=1 / 254).encode(rows, n_threads=1)


def test_training_takes_guarded_rows():
    """Data that are in range train as if there were no guard."""
    X = np.random.default_rng(0).random((23, 5), dtype=np.float32)
    models = [engine(5), engine(5)]
    answers = [
        models[0].train(Rows(X, range=(0.0, 1.0, 0.0)), **part())[:3],
        train(models[1], X)[:3],
    ]
    assert answers[0] == answers[1]


def part():
    return {
        "begin": 0,
        "size": 23,
        "split": False,
        "epoch": 0,
        "position": 0,
        "max_steps": 10,
        "max_seconds": 1e9,
        "n_train": 23,
        "n_threads": 1,
    }
