"""Curves of the paper's figures: parallel runs, the table with published values, the panels."""

import csv
from types import SimpleNamespace

import joblib
import pytest

from aevb import plots
from aevb.paper import curves
from aevb.paper.runs import Run


def a_run(name):
    return Run(name, "aevb", 2, 0, None, 0.1, [1])


@pytest.mark.parametrize(
    ("n_jobs", "n_cores", "at_once", "n_threads"),
    [(1, 8, 1, 8), (2, 8, 2, 4), (3, 8, 3, 2), (8, 8, 8, 1), (20, 8, 8, 1), (2, 1, 1, 1)],
)
def test_runs_share_the_cores(tmp_path, monkeypatch, n_jobs, n_cores, at_once, n_threads):
    heard, asked = [], []

    def trace_one(run, folder, n_threads, *, progress):
        heard.append((folder, n_threads, progress))
        return [{"dataset": run.dataset, "point": i} for i in range(2)]

    real = joblib.Parallel
    monkeypatch.setattr(curves, "resolve_threads", lambda n: {None: n_cores}[n])
    monkeypatch.setattr(
        curves.joblib, "Parallel", lambda n_jobs: asked.append(n_jobs) or real(n_jobs=1)
    )
    path = tmp_path / "figure.csv"
    runs = [a_run(name) for name in "abc"]
    rows = curves.run_all(runs, trace_one, path, n_jobs=n_jobs, progress=True)
    assert asked == [at_once]
    assert heard == [(tmp_path / "runs", n_threads, at_once == 1)] * 3
    assert rows == [{"dataset": name, "point": i} for name in "abc" for i in range(2)]
    with open(path, newline="") as file:
        written = [(row["dataset"], row["point"]) for row in csv.DictReader(file)]
    assert written == [(row["dataset"], str(row["point"])) for row in rows]
    curves.run_all(runs[:1], trace_one, path, n_jobs=1, progress=False)
    assert heard[-1][2] is False


def test_a_cluster_s_runs_have_all_their_machines_cores(tmp_path, monkeypatch):
    heard, asked = [], []
    backend = SimpleNamespace()  # no joblib module has it
    monkeypatch.setattr(curves.joblib.parallel, "get_active_backend", lambda: (backend, None))
    real = joblib.Parallel
    monkeypatch.setattr(
        curves.joblib, "Parallel", lambda n_jobs: asked.append(n_jobs) or real(n_jobs=1)
    )

    def trace_one(run, folder, n_threads, *, progress):
        heard.append((n_threads, progress))
        return [{"a": 1}]

    curves.run_all([a_run("a")], trace_one, tmp_path / "f.csv", n_jobs=99, progress=True)
    assert (asked, heard) == ([99], [(None, False)])


