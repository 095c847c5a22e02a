"""What only some systems have: the one place that asks which system this is.

On Linux every function does what its name says; elsewhere it does what it can, as it says.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path


def usable_cpus() -> frozenset[int]:
    """Return the processors that this process may use; elsewhere all there are."""
    if sys.platform == "linux":
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))


def after_fork_in_child(work: Callable[[], None]) -> None:
    """Have a forked child do some work first; where there is no fork, nothing is to be done."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=work)


def sync_folder(path: Path) -> None:
    """Have the names in a folder on disk before going on.

    Windows cannot open a folder, and keeps names in its journal: nothing is done there.
    """
    if os.name != "nt":
        sync_file(path)


def sync_file(path: Path) -> None:
    """Have a file on disk before going on: a crash must not leave a name without its contents.

    A file that is open for reading alone can be synced on every system but Windows.
    """
    descriptor = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
