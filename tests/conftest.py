"""Shared fixtures. Every numerical test runs once for each instruction set of this machine."""

from __future__ import annotations

import signal
import sys

import hypothesis
import pytest

from aevb import _core, cli

hypothesis.settings.register_profile("suite", max_examples=40, deadline=None, derandomize=True)
hypothesis.settings.register_profile("long", max_examples=1000, deadline=None)
hypothesis.settings.load_profile("suite")

# A shell starts a background job with Ctrl-C ignored, and so are the job's children.
signal.signal(signal.SIGINT, signal.default_int_handler)


def forced(backend):
    """Force one backend for the duration of a test, then restore the previous one."""
    previous = _core.backend()
    _core.use_backend(backend)
    yield backend
    _core.use_backend(previous)


@pytest.fixture(params=_core.backend_names())
def isa(request):
    """Every backend: the instruction sets, and a library's products."""
    yield from forced(request.param)


@pytest.fixture(params=[name for name in _core.backend_names() if "+" not in name])
def vectors(request):
    """The instruction sets alone, for kernels that multiply no matrices."""
    yield from forced(request.param)


@pytest.fixture
def runs(capsys):
    """Run a command. Return what it prints, to stderr if it fails."""

    def run(code, *argv):
        assert cli.main([str(word) for word in argv]) == code
        captured = capsys.readouterr()
        assert (captured.err == "") == (code == 0)
        return captured.err if code else captured.out

    return run


def pytest_terminal_summary(terminalreporter):
    """Print how many calls of the Python interface had generated arguments."""
    module = sys.modules.get("test_face_properties")
    if module is not None and module.CALLS:
        counts = ", ".join(f"{n} {what}" for what, n in sorted(module.CALLS.items()))
        terminalreporter.write_line(f"{module.CALLS.total()} generated calls: {counts}")
