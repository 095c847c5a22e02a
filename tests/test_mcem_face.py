"""What MCEM asks of the core, against the same calls by hand: lengths, seeds, starts, means."""

import numpy as np
import pytest

from aevb import MCEM, Evaluator, Trainer, _core
from aevb.core.engine import MonteCarloEm, Rows

N, D, J = 14, 6, 2
X = np.random.default_rng(0).random((N, D), dtype=np.float32)
SIGMOID = 1 / (1 + np.exp(-np.linspace(-4, 4, 101)))  # Wu, Burda, Salakhutdinov, Grosse 2017
PATH = (SIGMOID - SIGMOID[0]) / (SIGMOID[-1] - SIGMOID[0])


def small(**changes):
    settings = {"hidden_layer_sizes": (5,), "n_epochs": 2, "n_draws": 23, "init_scale": 0.5}
    settings |= {"likelihood": "bernoulli"}
    return MCEM.published(J, **settings | {"random_state": 3} | changes)


def seed_of(model):
    return model._engine.config.as_dict()["seed"]


def annealed(model, seed):
    """Draws of p(z|x): one of five chains from the prior, after a hundred temperatures."""
    return _core.anneal(
        model._engine._model, Rows(X), list(PATH), None, begin=0, size=N, split=False, n_leapfrog=5,
        n_draws=5, from_encoder=False, seed=seed, n_threads=1, progress=None,
    )[4]  # fmt: skip


@pytest.mark.parametrize("n_draws", [1, 10, 23])
def test_transform_is_the_mean_of_so_many_draws_after_as_many_for_warm_up(n_draws):
    """It uses the three options as they are when it is called."""
    model = small().fit(X).set_params(n_draws=n_draws, n_leapfrog=7, target_accept=0.7)
    seed = seed_of(model)
    chains = _core.PosteriorChains(
        model._engine._model, Rows(X), annealed(model, seed), n_leapfrog=7,
        adaptation="dual-averaging", per_chain=True, target_accept=0.7, seed=seed, by_content=True,
    )  # fmt: skip
    chains.run(n_draws, adapt=True, keep=False, n_threads=1, progress=None)
    chains.freeze()
    draws = chains.run(n_draws, adapt=False, keep=True, n_threads=1, progress=None)
    mean = np.float64(draws).mean(0)
    got = model.transform(X)
    np.testing.assert_allclose(got, mean, rtol=1e-6, atol=1e-7)  # float32 precision
    assert model.transform(X).tobytes() == got.tobytes()
    assert len(np.unique(draws, axis=0)) == n_draws
    for other in ({"n_draws": n_draws + 1}, {"n_leapfrog": 8}, {"target_accept": 0.8}):
        kept = model.get_params()
        assert (model.set_params(**other).transform(X) != got).any()
        model.set_params(**kept)


def test_each_row_has_a_step_size_of_its_own_in_transform():
    """A row therefore has the same mean with other rows, alone, or beside a copy of itself."""
    model = small().fit(X)
    whole = model.transform(X)
    if (
        _core.backend() == "portable+blas"
    ):  # BLAS takes another kernel, with other last bits, for other shapes
        return
    wild = np.vstack([X[:1], np.round(X[1:])])
    assert model.transform(wild)[0].tobytes() == whole[0].tobytes()
    assert model.transform(X[[5, 5]]).tobytes() == whole[[5, 5]].tobytes()


def test_scores_are_annealed_with_the_models_seed():
    """Always 200 temperatures, ten chains and ten leapfrog steps, whatever the training options."""
    model = small().fit(X)
    scores = model.score_samples(X)
    options = {"n_draws": 10, "n_temperatures": 200, "n_leapfrog": 10, "schedule": "sigmoid"}
    by_hand = Evaluator(model).log_likelihood(X, "ais", start="prior", **options)
    assert scores.tobytes() == by_hand.per_row.tobytes()
    model.set_params(n_draws=3, n_leapfrog=2, target_accept=0.5)
    assert model.score_samples(X).tobytes() == scores.tobytes()


def chains_of(model, z):
    options = {"n_leapfrog": 4, "target_accept": 0.6, "n_updates": 3}
    assert model.get_params().items() >= options.items()
    return MonteCarloEm(model._engine.copy()._model, z, **options)


@pytest.mark.parametrize("batch_size", [None, 5])
def test_training_moves_chains_from_the_prior_or_where_there_are_weights_from_the_posterior(
    batch_size,
):
    model = small(n_leapfrog=4, target_accept=0.6, n_updates=3, batch_size=batch_size)
    trainer = Trainer(model, X)
    start = np.random.default_rng(seed_of(model)).standard_normal((N, J), np.float32)
    for _ in range(2):
        np.testing.assert_array_equal(trainer._chains.z, start)
        engine, chains = model._engine.copy(), chains_of(model, start)
        size = {"begin": 0, "size": N, "split": False, "position": 0, "n_train": N}
        for epoch in range(2):
            n = -(-N // (batch_size or N))
            first = model.n_steps_ + epoch * n
            chains.train(
                engine._model,
                Rows(X),
                epoch=first,
                max_steps=n,
                max_seconds=60.0,
                n_threads=1,
                **size,
            )
        trainer.run(model.n_samples_seen_ + 2 * N)
        np.testing.assert_array_equal(trainer._chains.z, chains.z)
        assert trainer._chains.step_size == chains.step_size
        for name, weight in engine.arrays("weights").items():
            np.testing.assert_array_equal(model.weights_[name], weight)
        start = annealed(model, seed_of(model))
        trainer = Trainer(model, X)


def test_bars_are_shown_when_asked_for(capfd):
    model = small(n_draws=2, verbose=1).fit(X)
    assert capfd.readouterr().err.count("rows") > 0
    for call in (model.transform, lambda X: model.partial_fit(X)):
        call(X)
        assert "AIS" in capfd.readouterr().err
    model.set_params(verbose=0).transform(X)
    assert capfd.readouterr() == ("", "")
