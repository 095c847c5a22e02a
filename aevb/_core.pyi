from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

def likelihoods() -> dict[str, tuple[str, str, list[str], bool]]: ...
def posteriors() -> dict[str, dict[str, Any]]: ...
def priors() -> dict[str, tuple[str, str]]: ...
def objectives() -> dict[str, str]: ...
def starting_outputs(
    likelihood: str, mean: NDArray[np.float64], variance: NDArray[np.float64]
) -> NDArray[np.float64]: ...
def starting_levels(likelihood: str, shares: Sequence[float]) -> list[NDArray[np.float64]]: ...
def catalogue() -> dict[str, list[str]]: ...
def backend() -> str: ...
def backend_names() -> list[str]: ...
def use_backend(name: str) -> None: ...
def all_finite(values: NDArray[np.float32]) -> bool: ...
def max_threads() -> int: ...
def set_sgemm(capsule: Any) -> None: ...
def set_gather(capsule: Any) -> None: ...

@final
class OutOfRangeError(ValueError): ...

class Config:
    def __init__(
        self,
        *,
        n_visible: int,
        n_components: int,
        hidden_layer_sizes: list[int],
        activation: str,
        likelihood: str | list[tuple[str, int | list[int]]],
        bound_estimator: str,
        n_draws: int,
        optimizer: str,
        learning_rate: float,
        weight_decay: float,
        init_scale: float,
        batch_size: int,
        binarize: str,
        seed: int,
        algorithm: str = "aevb",
        posterior: str = "gaussian",
        prior: str = "auto",
        renyi_order: float = 0.5,
        kl_weight: float = 1.0,
        free_bits: float = 0.0,
        weight_posterior: str = "none",
        mask_inputs: bool = False,
    ) -> None: ...
    def as_dict(self) -> dict[str, Any]: ...
    @property
    def support(self) -> str: ...
    @property
    def weight_shapes(self) -> dict[str, tuple[int, ...]]: ...

@final
class Rows:
    def __init__(
        self,
        X: NDArray[Any],
        range: tuple[float, float, float] | None = None,
        holes: bool = False,
    ) -> None: ...
    @staticmethod
    def csr(
        data: NDArray[Any],
        indices: NDArray[Any],
        indptr: NDArray[Any],
        n_cols: int,
        range: tuple[float, float, float] | None = None,
        holes: bool = False,
    ) -> Rows: ...
    @property
    def shape(self) -> tuple[int, int]: ...

@final
class Model:
    config: Config
    @property
    def finite(self) -> bool: ...
    n_steps: int
    n_samples_seen: int
    bound_sum: float
    seconds: float
    def __init__(
        self,
        config: Config,
        location: Sequence[float] | NDArray[np.float64] = ...,
        scale: Sequence[float] | NDArray[np.float64] = ...,
        log_jacobian: float = 0.0,
        log_jacobians: Sequence[float] | NDArray[np.float64] = ...,
        places: Sequence[int] = ...,
        levels: Sequence[int] = ...,
    ) -> None: ...
    @property
    def units(
        self,
    ) -> tuple[
        NDArray[np.float64], NDArray[np.float64], float, NDArray[np.float64], list[int], list[int]
    ]: ...
    def copy(self) -> Model: ...
    def training(self) -> AbstractContextManager[object]: ...
    def restore(self, other: Model) -> None: ...
    @property
    def weight_kl(self) -> float: ...
    def keep_posterior_as_prior(self) -> None: ...
    def scale_squares(self, factor: float) -> None: ...
    def draw(self, *, seed: int, index: int, n_threads: int) -> Model: ...
    def state(self) -> dict[str, Any]: ...
    def arrays(self, which: str) -> dict[str, NDArray[np.float32]]: ...
    def set_arrays(self, arrays: dict[str, NDArray[np.float32]], which: str) -> None: ...
    def train(
        self,
        X: Rows,
        *,
        begin: int,
        size: int,
        split: bool,
        epoch: int,
        position: int,
        max_steps: int,
        max_seconds: float,
        n_train: int,
        rate_factors: Sequence[float] = ...,
        kl_factors: Sequence[float] = ...,
        n_threads: int,
        rank: int = 0,
        exchange: Any = None,
    ) -> tuple[int, int, float, bool, dict[str, float]]: ...
    def for_each_array(self, f: Callable[[NDArray[np.float32]], object]) -> None: ...
    def encode(self, X: Rows, *, n_threads: int) -> NDArray[np.float32]: ...
    def posterior(
        self, X: Rows, *, n_threads: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]: ...
    def draw_encoded(self, X: Rows, *, seed: int, n_threads: int) -> NDArray[np.float32]: ...
    def decode(self, Z: NDArray[np.float32], *, n_threads: int) -> NDArray[np.float32]: ...
    def sample(
        self, n: int, *, seed: int, n_threads: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]: ...
    def bound(
        self,
        X: Rows,
        *,
        begin: int,
        size: int,
        split: bool,
        n_draws: int,
        seed: int,
        n_threads: int,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]: ...
    def component_kl(
        self, X: Rows, *, n_draws: int, seed: int, n_threads: int
    ) -> NDArray[np.float64]: ...
    def latent(self, u: NDArray[np.float32]) -> NDArray[np.float32]: ...
    def coordinates(self, z: NDArray[np.float32]) -> NDArray[np.float32]: ...
    def importance(
        self,
        X: Rows,
        *,
        begin: int,
        size: int,
        n_draws: int,
        n_adaptations: int,
        seed: int,
        n_threads: int,
        progress: Callable[[float], object] | None = None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]: ...
    def predict(
        self,
        X: Rows,
        ids: NDArray[np.uint64],
        *,
        n_draws: int,
        n_adaptations: int,
        n_samples: int,
        mean: bool,
        deviation: bool,
        seed: int,
        n_threads: int,
        progress: Callable[[float], object] | None = None,
    ) -> tuple[
        NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], NDArray[np.float64]
    ]: ...
    def log_joint(
        self, X: Rows, z: NDArray[np.float32], *, n_threads: int
    ) -> NDArray[np.float64]: ...
    def bound_and_gradient(
        self,
        X: Rows,
        noise: NDArray[np.float32] | None,
        *,
        seed: int,
        kl_weight: float = 1.0,
        n_threads: int,
    ) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float32]]]: ...

