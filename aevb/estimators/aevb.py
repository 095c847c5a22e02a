"""The estimator `AEVB`: its parameters and its documentation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aevb.core.engine import Engine
from aevb.estimators.documentation import documented
from aevb.estimators.encoder_model import EncoderModel

__all__ = ["AEVB"]


@documented()
class AEVB(EncoderModel):
    r"""Auto-Encoding Variational Bayes: a variational auto-encoder trained on the CPU.

    The estimator learns a generative model :math:`p_\theta(x|z)p(z)` and an encoder
    :math:`q_\phi(z|x)`. By default, :math:`p(z) = N(0, I)` and
    :math:`q_\phi(z|x) = N(\mu, \mathrm{diag}(\sigma^2))`. Both are multilayer perceptrons, and the
    decoder mirrors the encoder. Training is stochastic gradient ascent on the variational lower
    bound (eq. 2 of [1]_).

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    weights_ : dict of str to ndarray
        Copies of all weights and biases, float32: ``encoder.hidden0.weight`` (D, H),
        ``encoder.hidden0.bias`` (H,), ...
    weights_std_ : dict of str to ndarray
        With a ``weight_posterior``, the posterior standard deviations of the weights that have one.
        ``weights_`` has their means.
    weight_kl_ : float
        With a ``weight_posterior``, KL(q(theta) || p(theta)) in nats, for all data together (the
        last terms of eq. 24, with the opposite sign). The bounds of ``history_`` are without it.
    likelihood_ : str or dict of str to str
        The likelihood in use: that of all columns, or of each column by its name.
    columns_ : list of Column
        Name, likelihood (``family``), location, scale and levels of each column. The model reads
        ``(x - location) * scale``.
    learning_rate_ : float
        The learning rate in use.
    learning_rate_trials_ : dict of float to float
        If ``learning_rate="auto"`` tried some, the score of each in nats per row. It is minus
        infinity if training diverged.
    history_ : dict of lists
        One entry per epoch. ``samples_seen`` counts rows. ``train_bound`` and ``validation_bound``
        are in nats per row; the latter is NaN after an epoch without a validation. ``held_out`` is
        the number of rows held out of the training. ``seconds`` is the duration of the training so
        far.
    n_samples_seen_ : int
        Rows trained on so far. Each visit to a row counts.
    n_steps_ : int
        Minibatches trained on so far.
    n_threads_ : int
        Threads of the training: the quickest number that it has found, if ``n_threads`` is None.
        Files and pickles are without it, so a model that was read has it after its next training.
    n_features_in_ : int
        Number of features D.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X has names.

    Notes
    -----
    The log-variance of the Gaussian decoders, in the model's units, is
    ``v = -10 + softplus(a + 10)``, where a is the linear output. It has a smooth floor at -10.
    Without a floor, the density and the bound could grow without limit.

    A factor sqrt(t / (t + 20)) scales step t of Adagrad, where t counts minibatches. Without it,
    the first step would move every weight by the full learning rate, whatever the gradient.

    References
    ----------
    .. [1] D. P. Kingma, M. Welling, "Auto-Encoding Variational Bayes", arXiv:1312.6114.

    Examples
    --------
    >>> from aevb import AEVB
    >>> from aevb.datasets import load_digits
    >>> X = load_digits()
    >>> AEVB(n_components=2, n_epochs=20, random_state=0).fit(X).transform(X).shape
    (1797, 2)
    """

    def __init__(
        self,
        n_components: int = 20,
        *,
        hidden_layer_sizes: Any = (500,),
        activation: str = "tanh",
        likelihood: str = "auto",
        posterior: str = "gaussian",
        prior: str = "auto",
        weight_posterior: str | None = None,
        n_weight_draws: int = 0,
        bound_estimator: str = "analytic-kl",
        renyi_order: float = 0.5,
        n_draws: int = 1,
        optimizer: str = "adam",
        learning_rate: float | str = "auto",
        learning_rate_schedule: Any = "cosine",
        kl_weight: float = 1.0,
        kl_warmup: float = 0.0,
        kl_cycles: int = 1,
        free_bits: float = 0.0,
        weight_decay: float = 1.0,
        init_scale: float | str = "auto",
        batch_size: int = 100,
        n_epochs: int | str = "auto",
        early_stopping: bool | str = "auto",
        validation_fraction: float | str = "auto",
        patience: int | None = None,
        scale: Any = "auto",
        mask_inputs: bool | str = "auto",
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
        self.posterior = posterior
        self.prior = prior
        self.weight_posterior = weight_posterior
        self.n_weight_draws = n_weight_draws
        self.bound_estimator = bound_estimator
        self.renyi_order = renyi_order
        self.n_draws = n_draws
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.kl_weight = kl_weight
        self.kl_warmup = kl_warmup
        self.kl_cycles = kl_cycles
        self.free_bits = free_bits
        self.weight_decay = weight_decay
        self.init_scale = init_scale
        self.batch_size = batch_size
        self.n_epochs = n_epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.scale = scale
        self.mask_inputs = mask_inputs
        self.binarize = binarize
        self.n_threads = n_threads
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose

    @property
    def weights_std_(self) -> dict[str, NDArray[np.float32]]:
        """Posterior standard deviations of the weights that have a posterior, by name."""
        log_sd = self._with_posterior("weights_std_").arrays("log_sd")
        return {name: np.exp(array) for name, array in log_sd.items()}

    @property
    def weight_kl_(self) -> float:
        """KL(q(theta) || p(theta)) of the weights that have a posterior, in nats."""
        return self._with_posterior("weight_kl_").weight_kl

    def _with_posterior(self, name: str) -> Engine:
        engine = self._learnt(name).engine
        if engine.settings["weight_posterior"] == "none":
            raise AttributeError(f"{type(self).__name__} has no '{name}' without weight_posterior")
        return engine

    def _engines(self) -> Iterator[Engine]:
        engine, n = self._engine, int(getattr(self, "n_weight_draws", 0))
        if n == 0 or engine.settings["weight_posterior"] == "none":
            yield engine
            return
        for index in range(n):
            yield engine.draw(index, seed=engine.seed, n_threads=self.n_threads)
