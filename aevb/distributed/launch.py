"""The processes that mpiexec has started, and the share of each in one table."""

from __future__ import annotations

import os
from typing import Any

from aevb.training.exchange import Exchange, exchange_of

# Launchers tell the number of processes by these: MPICH and its relatives, Open MPI.
_NUMBERS = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE")


def launched_exchange(sync_every: int, outer_momentum: float) -> Exchange:
    """Return the exchange of all processes that were started with this one.

    Raises
    ------
    ImportError
        If mpiexec has started several processes, but mpi4py is missing or has another MPI.
    ValueError
        If an argument is for several processes, but mpiexec has not started this one.
    """
    n = max(int(os.environ.get(name, 1)) for name in _NUMBERS)
    if n == 1:
        return exchange_of(None, sync_every, outer_momentum)
    started = f"mpiexec has started {n} processes, but mpi4py"
    try:
        from mpi4py import MPI
    except ImportError as error:
        raise ImportError(f"{started} is missing; want pip install 'aevb[mpi]'") from error
    if MPI.COMM_WORLD.Get_size() != n:
        raise ImportError(
            f"{started} sees {MPI.COMM_WORLD.Get_size()}; want mpiexec of the MPI that it uses"
        )
    return exchange_of(MPI.COMM_WORLD, sync_every, outer_momentum)


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
    words = [name for name, dtype in X.dtypes.items() if str(dtype) in ("object", "str")]
    return X.astype(dict.fromkeys(words, "category")).iloc[rows]
