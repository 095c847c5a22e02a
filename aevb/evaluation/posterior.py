"""Draws from the posterior p(z|x) of a fitted model by Hamiltonian Monte Carlo."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from aevb.core.chains import PosteriorChains
from aevb.core.checks import check_choice, check_integer
from aevb.core.threads import resolve_threads
from aevb.data.validation import check_data
from aevb.estimators.parameters import draw_seed
from aevb.evaluation.alarms import poor_chains, warn_of
from aevb.evaluation.diagnostics import effective_sample_size, split_r_hat
from aevb.inference.hmc import draw, warm_up

if TYPE_CHECKING:
    from aevb.estimators.base import LatentVariableModel

_ADAPTATIONS = ("dual-averaging", "multiplicative")
_STEP_SIZE_PER = ("chain", "all")


class PosteriorDraws(NamedTuple):
    """Draws from p(z|x) and diagnostics of the chains, the result of `sample_posterior`.

    Attributes
    ----------
    draws : ndarray of shape (n_draws, n_samples, n_components), float32
        Draws of z: successive states of the chain of each row.
    acceptance : ndarray of shape (n_samples,), float64
        Mean acceptance probability of each chain after the warm-up.
    step_size : ndarray of shape (n_samples,), float32
        Leapfrog step size of each chain. Each transition draws its own within a fifth of it.
    n_divergent : ndarray of shape (n_samples,), int64
        Divergent transitions after the warm-up, with an energy error above 1000.
    ess : ndarray of shape (n_samples, n_components), float64
        Effective number of independent draws (Geyer's initial positive sequence). It is 0 for a
        chain that never moved, or by float32's rounding alone. It is NaN for fewer than four draws.
    r_hat : ndarray of shape (n_samples, n_components), float64
        Split R-hat of the two halves of each chain (Gelman et al., "Bayesian data analysis", 11.4).
        It is near 1 if the chain has mixed. It is NaN for fewer than four draws and where `ess` is
        0.
    """

    draws: NDArray[np.float32]
    acceptance: NDArray[np.float64]
    step_size: NDArray[np.float32]
    n_divergent: NDArray[np.int64]
    ess: NDArray[np.float64]
    r_hat: NDArray[np.float64]


def sample_posterior(
    model: LatentVariableModel,
    X: Any,
    n_draws: int,
    *,
    n_leapfrog: int = 10,
    n_warmup: int = 200,
    target_accept: float = 0.9,
    adaptation: str = "dual-averaging",
    step_size_per: str = "chain",
    random_state: Any = None,
    n_threads: int | None = None,
    progress: bool | None = None,
) -> PosteriorDraws:
    """Draw z from the posterior p(z|x) of each row by Hamiltonian Monte Carlo.

    Each row has one chain on log p(x, z) = log N(z; 0, I) + log p(x|z), with an identity mass
    matrix. It starts from the encoder's mean. If the model has no encoder, it starts from a draw by
    annealed importance sampling. All chains move together, so their gradients form one batch. A
    draw is the state after one transition. The noise of a chain depends on the seed and on the
    position of its row in X, and not on the number of threads.

    Parameters
    ----------
    model : AEVB, WakeSleep or MCEM
        A fitted model.
    X : array-like or CSR matrix of shape (n_samples, n_features)
        Data. With dynamic binarisation, the grey levels are used as they are.
    n_draws : int
        Draws per row.
    n_leapfrog : int, default=10
        Leapfrog steps per transition.
    n_warmup : int, default=200
        Transitions before the first draw. The step sizes adapt during them and are then frozen.
    target_accept : float, default=0.9
        Acceptance probability to which the step sizes adapt.
    adaptation : {"dual-averaging", "multiplicative"}, default="dual-averaging"
        Rule that adapts the step sizes. "dual-averaging" is that of Hoffman & Gelman (2014). With
        "multiplicative", the logarithm of the step size changes after each transition in proportion
        to the error of the acceptance probability.
    step_size_per : {"chain", "all"}, default="chain"
        Whether each chain has its own step size, or all chains have the same.
    random_state : int, RandomState instance or None, default=None
        Seed of the chains. None takes the model's own ``random_state``.
    n_threads : int, default=None
        Threads of the core. None takes the model's.
    progress : bool, default=None
        Whether to show progress bars. None takes the model's ``verbose``.

    Returns
    -------
    result : PosteriorDraws
        Draws and diagnostics.

    Raises
    ------
    ValueError, TypeError
        If an argument is not valid. The message names it.

    Warns
    -----
    RuntimeWarning
        The message lists the reasons, and says what to do. They are judged from 20 draws on.

        - A chain moved in fewer than a tenth of its transitions, or by float32's rounding alone.
        - More than a hundredth of a chain's transitions diverged.
        - More than a tenth of the chains have an R-hat above 1.1, after 200 draws or more.

    Examples
    --------
    >>> from aevb import AEVB, sample_posterior
    >>> from aevb.datasets import load_digits
    >>> X = load_digits()
    >>> model = AEVB(2, hidden_layer_sizes=(20,), n_epochs=20, random_state=0).fit(X)
    >>> sample_posterior(model, X[:5], 10, n_warmup=50, random_state=0).draws.shape
    (10, 5, 2)
    """
    result, _ = run_chains(
        model,
        X,
        n_draws,
        n_leapfrog=n_leapfrog,
        n_warmup=n_warmup,
        target_accept=target_accept,
        adaptation=adaptation,
        step_size_per=step_size_per,
        random_state=random_state,
        n_threads=n_threads,
        progress=progress,
    )
    found = poor_chains(result.draws, result.ess, result.r_hat, result.n_divergent)
    warn_of("sample_posterior", found)
    return result


def run_chains(
    model: LatentVariableModel,
    X: Any,
    n_draws: int,
    *,
    n_leapfrog: int,
    n_warmup: int,
    target_accept: float,
    adaptation: str,
    step_size_per: str,
    random_state: Any,
    n_threads: int | None,
    progress: bool | None,
) -> tuple[PosteriorDraws, NDArray[np.float32]]:
    """Return the result of `sample_posterior` without its warning, and the draws' coordinates."""
    if not hasattr(model, "_begin"):
        raise TypeError(f"model: got {type(model).__name__}, want AEVB, WakeSleep or MCEM")
    check_is_fitted(model)
    n_draws = check_integer("n_draws", n_draws)
    n_leapfrog = check_integer("n_leapfrog", n_leapfrog)
    n_warmup = check_integer("n_warmup", n_warmup, lowest=0)
    if not isinstance(target_accept, Real) or isinstance(target_accept, bool):
        raise TypeError(f"target_accept: got {target_accept!r}, want a number in (0, 1)")
    if not 0 < target_accept < 1:
        raise ValueError(f"target_accept: got {target_accept!r}, want a number in (0, 1)")
    check_choice("adaptation", adaptation, _ADAPTATIONS)
    check_choice("step_size_per", step_size_per, _STEP_SIZE_PER)
    threads = resolve_threads(model.n_threads if n_threads is None else n_threads)
    seed = draw_seed(model.random_state if random_state is None else random_state)
    rows = model._rows(check_data(model, X))
    chains = PosteriorChains(
        model._engine,
        rows,
        model._chain_starts(rows, seed, threads),
        n_leapfrog=n_leapfrog,
        adaptation=adaptation,
        per_chain=step_size_per == "chain",
        target_accept=float(target_accept),
        seed=seed,
    )
    shown = bool(model.verbose if progress is None else progress)
    warm_up(chains, n_warmup, n_threads=threads, shown=shown)
    moved = draw(chains, n_draws, n_threads=threads, shown=shown)
    draws = chains.latent(moved)
    result = PosteriorDraws(
        draws,
        chains.acceptance_sum / n_draws,
        chains.step_size,
        chains.n_divergent.astype(np.int64),
        effective_sample_size(draws),
        split_r_hat(draws),
    )
    return result, moved
