"""The estimator `WakeSleep`: its parameters and its documentation."""

from __future__ import annotations

from typing import Any

from aevb.estimators.documentation import documented
from aevb.estimators.encoder_model import EncoderModel

__all__ = ["WakeSleep"]


@documented()
class WakeSleep(EncoderModel):
    r"""The variational auto-encoder's two networks, trained by the wake-sleep algorithm [1]_.

    The generative model, the encoder and the methods are those of `AEVB`. The paper compares the
    two algorithms [2]_. Each minibatch gives a wake step and a sleep step. The wake step draws z
    from the encoder's q(z|x), and the decoder ascends log p(x, z). The sleep step draws z from the
    prior and x from p(x|z), for as many rows as the minibatch has. The encoder ascends log q(z|x)
    on these draws. The two objectives are not parts of one bound.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    weights_, likelihood_, columns_, history_, n_samples_seen_, n_steps_, n_threads_, n_features_in_
        As in `AEVB`. The bounds of ``history_`` and of `score_samples` are eq. 2 of [2]_, a lower
        bound on log p(x). The encoder is not trained to increase that bound.

    Notes
    -----
    The encoder learns from draws that change with the decoder. If the bound stops increasing, a
    larger ``learning_rate`` may help. The draws of a Bernoulli decoder are 0 or 1, not means.

    References
    ----------
    .. [1] G. E. Hinton, P. Dayan, B. J. Frey, R. M. Neal, "The wake-sleep algorithm for
       unsupervised neural networks", Science 268, 1995.
    .. [2] D. P. Kingma, M. Welling, "Auto-Encoding Variational Bayes", arXiv:1312.6114.

    Examples
    --------
    >>> from aevb import WakeSleep
    >>> from aevb.datasets import load_digits
    >>> X = load_digits()
    >>> WakeSleep(n_components=2, n_epochs=20, random_state=0).fit(X).transform(X).shape
    (1797, 2)
    """

    _algorithm = "wake-sleep"

    def __init__(
        self,
        n_components: int = 20,
        *,
        hidden_layer_sizes: Any = (500,),
        activation: str = "tanh",
        likelihood: str = "auto",
        posterior: str = "gaussian",
        prior: str = "auto",
        n_draws: int = 1,
        optimizer: str = "adam",
        learning_rate: float | str = "auto",
        learning_rate_schedule: Any = "cosine",
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
        self.mask_inputs = mask_inputs
        self.binarize = binarize
        self.n_threads = n_threads
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
