"""Input data: one check of all values, and rows for the core, which reads them in place."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils.validation import validate_data

from aevb.core.catalogue import LEVEL_LIKELIHOODS, SUPPORTS
from aevb.core.engine import Config, Rows
from aevb.core.units import Units
from aevb.data.checks import check_unmasked
from aevb.data.families import asked_families, declares_levels, families_of
from aevb.data.frames import is_frame, without_na
from aevb.data.moments import column_moments, column_ranges
from aevb.data.schema import Schema

# The types that the core reads in place. scikit-learn converts others (float16, objects) to the
# first.
DTYPES = [
    np.float64, np.float32, np.uint8, np.bool_, np.int8, np.int16, np.int32, np.int64, np.uint16,
    np.uint32, np.uint64,
]  # fmt: skip
_READ_IN_PLACE = frozenset(map(np.dtype, DTYPES))
# Size of a block of values, which stays in the cache during several passes over it.
_BLOCK_BYTES = 1 << 20
_FLOAT32_MAX = float(np.finfo(np.float32).max)
# A value in [0, 1] that was scaled in float32 or float64 may leave the interval by less than this.
# It is then clipped.
SLACK = 1e-6
_FLOAT32_TINY = float(np.finfo(np.float32).tiny)
_BELOW_ONE = float(np.nextafter(np.float32(1), np.float32(0)))
# The range of values, in the model's units, for each support of a likelihood. Counts must also be
# integers, which the core does not check.
_RANGES = {
    "real": (-_FLOAT32_MAX, _FLOAT32_MAX),
    "positive": (_FLOAT32_TINY, _FLOAT32_MAX),
    "unit-interval": (0.0, 1.0),
    "open-unit-interval": (_FLOAT32_TINY, _BELOW_ONE),
    "counts": (0.0, _FLOAT32_MAX),
}
_WANTED = {
    "positive": "numbers above 0",
    "unit-interval": "numbers in [0, 1]",
    "open-unit-interval": "numbers in (0, 1), without 0 and 1",
    "counts": "integers >= 0",
}


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
    schema = schema_of(judge, X, estimator.likelihood) if is_new else judge_schema(judge)
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


def judge_schema(judge: Any) -> Schema | None:
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
    """Return a CSR matrix that the core can read: contiguous vectors without duplicates."""
    vectors = [np.ascontiguousarray(v) for v in (X.data, X.indices, X.indptr)]
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
    ends = [(lowest.reduce(b, axis=None), highest.reduce(b, axis=None)) for b in _blocks(values)]
    if not ends:
        return 0.0, 0.0
    low, high = (
        float(f.reduce(e)) for f, e in zip((lowest, highest), zip(*ends, strict=True), strict=True)
    )
    return (0.0, 0.0) if holes and math.isnan(low) else (low, high)


def _blocks(values: NDArray[Any]) -> Iterator[NDArray[Any]]:
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
    return _blocks(data.X.data if sparse.issparse(data.X) else data.X)


def in_unit_interval(data: Data, scale: float = 1.0) -> bool:
    """Tell whether all values, times a scale, lie in [0, 1] to within float32's rounding."""
    low, high = _scaled_ends(data, scale)
    return low >= -SLACK and high <= 1.0 + SLACK


def _scaled_ends(data: Data, scale: float) -> tuple[float, float]:
    """Return the lowest and the highest value times a scale, as the core computes them."""
    with np.errstate(over="ignore"):
        low, high = (float(np.float32(v) * np.float32(scale)) for v in (data.low, data.high))
    return low, high


def as_rows(data: Data, units: Units, config: Config) -> Rows:
    """Return the data as rows for the core.

    Raises
    ------
    ValueError
        If the likelihood or dynamic binarisation does not accept a value, or if a value is out of
        float32's range.
    """
    guard = None
    scale = units.common_scale
    if scale is None:
        _check_standardised(data, units)
        _check_columns(data, families_of(config.as_dict()["likelihood"], units))
    else:
        _check_range(data, scale, config)
        if config.support == "unit-interval":
            low, high = _scaled_ends(data, scale)
            if low < 0.0 or high > 1.0:
                guard = (*_RANGES[config.support], SLACK)
        if config.support in ("positive", "open-unit-interval"):
            _check_open_range(data, scale, config)
        if config.support == "counts":
            _check_counts(data, scale, config)
    X = data.X
    if sparse.issparse(X):
        return Rows.csr(X.data, X.indices, X.indptr, X.shape[1], guard, data.holes)
    return Rows(X, guard, data.holes)


