"""Monte Carlo EM: steps against float64, chains against quadrature, and the Python interface.

Chains are independent except for their common step size. Means over chains are held to 5 standard
errors.
"""

import copy
import functools
import os
import pickle
import signal
import threading

import numpy as np
import oracle
import pytest
import scipy.sparse as sp
from hooks import kernels
from likelihoods import twin
from scipy.special import logsumexp
from scipy.stats import norm
from sklearn.base import clone
from teams import team_of
from test_posterior import assert_mean

from aevb import AEVB, MCEM, DivergenceError, Evaluator, Trainer, sample_posterior
from aevb.core.state import HISTORY_KEYS

pytestmark = pytest.mark.filterwarnings("ignore:the bound still rose")  # most fits are short

STILL = {"optimizer": "sgd", "learning_rate": 1e-30, "weight_decay": 0.0}  # weights keep their bits
likelihoods = pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian", "bounded-gaussian"])
minibatches = pytest.mark.parametrize("share", [1, 3], ids=["full", "minibatch"])


def pixels(n, d, likelihood="bernoulli"):
    x = np.random.default_rng(0).uniform(0.05, 0.95, (n, d)).astype(np.float32)
    return 4 * x - 2 if likelihood == "gaussian" else x


def small(**changes):
    settings = {"n_components": 2, "hidden_layer_sizes": (5,), "n_epochs": 3, "n_draws": 5}
    settings |= {"scale": "none"}
    return MCEM.published(**{**settings, "random_state": 0, "n_threads": 1, **changes})


X, N = pixels(60, 7), 60
FITTED = small(hidden_layer_sizes=(5, 4)).fit(X)


def state(it):
    """All that training changes in a model or a trainer, except the seconds."""
    model, chains = getattr(it, "model", it), getattr(it, "_chains", None)
    history = [column for name, column in model.history_.items() if name != "seconds"]
    weights = {name: weight.tobytes() for name, weight in model.weights_.items()}
    result = weights, model.n_samples_seen_, model.n_steps_, repr(history)
    return (*result, chains.z.tobytes(), chains.step_size) if chains else result


def visits(model, n, size):
    """The rows of each minibatch of the epoch that comes next."""
    order = kernels.permutation(model._engine.config.as_dict()["seed"], model.n_steps_, n)
    return [order[i : i + size] for i in range(0, n, size)]


def log_likelihood(weights, config, z, x):
    """log p(x|z) of each row, and the gradient of the mean by the weights."""
    outputs, _ = oracle.climb(weights, "decoder", z, config.activation)
    r, deltas = oracle.likelihood_heads(weights, config, outputs[-1], x)
    layers = {}
    oracle.descend(weights, "decoder", outputs, deltas, config.activation, layers)
    gradient = {f"{layer}.weight": h.T @ delta / len(z) for layer, (h, delta) in layers.items()}
    return r, gradient | {f"{layer}.bias": delta.mean(0) for layer, (_, delta) in layers.items()}


def quadrature(weights, config, X, n_points=81):
    """log p(x), mean and covariance of p(z|x) per row, as in test_posterior."""
    axis, J = np.linspace(-7, 7, n_points), len(weights["decoder.hidden0.weight"])
    grid = np.stack(np.meshgrid(*[axis] * J), -1).reshape(-1, J)
    h = oracle.climb(weights, "decoder", grid, config.activation)[0][-1]
    r = [oracle.likelihood_heads(weights, config, h, x[None])[0] for x in np.float64(X)]
    log_joint = np.array(r) + norm.logpdf(grid).sum(1) + J * np.log(axis[1] - axis[0])
    log_p = logsumexp(log_joint, axis=1)
    density = np.exp(log_joint - log_p[:, None])
    means, second = density @ grid, np.einsum("ng,gi,gj->nij", density, grid, grid, optimize=True)
    return log_p, means, second - means[:, :, None] * means[:, None]


