"""Float64 twins of the samplers, driven by the core's own noise: the same chains.

A density maps z (n, J) to the log-density of each row (n,) and its gradient (n, J).
"""

from __future__ import annotations

import math

import numpy as np
import oracle
from hooks import kernels
from scipy.special import logsumexp

from aevb import _core

LATENT, MOMENTUM, ACCEPT, ANNEALED, CHOSEN = 2, 8, 9, 12, 13  # what noise is for: nn/random.h


def noise(kernel, seed, purpose, ids, n_cols, iteration=0):
    """The noise of rows with these ids, (n, n_cols)."""
    rows = [
        kernel(seed, iteration << 32 | int(i) >> 32, purpose, int(i) & 0xFFFFFFFF, 1, n_cols)
        for i in ids
    ]
    return np.concatenate(rows).astype(np.float64)


def draws_of(seed, ids, n_draws, dim, iteration=0):
    """The standard normal draws of rows with these ids for z ~ q(z|x), (n_draws, n, dim)."""
    padded = -(-dim // 4) * 4
    eps = noise(kernels.normal, seed, LATENT, ids, n_draws * padded, iteration)
    return eps.reshape(len(ids), n_draws, padded)[:, :, :dim].swapaxes(0, 1)


def content_ids(model, X):
    """The ids that follow from the content of rows."""
    return _core.content_ids(model._engine._model, _core.Rows(X), list(range(len(X))))


def mix64(x):
    """MurmurHash3's finaliser, for Python integers."""
    mask = 0xFFFFFFFFFFFFFFFF
    x &= mask
    x = (x ^ x >> 33) * 0xFF51AFD7ED558CCD & mask
    x = (x ^ x >> 33) * 0xC4CEB9FE1A85EC53 & mask
    return x ^ x >> 33


class Joint:
    """log p(x, z) of a model's decoder as a density of z, with one row of x per row of z."""

    def __init__(self, model, X):
        self.weights = oracle.float64(model.weights_)
        self.config = oracle.Config(model.activation, model.likelihood_)
        self.X = np.float64(X)

    def __call__(self, z):
        outputs, _ = oracle.climb(self.weights, "decoder", z, self.config.activation)
        r, deltas = oracle.likelihood_heads(self.weights, self.config, outputs[-1], self.X)
        dz = oracle.descend(self.weights, "decoder", outputs, deltas, self.config.activation, {})
        constant = 0.5 * math.log(2 * math.pi) * z.shape[1]
        return r - 0.5 * (z**2).sum(1) - constant, dz - z


def moved(density, z, step, n_leapfrog, seed, ids, iteration):
    """One HMC transition of each row with its own step -> (z, acceptance, whether it diverged)."""
    momentum = noise(kernels.normal, seed, MOMENTUM, ids, z.shape[1], iteration)
    uniform = noise(kernels.uniform, seed, ACCEPT, ids, 2, iteration)
    e = (step * (0.8 + 0.4 * uniform[:, 1]))[:, None]
    (before, slope), end, velocity = density(z), z, momentum
    for _ in range(n_leapfrog):
        velocity = velocity + e / 2 * slope
        end = end + e * velocity
        value, slope = density(end)
        velocity = velocity + e / 2 * slope
    gain = value - (velocity**2).sum(1) / 2 - before + (momentum**2).sum(1) / 2
    divergent = ~(np.isfinite(gain) & (gain > -1000))
    acceptance = np.where(divergent, 0, np.exp(np.minimum(np.where(divergent, 0, gain), 0)))
    return np.where(uniform[:, :1] < acceptance[:, None], end, z), acceptance, divergent


class StepSize:
    """Dual averaging as in Hoffman & Gelman 2014, section 3.2; or the multiplicative rule."""

    def __init__(self, rule, target, initial):
        self.rule, self.target, self.mu = rule, target, math.log(10 * initial)
        self.log_step, self.log_mean, self.h = math.log(initial), 0.0, 0.0
        self.n, self.misses = 0, []

    def adapt(self, acceptance):
        self.n += 1
        self.misses.append(acceptance - self.target)
        if self.rule == "multiplicative":  # fast for 30 steps, and until the sign changes
            signs = set(np.signbit(self.misses))
            self.log_step += (0.5 if self.n <= 30 or len(signs) == 1 else 0.1) * self.misses[-1]
            return
        m, gamma, t0, kappa = self.n, 0.05, 10, 0.75
        self.h = (1 - 1 / (m + t0)) * self.h + (self.target - acceptance) / (m + t0)
        self.log_step = self.mu - math.sqrt(m) / gamma * self.h
        self.log_mean = m**-kappa * self.log_step + (1 - m**-kappa) * self.log_mean

    def freeze(self):
        if self.rule == "dual-averaging" and self.n > 0:
            self.log_step = self.log_mean

    @property
    def value(self):
        return math.exp(self.log_step)


def log_mean_weight(log_w):
    """(log of the mean weight, its standard error, effective number) over axis 0."""
    n, w = len(log_w), np.exp(log_w - log_w.max(0))
    with np.errstate(invalid="ignore", divide="ignore"):
        stderr = (
            w.std(0, ddof=1) / np.sqrt(n) / w.mean(0) if n > 1 else np.full(w.shape[1:], np.nan)
        )
    return logsumexp(log_w, axis=0) - math.log(n), stderr, w.sum(0) ** 2 / (w**2).sum(0)


def anneal(joint, mean, sd, betas, n_chains, n_leapfrog, seed, content, exact=None):
    """Annealed importance sampling of each row -> dict of the core's results.

    joint(z, n) is the density for n chains of each row, whose chains follow one another.
    """
    n, dim = mean.shape
    n_passes = -(-n_chains // 50)
    together = -(-n_chains // n_passes)
    mean, sd = (np.repeat(a, together, axis=0) for a in (mean, sd))

    def tempered(beta):
        def density(u):
            log_p, slope = joint(mean + sd * u, together)
            base = -0.5 * (u**2).sum(1) - 0.5 * math.log(2 * math.pi) * dim
            density.ratio = log_p + np.log(sd).sum(1) - base
            return base + beta * density.ratio, beta * sd * slope - (1 - beta) * u

        return density

    def run(path, which, seed, steps, tune, start):
        ids = [mix64(int(i) + which * together + c) for i in content for c in range(together)]
        u = noise(kernels.normal, seed, ANNEALED, ids, dim) if start is None else start
        log_w, accepted, step = np.zeros(n * together), [], np.full(n, 0.5)
        for i in range(1, len(path)):
            density = tempered(path[i])
            density(u)
            log_w += (path[i] - path[i - 1]) * density.ratio
            if i == len(path) - 1:
                break
            now = step if tune else steps[path[i]]
            each = np.repeat(now, together)
            u, acceptance, _ = moved(density, u, each, n_leapfrog, seed, ids, i)
            accepted.append(acceptance.reshape(n, together).mean(1))
            step = steps[path[i]] = now * np.exp(0.2 * (accepted[-1] - 0.65)) if tune else now
        return u, log_w.reshape(n, together), np.mean(accepted, axis=0) if accepted else np.nan

    steps, path = {}, list(betas)
    run(path, 0, mix64(seed + 1), steps, True, None)
    start = None if exact is None else (np.repeat(np.float64(exact), together, axis=0) - mean) / sd
    passes = []
    for p in range(n_passes):
        u, log_w, acceptance = run(
            path if exact is None else path[::-1], p, seed, steps, False, start
        )
        passes.append(((mean + sd * u).reshape(n, together, dim), log_w, acceptance))
    z, log_w = (np.concatenate([p[i] for p in passes], axis=1)[:, :n_chains] for i in (0, 1))
    log_p, stderr, ess = log_mean_weight(log_w.T)
    uniform = noise(kernels.uniform, seed, CHOSEN, content, n_chains) + 0.5 * 2.0**-24
    chosen = (log_w - np.log(-np.log(uniform))).argmax(1)
    return {
        "log_p": log_p if exact is None else -log_p,
        "stderr": stderr,
        "ess": ess,
        "acceptance": np.broadcast_to(np.mean([p[2] for p in passes], axis=0), n),
        "z": z[np.arange(n), chosen],
    }
