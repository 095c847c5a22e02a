"""Signals while several processes work together: none may end one of them between two exchanges."""

from __future__ import annotations

import signal
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self


class HeldSignals:
    """A block in which signals are noted, and their Python handlers wait.

    Ctrl-C only sets `interrupted`. The end of a block without an error calls the handlers that
    still wait, also that of Ctrl-C. Python runs handlers in the main thread only, so in other
    threads this does nothing.
    """

    def __init__(self) -> None:
        self.interrupted = False
        self._noted: list[int] = []
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in sorted(signal.valid_signals()):
                handler = signal.getsignal(number)
                if callable(handler):
                    self._handlers[number] = handler
                    signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        if kind is None and self.interrupted:
            self._noted.append(signal.SIGINT)
        if kind is None:
            self.call_handlers()

    def _note(self, number: int, frame: object) -> None:
        if number == signal.SIGINT:
            self.interrupted = True
        else:
            self._noted.append(number)

    def call_handlers(self) -> None:
        """Call the handlers that wait, apart from that of Ctrl-C. They may raise."""
        while self._noted:
            number = self._noted.pop(0)
            self._handlers[number](number, None)
