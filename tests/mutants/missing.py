"""Mistakes in missing values and in variables with levels."""

from mutants.mutant import Mutant

_GATHER = "csrc/engine/gather.cc"
_LEVELS = "csrc/kernels/levels-inl.h"

_JACOBIAN = "test_missing.py::test_scores_have_the_jacobian_of_what_is_observed"
_KERNEL = "test_levels.py::test_the_kernel_is_the_twin"
_PLACES = "test_layout.py::test_a_missing_value_has_a_zero_in_each_of_its_columns"
_REFUSED = "test_layout.py::test_a_layout_that_does_not_fit_is_refused"

MUTANTS = [
    Mutant(
        what="the draw of a missing pixel is 0",
        file="csrc/families/likelihoods/bernoulli.h",
        text="std::isnan(mean) ? mean : u < mean",
        replacement="u < mean",
        tests=("test_missing.py::test_binarised_data_keep_their_holes",),
    ),
    Mutant(
        what="a missing value is below the threshold",
        file="csrc/engine/gather.cc",
        text="value <= 0.5f ? 0.0f : value",
        replacement="0.0f",
        tests=("test_missing.py::test_binarised_data_keep_their_holes",),
    ),
    Mutant(
        what="all observed columns have the Jacobian of the first",
        file=_GATHER,
        text="log_jacobian += of_column[c];",
        replacement="log_jacobian += of_column[0];",
        tests=(_JACOBIAN,),
    ),
    Mutant(
        what="the Jacobian of a column goes by the number of the data's column in x",
        file=_GATHER,
        text="x.row(r)[units.place(c)]",
        replacement="x.row(r)[c]",
        tests=("test_layout.py::test_the_order_of_the_columns_does_not_matter",),
    ),
    Mutant(
        what="a missing value keeps the payload of its NaN",
        file=_GATHER,
        text="x.row(r)[c] = std::numeric_limits<float>::quiet_NaN();",
        replacement="x.row(r)[c] = x.row(r)[c];",
        tests=("test_missing.py::test_all_nans_are_one",),
    ),
    Mutant(
        what="the mask says what is observed",
        file=_GATHER,
        text="std::isnan(*own) ? 1.0f : 0.0f",
        replacement="std::isnan(*own) ? 0.0f : 1.0f",
        tests=(_PLACES,),
    ),
    Mutant(
        what="the encoder reads NaN",
        file="csrc/kernels/inputs-inl.h",
        text="select(observed, f(value), Vec{})",
        replacement="f(value)",
        tests=("test_missing.py::test_the_encoder_reads_zero_for_a_missing_value",),
    ),
    Mutant(
        what="the likelihood of a missing value counts",
        file="csrc/kernels/likelihood-inl.h",
        text="real & (value == value)",
        replacement="real",
        tests=("test_missing.py::test_the_kernel_is_the_sum_over_what_is_observed",),
    ),
    Mutant(
        what="the last cut point of a missing variable has a gradient",
        file=_LEVELS,
        text="L::info.width(o, v.n, 1)",
        replacement="L::info.width(o, v.n, o + 1)",
        tests=("test_levels.py::test_a_missing_variable_adds_nothing",),
    ),
    Mutant(
        what="the probabilities of all variables have the first one's location",
        file=_LEVELS,
        text="row[column] = row[i];",
        replacement="row[column] = row[0];",
        tests=("test_levels.py::test_variables_side_by_side",),
    ),
    Mutant(
        what="a level is drawn by its own probability, not by the running sum",
        file=_LEVELS,
        text="below += p[level]",
        replacement="below = p[level]",
        tests=("test_levels.py::test_draws_have_the_probabilities",),
    ),
    Mutant(
        what="the logits' largest is forgotten",
        file="csrc/families/likelihoods/categorical.h",
        text="return own - s.largest - s.log_sum;",
        replacement="return own - s.log_sum;",
        tests=(_KERNEL,),
    ),
    Mutant(
        what="the distance between two cut points has no gradient of its own",
        file="csrc/families/likelihoods/ordinal.h",
        text="above * sigmoid(raw) + sigmoid(-raw)",
        replacement="above * sigmoid(raw)",
        tests=(_KERNEL,),
    ),
    Mutant(
        what="dreams are complete",
        file="csrc/algorithms/wake_sleep.cc",
        text="awake.ws.holes ? &awake : nullptr",
        replacement="nullptr",
        tests=("test_missing.py::test_dreams_have_the_holes_of_the_minibatch",),
    ),
    Mutant(
        what="chains see the Jacobian of the first row",
        file="csrc/posterior/density.cc",
        text="pass.log_jacobian(drawn_row / pass.ws.n_draws)",
        replacement="pass.log_jacobian(0)",
        tests=(_JACOBIAN,),
    ),
    Mutant(
        what="importance sampling has the Jacobian of the first row",
        file="csrc/inference/importance.cc",
        text="Pass(model, ws, n, {seed}).log_jacobian(r)",
        replacement="Pass(model, ws, n, {seed}).log_jacobian(0)",
        tests=(_JACOBIAN,),
    ),
    Mutant(
        what="a layout may have other levels than the likelihoods",
        file="csrc/model/model.cc",
        text="found == expected",
        replacement="true",
        tests=(_REFUSED,),
    ),
    Mutant(
        what="a model without an encoder may have a mask for it",
        file="csrc/model/config.cc",
        text="!mask_inputs || algorithm != Algorithm::monte_carlo_em",
        replacement="true",
        tests=("test_missing.py::test_an_encoder_is_needed_to_read_what_is_missing",),
    ),
]
