"""Input data: checked once, never copied whole, handed to the core as rows to gather."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils.validation import validate_data

from aevb.core.catalogue import SUPPORTS
from aevb.core.engine import Config, Rows
from aevb.data.checks import check_dense, check_unmasked

# The types that the gather reads as they are. Others (float16, objects) become
# the first.
_DTYPES = [
    np.float64, np.float32, np.uint8, np.bool_, np.int8, np.int16, np.int32, np.int64, np.uint16,
    np.uint32, np.uint64,
]  # fmt: skip
_READ_IN_PLACE = frozenset(map(np.dtype, _DTYPES))
# Values that are looked at in one go: they stay in cache from one look to the next.
_BLOCK_BYTES = 1 << 20
_FLOAT32_MAX = float(np.finfo(np.float32).max)
# Values, times the scale, that a model takes, by its configuration's support. Counts are integers
# too, and the core does not look at that.
_RANGES = {
    "real": (-_FLOAT32_MAX, _FLOAT32_MAX),
    "unit-interval": (0.0, 1.0),
    "counts": (0.0, _FLOAT32_MAX),
}


class Data(NamedTuple):
    """A checked data set (n, D), the range of its values, and who judges others of its kind."""

    X: Any
    low: float
    high: float
    judge: Any  # for `check_data`: has as many columns, of the same names

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self.X.shape[0])

    @property
    def n_features(self) -> int:
        """Number of columns."""
        return int(self.X.shape[1])

    @property
    def feature_names(self) -> NDArray[Any] | None:
        """Names of the columns, where they have any."""
        names: NDArray[Any] | None = getattr(self.judge, "feature_names_in_", None)
        return names


def check_data(estimator: Any, X: Any, *, is_new: bool = False) -> Data:
    """Check ``X`` against a fitted estimator; one that is new takes any columns.

    Raises
    ------
    ValueError
        If ``X`` is not a finite, non-empty, two-dimensional numeric array with as many columns as
        the model was fitted with.
    """
    check_unmasked("X", X)
    if sparse.issparse(X):
        _check_structure(X)
    judge = _new_judge(estimator) if is_new else estimator

    def validate(**options: bool) -> Any:
        with np.errstate(all="ignore"):  # sums and casts of what is about to be an error
            return validate_data(
                judge, X, reset=is_new, dtype=_DTYPES, accept_sparse="csr", order=None, **options
            )

    checked = validate(ensure_all_finite=False)
    if sparse.issparse(checked):
        checked = _checked_csr(checked)
    elif not (checked.flags.aligned and checked.dtype.isnative):  # frames keep foreign byte orders
        checked = checked.astype(checked.dtype.newbyteorder("="))
    low, high = _value_range(checked.data if sparse.issparse(checked) else checked)
    if not (math.isfinite(low) and math.isfinite(high)):
        validate()  # says what is wrong
    if sparse.issparse(checked) and checked.nnz < checked.shape[0] * checked.shape[1]:
        low, high = min(low, 0.0), max(high, 0.0)
    return Data(checked, low, high, judge)


def _new_judge(estimator: Any) -> Any:
    """Return what scikit-learn may write the columns to, with the estimator's name and tags."""
    tags = estimator.__sklearn_tags__()
    return type(type(estimator).__name__, (), {"__sklearn_tags__": lambda _: tags})()


def observed_data(estimator: Any, X: Any, mask: Any) -> tuple[Data, NDArray[np.bool_]]:
    """Return dense data with a stand-in for what is missing, and where that is.

    Raises
    ------
    TypeError, ValueError
        If ``mask`` is not boolean or not of the shape of ``X``, or what it leaves of ``X`` is not
        what `check_data` wants.
    """
    for name, value in (("X", X), ("mask", mask)):
        check_dense(name, value)
        check_unmasked(name, value)
    with np.errstate(all="ignore"):
        X = validate_data(
            estimator, X, reset=False, dtype=_DTYPES, accept_sparse=False, ensure_all_finite=False
        )
    missing = np.ascontiguousarray(np.isnan(X) if mask is None else mask)
    if missing.dtype != np.bool_:
        raise TypeError(f"mask: got dtype {missing.dtype}, want bool: True where X is missing")
    if missing.shape != X.shape:
        raise ValueError(f"mask: got shape {missing.shape}, want that of X, {X.shape}")
    filled = np.where(missing, X.dtype.type(0), X)
    if not np.isfinite(filled).all():
        raise ValueError("X: has values that are not finite where they are observed")
    return Data(filled, *_value_range(filled), estimator), missing


