"""Twins of the posteriors in float64, one module for each, written from the mathematics alone.

The module of a posterior has its name, with "_" for "-". All arrays are (n, J), a value for each
row and component. It contains

OUTPUTS                    names of the encoder's outputs
log_density(outputs, z)    log q(z|x), a term for each component; also of complex numbers, as an
                           analytic function
marginals(outputs)         the frozen scipy.stats distribution of each component
examples(rng, n, d)        float32 outputs of ordinary size

and, where they differ from what this module says,

COUPLED                    whether the components depend on each other; then the sum over them alone
                           is log q(z|x)
PATHWISE                   "explicit": the derivatives of z are those of a draw at constant noise;
                           "cdf": they are those of z at a constant CDF; "mean": they are neither,
                           and right on average
AT_PRIOR                   for the name of a prior, the values of the outputs at which q is that
terms(outputs, z)          the sum of the absolute terms of log q(z|x), for each component
kl(outputs, prior)         KL(q(z|x) || p(z)), for each component, or in the first one if coupled
moments(outputs)           what the core gives for mean and standard deviation of z; NaN if unknown
"""

from __future__ import annotations

import itertools

import numpy as np
from oracle import U
from scipy import stats
from twin_modules import twin_module

PRIORS = {
    "standard-normal": stats.norm(),
    "laplace": stats.laplace(),
    "logistic": stats.logistic(),
    "cauchy": stats.cauchy(),
    "gumbel": stats.gumbel_r(),
    "student-t": stats.t(5),  # of its twin alone: the catalogue has no such prior
    "exponential": stats.expon(),
    "log-normal": stats.lognorm(1),
    "rayleigh": stats.rayleigh(),
    "uniform": stats.uniform(),
    "dirichlet": None,  # flat on the simplex
}

STEP = 1e-30  # of complex differences, which do not cancel
NODES, WEIGHTS = np.polynomial.legendre.leggauss(200)
FIVE_POINTS = ((-2, 1 / 12), (-1, -8 / 12), (1, 8 / 12), (2, -1 / 12))


def twin(name):
    """The module of a posterior."""
    return twin_module(__name__, "posterior", name)


def prior(name):
    """The distribution of a component of z under a prior."""
    if name not in PRIORS:
        raise LookupError(f"the prior {name!r} has no twin: want one in tests/posteriors")
    return PRIORS[name]


# --- elements of the twins --------------------------------------------------------------------


def absolute(x):
    """|x|, as a function that is analytic beside 0."""
    return np.where(np.real(x) < 0, -x, x)


def softplus(x):
    return np.where(np.real(x) > 0, x, 0) + np.log1p(np.exp(-absolute(x)))


def normal_outputs(rng, n, d, *scales):
    """Outputs with these standard deviations."""
    return [rng.normal(scale=scale, size=(n, d)).astype(np.float32) for scale in scales]


# --- facts that follow from a twin ------------------------------------------------------------


def is_coupled(own):
    return getattr(own, "COUPLED", False)


def gradients(own, outputs, z):
    """d log q(z|x) / dz and for each output, by complex differences."""
    found, args = [], [np.float64(z), *map(np.float64, outputs)]
    for i, a in enumerate(args):
        gradient = np.empty_like(a)
        for column in range(a.shape[1]) if is_coupled(own) else (slice(None),):
            moved = np.array(a, dtype=complex)
            moved[:, column] += STEP * 1j
            first, *rest = [moved if k == i else b for k, b in enumerate(args)]
            slope = np.imag(own.log_density(rest, first)) / STEP
            gradient[:, column] = slope.sum(1) if is_coupled(own) else slope
        found.append(gradient)
    return found


