"""Annealed importance sampling (AIS): estimates of log p(x) and bounds on it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aevb.core.checks import check_integer
from aevb.core.engine import Engine, Floats, Rows, Subset
from aevb.core.progress import progress_bar

SCHEDULES = ("sigmoid", "linear")
STARTS = ("prior", "encoder")
DEFAULT_CHAINS = 10
DEFAULT_TEMPERATURES = 200
DEFAULT_LEAPFROG = 10


class Annealing(NamedTuple):
    """The settings of AIS. `beta` has the inverse temperatures, from 0 to 1."""

    beta: list[float]
    n_chains: int = DEFAULT_CHAINS
    n_leapfrog: int = DEFAULT_LEAPFROG
    start: str = "prior"


class AnnealedLikelihood(NamedTuple):
    """The result of AIS for each row.

    `z` (n_rows, J) is the end of one of the row's chains, drawn by the weights.
    """

    log_p: Floats
    std_error: Floats
    ess: Floats
    acceptance: Floats
    z: NDArray[np.float32]


def temperatures(
    schedule: Any = "sigmoid", n_temperatures: Any = DEFAULT_TEMPERATURES
) -> list[float]:
    """Return the inverse temperatures of a path, from 0 to 1.

    Parameters
    ----------
    schedule : {"sigmoid", "linear"} or array-like of shape (n,)
        "sigmoid" is the schedule of Wu, Burda, Salakhutdinov, Grosse (2017), a sigmoid between -4
        and 4, scaled to go from 0 to 1. An array has the inverse temperatures themselves.
    n_temperatures : int
        Number of steps of a named schedule.
    """
    if isinstance(schedule, str):
        n = check_integer("n_temperatures", n_temperatures)
        if schedule not in SCHEDULES:
            raise ValueError(f"schedule: got {schedule!r}, want 'sigmoid', 'linear' or an array")
        even = np.linspace(0.0, 1.0, n + 1)
        if schedule == "linear":
            return [float(beta) for beta in even]
        curve = 1.0 / (1.0 + np.exp(-4.0 * (2.0 * even - 1.0)))
        return [float(beta) for beta in (curve - curve[0]) / (curve[-1] - curve[0])]
    try:
        betas = np.asarray(schedule, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"schedule: got {schedule!r}, want a name or an array of numbers"
        ) from error
    rises = betas.ndim == 1 and betas.size >= 2 and bool(np.all(np.diff(betas) > 0))
    if not (rises and betas[0] == 0 and betas[-1] == 1):
        raise ValueError(f"schedule: got {schedule!r}, want numbers that rise from 0 to 1")
    return [float(beta) for beta in betas]


def annealed_likelihood(
    engine: Engine,
    rows: Rows,
    subset: Subset,
    annealing: Annealing,
    seed: int,
    n_threads: int | None,
    *,
    exact: NDArray[np.float32] | None = None,
    shown: bool = False,
) -> AnnealedLikelihood:
    """Run the chains of each row. With `exact` draws from p(z|x), run back from those."""
    what = "AIS" if exact is None else "reverse AIS"
    with progress_bar(what, subset.size, shown=shown) as report:
        found = engine.anneal(
            rows,
            subset,
            annealing.beta,
            exact,
            n_leapfrog=annealing.n_leapfrog,
            n_draws=annealing.n_chains,
            from_encoder=annealing.start == "encoder",
            seed=seed,
            n_threads=n_threads,
            progress=report,
        )
    return AnnealedLikelihood(*found)


def simulated_bounds(
    engine: Engine,
    n_rows: int,
    annealing: Annealing,
    seed: int,
    n_threads: int | None,
    *,
    shown: bool = False,
) -> tuple[Floats, Floats]:
    """Return lower and upper bounds on log p(x) of rows drawn from the model.

    This is bidirectional Monte Carlo (Grosse, Ghahramani, Adams, 2015). The z of a draw (x, z) is
    an exact draw from p(z|x). Chains that go back from it bound log p(x) from above in expectation.
    """
    x, z = engine.sample(n_rows, seed=seed, n_threads=n_threads)
    rows, subset = Rows(x), Subset(0, n_rows, split=False)
    lower = annealed_likelihood(engine, rows, subset, annealing, seed, n_threads, shown=shown)
    upper = annealed_likelihood(
        engine, rows, subset, annealing, seed + 1, n_threads, exact=z, shown=shown
    )
    return lower.log_p, upper.log_p
