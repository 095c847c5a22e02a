"""What a mutant is."""

from __future__ import annotations

from typing import NamedTuple


class Mutant(NamedTuple):
    """One mistake: `text`, which stands once in `file`, becomes `replacement`.

    In C++ a mutant is compiled beside the right code, behind a switch. So `text` and `replacement`
    are either statements, which declare nothing that is used later, or whole expressions of one
    type: parentheses about them must change nothing. Set `own_build` where neither is possible.
    """

    what: str  # the mistake, in words
    file: str  # its path in the repository
    text: str
    replacement: str
    tests: tuple[str, ...]  # each must fail: "test_file.py::test_name", with "[...]" for one case
    own_build: bool = False
