"""The search for the quickest number of threads, on a simulated machine and in a training."""

import itertools
import math
import pickle
import sys
import threading
from functools import partial

import numpy as np
import pytest
from sklearn.base import clone
from teams import whole_teams

from aevb import AEVB, MCEM, Trainer, WakeSleep
from aevb.core import engine, thread_search
from aevb.core.thread_search import GAIN, LONGEST_PAUSE, PAUSE, SLICE, ThreadSearch

BATCH = 100
ORDINARY = 0.5  # seconds of a slice outside of a search
X = np.random.default_rng(0).random((60, 7), dtype=np.float32)
no_advice = pytest.mark.filterwarnings("ignore::aevb.exceptions.FitWarning")
SMALL = {"n_components": 2, "hidden_layer_sizes": (5,), "random_state": 0}
SMALL |= {"batch_size": 6, "n_epochs": 12}


class Machine:
    """A machine with a clock of its own. A minibatch takes `step(n_threads)` seconds."""

    def __init__(self, step, noise=0.0):
        self.step, self.noise, self.now = step, noise, 0.0
        self.seconds = {}  # by the number of threads
        self.rng = np.random.default_rng(0)

    def train(self, search, seconds, n_threads=None):
        """Train for so many seconds. Return the minibatches done."""
        begin, done = self.now, 0
        while self.now - begin < seconds:
            turn = search.next(n_threads)
            n, took = 0, 0.0
            while n == 0 or took < min(turn.seconds, ORDINARY):
                took += self.step(turn.n_threads) * math.exp(self.noise * self.rng.normal())
                n += 1
            self.now += took
            self.seconds[turn.n_threads] = self.seconds.get(turn.n_threads, 0.0) + took
            search.note(n * BATCH, took)
            done += n
        return done


@pytest.fixture
def limit(monkeypatch):
    """The cores that the process may use, as a list of one number."""
    cores = [8]
    monkeypatch.setattr(thread_search, "resolve_threads", lambda n: cores[0] if n is None else n)
    return cores


def scaling(best, step=1e-3):
    """A step that is quickest with `best` threads."""
    return lambda n: step * (1 / n + n / best**2)


@pytest.mark.parametrize(
    ("cores", "want"),
    [(1, [1]), (2, [1, 2]), (3, [1, 2, 3]), (4, [1, 2, 4]), (64, [1, 2, 4, 8, 16, 32, 64])],
)
def test_candidates(cores, want):
    assert thread_search.candidates_up_to(cores) == want


@pytest.mark.parametrize("cores", [2, 6, 8, 64])
@pytest.mark.parametrize("best", [1, 2, 4])
def test_the_quickest_number_is_found(limit, cores, best):
    limit[0] = cores
    search, machine = ThreadSearch(), Machine(scaling(min(best, cores)), noise=0.05)
    machine.train(search, 2.0)
    assert search.n_threads == min(best, cores)


def test_numbers_that_are_too_large_are_not_tried(limit):
    limit[0] = 64
    machine = Machine(scaling(4))
    machine.train(ThreadSearch(), 5.0)
    assert set(machine.seconds) == {1, 2, 4, 8}


def test_equal_numbers_are_passed(limit):
    """The core may use fewer threads than it gets, so 2 may be like 1, and 8 quicker."""
    search, machine = ThreadSearch(), Machine(lambda n: 1e-3 if n < 8 else 5e-4)
    machine.train(search, 2.0)
    assert search.n_threads == 8


def test_the_process_has_a_limit_that_may_change(limit):
    search, machine = ThreadSearch(), Machine(lambda n: 1e-3 / n)
    for cores in (4, 2, 1, 6):
        limit[0], machine.seconds = cores, {}
        machine.train(search, 2.0)
        assert search.n_threads == cores == max(machine.seconds)
    for cores, first in ((5, 5), (12, 4)):  # the largest candidate that is not above the best
        limit[0] = cores
        assert search.next(None).n_threads == search.n_threads == first


def test_one_core_and_given_numbers_are_not_tried(limit):
    search, machine = ThreadSearch(), Machine(lambda n: 1e-3 / n)
    assert search.next(3) == (3, math.inf)
    machine.train(search, 1.0, n_threads=3)
    assert (set(machine.seconds), search.n_threads) == ({3}, 3)
    limit[0] = 1
    machine.train(search, 1.0)
    assert (set(machine.seconds), search.n_threads) == ({1, 3}, 1)


