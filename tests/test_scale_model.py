"""The cost model of bench/scale.py against closed forms."""

import math
import sys
from pathlib import Path

import pytest
from scipy.stats import norm

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bench"))
from scale_model import ALL_REDUCE, Network, Round, efficiency, steps_for

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


def test_efficiency_is_the_share_of_time_in_steps():
    for n in (1, 3, 1000):
        assert efficiency(n, Round(7, 2e-3, SIZE), 0.0) == 1
        assert efficiency(n, Round(1, 2e-3, SIZE), 2e-3) == 0.5
        assert efficiency(n, Round(3, 2e-3, SIZE), 2e-3) == pytest.approx(0.75, rel=1e-12)


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
    n_rounds = 20_000
    spread = math.sqrt(2 * math.expm1(jitter**2) / n_rounds)
    work = Round(1, 1.0, SIZE, jitter)
    for n, mean in ((1, 1.0), (2, 2 * norm.cdf(jitter / math.sqrt(2)))):
        found = 1 / efficiency(n, work, 0.0, n_rounds=n_rounds)
        assert found == pytest.approx(mean, abs=4 * spread)


def test_more_steps_between_exchanges_even_out():
    """The mean of the slowest of 100 sums falls towards that of a sum, as 1 / sqrt(steps)."""
    works = [Round(h, 1.0, SIZE, 0.2) for h in (1, 10, 100)]
    lost = [1 / efficiency(100, work, 0.0, n_rounds=50) - 1 for work in works]
    assert lost[0] > 2 * lost[1] > 4 * lost[2] > 0


def test_a_seed_gives_the_same_numbers():
    work = Round(5, 1.0, SIZE, 0.2)
    once, again, other = (efficiency(9, work, 0.1, n_rounds=3, seed=s) for s in (4, 4, 5))
    assert once == again != other
