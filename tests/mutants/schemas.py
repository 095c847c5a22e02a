"""Mistakes in tables: levels, missing values, and what is made again."""

from mutants.mutant import Mutant

SCHEMA = "aevb/data/schema.py"
COLUMNS = "aevb/data/table_columns.py"
FRAMES = "aevb/data/table_frames.py"
RESTORE = "aevb/data/table_restore.py"
UNSEEN = "test_schema_fits.py::test_unseen_levels_are_missing_with_one_warning"
MUTANTS = [
    Mutant(
        what="levels of a categorical that do not occur count as unseen",
        file=SCHEMA,
        text="    strange = strange[np.isin(strange, places)]",
        replacement="    strange = strange[:]",
        tests=("test_schema_fits.py::test_levels_that_do_not_occur_are_not_unseen",),
    ),
    Mutant(
        what="unseen levels get the last code",
        file=SCHEMA,
        text="known = [codes.get(plain(value), math.nan) for value in uniques]",
        replacement="known = [codes.get(plain(value), len(codes) - 1.0) for value in uniques]",
        tests=(UNSEEN,),
    ),
    Mutant(
        what="the order of columns does not matter",
        file=SCHEMA,
        text="        if names == known:\n",
        replacement="        if sorted(names) == sorted(known):\n",
        tests=("test_schema_fits.py::test_the_order_of_columns_matters",),
    ),
    Mutant(
        what="stored levels may be equal",
        file=SCHEMA,
        text="        and len(set(column.levels)) == len(column.levels)\n",
        replacement="",
        tests=("test_schema_fits.py::test_damaged_schemas_are_refused[same levels]",),
    ),
    Mutant(
        what="strings that look like numbers are numbers",
        file=COLUMNS,
        text="    if wrong:\n        value = shown(_first_of(observed, wrong))",
        replacement="    if False:\n        value = shown(_first_of(observed, wrong))",
        tests=("test_schema_fits.py::test_values_that_are_no_numbers_are_named",),
    ),
    Mutant(
        what="levels of strings come as they first appear",
        file=FRAMES,
        text='levels = tuple(sorted(levels)) if kind == "string" else levels',
        replacement="levels = tuple(levels)",
        tests=("test_schema.py::test_strings[object]",),
    ),
    Mutant(
        what="the dtype of a categorical's levels is pandas's choice",
        file=FRAMES,
        text='    return f"category[{_name_of_pandas(dtype.categories.dtype)}]"',
        replacement='    return "category"',
        tests=("test_schema.py::test_categoricals_keep_all_their_levels",),
    ),
    Mutant(
        what="NaN in a nullable column is a level",
        file=FRAMES,
        text='pandas.factorize(self.floats() if kind == "f" else self.column)',
        replacement="pandas.factorize(self.column)",
        tests=("test_schema_fits.py::test_a_nullable_column_may_hold_nan",),
    ),
    Mutant(
        what="integers wrap at the ends of their range",
        file=RESTORE,
        text="return np.clip(np.rint(values), low, most)",
        replacement="return np.rint(values)",
        tests=("test_schema_fits.py::test_integers_are_rounded_and_stay_in_range",),
    ),
    Mutant(
        what="the largest integer is rounded out of its range",
        file=RESTORE,
        text="    if int(most) > high:  # rounded up to a power of two\n",
        replacement="    if False:\n",
        tests=("test_schema_fits.py::test_integers_are_rounded_and_stay_in_range",),
    ),
    Mutant(
        what="pandas chooses the dtype of restored strings",
        file=RESTORE,
        text="pandas.Series(part, index=index, dtype=part.dtype)",
        replacement="pandas.Series(part, index=index)",
        tests=("test_schema.py::test_strings[object]",),
    ),
    Mutant(
        what="a frame made again has a new index",
        file=RESTORE,
        text="index = like.index if len(like) == len(values) else index",
        replacement="index = index",
        tests=("test_schema_fits.py::test_the_index_is_kept",),
    ),
]
