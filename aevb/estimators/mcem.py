"""The estimator `MCEM`: a decoder trained by Monte Carlo EM, without an encoder."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from aevb.core.catalogue import PRIORS
from aevb.core.chains import PosteriorChains
from aevb.core.engine import Engine, Floats, MonteCarloEm, Rows, Subset
from aevb.core.state import ChainState
from aevb.estimators.base import LatentVariableModel
from aevb.estimators.documentation import documented
from aevb.estimators.parameters import check_parameters
from aevb.inference.annealing import Annealing, annealed_likelihood, temperatures
from aevb.inference.hmc import mean_of_draws

__all__ = ["MCEM"]

# Annealed importance sampling that finds the starts of chains. From other starts, some chains would
# stay at a wrong mode of p(z|x).
_STARTS = Annealing(temperatures("sigmoid", 100), n_chains=5, n_leapfrog=5)

_Result = TypeVar("_Result")


@documented(
    hidden_layer_sizes=(
        "Widths of the hidden layers of an encoder as in `AEVB`. The decoder has them in reverse "
        "order."
    ),
    n_draws=(
        "Draws of p(z|x) whose mean `transform` returns. As many draws for warm-up come first. The "
        "chain starts from a draw by annealed importance sampling. `transform` uses the values of "
        "this parameter, `n_leapfrog` and `target_accept` at the time of its call."
    ),
    prior=(
        "p(z). "
        + "; ".join(f'"{name}": {text}' for name, (_, text) in PRIORS.items())
        + '. "auto" is N(0, I).'
    ),
    batch_size="Rows per step. None means all rows.",
    n_epochs="Passes over the data in `fit`. One pass moves every chain once.",
    validation_fraction=(
        "Fraction of the rows that `fit` holds out. After each epoch, `score_samples` scores them, "
        "which takes long."
    ),
    warm_start=(
        "Whether `fit` continues from the weights of the previous call. Then, and in `partial_fit` "
        "and `Trainer` with a fitted model, the chains start again from draws of p(z|x) by "
        "annealed importance sampling."
    ),
)
class MCEM(LatentVariableModel):
    r"""The variational auto-encoder's decoder, trained by Monte Carlo EM without an encoder.

    The generative model is that of `AEVB`. The paper compares the two algorithms ([1]_, appendix
    E). Each row of the training set has a Markov chain on p(z|x), which continues from visit to
    visit. A step moves the chains by one HMC transition (E). It then makes `n_updates` updates of
    the weights, which increase the mean of log p(x, z) over the chains (M). By default, a step
    takes all rows, as in the paper. This is not an online algorithm, and it is slow on many rows.
    With `batch_size`, a step moves only the chains of a minibatch, and the updates use only those
    chains.

    For new rows, `transform` and `score_samples` sample from p(z|x), and so they take many times as
    long as with `AEVB`. Their results depend only on the model's seed and the values of a row.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    weights_, likelihood_, columns_, learning_rate_, learning_rate_trials_, n_features_in_
        As in `AEVB`. The weights are those of the decoder.
    history_ : dict of lists
        As in `AEVB`, but ``train_bound`` is not a bound. It is the mean of log p(x, z) over the
        chains, in nats per row, after the transition and before the updates of each step.
        ``validation_bound`` is the mean of `score_samples`.
    n_samples_seen_ : int
        Rows whose chains have moved so far. Each visit to a row counts, and is part of `n_updates`
        updates of the weights.
    n_steps_ : int
        Steps so far.
    n_threads_ : int
        As in `AEVB`.

    References
    ----------
    .. [1] D. P. Kingma, M. Welling, "Auto-Encoding Variational Bayes", arXiv:1312.6114.

    Examples
    --------
    >>> from aevb import MCEM
    >>> from aevb.datasets import load_digits
    >>> X = load_digits()[:100]
    >>> model = MCEM(n_components=2, hidden_layer_sizes=(20,), n_epochs=3).fit(X)
    >>> model.transform(X).shape
    (100, 2)
    """

    _algorithm = "monte-carlo-em"
    _has_chains = True
    _published = MappingProxyType({**LatentVariableModel._published, "n_epochs": 200})
    _not_in_core = frozenset({"n_draws"})  # draws of p(z|x) in `transform`, not of q(z|x)

    def __init__(
        self,
        n_components: int = 20,
        *,
        hidden_layer_sizes: Any = (500,),
        activation: str = "tanh",
        likelihood: str = "auto",
        prior: str = "auto",
        n_leapfrog: int = 10,
        target_accept: float = 0.9,
        n_updates: int = 5,
        n_draws: int = 100,
        optimizer: str = "adam",
        learning_rate: float | str = "auto",
        learning_rate_schedule: Any = "cosine",
        weight_decay: float = 1.0,
        init_scale: float | str = "auto",
        batch_size: int | None = None,
        n_epochs: int = 200,
        early_stopping: bool | str = False,
        validation_fraction: float | str = "auto",
        patience: int | None = None,
        scale: Any = "auto",
        binarize: str | None = None,
        n_threads: int | None = None,
        random_state: Any = None,
        warm_start: bool = False,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.likelihood = likelihood
        self.prior = prior
        self.n_leapfrog = n_leapfrog
        self.target_accept = target_accept
        self.n_updates = n_updates
        self.n_draws = n_draws
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.weight_decay = weight_decay
        self.init_scale = init_scale
        self.batch_size = batch_size
        self.n_epochs = n_epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.scale = scale
        self.binarize = binarize
        self.n_threads = n_threads
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose

    def _read(self, X: Any, work: Callable[[Rows], _Result]) -> _Result:
        """Check all of X first. Then return the result of `work` on its rows."""
        check_is_fitted(self)
        return work(self._checked_rows(X))

    def _latent_means(self, rows: Rows) -> NDArray[np.float32]:
        n_threads = self.n_threads
        seed = self._engine.seed
        check_parameters(self, "n_draws", "n_leapfrog", "target_accept")
        chains = PosteriorChains(
            self._engine,
            rows,
            self._chain_starts(rows, seed, n_threads),
            n_leapfrog=int(self.n_leapfrog),
            target_accept=float(self.target_accept),
            seed=seed,
            by_content=True,
        )
        return mean_of_draws(
            chains, int(self.n_draws), n_threads=n_threads, shown=bool(self.verbose)
        )

    def _scores(self, engine: Engine, rows: Rows, subset: Subset, n_draws: int) -> Floats:
        annealing = Annealing(temperatures())
        return annealed_likelihood(
            engine, rows, subset, annealing, engine.seed, self.n_threads
        ).log_p

    def _chain_starts(self, rows: Rows, seed: int, n_threads: int | None) -> NDArray[np.float32]:
        return self._annealed(self._engine, rows, seed, n_threads)

    def _annealed(
        self, engine: Engine, rows: Rows, seed: int, n_threads: int | None
    ) -> NDArray[np.float32]:
        subset, shown = Subset(0, rows.shape[0], split=False), bool(self.verbose)
        return annealed_likelihood(engine, rows, subset, _STARTS, seed, n_threads, shown=shown).z

    def _n_updates_per_visit(self) -> int:
        return int(self.n_updates)

    def _new_chains(self, engine: Engine, rows: Rows) -> MonteCarloEm:
        """Return chains that start from N(0, I) in coordinates, or from p(z|x) if trained."""
        if engine.n_steps > 0:
            z = self._annealed(engine, rows, engine.seed, self.n_threads)
            return self._chains_at(engine, engine.coordinates(z))
        generator = np.random.default_rng(engine.seed)
        shape = rows.shape[0], engine.n_components
        return self._chains_at(engine, generator.standard_normal(shape, np.float32))

    def _chains_of_old(self, engine: Engine, chains: ChainState | None) -> MonteCarloEm:
        if chains is None:
            raise ValueError("it has no chains, which MCEM needs")
        old = self._chains_at(engine, chains.z)
        old.step_state = chains.step_state
        return old

    def _chains_at(self, engine: Engine, u: NDArray[np.float32]) -> MonteCarloEm:
        return engine.monte_carlo_em(
            u,
            n_leapfrog=int(self.n_leapfrog),
            target_accept=float(self.target_accept),
            n_updates=int(self.n_updates),
        )
