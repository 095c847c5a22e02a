"""Training by several processes."""

from __future__ import annotations

from aevb.distributed.mpi import exchange_by_mpi
from aevb.training.exchange import register_exchange

register_exchange(exchange_by_mpi)
