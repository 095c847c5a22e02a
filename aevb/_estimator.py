"""The AEVB estimator."""

from __future__ import annotations

import copy
import os
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from aevb._data import Data, as_rows, check_data, choose_input_scale, choose_likelihood
from aevb._engine import Model, Rows, single_threaded_blas
from aevb._parameters import (
    check_integer,
    check_parameters,
    draw_seed,
    make_config,
    resolve_threads,
)
from aevb._persistence import load_model, save_model
from aevb._trainer import Trainer

__all__ = ["AEVB"]

HISTORY_KEYS = ("samples_seen", "train_bound", "validation_bound", "seconds")


class AEVB(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    r"""Auto-Encoding Variational Bayes: a variational auto-encoder trained on the CPU.

    Learns a generative model :math:`p_\theta(x|z)p(z)`, :math:`p(z) = N(0, I)`, together with an
    encoder :math:`q_\phi(z|x) = N(\mu, \mathrm{diag}(\sigma^2))` by stochastic ascent of the
    variational lower bound [1]_. Both are multilayer perceptrons; the decoder mirrors the encoder.

    Parameters
    ----------
    n_components : int, default=20
        Dimension J of the latent variable z.
    hidden_layer_sizes : int or sequence of int, default=(500,)
        Widths of the encoder's hidden layers; the decoder has them in reverse.
    activation : {"tanh", "relu", "softplus", "sigmoid"}, default="tanh"
        Activation of the hidden layers.
    likelihood : {"auto", "bernoulli", "gaussian", "bounded-gaussian"}, default="auto"
        p(x|z), appendix C of [1]_: Bernoulli from logits (real values in [0, 1] allowed); Gaussian
        with a mean and a log-variance per feature (see Notes for its floor); bounded Gaussian,
        whose mean passes through a sigmoid, for data in (0, 1). "auto" is Bernoulli where every value lies in [0, 1] and Gaussian otherwise.
    bound_estimator : {"analytic-kl", "monte-carlo", "score-function"}, default="analytic-kl"
        Estimator of the bound's gradient: SGVB B (eq. 7), SGVB A (eq. 6), or the naive
        score-function gradient (section 2.2), whose variance is very high.
    n_draws : int, default=1
        Draws L of z per row and minibatch.
    optimizer : {"adagrad", "sgd", "adam"}, default="adagrad"
        Step rule; the paper's is Adagrad.
    learning_rate : float, default=0.02
        Global step size.
    weight_decay : float, default=1.0
        Precision of the Gaussian prior on the weights (not biases): a minibatch's mean gradient
        has ``-weight_decay / n_samples * w`` added. 1 is the paper's MAP estimate.
    init_scale : float, default=0.1
        Standard deviation of the initial parameters.
    batch_size : int, default=100
        Rows M per minibatch; the last of an epoch may be shorter.
    n_epochs : int, default=20
        Passes over the data in `fit`.
    binarize : {None, "threshold", "dynamic"}, default=None
        "threshold" reads x as x > 0.5; "dynamic" draws each pixel anew from Bernoulli(x) at each
        visit.
    input_scale : "auto" or float, default="auto"
        Factor on the data. "auto": 1/255 for uint8 data with values above 1, else 1.
    validation_fraction : float, default=0.0
        Fraction of the rows held out in `fit` for a validation bound after each epoch.
    patience : int, default=None
        Stop when the validation bound has not improved for this many epochs, and keep the weights
        of the best. None trains for all of ``n_epochs``.
    precision : {"float32"}, default="float32"
        Arithmetic of the core.
    n_threads : int, default=None
        Threads of the core; None takes all cores this process may use. Results do not depend on it.
    random_state : int, RandomState instance or None, default=None
        Seed of initial weights, minibatches and noise.
    warm_start : bool, default=False
        Let `fit` go on from the weights of the previous call.
    verbose : int, default=0
        Show a progress bar if not 0.

    Attributes
    ----------
    weights_ : dict of str to ndarray
        Copies of all weights, ``encoder.hidden0.weight`` (D, H), ``encoder.hidden0.bias`` (H,), ...
    likelihood_ : str
        The likelihood in use.
    input_scale_ : float
        The factor in use.
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
    The Gaussian decoders' log-variance is ``v = a + softplus(-10 - a)`` of the linear output ``a``:
    a smooth floor at -10, without which the density, and the bound, could grow without limit.

    References
    ----------
    .. [1] D. P. Kingma, M. Welling, "Auto-Encoding Variational Bayes", arXiv:1312.6114.

    Examples
    --------
    >>> from aevb import AEVB
    >>> from aevb.datasets import load_digits
    >>> X = load_digits().data
    >>> AEVB(n_components=2, random_state=0).fit(X).transform(X).shape
    (1797, 2)
    """

    _engine: Model

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
        learning_rate: float = 0.02,
        weight_decay: float = 1.0,
        init_scale: float = 0.1,
        batch_size: int = 100,
        n_epochs: int = 20,
        binarize: str | None = None,
        input_scale: Any = "auto",
        validation_fraction: float = 0.0,
        patience: int | None = None,
        precision: str = "float32",
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
        self.precision = precision
        self.n_threads = n_threads
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose

    # Learning

    def fit(self, X: Any, y: Any = None) -> AEVB:
        """Train on X for ``n_epochs`` passes.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
            Training data: any real dtype, array, memory map or frame; read in place.
        y : None
            Ignored.

        Returns
        -------
        self : AEVB

        Raises
        ------
        ValueError, TypeError
            For bad parameters or data, naming them.
        DivergenceError
            If the bound or a weight is no longer finite. The estimator stays as it was.
        """
        check_parameters(self)
        worker = self._worker(keep_fitted=self.warm_start)
        trainer = Trainer(worker, X)
        trainer._run(until=worker.n_samples_seen_ + int(self.n_epochs) * trainer._train[1])
        trainer._restore_best()
        return self._adopt(worker)

    def partial_fit(self, X: Any, y: Any = None) -> AEVB:
        """Train on one pass over X, from where the model stands.

        The prior on the weights counts all rows seen so far, over all calls, as the training set.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
            New data.
        y : None
            Ignored.

        Returns
        -------
        self : AEVB

        Raises
        ------
        ValueError, TypeError
            For bad parameters or data, naming them.
        DivergenceError
            If the bound or a weight is no longer finite. The estimator stays as it was.
        """
        check_parameters(self)
        worker = self._worker(keep_fitted=True)
        worker.validation_fraction, worker.patience = 0.0, None
        trainer = Trainer(worker, X)
        trainer._n_prior += worker.n_samples_seen_
        trainer._run(until=worker.n_samples_seen_ + trainer._train[1])
        return self._adopt(worker)

    def _worker(self, *, keep_fitted: bool) -> AEVB:
        """Return a copy to train in this one's stead, so that a failed fit changes nothing here."""
        worker = copy.copy(self)
        fitted = self._fitted_attributes()
        for name in fitted:
            delattr(worker, name)
        if keep_fitted:
            vars(worker).update(copy.deepcopy(fitted))
        return worker

    def _adopt(self, worker: AEVB) -> AEVB:
        for name in self._fitted_attributes():
            delattr(self, name)
        vars(self).update(worker._fitted_attributes())
        return self

    def _fitted_attributes(self) -> dict[str, Any]:
        return {
            name: value
            for name, value in vars(self).items()
            if name == "_engine" or (name.endswith("_") and not name.startswith("_"))
        }

    def _initialize(self, data: Data) -> None:
        """Make the core's model for this data, or bring a fitted one's options up to date."""
        if self.__sklearn_is_fitted__():
            seed = self._engine.config.as_dict()["seed"]
            self._engine.config = make_config(self, self.n_features_in_, seed)
            return
        self.input_scale_ = choose_input_scale(self, data)
        self.likelihood_ = choose_likelihood(self, data, self.input_scale_)
        as_rows(self, data)  # values that do not suit the likelihood: an error before there is a model
        seed = draw_seed(self.random_state)
        self.history_: dict[str, list[float]] = {key: [] for key in HISTORY_KEYS}
        self._engine = Model(make_config(self, self.n_features_in_, seed))

    # Inference

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Return the means of q(z|x).

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
            Data.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_components), float32
            Posterior means.
        """
        rows, n_threads = self._check_rows(X)
        with single_threaded_blas():
            return self._engine.encode(rows, n_threads=n_threads)

    def inverse_transform(self, Z: ArrayLike) -> NDArray[np.float32]:
        """Return the means of p(x|z), in the units of the data times ``input_scale_``.

        Parameters
        ----------
        Z : array-like of shape (n_samples, n_components)
            Latent variables.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features), float32
            Decoder means.
        """
        check_is_fitted(self)
        Z = check_array(Z, dtype=np.float32, order="C", input_name="Z")
        with single_threaded_blas():
            return self._engine.decode(Z, n_threads=resolve_threads(self.n_threads))

    def reconstruct(self, X: Any) -> NDArray[np.float32]:
        """Return the decoder's means at the encoder's means.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
            Data.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features), float32
            Reconstructions.
        """
        rows, n_threads = self._check_rows(X)
        with single_threaded_blas():
            Z = self._engine.encode(rows, n_threads=n_threads)
            return self._engine.decode(Z, n_threads=n_threads)

    def sample(self, n_samples: int = 1, random_state: Any = None) -> NDArray[np.float32]:
        """Draw x from the generative model: z from the prior, then x from p(x|z).

        Parameters
        ----------
        n_samples : int, default=1
            Number of draws.
        random_state : int, RandomState instance or None, default=None
            Seed; None takes the estimator's own ``random_state``.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features), float32
            Draws: 0 or 1 for Bernoulli, mean plus noise for the Gaussians.
        """
        check_is_fitted(self)
        n_samples = check_integer("n_samples", n_samples)
        seed = draw_seed(self.random_state if random_state is None else random_state)
        with single_threaded_blas():
            return self._engine.sample(
                n_samples, seed=seed, n_threads=resolve_threads(self.n_threads)
            )

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Return the variational lower bound on log p(x) of each row, estimated with ``n_draws``.

        The noise depends on the model's seed and the row's values alone: a row has the same bound
        in any batch, and the same on every call.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
            Data.

        Returns
        -------
        bound : ndarray of shape (n_samples,), float64
            Bound of each row, nats.
        """
        rows, n_threads = self._check_rows(X)
        config = self._engine.config.as_dict()
        with single_threaded_blas():
            bound, _ = self._engine.bound(
                rows,
                begin=0,
                size=rows.shape[0],
                n_draws=config["n_draws"],
                seed=config["seed"],
                n_threads=n_threads,
            )
        return bound

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean of `score_samples`, nats per row.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
            Data.
        y : None
            Ignored.

        Returns
        -------
        bound : float
            Mean bound.
        """
        return float(self.score_samples(X).mean())

    def bound_and_gradient(
        self, X: Any, noise: ArrayLike | None = None
    ) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float32]]]:
        """Return the bound of each row and the gradient of their sum, without weight decay.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
            Data.
        noise : array-like of shape (n_draws, n_samples, n_components), default=None
            eps of eq. 10; by default that of `score_samples`.

        Returns
        -------
        bound : ndarray of shape (n_samples,), float64
            Bound of each row, nats.
        gradient : dict of str to ndarray, float32
            By the names of ``weights_``.
        """
        rows, n_threads = self._check_rows(X)
        eps = None
        if noise is not None:
            eps = check_array(noise, dtype=np.float32, order="C", allow_nd=True, input_name="noise")
        seed = self._engine.config.as_dict()["seed"]
        with single_threaded_blas():
            return self._engine.bound_and_gradient(rows, eps, seed=seed, n_threads=n_threads)

    def _check_rows(self, X: Any) -> tuple[Rows, int]:
        check_is_fitted(self)
        return as_rows(self, check_data(self, X, reset=False)), resolve_threads(self.n_threads)

    # State

    @property
    def weights_(self) -> dict[str, NDArray[np.float32]]:
        """Copies of all weights and biases by name; weights are (in, out)."""
        self._require_fitted("weights_")
        return self._engine.arrays("weights")

    @property
    def n_samples_seen_(self) -> int:
        """Rows trained on so far, all visits counted."""
        self._require_fitted("n_samples_seen_")
        return self._engine.n_samples_seen

    @property
    def n_steps_(self) -> int:
        """Minibatches trained on so far."""
        self._require_fitted("n_steps_")
        return self._engine.n_steps

    def set_weights(self, weights: dict[str, ArrayLike]) -> AEVB:
        """Replace all weights.

        Parameters
        ----------
        weights : dict of str to array-like
            The names and shapes of ``weights_``; finite.

        Returns
        -------
        self : AEVB
        """
        check_is_fitted(self)
        if not isinstance(weights, dict):
            raise TypeError(f"weights: got {type(weights).__name__}, want a dict of arrays")
        unknown = sorted(set(weights) - set(self.weights_))
        if unknown:
            raise ValueError(f"weights: got the unknown names {unknown}")
        arrays = {}
        for name, value in weights.items():
            arrays[name] = np.asarray(value, dtype=np.float32)
            if not np.isfinite(arrays[name]).all():
                raise ValueError(f"weights: '{name}' has values that are not finite")
        self._engine.set_arrays(arrays, "weights")
        return self

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted model to a safetensors file, optimiser state included.

        Parameters
        ----------
        path : str or path-like
            The file; replaced whole or not at all.
        """
        check_is_fitted(self)
        save_model(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> AEVB:
        """Read a model that `save` wrote.

        Parameters
        ----------
        path : str or path-like
            The file.

        Returns
        -------
        model : AEVB

        Raises
        ------
        ValueError
            If the file is damaged or is not a model of this class; it names the file.
        """
        return load_model(cls, path)

    def _require_fitted(self, name: str) -> None:
        # AttributeError, so that hasattr says what it says of any fitted attribute
        if not self.__sklearn_is_fitted__():
            raise AttributeError(f"{type(self).__name__} has no '{name}' before it is fitted")

    @property
    def _n_features_out(self) -> int:
        return int(self._engine.config.as_dict()["n_components"])

    def __sklearn_is_fitted__(self) -> bool:
        return "_engine" in vars(self)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
