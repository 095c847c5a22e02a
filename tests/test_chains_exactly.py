"""HMC chains against their float64 twins, transition by transition, with the core's noise.

Float32 leapfrogs of some dozen steps accumulate a few hundred roundings. The seeds here avoid
acceptances that these would decide, so chains agree to 1e-4 or better. Any other rule would move
the chains apart.
"""

import numpy as np
import pytest
import twins
from hooks import kernels
from test_hmc import PRECISION
from test_posterior import WAYS, decoder_case

from aevb import sample_posterior

CLOSE = {"rtol": 1e-3, "atol": 1e-3}


@pytest.mark.parametrize("step", [0.5, 1.1])
def test_transitions_of_a_gaussian(step):
    """Check momenta, jitter, acceptance, and what a chain keeps after a rejection."""

    def density(z):
        slope = -z @ np.float64(PRECISION)
        return 0.5 * (z * slope).sum(1), slope

    n_chains, n = 40, 12
    draws, acceptance, n_divergent = kernels.gaussian_chains(
        PRECISION, n_chains, n, step, 3, seed=7, n_threads=1
    )
    z, total, n_rejected = np.zeros((n_chains, 3)), np.zeros(n_chains), 0
    for i in range(n):
        before = z
        z, accepted, _ = twins.moved(
            density, z, np.full(n_chains, step), 3, 7, np.arange(n_chains), i
        )
        np.testing.assert_allclose(draws[i], z, **CLOSE)
        total += accepted
        n_rejected += (z == before).all(1).sum()
    np.testing.assert_allclose(acceptance, total, **CLOSE)
    assert n_divergent == [0] * n_chains
    assert step < 1 or 0.1 < n_rejected / (n * n_chains) < 0.9


def test_a_trajectory_diverges_beyond_a_thousand():
    """An unstable leapfrog of a Gaussian: some chains lose hundreds of nats, others thousands."""
    n, step, n_leapfrog, ids = 200, 2.4, 5, np.arange(200)
    momentum = twins.noise(kernels.normal, 3, twins.MOMENTUM, ids, 1)[:, 0]
    jitter = twins.noise(kernels.uniform, 3, twins.ACCEPT, ids, 2)[:, 1]
    e, z, v = step * (0.8 + 0.4 * jitter), np.zeros(n), momentum
    for _ in range(n_leapfrog):
        v = v - e / 2 * z
        z = z + e * v
        v = v - e / 2 * z
    lost = (z**2 + v**2 - momentum**2) / 2
    assert min((lost < 800).sum(), (lost > 1200).sum()) > 20
    assert not ((lost > 999) & (lost < 1001)).any()
    _, acceptance, n_divergent = kernels.gaussian_chains(
        np.eye(1, dtype=np.float32), n, 1, step, n_leapfrog, seed=3, n_threads=1
    )
    assert n_divergent == (lost > 1000).astype(int).tolist()
    np.testing.assert_allclose(acceptance, np.exp(-np.maximum(lost, 0)), rtol=1e-3, atol=1e-4)


def twin_chains(model, X, z, ids, seed, n_draws, *, n_leapfrog, n_warmup, target_accept, **way):
    """sample_posterior's chains in float64, started from z: a dict of the result's fields."""
    density, n = twins.Joint(model, X), len(X)
    per_chain = way["step_size_per"] == "chain"
    sizes = [
        twins.StepSize(way["adaptation"], target_accept, 0.1) for _ in range(n if per_chain else 1)
    ]
    draws, total, n_divergent = [], np.zeros(n), np.zeros(n, dtype=int)
    for i in range(n_warmup + n_draws):
        if i == n_warmup:
            for size in sizes:
                size.freeze()
        step = np.broadcast_to([size.value for size in sizes], n)
        z, acceptance, divergent = twins.moved(density, z, step, n_leapfrog, seed, ids, i)
        if i < n_warmup:
            of_sizes = acceptance if per_chain else [acceptance.mean()]
            for size, value in zip(sizes, of_sizes, strict=True):
                size.adapt(value)
            continue
        draws.append(z)
        total += acceptance
        n_divergent += divergent
    return {
        "draws": np.array(draws),
        "acceptance": total / n_draws,
        "step_size": step,
        "n_divergent": n_divergent,
    }


def assert_most_agree(got, expected, what, axis=0):
    """All numbers of most chains agree. Long steps multiply the roundings of a few by hundreds."""
    close = np.isclose(np.moveaxis(got, axis, 0), np.moveaxis(expected, axis, 0), **CLOSE)
    agree = close.reshape(len(close), -1).all(1)
    assert agree.mean() >= 0.8, f"{what} of chains {np.flatnonzero(~agree)}"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["bernoulli", "gaussian"])
def test_chains_of_the_posterior(isa, name, way):
    """From the encoder's means: a warm-up, its frozen steps, and draws that follow one another."""
    model, _, _, X = decoder_case(name)
    X = X[:20]
    options = {"n_leapfrog": 3, "n_warmup": 6, "target_accept": 0.7, **way}
    result = sample_posterior(model, X, 5, random_state=11, n_threads=1, **options)
    seed = np.random.RandomState(11).randint(np.iinfo(np.int32).max)
    z = np.float64(model.transform(X))
    expected = twin_chains(model, X, z, np.arange(len(X)), seed, 5, **options)
    for field, value in expected.items():
        assert_most_agree(getattr(result, field), value, field, axis=int(field == "draws"))
