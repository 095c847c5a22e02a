"""The ``aevb`` command: ``fit``, ``evaluate``, ``sample`` and so on, one file each.

A command imports slow modules only when it needs them. After an error, the command prints one line
to stderr. The exit code is 2 for a wrong call of the command and 1 for any other error.
"""

from aevb.cli.entry import main

__all__ = ["main"]
