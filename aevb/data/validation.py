"""The caller's data: one check of all values, and what their columns hold."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils.validation import validate_data

from aevb.core.catalogue import LEVEL_LIKELIHOODS
from aevb.data.checks import check_unmasked
from aevb.data.families import asked_families, declares_levels
from aevb.data.frames import is_frame, without_na
from aevb.data.schema import Schema

# The types that the core reads in place. scikit-learn converts others (float16, objects) to the
# first.
DTYPES = [
    np.float64, np.float32, np.uint8, np.bool_, np.int8, np.int16, np.int32, np.int64, np.uint16,
    np.uint32, np.uint64,
]  # fmt: skip
# Size of a block of values, which stays in the cache during several passes over it.
_BLOCK_BYTES = 1 << 20


class Data(NamedTuple):
    """A checked data set (n, D), and the range of its values. NaN is a missing value."""

    X: Any
    low: float
    high: float
    judge: Any  # an estimator for `check_data` of other data with the same columns
    holes: bool = False  # whether a value is missing
    schema: Schema | None = None  # of a frame, or of a table with categories

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
        """Names of the columns, if they have names."""
        names: NDArray[Any] | None = getattr(self.judge, "feature_names_in_", None)
        return names

    @property
    def is_numeric(self) -> bool:
        """Whether no column has categories."""
        return self.schema is None or self.schema.is_numeric

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kind of each column: "float", "integer", "boolean" or "category"."""
        if self.schema is None:
            return ("float",) * self.n_features
        return tuple(column.kind for column in self.schema.columns)

    @property
    def n_levels(self) -> list[int]:
        """The number of levels of each column, 0 for numbers."""
        if self.schema is None:
            return [0] * self.n_features
        return [len(column.levels) for column in self.schema.columns]

    def is_ordered(self, j: int) -> bool:
        """Tell whether a column's categories have an order of their own, and more than one."""
        column = self.schema.columns[j] if self.schema is not None else None
        return column is not None and column.ordered and len(column.levels) > 1

    def name_of(self, j: int) -> str:
        """Return what messages call column j."""
        names = self.feature_names
        return f"column {j}" if names is None else f"column {str(names[j])!r}"


def check_data(estimator: Any, X: Any, *, is_new: bool = False) -> Data:
    """Check ``X`` for a fitted estimator. If the estimator is new, accept any columns.

    Raises
    ------
    ValueError
        If ``X`` is not a non-empty, two-dimensional array with as many columns as the model was
        fitted with, of finite numbers and NaN.
    """
    check_unmasked("X", X)
    if sparse.issparse(X):
        _check_structure(X)
    judge = _new_judge(estimator) if is_new else estimator
    schema = schema_of(judge, X, estimator.likelihood) if is_new else schema_of_fit(judge)
    if schema is not None and not schema.is_numeric:
        return _table_data(judge, X, schema, is_new=is_new)
    X = without_na(X)

    def validate(**options: Any) -> Any:
        with np.errstate(all="ignore"):  # sums and casts may overflow before the check raises
            return validate_data(
                judge, X, reset=is_new, dtype=DTYPES, accept_sparse="csr", order=None, **options
            )

    checked = validate(ensure_all_finite=False)
    if sparse.issparse(checked):
        checked = _checked_csr(checked)
    elif not (checked.flags.aligned and checked.dtype.isnative):  # frames may be big-endian
        checked = checked.astype(checked.dtype.newbyteorder("="))
    values = checked.data if sparse.issparse(checked) else checked
    low, high = value_range(values)
    holes = math.isnan(low)
    if holes:
        low, high = value_range(values, holes=True)
    if not (math.isfinite(low) and math.isfinite(high)):
        validate(ensure_all_finite="allow-nan")  # raises, and says what is wrong
    if sparse.issparse(checked) and checked.nnz < checked.shape[0] * checked.shape[1]:
        low, high = min(low, 0.0), max(high, 0.0)
    return Data(checked, low, high, judge, holes, schema)


