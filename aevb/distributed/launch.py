"""The processes that mpiexec has started, and the share of each in one table."""

from __future__ import annotations

import os
from typing import Any

from aevb.training.exchange import Exchange, exchange_of

# Launchers number their processes by these: MPICH and its relatives, Open MPI, those with PMIx.
_NUMBERS = ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK")


def launched_exchange(sync_every: int) -> Exchange:
    """Return the exchange of all processes that were started with this one.

    Raises
    ------
    ImportError
        If mpiexec has started this process, but mpi4py is missing.
    ValueError
        If there is `sync_every`, but mpiexec has not started this process.
    """
    if not any(name in os.environ for name in _NUMBERS):
        return exchange_of(None, sync_every)
    try:
        from mpi4py import MPI
    except ImportError as error:
        raise ImportError(
            "mpiexec has started this process, but mpi4py is missing; want pip install 'aevb[mpi]'"
        ) from error
    return exchange_of(MPI.COMM_WORLD, sync_every)


def share_of(X: Any, exchange: Exchange) -> Any:
    """Return every n-th row of a table, from the number of this process on.

    So all shares are alike, however the rows are ordered. A frame's columns of words become
    categories, which have the same levels in every share.
    """
    if exchange.n_ranks == 1:
        return X
    rows = slice(exchange.rank, None, exchange.n_ranks)
    if not hasattr(X, "iloc"):
        return X[rows]
    words = [name for name, dtype in X.dtypes.items() if str(dtype) == "object"]
    return X.astype(dict.fromkeys(words, "category")).iloc[rows]
