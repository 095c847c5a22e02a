"""The cost model of bench/scale.py against closed forms."""

import math
import sys
from pathlib import Path

import pytest
from scipy.stats import norm

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bench"))
from scale_model import ALL_REDUCE, Network, Round, efficiency, steps_for, train_seconds

LATENCY, BANDWIDTH, SIZE = 50e-6, 1.25e9, 3.3e6
NO_LATENCY, NO_BYTES = Network(0.0, BANDWIDTH), Network(LATENCY, math.inf)
BOTH = Network(LATENCY, BANDWIDTH)
ONCE = SIZE / BANDWIDTH  # 2.64 ms


@pytest.mark.parametrize("name", ALL_REDUCE)
def test_one_worker_exchanges_nothing(name):
    assert ALL_REDUCE[name](1, SIZE, BOTH) == 0


@pytest.mark.parametrize(
    ("name", "n", "times"),
    [
        ("ring", 2, 1), ("ring", 4, 1.5), ("ring", 1000, 1.998),
        ("halving", 2, 1), ("halving", 4, 1.5), ("halving", 1000, 1.998),
        ("tree", 2, 2), ("tree", 4, 4), ("tree", 5, 6), ("tree", 1000, 20),
    ],
)  # fmt: skip
def test_bytes_that_a_machine_sends(name, n, times):
    """In units of all values once."""
    assert ALL_REDUCE[name](n, SIZE, NO_LATENCY) == pytest.approx(times * ONCE, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "messages"),
    [("ring", (2, 6, 8, 1998)), ("halving", (2, 4, 6, 20)), ("tree", (2, 4, 6, 20))],
)
def test_messages_one_after_another(name, messages):
    for n, count in zip((2, 4, 5, 1000), messages, strict=True):
        assert ALL_REDUCE[name](n, SIZE, NO_BYTES) == pytest.approx(count * LATENCY, rel=1e-12)
        parts = [ALL_REDUCE[name](n, SIZE, network) for network in (NO_LATENCY, NO_BYTES)]
        assert ALL_REDUCE[name](n, SIZE, BOTH) == pytest.approx(sum(parts), rel=1e-12)


@pytest.mark.parametrize(("steps", "share"), [(1, 0.5), (3, 0.75), (7, 0.875)])
def test_efficiency_is_the_share_of_time_in_steps(steps, share):
    work = Round(steps, 2e-3)
    train = train_seconds(1000, work)
    assert train == pytest.approx(2e-3 * steps, rel=1e-12)
    assert efficiency(work, train, 0.0) == 1
    assert efficiency(work, train, 2e-3) == pytest.approx(share, rel=1e-12)
    assert efficiency(work, 2 * train, 0.0) == 0.5


def test_steps_for_an_efficiency():
    assert steps_for(0.5, 2e-3, 2e-3) == 1
    assert steps_for(0.9, 2e-3, 2.1e-3) == 10  # 9 * 2.1 / 2 = 9.45
    assert steps_for(0.9, 1.0, 0.0) == 1


@pytest.mark.parametrize("jitter", [0.3, 1.0])
def test_the_slower_of_two(jitter):
    """Two log-normal times of mean 1 have the mean maximum 2 Phi(jitter / sqrt 2).

    Four standard errors of the mean of 20 000 maxima are allowed. The variance of the maximum is at
    most that of both times together, 2 (exp(jitter^2) - 1).
    """
    n_rounds, work = 20_000, Round(1, 3.0, jitter)
    allowed = 4 * 3 * math.sqrt(2 * math.expm1(jitter**2) / n_rounds)
    for n, mean in ((1, 3.0), (2, 6 * norm.cdf(jitter / math.sqrt(2)))):
        assert train_seconds(n, work, n_rounds) == pytest.approx(mean, abs=allowed)


def test_more_steps_between_exchanges_even_out():
    """The slowest of 100 sums falls towards their mean, about as 1 / sqrt(steps)."""
    works = [Round(h, 1.0, 0.2) for h in (1, 10, 100)]
    lost = [train_seconds(100, work, 50) / work.sync_every - 1 for work in works]
    assert lost[0] > 2 * lost[1] > 4 * lost[2] > 0


def test_a_seed_gives_the_same_numbers():
    once, again, other = (train_seconds(9, Round(5, 1.0, 0.2), 3, seed) for seed in (4, 4, 5))
    assert once == again != other
