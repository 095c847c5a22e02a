"""The tests' view of the core, `aevb._testing`.

Only a build with the CMake option AEVB_TESTING has it. Tests that need it are skipped on others.
"""

import pytest

kernels = pytest.importorskip("aevb._testing", reason="aevb was built without AEVB_TESTING")


def bernoulli(logits, x, with_r=True):
    """(r of every row, its gradient for the logits)."""
    r, (gradient,) = kernels.likelihood("bernoulli", [logits], x, with_r)
    return r, gradient


def gaussian(mean_raw, log_var_raw, x, bounded, with_r=True):
    """(r of every row, its gradients for the mean and the log-variance)."""
    name = "bounded-gaussian" if bounded else "gaussian"
    r, gradients = kernels.likelihood(name, [mean_raw, log_var_raw], x, with_r)
    return r, *gradients
