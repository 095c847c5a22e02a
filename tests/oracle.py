"""Float64 twin of the engine: naive, readable, and written from the mathematics alone.

The twin is not fast, and it shares nothing with the engine. Shapes: x (n, D), noise (L, n, J),
decoder rows (n*L, .) with row ``m*L + l``.
Equation numbers are those of Kingma & Welling, "Auto-Encoding Variational Bayes" (arXiv:1312.6114).
All bounds are in nats.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import levels
import numpy as np
from likelihoods import Observed
from scipy.special import logsumexp

from aevb.core.catalogue import SUPPORTS

U = 2.0**-24  # unit roundoff of float32
TINY = 2.0**-126  # smallest normal float32: the engine may flush smaller numbers


def gamma(k):
    """Higham's bound k*u / (1 - k*u) on the relative effect of k roundings in any order."""
    return k * U / (1 - k * U)


def assert_close(got, expected, tolerance, what):
    """Check |got - expected| <= tolerance elementwise, plus TINY for values flushed to zero."""
    assert got.dtype == np.float32, what
    assert got.shape == expected.shape, what
    assert np.isfinite(got).all(), f"{what}: not finite"
    excess = np.abs(got - expected) - (tolerance + TINY)
    worst = np.unravel_index(np.argmax(excess), excess.shape)
    assert excess[worst] <= 0, f"{what}{list(map(int, worst))}: {got[worst]} for {expected[worst]}"


# --- elementary functions -------------------------------------------------------------------


def softplus(a):
    return np.logaddexp(0.0, a)


def sigmoid(a):
    return np.exp(-softplus(-np.asarray(a, dtype=np.float64)))


ACTIVATIONS = {
    "identity": lambda a: a,
    "tanh": np.tanh,
    "relu": lambda a: np.maximum(a, 0.0),
    "softplus": softplus,
    "sigmoid": sigmoid,
}
SLOPES = {  # the derivative, as a function of the output h
    "identity": np.ones_like,
    "tanh": lambda h: 1 - h**2,
    "relu": lambda h: (h > 0).astype(np.float64),
    "softplus": lambda h: -np.expm1(-h),
    "sigmoid": lambda h: h * (1 - h),
}


# --- latent layer -----------------------------------------------------------------------------


def as_rows(draws):
    """(L, n, J) -> (n*L, J), row m*L + l; (L, n) -> (n*L,)."""
    return np.swapaxes(draws, 0, 1).reshape(-1, *draws.shape[2:])


def log_ratio(mean, log_var, noise):
    """log p(z_l) - log q(z_l|x), shape (L, n). The normalising constants cancel."""
    z = mean + np.exp(log_var / 2) * noise
    return 0.5 * (log_var + noise**2 - z**2).sum(2)


def latent_sample(mean, log_var, noise, estimator):
    """Rows of z (n*L, J) and the terms of the bound other than log p(x|z), (n,)."""
    z = mean + np.exp(log_var / 2) * noise
    if estimator == "analytic-kl":  # appendix B
        term = 0.5 * (1 + log_var - mean**2 - np.exp(log_var)).sum(1)
    else:  # eq. 6
        term = log_ratio(mean, log_var, noise).mean(0)
    return as_rows(z), term


RENYI_ORDER = 0.5  # the core's default


def reweighted(log_w, estimator):
    """The bound (n,) of log w (n, L), and d bound / d log w; None unless draws are reweighted."""
    power = {"importance-weighted": 1, "doubly-reparameterized": 1, "renyi": 1 - RENYI_ORDER}
    if estimator not in power:
        return None
    power = power[estimator]
    total = logsumexp(power * log_w, axis=1)
    weights = np.exp(power * log_w - total[:, None])
    return (total - np.log(log_w.shape[1])) / power, weights


def baseline(f):
    """The mean of f (n, L) over the row's other draws, or over the other rows if L = 1."""
    n, n_draws = f.shape
    if n_draws > 1:
        return (f.sum(1, keepdims=True) - f) / (n_draws - 1)
    return (f.sum() - f) / (n - 1) if n > 1 else 0 * f


