"""The factor on the KL term of the bound, for each objective."""

import numpy as np
import pytest
from test_blocks import BLOCKS
from test_bounds import Case, assert_bound_and_gradient
from test_families import CATALOGUE, ask

objectives = pytest.mark.parametrize("objective", CATALOGUE["objective"])


def case_of(likelihood, objective, kl_weight):
    return Case(likelihood, objective, (9, 7), "tanh", 3, 37, 75, 5, kl_weight)


@objectives
@pytest.mark.parametrize("kl_weight", [0.0, 0.3, 1.0])
def test_bound_and_gradient_are_the_twins(isa, objective, kl_weight):
    for likelihood in ("bernoulli", BLOCKS):
        case = case_of(likelihood, objective, kl_weight)
        assert_bound_and_gradient(case, *ask(case, kl_weight=kl_weight))


@objectives
def test_a_factor_of_one_changes_no_bit(isa, objective):
    case = case_of("bernoulli", objective, 1.0)
    (bound, gradient), (same, other) = ask(case), ask(case, kl_weight=1.0)
    np.testing.assert_array_equal(bound, same)
    for name, values in gradient.items():
        np.testing.assert_array_equal(values, other[name])


@objectives
def test_the_twin_of_another_factor_would_be_seen(objective):
    """The score function's gradient has a tolerance that is wider than its other parts."""
    other = 0.5 if objective.startswith("score-function") else 0.301
    case = case_of("bernoulli", objective, 0.3)
    with pytest.raises(AssertionError):
        assert_bound_and_gradient(case, *ask(case, kl_weight=other))