@pytest.mark.parametrize(("step", "noise"), [(1e-4, 0.0), (1e-3, 0.0), (1e-3, 0.3), (1e-2, 0.05)])
def test_the_cost_of_a_fit_is_small(limit, step, noise):
    """For a fit of five seconds on two cores, against the better number from the start."""
    limit[0] = 2
    for quickest in (1, 2):
        done = Machine(scaling(quickest, step), noise).train(ThreadSearch(), 5.0)
        best = Machine(scaling(quickest, step), noise).train(ThreadSearch(), 5.0, quickest)
        assert best / done < 1.02


def times_of_searches(search, machine, seconds):
    """Train. Return when each of the searches began."""
    begun, begin = [], machine.now
    inner = search._search

    def noted():
        begun.append(machine.now)
        return inner()

    search._search = noted
    machine.train(search, seconds)
    return np.diff([begin, *begun][1:])


def test_searches_become_rare_but_do_not_end(limit):
    limit[0] = 2
    search, machine = ThreadSearch(), Machine(lambda n: 1e-3 * n)
    pauses = times_of_searches(search, machine, 400.0)
    lasted = 1e-3 * round(machine.seconds[2] / len(pauses) / 1e-3)
    assert lasted < 0.1
    ratios = pauses[1:] / pauses[:-1]
    assert ratios[:3] == pytest.approx(2.0, rel=0.4)
    assert ratios[5:] == pytest.approx(1.0, rel=0.1)
    assert pauses[-1] / pauses[0] == pytest.approx(LONGEST_PAUSE / PAUSE / 2, rel=0.5)
    assert machine.seconds[2] < 0.002 * machine.now


def test_searches_take_a_small_part_however_the_machine_changes(limit):
    """The quickest number changes all the time, and each search finds another one."""
    limit[0] = 2
    search = ThreadSearch()
    machine = Machine(lambda n: 1e-3 * (n if int(machine.now / 3) % 2 else 3 - n))
    pauses = times_of_searches(search, machine, 60.0)
    assert 4 < len(pauses) < 60.0 / (PAUSE * 6 * SLICE)


@pytest.mark.parametrize("was", [1, 8])
def test_a_change_is_followed(limit, was):
    """Another process takes some cores, or gives them back. Numbers between are passed."""
    search, machine = ThreadSearch(), Machine(scaling(was))
    machine.train(search, 20.0)
    assert search.n_threads == was
    machine.step = scaling(9 - was)
    machine.train(search, 40.0)
    assert search.n_threads == 9 - was


def test_a_fall_of_the_rate_shortens_the_pause(limit):
    limit[0] = 2
    search, machine = ThreadSearch(), Machine(lambda n: 1e-3 / n)
    machine.train(search, 60.0)
    first = PAUSE * 8 * SLICE  # three pairs of slices and what is around them
    machine.step = lambda n: 1e-3 * n
    machine.train(search, 2 * first)
    assert search.n_threads == 1


def test_a_change_shortens_the_pause(limit):
    limit[0] = 2
    search, machine = ThreadSearch(), Machine(lambda n: 1e-3 * n)
    machine.train(search, 200.0)
    machine.step = lambda n: 1e-3 / n**0.2  # one thread is as quick as before
    while search.n_threads == 1:
        machine.train(search, 1.0)
    pauses = times_of_searches(search, machine, 20.0)
    assert len(pauses) >= 1


def test_short_epochs_make_a_slice_together(limit):
    """A slice ends with its epoch. So several of them are one measurement."""
    limit[0] = 2
    search, n_slices = ThreadSearch(), 0
    while search.next(None).seconds < math.inf:
        search.note(BATCH, SLICE / 10 / search.next(None).n_threads)
        n_slices += 1
    assert n_slices > 3 * (10 + 20)


def test_small_differences_do_not_count(limit):
    limit[0] = 2
    for gain, want in ((GAIN - 0.01, 1), (GAIN + 0.01, 2)):
        search, machine = ThreadSearch(), Machine(lambda n, gain=gain: 1e-3 / gain ** (n - 1))
        machine.train(search, 20.0)
        assert search.n_threads == want


def test_noise_does_not_change_the_number(limit):
    """Slices of equal numbers differ, but the number stays."""
    limit[0] = 2
    search, machine, seen = ThreadSearch(), Machine(lambda n: 1e-3, noise=0.1), set()
    for _ in range(200):
        machine.train(search, 1.0)
        seen.add(search.n_threads)
    assert seen == {1}


def test_a_mishap_in_a_slice_does_not_count(limit):
    limit[0] = 2
    slices = itertools.count()
    search = ThreadSearch()
    machine = Machine(lambda n: 0.1 if next(slices) == 10 else 1e-3 / n)
    machine.train(search, 1.0)
    assert search.n_threads == 2