def latent_backward_reweighted(mean, log_var, noise, dz, f, estimator, kl_weight):
    """As `latent_backward`, where dz is d(sum_l w_l r_l)/dz_l and w_l the weight of draw l."""
    n_draws, n, _ = noise.shape
    weight = reweighted(f.reshape(n, n_draws), estimator)[1].T[:, :, None]
    sigma = np.exp(log_var / 2)
    z = mean + sigma * noise
    slope = dz + kl_weight * weight * (noise / sigma - z)  # of log w, through z
    if estimator == "doubly-reparameterized":
        slope = (1 - kl_weight + kl_weight * weight) * slope
        return slope.sum(0), (slope * sigma * noise / 2).sum(0)
    score = -kl_weight * weight
    dmean = slope + score * noise / sigma
    return dmean.sum(0), (slope * sigma * noise / 2 + score * (noise**2 - 1) / 2).sum(0)


def latent_backward(mean, log_var, noise, dz, f, estimator, kl_weight=1.0):
    """d bound / d(mean, log_var). dz (n*L, J) is d((1/L) r_l)/dz_l, f (n*L,) is the integrand."""
    n_draws, n, n_latent = noise.shape
    dz = np.swapaxes(dz.reshape(n, n_draws, n_latent), 0, 1)
    sigma = np.exp(log_var / 2)
    if reweighted(np.zeros((1, 1)), estimator) is not None:
        return latent_backward_reweighted(mean, log_var, noise, dz, f, estimator, kl_weight)
    if estimator.startswith("score-function"):
        f = f.reshape(n, n_draws)
        f = (f - baseline(f) if estimator.endswith("baseline") else f).T[:, :, None]
        return (f * noise / sigma).mean(0), (f * (noise**2 - 1) / 2).mean(0)
    if estimator == "monte-carlo":
        dz = dz - kl_weight * (mean + sigma * noise) / n_draws
        return dz.sum(0), (dz * sigma * noise / 2).sum(0) + kl_weight * 0.5
    if estimator != "analytic-kl":
        raise LookupError(f"the objective {estimator!r} has no twin")
    dlog_var = (dz * sigma * noise / 2).sum(0) + kl_weight * 0.5 * (1 - np.exp(log_var))
    return dz.sum(0) - kl_weight * mean, dlog_var


# --- whole model ------------------------------------------------------------------------------


class Config(NamedTuple):
    activation: str = "tanh"
    likelihood: str | tuple = "bernoulli"  # or (name, n_columns or levels) of successive columns
    estimator: str = "analytic-kl"
    kl_weight: float = 1.0  # factor on the gradient of what the bound has beside log p(x|z)
    mask_inputs: bool = False  # the encoder also reads which variables are missing


class Tape(NamedTuple):
    """One pass: the values from which tests compute the gradient and the error analysis."""

    bound: np.ndarray  # (n,)
    log_likelihood: np.ndarray  # (n*L,)
    log_ratio: np.ndarray  # (n*L,), log p(z) - log q(z|x)
    layers: dict  # layer name -> (its input (rows, in), d bound / d pre-activation (rows, out))
    annealed: np.ndarray  # (n,), the bound with kl_weight, whose gradient it is
    kink: float  # smallest |pre-activation| of a hidden unit: the distance to relu's corner


def float64(weights):
    return {name: np.asarray(value, dtype=np.float64) for name, value in weights.items()}


def hidden_names(weights, side):
    names = []
    while f"{side}.hidden{len(names)}.weight" in weights:
        names.append(f"{side}.hidden{len(names)}")
    return names


def affine(weights, layer, h):
    """The layer's outputs. One without a weight is constant in z."""
    bias = weights[f"{layer}.bias"]
    if (weight := weights.get(f"{layer}.weight")) is None:
        return np.broadcast_to(bias, (*h.shape[:-1], len(bias)))
    return h @ weight + bias


def climb(weights, side, h, activation):
    """Outputs of one network's hidden layers, input first, and the distance to relu's corner."""
    outputs, kink = [h], np.inf
    for layer in hidden_names(weights, side):
        a = affine(weights, layer, outputs[-1])
        kink = min(kink, float(np.abs(a).min()))
        outputs.append(ACTIVATIONS[activation](a))
    return outputs, kink


def descend(weights, side, outputs, head_deltas, activation, layers):
    """Backpropagate {head layer: delta}. Record (input, delta) of every layer; return d/d input."""
    dh = 0.0
    for head, delta in head_deltas.items():
        if (weight := weights.get(f"{head}.weight")) is None:
            layers[head] = outputs[-1][:, :0], delta  # no inputs
        else:
            layers[head] = outputs[-1], delta
            dh = dh + delta @ weight.T
    for i, layer in reversed(list(enumerate(hidden_names(weights, side)))):
        delta = dh * SLOPES[activation](outputs[i + 1])
        layers[layer] = (outputs[i], delta)
        dh = delta @ weights[f"{layer}.weight"].T
    return dh


