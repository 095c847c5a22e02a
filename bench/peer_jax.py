"""JAX as a contestant of peers.py: many steps in one jitted scan, with donated buffers."""

from __future__ import annotations

import functools
import os
from itertools import pairwise

import peer_turns
from peer_turns import LOG_VAR_FLOOR, Train, layer_sizes, load_rows, serve


def make_loss(jax, task):
    """Return the loss: minus the mean bound of a minibatch."""
    jnp = jax.numpy
    n_hidden, likelihood = len(task["hidden"]), task["likelihood"]

    def affine(layer, x):
        return x @ layer[0] + layer[1]

    def loss(layers, x, key):
        layers, h = iter(layers), x
        for _ in range(n_hidden):
            h = jnp.tanh(affine(next(layers), h))
        mean, log_var = affine(next(layers), h), affine(next(layers), h)
        h = mean + jnp.exp(0.5 * log_var) * jax.random.normal(key, mean.shape)
        for _ in range(n_hidden):
            h = jnp.tanh(affine(next(layers), h))
        out = affine(next(layers), h)
        if likelihood == "bernoulli":
            cost = jnp.sum(jnp.maximum(out, 0) - out * x + jnp.log1p(jnp.exp(-jnp.abs(out))))
        else:
            out = jax.nn.sigmoid(out) if likelihood == "bounded-gaussian" else out
            v = LOG_VAR_FLOOR + jax.nn.softplus(affine(next(layers), h) - LOG_VAR_FLOOR)
            cost = 0.5 * jnp.sum(jnp.log(2 * jnp.pi) + v + (x - out) ** 2 * jnp.exp(-v))
        divergence = -0.5 * jnp.sum(1 + log_var - mean**2 - jnp.exp(log_var))
        return (cost + divergence) / x.shape[0]

    return loss


def make_run(jax, task):
    jnp, loss = jax.numpy, make_loss(jax, task)

    def step(state, x_and_key):
        layers, sums, t = state
        value, gradients = jax.value_and_grad(loss)(layers, *x_and_key)
        t = t + 1
        rate = peer_turns.LEARNING_RATE * jnp.sqrt(t / (t + peer_turns.WARMUP_STEPS))
        sums = jax.tree.map(lambda a, g: a + g * g, sums, gradients)
        layers = jax.tree.map(
            lambda w, a, g: w - rate * g / (jnp.sqrt(a) + 1e-8), layers, sums, gradients
        )
        return (layers, sums, t), value

    @functools.partial(jax.jit, donate_argnums=0)
    def run(state, X, key):
        keys = jax.random.split(key, X.shape[0])
        return jax.lax.scan(step, state, (X, keys))

    return run


def build(task) -> Train:
    if task["n_threads"] == 1:
        os.environ["XLA_FLAGS"] = (
            "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        )
    import jax

    key = jax.random.PRNGKey(0)
    encoder, decoder, n_outputs = layer_sizes(task)
    sizes = [
        *pairwise(encoder),
        *[(encoder[-1], task["n_components"])] * 2,
        *pairwise(decoder),
        *[(decoder[-1], task["n_visible"])] * n_outputs,
    ]
    layers = []
    for n_in, n_out in sizes:
        key, one, two = jax.random.split(key, 3)
        layers.append(
            (
                peer_turns.INIT_SCALE * jax.random.normal(one, (n_in, n_out)),
                peer_turns.INIT_SCALE * jax.random.normal(two, (n_out,)),
            )
        )
    state = (layers, jax.tree.map(jax.numpy.zeros_like, layers), jax.numpy.float32(0))
    run = make_run(jax, task)
    n_steps, batch = task["steps_per_call"], task["batch"]
    X = load_rows(task).reshape(-1, n_steps, batch, task["n_visible"])
    parts = [jax.numpy.array(part) for part in X]
    turn = 0

    def train(_):
        nonlocal state, turn, key
        key, now = jax.random.split(key)
        state, losses = run(state, parts[turn % len(parts)], now)
        turn += 1
        return -float(losses.mean())

    return train


if __name__ == "__main__":
    serve(build)
