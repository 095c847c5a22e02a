"""The Monte Carlo EM estimator: decoder and prior alone, p(z|x) by HMC."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from aevb import _core
from aevb.core.engine import MonteCarloEm, Rows, Subset, resolve_threads
from aevb.data.rows import as_rows, check_data
from aevb.estimators.base import LatentVariableModel
from aevb.estimators.documentation import documented
from aevb.estimators.parameters import check_parameters
from aevb.evaluation.posterior import draw, warm_up
from aevb.inference.annealing import Annealing, annealed_likelihood, temperatures

__all__ = ["MCEM"]

# Chains start at weighted draws of these: from anywhere else, some would stay at the wrong mode.
_STARTS = Annealing(temperatures("sigmoid", 100), n_chains=5, n_leapfrog=5)
_DRAWS_AT_ONCE = 10  # kept at a time while their mean is taken

_Result = TypeVar("_Result")


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
        return work(as_rows(self, check_data(self, X, reset=False)))

    def _latent_means(self, rows: Rows) -> NDArray[np.float32]:
        n_threads = resolve_threads(self.n_threads)
        seed = self._engine.config.as_dict()["seed"]
        check_parameters(self, "n_draws", "n_leapfrog", "target_accept")
        n_draws = int(self.n_draws)
        chains = _core.PosteriorChains(
            self._engine,
            rows,
            self._chain_starts(rows, seed, n_threads),
            n_leapfrog=int(self.n_leapfrog),
            adaptation="dual-averaging",
            per_chain=True,
            target_accept=float(self.target_accept),
            seed=seed,
            by_content=True,
        )
        total = np.zeros((rows.shape[0], self._n_features_out))
        shown = bool(self.verbose)
        warm_up(chains, n_draws, n_threads=n_threads, shown=shown)
        for done in range(0, n_draws, _DRAWS_AT_ONCE):
            n = min(_DRAWS_AT_ONCE, n_draws - done)
            draws = draw(chains, n, n_threads=n_threads, shown=shown)
            total += draws.sum(axis=0, dtype=np.float64)
        return (total / n_draws).astype(np.float32)

    def _scores(self, rows: Rows, subset: Subset) -> NDArray[np.float64]:
        seed = self._engine.config.as_dict()["seed"]
        annealing = Annealing(temperatures())
        return annealed_likelihood(self, rows, subset, annealing, seed, self.n_threads).log_p

    def _chain_starts(self, rows: Rows, seed: int, n_threads: int) -> NDArray[np.float32]:
        subset, shown = Subset(0, rows.shape[0], split=False), bool(self.verbose)
        return annealed_likelihood(self, rows, subset, _STARTS, seed, n_threads, shown=shown).z

    def _new_chains(self, rows: Rows) -> MonteCarloEm:
        """Return chains from the prior or, where the weights are not new, from p(z|x)."""
        seed = self._engine.config.as_dict()["seed"]
        if self._engine.n_steps > 0:
            return self._chains_at(self._chain_starts(rows, seed, resolve_threads(self.n_threads)))
        generator = np.random.default_rng(seed)
        shape = rows.shape[0], self._n_features_out
        return self._chains_at(generator.standard_normal(shape, np.float32))

    def _chains_at(self, z: NDArray[np.float32]) -> MonteCarloEm:
        return MonteCarloEm(
            self._engine,
            z,
            n_leapfrog=int(self.n_leapfrog),
            target_accept=float(self.target_accept),
            n_updates=int(self.n_updates),
        )
