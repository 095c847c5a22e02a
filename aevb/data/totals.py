"""Counts whose likelihood is given their total: the core knows their shares alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from aevb.core.catalogue import JOINT_LIKELIHOODS
from aevb.core.units import Units
from aevb.data.families import Blocks, families_of


class JointColumns:
    """The columns that a joint likelihood has.

    Attributes
    ----------
    of_data : ndarray of shape (n_joint,)
        Their indices in the data.
    of_x : ndarray of shape (n_joint,)
        Their indices in x.
    """

    def __init__(self, blocks: Blocks, units: Units) -> None:
        families = families_of(blocks, units)
        own = [j for j, family in enumerate(families) if family in JOINT_LIKELIHOODS]
        self.of_data = np.array(own, np.intp)
        self.of_x = np.array([units.columns_of_x(j).start for j in own], np.intp)

    def __len__(self) -> int:
        """Return the number of columns."""
        return len(self.of_data)

    def totals(self, X: Any) -> NDArray[np.float64]:
        """Return the total of the observed counts of each row of the data (n,)."""
        own: Any = X[:, self.of_data]
        if sparse.issparse(own):
            own = own.copy()
            own.data = np.nan_to_num(own.data)
            return np.asarray(own.sum(axis=1), np.float64).ravel()
        return np.asarray(np.nansum(own, axis=1, dtype=np.float64))

    def times(self, x: NDArray[np.float32], totals: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the means of x: its shares times the totals of the rows."""
        x = x.copy()
        x[:, self.of_x] *= totals[:, None].astype(np.float32)
        return x

    def draw(
        self, x: NDArray[np.float32], totals: NDArray[np.int64], seed: int
    ) -> NDArray[np.float32]:
        """Return x with counts of these totals, drawn from its shares."""
        x = x.copy()
        shares = np.float64(x[:, self.of_x])
        shares /= shares.sum(axis=1, keepdims=True)
        x[:, self.of_x] = np.random.default_rng(seed).multinomial(totals, shares)
        return x


def checked_totals(totals: Any, n_samples: int) -> NDArray[np.int64]:
    """Return totals for rows, given as one integer >= 0 or as one for each row.

    Raises
    ------
    TypeError, ValueError
        If they are something else. The message names the argument.
    """
    array = np.asarray(totals)
    if array.dtype.kind not in "iu" and not (
        array.dtype.kind == "f" and bool((array == np.rint(array)).all())
    ):
        raise TypeError(f"totals: got {totals!r}, want an integer, or one for each row")
    if array.ndim > 0 and array.shape != (n_samples,):
        raise ValueError(f"totals: got shape {array.shape}, want one for each of {n_samples} rows")
    if (array < 0).any() or (array > np.iinfo(np.int32).max).any():
        raise ValueError(f"totals: got {totals!r}, want numbers from 0 to 2^31 - 1")
    return np.broadcast_to(array, n_samples).astype(np.int64)
