"""Adaptation of HMC's step sizes: both rules against references, with given acceptances."""

import numpy as np
import pytest
import twins
from hooks import kernels

RULES = ["dual-averaging", "multiplicative"]


@pytest.mark.parametrize("kind", ["random", "all too high", "low, then high"])
@pytest.mark.parametrize("rule", RULES)
def test_step_sizes_are_the_twins(rule, kind):
    """Check every step and the frozen one. 60 steps go beyond the fast steps of either rule."""
    acceptances = {
        "random": np.random.default_rng(0).random(60),
        "all too high": np.linspace(0.85, 1.0, 60),  # the target is never reached
        "low, then high": np.repeat([0.1, 1.0], [45, 15]),  # reached late
    }[kind].tolist()
    got = kernels.adapt_step_size(rule, 0.8, 0.3, acceptances)
    twin, expected = twins.StepSize(rule, 0.8, 0.3), []
    for acceptance in acceptances:
        twin.adapt(acceptance)
        expected.append(twin.value)
    twin.freeze()
    expected.append(twin.value)
    np.testing.assert_allclose(got, expected, rtol=1e-10)
    assert (rule == "multiplicative") == (got[-1] == got[-2])


@pytest.mark.parametrize("rule", RULES)
def test_without_a_transition_the_step_stays(rule):
    assert kernels.adapt_step_size(rule, 0.8, 0.3, []) == pytest.approx([0.3], rel=1e-15)