def test_a_core_with_another_process_is_not_used(limit):
    """A step on two threads waits while the other process has its turn of 3 ms."""
    limit[0] = 2

    def step(n):
        if n == 1:
            return 2e-4
        here = machine.rng.random() < 1.1e-4 / 3e-3  # a turn of the other process begins
        return 1.1e-4 + (3e-3 if here else 0.0)

    search = ThreadSearch()
    machine = Machine(step)
    machine.train(search, 30.0)
    assert search.n_threads == 1
    assert machine.seconds[2] < 0.03 * machine.now


def test_slices_that_wait_are_few(limit):
    """Now and then a step on two threads waits for 20 ms. The slices without a wait are quicker."""
    limit[0] = 2
    n_slices = itertools.count()
    search, slow = ThreadSearch(), 0
    while search.next(None).seconds < math.inf:
        turn = search.next(None)
        waits = turn.n_threads == 2 and next(n_slices) % 2 == 0
        slow += waits
        search.note(40 * turn.n_threads, turn.seconds + (0.02 if waits else 0.001))
    assert search.n_threads == 1
    assert slow <= 5


def test_the_first_minibatch_after_a_change_does_not_count(limit):
    """Threads start in it. Here, it takes most of a slice."""
    limit[0] = 2
    latest = [1]

    def step(n):
        late = SLICE * 0.9 if n > latest[0] else 0.0
        latest[0] = n
        return 1e-4 / n**0.3 + late

    search, machine = ThreadSearch(), Machine(step)
    machine.train(search, 1.0)
    assert search.n_threads == 2


def test_the_order_of_slices(limit):
    """The first minibatch of each number is apart. The last number of a pair begins the next."""
    limit[0] = 2
    search, turns = ThreadSearch(), []
    while not turns or turns[-1].seconds < math.inf:
        turns.append(search.next(None))
        rows = BATCH * turns[-1].n_threads
        search.note(rows, turns[-1].seconds or SLICE / 100)
    both = [[(n, 0.0), (n, SLICE)] for n in (1, 2)]
    pairs = [*both, both[1][1:], both[0], both[0][1:], both[1]]
    assert turns == [turn for slices in pairs for turn in slices] + [(2, math.inf)]


def test_long_minibatches_are_few(limit):
    """One that is longer than a slice counts, and one pair decides if it is long enough."""
    limit[0] = 2
    search, machine = ThreadSearch(), Machine(lambda n: 0.4 / n)
    turns = [search.next(None).n_threads]
    for _ in range(4):
        search.note(BATCH, machine.step(turns[-1]))
        turns.append(search.next(None).n_threads)
    assert turns == [1, 2, 2, 2, 2]


def test_an_interrupted_slice_is_asked_for_again(limit):
    search = ThreadSearch()
    turn = search.next(None)
    assert search.next(None) == turn
    search.note(0, 1.0)
    assert search.next(None) == turn


# ------------------------------------------------------------------------------ in a training
@pytest.fixture
def random_choices(monkeypatch):
    """Clocks that lie, so that the choices are random. Return the choices of all slices."""
    monkeypatch.setattr(thread_search, "resolve_threads", lambda n: 4 if n is None else n)
    rng, now, chosen = np.random.default_rng(0), [0.0], []

    def clock():
        now[0] += rng.choice([1e-3, 0.01, 0.1, 1.0])
        return now[0]

    class Noted(ThreadSearch):
        def next(self, n_threads):
            turn = super().next(n_threads)
            chosen.append(turn.n_threads)
            return turn

    monkeypatch.setattr(engine, "ThreadSearch", partial(Noted, clock))
    with whole_teams():
        yield chosen


def results(trainer, path):
    """All that a training leaves behind, but for the seconds that it took."""
    model = trainer.model
    history = {key: entries for key, entries in model.history_.items() if key != "seconds"}
    model._state.history["seconds"][:] = [0.0] * len(history["samples_seen"])
    model._engine._model.seconds = 0.0
    model.n_threads = None
    model.save(path)
    return path.read_bytes(), repr(history), trainer._run.entry


MODELS = {
    "cosine": AEVB(**SMALL),
    "warm-up": AEVB(**SMALL, kl_warmup=0.5, learning_rate_schedule="linear", early_stopping=True),
    "trials": AEVB(**SMALL, optimizer="adagrad"),
    "weight posterior": AEVB(**SMALL, weight_posterior="gaussian"),
    "wake-sleep": WakeSleep(**SMALL),
    "chains": MCEM(**SMALL),
}


