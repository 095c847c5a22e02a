"""The estimator `DaskAEVB`: training on the workers of a Dask cluster.

Dask is imported where it is used, so that this module needs it for no import.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from aevb.core.checks import check_integer
from aevb.distributed.collections import is_collection, lazily, partitions_of
from aevb.distributed.team import Team
from aevb.estimators.aevb import AEVB
from aevb.estimators.documentation import documented

if TYPE_CHECKING:
    from typing_extensions import Self

    from aevb.storage.model_file import Saved

_SYNC_EVERY = 250  # minibatches: about a quarter of a second, and a round costs some 20 ms


def _with_parameters_of_aevb(init: Callable[..., None]) -> Callable[..., None]:
    """Put the parameters of `AEVB` in the place of ``**parameters`` of a constructor."""
    of_aevb = inspect.signature(AEVB.__init__).parameters
    own = inspect.signature(init).parameters
    merged = [p for name, p in own.items() if name != "parameters"]
    merged += [p for name, p in of_aevb.items() if name not in own]
    cast("Any", init).__signature__ = inspect.Signature(merged)
    return init


@documented()
class DaskAEVB(AEVB):
    r"""`AEVB` on a Dask cluster: training, `transform` and scores where the data are.

    Each worker trains on the partitions that it holds for some minibatches, all from the same
    weights. Then the weights and the optimizer's accumulators of all workers are averaged in pairs,
    in pairs of pairs, and so on. The mean starts the next round. If a worker dies, the others take
    over its partitions and repeat the round.

    Parameters
    ----------
    client : distributed.Client, default=None
        The client of the cluster. None means the default client of the process.
    {parameters}
    sync_every : int, default=250
        The most minibatches of a worker in a round. More of them cost less time: a round costs some
        10 to 50 ms beside the training. With fewer, the mean of several workers learns a little
        faster.

    Attributes
    ----------
    client_ : distributed.Client
        The client in use.
    weights_, likelihood_, columns_, history_, n_samples_seen_, n_features_in_, ...
        As in `AEVB`. ``n_steps_`` adds up the minibatches of the busiest worker of each round.
        There is no ``n_threads_``, since each worker has threads of its own.

    Notes
    -----
    `fit` takes a Dask array, a Dask frame, or a list of delayed tables: arrays, CSR matrices or
    pandas frames. `transform`, `score_samples`, `inverse_transform` and `reconstruct` return lazy
    collections for these, and results as those of `AEVB` for other data. Other methods are those of
    `AEVB`, in the process of the client.

    The likelihood, the units and the levels of each column come from all rows. The initial biases
    of categories come from up to 1000 rows of all partitions. The held-out rows are of all
    partitions, too. The client has these rows, and validates on them after each epoch.

    With Adam and ``learning_rate="auto"``, several workers have twice the rate of one process,
    since each takes fewer steps for as many rows.

    Partitions stay on the workers that hold them, unless a worker has more than 1.1 times the mean
    number of rows. A worker without partitions takes no part. Each worker keeps a joined copy of
    its rows during `fit`, so a persisted collection takes its memory twice.

    The same partitions on the same number of workers give the same bits, if they are divided in the
    same way among them. The scheduler decides that.

    Examples
    --------
    >>> from aevb import DaskAEVB
    >>> DaskAEVB(n_components=2, sync_every=100).get_params()["sync_every"]
    100
    """

    @_with_parameters_of_aevb
    def __init__(
        self,
        client: Any = None,
        n_components: int = 20,
        *,
        sync_every: int = _SYNC_EVERY,
        **parameters: Any,
    ) -> None:
        super().__init__(n_components, **parameters)
        self.client = client
        self.sync_every = sync_every

    @property
    def client_(self) -> Any:
        """The client in use."""
        try:
            import distributed
        except ImportError as error:
            raise ImportError(
                "DaskAEVB needs Dask with its scheduler; want pip install 'aevb[dask]'"
            ) from error
        client = self.client
        if client is None:
            try:
                client = distributed.get_client()
            except ValueError as error:
                raise ValueError(
                    "client: got None, but this process has no default client; want a "
                    "distributed.Client"
                ) from error
        if not isinstance(client, distributed.Client) or client.asynchronous:
            raise TypeError(
                f"client: got {client!r}, want a distributed.Client that is not asynchronous"
            )
        return client

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train on X for ``n_epochs`` passes.

        Parameters
        ----------
        X : dask array, dask frame or list of delayed of shape (n_samples, n_features)
            Training data. The delayed objects are arrays, CSR matrices or pandas frames.
        y : None
            Ignored.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError, TypeError
            If a parameter or the data are not valid. The message names them.
        DivergenceError
            If the bound or a weight is no longer finite. The estimator is then unchanged.
        RuntimeError
            If workers die again and again.
        KeyboardInterrupt
            After Ctrl-C. The estimator then has the weights of the last whole round.

        Warns
        -----
        FitWarning
            As `AEVB.fit`.
        """
        return super().fit(X, y)

    def transform(self, X: Any) -> Any:
        """Return the posterior mean of z for each row: lazily if X is a collection.

        Parameters
        ----------
        X : dask array, dask frame, list of delayed, or what `AEVB` takes
            Data of shape (n_samples, n_features).

        Returns
        -------
        Z : dask array or ndarray of shape (n_samples, n_components), float32
            Posterior means, in the chunks of `X`. After ``set_output``, the result is computed.
        """
        if not is_collection(X):
            return super().transform(X)
        like = np.empty((0, self._engine.n_components), np.float32)
        return lazily(self._reading(), "transform", X, like)

    def score_samples(self, X: Any) -> Any:
        """Return a lower bound on log p(x) of each row: lazily if X is a collection.

        Parameters
        ----------
        X : dask array, dask frame, list of delayed, or what `AEVB` takes
            Data of shape (n_samples, n_features).

        Returns
        -------
        scores : dask array or ndarray of shape (n_samples,), float64
            Score of each row in nats, in the chunks of `X`.
        """
        if not is_collection(X):
            return super().score_samples(X)
        return lazily(self._reading(), "score_samples", X, np.empty(0))

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean of `score_samples` over the rows.

        Parameters
        ----------
        X : dask array, dask frame, list of delayed, or what `AEVB` takes
            Data of shape (n_samples, n_features).
        y : None
            Ignored.

        Returns
        -------
        score : float
            Mean score in nats per row.
        """
        if not is_collection(X):
            return super().score(X)
        return float(self.client_.compute(self.score_samples(X).mean()).result())

    def inverse_transform(self, Z: Any) -> Any:
        """Return the mean of p(x|z) for each z: lazily if Z is a collection.

        Parameters
        ----------
        Z : dask array, list of delayed, or array-like of shape (n_samples, n_components)
            Latent variables.

        Returns
        -------
        X : dask array or dask frame, or as `AEVB.inverse_transform`
            Means, in the units of the data.
        """
        if not is_collection(Z):
            return super().inverse_transform(Z)
        return lazily(self._reading(), "inverse_transform", Z, self._no_means())

    def reconstruct(self, X: Any) -> Any:
        """Return the mean of p(x|z) at the posterior mean of z: lazily if X is a collection.

        Parameters
        ----------
        X : dask array, dask frame, list of delayed, or what `AEVB` takes
            Data of shape (n_samples, n_features).

        Returns
        -------
        X : dask array or dask frame, or as `AEVB.reconstruct`
            Reconstructions.
        """
        if not is_collection(X):
            return super().reconstruct(X)
        return lazily(self._reading(), "reconstruct", X, self._no_means())

    def to_local(self) -> AEVB:
        """Return a fitted `AEVB` with this model's parameters and state.

        Returns
        -------
        model : AEVB
            The model. It needs no Dask, and shares nothing with this one.
        """
        check_is_fitted(self)
        assert self._state is not None
        model = self._unfitted()
        model._state = self._state.copy()
        return model

    def _unfitted(self) -> AEVB:
        own = {"client", "sync_every"}
        parameters = self.get_params(deep=False)
        return AEVB(**{name: value for name, value in parameters.items() if name not in own})

    def _reading(self) -> Any:
        """Return the fitted model as one delayed object, for all tasks of a collection."""
        import dask

        model = self.to_local()
        model.n_threads = model.n_threads or 1  # a worker runs a task on each of its threads
        return dask.delayed(model, traverse=False)

    def _no_means(self) -> Any:
        """Return an empty table of means of x."""
        one = super().inverse_transform(np.zeros((1, self._engine.n_components), np.float32))
        return one[:0]

    @contextmanager
    def _sharing(self, X: Any) -> Iterator[tuple[Any, dict[str, Any]]]:
        """Share the rows among the workers. Yield some of them, and the options of a trainer."""
        check_integer("sync_every", self.sync_every)
        client, partitions = self.client_, partitions_of(X)
        # that of the model, also in a second fit: it chooses the same rows to hold out
        self._seed = super()._new_seed() if self._state is None else self._state.engine.seed
        with Team(client, partitions, self, self.sync_every, self._seed) as team:
            self._n_all = team.n_all
            some, held_out = team.some_rows()
            yield some, {"X_val": held_out, "comm": team}

    def _new_seed(self) -> int:
        return self._seed

    def _auto_rate(self, n_rows: float) -> float | str:
        return super()._auto_rate(self._n_all)

    def _worker(self, *, keep_fitted: bool) -> Self:
        worker = super()._worker(keep_fitted=keep_fitted)
        worker.client = self.client  # which a copy leaves out, as a pickle does
        return worker

    def _saved(self) -> Saved:
        return self.to_local()._saved()

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "client": None}

    def __sklearn_clone__(self) -> Self:  # a client cannot be copied
        parameters = clone(self._unfitted()).get_params(deep=False)
        copy = type(self)(self.client, sync_every=self.sync_every, **parameters)
        for name in ("_sklearn_output_config", "_metadata_request"):  # as a clone of scikit-learn
            if hasattr(self, name):
                setattr(copy, name, deepcopy(getattr(self, name)))
        return copy
