"""The names, weight shapes and supports of the package are those of the core."""

import numpy as np
import pytest

import aevb
from aevb import AEVB, MCEM, WakeSleep
from aevb.core import catalogue
from aevb.core.catalogue import LEVEL_LIKELIHOODS, SUPPORTS
from aevb.core.engine import Config
from aevb.data.families import FAMILIES
from aevb.estimators.parameters import PARAMETERS

X = np.random.default_rng(0).random((20, 5), dtype=np.float32)
OF = {  # parameter: family
    "likelihood": "likelihood",
    "bound_estimator": "objective",
    "optimizer": "optimizer",
    "activation": "activation",
    "binarize": "binarize",
    "weight_posterior": "weight_posterior",
}
# members that no parameter accepts
NO_CHOICE = {"activation": "identity", "binarize": "none", "weight_posterior": "none"}


def config(**changes):
    model = AEVB.published(2, hidden_layer_sizes=(4, 3), n_epochs=1).fit(X)
    return Config(**model._engine.settings | changes)


def test_the_catalogue_has_every_family():
    families = aevb.catalogue()
    assert set(families) == {*OF.values(), "posterior", "prior", "algorithm"}
    for names in families.values():
        assert isinstance(names, tuple)
        assert len(names) == len(set(names)) >= 1
    families.clear()
    assert aevb.catalogue()  # the caller has a copy


@pytest.mark.parametrize("name", OF)
def test_choices_are_the_core_s(name):
    choices = [c for c in PARAMETERS[name].kind.choices if c not in (None, "auto")]
    if name == "likelihood":  # it may also be a dict; levels need numbers of them
        choices = list(FAMILIES)
    members = aevb.catalogue()[OF[name]]
    assert choices == [member for member in members if member != NO_CHOICE.get(name)]
    for member in members:
        value = [(member, [2, 3])] if member in LEVEL_LIKELIHOODS else member
        assert config(**{name: value}).as_dict()[name] == value


def test_algorithms_are_the_estimators():
    named = {kind._algorithm for kind in (AEVB, WakeSleep, MCEM)}
    assert named == set(aevb.catalogue()["algorithm"])


@pytest.mark.parametrize("likelihood", catalogue.LIKELIHOODS)
@pytest.mark.parametrize("kind", [AEVB, WakeSleep, MCEM])
def test_shapes_are_those_of_the_weights(kind, likelihood):
    fits_all = np.float32(X > 0.5)
    if SUPPORTS[likelihood] in ("positive", "open-unit-interval"):
        fits_all = fits_all / 2 + np.float32(0.25)
    model = kind.published(2, hidden_layer_sizes=(4, 3), n_epochs=1, likelihood=likelihood).fit(
        fits_all
    )
    shapes = model._engine.config.weight_shapes
    assert shapes == {name: weight.shape for name, weight in model.weights_.items()}


def test_supports():
    """With binarisation, the support does not depend on the likelihood."""
    supports = {name: config(likelihood=name).support for name in catalogue.LIKELIHOODS}
    known = {"real", "positive", "unit-interval", "open-unit-interval", "counts"}
    assert set(supports.values()) <= known
    assert (supports["bernoulli"], supports["gaussian"]) == ("unit-interval", "real")
    for name in catalogue.LIKELIHOODS:
        assert config(likelihood=name, binarize="threshold").support == "real"
        assert config(likelihood=name, binarize="dynamic").support == "unit-interval"
