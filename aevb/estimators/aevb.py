"""The AEVB estimator: its parameters. What it does with them is in `_encoder_model`."""

from __future__ import annotations

from typing import Any

from aevb.estimators.documentation import documented
from aevb.estimators.encoder_model import EncoderModel
from aevb.training.trainable import kind_of_model

__all__ = ["AEVB"]


@kind_of_model
@documented()
class AEVB(EncoderModel):
    r"""Auto-Encoding Variational Bayes: a variational auto-encoder trained on the CPU.

    Learns a generative model :math:`p_\theta(x|z)p(z)`, :math:`p(z) = N(0, I)`, together with an
    encoder :math:`q_\phi(z|x) = N(\mu, \mathrm{diag}(\sigma^2))` by stochastic ascent of the
    variational lower bound [1]_. Both are multilayer perceptrons; the decoder mirrors the encoder.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    weights_ : dict of str to ndarray
        Copies of all weights, ``encoder.hidden0.weight`` (D, H), ``encoder.hidden0.bias`` (H,), ...
    likelihood_ : str
        The likelihood in use.
    input_scale_ : float
        The factor in use.
    learning_rate_ : float
        The step size in use.
    learning_rate_trials_ : dict of float to float
        Of ``learning_rate="auto"``: the score that each rate came to, nats per row; minus infinity
        for one that diverged.
    history_ : dict of lists
        ``samples_seen``, ``train_bound`` and ``validation_bound`` (nats per row; NaN without
        validation data) and ``seconds`` of training, an entry per epoch.
    n_samples_seen_ : int
        Rows trained on so far, all visits counted.
    n_steps_ : int
        Minibatches trained on so far.
    n_features_in_ : int
        Number of features D.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X has them.

    Notes
    -----
    The Gaussian decoders' log-variance is ``v = -10 + softplus(a + 10)`` of the linear output a: a
    smooth floor at -10, without which the density, and the bound, could grow without limit.

    Adagrad's step t is scaled by sqrt(t / (t + 20)), t counting minibatches: its very first steps
    move every weight by the full step size whatever the gradient.

    References
    ----------
    .. [1] D. P. Kingma, M. Welling, "Auto-Encoding Variational Bayes", arXiv:1312.6114.

    Examples
    --------
    >>> from aevb import AEVB
    >>> from aevb.datasets import load_digits
    >>> X = load_digits()
    >>> AEVB(n_components=2, random_state=0).fit(X).transform(X).shape
    (1797, 2)
    """

    def __init__(
        self,
        n_components: int = 20,
        *,
        hidden_layer_sizes: Any = (500,),
        activation: str = "tanh",
        likelihood: str = "auto",
        bound_estimator: str = "analytic-kl",
        n_draws: int = 1,
        optimizer: str = "adagrad",
        learning_rate: float | str = 0.02,
        weight_decay: float = 1.0,
        init_scale: float = 0.1,
        batch_size: int = 100,
        n_epochs: int = 20,
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
        self.bound_estimator = bound_estimator
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