def moves(own, outputs, z):
    """Small moves of z and the outputs, and how many roundings of float32 each stands for.

    An output o has an error of the order u (1 + |o|), as the exponential of o has the relative
    error u (1 + |o|). z has the relative error u.
    """
    args = [np.float64(z), *map(np.float64, outputs)]
    for i, a in enumerate(args):
        size = np.abs(a) if i == 0 else 1 + np.abs(a)
        for column in range(a.shape[1]) if is_coupled(own) else (slice(None),):
            chosen = np.zeros_like(a)
            chosen[:, column] = 1e-6 * size[:, column]
            (up, *ups), (down, *downs) = (
                [b + sign * chosen if k == i else b for k, b in enumerate(args)] for sign in (1, -1)
            )
            yield (up, ups), (down, downs)


def tolerances(own, outputs, z, n_roundings=16):
    """First-order float32 errors of log q(z|x), a row each, and of its gradients.

    Every argument may be wrong by a few roundings, see `moves`, and so may every term.
    """
    z, outputs = np.float64(z), [np.float64(a) for a in outputs]
    terms, slopes = 0.0, [1 + np.abs(g) for g in gradients(own, outputs, z)]
    value = (1 + np.abs(own.log_density(outputs, z))).sum(1)
    if hasattr(own, "terms"):
        terms = own.terms(outputs, z)
        value = terms.sum(1)
    slopes[1:] = [slope + terms for slope in slopes[1:]]
    for (up, ups), (down, downs) in moves(own, outputs, z):
        change = np.abs(own.log_density(ups, up) - own.log_density(downs, down))
        value = value + change.sum(1) / 2e-6
        pairs = zip(gradients(own, ups, up), gradients(own, downs, down), strict=True)
        slopes = [s + np.abs(a - b) / 2e-6 for s, (a, b) in zip(slopes, pairs, strict=True)]
    return n_roundings * U * value, [n_roundings * U * s for s in slopes]


def quadrature(marginals, kinks=()):
    """Points (k, n, J) and weights of expectations under the marginals.

    They are Gauss-Legendre points of the logit of the CDF, between the median, the kinks and ends
    beyond which there is a probability of 1e-15.
    """
    logit = [-36.0, 0.0, 36.0]
    shape = np.shape(marginals.ppf(0.5))
    ends = [np.full(shape, end) for end in logit]
    with np.errstate(divide="ignore"):
        ends += [np.clip(marginals.logcdf(k) - marginals.logsf(k), -36, 36) for k in kinks]
    ends = np.sort(ends, axis=0)
    points, weights = [], []
    for low, high in itertools.pairwise(ends):
        t = low + (NODES[:, None, None] + 1) / 2 * (high - low)
        u = 1 / (1 + np.exp(np.abs(t)))
        points.append(np.where(t < 0, marginals.ppf(u), marginals.isf(u)))
        weights.append(WEIGHTS[:, None, None] * (high - low) / 2 * u * (1 - u))
    return np.concatenate(points), np.concatenate(weights)


def expectation(own, outputs, f):
    """E f(z) of each component."""
    z, weight = quadrature(own.marginals(outputs))
    return (weight * f(z)).sum(0)


def divergence(own, outputs, prior_name):
    """KL(q(z|x) || p(z)) of each component, by quadrature unless the twin has it."""
    if hasattr(own, "kl"):
        return own.kl(outputs, prior_name)
    z, weight = quadrature(own.marginals(outputs), kinks=(0.0,))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = own.log_density(outputs, z) - prior(prior_name).logpdf(z)
    known = np.isfinite(ratio)  # rounding puts a few points beyond the ends
    assert (weight * ~known).max() < 1e-12
    return (weight * np.where(known, ratio, 0)).sum(0)


def derivatives(own, outputs, f, h=1e-3):
    """Differences of a function of the outputs (n, J), summed over J, for each output."""
    outputs = [np.float64(a) for a in outputs]
    found = []
    for i, a in enumerate(outputs):
        gradient = np.zeros_like(a)
        for column in range(a.shape[1]) if is_coupled(own) else (slice(None),):
            for k, weight in FIVE_POINTS:
                moved = [b.copy() for b in outputs]
                moved[i][:, column] += k * h
                value = f(moved) * weight / h
                gradient[:, column] += value.sum(1) if is_coupled(own) else value
        found.append(gradient)
    return found