def test_published_curves_are_read_by_their_columns(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text(
        "panel,algorithm,set,x,y,other\nP,aevb,test,1e5,-3,0\nP,aevb,train,2,-4,0\n"
        "P,mcem,test,3,-5,0\nP,aevb,test,4e5,-2.5,0\nQ,aevb,test,5,-6,0\n"
    )
    assert curves.read_published(path, "x", "y") == {
        ("P", "aevb", "test"): [(1e5, -3.0), (4e5, -2.5)],
        ("P", "aevb", "train"): [(2.0, -4.0)],
        ("P", "mcem", "test"): [(3.0, -5.0)],
        ("Q", "aevb", "test"): [(5.0, -6.0)],
    }
    assert curves.read_published(path, "other", "x")["Q", "aevb", "test"] == [(0.0, 5.0)]
    assert curves.read_published(None, "x", "y") == {}


def a_row(panel, algorithm, samples, train, test, seed="0", seconds="12.6"):
    return {
        "panel": panel, "algorithm": algorithm, "samples": str(samples), "seed": seed,
        "train_bound": f"{train:.3f}", "test_bound": f"{test:.3f}", "seconds": seconds,
    }  # fmt: skip


PUBLISHED = {
    ("A", "aevb", "test"): [(4.0, -20.0), (2.0, -40.0)],  # in no particular order
    ("A", "aevb", "train"): [(1.0, -50.0), (9.0, -10.0)],
    ("A", "mcem", "test"): [(2.0, -1.0)],
    ("B", "aevb", "train"): [(3.0, -2.0)],
}


def test_the_table_has_the_published_values_beside_ours():
    rows = [
        a_row("A", "aevb", 2_000_000, -44.44, -55.55),
        a_row("A", "aevb", 3_000_000, -1, -2),
        a_row("A", "aevb", 4_000_000, -1, -2),
        a_row("A", "aevb", 4_000_001, -1, -2),
        a_row("A", "mcem", 1_999_999, -1, -2),
        a_row("B", "aevb", 3_000_000, -1, -2, seconds="0.4"),
        a_row("B", "wake-sleep", 100_000, -1, -2),
    ]
    shown = curves.table(
        rows, PUBLISHED, panel_of=lambda row: row["panel"], column="bound", unit=1e6
    )
    assert shown.splitlines() == [
        "| panel | algorithm | samples | train | published | test | published | seconds |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
        "| A | aevb | 2e+06 | -44.4 | -45.0 | -55.5 | -40.0 | 13 |",
        "| A | aevb | 3e+06 | -1.0 | -40.0 | -2.0 | -30.0 | 13 |",
        "| A | aevb | 4e+06 | -1.0 | -35.0 | -2.0 | -20.0 | 13 |",
        "| A | aevb | 4e+06 | -1.0 | -35.0 | -2.0 |  | 13 |",
        "| A | mcem | 2e+06 | -1.0 |  | -2.0 |  | 13 |",
        "| B | aevb | 3e+06 | -1.0 | -2.0 | -2.0 |  | 0 |",
        "| B | wake-sleep | 100000 | -1.0 |  | -2.0 |  | 13 |",
    ]


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """Draw rows. Return the figure's panels and its size."""
    figures, saved = [], []
    real = plots.offscreen_figure

    def kept(*size):
        figures.append(real(*size))
        figures[-1].savefig = lambda path, **more: saved.append(path)
        return figures[-1]

    monkeypatch.setattr(plots, "offscreen_figure", kept)

    def draw(rows, published=PUBLISHED, **options):
        path = tmp_path / "figure.png"
        options = {"axes": lambda title: {"ylabel": f"nats of {title}"}} | options
        curves.draw(
            rows, published, path, panel_of=lambda row: row["panel"], column="bound", **options
        )
        assert saved == [path]
        return figures[-1].axes

    return draw


def test_panels_of_curves(drawn):
    rows = [
        a_row("A", "aevb", 2_000_000, -5, -6),
        a_row("A", "aevb", 4_000_000, -3, -4),
        a_row("A", "aevb", 2_000_000, -7, -8, seed="1"),
        a_row("A", "wake-sleep", 2_000_000, -9, -10),
        a_row("B", "mcem", 2_000_000, -11, -12),
    ]
    first, second = drawn(rows, unit=1e6)
    assert [panel.get_title() for panel in (first, second)] == ["A", "B"]
    assert [panel.get_ylabel() for panel in (first, second)] == ["nats of A", "nats of B"]
    lines = {
        (line.get_color(), line.get_linestyle(), tuple(map(tuple, line.get_xydata().tolist())))
        for line in first.get_lines()
    }
    assert lines == {
        ("C3", "-", ((2.0, -5.0), (4.0, -3.0))),
        ("C3", "--", ((2.0, -6.0), (4.0, -4.0))),
        ("C3", "-", ((2.0, -7.0),)),
        ("C3", "--", ((2.0, -8.0),)),
        ("C2", "-", ((2.0, -9.0),)),
        ("C2", "--", ((2.0, -10.0),)),
        # the published curves, as far as ours go
        ("C3", "-", ((1.0, -50.0),)),
        ("C3", "--", ((4.0, -20.0), (2.0, -40.0))),
    }
    labels = {line.get_label() for line in first.get_lines() if line.get_label()[0] != "_"}
    assert labels == {
        f"{name} ({which})" for name in ("aevb", "wake-sleep") for which in ("train", "test")
    }
    thin = [line for line in first.get_lines() if line.get_linewidth() < 1]
    assert all(line.get_label()[0] == "_" for line in thin)
    assert {line.get_xdata()[0] for line in thin} == {1.0, 4.0}
    assert {line.get_color() for line in second.get_lines()} == {"C0"}
    assert first.get_legend() is not None
    assert second.get_legend() is None
    for panel in (first, second):
        for line in panel.get_lines():
            if line.get_label()[0] != "_":
                assert line.get_label().endswith("(train)") == (line.get_linestyle() == "-")


@pytest.mark.parametrize(("n", "grid"), [(1, (1, 1)), (5, (1, 5)), (6, (2, 5)), (11, (3, 5))])
def test_panels_stand_five_in_a_row(drawn, n, grid):
    panels = drawn([a_row(f"{i:02}", "aevb", 10, -1, -2) for i in range(n)], {})
    assert len(panels) == n
    for i, panel in enumerate(panels):
        assert panel.get_subplotspec().get_geometry() == (*grid, i, i)
        assert panel.get_title() == f"{i:02}"
        assert [line.get_xdata()[0] for line in panel.get_lines()] == [10, 10]
