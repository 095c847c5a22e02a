"""The ``aevb`` command: ``demo``, ``fit``, ``evaluate``, ``sample``, ``reproduce`` and ``info``.

Whatever takes time to import is imported by the command that needs it. A mistake of the user
ends in one line on stderr and exit code 2 (how the command was called) or 1 (anything else).
"""

from aevb.cli.entry import main

__all__ = ["main"]
