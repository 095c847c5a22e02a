"""Warnings where a fit, or data, will mislead."""

import math
import warnings

import numpy as np
import pytest

from aevb import AEVB, Evaluator, datasets
from aevb.estimators.advice import late_rise, late_share
from aevb.exceptions import FitWarning
from aevb.training import length

RNG = np.random.default_rng(0)
DIGITS = datasets.load_digits()[:300]
PIXELS = (DIGITS * 255).astype(np.uint8)
TABLE = RNG.normal(size=(400, 2)) @ RNG.normal(size=(2, 20)) + 0.1 * RNG.normal(size=(400, 20))
OPTIONS = {"hidden_layer_sizes": (10,), "random_state": 0, "early_stopping": False}


def fit(X, n_components=2, n_epochs=1, **changes):
    return AEVB(n_components, n_epochs=n_epochs, **{**OPTIONS, **changes}).fit(X)


def test_an_undertrained_model():
    with pytest.warns(FitWarning, match=r"still rose by .* in the second half .*\(it had 8\)"):
        fit(TABLE, n_epochs=8, hidden_layer_sizes=(50,))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(TABLE, n_epochs=400, hidden_layer_sizes=(50,))


@pytest.mark.parametrize(
    ("train", "validation", "share", "rise"),
    [
        ([-100.0, -60.0, -50.0, -49.0], None, 0.5, None),  # flat
        ([-100.0, -90.0, -80.0, -70.0, -60.0], None, 0.5, 20.0),
        ([-100.0, -60.0, -50.0, -45.0, -40.0], None, 0.5, None),
        ([-100.0, -60.0, -50.0, -45.0, -40.0], None, 0.18, 10.0),  # at lower rates
        ([-100.0, -90.0, -80.0], None, 0.5, None),  # too few to tell
        ([-3.0, -2.8, -2.6, -2.4], None, 0.5, None),  # less than a nat
        ([-100.0, -90.0, -80.0, -70.0], [-50.0, -40.0, -39.0, -39.0], 0.5, None),  # by heart
        ([-100.0, -60.0, -50.0, -49.0], [-90.0, -80.0, -70.0, -60.0], 0.5, 20.0),
        ([-190.0, -60.0, -50.0, -49.0], [-90.0, -80.0, -70.0, -60.0], 0.5, None),
    ],
)
def test_a_late_rise(train, validation, share, rise):
    nothing = [math.nan] * len(train)
    history = {"train_bound": train, "validation_bound": validation or nothing}
    assert late_rise(history, share) == rise


def test_the_late_share_of_a_schedule():
    assert late_share("constant") == pytest.approx(0.5)
    assert late_share("linear") == pytest.approx(0.25)
    assert late_share("cosine") == pytest.approx(0.5 - 1 / math.pi, rel=1e-3)
    assert late_share(lambda fraction: 0.0) == 0.0


def test_no_advice_on_a_length_that_was_chosen(monkeypatch):
    monkeypatch.setattr(length, "N_ROWS", 12 * 400)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(TABLE, n_epochs="auto", hidden_layer_sizes=(50,))


def test_more_latent_units_than_columns():
    X = RNG.normal(size=(100, 3))
    with pytest.warns(FitWarning, match=r"n_components=4 is more than the 3 columns of X") as seen:
        fit(X, n_components=4)
    assert seen[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(X, n_components=3)


@pytest.mark.parametrize("dtype", [np.float64, np.int32])
def test_pixels_as_other_numbers(dtype):
    with pytest.warns(FitWarning, match=r"looks like images .* X\.astype\('uint8'\)"):
        model = fit(PIXELS.astype(dtype))
    assert model.likelihood_ == "gaussian"
    fit(PIXELS.astype(dtype), likelihood="bernoulli", scale=1 / 255)
    fit(PIXELS.astype(dtype) * 0.9)  # not whole numbers


@pytest.mark.parametrize("frame", [False, True])
def test_pixels_that_are_scaled_already(frame):
    wrap = pytest.importorskip("pandas").DataFrame if frame else np.asarray
    model = fit(wrap(PIXELS))
    for X in (PIXELS / 255.0, (PIXELS > 128).astype(np.uint8)):
        with pytest.warns(FitWarning, match=r"no value exceeds 1, but the model multiplies"):
            model.transform(wrap(X))
    model.transform(wrap(PIXELS[:2]))
    model.transform(wrap(np.zeros_like(PIXELS)))  # black images
    fit((PIXELS > 128).astype(np.uint8)).transform((PIXELS > 128).astype(np.uint8))


def test_collapse():
    noise = np.random.default_rng(1).normal(size=(2000, 4))
    with pytest.warns(FitWarning, match=r"all latent units have collapsed: .* at most"):
        model = fit(noise, n_epochs=30, learning_rate=0.01)
    assert Evaluator(model).kl_per_unit(noise).max() < 0.02
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(noise[:, :1] + 0.3 * noise, n_epochs=30, learning_rate=0.01)
