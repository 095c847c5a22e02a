"""Mistakes in the training on a Dask cluster."""

from mutants.mutant import Mutant

# file: (what, text, replacement, test) of each
_MISTAKES = {
    "aevb/distributed/assignment.py": [
        (
            "a partition goes to the first worker that holds it",
            "homes[part] or workers, key=lambda worker: load[worker]",
            "homes[part] or workers, key=workers.index",
            "test_rounds.py::test_a_partition_with_copies_goes_where_fewer_rows_are",
        ),
        (
            "one worker keeps all partitions",
            "        if load[most] <= _MOST_UNEVEN * mean:\n",
            "        if True:\n",
            "test_rounds.py::test_partitions_stay_unless_their_worker_has_too_many",
        ),
        (
            "ranks follow the names of the workers",
            "key=lambda pair: pair[1])",
            "key=lambda pair: pair[0])",
            "test_rounds.py::test_partitions_stay_unless_their_worker_has_too_many",
        ),
        (
            "each partition gives too few rows",
            "ends.append(before * total // n_rows)",
            "ends.append(ends[-1] + size * total // n_rows)",
            "test_rounds.py::test_shares_are_in_proportion",
        ),
        (
            "a round may be empty",
            "max(begin + max_steps, after)",
            "begin + max_steps",
            "test_rounds.py::test_an_epoch_visits_each_minibatch_once",
        ),
        (
            "a round takes too many minibatches of the fullest worker",
            "// max(self.n_steps)",
            "// min(self.n_steps)",
            "test_rounds.py::test_an_epoch_visits_each_minibatch_once",
        ),
    ],
    "aevb/distributed/partitions.py": [
        (
            "held-out rows are trained on",
            "recipe.seed, number)] = False",
            "recipe.seed, number)] = True",
            "test_rounds.py::test_held_out_rows_are_not_trained_on",
        ),
        (
            "all partitions hold out the same places",
            "default_rng((seed, number))",
            "default_rng(seed)",
            "test_rounds.py::test_held_out_rows_are_not_trained_on",
        ),
        (
            "the levels are those of the first partition",
            "for column in columns for level in column.levels))",
            "for column in columns[:1] for level in column.levels))",
            "test_rounds.py::test_a_schema_has_the_levels_of_all_partitions",
        ),
        (
            "a partition without values decides the kind",
            "_joined_column(seen or list(variants))",
            "_joined_column(list(variants))",
            "test_rounds.py::test_a_schema_has_the_levels_of_all_partitions",
        ),
        (
            "other columns are not noticed",
            "        if mine != other:\n",
            "        if False:\n",
            "test_rounds.py::test_partitions_have_the_same_columns",
        ),
        (
            "a range is that of the first partition",
            "max(own.high for own in data)",
            "data[0].high",
            "test_rounds.py::test_a_share_keeps_the_range_of_its_partitions",
        ),
        (
            "a value that does not suit is found in training only",
            "    _ = share.rows  # raises if a value does not suit\n",
            "",
            "test_rounds.py::test_a_share_keeps_the_range_of_its_partitions",
        ),
    ],
    "aevb/distributed/rounds.py": [
        (
            "a round changes the weights that another task reads",
            "engine = start.copy()",
            "engine = start",
            "test_rounds.py::test_a_worker_trains_as_the_engine_does",
        ),
        (
            "each result has the same weight in a mean",
            "np.float32(two.n_steps / n_steps)",
            "np.float32(0.5)",
            "test_rounds.py::test_a_mean_counts_each_minibatch_once",
        ),
        (
            "a divergence of the second is lost",
            "one.diverged or two.diverged",
            "one.diverged",
            "test_rounds.py::test_a_divergence_is_that_of_both",
        ),
    ],
    "aevb/distributed/steps.py": [
        (
            "all processes have the same order of rows",
            "epoch + (rank << _RANK_SHIFT)",
            "epoch",
            "test_rounds.py::test_a_worker_trains_as_the_engine_does",
        ),
        (
            "all processes have the same noise",
            "            rank=rank,\n",
            "",
            "test_rounds.py::test_a_worker_trains_as_the_engine_does",
        ),
    ],
    "aevb/distributed/team.py": [
        (
            "units are those of a few rows",
            "isinstance(value, Moments)",
            "False",
            "test_dask.py::test_units_are_those_of_all_rows",
        ),
        (
            "levels are those of a few rows",
            "data.judge.schema = self._schema",
            "pass",
            "test_dask.py::test_a_frame_has_the_levels_of_all_partitions",
        ),
        (
            "the rows of one worker are counted",
            "n_samples_seen=engine.n_samples_seen + result.n_rows,",
            "n_samples_seen=engine.n_samples_seen + result.n_rows // 2,",
            "test_dask.py::test_the_history_has_an_entry_for_each_epoch",
        ),
        (
            "the weights of a round are lost",
            "            engine.restore(result.engine)\n",
            "            pass\n",
            "test_dask.py::test_the_fit_is_as_good_as_a_local_one",
        ),
        (
            "all workers have one rank",
            "rank=self._own[parts[0]],",
            "rank=0,",
            "test_dask.py::test_workers_have_their_own_noise_and_place",
        ),
        (
            "several workers have the rate of one process",
            "min(len(self._members), _MOST_TIMES_THE_RATE)",
            "1",
            "test_dask.py::test_workers_have_their_own_noise_and_place",
        ),
        (
            "each round visits the first rows",
            "position=first[rank] * rounds.batch_size,",
            "position=0,",
            "test_dask.py::test_workers_have_their_own_noise_and_place",
        ),
        (
            "a share moves to another worker",
            "train_share, *arguments, workers=[worker]",
            "train_share, *arguments",
            "test_dask.py::test_workers_have_their_own_noise_and_place",
        ),
        (
            "partitions of a lost worker are lost",
            "missing = [i for i in parts if i not in self._computed]",
            "missing = []",
            "test_dask.py::test_a_killed_worker_loses_a_round",
        ),
        (
            "lost workers are not noticed",
            "        if not all(worker in alive for worker, _ in self._members):\n",
            "        if False:\n",
            "test_dask.py::test_a_killed_worker_loses_a_round",
        ),
        (
            "factors of the schedule are those of the first minibatches",
            "factors[i * len(factors) // n]",
            "factors[i]",
            "test_rounds.py::test_factors_are_spread_over_the_minibatches_of_a_worker",
        ),
    ],
    "aevb/distributed/collections.py": [
        (
            "chunks of some columns are read as rows",
            "return X.rechunk({1: -1})",
            "return X",
            "test_dask.py::test_lazy_results_have_the_chunks_of_x",
        ),
        (
            "an empty partition is read",
            "if part.shape[0] > 0 else like",
            "if part.shape[0] >= 0 else like",
            "test_dask.py::test_lists_of_delayed_tables",
        ),
    ],
    "aevb/distributed/dask.py": [
        (
            "a copy to train has the default client",
            "worker.client = self.client",
            "worker.client = None",
            "test_dask.py::test_a_client_that_is_not_the_default",
        ),
        (
            "a pickle has the client",
            '"client": None}',
            '"client": self.client}',
            "test_dask.py::test_a_model_without_its_cluster",
        ),
        (
            "a local model shares its weights",
            "self._state.copy()",
            "self._state",
            "test_dask.py::test_a_model_without_its_cluster",
        ),
        (
            "the learning rate is that of a short run",
            "super()._auto_rate(self._n_all)",
            "super()._auto_rate(n_rows)",
            "test_dask.py::test_a_long_run_has_the_rate_of_all_rows",
        ),
    ],
    "aevb/data/validation.py": [
        (
            "vectors of a CSR matrix may be unaligned",
            'np.require(v, requirements=("C", "A"))',
            "np.ascontiguousarray(v)",
            "test_rounds.py::test_vectors_of_a_message_may_be_unaligned",
        ),
    ],
}

MUTANTS = [
    Mutant(what, file, text, replacement, (test,))
    for file, mistakes in _MISTAKES.items()
    for what, text, replacement, test in mistakes
]
