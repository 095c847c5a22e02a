"""Noise at its limits: the ends of the uniform numbers, thresholds, grey levels."""

import numpy as np
import oracle
import pytest
from hooks import kernels

from aevb import AEVB

BINARIZE = 3  # a stream of noise
LARGEST = np.sqrt(48 * np.log(2))  # the radius of the smallest uniform number, 2^-24
# step, row and column of words found by search, and their radius
ENDS = [
    (4, 836_445, 0, LARGEST),
    (11, 794_075, 2, LARGEST),
    (15, 547_110, 0, 0),
    (13, 596_409, 2, 0),
]


@pytest.mark.parametrize(("step", "row", "column", "radius"), ENDS)
def test_the_ends_of_box_muller(isa, step, row, column, radius):
    """If the upper 24 bits of a word are all 0, the radius is largest. If all are 1, it is 0."""
    u = kernels.uniform(0, step, 2, row, 1, 4)[0]
    assert u[column] == (0 if radius > 0 else 1 - 2.0**-24)
    pair = np.float64(kernels.normal(0, step, 2, row, 1, 4)[0, column : column + 2])
    assert np.isfinite(pair).all()
    assert abs(np.hypot(*pair) - radius) <= 10 * oracle.U * LARGEST


def trained(X, **settings):
    """Weights after one step on all rows."""
    settings = {"batch_size": len(X), "optimizer": "sgd", "learning_rate": 0.1, **settings}
    settings |= {"likelihood": "bernoulli"}
    model = AEVB.published(2, hidden_layer_sizes=(5,), n_epochs=1, random_state=0, **settings).fit(
        X
    )
    return model, {name: w.tobytes() for name, w in model.weights_.items()}


def test_a_pixel_is_one_where_the_uniform_is_below_it(isa):
    """Grey levels equal to their row's uniform numbers become 0. The next larger ones become 1."""
    n, d = 13, 21
    seed = trained(np.zeros((n, d)))[0]._engine.config.as_dict()["seed"]
    u = kernels.uniform(seed, 0, BINARIZE, 0, n, d)
    grey = np.empty_like(u)
    grey[kernels.permutation(seed, 0, n)] = u  # noise m draws row m of the minibatch
    above = np.nextafter(grey, np.float32(2))
    for X, value in [(grey, 0), (above, 1), (np.zeros_like(u), 0), (np.ones_like(u), 1)]:
        expected = trained(np.full_like(u, value))[1]
        assert trained(X, binarize="dynamic")[1] == expected


def test_the_threshold_itself_is_zero(isa):
    below = np.float32([[0.5, 0.0, 0.49999997, 0.5, 0.25]] * 3)
    above = np.float32([[0.50000006, 1.0, 0.75, 0.50000006, 0.5000001]] * 3)
    model = trained(np.eye(5), binarize="threshold")[0]
    np.testing.assert_array_equal(model.transform(below), model.transform(np.zeros((3, 5))))
    np.testing.assert_array_equal(model.transform(above), model.transform(np.ones((3, 5))))
    for X, value in [(below, 0), (above, 1)]:
        assert trained(X, binarize="threshold")[1] == trained(np.full((3, 5), value))[1]


def test_codes_of_grey_levels_are_those_of_their_expectation(isa):
    X = np.random.default_rng(0).random((30, 7), dtype=np.float32)
    drawn = trained(X, binarize="dynamic")[0]
    plain = trained(X)[0].set_weights(drawn.weights_)
    np.testing.assert_array_equal(drawn.transform(X), plain.transform(X))
    assert (drawn.score_samples(X) != plain.score_samples(X)).all()
