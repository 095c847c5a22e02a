"""Mistakes in imputation: starts, modes, jumps, and what comes back."""

from mutants.mutant import Mutant

ROWS = "test_impute_exactly.py::test_rows_are_filled_as_the_twin_does"
MODES = "test_impute_exactly.py::test_two_modes_are_filled_as_the_twin_does"
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
        text="fill(kChain, [&](size_t r, size_t c) { return drawn.row(r)[c]; });",
        replacement="fill(kChain, [&](size_t, size_t) { return 0.0f * drawn.row(0)[0]; });",
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
        text="self._in_data_units(filled))",
        replacement="filled)",
        tests=("test_impute.py::test_pixels[mean]",),
    ),
]
