"""Mistakes in tables on the command line and in their pictures."""

from mutants.mutant import Mutant

_CSV = "aevb/cli/csv_file.py"
_TABLE = "aevb/cli/table.py"
_COLUMNS = "aevb/cli/columns.py"
_PLOTS = "aevb/plots/table.py"

_READ = "test_cli_tables.py::test_csv"
_WRONG = "test_cli_tables.py::test_what_is_wrong_with_a_csv"
_DROP = "test_cli_tables.py::test_drop"
_NUMBERS = "test_cli_tables.py::test_a_column_that_numbers_the_rows_is_pointed_out"
_NAMES = "test_cli_tables.py::test_the_names_go_to_the_model_and_back"
_INFO = "test_cli_models.py::test_info_describes_a_model"
_IMPUTE = "test_cli_models.py::test_impute_of_a_csv_file"
_ORDER = "test_cli_models.py::test_impute_keeps_the_order_of_the_file"
_PANELS = "test_plots_table.py::test_each_panel_is_observed_against_reconstructed"
_CHOSEN = "test_plots_table.py::test_columns_by_name_and_by_number"

MUTANTS = [
    Mutant(
        what="a header that begins with a number is not seen",
        file=_CSV,
        text="zip(words, second, strict=False)",
        replacement="zip(words[:1], second, strict=False)",
        tests=(_READ,),
    ),
    Mutant(
        what="a first row with a word is a header, whatever stands below",
        file=_CSV,
        text="    if second is None:\n        return any(words)",
        replacement="    if True:\n        return any(words)",
        tests=("test_cli_tables.py::test_drop_of_words_without_a_header",),
    ),
    Mutant(
        what="a byte order mark is part of the first field",
        file=_CSV,
        text='_ENCODING = "utf-8-sig"',
        replacement='_ENCODING = "utf-8"',
        tests=(_READ,),
    ),
    Mutant(
        what="semicolons are taken for commas",
        file=_CSV,
        text='for delimiter in "\\t;":',
        replacement='for delimiter in "\\t":',
        tests=(_READ,),
    ),
    Mutant(
        what="one line decides about the delimiter",
        file=_CSV,
        text="if 2 * sum(divided) > len(divided):",
        replacement="if any(divided):",
        tests=(_READ,),
    ),
    Mutant(
        what="a number may have underscores",
        file=_CSV,
        text='if "_" not in "".join(cells):',
        replacement="if cells:",
        tests=(_WRONG,),
    ),
    Mutant(
        what="a header may be wider than the rows",
        file=_CSV,
        text="return X if X.shape[1] == len(layout.kept) else None",
        replacement="return X",
        tests=(_WRONG,),
    ),
    Mutant(
        what="lines that begin with # are left out",
        file=_CSV,
        text="comments=None,",
        replacement="",
        tests=("test_cli_tables.py::test_lines_are_no_comments",),
    ),
    Mutant(
        what="only the first column may number the rows",
        file=_CSV,
        text="(i == 0 or name in _COUNTERS)",
        replacement="i == 0",
        tests=(_NUMBERS,),
    ),
    Mutant(
        what="rows are numbered from 0 only",
        file=_CSV,
        text="for start in (0, 1))",
        replacement="for start in (0,))",
        tests=(_NUMBERS,),
    ),
    Mutant(
        what="all cells are filled in",
        file=_CSV,
        text="if math.isnan(_number(row[i])):",
        replacement="if not reads_pixels(state):",
        tests=(_IMPUTE,),
    ),
    Mutant(
        what="values go to the cells of other columns",
        file=_TABLE,
        text="csv = table.csv and table.csv._replace(kept=[table.csv.kept[i] for i in order])",
        replacement="csv = table.csv",
        tests=(_ORDER,),
    ),
    Mutant(
        what="columns are taken by their places, whatever their names",
        file=_TABLE,
        text="if order == sorted(order):",
        replacement="if order:",
        tests=(_NAMES,),
    ),
    Mutant(
        what="--drop counts columns from 1",
        file=_TABLE,
        text="        return int(word)\n",
        replacement="        return int(word) - 1\n",
        tests=(_DROP,),
    ),
    Mutant(
        what="the model is not told the names",
        file="aevb/cli/fit.py",
        text="set_feature_names(model, table.names)",
        replacement="set_feature_names(model, None)",
        tests=(_NAMES,),
    ),
    Mutant(
        what="the model keeps its names, and scikit-learn warns",
        file="aevb/cli/files.py",
        text="    set_feature_names(model, None)\n",
        replacement="",
        tests=(_NAMES,),
    ),
    Mutant(
        what="the rarest kind of column comes first",
        file=_COLUMNS,
        text="in kinds.most_common())",
        replacement="in kinds.most_common()[::-1])",
        tests=("test_cli_models.py::test_columns_in_words",),
    ),
    Mutant(
        what="info gives parameters that have their defaults",
        file="aevb/cli/info.py",
        text="if getattr(model, name) != parameter.default",
        replacement="if parameter",
        tests=(_INFO,),
    ),
    Mutant(
        what="info gives the first epoch's bound",
        file="aevb/cli/info.py",
        text="{found[-1]:.2f}",
        replacement="{found[0]:.2f}",
        tests=(_INFO,),
    ),
    Mutant(
        what="transform writes another number of digits",
        file=_CSV,
        text='fmt="%.9g"',
        replacement='fmt="%.6g"',
        tests=("test_cli_models.py::test_transform",),
    ),
    Mutant(
        what="--method reaches nothing",
        file="aevb/cli/impute.py",
        text='{"method": args.method, ',
        replacement='{"method": "mean", ',
        tests=("test_cli_models.py::test_impute_to_an_array",),
    ),
    Mutant(
        what="panels have the values of the first columns",
        file=_PLOTS,
        text="_panel(ax, values[:, i], means[:, i], names[i])",
        replacement="_panel(ax, values[:, 0], means[:, 0], names[i])",
        tests=(_PANELS, _CHOSEN),
    ),
    Mutant(
        what="observed and reconstructed values change places",
        file=_PLOTS,
        text="ax.scatter(observed, reconstructed,",
        replacement="ax.scatter(reconstructed, observed,",
        tests=(_PANELS,),
    ),
    Mutant(
        what="the model gets an array without the frame's names",
        file=_PLOTS,
        text="model.inverse_transform(model.transform(X))",
        replacement="model.inverse_transform(model.transform(np.asarray(X)))",
        tests=("test_plots_table.py::test_frames_reach_the_model_as_frames",),
    ),
]
