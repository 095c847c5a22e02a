"""Ctrl-C while several processes work together: it must not end one of them alone."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def interrupts_noted(note: Callable[[], object]) -> Iterator[None]:
    """Call `note` instead of raising KeyboardInterrupt during a block.

    Python runs handlers of signals in the main thread only. In other threads, and where Ctrl-C is
    ignored, this does nothing.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    signal.signal(signal.SIGINT, lambda *_: note())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
