"""One side of against.py: answers questions in JSON, one line each, by the public interface alone.

It therefore works with revisions whose modules have another layout. It gives every option whose
default could change.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from shapes import (
    BOUNDED,
    DEEP,
    GAUSSIAN,
    MAIN,
    SMALL,
    WIDE,
    Shape,
    dense_rows,
    mnist_like_rows,
)

LIKELIHOODS = ("bernoulli", "gaussian", "bounded-gaussian")
OPTIMIZERS = ("adagrad", "adam", "sgd")
RATES = {"adagrad": 0.02, "adam": 0.001, "sgd": 0.0005}
N_THREADS = 2


def options(**changes: Any) -> dict[str, Any]:
    settings = {"learning_rate": 0.02, "optimizer": "adagrad", "weight_decay": 1.0}
    settings |= {"init_scale": 0.1, "activation": "tanh", "n_epochs": 2, "batch_size": 100}
    settings |= {"random_state": 0, "n_threads": N_THREADS} | changes
    return settings | as_the_revision_has_it(settings.pop("scale", 1.0))


@functools.cache
def as_the_revision_has_it(scale: float) -> dict[str, Any]:
    """Return options that have other names, or do not exist, in older revisions."""
    import inspect

    import aevb

    if "scale" not in inspect.signature(aevb.AEVB).parameters:
        return {"input_scale": scale}
    return {"scale": scale, "learning_rate_schedule": "constant", "early_stopping": False}


def rows_of(likelihood: str) -> np.ndarray:
    X = dense_rows(450, 70)
    X[X < 0.6] = 0  # gives blocks of zeros to skip
    return 3 * X - 1 if likelihood == "gaussian" else X


def fitted(kind: str, likelihood: str, hidden: tuple[int, ...], **changes: Any) -> Any:
    import aevb

    estimator = getattr(aevb, kind)
    model = estimator(5, hidden_layer_sizes=hidden, likelihood=likelihood, **options(**changes))
    return model.fit(rows_of(likelihood))


trained = functools.cache(fitted)


def evaluated(name: str, likelihood: str) -> Iterator[np.ndarray]:
    """Yield the results of a fitted model and its evaluator."""
    from aevb import Evaluator, sample_posterior

    model, X = trained("AEVB", likelihood, (90,)), rows_of(likelihood)[:60]
    evaluator = Evaluator(model, random_state=1, n_threads=N_THREADS)
    if name == "transform":
        yield from (model.transform(X), model.reconstruct(X), model.score_samples(X))
    elif name == "gradient":
        bound, gradient = model.bound_and_gradient(X)
        yield from (bound, *gradient.values())
    elif name == "sample":
        yield model.sample(50, random_state=2)
    elif name == "impute":
        mask = np.random.default_rng(0).random(X.shape) < 0.3
        for method in ("mean", "sample"):
            yield model.impute(X, mask, method=method, n_iterations=30, random_state=3)
    elif name == "posterior":
        drawn = sample_posterior(model, X, 20, n_warmup=20, random_state=4, n_threads=N_THREADS)
        yield from (drawn.draws, drawn.acceptance, drawn.step_size)
    else:
        how: dict[str, Any] = {"importance": {"n_draws": 70, "n_adaptations": 1}}
        how |= {"ais": {"n_draws": 60, "n_temperatures": 8}, "hmc": {"n_draws": 20}}
        estimate = evaluator.log_likelihood(X, name, **how[name])
        yield from (estimate.per_row, estimate.stderr)


def weights(*args: Any, **changes: Any) -> Iterator[np.ndarray]:
    model = fitted(*args, **changes)
    yield from model.weights_.values()
    yield np.array(model.history_["train_bound"])


RESULTS: dict[str, Callable[[], Iterator[np.ndarray]]] = {
    f"AEVB, {likelihood}, {optimizer}, {len(hidden)} hidden": functools.partial(
        weights, "AEVB", likelihood, hidden, optimizer=optimizer, learning_rate=RATES[optimizer]
    )
    for likelihood, optimizer, hidden in product(LIKELIHOODS, OPTIMIZERS, [(90,), (90, 40)])
}
RESULTS |= {
    f"{kind}, {likelihood}": functools.partial(weights, kind, likelihood, (90, 40))
    for kind, likelihood in product(("WakeSleep", "MCEM"), LIKELIHOODS)
}
RESULTS |= {
    f"AEVB, {name}": functools.partial(weights, "AEVB", "bernoulli", (90,), **changes)
    for name, changes in {
        "monte-carlo": {"bound_estimator": "monte-carlo", "n_draws": 3},
        "score-function": {"bound_estimator": "score-function"},
        "dynamic": {"binarize": "dynamic"},
        "large minibatches": {"batch_size": 1200},
    }.items()
}
EVALUATED = ("transform", "gradient", "sample", "impute", "posterior", "importance", "ais", "hmc")
RESULTS |= {
    f"{name}, {likelihood}": functools.partial(evaluated, name, likelihood)
    for name, likelihood in product(EVALUATED, LIKELIHOODS)
}


def digest(name: str) -> str:
    """Return a hash of every byte of a result."""
    found = hashlib.sha256()
    for array in RESULTS[name]():
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def step(shape: Shape, X: np.ndarray, **changes: Any) -> Callable[[], int]:
    """Return a function that trains some minibatches and returns their number."""
    from aevb import AEVB, Trainer

    settings = options(weight_decay=0.0, **changes)
    model = AEVB(
        shape.n_components,
        hidden_layer_sizes=shape.hidden,
        likelihood=shape.likelihood,
        **settings,
    )
    trainer = Trainer(model, X)
    n = int(np.clip(20e9 / shape.flops_per_step(), 20, 5000))
    trainer.step(n)

    def train() -> int:
        trainer.step(n)
        return n

    return train


def reading(call: Callable[[Any], Any], shape: Shape = MAIN) -> Callable[[], int]:
    """Return a function that makes one call with a fitted model."""
    from aevb import AEVB

    model = AEVB(shape.n_components, hidden_layer_sizes=shape.hidden, likelihood="bernoulli")
    model.set_params(**options(n_epochs=1)).fit(dense_rows(1000, shape.n_visible))

    def work() -> int:
        call(model)
        return 1

    return work


def hmc(model: Any) -> None:
    from aevb import sample_posterior

    X = dense_rows(1000, 784)
    sample_posterior(model, X, 20, n_leapfrog=4, n_warmup=0, random_state=0, n_threads=N_THREADS)


def importance(model: Any) -> None:
    from aevb import Evaluator

    Evaluator(model, n_threads=N_THREADS).log_likelihood(dense_rows(50, 784), n_draws=200)


ROWS = functools.cache(dense_rows)
TIMED: dict[str, Callable[[], Callable[[], int]]] = {
    "dense": lambda: step(MAIN, ROWS(20_000, 784)),
    "mnist-like": lambda: step(MAIN, mnist_like_rows(20_000), scale=1 / 255),
    "adam": lambda: step(MAIN, ROWS(20_000, 784), optimizer="adam", learning_rate=0.001),
    "one thread": lambda: step(MAIN, ROWS(20_000, 784), n_threads=1),
    "small": lambda: step(SMALL, ROWS(20_000, 64)),
    "deep": lambda: step(DEEP, ROWS(20_000, 784)),
    "wide": lambda: step(WIDE, ROWS(10_000, 2000)),
    "gaussian": lambda: step(GAUSSIAN, ROWS(20_000, 560)),
    "bounded": lambda: step(BOUNDED, ROWS(20_000, 560)),
    "transform": lambda: reading(lambda model: model.transform(ROWS(20_000, 784))),
    "one row": lambda: reading(lambda model: model.transform(ROWS(20_000, 784)[:1])),
    "hmc": lambda: reading(hmc, Shape(784, (100,), 3)),
    "importance": lambda: reading(importance),
}
ready = functools.cache(lambda name: TIMED[name]())


def timed(name: str, seconds: float) -> float:
    """Return the seconds per unit of work, measured for about `seconds`."""
    work, n_done, elapsed = ready(name), 0, 0.0
    start = time.perf_counter()
    while elapsed < seconds:
        n_done += work()
        elapsed = time.perf_counter() - start
    return elapsed / n_done


def main() -> None:
    import aevb

    found = Path(aevb.__file__).parent.parent
    if found != Path(sys.argv[1]):  # Python would import an editable install first
        raise SystemExit(f"aevb was imported from {found}, not from {sys.argv[1]}")
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # other output on stdout must not mix with the answers
    for line in sys.stdin:
        question = json.loads(line)
        if "bits" in question:
            answer: str | float = digest(question["bits"])
        else:
            answer = timed(question["timed"], question["seconds"])
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
