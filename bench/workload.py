"""What the benchmarks share: shapes of networks, data, models in training, clock and yardstick."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from aevb import _core, _engine

BATCH = 100  # rows of a minibatch, the paper's M
PEAK_SECONDS = 0.03


@dataclass(frozen=True)
class Shape:
    """Sizes and likelihood of a network; str() gives them as 784-500-20."""

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
        """FLOP of the products per data row and phase; one draw of z."""
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
        """The same for a step of training: nothing needs the gradient of the data."""
        forward = self.forward_flops()
        every = sum(forward.values())
        first = 2 * self.n_visible * self.hidden[0]
        return {**forward, "backward": every - first, "update": every}

    def flops_per_step(self, batch: int = BATCH) -> int:
        """FLOP of the products of one step: 410e6 for 784-500-20."""
        return batch * sum(self.step_flops().values())

    def encode_flops(self) -> int:
        """FLOP of the products that give one row's q(z|x), both heads."""
        forward = self.forward_flops()
        return forward["encoder"] + forward["latent"]


MAIN = Shape(784, (500,), 20)
SMALL = Shape(64, (100,), 3)
DEEP = Shape(784, (500, 500), 40)
WIDE = Shape(2000, (1000,), 50)
GAUSSIAN = Shape(560, (200,), 10, "gaussian")
BOUNDED = Shape(560, (200,), 10, "bounded-gaussian")


def dense_rows(n_rows: int, n_visible: int) -> np.ndarray:
    """Uniform on [0, 1): no zeros to skip."""
    return np.random.default_rng(0).random((n_rows, n_visible), dtype=np.float32)


def mnist_like_rows(n_rows: int) -> np.ndarray:
    """Grey strokes, 28 x 28, uint8: 81 % zeros and empty margins, as MNIST has them."""
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


def make_config(shape: Shape, **changes: Any) -> _core.Config:
    """The estimator's defaults, but no prior on the weights: the peers have none."""
    settings: dict[str, Any] = {
        "activation": "tanh",
        "bound_estimator": "analytic-kl",
        "n_draws": 1,
        "optimizer": "adagrad",
        "learning_rate": 0.02,
        "weight_decay": 0.0,
        "init_scale": 0.1,
        "batch_size": BATCH,
        "binarize": "none",
        "seed": 1,
    }
    return _core.Config(
        n_visible=shape.n_visible,
        hidden_layer_sizes=list(shape.hidden),
        n_components=shape.n_components,
        likelihood=shape.likelihood,
        **(settings | changes),
    )


class Training:
    """A model in training on X: each call takes that many minibatches more."""

    def __init__(self, shape: Shape, X: np.ndarray, *, n_threads: int, **changes: Any) -> None:
        self.model = _core.Model(make_config(shape, **changes))
        self.rows = _core.Rows(X, 1 / 255 if X.dtype == np.uint8 else 1.0)
        self.n_rows = len(X)
        self.n_threads = n_threads
        self.epoch = self.position = 0
        self.phases: dict[str, float] = {}  # seconds in each phase, of the last call

    def __call__(self, n_steps: int) -> float:
        """Return the mean bound of the rows seen, each under the weights of its own step."""
        total, seen, left = 0.0, 0, n_steps
        self.phases = {}
        while left > 0:
            with _engine.single_threaded_blas():
                done, n_rows, bound_sum, diverged, phases = self.model.train(
                    self.rows,
                    begin=0,
                    size=self.n_rows,
                    split=False,
                    epoch=self.epoch,
                    position=self.position,
                    max_steps=left,
                    max_seconds=1e9,
                    n_train=self.n_rows,
                    n_threads=self.n_threads,
                )
            assert not diverged
            total, seen, left = total + bound_sum, seen + n_rows, left - done
            self.position += n_rows
            if self.position >= self.n_rows:
                self.epoch, self.position = self.epoch + 1, 0
            for name, seconds in phases.items():
                self.phases[name] = self.phases.get(name, 0.0) + seconds
        return total / seen

    def weights(self) -> dict[str, np.ndarray]:
        return self.model.arrays("weights")


@contextmanager
def forced_isa(name: str) -> Iterator[None]:
    """Compute by one instruction set's kernels, then by the previous ones again."""
    previous = _core.isa()
    _core.force_isa(name)
    try:
        yield
    finally:
        _core.force_isa(previous)


def fma_peak(n_threads: int) -> float:
    """FLOP per second of independent multiply-adds in registers, on so many threads.

    Of the instruction set in use. BLAS chooses its own: it is measured against the widest.
    """
    widest = next(name for name in ("avx512", "avx2", "portable") if name in _core.isa_names())
    with forced_isa(widest if _core.isa() == "blas" else _core.isa()):
        return _core.kernels.fma_peak(n_threads, PEAK_SECONDS)


def seconds_of(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def interleave(contestants: dict[Any, Callable[[], Any]], rounds: int) -> dict[Any, np.ndarray]:
    """Seconds of each contestant in each round: a round calls all of them, one after another."""
    times: dict[Any, list[float]] = {name: [] for name in contestants}
    for turn in range(rounds + 1):
        for name, work in contestants.items():
            seconds = seconds_of(work)
            if turn > 0:  # the first round warms up
                times[name].append(seconds)
    return {name: np.array(values) for name, values in times.items()}


def measure(benchmark: Any, work: Callable[[], Any], flops: float, n_threads: int = 1) -> None:
    """Time `work` with pytest-benchmark, the yardstick before each round.

    extra_info gets medians over the rounds: GF/s, the peak, and the share of it.
    """
    rounds = 7
    peaks: list[float] = []
    benchmark.pedantic(
        work,
        setup=lambda: peaks.append(fma_peak(n_threads)),
        rounds=rounds,
        warmup_rounds=1,
    )
    if benchmark.stats is None:  # --benchmark-disable
        return
    rates = flops / np.array(benchmark.stats.stats.data)
    peak = np.array(peaks[-rounds:])
    benchmark.extra_info |= {
        "isa": _core.isa(),
        "gflops": round(float(np.median(rates)) / 1e9, 1),
        "peak_gflops": round(float(np.median(peak)) / 1e9, 1),
        "share_of_peak": round(float(np.median(rates / peak)), 3),
    }
