"""Functions of the operating system. No other module asks which system this is."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path


def usable_cpus() -> frozenset[int]:
    """Return the CPUs that this process may use. On systems other than Linux, return all."""
    if sys.platform == "linux":
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))


def after_fork_in_child(work: Callable[[], None]) -> None:
    """Call `work` first in every forked child. A system without fork never calls it."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=work)


def sync_folder(path: Path) -> None:
    """Write the names of a folder's files to the disk.

    Windows cannot open a folder, and keeps names in a journal. There, this does nothing.
    """
    if os.name != "nt":
        sync_file(path)


def sync_file(path: Path) -> None:
    """Write a file's contents to the disk. A crash must not leave a name without contents.

    Windows can sync a file only if it is open for writing.
    """
    descriptor = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
