"""Mistakes in tables on the command line and in their pictures."""

from mutants.mutant import Mutant

_CSV = "aevb/cli/csv_file.py"
_CELLS = "aevb/cli/cells.py"
_LAYOUT = "aevb/cli/csv_layout.py"
_WORDS = "aevb/cli/csv_words.py"
_TABLE = "aevb/cli/table.py"
_COLUMNS = "aevb/cli/columns.py"
_PLOTS = "aevb/plots/table.py"
_MARGINALS = "aevb/plots/marginals.py"

_READ = "test_cli_tables.py::test_csv"
_WRONG = "test_cli_tables.py::test_what_is_wrong_with_a_csv"
_DROP = "test_cli_tables.py::test_drop"
_NUMBERS = "test_cli_tables.py::test_a_column_that_numbers_the_rows_is_pointed_out"
_NAMES = "test_cli_tables.py::test_the_names_go_to_the_model_and_back"
_INFO = "test_cli_models.py::test_info_describes_a_model"
_IMPUTE = "test_cli_models.py::test_impute_of_a_csv_file"
_ORDER = "test_cli_models.py::test_impute_keeps_the_order_of_the_file"
_HEADERS = "test_cli_words.py::test_what_is_a_header_and_what_is_a_word"
_STRANGE = "test_cli_words.py::test_what_is_wrong_with_words"
_SEMICOLONS = "test_cli_words.py::test_semicolons_in_words_and_commas_in_numbers"
_FRAME = "test_cli_words.py::test_words_make_a_frame"
_KEEPS = "test_cli_words.py::test_impute_keeps_what_is_known"
_WHOLE = "test_cli_words.py::test_impute_writes_whole_numbers_of_an_array"
_PANELS = "test_plots_table.py::test_each_panel_is_observed_against_reconstructed"
_CHOSEN = "test_plots_table.py::test_columns_by_name_and_by_number"

