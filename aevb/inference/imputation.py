"""Imputation: missing values of a row, given its observed values."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aevb.core.checks import check_choice, check_integer
from aevb.core.engine import Engine, Floats, Rows
from aevb.core.progress import progress_bar
from aevb.core.warn import warn
from aevb.data.families import columns_with, with_median_levels

SAMPLERS = ("auto", "importance", "mcmc")
METHODS = ("mean", "sample", "mode")
N_ADAPTATIONS = 3  # rounds of draws before those that count: two leave many rows with few
_FEW = 10.0  # effective draws; a mean of so many has an error of a third of a standard deviation
_FEWEST_JUDGED = 20  # draws; with fewer, a handful is what was asked for
_ODD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 divided by the golden ratio: its multiples differ


class Imputation(NamedTuple):
    """Checked settings of an imputation."""

    method: str
    sampler: str
    n_draws: int
    n_starts: int
    n_iterations: int
    n_tables: int
    with_std: bool


class Run(NamedTuple):
    """The seed and the threads of an imputation, and whether its progress is shown."""

    seed: int
    n_threads: int | None
    shown: bool


def checked_settings(
    engine: Engine,
    method: str,
    sampler: str,
    n_draws: int,
    n_starts: int,
    n_iterations: int,
    n_imputations: int | None,
    return_std: bool,
) -> Imputation:
    """Return the settings. TypeError or ValueError if one is wrong; the message names it."""
    check_choice("method", method, METHODS)
    check_choice("sampler", sampler, SAMPLERS)
    n_draws = check_integer("n_draws", n_draws)
    n_starts = check_integer("n_starts", n_starts)
    n_iterations = check_integer("n_iterations", n_iterations)
    if not isinstance(return_std, (bool, np.bool_)):
        raise TypeError(f"return_std: got {return_std!r}, want a bool")
    n_tables = 1 if n_imputations is None else check_integer("n_imputations", n_imputations)
    if n_imputations is not None and method != "sample":
        raise ValueError(f"n_imputations: got {n_imputations}, want method='sample' with it")
    if sampler == "auto":
        has_masks = bool(engine.settings["mask_inputs"])
        sampler = "importance" if has_masks or return_std else "mcmc"
    if return_std and sampler == "mcmc":
        raise ValueError("return_std: got True, want False, or sampler='importance'")
    return Imputation(method, sampler, n_draws, n_starts, n_iterations, n_tables, bool(return_std))


def impute_by_chains(
    engine: Engine, rows: Rows, settings: Imputation, run: Run
) -> list[NDArray[np.float32]]:
    """Fill in missing values by a Markov chain for each row and table, or by the mode of z.

    Values of x that are observed are undefined in the result.
    """
    tables = []
    for i in range(settings.n_tables):
        with progress_bar("imputation", rows.shape[0], shown=run.shown) as report:
            tables.append(
                engine.impute(
                    rows,
                    method=settings.method,
                    n_starts=settings.n_starts,
                    n_iterations=settings.n_iterations,
                    seed=run.seed + (i << 32),
                    n_threads=run.n_threads,
                    progress=report,
                )
            )
    if settings.method == "mean":
        return [_with_median_levels(engine, table) for table in tables]
    return tables


def impute_by_importance(
    engine: Engine, rows: Rows, settings: Imputation, run: Run
) -> tuple[list[NDArray[np.float32]], NDArray[np.float32]]:
    """Fill in missing values by importance sampling from the encoder. Return also their deviations.

    Every row has a missing value. Values of x that are observed are undefined in the result. Equal
    rows have the same mean, but each has its own sample: the noise of the first is that of its
    content, and the noise of the others depends on their number, too.
    """
    samples = settings.method == "sample"
    ids = engine.content_ids(rows, list(range(rows.shape[0])))
    with progress_bar("imputation", rows.shape[0], shown=run.shown) as report:
        found = engine.predict(
            rows,
            ids + _ODD * _occurrences(ids) if samples else ids,
            n_draws=settings.n_draws,
            n_adaptations=N_ADAPTATIONS,
            n_samples=settings.n_tables if samples else 0,
            mean=settings.with_std or not samples,
            deviation=settings.with_std,
            seed=run.seed,
            n_threads=run.n_threads,
            progress=report,
        )
    _warn_of_few(found.ess, settings.n_draws)
    if samples:
        return list(found.samples), found.std
    point = _with_whole_booleans if settings.method == "mode" else _with_median_levels
    return [point(engine, found.mean)], found.std


def _occurrences(ids: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return how often each id stands before its place."""
    order = np.argsort(ids, kind="stable")
    _, first, counts = np.unique(ids[order], return_index=True, return_counts=True)
    before = np.empty_like(ids)
    before[order] = np.arange(len(ids)) - np.repeat(first, counts)
    return before


def _with_median_levels(engine: Engine, means: NDArray[np.float32]) -> NDArray[np.float32]:
    return with_median_levels(means, engine.settings["likelihood"], engine.units)


def _with_whole_booleans(engine: Engine, means: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the means with the more probable of 0 and 1 in Bernoulli columns."""
    units, out = engine.units, means.copy()
    for column in columns_with(engine.settings["likelihood"], units, "bernoulli"):
        own = units.columns_of_x(column)
        out[:, own] = means[:, own] > 0.5
    return out


def _warn_of_few(ess: Floats, n_draws: int) -> None:
    """Warn if the effective number of draws of half of the rows is small, or not a number."""
    few = float(np.mean(~(ess >= _FEW)))
    if n_draws >= _FEWEST_JUDGED and few > 0.5:
        warn(
            f"'importance': the effective number of draws of {few:.0%} of the rows with missing "
            f"values is below {_FEW:g} (n_draws={n_draws}), so what is filled in may be wrong; use "
            f"sampler='mcmc' or more draws",
            RuntimeWarning,
        )
