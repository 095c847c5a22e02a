"""The tests' view of the core, `aevb._testing`.

Only a build with the CMake option AEVB_TESTING has it. Tests that need it are skipped on others.
"""

import pytest

kernels = pytest.importorskip("aevb._testing", reason="aevb was built without AEVB_TESTING")