MUTANTS = [
    Mutant(
        what="a header that begins with a number is not seen",
        file=_LAYOUT,
        text="        for i in [i for i in words if",
        replacement="        for i in [i for i in words if i == 0 and",
        tests=(_READ,),
    ),
    Mutant(
        what="a first row with a word is a header, whatever stands below",
        file=_LAYOUT,
        text="            if not _is_name(row[i]):\n",
        replacement="            if row:\n",
        tests=(
            "test_cli_tables.py::test_drop_of_words_without_a_header",
            _HEADERS,
        ),
    ),
    Mutant(
        what="words alone are no header",
        file=_LAYOUT,
        text="        return bool(words)",
        replacement="        return False",
        tests=(_HEADERS,),
    ),
    Mutant(
        what="a blank cell below a word makes a header",
        file=_LAYOUT,
        text="len(row) and not is_missing(row[i])",
        replacement="len(row)",
        tests=(_HEADERS,),
    ),
    Mutant(
        what="one word makes a column of words",
        file=_WORDS,
        text="if n_words > n_numbers",
        replacement="if n_words > 0 * n_numbers",
        tests=(_STRANGE,),
    ),
    Mutant(
        what="imputed booleans are probabilities",
        file="aevb/cli/impute.py",
        text="bool(value >= 0.5) if kind == BOOLEANS else value",
        replacement="value",
        tests=("test_cli_words.py::test_booleans_of_a_model_are_read_back",),
    ),
    Mutant(
        what="True and False are a header",
        file=_LAYOUT,
        text="is_word(text) and not is_true_or_false(text)",
        replacement="is_word(text)",
        tests=("test_cli_words.py::test_a_column_of_true_and_false_is_boolean",),
    ),
    Mutant(
        what="a decimal comma makes a word",
        file=_CELLS,
        text="return not is_number(text) and not _LIKE_A_NUMBER.fullmatch(text.strip())",
        replacement="return not is_number(text)",
        tests=(_STRANGE,),
    ),
    Mutant(
        what="words keep the blanks at their ends",
        file=_WORDS,
        text="else text.strip()",
        replacement="else text",
        tests=(_HEADERS,),
    ),
    Mutant(
        what="a column of whole numbers has floats",
        file=_WORDS,
        text='"Int64" if are_whole(column) else "float64"',
        replacement='"float64"',
        tests=(_FRAME,),
    ),
    Mutant(
        what="a model does not say what has words",
        file=_CSV,
        text="kinds = [] if wanted is None else wanted.kinds",
        replacement="kinds = []",
        tests=("test_cli_words.py::test_a_column_is_what_it_was_in_fit",),
    ),
    Mutant(
        what="a column of names with one name twice is not pointed out",
        file=_CSV,
        text="2 * n > len(words)",
        replacement="n == len(words)",
        tests=("test_cli_words.py::test_a_column_of_names_is_pointed_out",),
    ),
    Mutant(
        what="an imputed cell loses the blanks beside it",
        file=_CSV,
        text="row[i].replace(mark, text_of(value)) if mark else text_of(value)",
        replacement="text_of(value)",
        tests=(_KEEPS,),
    ),
    Mutant(
        what="a warning is printed each time",
        file="aevb/cli/entry.py",
        text="            printed.add(str(message))\n",
        replacement="",
        tests=("test_cli_words.py::test_unseen_words_are_one_line",),
    ),
    Mutant(
        what="a sample has no header",
        file="aevb/cli/sample.py",
        text="_save(args.out, feature_names(model),",
        replacement="_save(args.out, None,",
        tests=("test_cli_words.py::test_sample_has_the_header_and_the_types",),
    ),
    Mutant(
        what="imputed counts are not whole",
        file="aevb/cli/impute.py",
        text='SUPPORTS[family] == "counts" or are_whole(column)',
        replacement="are_whole(column)",
        tests=(_WHOLE,),
    ),
    Mutant(
        what="imputed numbers are whole if one known number is",
        file=_WORDS,
        text="whole.all() and (observed[:-1] != observed[1:]).any()",
        replacement="whole.all()",
        tests=(_WHOLE,),
    ),
    Mutant(
        what="an option for one column comes alone",
        file="aevb/cli/options.py",
        text='            known["action"] = "append"\n',
        replacement='            known["nargs"] = 1\n',
        tests=("test_cli_words.py::test_likelihoods_of_columns",),
    ),
    Mutant(
        what="a column may have two likelihoods",
        file="aevb/cli/fit.py",
        text="    if len(set(numbers)) < len(numbers):",
        replacement="    if not numbers:",
        tests=("test_cli_words.py::test_wrong_likelihoods",),
    ),
    Mutant(
        what="a byte order mark is part of the first field",
        file=_LAYOUT,
        text='ENCODING = "utf-8-sig"',
        replacement='ENCODING = "utf-8"',
        tests=(_READ,),
    ),
    Mutant(
        what="semicolons are taken for commas",
        file=_LAYOUT,
        text='max(",\\t;",',
        replacement='max(",\\t",',
        tests=(_READ,),
    ),
    Mutant(
        what="records of different widths fit a delimiter",
        file=_LAYOUT,
        text="max(widths.values(), default=0)",
        replacement="sum(widths.values())",
        tests=(_SEMICOLONS,),
    ),
    Mutant(
        what="decimal commas divide",
        file=_LAYOUT,
        text="sum(cells) / max(len(cells), 1)",
        replacement="0.0",
        tests=(_SEMICOLONS,),
    ),
    Mutant(
        what="a quote that is not closed swallows the file",
        file=_LAYOUT,
        text=", strict=True)",
        replacement=")",
        tests=("test_cli_words.py::test_a_quote_that_is_not_closed",),
    ),
    Mutant(
        what="a number may have underscores",
        file=_CELLS,
        text='if "_" not in "".join(cells):',
        replacement="if cells:",
        tests=(_WRONG,),
    ),
    Mutant(
        what="a header may be wider than the rows",
        file=_CSV,
        text="    if X.shape[1] != layout.n_fields:\n        return None\n",
        replacement="",
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
        text="            if is_missing(row[i]):\n",
        replacement="            if row:\n",
        tests=(_IMPUTE,),
    ),
    Mutant(
        what="values go to the cells of other columns",
        file=_CSV,
        text="X if layout.kept == sorted(layout.kept) else X[:, layout.kept]",
        replacement="X",
        tests=(_ORDER,),
    ),
    Mutant(
        what="columns are taken by their places, whatever their names",
        file=_TABLE,
        text="    return [places[name] for name in wanted]",
        replacement="    return kept",
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
        text="    set_feature_names(model, wanted.labels if table.is_frame else None)\n",
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
        file=_CELLS,
        text="{value:.9g}",
        replacement="{value:.6g}",
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
        text="model.reconstruct(X)",
        replacement="model.reconstruct(np.asarray(X))",
        tests=("test_plots_table.py::test_frames_reach_the_model_as_frames",),
    ),
    Mutant(
        what="the samples of all columns are those of the first",
        file=_MARGINALS,
        text="sampled[:, i], column",
        replacement="sampled[:, 0], column",
        tests=("test_marginals.py::test_bars_are_the_shares_of_levels",),
    ),
    Mutant(
        what="ordered levels lose their order where there are many",
        file=_MARGINALS,
        text="np.sort(order) if ordered else order",
        replacement="order",
        tests=("test_marginals.py::test_of_many_ordered_levels_the_order_is_kept",),
    ),
    Mutant(
        what="samples far away squeeze the data",
        file=_MARGINALS,
        text="_MOST_BEYOND = 0.5",
        replacement="_MOST_BEYOND = 1e9",
        tests=("test_marginals.py::test_samples_far_away_do_not_squeeze_the_data",),
    ),
    Mutant(
        what="a page of booleans has points",
        file="aevb/plots/page.py",
        text='("boolean", "category")',
        replacement='("category",)',
        tests=("test_plots_mixed.py::test_booleans_have_marginals_on_a_page",),
    ),
]
