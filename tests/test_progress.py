"""Progress bars of a training run: their totals and starts, and that they count rows."""

import numpy as np
import pytest

from aevb import AEVB, MCEM, Trainer, WakeSleep
from aevb.core import engine as core_engine
from aevb.core import progress as core_progress

pytestmark = pytest.mark.filterwarnings("ignore:all latent units have collapsed")  # short fits

X = np.random.default_rng(0).random((50, 6), dtype=np.float32)
SMALL = {"n_components": 2, "hidden_layer_sizes": (4,), "batch_size": 20, "random_state": 0}


class Bar:
    """Records what it is told."""

    def __init__(self, **options):
        self.options, self.updates, self.postfixes, self.closed = options, [], [], False
        self.shown.append(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closed = True

    def update(self, n):
        self.updates.append(n)

    def set_postfix(self, refresh=True, **what):
        self.postfixes.append(what["bound"])

    @property
    def n(self):
        return self.options.get("initial", 0) + sum(self.updates)


@pytest.fixture(name="bars")
def recorded(monkeypatch):
    monkeypatch.setattr(Bar, "shown", [], raising=False)  # bars, in their order
    monkeypatch.setattr(core_progress, "tqdm", Bar)
    monkeypatch.setattr(core_engine, "slice_seconds", lambda: 0.0)  # an update for each minibatch
    return Bar.shown


@pytest.mark.parametrize("kind", [AEVB, WakeSleep, MCEM])
def test_a_bar_shows_the_rows_of_its_own_run(kind, bars):
    trainer = Trainer(kind.published(**SMALL), X, progress=True)
    for until in (100, 150, 185):
        trainer.run(until)
    first, second, third = bars
    assert [bar.options["total"] for bar in bars] == [100, 50, 35]
    assert [bar.options["initial"] for bar in bars] == [0, 0, 0]
    assert first.updates == [20, 20, 10] * 2
    assert (second.updates, third.updates) == ([20, 20, 10], [20, 20])
    for bar in bars:
        assert bar.closed
        assert (bar.options["unit"], bar.options["unit_scale"]) == (" rows", True)
        assert (bar.options["desc"], bar.options["leave"]) == (None, True)
    trainer.run(100)  # nothing is left to do
    assert (bars[-1].options["total"], bars[-1].updates) == (0, [])


def test_a_bar_of_a_part_of_a_longer_run_goes_on_from_the_part_before(bars):
    trainer = Trainer(AEVB.published(**SMALL), X, progress=True)
    trainer.progress = core_progress.Part("all", 320.5)
    for until in (100, 150):
        trainer.run(until)
    assert [bar.options["initial"] for bar in bars] == [0, 100]
    assert [bar.options["total"] for bar in bars] == [321, 321]
    assert [bar.n for bar in bars] == [100, 150]
    assert {(bar.options["desc"], bar.options["leave"]) for bar in bars} == {("all", False)}


def test_a_bar_without_an_end_has_no_total(bars):
    stop = [lambda t: t.model.n_samples_seen_ >= 100]
    Trainer(AEVB.published(**SMALL), X, progress=True, callbacks=stop).run(np.inf)
    assert (bars[0].options["total"], bars[0].n) == (None, 100)


def test_a_bar_shows_the_mean_bound_of_its_rows(bars):
    """The weights stand still and there is one minibatch, so the bound is the epoch's."""
    model = AEVB.published(**SMALL | {"batch_size": 50}, optimizer="sgd", learning_rate=1e-30)
    trainer = Trainer(model, X, progress=True).run(150)
    assert bars[0].postfixes == [f"{bound:.2f}" for bound in trainer.history["train_bound"]]


@pytest.mark.parametrize(("verbose", "progress"), [(0, None), (1, False), (0, True), (1, None)])
def test_the_models_verbose_decides_unless_it_is_said(verbose, progress, bars):
    Trainer(AEVB.published(**SMALL, verbose=verbose), X, progress=progress).run(50)
    assert len(bars) == (verbose if progress is None else progress)
    bars.clear()
    AEVB.published(**SMALL, verbose=verbose, n_epochs=3).fit(X)
    assert [bar.options["total"] for bar in bars] == [150] * verbose


def test_trials_have_bars_of_their_own(bars):
    model = AEVB.published(**SMALL, learning_rate="auto", n_epochs=20, verbose=1).fit(X)
    assert model.n_samples_seen_ == 1000
    assert [bar.options["desc"] for bar in bars] == [
        "learning rate 0.01",
        "learning rate 0.02",
        "learning rate 0.1",
        None,
    ]
    assert [bar.options["total"] for bar in bars] == [100] * 3 + [1000]
    assert [bar.options["initial"] for bar in bars] == [0] * 4
    assert [bar.n for bar in bars] == [100] * 3 + [1000]
    assert [bar.options["leave"] for bar in bars] == [False] * 3 + [True]
    bars.clear()
    AEVB.published(**SMALL, learning_rate="auto", n_epochs=20).fit(X)
    assert bars == []


def test_the_bar_of_one_call_counts_rows(bars):
    with core_progress.progress_bar("what", 200, shown=True) as report:
        for done in (0.1, 0.5, 1.25):  # the core may have rounded up
            report(done)
            assert bars[0].n == min(200, 200 * done)
    assert bars[0].options == {"total": 200, "desc": "what", "unit": " rows", "unit_scale": True}
    with core_progress.progress_bar("what", 200, shown=True) as report:
        report(0.5)
    assert bars[1].n == 200  # whatever was told last, all is done
    with core_progress.progress_bar("what", 200, shown=False) as report:
        report(0.5)
    assert len(bars) == 2
    assert all(bar.closed for bar in bars)
