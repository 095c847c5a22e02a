"""The entry point of the ``aevb`` command: its parser, error messages and exit codes."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

from aevb.cli import demo, evaluate, fit, impute, info, sample, transform
from aevb.cli.info import version_of
from aevb.cli.options import Parser, UsageError
from aevb.exceptions import RankError
from aevb.paper.command import add_reproduce


def main(argv: Sequence[str] | None = None) -> int:
    """Run the ``aevb`` command.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments. By default, those of the process.

    Returns
    -------
    int
        The exit code: 0, 1 for an error, 2 for a wrong call, 130 after Ctrl-C.
    """
    try:
        args = _parser().parse_args(argv)
        with warnings.catch_warnings():
            _print_warnings()
            args.run(args)
        sys.stdout.flush()
    except SystemExit as stop:  # argparse, after --help and --version
        return int(stop.code or 0)
    except KeyboardInterrupt:
        return _complain("interrupted", 130)
    except UsageError as error:
        return _complain(error, 2)
    except RankError as error:
        return _complain(error, 1)
    except BrokenPipeError:  # nobody reads the output any more: discard the rest
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ArithmeticError, ImportError, MemoryError, OSError, TypeError, ValueError) as error:
        return _complain(error, 1)
    return 0


def _complain(message: object, code: int) -> int:
    line = " ".join(str(message).split()) or type(message).__name__
    print(f"aevb: {line}", file=sys.stderr)
    return code


def _print_warnings() -> None:
    """Print each warning once, as one line. Its place in Python would not help the user."""
    printed = set()

    def show(message: Warning | str, *_: Any) -> None:
        if str(message) not in printed:
            printed.add(str(message))
            _complain(f"warning: {message}", 0)

    warnings.showwarning = show  # type: ignore[assignment]


def _parser() -> Parser:
    parser = Parser(prog="aevb", description="Auto-Encoding Variational Bayes on the CPU.")
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in (demo, fit, evaluate, sample, transform, impute):
        command.add(commands)
    add_reproduce(commands)
    info.add(commands)
    return parser


class _Version(argparse.Action):
    """Print the version. The look-up is slow, so it happens only here."""

    def __call__(self, parser: argparse.ArgumentParser, *args: Any, **kwargs: Any) -> NoReturn:
        print(f"aevb {version_of('aevb')}")
        parser.exit()
