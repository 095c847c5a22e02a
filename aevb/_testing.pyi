import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float32]

def unary(name: str, x: _Floats) -> _Floats: ...
def dense(x: _Floats, weight: _Floats, bias: _Floats, activation: str) -> _Floats: ...
def dense_backward(
    delta: _Floats, weight: _Floats, h: _Floats, activation: str, kept: bool = False
) -> _Floats: ...
def dense_gradient(x: _Floats, delta: _Floats) -> tuple[_Floats, _Floats]: ...
def optimizer_update(
    optimizer: str,
    weight: _Floats,
    gradient: _Floats,
    state1: _Floats,
    state2: _Floats,
    *,
    learning_rate: float,
    scale: float,
    decay: float,
    step: int,
) -> tuple[_Floats, _Floats, _Floats]: ...
def likelihood(
    name: str, outputs: list[_Floats], x: _Floats, with_r: bool = True
) -> tuple[_Floats, list[_Floats]]: ...
def latent_sample(
    mean: _Floats, log_var: _Floats, noise: _Floats, objective: str, kl_weight: float = 1.0
) -> tuple[_Floats, _Floats]: ...
def latent_backward(
    mean: _Floats,
    log_var: _Floats,
    noise: _Floats,
    dz: _Floats,
    f: _Floats,
    objective: str,
    kl_weight: float = 1.0,
) -> tuple[_Floats, _Floats]: ...
def posterior_sample(
    name: str, prior: str, outputs: list[_Floats], noise: _Floats, closed_kl: bool = False
) -> tuple[_Floats, _Floats, _Floats]: ...
def posterior_log_density(
    name: str, outputs: list[_Floats], z: _Floats
) -> tuple[_Floats, _Floats]: ...
def posterior_recognize(name: str, outputs: list[_Floats], z: _Floats) -> list[_Floats]: ...
def posterior_backward(
    name: str,
    prior: str,
    outputs: list[_Floats],
    noise: _Floats,
    dz: _Floats,
    weights: _Floats,
    closed_kl: bool = False,
    kl_weight: float = 1.0,
) -> list[_Floats]: ...
def posterior_moments(name: str, outputs: list[_Floats]) -> tuple[_Floats, _Floats]: ...
def posterior_kl(name: str, outputs: list[_Floats]) -> _Floats | None: ...
def prior_log_density(name: str, z: _Floats) -> NDArray[np.float64]: ...
def prior_gradient(name: str, z: _Floats, scale: float = 1.0) -> _Floats: ...
def prior_draw(
    name: str, seed: int, n_rows: int, n_components: int, purpose: int = 4
) -> _Floats: ...
def normal(
    seed: int, step: int, purpose: int, first_row: int, n_rows: int, n_cols: int
) -> _Floats: ...
def uniform(
    seed: int, step: int, purpose: int, first_row: int, n_rows: int, n_cols: int
) -> _Floats: ...
def philox(counter: NDArray[np.uint32], key: NDArray[np.uint32]) -> NDArray[np.uint32]: ...
def steal_tasks(
    layers: list[tuple[int, int]],
    n_threads: int,
    most: int,
    shared: int = 1,
    held_up: int = -1,
    n_loops: int = 1,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]: ...
def fma_peak(n_threads: int, seconds: float) -> float: ...
def set_flops_per_thread(flops: float) -> float: ...
def take_largest_team() -> int: ...
def set_late_thread(rank: int, slow: int = -1) -> None: ...
def permutation(seed: int, epoch: int, n: int, purpose: int = 7) -> NDArray[np.int64]: ...
def adapt_step_size(
    rule: str, target: float, initial: float, acceptances: list[float]
) -> list[float]: ...
def gaussian_leapfrog(
    precision: _Floats, z: _Floats, velocity: _Floats, step: float, n: int
) -> tuple[_Floats, _Floats]: ...
def gaussian_chains(
    precision: _Floats,
    n_chains: int,
    n: int,
    step: float,
    n_leapfrog: int,
    seed: int,
    n_threads: int,
) -> tuple[_Floats, list[float], list[int]]: ...
