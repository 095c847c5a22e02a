"""Models with two blocks: each likelihood has its own columns of x.

One block is wider than a panel of 64 columns, and neither begins at a multiple of four.
"""

import numpy as np
import oracle
import pytest
from engines import SETTINGS, draws, engine, order, train
from oracle import U
from teams import team_of
from test_bounds import RELATIVE, Case, assert_bound_and_gradient, random_rows
from test_families import CATALOGUE, ask, assert_decodes, assert_draws

from aevb import _core
from aevb.core.engine import ARENAS, Rows

BLOCKS = (("bernoulli", 5), ("gaussian", 70))
LATENT = 2  # the stream of the noise eps
orders = pytest.mark.parametrize("likelihood", [BLOCKS, BLOCKS[::-1]], ids=["first", "last"])


def config(likelihood):
    return _core.Config(**SETTINGS | {"n_visible": 75, "likelihood": likelihood})


def rows(likelihood, n):
    case = Case(likelihood, "analytic-kl", (5,), "tanh", 1, n, 75, 2)
    return random_rows(case, np.random.default_rng(0), n)


@orders
@pytest.mark.parametrize("objective", CATALOGUE["objective"])
def test_bound_and_gradient_are_sums_over_the_blocks(isa, likelihood, objective):
    case = Case(likelihood, objective, (9, 7), "tanh", 2, 37, 75, 3)
    assert_bound_and_gradient(case, *ask(case))


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_training_steps_are_the_twins(isa, optimizer):
    """Each step of an epoch starts from the engine's weights. The twin has the same rows and noise.

    The test moves each element of the gradient both ways by the tolerance of its norm.
    """
    x, rate = rows(BLOCKS, 23), 0.01
    model = engine(75, likelihood=BLOCKS, optimizer=optimizer, learning_rate=rate, n_draws=2)
    for position, n in ((0, 10), (10, 10), (20, 3)):
        arenas = ARENAS[:3]  # the weights and the optimizer's accumulators
        step, before = model.n_steps, [oracle.float64(model.arrays(arena)) for arena in arenas]
        noise = draws(model.config.as_dict()["seed"], step, LATENT, 0, n, 2, 2)
        some = x[order(model, len(x))[position : position + n]]
        twin = oracle.Config(likelihood=BLOCKS)
        bound, gradient = oracle.bound_and_gradient(before[0], some, noise, twin)
        n_steps, n_rows, bound_sum, *_ = train(model, x, position=position, max_steps=1)
        assert (n_steps, n_rows) == (1, n)
        assert bound_sum == pytest.approx(bound.sum(), rel=1e-5)

        hyper = {"learning_rate": rate, "scale": 1 / n, "decay": 0.0, "step": step + 1}
        for name, after in model.arrays("weights").items():
            state = [arena.get(name, 0.0) for arena in before]
            error = RELATIVE * np.linalg.norm(gradient[name])
            low, want, high = (
                oracle.optimizer_update(optimizer, state[0], g, *state[1:], **hyper)[0]
                for g in (gradient[name] - error, gradient[name], gradient[name] + error)
            )
            slack = 20 * U * np.abs(want - state[0]) + 4 * U * np.abs(state[0])
            assert (after >= np.minimum(low, high) - slack).all(), name
            assert (after <= np.maximum(low, high) + slack).all(), name
            assert (after != state[0]).any(), name


def said(likelihood, n_threads):
    """All results of a model, as bytes."""
    x, model = rows(likelihood, 50), engine(75, likelihood=likelihood, hidden_layer_sizes=[70])
    with team_of(n_threads):
        train(model, x, n_threads)
        bound, gradient = model.bound_and_gradient(Rows(x), None, seed=3, n_threads=n_threads)
        results = [bound, *gradient.values(), *model.arrays("weights").values()]
        results += model.sample(50, seed=4, n_threads=n_threads)
        results.append(model.decode(results[-1], n_threads=n_threads))
    return [a.tobytes() for a in results]


@orders
def test_two_threads_give_the_same_bits(isa, likelihood):
    assert said(likelihood, 1) == said(likelihood, 2)


@orders
def test_decoded_means_are_the_twins(isa, likelihood):
    assert_decodes(likelihood, 75)


# --- configuration ----------------------------------------------------------------------------


@orders
def test_weights_have_the_names_and_shapes_of_their_blocks(likelihood):
    shapes = config(likelihood).weight_shapes
    outputs = {name: shape for name, shape in shapes.items() if name.count(".") == 3}
    assert outputs == {
        "decoder.bernoulli.logits.weight": (5, 5),
        "decoder.bernoulli.logits.bias": (5,),
        "decoder.gaussian.mean.weight": (5, 70),
        "decoder.gaussian.mean.bias": (70,),
        "decoder.gaussian.log_var.weight": (5, 70),
        "decoder.gaussian.log_var.bias": (70,),
    }
    assert shapes["encoder.hidden0.weight"] == (75, 5)
    arrays = engine(75, likelihood=likelihood).arrays("weights")
    assert {name: array.shape for name, array in arrays.items()} == shapes
    assert config(likelihood).as_dict()["likelihood"] == list(likelihood)


def test_one_block_is_a_likelihood_of_all_columns():
    one = config([("gaussian", 75)])
    assert one.as_dict() == config("gaussian").as_dict()
    assert one.weight_shapes == config("gaussian").weight_shapes
    assert "decoder.log_var.bias" in one.weight_shapes


@pytest.mark.parametrize(
    ("likelihood", "message"),
    [
        ([("bernoulli", 5), ("gaussian", 71)], "likelihood: got 76 columns, want n_visible = 75"),
        ([("bernoulli", 5)], "likelihood: got 5 columns, want n_visible = 75"),
        ([], "likelihood: got 0 columns, want n_visible = 75"),
        ([("bernoulli", 5), ("no-such", 70)], "likelihood: got 'no-such', want one of 'bernoulli'"),
    ],
)
def test_blocks_that_are_not_right_are_named(likelihood, message):
    with pytest.raises(ValueError, match=message):
        config(likelihood)


@orders
def test_draws_have_the_twins_mean_and_variance(likelihood):
    assert_draws(likelihood, 75)


def test_a_likelihood_may_have_one_block_only():
    """The weights of two blocks would have the same names."""
    with pytest.raises(ValueError, match=r"likelihood: .*'gaussian'"):
        config([("gaussian", 5), ("gaussian", 70)])
