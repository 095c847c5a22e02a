"""The result of a comparison of models: an evaluation of each, and their table."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from aevb.evaluation.estimate import Estimate
from aevb.evaluation.methods import require_encoder

if TYPE_CHECKING:
    from aevb.estimators.base import LatentVariableModel

_GAP = "  "  # between columns of the printed table


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The evaluation of one model. All values are in nats.

    Attributes
    ----------
    bound : Estimate
        The variational lower bound on log p(x).
    log_likelihood : Estimate
        log p(x) by importance sampling.
    gap : Estimate
        The difference ``log_likelihood - bound`` of each row. It estimates KL(q(z|x) || p(z|x)),
        since the bound is log p(x) minus this divergence (eq. 1 of the paper). ``gap.stderr`` takes
        the errors of the two estimates as independent. ``gap.mean_stderr`` does not need that.
    kl_per_unit : ndarray of shape (n_components,), float64
        The result of `Evaluator.kl_per_unit`.
    active_units : ndarray of shape (n_components,), bool
        The result of `Evaluator.active_units`.
    """

    bound: Estimate
    log_likelihood: Estimate
    gap: Estimate
    kl_per_unit: NDArray[np.float64]
    active_units: NDArray[np.bool_]

    @classmethod
    def from_estimates(
        cls,
        bound: Estimate,
        log_likelihood: Estimate,
        kl_per_unit: NDArray[np.float64],
        active_units: NDArray[np.bool_],
    ) -> Evaluation:
        """Build an evaluation, and compute the gap."""
        with np.errstate(invalid="ignore"):  # NaN if both are -inf
            difference = log_likelihood.per_row - bound.per_row
        stderr = np.hypot(log_likelihood.stderr, bound.stderr)
        gap = Estimate.from_rows(difference, stderr)
        return cls(bound, log_likelihood, gap, kl_per_unit, active_units)

    def record(self) -> dict[str, Any]:
        """Return the values as plain numbers. `Comparison.records` describes them."""
        return {
            "bound": self.bound.mean,
            "bound_stderr": self.bound.mean_stderr,
            "log_likelihood": self.log_likelihood.mean,
            "log_likelihood_stderr": self.log_likelihood.mean_stderr,
            "gap": self.gap.mean,
            "gap_stderr": self.gap.mean_stderr,
            "kl": float(self.kl_per_unit.sum()),
            "kl_per_unit": self.kl_per_unit.tolist(),
            "active_units": int(self.active_units.sum()),
            "n_components": len(self.active_units),
            "effective_draws": float(np.median(self.log_likelihood.diagnostics["ess"])),
        }


class Comparison(Mapping[Hashable, Evaluation]):
    """Evaluations of several models on the same rows. Printed, it is a table.

    ``comparison[name]`` is the `Evaluation` of one model, with the values of each row. It is a
    mapping in the order of the models.

    Parameters
    ----------
    evaluations : mapping of names to Evaluation
        The evaluation of each model, by its name.
    """

    def __init__(self, evaluations: Mapping[Hashable, Evaluation]) -> None:
        self._evaluations = dict(evaluations)

    def __getitem__(self, name: Hashable) -> Evaluation:
        return self._evaluations[name]

    def __iter__(self) -> Iterator[Hashable]:
        return iter(self._evaluations)

    def __len__(self) -> int:
        return len(self._evaluations)

    def records(self) -> list[dict[str, Any]]:
        """Return a dict of plain numbers for each model, as ``pandas.DataFrame`` takes them.

        Returns
        -------
        records : list of dict
            The keys are:

            - ``"model"``: the name.
            - ``"bound"``, ``"log_likelihood"``, ``"gap"``: means over the rows in nats, each with
              its standard error under ``"bound_stderr"`` and so on. The rows are taken as a sample.
            - ``"kl_per_unit"``: a list, and ``"kl"``: its sum.
            - ``"active_units"`` and ``"n_components"``: counts.
            - ``"effective_draws"``: the median over the rows of those of the log-likelihood. If it
              is a handful, the log-likelihood is too low.
        """
        return [{"model": name, **self[name].record()} for name in self]

    def __repr__(self) -> str:
        head = ["", "bound", "log p(x)", "gap", "active units", "KL", "effective draws"]
        lines = [head, *(_cells(record) for record in self.records())]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        padded = [
            [line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])] for line in lines
        ]
        return "\n".join(_GAP.join(line) for line in padded)


def _cells(record: dict[str, Any]) -> list[str]:
    """Return the cells of one model's line."""
    estimates = [
        f"{record[name]:.2f} +- {record[f'{name}_stderr']:.2f}"
        for name in ("bound", "log_likelihood", "gap")
    ]
    units = f"{record['active_units']} of {record['n_components']}"
    kl, draws = f"{record['kl']:.2f}", f"{record['effective_draws']:.0f}"
    return [str(record["model"]), *estimates, units, kl, draws]


def named_models(
    models: Mapping[Hashable, LatentVariableModel] | Sequence[LatentVariableModel],
) -> dict[Hashable, LatentVariableModel]:
    """Return the models of `Evaluator.compare` by their names, in order.

    Raises
    ------
    NotFittedError, TypeError, ValueError
        If they cannot be compared. The message names the model.
    """
    if isinstance(models, Mapping):
        named = dict(models)
    elif isinstance(models, (list, tuple)):
        named = dict(zip(_names([type(model).__name__ for model in models]), models, strict=True))
    else:
        kind = type(models).__name__
        raise TypeError(f"models: got {kind}, want a dict or a list of fitted models")
    if not named:
        raise ValueError("models: got none, want at least one fitted model")
    for name, model in named.items():
        if not hasattr(model, "_begin"):
            kind = type(model).__name__
            raise TypeError(f"models: {name!r} is {kind}, want AEVB or WakeSleep")
        try:
            check_is_fitted(model)
        except NotFittedError:
            raise NotFittedError(f"models: {name!r} is not fitted, want fitted models") from None
        require_encoder(model, f"models: {name!r} has no bound")
    _check_features({name: model.n_features_in_ for name, model in named.items()})
    return named


def _names(kinds: list[str]) -> list[str]:
    """Count the models of a class, if there are several."""
    return [
        f"{kind} {kinds[: i + 1].count(kind)}" if kinds.count(kind) > 1 else kind
        for i, kind in enumerate(kinds)
    ]


def _check_features(n_features: dict[Hashable, int]) -> None:
    (first, wanted), *others = n_features.items()
    for name, n in others:
        if n != wanted:
            raise ValueError(
                f"models: {first!r} has {wanted} features and {name!r} has {n}, want models of the "
                f"same features"
            )
