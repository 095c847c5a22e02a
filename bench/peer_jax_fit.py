"""JAX on the recipe of mnist.py: Adam, a cosine, Glorot's weights, biases at the data's means."""

from __future__ import annotations

import functools
import json
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np

BATCH, N_HIDDEN, N_LATENT = 100, 500, 20
STEPS_PER_CALL = 100


def initial_weights(mean: np.ndarray) -> list:
    """Return the layers: encoder, heads, decoder and logits."""
    generator = np.random.default_rng(0)
    n_visible = len(mean)
    sizes = [(n_visible, N_HIDDEN), (N_HIDDEN, N_LATENT), (N_HIDDEN, N_LATENT)]
    sizes += [(N_LATENT, N_HIDDEN), (N_HIDDEN, n_visible)]
    layers = [(generator.normal(size=s) * np.sqrt(2 / sum(s)), np.zeros(s[1])) for s in sizes]
    p = np.clip(mean, 1e-3, 1 - 1e-3)
    layers[-1] = (layers[-1][0], np.log(p / (1 - p)))
    return [(jnp.float32(w), jnp.float32(b)) for w, b in layers]


def bound(layers: list, x: jax.Array, key: jax.Array) -> jax.Array:
    """Return the mean bound of some rows."""
    (w1, b1), (wm, bm), (wv, bv), (w2, b2), (w3, b3) = layers
    h = jnp.tanh(x @ w1 + b1)
    mean, log_var = h @ wm + bm, h @ wv + bv
    z = mean + jnp.exp(0.5 * log_var) * jax.random.normal(key, mean.shape)
    a = jnp.tanh(z @ w2 + b2) @ w3 + b3
    log_p = jnp.sum(a * x - jnp.maximum(a, 0) - jnp.log1p(jnp.exp(-jnp.abs(a))))
    kl = 0.5 * jnp.sum(mean**2 + jnp.exp(log_var) - 1 - log_var)
    return (log_p - kl) / x.shape[0]


def make_run(rate: float, n_steps: int, n_train: int):
    """Return a function that takes many steps in one call."""

    def objective(layers, x, key):
        prior = sum(jnp.sum(w * w) for w, _ in layers) / (2 * n_train)
        return prior - bound(layers, x, key)

    def step(state, x_and_key):
        layers, m, v, t = state
        gradients = jax.grad(objective)(layers, *x_and_key)
        now = rate * 0.5 * (1 + jnp.cos(jnp.pi * t / n_steps))
        t = t + 1
        m = jax.tree.map(lambda a, g: 0.9 * a + 0.1 * g, m, gradients)
        v = jax.tree.map(lambda a, g: 0.999 * a + 0.001 * g * g, v, gradients)
        c1, c2 = 1 - 0.9**t, 1 - 0.999**t
        layers = jax.tree.map(
            lambda w, a, b: w - now * (a / c1) / (jnp.sqrt(b / c2) + 1e-8), layers, m, v
        )
        return (layers, m, v, t), None

    @functools.partial(jax.jit, donate_argnums=0)
    def run(state, X, key):
        keys = jax.random.split(key, X.shape[0])
        return jax.lax.scan(step, state, (X, keys))[0]

    return run


def main() -> None:
    """Train, and print the seconds and the test bound in JSON."""
    task = json.loads(sys.argv[1])
    with np.load(task["data"]) as data:
        train = data["train"].astype(np.float32) / 255
        test = data["test"].astype(np.float32) / 255
    layers = initial_weights(train.mean(0))
    zeros = jax.tree.map(jnp.zeros_like, layers)
    n_calls = round(task["n_seen"] / (BATCH * STEPS_PER_CALL))
    run = make_run(task["rate"], n_calls * STEPS_PER_CALL, len(train))
    generator, key = np.random.default_rng(0), jax.random.PRNGKey(0)

    def minibatches():
        index = np.empty(0, np.int64)
        while True:
            while len(index) < BATCH * STEPS_PER_CALL:
                index = np.concatenate([index, generator.permutation(len(train))])
            now, index = np.split(index, [BATCH * STEPS_PER_CALL])
            yield jnp.asarray(train[now].reshape(STEPS_PER_CALL, BATCH, -1))

    batches = minibatches()
    start = time.perf_counter()
    run = run.lower((layers, zeros, zeros, jnp.float32(0)), next(batches), key).compile()
    compiled = time.perf_counter() - start
    state = (layers, zeros, jax.tree.map(jnp.copy, zeros), jnp.float32(0))
    start = time.perf_counter()
    for _ in range(n_calls):
        key, now = jax.random.split(key)
        state = run(state, next(batches), now)
    jax.block_until_ready(state)
    seconds = time.perf_counter() - start
    score = jax.jit(bound)
    bounds = [score(state[0], test, k) for k in jax.random.split(key, task["n_draws"])]
    print(json.dumps({"seconds": seconds, "compile": compiled, "bound": float(np.mean(bounds))}))


if __name__ == "__main__":
    main()
