"""Mistakes in the kernels, one register tile or one row at a time."""

from mutants.mutant import Mutant

MUTANTS = [
    Mutant(
        what="adam's tiles without a row are left as they are, though its momentum moves them",
        file="csrc/kernels/update-inl.h",
        text="!O::has_momentum && u.rule->decay == 0.0f",
        replacement="u.rule->decay == 0.0f",
        tests=("test_sparsity.py::test_every_optimizer_steps_on_rows_that_are_skipped[adam-0.0]",),
    ),
    Mutant(
        what="tiles without a row are left as they are, though the prior moves their weights",
        file="csrc/kernels/update-inl.h",
        text="!O::has_momentum && u.rule->decay == 0.0f",
        replacement="!O::has_momentum",
        tests=("test_sparsity.py::test_every_optimizer_steps_on_rows_that_are_skipped[sgd-1.0]",),
    ),
    Mutant(
        what="adam's epsilon under the root",
        file="csrc/families/optimizers/adam.h",
        text="(sqrt(v * rule.variance_correction) + kEpsilon)",
        replacement="sqrt(v * rule.variance_correction + kEpsilon)",
        tests=("test_dense_kernels.py::test_update_over_steps_and_magnitudes[portable-1-adam]",),
    ),
    Mutant(
        what="the score function's gradient is summed over the draws",
        file="csrc/families/objectives/score_function.h",
        text="draw.weight * draw.f",
        replacement="draw.f",
        tests=(
            "test_likelihood_kernels.py::test_latent_backward_over_sizes[portable-score-function]",
        ),
    ),
    Mutant(
        what="the recognition gradient of log sigma^2 without its -1",
        file="csrc/families/posteriors/gaussian.h",
        text="0.5f * (error * dmu - 1.0f)",
        replacement="0.5f * error * dmu",
        tests=("test_wake_sleep.py::test_each_step_is_the_twins[portable-hidden0-bernoulli]",),
    ),
    Mutant(
        what="the floor's slope is left out",
        file="csrc/families/likelihoods/gaussian.h",
        text="scale * 0.5f * (square - 1.0f) * slope",
        replacement="scale * 0.5f * (square - 1.0f)",
        tests=("test_families.py::test_the_kernel_is_the_twin[portable-gaussian]",),
    ),
    Mutant(
        what="a draw of x has the variance in place of the standard deviation",
        file="csrc/families/likelihoods/gaussian.h",
        text="exp(0.5f * v)",
        replacement="exp(v)",
        tests=("test_generate.py::test_samples_are_the_twins[gaussian]",),
    ),
    Mutant(
        what="Box-Muller takes the logarithm of 0",
        file="csrc/kernels/noise-inl.h",
        text="to_float(reinterpret_cast<Ints>(a >> 8) + 1)",
        replacement="to_float(reinterpret_cast<Ints>(a >> 8))",
        tests=("test_noise_ends.py::test_the_ends_of_box_muller",),
    ),
    Mutant(
        what="a pixel is 1 where the uniform number is its probability",
        file="csrc/families/likelihoods/bernoulli.h",
        text="u < mean",
        replacement="u <= mean",
        tests=("test_noise_ends.py::test_a_pixel_is_one_where_the_uniform_is_below_it[portable]",),
    ),
    Mutant(
        what="all draws of a row have the same noise",
        file="csrc/kernels/noise-inl.h",
        text="row % t.n_draws * n_blocks + block",
        replacement="block",
        tests=("test_training_steps.py::test_every_step_is_the_twins",),
    ),
    Mutant(
        what="a value above the range is overlooked in the last columns",
        file="csrc/kernels/range-inl.h",
        text="((v >= low) & (v <= high)) | ~first_lanes(n_cols - c)",
        replacement="(v >= low) | ~first_lanes(n_cols - c)",
        tests=("test_core_guard.py::test_no_value_out_of_range_is_overlooked[portable-1]",),
    ),
    Mutant(
        what="the last row of a block does not count for its columns",
        file="csrc/kernels/nonzeros-inl.h",
        text="for (size_t r = 1; r < rows; ++r) any |= as_ints(load(x + r * ldx));",
        replacement="for (size_t r = 1; r + 1 < rows; ++r) any |= as_ints(load(x + r * ldx));",
        tests=("test_sparsity.py::test_every_optimizer_steps_on_rows_that_are_skipped[sgd-0.0]",),
    ),
    Mutant(
        what="the slope of the sigmoid lacks a factor",
        file="csrc/kernels/activation-inl.h",
        text="y * (1.0f - y)",
        replacement="1.0f - y",
        tests=("test_dense_kernels.py::test_dense_backward_over_ragged_shapes[portable]",),
    ),
    Mutant(
        what="padding is summed",
        file="csrc/kernels/dot-inl.h",
        text="first_lanes(p.k - k - j)",
        replacement="first_lanes(W)",
        tests=("test_dense_kernels.py::test_layout_and_alignment_of_inputs[portable-fortran]",),
    ),
    Mutant(
        what="BLAS forgets the first panels of a long sum",
        file="csrc/kernels/blas.cc",
        text="p.accumulate || k > 0 ? 1.0f : 0.0f",
        replacement="p.accumulate ? 1.0f : 0.0f",
        tests=("test_dense_kernels.py::test_dense_backward_over_ragged_shapes[portable+blas]",),
    ),
    Mutant(
        what="the cosine's sign is the sine's",
        file="csrc/simd/math-inl.h",
        text="((quarter + 1) & 2) << 30",
        replacement="(quarter & 2) << 30",
        tests=("test_math.py::test_trigonometry_of_a_turn[portable-cos_2pi]",),
    ),
    Mutant(
        what="the prior of a chain's density has half the variance",
        file="csrc/families/priors/standard_normal.h",
        text="sum -= 0.5 * zj * zj;",
        replacement="sum -= zj * zj;",
        tests=(
            "test_annealing_exactly.py::test_a_path_without_a_transition_is_importance_sampling",
        ),
    ),
    Mutant(
        what="SGVB B leaves the KL divergence out of the gradient",
        file="csrc/families/objectives/analytic_kl.h",
        text="Q::add_kl_gradient(P(), kl_weight, mu, log_var, d.mu, d.log_var);",
        replacement="",
        tests=(
            "test_likelihood_kernels.py::test_latent_backward_over_sizes[portable-analytic-kl]",
        ),
    ),
]