def rows_as_they_are(X: Any, units: Units, config: Config) -> Rows | None:
    """Return rows of an array without a check of its values, for a caller that reads them once.

    The core checks the values while it reads them, on all its threads. For a bad value it raises an
    OutOfRangeError. The caller then runs `check_data` and `as_rows`, which say what is wrong. The
    result is None if X is not a plain array, if the model takes counts, or if columns differ in
    their likelihood.
    """
    if not (
        config.support != "counts"
        and not units.places
        and type(X) is np.ndarray
        and X.ndim == 2
        and X.dtype in _READ_IN_PLACE
        and X.shape[0] > 0
        and X.shape[1] == units.n_features
        and X.flags.aligned
    ):
        return None
    slack = SLACK if config.support == "unit-interval" else 0.0
    return Rows(X, (*_RANGES[config.support], slack))


def _check_range(data: Data, scale: float, config: Config) -> None:
    low, high = data.low, data.high
    got = f"X: got values from {low!r} to {high!r}"
    if max(-low, high) * max(scale, 1.0) > _FLOAT32_MAX:
        raise ValueError(f"{got}, want values (times scale {scale:g}) in float32's range")
    if config.support == "unit-interval" and not in_unit_interval(data, scale):
        dynamic = config.as_dict()["binarize"] == "dynamic"
        what = "binarize='dynamic'" if dynamic else "the Bernoulli likelihood"
        raise ValueError(
            f"{got}, {what} wants values (times scale {scale:g}) in [0, 1]; rescale X, or "
            f"use binarize='threshold' or likelihood='gaussian'"
        )


def _check_standardised(data: Data, units: Units) -> None:
    """Raise a ValueError if a value is out of float32's range in the model's units."""
    ends = np.array([[data.low], [data.high]])
    with np.errstate(over="ignore", invalid="ignore"):
        if np.abs((ends - units.location) * units.scale).max() <= _FLOAT32_MAX:
            return  # even if every column had the whole range
        m = column_moments(data.X)
        scaled = np.abs((np.stack([m.low, m.high]) - units.location) * units.scale)
    if not (scaled <= _FLOAT32_MAX).all():
        column = int((~(scaled <= _FLOAT32_MAX)).any(axis=0).argmax())
        raise ValueError(
            f"X: column {column} has values from {m.low[column]!r} to {m.high[column]!r}, which "
            f"are out of float32's range in units of its spread in fit, "
            f"{1 / units.scale[column]!r}; want values nearer to those"
        )


def _check_open_range(data: Data, scale: float, config: Config) -> None:
    """Raise a ValueError if a value, times the scale, is not inside of an open interval."""
    low, high = _scaled_ends(data, scale)
    least, most = _RANGES[config.support]
    if not (least <= low and high <= most):
        raise ValueError(
            f"X: got values from {data.low!r} to {data.high!r}, likelihood="
            f"{config.as_dict()['likelihood']!r} wants {_WANTED[config.support]} (values times "
            f"scale {scale:g}); change X, or choose another likelihood for these columns"
        )


def _check_columns(data: Data, families: Sequence[str]) -> None:
    """Raise a ValueError if a column has a value that its likelihood does not accept."""
    supports = [SUPPORTS[family] for family in families]
    if all(support in ("real", "levels") for support in supports):
        return
    lows, highs = column_ranges(data.X)
    for j, support in enumerate(supports):
        if support in ("real", "levels") or np.isnan(lows[j]):
            continue
        slack = SLACK if support == "unit-interval" else 0.0
        least, most = _RANGES[support]
        wrong = lows[j] if lows[j] < least - slack else highs[j]
        fits = least - slack <= lows[j] and highs[j] <= most + slack
        if fits and support == "counts":
            values = data.X[:, [j]].data if sparse.issparse(data.X) else data.X[:, j]
            broken = values[(values != np.rint(values)) & ~np.isnan(values)]
            fits, wrong = broken.size == 0, broken[0] if broken.size else wrong
        if not fits:
            raise ValueError(
                f"X: {data.name_of(j)} has the value {wrong:g}, its likelihood {families[j]!r} "
                f"wants {_WANTED[support]}; change X, or choose another likelihood for the column"
            )


def _check_counts(data: Data, scale: float, config: Config) -> None:
    """Raise a ValueError if a value, times the scale, is not a count."""
    values = data.X.data if sparse.issparse(data.X) else data.X
    factor = np.float32(scale)
    for block in _blocks(values):
        scaled = block.astype(np.float32) * factor  # as the core reads them
        wrong = (scaled < 0) | (scaled != np.rint(scaled)) & ~np.isnan(scaled)
        if wrong.any():
            raise ValueError(
                f"X: got the value {block[wrong][0]:g}, likelihood="
                f"{config.as_dict()['likelihood']!r} wants integers >= 0 (values times "
                f"scale {scale:g}); change X or scale, or use likelihood='gaussian'"
            )
