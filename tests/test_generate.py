"""Codes, means, samples and bounds of more rows than a block, against float64 twins.

A block has at most a thousand rows. Values are compared by their norm per row, to 5e-5, as
gradients are in test_bounds.py.
"""

import numpy as np
import oracle
import pytest
from engines import draws, engine
from hooks import kernels
from test_bounds import Case, Problem, bound_tolerance, config_of

from aevb import _core
from aevb.core.engine import Rows

LATENT, PRIOR, VISIBLE = 2, 4, 5  # streams of noise
N, D, J = 1203, 70, 5
likelihoods = pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian", "bounded-gaussian"])


def wide(likelihood, **changes):
    settings = {"n_components": J, "hidden_layer_sizes": [9, 7], "init_scale": 0.4, **changes}
    return engine(D, likelihood=likelihood, **settings)


def rows(likelihood):
    x = np.random.default_rng(0).random((N, D), dtype=np.float32)
    return 4 * x - 2 if likelihood == "gaussian" else x


def decoded(model, likelihood, z):
    """Means and variances of p(x|z)."""
    weights = oracle.float64(model.arrays("weights"))
    return oracle.decode(weights, oracle.Config(likelihood=likelihood), np.float64(z))


def assert_rows(got, expected):
    error = np.linalg.norm(got - expected, axis=1)
    assert (error <= 5e-5 * np.linalg.norm(expected, axis=1)).all()


@likelihoods
def test_codes_and_means_are_the_twins(likelihood):
    model, X = wide(likelihood), rows(likelihood)
    w = oracle.float64(model.arrays("weights"))
    h = oracle.climb(w, "encoder", np.float64(X), "tanh")[0][-1]
    codes = model.encode(Rows(X), n_threads=1)
    assert_rows(codes, oracle.affine(w, "encoder.mean", h))
    assert_rows(model.decode(codes, n_threads=1), decoded(model, likelihood, codes)[0])


@likelihoods
def test_samples_are_the_twins(likelihood):
    """Row r has the same z and x for any number of samples. The noise of z is not that of x."""
    model, seed = wide(likelihood), 2**40 + 3
    x, z = model.sample(N, seed=seed, n_threads=1)
    np.testing.assert_array_equal(z, kernels.normal(seed, 0, PRIOR, 0, N, J))
    mean, variance = decoded(model, likelihood, z)
    if likelihood == "bernoulli":
        u = kernels.uniform(seed, 0, VISIBLE, 0, N, D)
        clear = np.abs(u - mean) > 1e-5  # beyond a mean's rounding
        assert clear.mean() > 0.99
        np.testing.assert_array_equal(x[clear], (u < mean)[clear])
    else:
        assert_rows(x, mean + np.sqrt(variance) * kernels.normal(seed, 0, VISIBLE, 0, N, D))
    few = model.sample(7, seed=seed, n_threads=1)
    assert [a.tobytes() for a in few] == [x[:7].tobytes(), z[:7].tobytes()]


@pytest.mark.parametrize("estimator", ["analytic-kl", "monte-carlo"])
@pytest.mark.parametrize(("part", "n_draws"), [((0, N, False), 3), ((11, 1150, True), 2)])
def test_bounds_and_variances_are_the_twins(estimator, part, n_draws):
    """Noise follows from a row's content. A draw's error is at most the sum's over the draws."""
    model, X = wide("gaussian", bound_estimator=estimator), rows("gaussian")
    seed, (begin, size, split) = 11, part
    chosen = np.arange(begin, begin + size)
    if split:
        chosen = kernels.permutation(model.config.as_dict()["seed"], 0, N, 6)[chosen]
    ids = _core.content_ids(model, Rows(X), chosen.tolist()).tolist()
    noise = [draws(seed, i >> 32, LATENT, i & 2**32 - 1, 1, J, n_draws) for i in ids]
    noise = np.concatenate(noise, axis=1)
    case = Case("gaussian", estimator, (9, 7), "tanh", n_draws, size, D, J)
    weights = model.arrays("weights")
    tape = oracle.run(weights, X[chosen], noise, config_of(case))
    tolerance = bound_tolerance(Problem(weights, X[chosen], noise, tape), case)

    part = {"begin": begin, "size": size, "split": split}
    bound, variance, kl = model.bound(Rows(X), n_draws=n_draws, seed=seed, n_threads=1, **part)
    assert (np.abs(bound - tape.bound) <= tolerance).all()
    values = tape.log_likelihood + (tape.log_ratio if estimator == "monte-carlo" else 0)
    expected = values.reshape(size, n_draws).var(1, ddof=1) / n_draws
    error = np.abs(np.sqrt(variance) - np.sqrt(expected))
    assert (error <= n_draws * tolerance).all()
    w, h = oracle.float64(weights), tape.layers["encoder.mean"][0]
    mu, log_var = (oracle.affine(w, f"encoder.{head}", h) for head in ("mean", "log_var"))
    expected = 0.5 * (mu**2 + np.exp(log_var) - 1 - log_var).sum(1)
    assert (np.abs(kl - expected) <= tolerance).all()
    assert np.isnan(model.bound(Rows(X), n_draws=1, seed=seed, n_threads=1, **part)[1]).all()


def test_blocks_of_rows_are_put_together(isa):
    """A row has the same codes, means and bound at any index."""
    if isa == "portable+blas":
        pytest.skip("rounds differently for other shapes")
    model, X = wide("bernoulli"), rows("bernoulli")

    def ask(x):
        codes = model.encode(Rows(x), n_threads=1)
        mean, log_var = model.posterior(Rows(x), n_threads=1)
        assert mean.tobytes() == codes.tobytes()
        part = {"begin": 0, "size": len(x), "split": False, "seed": 3, "n_threads": 1}
        return (
            codes,
            log_var,
            model.decode(codes, n_threads=1),
            *model.bound(Rows(x), n_draws=2, **part),
            *model.importance(Rows(x), n_draws=2, n_adaptations=0, **part_of(part)),
            model.bound_and_gradient(Rows(x), None, seed=3, n_threads=1)[0],
        )

    def part_of(part):
        return {name: value for name, value in part.items() if name != "split"}

    whole = ask(X)
    for start, stop in [(0, 1), (990, 1013), (N - 1, N)]:
        for all_of_it, some in zip(whole, ask(X[start:stop]), strict=True):
            assert all_of_it[start:stop].tobytes() == some.tobytes()