@final
class PosteriorChains:
    def __init__(
        self,
        model: Model,
        X: Rows,
        z: NDArray[np.float32],
        *,
        n_leapfrog: int,
        adaptation: str,
        per_chain: bool,
        target_accept: float,
        seed: int,
        by_content: bool = False,
    ) -> None: ...
    def run(
        self,
        n: int,
        *,
        adapt: bool,
        keep: bool,
        n_threads: int,
        progress: Callable[[float], object] | None = None,
    ) -> NDArray[np.float32]: ...
    def freeze(self) -> None: ...
    @property
    def step_size(self) -> NDArray[np.float32]: ...
    @property
    def acceptance_sum(self) -> NDArray[np.float64]: ...
    @property
    def n_divergent(self) -> NDArray[np.uint32]: ...

@final
class MonteCarloEm:
    def __init__(
        self,
        model: Model,
        z: NDArray[np.float32],
        *,
        n_leapfrog: int,
        target_accept: float,
        n_updates: int,
    ) -> None: ...
    def copy(self) -> MonteCarloEm: ...
    def train(
        self,
        model: Model,
        X: Rows,
        *,
        begin: int,
        size: int,
        split: bool,
        epoch: int,
        position: int,
        max_steps: int,
        max_seconds: float,
        n_train: int,
        rate_factors: Sequence[float] = ...,
        n_threads: int,
    ) -> tuple[int, int, float, bool, dict[str, float]]: ...
    @property
    def z(self) -> NDArray[np.float32]: ...
    @property
    def step_size(self) -> float: ...
    step_state: list[float]
    @property
    def acceptance(self) -> float: ...

def anneal(
    model: Model,
    X: Rows,
    beta: list[float],
    exact: NDArray[np.float32] | None,
    *,
    begin: int,
    size: int,
    split: bool,
    n_leapfrog: int,
    n_draws: int,
    from_encoder: bool,
    seed: int,
    n_threads: int,
    progress: Callable[[float], object] | None = None,
) -> tuple[
    NDArray[np.float64],
    NDArray[np.float64],
    NDArray[np.float64],
    NDArray[np.float64],
    NDArray[np.float32],
]: ...
def impute(
    model: Model,
    X: Rows,
    *,
    method: str,
    n_starts: int,
    n_iterations: int,
    seed: int,
    n_threads: int,
    progress: Callable[[float], object] | None = None,
) -> NDArray[np.float32]: ...
def content_ids(model: Model, X: Rows, index: list[int]) -> NDArray[np.uint64]: ...
def fitted_log_density(
    fit: NDArray[np.float32], at: NDArray[np.float32], *, n_threads: int
) -> NDArray[np.float64]: ...
