"""Functions for several figures: parallel runs, published curves, tables and plots."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import joblib
import numpy as np

from aevb.core.threads import resolve_threads
from aevb.paper.runs import Row, Run, write_rows

COLOURS = {"aevb": "C3", "wake-sleep": "C2", "mcem": "C0"}
_MOST_COLUMNS = 5  # panels side by side

# {(panel, algorithm, set): [(x, y)]}
Published = dict[tuple[str, str, str], list[tuple[float, float]]]


def run_all(
    runs: Sequence[Run],
    trace_one: Callable[..., list[Row]],
    path: Path,
    *,
    n_jobs: int,
    progress: bool,
) -> list[Row]:
    """Run all runs, `n_jobs` at a time. Return their rows and write them to `path`.

    ``trace_one(run, folder, n_threads, progress=...)`` returns the rows of one run. On one machine,
    the runs share its cores, and at most one run per core is active. With the joblib backend of a
    cluster, each run has all cores of its machine.
    """
    backend, _ = joblib.parallel.get_active_backend()
    n_threads = None  # on another machine, all its cores
    if type(backend).__module__ == "joblib._parallel_backends":  # these run on this machine
        n_cores = resolve_threads(None)
        n_jobs = min(n_jobs, n_cores)
        n_threads = n_cores // n_jobs
    curves = joblib.Parallel(n_jobs=n_jobs)(
        joblib.delayed(trace_one)(
            run, path.parent / "runs", n_threads, progress=progress and n_jobs == 1
        )
        for run in runs
    )
    rows = [row for curve in curves for row in curve]
    write_rows(path, rows)
    return rows


def read_published(path: Path | None, x: str, y: str) -> Published:
    """Return the curves of a CSV file with the columns panel, algorithm, set, `x` and `y`."""
    curves: Published = {}
    if path is not None:
        with open(path, newline="") as file:
            for row in csv.DictReader(file):
                key = row["panel"], row["algorithm"], row["set"]
                curves.setdefault(key, []).append((float(row[x]), float(row[y])))
    return curves


def table(
    rows: Sequence[Row],
    published: Published,
    *,
    panel_of: Callable[[Row], str],
    column: str,
    unit: float = 1.0,
) -> str:
    """Return a Markdown table of all points, with the published values, linearly interpolated.

    Parameters
    ----------
    rows, published, panel_of, column, unit
        As in `draw`.
    """
    lines = [
        "| panel | algorithm | samples | train | published | test | published | seconds |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        cells = [panel_of(row), row["algorithm"], f"{float(row['samples']):g}"]
        for which in ("train", "test"):
            cells.append(f"{float(row[f'{which}_{column}']):.1f}")
            curve = sorted(published.get((panel_of(row), row["algorithm"], which), []))
            at = float(row["samples"]) / unit
            xs, ys = [x for x, _ in curve], [y for _, y in curve]
            known = bool(xs) and xs[0] <= at <= xs[-1]
            cells.append(f"{float(np.interp(at, xs, ys)):.1f}" if known else "")
        lines.append("| " + " | ".join([*cells, f"{float(row['seconds']):.0f}"]) + " |")
    return "\n".join(lines)


def draw(
    rows: Sequence[Row],
    published: Published,
    path: Path,
    *,
    panel_of: Callable[[Row], str],
    column: str,
    unit: float = 1.0,
    axes: Callable[[str], Mapping[str, Any]],
) -> None:
    """Draw one panel for each ``panel_of(row)``, with thin lines for the published curves.

    Lines are solid for training rows and dashed for test rows.

    Parameters
    ----------
    rows : sequence of dict
        Rows of all curves, with ``train_<column>`` and ``test_<column>``.
    published : dict
        From `read_published`.
    path : Path
        File of the plot.
    panel_of : callable
        Returns the title of a row's panel.
    column : str
        Column to draw, without the prefix.
    unit : float, default=1.0
        Number of samples per unit of the x axis.
    axes : callable
        Returns the settings of the panel with a given title.
    """
    from aevb.plots import offscreen_figure

    panels = list(dict.fromkeys(panel_of(row) for row in rows))
    most = max(float(row["samples"]) for row in rows) / unit
    n_columns = min(len(panels), _MOST_COLUMNS)
    n_rows = -(-len(panels) // n_columns)
    figure = offscreen_figure(1.0 + 3.5 * n_columns, 3.6 * n_rows)
    for i, title in enumerate(panels):
        panel = figure.add_subplot(n_rows, n_columns, i + 1)
        lines: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
        for row in (row for row in rows if panel_of(row) == title):
            for which in ("train", "test"):
                point = float(row["samples"]) / unit, float(row[f"{which}_{column}"])
                lines.setdefault((row["algorithm"], which, row["seed"]), []).append(point)
        for (algorithm, which, _), line in lines.items():
            style: dict[str, Any] = {
                "color": COLOURS[algorithm],
                "ls": "-" if which == "train" else "--",
            }
            panel.plot(*zip(*line, strict=True), **style, label=f"{algorithm} ({which})")
            theirs = [p for p in published.get((title, algorithm, which), []) if p[0] <= most]
            if theirs:
                panel.plot(*zip(*theirs, strict=True), **style, lw=0.5, alpha=0.7)
        panel.set(title=title, **axes(title))
        if i == 0:
            panel.legend(fontsize="x-small")
    figure.savefig(path, dpi=120)
