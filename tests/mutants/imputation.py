"""Mistakes in imputation: starts, modes, jumps, and what comes back."""

from mutants.mutant import Mutant

ROWS = "test_impute_exactly.py::test_rows_are_filled_as_the_twin_does"
MODES = "test_impute_exactly.py::test_two_modes_are_filled_as_the_twin_does"
PREDICTION = "test_prediction.py"
IMPORTANCE = "test_impute_importance.py"
MUTANTS = [
    Mutant(
        what="a row keeps its last start, not its highest",
        file="csrc/posterior/imputation.cc",
        text="!(log_joint_[r] > highest_[r])",
        replacement="false",
        tests=("test_impute_modes.py::test_the_higher_mode_wins[mode]", MODES),
    ),
    Mutant(
        what="the encoder reads zeros in the place of missing values",
        file="csrc/posterior/imputation.cc",
        text="x.row(r)[c] = drawn.row(r)[c]",
        replacement="x.row(r)[c] = 0.0f",
        tests=(ROWS,),
    ),
    Mutant(
        what="all draws of the prior are one start",
        file="csrc/posterior/imputation.cc",
        text="s == 0 ? 0 : kMostIterations + s",
        replacement="s == 0 ? 0 : kMostIterations + 1",
        tests=(MODES,),
    ),
    Mutant(
        what="every jump is accepted",
        file="csrc/posterior/imputation.cc",
        text="std::log(uniform) < trajectory_.log_p[r] - log_joint_[r]",
        replacement="std::log(uniform) < 1.0",
        tests=(MODES, "test_impute_modes.py::test_jumps_give_modes_their_weights"),
    ),
    Mutant(
        what="a jump goes to an end and forgets where it came from",
        file="csrc/posterior/imputation.cc",
        text="u.row(r)[j] + (end[j] - from[j])",
        replacement="end[j] + 0.0f * from[j]",
        tests=(ROWS, "test_impute_modes.py::test_factor_analysis_has_its_conditional_moments"),
    ),
    Mutant(
        what="an array comes back as float64, whatever it was",
        file="aevb/data/frames.py",
        text='dtype=given.dtype if given.dtype.kind == "f" else np.float64',
        replacement="dtype=np.float64",
        tests=("test_impute_frames.py::test_floating_arrays_keep_their_type[f4]",),
    ),
    Mutant(
        what="imputation writes into the caller's frame",
        file="aevb/data/frames.py",
        text="out = X.copy()",
        replacement="out = X",
        tests=("test_impute_frames.py::test_pandas_frames_keep_what_is_observed",),
    ),
    Mutant(
        what="every column of a frame becomes float64",
        file="aevb/data/frames.py",
        text="column.array.copy() if is_float_dtype(column.dtype) else _numbers(column)",
        replacement="_numbers(column)",
        tests=("test_impute_frames.py::test_nullable_floats_are_kept",),
    ),
    Mutant(
        what="imputed values stay in the model's units",
        file="aevb/estimators/encoder_model.py",
        text="[self._in_data_units(table) for table in found]",
        replacement="list(found)",
        tests=("test_impute.py::test_pixels[mean]",),
    ),
    Mutant(
        what="draws of z beyond the last one count",
        file="csrc/inference/prediction.cc",
        text="std::min(n_draws_, draws.n - draws.first)",
        replacement="n_draws_",
        tests=(f"{PREDICTION}::test_means_are_those_of_the_weighted_draws",),
    ),
    Mutant(
        what="the weights are those of the encoder alone",
        file="csrc/inference/defensive.cc",
        text="logs[kPrior] += log_p;",
        replacement="logs[kPrior] = -1e30;",
        tests=(f"{PREDICTION}::test_means_are_those_of_the_weighted_draws",),
    ),
    Mutant(
        what="the weights leave out the Gaussian",
        file="csrc/inference/defensive.cc",
        text="fits_[i / ws.n_draws].log_density(z.row(i))",
        replacement="(0.0 * fits_[i / ws.n_draws].log_density(z.row(i)))",
        tests=(f"{PREDICTION}::test_adaptations_leave_the_means_as_they_are",),
    ),
    Mutant(
        what="Gaussians are not fitted again",
        file="csrc/inference/prediction.cc",
        text="if (!counts) proposals_.fit(pass(n, i), mine);",
        replacement="if (round == 0) proposals_.fit(pass(n, i), mine);",
        tests=(f"{PREDICTION}::test_adaptations_make_more_draws_count",),
    ),
    Mutant(
        what="sums do not follow a new largest weight",
        file="csrc/inference/prediction.cc",
        text="if (weights.largest() > before) moments_[r].shrink",
        replacement="if (weights.largest() < before) moments_[r].shrink",
        tests=(f"{PREDICTION}::test_means_are_those_of_the_weighted_draws",),
    ),
    Mutant(
        what="all passes have the same noise",
        file="csrc/inference/prediction.cc",
        text="static_cast<uint64_t>(i) << 32",
        replacement="static_cast<uint64_t>(0 * i) << 32",
        tests=(f"{PREDICTION}::test_means_are_those_of_the_weighted_draws",),
    ),
    Mutant(
        what="a sample takes the draw with the largest weight",
        file="csrc/inference/prediction.cc",
        text="double{uniform[s]} + kHalf < probability",
        replacement="0.5 + 0.0 * double{uniform[s]} * kHalf < probability",
        tests=(f"{PREDICTION}::test_samples_have_the_mean_of_the_draws",),
    ),
    Mutant(
        what="the deviation leaves out the noise of x",
        file="csrc/inference/prediction.cc",
        text="residues_[c] / total",
        replacement="0.0 * residues_[c]",
        tests=(f"{PREDICTION}::test_deviations_are_those_of_the_mixture",),
    ),
    Mutant(
        what="the deviation leaves out the spread of z",
        file="csrc/inference/prediction.cc",
        text="(of_means < 0.0 ? 0.0 : of_means)",
        replacement="0.0 * of_means",
        tests=(f"{PREDICTION}::test_deviations_are_those_of_the_mixture",),
    ),
    Mutant(
        what="a block begins before all threads have left the last one",
        file="csrc/inference/prediction.cc",
        text="member.barrier();\n    return true;",
        replacement="return true;",
        tests=(f"{PREDICTION}::test_a_late_thread_changes_no_bit",),
    ),
    Mutant(
        what="equal rows have equal samples",
        file="aevb/inference/imputation.py",
        text="ids + _ODD * _occurrences(ids) if samples else ids",
        replacement="ids",
        tests=(
            f"{IMPORTANCE}::test_samples_are_joint_draws",
            f"{IMPORTANCE}::test_a_row_has_the_same_result_in_any_batch[sample]",
        ),
    ),
    Mutant(
        what="the mode of a boolean is its mean",
        file="aevb/inference/imputation.py",
        text='units, "bernoulli")',
        replacement='units, "no")',
        tests=(f"{IMPORTANCE}::test_the_most_probable_boolean",),
    ),
    Mutant(
        what="deviations stay in the model's units",
        file="aevb/core/units.py",
        text="return std / self.scale",
        replacement="return std / 1.0",
        tests=(f"{IMPORTANCE}::test_results_are_in_the_units_of_the_data",),
    ),
    Mutant(
        what="the errors of the two terms are those of the first",
        file="aevb/evaluation/evaluator.py",
        text="np.hypot(whole.stderr, rest.stderr)",
        replacement="whole.stderr",
        tests=("test_conditional.py::test_it_is_that_of_the_gaussian",),
    ),
]