@pytest.mark.parametrize("name", MODELS)
def test_trials_do_not_change_the_results(name, random_choices, tmp_path):
    def trained(n_threads):
        path = tmp_path / "checkpoint"
        model = clone(MODELS[name]).set_params(n_threads=n_threads)
        trainer = Trainer(model, X, checkpoint=path, checkpoint_every=50).run(150)
        trainer = Trainer.resume(path, X).run(400)
        return results(trainer, tmp_path / "model")

    one = trained(1)
    assert set(random_choices) == {1}
    assert trained(None) == one
    assert set(random_choices) >= {1, 2}


@no_advice
def test_a_training_uses_the_number_that_is_quickest(monkeypatch):
    """The clock says that 4 threads are quickest. Then ordinary slices have 4 threads."""
    monkeypatch.setattr(thread_search, "resolve_threads", lambda n: 4 if n is None else n)
    turns, now = [], [0.0]

    class Simulated(ThreadSearch):
        def next(self, n_threads):
            turns.append(super().next(n_threads))
            return turns[-1]

        def note(self, n_rows, seconds):
            assert seconds == 0.25
            super().note(n_rows, n_rows * 0.01 / turns[-1].n_threads)

    def clock():
        now[0] += 0.25
        return now[0]

    monkeypatch.setattr(engine, "ThreadSearch", partial(Simulated, clock))
    model = AEVB(**SMALL).fit(X)
    assert model.n_threads_ == 4
    assert turns[-1] == (4, math.inf)
    assert {turn.n_threads for turn in turns} == {1, 2, 4}

    turns.clear()
    model.partial_fit(X)  # continues with what is known
    assert {turn.n_threads for turn in turns} == {4}
    turns.clear()
    model.fit(X)  # may have other layers, so it begins anew
    assert turns[0].n_threads == 1


class Core:
    """A core that takes note of what it is asked for, and does nothing."""

    def __init__(self):
        self.asked = []

    def train(self, rows, *, max_seconds, n_threads, **options):
        self.asked.append((n_threads, max_seconds))
        return 1, BATCH, 0.0, False, {}


def slices_of(model, n, monkeypatch):
    """What n slices ask of the core, and their results."""
    monkeypatch.setattr(thread_search, "resolve_threads", lambda n: 2)
    learner = model.partial_fit(X)._engine
    core, learner._model = learner._model, Core()
    now = itertools.count(step=SLICE)
    learner._threads = ThreadSearch(lambda: next(now))
    numbers = {"epoch": 0, "position": 0, "max_steps": 1, "n_train": len(X)}
    place = engine.Subset(0, len(X), split=False)
    found = [learner.train(None, place, **numbers, n_threads=None) for _ in range(n)]
    asked, learner._model = learner._model.asked, core
    return asked, found


def test_slices_of_a_search_are_short(monkeypatch):
    asked, _ = slices_of(AEVB(**SMALL), 4, monkeypatch)
    assert asked == [(1, 0.0), (2, 0.0), (2, SLICE), (1, 0.0)]


def test_the_result_of_a_slice_has_the_best_number(monkeypatch):
    _, found = slices_of(AEVB(**SMALL), 3, monkeypatch)
    assert [one.n_threads for one in found] == [1, 1, 1]  # the second is of two threads


@no_advice
def test_where_the_number_is_known(tmp_path):
    model = AEVB(**SMALL, n_threads=2)
    assert not hasattr(model, "n_threads_")
    assert model.fit(X).n_threads_ == 2
    model.save(tmp_path / "model")
    for other in (AEVB.load(tmp_path / "model"), pickle.loads(pickle.dumps(model))):
        assert not hasattr(other, "n_threads_")
        assert other.set_params(n_threads=1).partial_fit(X).n_threads_ == 1


@no_advice
def test_the_progress_bar_shows_the_number(capsys):
    AEVB(**SMALL, n_threads=1, verbose=1).fit(X)
    assert "threads=1" in capsys.readouterr().err


def test_copies_of_a_model_may_train_at_the_same_time(limit):
    """They share a search. Threads that take turns anywhere find what one thread finds."""
    assert limit == [8]
    search, errors, interval = ThreadSearch(), [], sys.getswitchinterval()

    def train():
        try:
            for _ in range(3000):
                search.note(10 * search.next(None).n_threads, 1.0)
        except ValueError as error:  # of a generator that runs already
            errors.append(error)

    threads = [threading.Thread(target=train) for _ in range(4)]
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert errors == []
