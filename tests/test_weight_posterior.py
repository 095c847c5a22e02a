"""The posterior of the weights in the core: draws, steps, their bits, the KL divergence.

The twin draws theta = mean + sd * zeta in float64 from the core's Philox words. It takes the
gradient at theta from a model with these weights as points, which test_bounds.py compares with
float64.
"""

import numpy as np
import oracle
import pytest
from engines import draws, engine, order, train
from hooks import kernels
from teams import team_of

from aevb import AEVB
from aevb.core.engine import ARENAS, Rows

LATENT, WEIGHTS, DRAWN = 2, 17, 18  # streams of noise
OPTIMIZERS = ("sgd", "adagrad", "adam")
KINDS = ("gaussian", "gaussian-decoder")
# Rounding of theta and of the sums, as a share of the largest value. A wrong term is a share of
# order 1 of it.
SHARE = 2e-4


def some(n=23, d=70, seed=0):
    return np.random.default_rng(seed).uniform(0.05, 0.95, (n, d)).astype(np.float32)


def places(arrays):
    """{name: indices into the arena}: panels of 64 columns (rows, 64), then the biases of all."""
    layers = {}
    for name, array in arrays.items():
        layer = name.removesuffix(".weight")
        if layer != name:
            own = "encoder.heads" if layer in ("encoder.mean", "encoder.log_var") else layer
            layers.setdefault(own, []).append((layer, *array.shape))
    found, offset = {}, 0
    for parts in layers.values():
        n_in, n_out = parts[0][1], sum(part[2] for part in parts)
        column, n_panels = np.arange(n_out), -(-n_out // 64)
        first = offset + column // 64 * n_in * 64 + column % 64
        weight = first + 64 * np.arange(n_in)[:, None]
        bias = offset + n_panels * n_in * 64 + column
        begin = 0
        for layer, _, n in parts:
            found[f"{layer}.weight"] = weight[:, begin : begin + n]
            found[f"{layer}.bias"] = bias[begin : begin + n]
            begin += n
        offset += n_panels * (n_in + 1) * 64
    return found


def zeta(seed, step, purpose, index):
    """N(0, 1) noise of the weights at these indices of the arena, in float64."""
    row, element = index // 64, index % 64
    counter = np.stack([16 * row + element % 16, 0 * row, 0 * row, 0 * row], axis=-1)
    counter = counter.reshape(-1, 4).astype(np.uint32)
    counter[:, 2], counter[:, 3] = step & 0xFFFFFFFF, purpose << 24 | step >> 32
    words = kernels.philox(counter, np.uint32([seed & 0xFFFFFFFF, seed >> 32])) >> 8
    words = words.astype(np.float64) * 2.0**-24
    word = (element // 16).ravel()
    at = np.arange(len(word))
    u, v = words[at, word // 2 * 2] + 2.0**-24, words[at, word // 2 * 2 + 1]
    wave = np.where(word % 2 == 0, np.cos(2 * np.pi * v), np.sin(2 * np.pi * v))
    return (np.sqrt(-2 * np.log(u)) * wave).reshape(index.shape)


def variational(d=70, **changes):
    settings = {"hidden_layer_sizes": [66], "n_components": 3, "weight_decay": 2.0,
                "weight_posterior": "gaussian", "init_scale": 0.2}  # fmt: skip
    return engine(d, **settings | changes)


def spread(model, sd=0.3, seed=1):
    """Give the posterior other deviations than those of the start."""
    rng = np.random.default_rng(seed)
    log_sd = {k: np.log(sd) + 0.3 * rng.normal(size=a.shape) for k, a in
              model.arrays("log_sd").items()}  # fmt: skip
    model.set_arrays({k: np.float32(a) for k, a in log_sd.items()}, "log_sd")
    return model


def state(model):
    said = [{k: a.tobytes() for k, a in model.arrays(arena).items()} for arena in ARENAS]
    return said, model.n_steps, model.n_samples_seen, model.bound_sum


def close(got, want, what):
    scale = np.abs(want).max()
    np.testing.assert_allclose(got, want, rtol=0, atol=SHARE * scale, err_msg=what)


# --- draws ------------------------------------------------------------------------------------


def test_draws_are_box_muller_of_the_mapped_words(isa):
    """With mean 0 and deviation 1 the weights are zeta itself, whatever the vectors' width."""
    for seed, index in [(5, 0), (2**40 + 3, 7), (1, 2**33 + 1)]:
        model = variational(seed=seed)
        for arena in ("weights", "log_sd"):
            model.set_arrays({k: 0 * a for k, a in model.arrays(arena).items()}, arena)
        drawn = model.draw(seed=seed, index=index, n_threads=1).arrays("weights")
        for name, at in places(drawn).items():
            want = zeta(seed, index, DRAWN, at)
            np.testing.assert_allclose(drawn[name], want, rtol=0, atol=1e-5, err_msg=name)


def test_a_draw_is_a_model_with_points():
    model = spread(variational())
    which = [(0, 1), (0, 3), (1, 1)]
    one, same, other = (model.draw(seed=3, index=i, n_threads=n) for i, n in which)
    assert one.config.as_dict()["weight_posterior"] == "none"
    assert not one.arrays("log_sd")
    assert state(one) == state(same)
    for name, weight in one.arrays("weights").items():
        assert (weight != other.arrays("weights")[name]).all()


def test_a_draw_keeps_the_encoder_of_a_decoder_s_posterior():
    model = spread(variational(weight_posterior="gaussian-decoder"))
    drawn = model.draw(seed=3, index=0, n_threads=2).arrays("weights")
    for name, weight in model.arrays("weights").items():
        assert (drawn[name] == weight).all() == name.startswith("encoder"), name
    assert {name.split(".")[0] for name in model.arrays("log_sd")} == {"decoder"}


# --- steps ------------------------------------------------------------------------------------


def prior_of(model, name, like):
    """The mean and the variance of the prior of an array."""
    own = model.arrays("prior_mean")
    if own:
        return np.float64(own[name]), np.exp(2 * np.float64(model.arrays("prior_log_sd")[name]))
    return 0 * like, 1 / model.config.as_dict()["weight_decay"] + 0 * like


def check_step(model, X, position, n, n_train):
    config = model.config.as_dict()
    seed, step, optimizer = config["seed"], model.n_steps, config["optimizer"]
    before = {arena: oracle.float64(model.arrays(arena)) for arena in ARENAS}
    priors = {k: prior_of(model, k, a) for k, a in before["log_sd"].items()}
    theta, at = dict(before["weights"]), places(before["weights"])
    for name, log_sd in before["log_sd"].items():
        theta[name] = theta[name] + np.exp(log_sd) * zeta(seed, step, WEIGHTS, at[name])
    own = {k: v for k, v in config.items() if k not in ("n_visible", "weight_posterior")}
    points = engine(X.shape[1], **own)
    points.set_arrays({k: np.float32(a) for k, a in theta.items()}, "weights")
    noise = draws(seed, step, LATENT, 0, n, config["n_components"], config["n_draws"])
    rows = X[order(model, len(X))[position : position + n]]
    bound, gradient = points.bound_and_gradient(Rows(rows), noise, seed=seed, n_threads=1)
    done = train(model, X, position=position, max_steps=1, n_train=n_train)
    assert done[2] == pytest.approx(bound.sum(), rel=1e-4)

    after = {arena: oracle.float64(model.arrays(arena)) for arena in ARENAS}
    rate = config["learning_rate"] * oracle.warm_up(optimizer, step + 1)
    for name, g in oracle.float64(gradient).items():
        mean = before["weights"][name]
        if name in before["log_sd"]:
            (m0, v0), log_sd = priors[name], before["log_sd"][name]
            slopes = {
                "": g / n - (mean - m0) / v0 / n_train,
                "log_sd": g / n * (theta[name] - mean) + (1 - np.exp(2 * log_sd) / v0) / n_train,
            }
        else:
            decay = config["weight_decay"] if name.endswith("weight") else 0.0
            slopes = {"": g / n - decay / n_train * mean}
        for which, slope in slopes.items():
            arenas = (which or "weights", *(f"{which}_state{i}".lstrip("_") for i in (1, 2)))
            old = [before[arena].get(name, 0 * slope) for arena in arenas]
            hyper = {"learning_rate": rate, "scale": 1.0, "decay": 0.0, "step": step + 1}
            want = oracle.optimizer_update(optimizer, old[0], slope, *old[1:], **hyper)
            n_states = OPTIMIZERS.index(optimizer)
            for arena, value in zip(arenas[1 : 1 + n_states], want[1:], strict=False):
                close(after[arena][name], value, f"{arena} {name}")
            sure = np.abs(slope) > 0.01 * np.abs(slope).max()
            moved, wanted = after[arenas[0]][name] - old[0], want[0] - old[0]
            np.testing.assert_allclose(moved[sure], wanted[sure], rtol=0.02,
                                       atol=1e-3 * np.abs(wanted).max(), err_msg=name)  # fmt: skip


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_step_is_the_twins(isa, kind, optimizer):
    """Steps of 10, 10 and 3 rows, and of 600 rows, whose gradient is summed in blocks."""
    settings = {
        "weight_posterior": kind,
        "optimizer": optimizer,
        "n_draws": 2,
        "weight_decay": 50.0,
    }
    X = some()
    X[:, 60:] = 0.0  # inputs whose rows are skipped, but whose prior is not
    model = spread(variational(**settings))
    for position, n in [(0, 10), (10, 10), (20, 3)]:
        check_step(model, X, position, n, n_train=25)
    many = spread(variational(**settings | {"batch_size": 600}))
    check_step(many, some(600), 0, 600, n_train=700)


def test_a_step_from_the_prior_of_each_weight():
    model = spread(variational())
    model.keep_posterior_as_prior()
    moved = spread(model, sd=0.2, seed=2)
    shifted = {k: a + np.float32(0.1) for k, a in moved.arrays("weights").items()}
    moved.set_arrays(shifted, "weights")
    check_step(moved, some(), 0, 10, n_train=25)


def test_arrays_by_name_are_all_that_a_step_needs(isa):
    """What lies between the layers' columns in the arenas has no part in it."""
    X = some()
    model = variational(optimizer="adam")
    train(model, X)
    other = variational(optimizer="adam")
    for arena in ARENAS:
        other.set_arrays(model.arrays(arena), arena)
    other.n_steps, other.n_samples_seen = model.n_steps, model.n_samples_seen
    other.bound_sum = model.bound_sum
    for each in (model, other):
        train(each, X, epoch=1)
    assert state(model) == state(other)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("kind", KINDS)
def test_threads_and_slices_change_no_bit(kind, optimizer):
    X = some(60)
    whole = variational(weight_posterior=kind, optimizer=optimizer)
    train(whole, X)
    for n_threads in (2, 3):
        with team_of(n_threads):
            other = variational(weight_posterior=kind, optimizer=optimizer)
            train(other, X, n_threads, max_steps=2)
            copied = other.copy()
            train(copied, X, n_threads, position=20)
        assert state(copied) == state(whole)


# --- KL ---------------------------------------------------------------------------------------


def test_kl_is_the_closed_form():
    model = spread(variational(weight_posterior="gaussian-decoder"))
    mean, log_sd = (oracle.float64(model.arrays(arena)) for arena in ("weights", "log_sd"))
    want = sum(
        (0.5 * (2.0 * (mean[k] ** 2 + np.exp(2 * s)) - 1 - np.log(2.0)) - s).sum()
        for k, s in log_sd.items()
    )
    assert model.weight_kl == pytest.approx(want, rel=1e-12)


def test_kl_is_0_when_q_is_the_prior():
    model = variational(weight_decay=4.0)
    model.set_arrays({k: 0 * a for k, a in model.arrays("weights").items()}, "weights")
    half = {k: 0 * a + np.float32(np.log(0.5)) for k, a in model.arrays("log_sd").items()}
    model.set_arrays(half, "log_sd")
    assert abs(model.weight_kl) < 1e-3  # log 0.5 in float32, and 2e-7 per weight at most
    other = spread(variational())
    assert other.weight_kl > 1
    other.keep_posterior_as_prior()
    assert other.weight_kl == 0
    assert variational(weight_posterior="none", weight_decay=0.0).weight_kl == 0


# --- errors -----------------------------------------------------------------------------------


def test_errors():
    with pytest.raises(ValueError, match="weight_decay: got 0, want a positive number"):
        variational(weight_decay=0.0)
    with pytest.raises(ValueError, match="weight_posterior: only the algorithm 'aevb'"):
        variational(algorithm="wake-sleep")
    with pytest.raises(ValueError, match=r"weight_posterior: .*'laplace'"):
        variational(weight_posterior="laplace")
    points = variational(weight_posterior="none")
    log_sd = variational().arrays("log_sd")
    for arena in ("log_sd", "prior_mean"):
        with pytest.raises(ValueError, match=f"{arena}: the model has no such arrays"):
            points.set_arrays(log_sd, arena)
    with pytest.raises(ValueError, match="weight_posterior: the model has none"):
        points.keep_posterior_as_prior()
    with pytest.raises(ValueError, match="same shape, optimizer and weight posterior"):
        points.restore(variational())
    with pytest.raises(ValueError, match="factor: want a number in"):
        points.scale_squares(1.5)


def test_the_gradient_is_that_of_the_mean_weights():
    X = np.random.default_rng(0).random((9, 5), dtype=np.float32)
    options = {"hidden_layer_sizes": (3,), "random_state": 0, "n_epochs": 1}
    model = AEVB.published(2, weight_posterior="gaussian", **options).fit(X)
    points = AEVB.published(2, **options).fit(X).set_weights(model.weights_)
    (bound, gradient), (same, other) = (m.bound_and_gradient(X) for m in (model, points))
    np.testing.assert_array_equal(bound, same)
    for name, values in gradient.items():
        np.testing.assert_array_equal(values, other[name])