class Block(NamedTuple):
    """Columns of x that have one likelihood."""

    name: str
    twin: Observed | levels.SideBySide
    heads: list  # decoder layers, one for each output
    columns: slice

    def widths(self, n_visible):
        """The widths of the heads."""
        n_columns = len(range(n_visible)[self.columns])
        return getattr(self.twin, "widths", [n_columns] * len(self.heads))

    @property
    def first_columns(self):
        """For each variable, its first column in the block."""
        own = getattr(self.twin, "levels", None)
        return slice(None) if own is None else np.cumsum([0, *own[:-1]])

    @property
    def constant_heads(self):
        """The last heads: numbers of a column, whatever z is."""
        return self.heads[len(self.heads) - getattr(self.twin, "N_CONSTANT", 0) :]


def blocks(likelihood):
    """The blocks of columns of x."""
    if isinstance(likelihood, str):
        own = Observed(likelihood)
        return [Block(likelihood, own, [f"decoder.{o}" for o in own.OUTPUTS], slice(None))]
    result, begin = [], 0
    prefix = "decoder." if len(likelihood) == 1 else "decoder.{}."
    for name, size in likelihood:
        own = Observed(name) if isinstance(size, int) else levels.SideBySide(name, size)
        n_columns = size if isinstance(size, int) else sum(size)
        heads = [prefix.format(name) + output for output in own.OUTPUTS]
        result.append(Block(name, own, heads, slice(begin, begin + n_columns)))
        begin += n_columns
    return result


# What the encoder reads of values with these supports, if not the values.
INPUTS = {"counts": np.log1p, "positive": np.log}


def encoder_inputs(x, config):
    """What the encoder reads: 0 for a missing value, and perhaps what is missing."""
    inputs = []
    for block in blocks(config.likelihood):
        own = INPUTS.get(SUPPORTS[block.name], lambda values: values)
        inputs.append(np.nan_to_num(own(x[:, block.columns])))
    if config.mask_inputs:
        parts = [np.isnan(x[:, b.columns])[:, b.first_columns] for b in blocks(config.likelihood)]
        inputs += [part.astype(np.float64) for part in parts]
    return np.concatenate(inputs, axis=1)


def likelihood_heads(weights, config, h, x):
    """log p(x|z) per decoder row, and {head layer: its delta}."""
    r, deltas = 0.0, {}
    for _, own, heads, columns in blocks(config.likelihood):
        outputs = [affine(weights, head, h) for head in heads]
        r_own, gradients = own.log_p(outputs, x[:, columns])
        r += r_own
        deltas |= zip(heads, gradients, strict=True)
    return r, deltas


def decode(weights, config, z):
    """Mean and variance of each column of p(x|z)."""
    h = climb(weights, "decoder", z, config.activation)[0][-1]
    means, variances = [], []
    for _, own, heads, _ in blocks(config.likelihood):
        outputs = [affine(weights, head, h) for head in heads]
        means.append(own.mean(outputs))
        variances.append(own.variance(outputs))
    return np.concatenate(means, axis=1), np.concatenate(variances, axis=1)


def run(weights, x, noise, config):
    """Run the forward and backward pass of the whole model in float64 -> Tape."""
    weights, x, noise = float64(weights), np.float64(x), np.float64(noise)
    n_draws = len(noise)
    encoder, kink = climb(weights, "encoder", encoder_inputs(x, config), config.activation)
    mean = affine(weights, "encoder.mean", encoder[-1])
    log_var = affine(weights, "encoder.log_var", encoder[-1])
    z, term = latent_sample(mean, log_var, noise, config.estimator)
    decoder, decoder_kink = climb(weights, "decoder", z, config.activation)
    r, deltas = likelihood_heads(weights, config, decoder[-1], np.repeat(x, n_draws, axis=0))
    bound = term + r.reshape(-1, n_draws).mean(1)
    ratio = as_rows(log_ratio(mean, log_var, noise))
    f = r + config.kl_weight * ratio

    layers = {}
    weight = np.full(len(f), 1 / n_draws)
    annealed = bound + (config.kl_weight - 1) * term
    if (of_bound := reweighted((r + ratio).reshape(-1, n_draws), config.estimator)) is not None:
        bound = of_bound[0]
        annealed, weight = reweighted(f.reshape(-1, n_draws), config.estimator)
        weight = weight.ravel()
    deltas = {head: weight[:, None] * delta for head, delta in deltas.items()}
    dz = descend(weights, "decoder", decoder, deltas, config.activation, layers)
    dmean, dlog_var = latent_backward(
        mean, log_var, noise, dz, f, config.estimator, config.kl_weight
    )
    heads = {"encoder.mean": dmean, "encoder.log_var": dlog_var}
    descend(weights, "encoder", encoder, heads, config.activation, layers)
    return Tape(bound, r, ratio, layers, annealed, min(kink, decoder_kink))


