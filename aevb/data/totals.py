"""Multinomial counts: the core has their shares, and these functions their totals."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from aevb.core.catalogue import JOINT_LIKELIHOODS
from aevb.core.units import Units
from aevb.data.families import Blocks, columns_with

_MOST = 2**24  # float32 has all whole numbers up to this one


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
        own = columns_with(blocks, units, *JOINT_LIKELIHOODS)
        self.of_data = np.array(own, np.intp)
        self.of_x = np.array([units.columns_of_x(j).start for j in own], np.intp)

    def __len__(self) -> int:
        """Return the number of columns."""
        return len(self.of_data)

    def means_for(self, x: NDArray[np.float32], X: Any) -> NDArray[np.float32]:
        """Return x with means of the counts of the data X in place of their shares.

        The means of the observed counts of a row have the same total as these counts.
        """
        own: Any = X[:, self.of_data]
        shares = np.float64(x[:, self.of_x])
        if sparse.issparse(own):
            missing = own.copy()
            missing.data = np.isnan(own.data)
            observed = shares.sum(axis=1) - np.asarray(missing.multiply(shares).sum(axis=1)).ravel()
            own.data = np.nan_to_num(own.data)
            totals = np.asarray(own.sum(axis=1, dtype=np.float64)).ravel()
        else:
            observed = np.asarray(np.where(np.isnan(own), 0.0, shares).sum(axis=1))
            totals = np.asarray(np.nansum(own, axis=1, dtype=np.float64))
        x = x.copy()
        rates = np.divide(totals, observed, out=np.zeros(len(x)), where=observed > 0.0)
        x[:, self.of_x] = shares * rates[:, None]
        return x

    def counts_for(
        self, x: NDArray[np.float32], totals: NDArray[np.int64], seed: int
    ) -> NDArray[np.float32]:
        """Return x with counts of these totals in place of their shares, from which it draws."""
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
    if array.shape == (n_samples, 1):  # the sum of a CSR matrix
        array = array.ravel()
    if array.dtype.kind not in "iu" and not (
        array.dtype.kind == "f" and bool((array == np.rint(array)).all())
    ):
        raise TypeError(f"totals: got {totals!r}, want an integer, or one for each row")
    if array.ndim > 0 and array.shape != (n_samples,):
        raise ValueError(f"totals: got shape {array.shape}, want one for each of {n_samples} rows")
    if (array < 0).any() or (array > _MOST).any():
        raise ValueError(f"totals: got {totals!r}, want numbers from 0 to 2^24")
    return np.broadcast_to(array, n_samples).astype(np.int64)
