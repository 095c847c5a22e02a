"""HMC on p(z|x) in JAX, for rivals.py: all chains in one batch, transitions in a jitted scan.

The argument is the number of transitions. For each line of input, the script runs them and then
prints a line.
"""

from __future__ import annotations

import os
import sys

N_CHAINS, D, H, J, N_LEAPFROG, STEP = 1000, 784, 100, 3, 4, 0.05


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    import jax

    jnp, random = jax.numpy, jax.random
    keys = random.split(random.PRNGKey(0), 3)
    weights = [0.5 * random.normal(keys[0], (J, H)), 0.1 * random.normal(keys[1], (H, D))]
    x = (random.uniform(keys[2], (N_CHAINS, D)) < 0.2).astype(jnp.float32)

    def log_joint(z):
        logits = jnp.tanh(z @ weights[0]) @ weights[1]
        likelihood = (x * logits - jax.nn.softplus(logits)).sum(1)
        return likelihood - 0.5 * (z**2).sum(1)

    def value_and_gradient(z):
        value, pull = jax.vjp(log_joint, z)
        return value, pull(jnp.ones_like(value))[0]

    def transition(state, key):
        z, value, gradient = state
        for_velocity, for_test = random.split(key)
        velocity = random.normal(for_velocity, z.shape)
        energy = 0.5 * (velocity**2).sum(1) - value
        at, slope = z, gradient  # the gradient here is kept from the last trajectory
        velocity = velocity + 0.5 * STEP * slope
        for i in range(N_LEAPFROG):
            at = at + STEP * velocity
            new_value, slope = value_and_gradient(at)
            velocity = velocity + STEP * slope * (0.5 if i == N_LEAPFROG - 1 else 1.0)
        lost = energy - 0.5 * (velocity**2).sum(1) + new_value
        accept = jnp.log(random.uniform(for_test, lost.shape)) < lost
        keep = accept[:, None]
        state = jnp.where(keep, at, z), jnp.where(accept, new_value, value)
        return (*state, jnp.where(keep, slope, gradient)), accept.mean()

    n_transitions = int(sys.argv[1])

    @jax.jit
    def run(state, key):
        return jax.lax.scan(transition, state, random.split(key, n_transitions))

    z = jnp.zeros((N_CHAINS, J))
    state = (z, *value_and_gradient(z))
    key = random.PRNGKey(1)
    state, acceptance = run(state, key)
    print("ready", float(acceptance.mean()), file=answers, flush=True)
    for _ in sys.stdin:
        key, now = random.split(key)
        state, acceptance = run(state, now)
        print(float(acceptance.mean()), file=answers, flush=True)


if __name__ == "__main__":
    main()
