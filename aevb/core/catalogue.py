"""The catalogue: the families of the core, and the names of their members."""

from __future__ import annotations

from aevb.core.compiled import core


def catalogue() -> dict[str, tuple[str, ...]]:
    """Return the names of the members of each family, such as the likelihoods.

    Returns
    -------
    families : dict of str to tuple of str
        The keys are ``"likelihood"``, ``"posterior"``, ``"prior"``, ``"objective"``,
        ``"optimizer"``, ``"activation"``, ``"binarize"``, ``"algorithm"`` and
        ``"weight_posterior"``.

    Examples
    --------
    >>> import aevb
    >>> "gaussian" in aevb.catalogue()["likelihood"]
    True
    """
    return {family: tuple(names) for family, names in core.catalogue().items()}


_families = catalogue()

# For each likelihood: the values of x that it accepts, its text for the documentation, and the
# names of the decoder's outputs.
SUPPORTS = {name: support for name, (support, _, _, _) in core.likelihoods().items()}
TEXTS = {name: text for name, (_, text, _, _) in core.likelihoods().items()}
OUTPUTS = {name: outputs for name, (_, _, outputs, _) in core.likelihoods().items()}
# The likelihoods of numbers, those of all columns together given their total, and those of
# variables with levels.
JOINT_LIKELIHOODS = tuple(name for name, (*_, joint) in core.likelihoods().items() if joint)
LEVEL_LIKELIHOODS = tuple(name for name in _families["likelihood"] if SUPPORTS[name] == "levels")
LIKELIHOODS = tuple(
    name
    for name in _families["likelihood"]
    if name not in LEVEL_LIKELIHOODS and name not in JOINT_LIKELIHOODS
)
# For each posterior: its text, its standard prior, whether that has a KL divergence in closed form,
# and whether the components of z are independent. For each prior: the support of z, and its text.
POSTERIORS = core.posteriors()
PRIORS = core.priors()
BOUND_ESTIMATORS = core.objectives()  # with their texts
OPTIMIZERS = _families["optimizer"]
# The hidden layers need an activation that is not linear; binarize=None stands for "none".
ACTIVATIONS = tuple(name for name in _families["activation"] if name != "identity")
# None stands for "none" here too.
WEIGHT_POSTERIORS = tuple(name for name in _families["weight_posterior"] if name != "none")
BINARIZE = tuple(name for name in _families["binarize"] if name != "none")
