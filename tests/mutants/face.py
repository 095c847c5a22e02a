"""Mistakes in the Python face: parameters, data, state, and what is passed on to the core."""

from mutants.mutant import Mutant

MUTANTS = [
    Mutant(
        what="inverse_transform forgets the index",
        file="aevb/estimators/base.py",
        text='still_finite("Z", means), means=True, like=Z)',
        replacement='still_finite("Z", means), means=True)',
        tests=("test_set_output.py::test_inverse_transform_gives_the_table_s_own_types",),
    ),
    # defaults
    Mutant(
        what="MCEM makes two weight updates by default",
        file="aevb/estimators/mcem.py",
        text="n_updates: int = 5,",
        replacement="n_updates: int = 2,",
        tests=("test_defaults.py::test_defaults_are_the_documented_ones[MCEM]",),
    ),
    Mutant(
        what="wake-sleep trains for twenty epochs by default",
        file="aevb/estimators/wake_sleep.py",
        text='n_epochs: int | str = "auto",',
        replacement="n_epochs: int | str = 20,",
        tests=("test_defaults.py::test_defaults_are_the_documented_ones[WakeSleep]",),
    ),
    Mutant(
        what="a parameter is kept under another's name",
        file="aevb/estimators/wake_sleep.py",
        text="self.weight_decay = weight_decay",
        replacement="self.weight_decay = init_scale",
        tests=("test_defaults.py::test_each_parameter_is_kept_under_its_own_name[WakeSleep]",),
    ),
    # checks of parameters
    Mutant(
        what="the end of a closed range is refused",
        file="aevb/estimators/kinds.py",
        text='above = value >= low if ends[0] == "[" else value > low',
        replacement="above = value > low",
        tests=("test_parameters.py::test_what_each_parameter_may_be[weight_decay]",),
    ),
    Mutant(
        what="a target of acceptance may be 1",
        file="aevb/estimators/parameters.py",
        text='kinds.number("()", 0.0, 1.0)',
        replacement='kinds.number("(]", 0.0, 1.0)',
        tests=("test_parameters.py::test_what_each_parameter_may_be[target_accept]",),
    ),
    Mutant(
        what="a number that is 0 in float32 is not noticed",
        file="aevb/estimators/kinds.py",
        text=" or (value > 0 and np.float32(value) == 0)",
        replacement="",
        tests=("test_parameters.py::test_what_each_parameter_may_be[learning_rate]",),
    ),
    Mutant(
        what="patience is no count",
        file="aevb/estimators/parameters.py",
        text='"patience",\n        kinds.count(),',
        replacement='"patience",\n        kinds.flag("int"),',
        tests=("test_parameters.py::test_what_each_parameter_may_be[patience]",),
    ),
    Mutant(
        what="True is an integer",
        file="aevb/core/checks.py",
        text="not isinstance(value, Integral) or isinstance(value, bool)",
        replacement="not isinstance(value, Integral)",
        tests=("test_parameters.py::test_integers_have_a_lowest_and_a_highest[1]",),
    ),
    Mutant(
        what="the highest integer is one too few",
        file="aevb/core/checks.py",
        text="_HIGHEST = 2**31 - 1",
        replacement="_HIGHEST = 2**31 - 2",
        tests=("test_parameters.py::test_integers_have_a_lowest_and_a_highest[1]",),
    ),
    # what follows from the declarations
    Mutant(
        what="a parameter of the command line is read as a text",
        file="aevb/cli/options.py",
        text='{"type": option.kind.read,',
        replacement='{"type": str,',
        tests=("test_declarations.py::test_the_command_offers_what_is_declared",),
    ),
    Mutant(
        what="what an estimator says of a parameter is not in its documentation",
        file="aevb/estimators/documentation.py",
        text="texts.get(name, parameter.text)",
        replacement="parameter.text",
        tests=("test_declarations.py::test_an_estimator_may_say_something_else",),
    ),
    Mutant(
        what="None is allowed of every parameter",
        file="aevb/estimators/parameters.py",
        text="value is None and default is None",
        replacement="value is None",
        tests=("test_parameters.py::test_all_rows_at_once_is_for_monte_carlo_em_alone",),
    ),
    # what goes to the core
    Mutant(
        what="the core gets numbers without their fractions",
        file="aevb/estimators/kinds.py",
        text='return Kind("float", check, float, float)',
        replacement='return Kind("float", check, int, float)',
        tests=("test_parameters.py::test_each_option_reaches_the_core[AEVB]",),
    ),
    Mutant(
        what="the estimator of the bound is always the default",
        file="aevb/estimators/parameters.py",
        text="if parameter in own else",
        replacement="if parameter.core_default is None else",
        tests=("test_parameters.py::test_each_option_reaches_the_core[AEVB]",),
    ),
    Mutant(
        what="a fitted model's 'auto' goes back to the first rate of the trials",
        file="aevb/estimators/parameters.py",
        text="value = chosen.get(parameter.name, value)",
        replacement=(
            'value = chosen.get(parameter.name, value) if parameter.name != "learning_rate" '
            "else value"
        ),
        tests=(
            "test_parameters.py::"
            "test_what_a_fitted_model_can_change_holds_from_the_next_training_on[AEVB]",
        ),
    ),
    Mutant(
        what="a random state is not advanced",
        file="aevb/estimators/parameters.py",
        text="generator = check_random_state(random_state)",
        replacement="generator = __import__('copy').deepcopy(check_random_state(random_state))",
        tests=(
            "test_parameters.py::test_seeds_are_drawn_from_every_kind_of_random_state",
            "test_parameters.py::test_the_seed_of_a_model_is_drawn_once[AEVB]",
        ),
    ),
    Mutant(
        what="a fitted model gets another seed when it goes on",
        file="aevb/estimators/learner.py",
        text="engine.n_visible, engine.seed, chosen",
        replacement="engine.n_visible, draw_seed(self.random_state), chosen",
        tests=("test_parameters.py::test_the_seed_of_a_model_is_drawn_once[AEVB]",),
    ),
    Mutant(
        what="sample takes the seed 0 for none",
        file="aevb/estimators/base.py",
        text="self.random_state if random_state is None else random_state",
        replacement="random_state or self.random_state",
        tests=("test_parameters.py::test_sample_takes_the_estimators_own_random_state[AEVB]",),
    ),
    Mutant(
        what="the activation of a fitted model may be changed",
        file="aevb/estimators/parameters.py",
        text='help="of the hidden layers",\n        fixed=True,',
        replacement='help="of the hidden layers",',
        tests=("test_parameters.py::test_what_a_fitted_model_cannot_change_is_named[AEVB]",),
    ),
    Mutant(
        what="another scale for a fitted model is overlooked",
        file="aevb/estimators/parameters.py",
        text='help="units of the model: a number, auto, none or standard",\n        fixed=True,',
        replacement='help="units of the model: a number, auto, none or standard",',
        tests=("test_parameters.py::test_what_a_fitted_model_cannot_change_is_named[AEVB]",),
    ),
    Mutant(
        what="options set after a fit do not reach the core",
        file="aevb/core/engine.py",
        text="        self.config = config\n        try:",
        replacement="        try:",
        tests=(
            "test_parameters.py::"
            "test_what_a_fitted_model_can_change_holds_from_the_next_training_on[AEVB]",
        ),
    ),
    # state
    Mutant(
        what="what a new fit does not have stays from the last one",
        file="aevb/estimators/learner.py",
        text="worker._state = self._state.copy() if keep_fitted and",
        replacement="worker._state = self._state.copy() if",
        tests=("test_state.py::test_a_new_fit_gives_up_what_it_does_not_have",),
    ),
    Mutant(
        what="partial_fit holds rows out",
        file="aevb/estimators/learner.py",
        text="worker.early_stopping, worker.patience, worker.n_epochs = False, None, 1",
        replacement="worker.patience, worker.n_epochs = None, 1",
        tests=(
            "test_state.py::test_partial_fit_holds_nothing_out_and_leaves_the_parameters[AEVB]",
        ),
    ),
    Mutant(
        what="a pickle forgets the sum of an epoch's bounds",
        file="aevb/core/engine.py",
        text='        model.bound_sum = state["bound_sum"]\n',
        replacement="",
        tests=(
            "test_state.py::test_copies_have_all_of_the_core_s_state[AEVB-pickle-sgd]",
            "test_state.py::"
            "test_each_part_of_a_pickle_is_needed_and_goes_where_it_belongs[bound_sum]",
        ),
    ),
    Mutant(
        what="a pickle forgets Adam's second accumulator",
        file="aevb/core/engine.py",
        text='ARENAS = ("weights", "state1", "state2", ',
        replacement='ARENAS = ("weights", "state1", ',
        tests=("test_state.py::test_copies_have_all_of_the_core_s_state[AEVB-pickle-adam]",),
    ),
    Mutant(
        what="a forked child uses as many threads as are asked for",
        file="aevb/core/threads.py",
        text="    if _forked:\n        return 1\n    if n_threads is not None:",
        replacement="    if _forked and n_threads is None:\n        return 1\n"
        "    if n_threads is not None:",
        tests=("test_state.py::test_the_number_of_threads",),
    ),
    Mutant(
        what="any number of threads is started",
        file="aevb/core/threads.py",
        text="return min(n_threads, _MOST_THREADS)",
        replacement="return n_threads",
        tests=("test_state.py::test_the_number_of_threads",),
    ),
    Mutant(
        what="set_weights takes a part of the weights",
        file="aevb/estimators/learner.py",
        text="unknown, missing = set(weights) - names, names - set(weights)",
        replacement="unknown, missing = set(weights) - names, set()",
        tests=("test_state.py::test_set_weights_wants_them_all_and_finite_and_real",),
    ),
    Mutant(
        what="the noise of the gradient is not that of the scores",
        file="aevb/estimators/encoder_model.py",
        text="rows, eps, seed=engine.seed,",
        replacement="rows, eps, seed=engine.seed + 1,",
        tests=("test_state.py::test_scores_and_gradients_have_one_noise[AEVB]",),
    ),
    Mutant(
        what="scores are made of one draw",
        file="aevb/inference/bound.py",
        text="n_draws=n_draws",
        replacement="n_draws=1",
        tests=("test_state.py::test_scores_and_gradients_have_one_noise[AEVB]",),
    ),
    Mutant(
        what="an overflow on the way to a reconstruction is passed on",
        file="aevb/estimators/base.py",
        text='still_finite("Z", means)',
        replacement="means",
        tests=(
            "test_state.py::test_a_network_that_overflows_names_what_led_to_it[inverse_transform]",
        ),
    ),
    # data
    Mutant(
        what="names of features are not looked at",
        file="aevb/estimators/base.py",
        text="if state.feature_names is None and not reads_pixels(state):",
        replacement="if True:",
        tests=(
            "test_reading.py::test_an_array_in_the_place_of_a_frame_is_warned_of[transform]",
            "test_reading.py::test_an_array_in_the_place_of_a_frame_is_warned_of[score_samples]",
        ),
    ),
    Mutant(
        what="the last values of a block are overlooked",
        file="aevb/data/validation.py",
        text="values[i : i + height, j : j + width]",
        replacement="values[i : i + height, j : j + width - (width > 1)]",
        tests=(
            "test_reading.py::test_no_value_at_any_border_of_a_block_is_overlooked[shape3-rows]",
        ),
    ),
    Mutant(
        what="what a sparse matrix does not store has no part in the range",
        file="aevb/data/validation.py",
        text="low, high = min(low, 0.0), max(high, 0.0)",
        replacement="low, high = min(low, 0.0), high",
        tests=("test_reading.py::test_what_is_not_stored_is_zero[X3]",),
    ),
    Mutant(
        what="the end of the unit interval is not in it",
        file="aevb/data/rows.py",
        text="return low >= -SLACK and high <= 1.0 + SLACK",
        replacement="return low >= -SLACK and high < 1.0",
        tests=("test_reading.py::test_the_ends_of_the_unit_interval_are_in_it[asarray]",),
    ),
    Mutant(
        what="bytes of 0 and 1 are divided by 255",
        file="aevb/data/choices.py",
        text="data.X.dtype == np.uint8 and data.high > 1",
        replacement="data.X.dtype == np.uint8",
        tests=("test_reading.py::test_bytes_of_images_are_pixels[asarray-u1-1-1.0]",),
    ),
    Mutant(
        what="values times a scale above 1 leave float32's range unseen",
        file="aevb/data/rows.py",
        text="max(-low, high) * max(scale, 1.0) > _FLOAT32_MAX",
        replacement="max(-low, high) > _FLOAT32_MAX",
        tests=("test_reading.py::test_values_go_up_to_float32s_largest[4.0-DataFrame]",),
    ),
    Mutant(
        what="counts may be negative",
        file="aevb/data/rows.py",
        text="(scaled < 0) | (scaled != np.rint(scaled))",
        replacement="scaled != np.rint(scaled)",
        tests=("test_counts.py::test_what_is_no_count_is_named[asfortranarray--1.0]",),
    ),
    Mutant(
        what="rounding alone puts data out of range",
        file="aevb/data/rows.py",
        text="            if low < 0.0 or high > 1.0:",
        replacement="            if data.low < 0.0 or data.high * scale > 1.0:",
        tests=("test_reading.py::test_rounding_alone_puts_nothing_out_of_range",),
    ),
    Mutant(
        what="masked values of latent variables are read",
        file="aevb/estimators/base.py",
        text='        check_unmasked("Z", Z)\n',
        replacement="",
        tests=(
            "test_reading.py::"
            "test_masked_values_are_refused_by_name_and_masked_arrays_without_any_read[Z]",
        ),
    ),
    Mutant(
        what="a damaged matrix's starts may fall",
        file="aevb/data/validation.py",
        text="            and bool(np.all(X.indptr[1:] >= X.indptr[:-1]))\n",
        replacement="",
        tests=(
            "test_reading.py::"
            "test_a_damaged_matrix_is_refused_before_anybody_walks_along_its_indices[csr a fall]",
        ),
    ),
    Mutant(
        what="the column after the last one is taken for one",
        file="aevb/data/validation.py",
        text="_all_within(X.indices, 0, n_inner - 1)",
        replacement="_all_within(X.indices, 0, n_inner)",
        tests=("test_reading.py::test_indices_end_with_the_last_column",),
    ),
    # what calls hand on
    Mutant(
        what="reading takes all threads, whatever is asked for",
        file="aevb/estimators/encoder_model.py",
        text="engine.encode(rows, n_threads=self.n_threads))",
        replacement="engine.encode(rows, n_threads=None))",
        tests=("test_calls.py::test_as_many_threads_take_part_as_are_asked_for[AEVB-transform]",),
    ),
    Mutant(
        what="BLAS starts threads of its own in each of those of a decoder",
        file="aevb/core/engine.py",
        text="        with single_threaded_blas():\n            return self._model.decode(",
        replacement="        if True:\n            return self._model.decode(",
        tests=(
            "test_calls.py::"
            "test_blas_is_held_back_in_every_call_to_the_core[AEVB-inverse_transform]",
        ),
    ),
    Mutant(
        what="imputation is silent, whatever is asked for",
        file="aevb/estimators/encoder_model.py",
        text="Run(seed, self.n_threads, bool(self.verbose))",
        replacement="Run(seed, self.n_threads, False)",
        tests=("test_calls.py::test_bars_are_shown_if_wanted_alone[1]",),
    ),
    # wake-sleep
    Mutant(
        what="the dreams of every step are the first one's",
        file="csrc/algorithms/wake_sleep.cc",
        text="dreams.ids[m] = awake.ws.ids[m];",
        replacement="dreams.ids[m] = noise_id(0, m);",
        tests=("test_wake_sleep.py::test_each_step_is_the_twins",),
    ),
    # Monte Carlo EM
    Mutant(
        what="draws of transform go to the core as draws from an encoder",
        file="aevb/estimators/mcem.py",
        text='frozenset({"n_draws"})',
        replacement="frozenset()",
        tests=("test_parameters.py::test_each_option_reaches_the_core[MCEM]",),
    ),
    Mutant(
        what="transform draws ten draws too many where they come in blocks",
        file="aevb/inference/hmc.py",
        text="n_now = min(_DRAWS_AT_ONCE, n - done)",
        replacement="n_now = _DRAWS_AT_ONCE",
        tests=(
            "test_mcem_face.py::"
            "test_transform_is_the_mean_of_so_many_draws_after_as_many_for_warm_up[23]",
        ),
    ),
    Mutant(
        what="all chains of transform share a step size",
        file="aevb/core/chains.py",
        text="per_chain: bool = True",
        replacement="per_chain: bool = False",
        tests=(
            "test_mcem_face.py::"
            "test_transform_is_the_mean_of_so_many_draws_after_as_many_for_warm_up[10]",
        ),
    ),
    Mutant(
        what="chains go on from the prior though the weights are not new",
        file="aevb/estimators/mcem.py",
        text="if engine.n_steps > 0:",
        replacement="if engine.n_steps < 0:",
        tests=(
            "test_mcem_face.py::"
            "test_training_moves_chains_from_the_prior_or_where_there_are_weights_from_the_"
            "posterior[None]",
        ),
    ),
    Mutant(
        what="a DivergenceError is told with another step",
        file="aevb/exceptions.py",
        text="was not finite after step {self.step}; ",
        replacement="was not finite after step {self.step + 1}; ",
        tests=("test_state.py::test_a_divergence_is_told_with_its_step_and_rate",),
    ),
    # the core's side of the data
    Mutant(
        what="a sparse matrix is read without its scale",
        file="csrc/bind/gather.pyx",
        text="+= <float>data[at] * scale",
        replacement="+= <float>data[at]",
        tests=(
            "test_gather.py::test_each_number_is_rounded_once_and_scaled_once[csr-f]",
            "test_gather.py::test_scale_is_one_unless_given",
        ),
        own_build=True,
    ),
    Mutant(
        what="unsigned integers of 32 bits are read as signed ones",
        file="csrc/bind/gather.pyx",
        text="gather_as(<const uint32_t*>rows.data",
        replacement="gather_as(<const int32_t*>rows.data",
        tests=("test_gather.py::test_each_number_is_rounded_once_and_scaled_once[contiguous-I]",),
        own_build=True,
    ),
    Mutant(
        what="long indices are read as short ones",
        file="csrc/bind/gather.pyx",
        text="<const int64_t*>rows.indices",
        replacement="<const int32_t*>rows.indices",
        tests=("test_gather.py::test_the_core_reads_both_types_of_indices[int64]",),
        own_build=True,
    ),
    Mutant(
        what="float64 is scaled before it is rounded",
        file="csrc/bind/gather.pyx",
        text="= <float>values[j] * scale",
        replacement="= <float>(values[j] * <double>scale)",
        tests=("test_gather.py::test_a_float64_is_rounded_before_it_is_scaled",),
        own_build=True,
    ),
    Mutant(
        what="columns that lie apart are read by the stride of rows",
        file="csrc/bind/rows.cc",
        text="rows.col_stride = x.strides(1);",
        replacement="rows.col_stride = x.itemsize();",
        tests=(
            "test_gather.py::test_each_number_is_rounded_once_and_scaled_once[columns apart-d]",
        ),
    ),
    Mutant(
        what="a range that is given is not looked at",
        file="csrc/bind/rows.cc",
        text="rows.guarded = range.has_value();",
        replacement="rows.guarded = false;",
        tests=("test_gather.py::test_only_a_given_range_is_looked_at_and_its_ends_are_in_it",),
    ),
    Mutant(
        what="a foreign byte order is read as this machine's",
        file="csrc/bind/rows.cc",
        text="std::endian::native == std::endian::little ? '>' : '<'",
        replacement="std::endian::native == std::endian::little ? '!' : '<'",
        tests=("test_gather.py::test_the_core_says_what_it_cannot_read",),
    ),
    Mutant(
        what="the weight decay is the scale of the first weights",
        file="csrc/bind/config.cc",
        text="config.weight_decay = weight_decay;",
        replacement="config.weight_decay = init_scale;",
        tests=("test_parameters.py::test_each_option_reaches_the_core[AEVB]",),
    ),
    Mutant(
        what="the algorithm is not passed on",
        file="csrc/bind/config.cc",
        text='config.algorithm = parse("algorithm", algorithm, kAlgorithms);',
        replacement='parse("algorithm", algorithm, kAlgorithms);',
        tests=("test_parameters.py::test_each_option_reaches_the_core[WakeSleep]",),
    ),
]
