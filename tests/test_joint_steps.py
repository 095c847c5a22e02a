"""Steps by the gradient of several processes, each with rows of its own."""

import numpy as np
import oracle
import pytest
from engines import draws, engine, order, train
from hooks import kernels
from oracle import assert_close
from ranks import same_bits, together
from teams import late_thread, team_of
from test_dense_kernels import update_tolerance

from aevb.core.engine import Rows

ARENAS = ("weights", "state1", "state2")
LATENT, BINARIZE = 2, 3  # streams of noise
N_RANKS, N = 2, 23  # rows of each rank
CASES = [
    {"optimizer": "sgd"},
    {"optimizer": "adagrad", "bound_estimator": "monte-carlo", "n_draws": 3},
    {"optimizer": "adam", "likelihood": "gaussian"},
    {"optimizer": "sgd", "binarize": "dynamic"},
]


def rows_of(rank, n=N, d=70):
    """Rows of which half the values are 0, so that the first layer skips some."""
    x = np.random.default_rng(rank).uniform(0.05, 0.95, (n, d)).astype(np.float32)
    x[:, ::2] = 0
    return x


def made(**changes):
    settings = {"n_components": 5, "hidden_layer_sizes": [9, 7], "weight_decay": 3.0}
    return engine(70, **settings | changes)


def gradient_of(model, rank, position, n):
    """Return the bound and the gradient of a rank's part of a minibatch."""
    config, X = model.config.as_dict(), rows_of(rank)
    x = X[order(model, N)[position : position + n]]
    seed, step, first = config["seed"], model.n_steps, rank * n
    if config["binarize"] == "dynamic":
        x = (kernels.uniform(seed, step, BINARIZE, first, n, 70) < x).astype(np.float32)
    noise = draws(seed, step, LATENT, first, n, config["n_components"], config["n_draws"])
    bound, gradient = model.bound_and_gradient(Rows(x), noise, seed=seed, n_threads=1)
    return bound.sum(), gradient


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_joint_step_is_the_twins(case):
    """The gradient is that of both, and so are the rows and the bound. The last step is short."""
    models = [made(**case) for _ in range(N_RANKS)]
    config = models[0].config.as_dict()
    for position, n in ((0, 10), (10, 10), (20, 3)):
        parts = [gradient_of(models[0], rank, position, n) for rank in range(N_RANKS)]
        before = [models[0].arrays(arena) for arena in ARENAS]
        answers = together(
            N_RANKS,
            lambda exchange, position=position: train(
                models[exchange.rank],
                rows_of(exchange.rank),
                position=position,
                max_steps=1,
                n_train=N_RANKS * N,
                rank=exchange.rank,
                exchange=exchange,
            ),
        )
        bound = sum(bound for bound, _ in parts)
        step = models[0].n_steps
        for model, answer in zip(models, answers, strict=True):
            assert answer[:2] == (1, N_RANKS * n)
            assert answer[2] == pytest.approx(bound, rel=1e-13)
            assert not answer[3]
            assert model.n_samples_seen == N_RANKS * min(position + 10, N)
            assert all(same_bits(models[0].arrays(a), model.arrays(a)) for a in ARENAS)
        for name in before[0]:
            g = parts[0][1][name] + parts[1][1][name]  # in float32, as the exchange does it
            hyper = {
                "learning_rate": 0.05 * oracle.warm_up(config["optimizer"], step),
                "scale": 1 / (N_RANKS * n),
                "decay": 3.0 / (N_RANKS * N) if name.endswith("weight") else 0.0,
                "step": step,
            }
            state = [np.float64(a.get(name, 0 * g)) for a in before]
            arguments = (config["optimizer"], state[0], np.float64(g), *state[1:])
            expected = oracle.optimizer_update(*arguments, **hyper)
            tolerances = update_tolerance(*arguments, hyper)
            for arena, want, tolerance in zip(ARENAS, expected, tolerances, strict=True):
                got = models[0].arrays(arena)
                if name in got:
                    assert_close(got[name], want, tolerance, f"{arena}, {name} at step {step}")


