"""What several processes share: tests that need no second process. test_mpi.py has two."""

import signal
import sys
import threading
from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from aevb import AEVB, Trainer
from aevb.core import threads
from aevb.data.choices import agreed_families
from aevb.data.moments import column_moments, joined_moments
from aevb.data.validation import check_data
from aevb.distributed.facts import check_same, facts_of
from aevb.distributed.interrupts import HeldSignals
from aevb.distributed.launch import launched_exchange, share_of
from aevb.distributed.momentum import advise_on_momentum, moved
from aevb.exceptions import FitWarning, RankError
from aevb.training.exchange import ALONE, Exchange, exchange_of

EPS = np.finfo(np.float64).eps


def some_columns():
    """Columns that are hard to add up, in parts of 5, 1, 40 and 54 rows."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 7))
    X[:, 1] = 1e9 + 1e-3 * X[:, 1]  # a large location
    X[:, 2] *= 1e200  # squares out of range
    X[:, 3] = 7.0
    X[:, 4] = np.nan
    X[:, 5] += 50
    X[:6, 5] = np.nan  # the first parts have no value
    X[:5, 6] -= 1000  # parts with other means
    return X, np.split(X, [5, 6, 46])


def test_moments_of_parts_are_those_of_all_rows():
    """The means have errors of n eps of the values' distances, and one rounding of the location.

    So have the deviations, each of whose squares has a few more.
    """
    X, parts = some_columns()
    got, want = joined_moments([column_moments(part) for part in parts]), column_moments(X)
    for name in ("low", "high", "n_values"):
        np.testing.assert_array_equal(getattr(got, name), getattr(want, name))
    ranges = want.high - want.low
    error = 100 * EPS * ranges + 2 * EPS * np.maximum(abs(want.low), abs(want.high))
    assert (abs(got.mean - want.mean) <= error).all()
    assert (abs(got.spread - want.spread) <= 4 * error).all()
    assert got.constant.tolist() == want.constant.tolist()
    assert got.constant.tolist() == [False, False, False, True, True, False, False]


def test_moments_of_one_part_are_its_own():
    moments = column_moments(some_columns()[0])
    assert joined_moments([moments]) is moments


def test_a_likelihood_needs_all_parts():
    found = [["bernoulli", "bernoulli", "poisson"], ["bernoulli", "gaussian", "poisson"]]
    assert agreed_families(found) == ["bernoulli", "gaussian", "poisson"]
    assert agreed_families(found[:1]) == found[0]


def test_sync_every_needs_a_communicator():
    with pytest.raises(ValueError, match=r"sync_every: got 5, but comm is None; want 1"):
        Trainer(AEVB(), np.ones((3, 2)), sync_every=5)


@pytest.mark.parametrize("comm", [3, "world", object()])
def test_what_is_no_communicator_is_named(comm):
    with pytest.raises(TypeError, match=r"comm: got .*, want a communicator"):
        Trainer(AEVB(), np.zeros((3, 2)), comm=comm)


def test_one_process_has_no_exchange():
    assert exchange_of(None, 1) is ALONE
    assert exchange_of(ALONE, 5) is ALONE
    assert (ALONE.gather(3), ALONE.steps_together(7, 5), ALONE.n_ranks) == ([3], 5, 1)


def test_processes_share_the_cores(monkeypatch):
    monkeypatch.setattr(threads, "_usable_cores", lambda _: 8)
    try:
        for n, most, n_threads in ((1, 8, 8), (2, 8, 4), (2, 3, 3), (3, 8, 2), (9, 8, 1)):
            monkeypatch.setattr(threads.core, "max_threads", lambda most=most: most)
            threads.share_cores(n)
            assert threads.resolve_threads(None) == n_threads
            assert threads.resolve_threads(5) == 5
    finally:
        threads.share_cores(1)


def interrupted_block(error):
    with HeldSignals() as held:
        signal.raise_signal(signal.SIGINT)
        held.call_handlers()
        assert held.interrupted
        if error is not None:
            signal.raise_signal(signal.SIGUSR1)
            raise error


def test_signals_wait_for_the_end_of_a_block():
    """Ctrl-C is noted. Handlers of others wait, and may raise where the block calls them."""
    seen = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: seen.append(number))
    interrupts = signal.getsignal(signal.SIGINT)
    try:
        with HeldSignals() as held:
            signal.raise_signal(signal.SIGUSR1)
            assert (seen, held.interrupted) == ([], False)
            held.call_handlers()
            signal.raise_signal(signal.SIGUSR1)
            assert seen == [signal.SIGUSR1]
        assert seen == [signal.SIGUSR1] * 2
        with pytest.raises(KeyboardInterrupt):
            interrupted_block(None)
        with pytest.raises(ZeroDivisionError):
            interrupted_block(ZeroDivisionError)
        assert len(seen) == 2
        assert signal.getsignal(signal.SIGINT) is interrupts
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_ctrl_c_is_as_it_was_where_nothing_can_be_noted():
    def elsewhere():
        with HeldSignals():
            seen.append(signal.getsignal(signal.SIGINT))

    before, seen = signal.getsignal(signal.SIGINT), []
    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        elsewhere()
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == [before, signal.SIG_IGN]


def rank(number, n=3):
    exchange = Exchange()
    exchange.rank, exchange.n_ranks = number, n
    return exchange


def test_shares_are_all_rows_once():
    X = np.arange(22).reshape(11, 2)
    words = np.where(X[:, 0] > 5, "many", "few")
    frame = pd.DataFrame({"a": X[:, 0], "b": pd.Series(words, dtype=object)})
    whole = share_of(X, ALONE)
    assert whole is X
    for container in (np.asarray, sp.csr_matrix):
        parts = [share_of(container(X), rank(i)) for i in range(3)]
        assert [part.shape[0] for part in parts] == [4, 4, 3]
        for i, part in enumerate(parts):
            np.testing.assert_array_equal(part.toarray() if sp.issparse(part) else part, X[i::3])
    assert np.shares_memory(share_of(X, rank(1)), X)
    for i in range(3):
        part = share_of(frame, rank(i))
        assert list(part["b"]) == list(words[i::3])
        assert list(part["b"].cat.categories) == ["few", "many"]


SIZES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE")


@pytest.mark.parametrize("sizes", [{}, {"PMI_SIZE": "1"}, {"OMPI_COMM_WORLD_SIZE": "1"}])
def test_one_launched_process_is_alone(sizes, monkeypatch):
    """It does not need mpi4py."""
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    for name in SIZES:
        monkeypatch.delenv(name, raising=False)
    for name, size in sizes.items():
        monkeypatch.setenv(name, size)
    assert launched_exchange(1, 0.0) is ALONE
    with pytest.raises(ValueError, match=r"outer_momentum: got 0\.5, but comm is None; want 0"):
        launched_exchange(1, 0.5)


@pytest.mark.parametrize("name", SIZES)
def test_launched_processes_need_mpi4py(name, monkeypatch):
    monkeypatch.setenv(name, "2")
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(ImportError, match=r"started 2 processes, but mpi4py is missing; want pip"):
        launched_exchange(1, 0.0)


def test_launched_processes_need_the_launchers_mpi(monkeypatch):
    """Else each would train alone, and all would write one file."""

    class OneProcess:
        COMM_WORLD = SimpleNamespace(Get_size=lambda: 1)

    monkeypatch.setenv("PMI_SIZE", "2")
    monkeypatch.setitem(sys.modules, "mpi4py", SimpleNamespace(MPI=OneProcess))
    with pytest.raises(ImportError, match=r"started 2 processes, but mpi4py sees 1; want mpiexec"):
        launched_exchange(1, 0.0)


def test_short_rounds_with_much_momentum_are_warned_of():
    with pytest.warns(FitWarning, match=r"got 0\.9 with rounds of 49 steps.*want sync_every >= 50"):
        advise_on_momentum(0.9, 49)
    for momentum, sync_every in ((0.9, 50), (0.5, 10), (0.0, 2)):
        advise_on_momentum(momentum, sync_every)


def test_a_steady_distance_gathers_momentum():
    """With the distance d in every round, the velocity is d (1 - mu^n) / (1 - mu)."""
    d, mu, velocity = np.float32([0.25, -2.0]), 0.5, None
    weights = {"w": np.float32([1.0, 3.0])}
    for n in range(1, 6):
        start = weights
        weights, velocity = moved(start, {"w": start["w"] + d}, velocity, mu)
        want = d * (1 - mu**n) / (1 - mu)
        np.testing.assert_allclose(velocity["w"], want, rtol=1e-6)
        np.testing.assert_allclose(weights["w"], start["w"] + d + mu * want, rtol=1e-6)
        assert weights["w"].dtype == velocity["w"].dtype == np.float32


def facts(model, X, **others):
    return facts_of(model, check_data(model, X, is_new=True), others)


def test_other_facts_are_named():
    X = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": ["u", "v", "u"]})
    first = facts(AEVB(), X, sync_every=1)
    check_same([first, facts(AEVB(random_state=3, n_threads=7, verbose=1), X, sync_every=1)])
    for other, text in [
        (facts(AEVB(n_draws=2), X, sync_every=1), "n_draws: rank 0 has 1, rank 1 has 2"),
        (facts(AEVB(), X, sync_every=4), "sync_every: rank 0 has 1, rank 1 has 4"),
        (facts(AEVB(), X.iloc[:2], sync_every=1), None),
        (facts(AEVB(), X.iloc[::2], sync_every=1), "X: levels of column 'b': rank 0 has "),
        (facts(AEVB(), X[["a"]], sync_every=1), "X: columns: rank 0 has 2, rank 1 has 1"),
        (facts(AEVB(), X.rename(columns={"a": "c"}), sync_every=1), "X: names: rank 0 has "),
        (first | {"more": "1"}, "more: rank 0 has nothing, rank 1 has 1"),
    ]:
        if text is None:
            check_same([first, other])
            continue
        with pytest.raises(ValueError, match="want the same on all ranks") as caught:
            check_same([first, other])
        assert text in str(caught.value)


def test_functions_are_the_same_in_every_process():
    def halved(fraction):
        return 0.5

    class Halved:
        def __call__(self, fraction):
            return 0.5

    for schedule, text in [
        (halved, "halved"),
        (Halved(), "Halved"),
        (partial(halved, 0.5), "halved, (0.5,), {}"),
    ]:
        given = facts(AEVB(learning_rate_schedule=schedule), np.zeros((3, 2)))
        assert given["learning_rate_schedule"].endswith(text)
        assert "0x" not in given["learning_rate_schedule"]


def test_a_ranks_error_says_which_and_why():
    error = RankError(1, 4, "ValueError: X: got no rows")
    assert str(error) == "rank 1 of 4 has failed: ValueError: X: got no rows"
    assert (error.rank, error.n_ranks, error.message) == (1, 4, "ValueError: X: got no rows")