@functools.cache
def monotone(likelihood, n_components, n=15):
    """A decoder that rises with z, so that p(z|x) has one mode: (options, ..., covariances)."""
    options = {"likelihood": likelihood, "n_components": n_components, "n_leapfrog": 4, **STILL}
    model = small(**options, init_scale=0.5)
    weights = Trainer(model, pixels(5, 8)).model.weights_
    rising = [k for k in weights if k.endswith("weight") and "log_var" not in k]
    weights |= {k: np.abs(weights[k]) for k in rising}
    rows = model.set_weights(weights).sample(n, random_state=2)
    weights = oracle.float64(weights)
    log_p, means, covariances = quadrature(weights, oracle.Config("tanh", likelihood), rows)
    assert (means.std(0) > 0.25).all()  # a chain with another row's data would be noticed
    return options, weights, rows, log_p, means, covariances


@likelihoods
@pytest.mark.parametrize(("n", "batch_size"), [(13, 13), (350, 120), (2500, 2500), (2500, 1900)])
@pytest.mark.parametrize(("hidden", "n_updates"), [((5,), 1), ((4, 3), 3)])
def test_updates_are_the_twins(isa, likelihood, n, hidden, n_updates, batch_size):
    """Gradients are good to 5e-5 by norm, as for the bounds. Each update rounds the weights."""
    X, config = pixels(n, 6, likelihood), oracle.Config("tanh", likelihood)
    model = small(n_updates=n_updates, batch_size=batch_size, hidden_layer_sizes=hidden)
    model.set_params(likelihood=likelihood, init_scale=0.5, optimizer="sgd", learning_rate=0.125)
    trainer = Trainer(model.set_params(weight_decay=n / 4), X)
    before = twin = oracle.float64(model.weights_)
    rows = visits(model, n, batch_size)[0]
    z, x = np.float64(trainer.step()._chains.z[rows]), np.float64(X[rows])
    if batch_size == n:  # the first update gets log p(x, z) of some 30 terms of a few nats
        expected = (log_likelihood(twin, config, z, x)[0] + norm.logpdf(z).sum(1)).mean()
        assert trainer.history["train_bound"] == pytest.approx([expected], abs=2e-5)
    for _ in range(n_updates):
        up = log_likelihood(twin, config, z, x)[1]
        up = {k: g - (0.25 * twin[k] if k.endswith("weight") else 0) for k, g in up.items()}
        twin = {k: w + 0.125 * up[k] for k, w in twin.items()}
    for k, got in model.weights_.items():
        tolerance = 5e-5 * np.linalg.norm(twin[k] - before[k])
        tolerance += n_updates * oracle.U * np.linalg.norm(twin[k])
        assert np.linalg.norm(got - twin[k]) <= tolerance, k
        assert tolerance < 0.01 * 0.125 * 0.25 * np.linalg.norm(before[k])  # the prior shows


@likelihoods
@pytest.mark.parametrize(("n_components", "batch_size"), [(1, None), (2, None), (2, 400)])
def test_chains_are_draws_of_the_posterior(likelihood, n_components, batch_size):
    """Whitened by the true moments of their rows: mean 0, covariance I, after steps have grown."""
    options, weights, rows, _, means, covariances = monotone(likelihood, n_components)
    n, which = 900, np.arange(900) % len(rows)
    trainer = Trainer(small(batch_size=batch_size, **options), rows[which])
    trainer.model.set_weights(weights)
    moves = [trainer.run(k * n)._chains.copy() for k in range(1, 161)]
    np.testing.assert_equal(oracle.float64(trainer.model.weights_), weights)
    draws = np.float64([chains.z for chains in moves[80::4]])
    centred = np.moveaxis(draws - means[which], 0, 2)  # (chains, J, draws)
    u = np.linalg.solve(np.linalg.cholesky(covariances)[which], centred)
    assert_mean(u.mean(2), 0, resolution=0.02)
    assert_mean(u @ u.swapaxes(1, 2) / len(draws), np.eye(n_components), resolution=0.02)
    assert np.mean([chains.acceptance for chains in moves[-40:]]) == pytest.approx(0.9, abs=0.03)


