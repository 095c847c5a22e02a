"""What there is to choose from, by the core's names."""

from __future__ import annotations

from aevb.core.compiled import core


def catalogue() -> dict[str, tuple[str, ...]]:
    """Return the names of the members of each family that the core has.

    Returns
    -------
    families : dict of str to tuple of str
        By the family's name: ``"likelihood"``, ``"posterior"``, ``"prior"``, ``"objective"``,
        ``"optimizer"``, ``"activation"``, ``"binarize"`` and ``"algorithm"``.

    Examples
    --------
    >>> import aevb
    >>> "gaussian" in aevb.catalogue()["likelihood"]
    True
    """
    return {family: tuple(names) for family, names in core.catalogue().items()}


_families = catalogue()

LIKELIHOODS = _families["likelihood"]
# The values of x that each likelihood accepts, and a text on it.
SUPPORTS = {name: support for name, (support, _) in core.likelihoods().items()}
TEXTS = {name: text for name, (_, text) in core.likelihoods().items()}
BOUND_ESTIMATORS = _families["objective"]
OPTIMIZERS = _families["optimizer"]
# Those that change their input.
ACTIVATIONS = tuple(name for name in _families["activation"] if name != "identity")
BINARIZE = tuple(name for name in _families["binarize"] if name != "none")
