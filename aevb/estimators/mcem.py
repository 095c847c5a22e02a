"""The Monte Carlo EM estimator: decoder and prior alone, p(z|x) by HMC."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from aevb.core.engine import Engine, Floats, MonteCarloEm, PosteriorChains, Rows, Subset
from aevb.core.state import ChainState
from aevb.data.rows import check_data
from aevb.estimators.base import LatentVariableModel
from aevb.estimators.documentation import documented
from aevb.estimators.parameters import check_parameters
from aevb.inference.annealing import Annealing, annealed_likelihood, temperatures
from aevb.inference.hmc import mean_of_draws
from aevb.training.trainable import kind_of_model

__all__ = ["MCEM"]

# Chains start at weighted draws of these: from anywhere else, some would stay at the wrong mode.
_STARTS = Annealing(temperatures("sigmoid", 100), n_chains=5, n_leapfrog=5)

_Result = TypeVar("_Result")


@kind_of_model
@documented(
    hidden_layer_sizes=(
        "Widths of hidden layers as `AEVB` has them; the decoder's are in reverse order."
    ),
    n_draws=(
        "Draws of p(z|x) whose mean `transform` returns, after as many for warm-up, by a chain "
        "that starts from a draw by annealed importance sampling. It takes this, `n_leapfrog` and "
        "`target_accept` as they are when it is called."
    ),
    batch_size="Rows of a step; None is all of them.",
    n_epochs="Passes over the data in `fit`: one move of every chain each.",
    validation_fraction=(
        "Fraction of the rows held out in `fit` for a validation score after each epoch: that of "
        "`score_samples`, which takes long."
    ),
    warm_start=(
        "Let `fit` go on from the weights of the previous call. Wherever training goes on from "
        "weights, in `partial_fit` and `Trainer` too, chains start anew, from draws of p(z|x) by "
        "annealed importance sampling."
    ),
)
class MCEM(LatentVariableModel):
    r"""The variational auto-encoder's decoder, trained by Monte Carlo EM without an encoder.

    The same generative model as `AEVB`'s, and the rival of [1]_, appendix E. Each row of the
    training set has a Markov chain on p(z|x), which goes on from visit to visit. A step moves the
    chains by one HMC transition (E), and then takes `n_updates` steps of the weights up the mean of
    log p(x, z) over them (M). By default a step takes in all rows, as in the paper: it is not an
    on-line algorithm, and slow on many rows. With `batch_size` the chains of a minibatch move, and
    the weights follow those alone: more steps in a pass, while the other chains stand still.

    Without an encoder p(z|x) of new rows is sampled too, so `transform` and `score_samples` take
    many times as long as those of `AEVB`. Both depend on the model's seed and a row's values alone.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    weights_, likelihood_, input_scale_, learning_rate_, learning_rate_trials_, n_features_in_
        As in `AEVB`; the weights are the decoder's.
    history_ : dict of lists
        As in `AEVB`, but ``train_bound`` is no bound: it is the mean of log p(x, z) over the
        chains, after the move and before the updates of each step, and ``validation_bound`` the
        mean of `score_samples`, nats per row.
    n_samples_seen_ : int
        Rows whose chains were moved so far, all visits counted; each went into `n_updates` weight
        updates.
    n_steps_ : int
        Steps so far.

    References
    ----------
    .. [1] D. P. Kingma, M. Welling, "Auto-Encoding Variational Bayes", arXiv:1312.6114.

    Examples
    --------
    >>> from aevb import MCEM
    >>> from aevb.datasets import load_digits
    >>> X = load_digits()[:100]
    >>> model = MCEM(n_components=2, hidden_layer_sizes=(20,), random_state=0).fit(X)
    >>> model.transform(X).shape
    (100, 2)
    """

    _algorithm = "monte-carlo-em"
    _not_in_core = frozenset({"n_draws"})  # of p(z|x) in `transform`, not of q(z|x)

    def __init__(
        self,
        n_components: int = 20,
        *,
        hidden_layer_sizes: Any = (500,),
        activation: str = "tanh",
        likelihood: str = "auto",
        n_leapfrog: int = 10,
        target_accept: float = 0.9,
        n_updates: int = 5,
        n_draws: int = 100,
        optimizer: str = "adagrad",
        learning_rate: float | str = 0.02,
        weight_decay: float = 1.0,
        init_scale: float = 0.1,
        batch_size: int | None = None,
        n_epochs: int = 200,
        binarize: str | None = None,
        input_scale: Any = "auto",
        validation_fraction: float = 0.0,
        patience: int | None = None,
        n_threads: int | None = None,
        random_state: Any = None,
        warm_start: bool = False,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.likelihood = likelihood
        self.n_leapfrog = n_leapfrog
        self.target_accept = target_accept
        self.n_updates = n_updates
        self.n_draws = n_draws
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.init_scale = init_scale
        self.batch_size = batch_size
        self.n_epochs = n_epochs
        self.binarize = binarize
        self.input_scale = input_scale
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.n_threads = n_threads
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose

    def _read(self, X: Any, work: Callable[[Rows], _Result]) -> _Result:
        """Return what `work` makes of the rows of X, all checked before it starts."""
        check_is_fitted(self)
        return work(self._rows(check_data(self, X)))

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

    def _scores(self, engine: Engine, rows: Rows, subset: Subset) -> Floats:
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
        """Return chains from the prior or, where the weights are not new, from p(z|x)."""
        if engine.n_steps > 0:
            return self._chains_at(
                engine, self._annealed(engine, rows, engine.seed, self.n_threads)
            )
        generator = np.random.default_rng(engine.seed)
        shape = rows.shape[0], engine.n_components
        return self._chains_at(engine, generator.standard_normal(shape, np.float32))

    def _chains_of_old(self, engine: Engine, chains: ChainState | None) -> MonteCarloEm:
        if chains is None:
            raise ValueError("its chains are not those of its kind of model")
        old = self._chains_at(engine, chains.z)
        old.step_state = chains.step_state
        return old

    def _chains_at(self, engine: Engine, z: NDArray[np.float32]) -> MonteCarloEm:
        return engine.monte_carlo_em(
            z,
            n_leapfrog=int(self.n_leapfrog),
            target_accept=float(self.target_accept),
            n_updates=int(self.n_updates),
        )
