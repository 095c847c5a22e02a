"""scikit-learn's own estimator checks, without an exception.

All checks run with small networks and few passes, because they test the interface. Those that do
not fit a model also run with the plain defaults.
"""

import os
import subprocess
import sys
from unittest import SkipTest

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from aevb import AEVB, MCEM, WakeSleep

QUICK = {"n_components": 1, "hidden_layer_sizes": (8,), "n_epochs": 2}
ESTIMATORS = [
    AEVB(1, n_epochs=2),
    AEVB(likelihood="gaussian", **QUICK),
    AEVB(likelihood="bernoulli", binarize="threshold", **QUICK),
    WakeSleep(**QUICK),
    MCEM(n_draws=2, n_leapfrog=1, n_updates=1, batch_size=10, **QUICK),
]
OF_DEFAULTS = {
    "check_estimator_cloneable",
    "check_estimator_tags_renamed",
    "check_valid_tag_types",
    "check_estimator_repr",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_mixin_order",
    "check_get_params_invariance",
    "check_set_params",
    "check_do_not_raise_errors_in_init_or_set_params",
}


def agree(estimator, check):
    try:
        check(estimator)
    except SkipTest as reason:
        # SciPy reads this at import, so these checks need the process below.
        if "SCIPY_ARRAY_API is not set" not in str(reason):
            pytest.fail(f"skipped: {reason}")


@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_agrees(estimator, check):
    agree(estimator, check)


@pytest.mark.parametrize("kind", [AEVB, WakeSleep, MCEM])
def test_scikit_learn_agrees_with_the_defaults(kind):
    checks = [
        (estimator, check)
        for estimator, check in estimator_checks_generator(kind())
        if check.func.__name__ in OF_DEFAULTS
    ]
    assert {check.func.__name__ for _, check in checks} == OF_DEFAULTS
    for estimator, check in checks:
        agree(estimator, check)


def test_scikit_learn_agrees_on_array_api_inputs():
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__]
    run = subprocess.run(
        [*command, "-k", "check_array_api_input"],
        capture_output=True,
        text=True,
        timeout=600,
        env=os.environ | {"SCIPY_ARRAY_API": "1"},
        cwd="/",  # outside the sources, for the installed package
    )
    assert run.returncode == 0, run.stdout
    assert f"{len(ESTIMATORS)} passed" in run.stdout
