"""Code that the benchmarks share: models in training, the clock, and the FMA peak."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from shapes import BATCH, Shape

from aevb import _core
from aevb import _testing as kernels
from aevb.core.threads import single_threaded_blas

PEAK_SECONDS = 0.03


def make_config(shape: Shape, **changes: Any) -> _core.Config:
    """Return the paper's settings, without a prior on the weights: the peers have none."""
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
    """A model in training on X. Each call trains for that many minibatches more."""

    def __init__(self, shape: Shape, X: np.ndarray, *, n_threads: int, **changes: Any) -> None:
        scale = np.full(shape.n_visible, 1 / 255 if X.dtype == np.uint8 else 1.0)
        self.model = _core.Model(make_config(shape, **changes), 0 * scale, scale)
        self.rows = _core.Rows(X)
        self.n_rows = len(X)
        self.n_threads = n_threads
        self.epoch = self.position = 0
        self.phases: dict[str, float] = {}  # seconds of each phase in the last call

    def __call__(self, n_steps: int) -> float:
        """Return the mean bound of the rows seen, each with the weights of its own step."""
        total, seen, left = 0.0, 0, n_steps
        self.phases = {}
        while left > 0:
            with single_threaded_blas():
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
def forced_backend(name: str) -> Iterator[None]:
    """Use the kernels of one instruction set in this block, and the previous ones after it."""
    previous = _core.backend()
    _core.use_backend(name)
    try:
        yield
    finally:
        _core.use_backend(previous)


def fma_peak(n_threads: int) -> float:
    """FLOP per second of independent multiply-adds in registers, on that many threads.

    The peak is that of the instruction set in use. BLAS chooses its own instruction set, so it is
    compared with the widest one.
    """
    widest = next(name for name in ("avx512", "avx2", "portable") if name in _core.backend_names())
    with forced_backend(widest if _core.backend() == "portable+blas" else _core.backend()):
        return kernels.fma_peak(n_threads, PEAK_SECONDS)


def seconds_of(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def interleave(contestants: dict[Any, Callable[[], Any]], rounds: int) -> dict[Any, np.ndarray]:
    """Return the seconds of each contestant in each round. A round calls all of them in turn."""
    times: dict[Any, list[float]] = {name: [] for name in contestants}
    for turn in range(rounds + 1):
        for name, work in contestants.items():
            seconds = seconds_of(work)
            if turn > 0:  # the first round warms up
                times[name].append(seconds)
    return {name: np.array(values) for name, values in times.items()}


def measure(benchmark: Any, work: Callable[[], Any], flops: float, n_threads: int = 1) -> None:
    """Time `work` with pytest-benchmark, and measure the FMA peak before each round.

    extra_info gets medians over the rounds: GF/s, the peak, and the share of the peak.
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
        "isa": _core.backend(),
        "gflops": round(float(np.median(rates)) / 1e9, 1),
        "peak_gflops": round(float(np.median(peak)) / 1e9, 1),
        "share_of_peak": round(float(np.median(rates / peak)), 3),
    }