def trained(n_threads, seconds=(1e9, 1e9), xs=None, **settings):
    """Return what two ranks answer, and their models, after an epoch."""
    models = [made(**settings) for _ in range(N_RANKS)]
    xs = xs or [rows_of(rank) for rank in range(N_RANKS)]

    def work(exchange):
        rank = exchange.rank
        return train(
            models[rank],
            xs[rank],
            n_threads,
            max_seconds=seconds[rank],
            rank=rank,
            exchange=exchange,
        )

    return together(N_RANKS, work), models


@pytest.mark.parametrize("settings", [{"optimizer": "adam"}, {"hidden_layer_sizes": [170, 87]}])
def test_the_number_of_threads_and_a_late_one_change_no_bit(settings):
    _, (alone, _) = trained(1, **settings)
    for late in range(3):
        with late_thread(late), team_of(3):
            _, (model, _) = trained(3, **settings)
        assert all(same_bits(alone.arrays(a), model.arrays(a)) for a in ARENAS)


def test_all_end_after_the_step_in_which_one_has_to():
    answers, models = trained(1, seconds=(1e9, 0.0))
    assert [answer[:2] for answer in answers] == [(1, 20)] * 2
    assert [model.n_steps for model in models] == [1, 1]


def test_if_one_diverges_all_do_and_take_no_step():
    xs = [rows_of(0), rows_of(1)]
    xs[1][:] = np.float32(3e38)
    answers, models = trained(1, xs=xs, likelihood="gaussian")
    assert [answer[0] for answer in answers] == [0, 0]
    assert all(answer[3] for answer in answers)
    fresh = made(likelihood="gaussian")
    assert all(same_bits(fresh.arrays("weights"), model.arrays("weights")) for model in models)


@pytest.mark.parametrize("method", ["join", "sum"])
@pytest.mark.parametrize("n_threads", [1, 3])
def test_an_exchange_that_fails_ends_the_call(method, n_threads):
    class Failing:
        n_calls = 0

        def join(self, totals):
            self.count("join")

        def sum(self, values):
            self.count("sum")

        def count(self, what):
            self.n_calls += what == method
            if self.n_calls == 2:
                raise OSError("the line is cut")

    model = made()
    with pytest.raises(OSError, match="the line is cut"):
        train(model, rows_of(0), n_threads, exchange=Failing())
    assert (model.n_steps, model.n_samples_seen) == (1, 10)
    assert train(model, rows_of(0), position=10)[0] == 2  # the model can be used


def test_models_without_such_steps_are_refused():
    for settings in ({"algorithm": "wake-sleep"}, {"weight_posterior": "gaussian"}):
        with pytest.raises(ValueError, match="exchange: want"):
            train(made(**settings), rows_of(0), exchange=object())


def test_views_are_of_the_model_itself():
    model, seen = made(optimizer="adam"), []
    train(model, rows_of(0))
    before = [model.arrays(arena) for arena in ARENAS]

    def double(values):
        seen.append(values.dtype)
        values *= 2

    model.for_each_array(double)
    assert seen == [np.float32] * 3
    for arena, old in zip(ARENAS, before, strict=True):
        assert same_bits({name: 2 * a for name, a in old.items()}, model.arrays(arena))


def test_two_ranks_train_like_one_with_their_rows():
    """500 steps on all rows, with the same noise for each row: the bounds differ by rounding.

    A first difference of 1e-7 relative grows with the steps. A mistake in the rows, the noise, the
    prior's share or the step would show at once.
    """
    xs, settings = [rows_of(0), rows_of(1)], {"batch_size": N, "optimizer": "adam"}
    models = [made(**settings, learning_rate=0.002) for _ in range(N_RANKS)]
    whole = made(**settings | {"batch_size": N_RANKS * N}, learning_rate=0.002)
    x = np.empty((N_RANKS * N, 70), np.float32)
    x[order(whole, N_RANKS * N)] = np.concatenate([x[order(whole, N)] for x in xs])
    wanted = [train(whole, x)[2] for _ in range(500)]

    def work(exchange):
        rank = exchange.rank
        options = {"n_train": N_RANKS * N, "rank": rank, "exchange": exchange}
        return [train(models[rank], xs[rank], **options)[2] for _ in range(500)]

    got = together(N_RANKS, work)
    assert got[0] == got[1]
    np.testing.assert_allclose(got[0], wanted, rtol=1e-4)
    assert wanted[-1] > wanted[0] + 100  # it has learnt
