"""Shapes of networks and rows of data that the benchmarks share. This module does not need aevb."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

BATCH = 100  # rows of a minibatch, as in the paper


@dataclass(frozen=True)
class Shape:
    """Sizes and likelihood of a network. str() gives the sizes as 784-500-20."""

    n_visible: int
    hidden: tuple[int, ...]
    n_components: int
    likelihood: str = "bernoulli"

    def __str__(self) -> str:
        hidden = ",".join(map(str, self.hidden))
        return f"{self.n_visible}-{hidden if len(self.hidden) == 1 else f'({hidden})'}-" + str(
            self.n_components
        )

    def forward_flops(self) -> dict[str, int]:
        """FLOP of the products per data row and phase, with one draw of z."""
        enc = [self.n_visible, *self.hidden]
        dec = [self.n_components, *reversed(self.hidden)]
        n_outputs = self.n_visible * (1 if self.likelihood == "bernoulli" else 2)
        return {
            "encoder": 2 * sum(a * b for a, b in pairwise(enc)),
            "latent": 2 * enc[-1] * 2 * self.n_components,
            "decoder": 2 * sum(a * b for a, b in pairwise(dec)),
            "outputs": 2 * dec[-1] * n_outputs,
        }

    def step_flops(self) -> dict[str, int]:
        """The same for a step of training. No phase needs the gradient of the data."""
        forward = self.forward_flops()
        every = sum(forward.values())
        first = 2 * self.n_visible * self.hidden[0]
        return {**forward, "backward": every - first, "update": every}

    def flops_per_step(self, batch: int = BATCH) -> int:
        """FLOP of the products of one step: 410e6 for 784-500-20."""
        return batch * sum(self.step_flops().values())

    def encode_flops(self) -> int:
        """FLOP of the products that give q(z|x) of one row, with both heads."""
        forward = self.forward_flops()
        return forward["encoder"] + forward["latent"]


MAIN = Shape(784, (500,), 20)
SMALL = Shape(64, (100,), 3)
DEEP = Shape(784, (500, 500), 40)
WIDE = Shape(2000, (1000,), 50)
GAUSSIAN = Shape(560, (200,), 10, "gaussian")
BOUNDED = Shape(560, (200,), 10, "bounded-gaussian")


def dense_rows(n_rows: int, n_visible: int) -> np.ndarray:
    """Return uniform values in [0, 1), with no zeros to skip."""
    return np.random.default_rng(0).random((n_rows, n_visible), dtype=np.float32)


def mnist_like_rows(n_rows: int) -> np.ndarray:
    """Return grey strokes, 28 x 28, uint8, with 81 % zeros and empty margins, as in MNIST."""
    rng = np.random.default_rng(0)
    t = np.linspace(0, 1, 12, dtype=np.float32)[:, None, None]
    y, x = np.divmod(np.arange(784, dtype=np.float32), 28)
    nearest = np.full((n_rows, 784), np.inf, dtype=np.float32)
    start, *strokes = rng.normal(13.5, 5, (5, n_rows, 2)).clip(5, 22).astype(np.float32)
    for bend, end in zip(strokes[::2], strokes[1::2], strict=True):
        for point in (1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * end:
            distance = (y - point[:, :1]) ** 2 + (x - point[:, 1:]) ** 2
            np.minimum(nearest, distance, out=nearest)
        start = end
    return (255 * (3.15 - np.sqrt(nearest)).clip(0, 1)).astype(np.uint8)