def _check_structure(X: Any) -> None:
    """ValueError if a sparse matrix's vectors do not fit together.

    SciPy trusts them, and writes where they point: this comes before any conversion. Its own
    ``check_format`` does not look at the inside of ``indptr`` where that ends with 0.
    """
    if X.ndim != 2:
        raise ValueError(f"X: got a sparse array of shape {X.shape}, want two dimensions")
    if X.format == "coo":
        coordinates = zip((X.row, X.col), X.shape, strict=True)
        fits = all(
            len(index) == len(X.data) and _all_within(index, 0, n - 1) for index, n in coordinates
        )
    elif X.format in ("csr", "csc", "bsr"):
        block = X.blocksize if X.format == "bsr" else (1, 1)
        n_outer, n_inner = (n // b for n, b in zip(X.shape, block, strict=True))
        if X.format == "csc":
            n_outer, n_inner = n_inner, n_outer
        fits = (
            X.indptr.shape == (n_outer + 1,)
            and X.indices.shape == X.data.shape[:1]
            and X.indptr.dtype.kind in "iu"
            and X.indptr[0] == 0
            and X.indptr[-1] <= len(X.indices)
            and bool(np.all(X.indptr[1:] >= X.indptr[:-1]))
            and _all_within(X.indices, 0, n_inner - 1)
        )
    else:
        return  # the others are converted by way of checks, or of Python's
    if not fits:
        raise ValueError(f"X: got a damaged {X.format.upper()} matrix: its index vectors are wrong")


def _all_within(index: NDArray[Any], low: int, high: int) -> bool:
    if index.ndim != 1 or index.dtype.kind not in "iu":
        return False
    return index.size == 0 or bool(low <= index.min() and index.max() <= high)


def _checked_csr(X: Any) -> Any:
    """Return a matrix that the gather can read: contiguous, no duplicates."""
    vectors = [np.ascontiguousarray(v) for v in (X.data, X.indices, X.indptr)]
    checked = sparse.csr_matrix(tuple(vectors), shape=X.shape)  # the caller's own is left alone
    if not checked.has_canonical_format:
        checked = checked.copy()
        checked.sum_duplicates()
    return checked


def _value_range(values: NDArray[Any]) -> tuple[float, float]:
    """Return lowest and highest of values, NaN if there is one; Ctrl-C is heard meanwhile."""
    if values.size == 0:
        return 0.0, 0.0
    ranges = ((block.min(), block.max()) for block in _blocks(values))
    lows, highs = zip(*ranges, strict=True)
    return float(np.min(lows)), float(np.max(highs))


def _blocks(values: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield views that together are all of the values; none if there are none."""
    if values.size == 0:
        return
    values = np.atleast_2d(values)
    if abs(values.strides[0]) < abs(values.strides[1]):
        values = values.T
    n_rows, n_columns = values.shape
    width = min(n_columns, _BLOCK_BYTES // values.itemsize)
    height = _BLOCK_BYTES // values.itemsize // width
    for i in range(0, n_rows, height):
        for j in range(0, n_columns, width):
            yield values[i : i + height, j : j + width]


def choose_input_scale(asked: Any, likelihood: str, data: Data) -> float:
    """Return the factor of ``input_scale``: 1/255 for uint8 pixels, 1 for everything else."""
    if asked != "auto":
        return float(asked)
    pixels = data.X.dtype == np.uint8 and SUPPORTS.get(likelihood) != "counts"
    return 1.0 / 255.0 if pixels and data.high > 1 else 1.0


def choose_likelihood(asked: str, binarize: str | None, data: Data, scale: float) -> str:
    """Return the likelihood that "auto" stands for: Bernoulli where all values lie in [0, 1]."""
    if asked != "auto":
        return str(asked)
    unit = data.low * scale >= 0 and data.high * scale <= 1
    return "bernoulli" if unit or binarize == "threshold" else "gaussian"


def as_rows(data: Data, scale: float, config: Config) -> Rows:
    """Hand the data to the core, if its values suit a model of this configuration.

    Raises
    ------
    ValueError
        If the likelihood or dynamic binarisation takes no such values, or float32 cannot hold
        them.
    """
    _check_range(data, scale, config)
    if config.support == "counts":
        _check_counts(data, scale, config)
    X = data.X
    if sparse.issparse(X):
        return Rows.csr(X.data, X.indices, X.indptr, X.shape[1], scale)
    return Rows(X, scale)


def rows_as_they_are(X: Any, n_features: int, scale: float, config: Config) -> Rows | None:
    """Return the rows of a plain array that is to be read once, without a look at its values.

    The core checks them itself as it reads them, on all its threads, and raises OutOfRangeError;
    `as_rows` of `check_data` says then what is wrong. None if it is no such array, or if the model
    takes counts.
    """
    if not (
        config.support != "counts"
        and type(X) is np.ndarray
        and X.ndim == 2
        and X.dtype in _READ_IN_PLACE
        and X.shape[0] > 0
        and X.shape[1] == n_features
        and X.flags.aligned
    ):
        return None
    return Rows(X, scale, _RANGES[config.support])


def _check_range(data: Data, scale: float, config: Config) -> None:
    low, high = data.low, data.high
    got = f"X: got values from {low:g} to {high:g}"
    if max(-low, high) * max(scale, 1.0) > _FLOAT32_MAX:
        raise ValueError(f"{got}, want values (times input_scale {scale:g}) in float32's range")
    if config.support == "unit-interval" and (low * scale < 0 or high * scale > 1):
        dynamic = config.as_dict()["binarize"] == "dynamic"
        what = "binarize='dynamic'" if dynamic else "the Bernoulli likelihood"
        raise ValueError(
            f"{got}, {what} wants values (times input_scale {scale:g}) in [0, 1]; rescale X, or "
            f"use binarize='threshold' or likelihood='gaussian'"
        )


def _check_counts(data: Data, scale: float, config: Config) -> None:
    """ValueError if a value, times the scale, is no count."""
    values = data.X.data if sparse.issparse(data.X) else data.X
    factor = np.float32(scale)
    for block in _blocks(values):
        scaled = block.astype(np.float32) * factor  # as the core reads them
        wrong = (scaled < 0) | (scaled != np.rint(scaled))
        if wrong.any():
            raise ValueError(
                f"X: got the value {block[wrong][0]:g}, likelihood="
                f"{config.as_dict()['likelihood']!r} wants integers >= 0 (values times "
                f"input_scale {scale:g}); change X or input_scale, or use likelihood='gaussian'"
            )
