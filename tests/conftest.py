"""Shared fixtures: every numerical test runs once per instruction set of this machine."""

from __future__ import annotations

import signal

import pytest

from aevb import _core

# A background job of a shell is started with Ctrl-C ignored, and so are its children.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(params=_core.isa_names())
def isa(request):
    """Force one instruction set for the duration of a test, then restore the previous one."""
    previous = _core.isa()
    _core.force_isa(request.param)
    yield request.param
    _core.force_isa(previous)