@minibatches
def test_only_accepted_chains_of_the_minibatch_move(share):
    """Their number is a sum of Bernoulli variables with the acceptance probabilities."""
    options, weights, rows, *_ = monotone("bernoulli", 2)
    model = small(**options, batch_size=600 // share, target_accept=0.5)
    trainer = Trainer(model, np.tile(rows, (40, 1)))
    model.set_weights(weights)
    trainer.run(100 * 600)
    excess, acceptance = 0.0, []
    for batch in (batch for _ in range(20) for batch in visits(model, 600, 600 // share)):
        z = trainer._chains.z
        moved = np.flatnonzero((trainer.step()._chains.z != z).any(1))
        assert set(moved) <= set(batch)
        acceptance.append(trainer._chains.acceptance)
        excess += len(moved) - acceptance[-1] * len(batch)
    assert np.mean(acceptance) == pytest.approx(0.5, abs=0.04)
    assert abs(excess) < 5 * np.sqrt(20 * 600 / 4)


def test_a_fit_that_goes_on_finds_narrow_posteriors_again():
    """Chains that start from the prior and move to p(z|x) would be hundreds of nats lower."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(300, 2))
    X = np.tanh(z @ rng.normal(size=(2, 50))) + 0.05 * rng.normal(size=(300, 50))
    model = MCEM.published(
        2, hidden_layer_sizes=(30,), n_epochs=400, learning_rate=0.05, random_state=0
    )
    model.set_params(warm_start=True).fit(X)
    before = model.history_["train_bound"][-1]
    after = model.set_params(n_epochs=1).fit(X).history_["train_bound"][-1]
    assert before > 40
    assert abs(after - before) < 1


@pytest.mark.parametrize("changing", ["weights", "pixels"])
def test_a_move_starts_from_log_p_as_it_is_now(changing):
    """A step of 0.1 is hardly ever rejected, unless the old log p is off by nats."""
    model = small(likelihood="bernoulli", init_scale=0.5, n_leapfrog=1, n_updates=1, **STILL)
    model.set_params(**{"learning_rate": 5.0} if changing == "weights" else {"binarize": "dynamic"})
    trainer = Trainer(model, pixels(300, 30))
    least = 5 if changing == "weights" else 1 / np.sqrt(300)  # pixels change in each row alone
    assert min(trainer.step()._chains.acceptance for _ in range(3)) > 0.98
    assert np.abs(np.diff(trainer.history["train_bound"])).max() > least


@pytest.mark.parametrize(
    ("likelihood", "scale", "n_components", "share"),
    [("bernoulli", 2.0, 1, 1), ("gaussian", 0.7, 2, 3)],
)
def test_a_small_decoder_is_recovered(likelihood, scale, n_components, share):
    """With k weights, the maximum is about k / 2N nats a new row below the truth; twice is fine."""
    options = {"n_components": n_components, "hidden_layer_sizes": (6,), "likelihood": likelihood}
    true, config = small(**options, init_scale=scale), oracle.Config("tanh", likelihood)
    weights = oracle.float64(Trainer(true.set_params(random_state=1), pixels(5, 12)).model.weights_)
    X, new = np.split(true.sample(1200, random_state=5), [900])
    model = small(**options, batch_size=900 // share, n_epochs=300, learning_rate=0.1)
    best = quadrature(weights, config, new, 61)[0]
    got = quadrature(oracle.float64(model.fit(X).weights_), config, new, 61)[0]
    rates, independent = X.mean(0), norm.logpdf(new, X.mean(0), X.std(0)).sum(1)
    if likelihood == "bernoulli":
        independent = twin(likelihood).log_p([np.log(rates / (1 - rates))], new)[0]
    assert np.mean(best - got) < sum(weight.size for weight in weights.values()) / len(X)
    assert np.mean(best - got) < 0.15 * np.mean(best - independent)


@likelihoods
def test_transform_and_score_samples_against_quadrature(likelihood):
    """Means are as good as those of n_independent draws. AIS is low by half its variance."""
    options, weights, rows, log_p, means, covariances = monotone(likelihood, 2, n=60)
    model = small(**options, n_epochs=1).fit(rows).set_weights(weights)
    sd = np.sqrt(covariances.diagonal(axis1=1, axis2=2))
    for n_draws, n_independent in ((100, 25), (1600, 400)):
        error = (model.set_params(n_draws=n_draws).transform(rows) - means) / sd
        assert_mean(error, 0, resolution=0.03)
        assert (error**2).mean() < 1 / n_independent
    estimate, got = Evaluator(model).log_likelihood(rows, "ais"), model.score_samples(rows)
    assert got.tobytes() == estimate.per_row.tobytes()
    off = np.abs(got - log_p) / (estimate.stderr + 1e-5)  # t of 9, longer tails: skewed weights
    assert off.max() < 16
    assert (off < 4).mean() > 0.9
    assert_mean(got - log_p + estimate.stderr**2 / 2, 0, resolution=0.05)


@pytest.mark.parametrize("method", ["transform", "score_samples"])
def test_rows_are_judged_by_content_and_seed_alone(isa, method):
    f, order, X = getattr(FITTED, method), np.random.default_rng(3).permutation(15), pixels(15, 7)
    whole = f(X)
    assert f(X[[4, 4]])[0].tobytes() == f(X[[4, 4]])[1].tobytes()
    if isa != "portable+blas":  # BLAS takes another kernel, with other last bits, for another shape
        assert f(X[order]).tobytes() == whole[order].tobytes()
        assert f(X[10:13]).tobytes() == whole[10:13].tobytes()
        times = 20 if method == "transform" else 2  # more chains than a block holds
        assert f(np.concatenate([X] * times)).tobytes() == np.concatenate([whole] * times).tobytes()
    twin = copy.deepcopy(FITTED).set_params(n_threads=3)
    with team_of(3):
        assert getattr(twin, method)(X).tobytes() == whole.tobytes()
    other = small(hidden_layer_sizes=(5, 4), random_state=1).fit(X).set_weights(FITTED.weights_)
    assert (getattr(other, method)(X) != whole).all()


@minibatches
@likelihoods
def test_neither_threads_nor_pieces_change_a_bit(vectors, likelihood, share):
    settings = {"likelihood": likelihood, "hidden_layer_sizes": (20,), "batch_size": 1300 // share}
    X = pixels(1300, 9, likelihood)
    whole = []
    for k in (1, 2, 7):
        with team_of(k):
            whole.append(Trainer(small(**settings, n_threads=k), X).run(3900))
    pieces = Trainer(small(**settings), X)
    for total in (1300, 1500, 1500, 3000, 3900):
        pieces.run(total)
    first, *others = map(state, (*whole, pieces))
    assert others == [first] * 3
    assert state(small(**settings).fit(X)) == first[:4]
    assert state(small(**settings, random_state=1).fit(X))[0] != first[0]


def test_history_and_validation():
    """The validation score is that of `score_samples`, and does not change the training."""
    model = small(early_stopping=True, validation_fraction=0.25).fit(X)
    assert set(model.history_) == {*HISTORY_KEYS}
    assert model.history_["samples_seen"] == [45, 90, 135]
    trainer = Trainer(small(), X[:45], X_val=X[45:]).run(135)
    assert trainer.history["validation_bound"][-1] == trainer.model.score(X[45:])
    assert state(trainer.model)[:3] == state(small().fit(X[:45]))[:3]
    model = small(early_stopping=True, patience=2)
    scores = Trainer(model, X[:45], X_val=X[45:]).run(np.inf).history["validation_bound"]
    assert int(np.argmax(scores)) == len(scores) - 3
    assert model.score(X[45:]) == max(scores)


@pytest.mark.parametrize(("optimizer", "share"), [("adagrad", 1), ("adam", 3)])
def test_copies_go_on_as_the_original(tmp_path, optimizer, share):
    def go_on(model):
        yield state(model), model.transform(X).tobytes(), model.score_samples(X).tobytes()
        yield state(model.partial_fit(X))
        yield state(model.set_params(warm_start=True).fit(X))

    model = small(optimizer=optimizer, learning_rate=0.01, batch_size=N // share).fit(X)
    assert state(clone(model).fit(X)) == state(model)
    model.save(tmp_path / "m")
    with pytest.raises(ValueError, match=str(tmp_path / "m")):
        AEVB.load(tmp_path / "m")
    copies = [MCEM.load(tmp_path / "m"), pickle.loads(pickle.dumps(model)), copy.deepcopy(model)]
    assert [twin.get_params() for twin in copies] == [model.get_params()] * 3
    assert [list(go_on(twin)) for twin in copies] == [list(go_on(model))] * 3
    assert (model.n_samples_seen_, model.n_steps_) == (7 * N, 7 * share)


@likelihoods
def test_what_a_fitted_model_does(likelihood):
    model = small(likelihood=likelihood, hidden_layer_sizes=(6, 4)).fit(X)
    assert {name.split(".")[0] for name in model.weights_} == {"decoder"}
    assert model.weights_["decoder.hidden0.weight"].shape == (2, 4)  # widths in reverse
    Z = model.transform(X)
    assert (Z.dtype, Z.shape) == (np.float32, (N, 2))
    assert (model.reconstruct(X) == model.inverse_transform(Z)).all()
    assert model.sample(4, random_state=1).shape == (4, 7)
    assert list(model.get_feature_names_out()) == ["mcem0", "mcem1"]
    assert sample_posterior(model, X, 7).draws.shape == (7, N, 2)
    assert not hasattr(model, "bound_and_gradient")
    for call in (Evaluator(model).bound, Evaluator(model).log_likelihood):
        with pytest.raises(ValueError, match="no encoder"):
            call(X)
    for bad, said in ((X[:, :3], "features"), (X + np.inf, "infinity"), (X[:0], "0 sample")):
        with pytest.raises(ValueError, match=said):
            model.score_samples(bad)


def test_pixels_and_containers():
    binary, grey = np.float32(X > 0.5), np.uint8(255 * X)
    one = state(small().fit(binary))
    for container in (sp.csr_matrix, np.asfortranarray, np.float64, np.uint8):
        assert state(small().fit(container(binary))) == one
    assert state(small(binarize="threshold").fit(X)) == one
    assert state(small(binarize="dynamic").fit(binary)) == one  # nothing is random
    assert state(small(binarize="dynamic").fit(X))[0] != state(small().fit(X))[0]
    assert state(small().fit(sp.csr_matrix(grey))) == state(small().fit(grey))


WRONG = {"n_leapfrog": [0, 1.5], "target_accept": [0.0, 1.0, np.nan, "a"], "n_draws": [0, 2.5]}
TRAINING = {"n_updates": [0, 2.5], "batch_size": [0, 1.5]}


@pytest.mark.parametrize("name", [*WRONG, *TRAINING])
@pytest.mark.parametrize("method", ["fit", "partial_fit", "transform"])
def test_wrong_parameters_are_named_and_change_nothing(method, name):
    for value in {**WRONG, **(TRAINING if method != "transform" else {})}.get(name, []):
        model = copy.deepcopy(FITTED).set_params(**{name: value})
        with pytest.raises((ValueError, TypeError), match=name):
            getattr(model, method)(X)
        assert state(model) == state(FITTED)
        assert vars(model).keys() == vars(FITTED).keys()


@minibatches
def test_divergence_undoes_the_call(share):
    settings = {"likelihood": "gaussian", "optimizer": "sgd", "learning_rate": 1.0, "n_updates": 2}
    trainer = Trainer(small(**settings, batch_size=N // share), X).step(2)
    before = state(trainer)
    with pytest.raises(DivergenceError, match=r"after step ([4-9]|..)\b"):  # some steps were good
        trainer.step(1000)
    assert state(trainer) == before
    assert state(trainer.step()) == state(Trainer(clone(trainer.model), X).step(3))
    model = copy.deepcopy(FITTED).set_params(**{**settings, "learning_rate": 1e30})
    with pytest.raises(DivergenceError):
        model.set_params(batch_size=N // share).fit(X)
    assert state(model) == state(FITTED)


@pytest.mark.parametrize("changes", [{}, {"batch_size": 25}])
def test_after_ctrl_c_a_trainer_goes_on(changes):
    trainer = Trainer(small(n_threads=2, **changes), X)
    for seconds in (0.01, 0.02, 0.03, 0.05):
        threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            trainer.run(np.inf)
        trainer.step()
    assert state(trainer) == state(Trainer(clone(trainer.model), X).step(trainer.model.n_steps_))
