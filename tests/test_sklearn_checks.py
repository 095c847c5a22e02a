"""scikit-learn's own estimator checks, on the defaults; none is excused."""

import os
import subprocess
import sys
from unittest import SkipTest

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from aevb import AEVB, MCEM, WakeSleep

ESTIMATORS = [
    AEVB(),
    AEVB(likelihood="gaussian"),
    AEVB(likelihood="bounded-gaussian"),
    AEVB(likelihood="bernoulli", binarize="threshold"),
    WakeSleep(),
    WakeSleep(likelihood="bernoulli", binarize="threshold"),
    MCEM(),
    MCEM(likelihood="bernoulli", binarize="threshold", batch_size=10),
]


@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_agrees(estimator, check):
    try:
        check(estimator)
    except SkipTest as reason:
        # SciPy reads this when it is imported, so these checks need the process below.
        if "SCIPY_ARRAY_API is not set" not in str(reason):
            pytest.fail(f"skipped: {reason}")


def test_scikit_learn_agrees_on_array_api_inputs():
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__]
    run = subprocess.run(
        [*command, "-k", "check_array_api_input"],
        capture_output=True,
        text=True,
        timeout=600,
        env=os.environ | {"SCIPY_ARRAY_API": "1"},
        cwd="/",  # not the sources: the installed package
    )
    assert run.returncode == 0, run.stdout
    assert f"{len(ESTIMATORS)} passed" in run.stdout