def _table_data(judge: Any, X: Any, schema: Schema, *, is_new: bool) -> Data:
    """Return a table with categories as numbers, with the codes of the categories."""
    validate_data(judge, X, reset=is_new, skip_check_array=True)  # the names of the columns
    numbers = schema.numbers(X)
    if len(numbers) == 0:
        raise ValueError("X: got no rows, want at least 1")
    low, high = value_range(numbers, holes=True)
    return Data(numbers, low, high, judge, bool(np.isnan(numbers).any()), schema)


def schema_of(judge: Any, X: Any, likelihood: Any) -> Schema | None:
    """Return the schema of a new table: a frame, or an array with declared categories."""
    is_table = is_frame(X, "pandas") or is_frame(X, "polars")
    if not is_table and (sparse.issparse(X) or not declares_levels(likelihood)):
        return None
    names = [str(name) for name in X.columns] if is_table else None
    n_features = len(names) if names is not None else np.asarray(X).shape[-1]
    families = asked_families(likelihood, n_features, names)
    declared = [j for j, family in enumerate(families) if family in LEVEL_LIKELIHOODS]
    schema = Schema.of(X, declared)
    judge.schema = schema
    return schema


def schema_of_fit(judge: Any) -> Schema | None:
    """Return the schema of a fitted estimator's data, or of the data that a judge has seen."""
    state = getattr(judge, "_state", None)
    schema: Schema | None = getattr(judge, "schema", None) if state is None else state.schema
    return schema


def _new_judge(estimator: Any) -> Any:
    """Return an object to which scikit-learn writes the columns, with the same name and tags."""
    tags = estimator.__sklearn_tags__()
    return type(type(estimator).__name__, (), {"__sklearn_tags__": lambda _: tags})()


def _check_structure(X: Any) -> None:
    """Raise a ValueError if the vectors of a sparse matrix do not match.

    SciPy does not check them, and its conversions may then write outside their memory. So this
    check comes first. SciPy's own ``check_format`` ignores the inner values of ``indptr`` if the
    last one is 0.
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
        return  # SciPy or Python checks the other formats in conversions
    if not fits:
        raise ValueError(f"X: got a damaged {X.format.upper()} matrix: its index vectors are wrong")


def _all_within(index: NDArray[Any], low: int, high: int) -> bool:
    if index.ndim != 1 or index.dtype.kind not in "iu":
        return False
    return index.size == 0 or bool(low <= index.min() and index.max() <= high)


def _checked_csr(X: Any) -> Any:
    """Return a CSR matrix for the core: contiguous, aligned vectors without duplicates."""
    vectors = [np.require(v, requirements=("C", "A")) for v in (X.data, X.indices, X.indptr)]
    checked = sparse.csr_matrix(tuple(vectors), shape=X.shape)  # the caller's matrix stays as it is
    if not checked.has_canonical_format:
        checked = checked.copy()
        checked.sum_duplicates()
    return checked


def value_range(values: NDArray[Any], *, holes: bool = False) -> tuple[float, float]:
    """Return the lowest and the highest value, or NaN if there is one and `holes` is false.

    With `holes`, NaN does not count, and the range of no values is 0 to 0. Ctrl-C can interrupt
    this between two blocks.
    """
    lowest, highest = (np.fmin, np.fmax) if holes else (np.minimum, np.maximum)
    ends = [(lowest.reduce(b, axis=None), highest.reduce(b, axis=None)) for b in blocks_of(values)]
    if not ends:
        return 0.0, 0.0
    low, high = (
        float(f.reduce(e)) for f, e in zip((lowest, highest), zip(*ends, strict=True), strict=True)
    )
    return (0.0, 0.0) if holes and math.isnan(low) else (low, high)


def blocks_of(values: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield views that together contain all values once."""
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


def values_in_blocks(data: Data) -> Iterator[NDArray[Any]]:
    """Yield blocks that together have all values once, those of a sparse matrix that it stores."""
    return blocks_of(data.X.data if sparse.issparse(data.X) else data.X)