def gradient(tape):
    """{weight name: d sum(bound) / d weight} of a Tape."""
    result = {}
    for layer, (h, delta) in tape.layers.items():
        if h.shape[1] > 0:
            result[f"{layer}.weight"] = h.T @ delta
        result[f"{layer}.bias"] = delta.sum(0)
    return result


def bound_and_gradient(weights, x, noise, config):
    tape = run(weights, x, noise, config)
    return tape.bound, gradient(tape)


# --- optimizers (ascent) ----------------------------------------------------------------------


def warm_up(optimizer, step):
    """Factor on the step size of step t = 1, 2, ... For adagrad it grows from sqrt(1 / 21)."""
    return np.sqrt(step / (step + 20)) if optimizer == "adagrad" else 1.0


def optimizer_update(optimizer, weight, grad, state1, state2, *, learning_rate, scale, decay, step):
    """One update with g = scale*grad - decay*weight -> (weight, state1, state2)."""
    g = scale * grad - decay * weight
    if optimizer == "sgd":
        return weight + learning_rate * g, state1, state2
    if optimizer == "adagrad":
        state1 = state1 + g**2
        return weight + learning_rate * g / np.sqrt(state1 + 1e-12), state1, state2
    if optimizer != "adam":
        raise LookupError(f"the optimizer {optimizer!r} has no twin")
    state1 = 0.9 * state1 + 0.1 * g
    state2 = 0.999 * state2 + 0.001 * g**2
    m, v = state1 / (1 - 0.9**step), state2 / (1 - 0.999**step)
    return weight + learning_rate * m / (np.sqrt(v) + 1e-8), state1, state2


# --- randomness -------------------------------------------------------------------------------


def philox4x32_10(counter, key):
    """Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"; Python integers."""
    c0, c1, c2, c3 = (int(word) for word in counter)
    k0, k1 = (int(word) for word in key)
    mask = 0xFFFFFFFF
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (p1 >> 32) ^ c1 ^ k0, p1 & mask, (p0 >> 32) ^ c3 ^ k1, p0 & mask
        k0, k1 = (k0 + 0x9E3779B9) & mask, (k1 + 0xBB67AE85) & mask
    return c0, c1, c2, c3


def noise_words(seed, step, purpose, first_row, n_rows, n_cols, draw=0):
    """The random words behind a noise matrix, (n_rows, 4 * ceil(n_cols / 4)) of Python integers."""
    blocks = -(-n_cols // 4)
    key = (seed & 0xFFFFFFFF, seed >> 32)
    c2, c3 = step & 0xFFFFFFFF, purpose << 24 | step >> 32
    rows = [
        [philox4x32_10((draw * blocks + b, first_row + i, c2, c3), key) for b in range(blocks)]
        for i in range(n_rows)
    ]
    return np.array(rows, dtype=np.int64).reshape(n_rows, 4 * blocks)


def uniform(*args, **kwargs):
    n_cols = args[5]
    return (noise_words(*args, **kwargs) >> 8)[:, :n_cols] * 2.0**-24


def normal(*args, **kwargs):
    """Box-Muller: words (0, 1) of a block give its columns 0, 1; words (2, 3) columns 2, 3."""
    n_cols = args[5]
    words = noise_words(*args, **kwargs) >> 8
    radius = np.sqrt(-2 * np.log((words[:, 0::2] + 1) * 2.0**-24))
    angle = 2 * math.pi * words[:, 1::2] * 2.0**-24
    pairs = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    return pairs.reshape(len(words), -1)[:, :n_cols]
