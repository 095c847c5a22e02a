"""Mistakes in what a run trains on: a table, or a source of chunks."""

from mutants.mutant import Mutant

# file: (what, text, replacement, test) of each
_PYTHON = {
    "aevb/training/feed.py": [
        (
            "held-out rows train, and others do not",
            "Subset(n_val, data.n_rows - n_val, split=n_val > 0)",
            "Subset(0, data.n_rows - n_val, split=n_val > 0)",
            "test_validation.py::test_only_training_rows_move_the_weights",
        ),
        (
            "the training rows are those of no split",
            "split=n_val > 0)",
            "split=False)",
            "test_validation.py::test_only_training_rows_move_the_weights",
        ),
        (
            "the rows that are scored as held out are training rows",
            "(self.rows, Subset(0, n_val, split=True), self._decides)",
            "(self.rows, Subset(n_val, n_val, split=True), self._decides)",
            "test_validation.py::test_only_training_rows_move_the_weights",
        ),
        (
            "rows are held out of X although there are others for it",
            "if self._decides and X_val is None:",
            "if self._decides:",
            "test_validation.py::test_rows_held_out_elsewhere_leave_all_of_x_to_train_on",
        ),
        (
            "the prior's N is the number of all rows",
            "n_prior=n_train,",
            "n_prior=self.rows.shape[0],",
            "test_prior_weight.py::test_a_trainer_counts_the_rows_that_it_trains_on[0.25]",
        ),
    ],
    "aevb/data/sources.py": [
        (
            "all epochs have the chunks in one order",
            "range(n) if epoch is None else permutation(n, epoch)",
            "range(n)",
            "test_sources.py::test_numbered_parts_come_in_an_order_of_seed_and_epoch",
        ),
        (
            "parts are read to be left out",
            "if begin > 0 and part.is_one_chunk:",
            "if False:",
            "test_sources.py::test_parts_that_are_left_out_are_not_read",
        ),
        (
            "an iterator goes on in a second pass",
            "self._taken = True",
            "pass",
            "test_sources.py::test_an_iterator_has_its_rows_once",
        ),
        (
            "a list of numbers is a source",
            "if isinstance(X, Iterable) and not is_list else None",
            "if isinstance(X, Iterable) else None",
            "test_sources.py::test_a_table_is_no_source",
        ),
        (
            "a CSR matrix in a file is one table",
            "if _is_stored_csr(X):",
            "if False:",
            "test_sources.py::test_a_source_of_arrays_has_all_rows_in_their_order[CSR in a file]",
        ),
        (
            "a path in an iterator is a chunk",
            "        if isinstance(X, (str, os.PathLike)):\n            raise",
            "        if False:\n            raise",
            "test_sources.py::test_an_iterator_of_paths_is_no_list",
        ),
        (
            "a chunk is kept while the next is read",
            "del chunk  # before the next is read",
            "pass",
            "test_sources.py::test_a_chunk_is_given_back_before_the_next_is_read",
        ),
    ],
    "aevb/data/files.py": [
        (
            "the map of a file is read where it is used",
            'np.array(np.load(path, mmap_mode="r")[begin:end])',
            'np.load(path, mmap_mode="r")[begin:end]',
            "test_sources.py::test_a_source_of_arrays_has_all_rows_in_their_order[npy]",
        ),
        (
            "a large row group is one chunk",
            "if sizes[i] <= height:",
            "if True:",
            "test_sources.py::"
            "test_a_source_of_frames_has_all_rows_in_their_order[parquet with large row groups]",
        ),
        (
            "each row group reads anew what its file says of itself",
            "@lru_cache(maxsize=1024)",
            "@lru_cache(maxsize=0)",
            "test_sources.py::test_a_parquet_file_says_once_what_it_holds",
        ),
        (
            "a file that is written anew has its old row groups",
            "return stat.st_mtime_ns, stat.st_size",
            "return 0, 0",
            "test_sources.py::test_a_parquet_file_says_once_what_it_holds",
        ),
    ],
    "aevb/data/reader.py": [
        (
            "nothing is read ahead",
            "max(shared.wanted, i + 2)",
            "max(shared.wanted, i + 1)",
            "test_reader.py::test_it_reads_one_ahead_and_no_more",
        ),
        (
            "two chunks are read ahead",
            "max(shared.wanted, i + 2)",
            "max(shared.wanted, i + 3)",
            "test_reader.py::test_it_reads_one_ahead_and_no_more",
        ),
        (
            "an error is the end",
            "if item is None and shared.error is not None:",
            "if False:",
            "test_reader.py::test_an_error_comes_in_its_place",
        ),
        (
            "a thread keeps the program from ending",
            "daemon=True",
            "daemon=False",
            "test_reader.py::test_a_program_ends_though_its_reader_blocks",
        ),
        (
            "a thread outlives its reader",
            "weakref.finalize(self, self._shared.close)",
            "pass",
            "test_reader.py::test_the_thread_ends_with_its_reader",
        ),
        (
            "the row that is named is the one after",
            "    return n_good\n",
            "    return n_bad\n",
            "test_reader.py::test_an_error_names_chunk_and_row",
        ),
    ],
    "aevb/training/stream.py": [
        (
            "the rows of a frame lie apart",
            "data._replace(X=np.ascontiguousarray(data.X))",
            "data",
            "test_streams.py::test_the_rows_of_frames_lie_together",
        ),
        (
            "an array in column-major order is copied",
            "if not isinstance(X, np.ndarray) and not sparse.issparse(X):",
            "if not sparse.issparse(X):",
            "test_streams.py::test_the_rows_of_frames_lie_together",
        ),
        (
            "blocks have no buffer",
            "max(int(model.batch_size), buffer_rows or 0)",
            "int(model.batch_size)",
            "test_streams.py::test_blocks_are_of_whole_chunks",
        ),
        (
            "a block may have less than a minibatch",
            "max(int(model.batch_size), buffer_rows or 0)",
            "buffer_rows or 1",
            "test_streams.py::test_blocks_are_of_whole_chunks",
        ),
        (
            "a resumed run has other blocks",
            "self._block_rows, n_steps = place.block_rows, place.epoch.n_steps",
            "n_steps = place.epoch.n_steps",
            "test_streams.py::test_a_resumed_run_has_the_same_bits[files-5-70]",
        ),
        (
            "a resumed run goes on at another chunk",
            "n_before=n_before, n_chunks=block.n_chunks)",
            "n_before=n_before, n_chunks=1)",
            "test_streams.py::test_blocks_are_of_whole_chunks",
        ),
        (
            "the order of chunks is that of seed 0",
            "order = (self._seed, epoch)",
            "order = (0, epoch)",
            "test_streams.py::test_numbered_parts_are_shuffled_anew_in_each_epoch",
        ),
        (
            "N of the prior stays 0 while the rows are not known",
            "(n_rows if place.n_rows == 0 else 0)",
            "0",
            "test_streams.py::test_n_of_the_prior_is_known_or_counts_the_rows_seen",
        ),
        (
            "N of the prior counts known rows twice",
            "(n_rows if place.n_rows == 0 else 0)",
            "n_rows",
            "test_streams.py::test_n_of_the_prior_is_known_or_counts_the_rows_seen",
        ),
        (
            "an entry waits for one more row",
            "n_new >= ENTRY_ROWS",
            "n_new > ENTRY_ROWS",
            "test_streams.py::test_the_history_goes_by_rows_while_their_number_is_not_known",
        ),
        (
            "a pass ends where the last one ended",
            "run_ends or self._source.n_rows is not None",
            "True",
            "test_streams.py::test_an_epoch_may_have_other_rows_than_the_last",
        ),
        (
            "some rows keep the first block in memory",
            "data.X[:N_SOME_ROWS].copy()",
            "data.X[:N_SOME_ROWS]",
            "test_streams.py::test_memory_holds_two_chunks_and_the_buffer[None-run]",
        ),
        (
            "a block stays in memory while the next is read",
            "self._current, self.rows, block = None, self.some_rows, None",
            "pass",
            "test_streams.py::test_a_block_is_given_back_before_the_next_is_joined",
        ),
        (
            "an iterator has five epochs by default",
            'if n_epochs == "auto" and self._source.n_passes == 1:',
            "if False:",
            "test_streams.py::test_an_iterator_is_one_epoch",
        ),
        (
            "a source that failed once is not opened again",
            "self._reader = None  # which has ended; another try opens the source anew",
            "pass",
            (
                "test_stream_errors.py::"
                "test_an_error_of_the_source_comes_through_and_the_run_may_go_on"
            ),
        ),
        (
            "a source without a second pass is asked for ever",
            "if n_before == 0:",
            "if False:",
            "test_stream_errors.py::test_a_source_that_has_no_second_pass",
        ),
        (
            "a trainer goes back to other rows",
            "block.checked.data.n_rows != run.n_train",
            "False",
            "test_stream_errors.py::test_a_source_that_changes_is_named",
        ),
    ],
    "aevb/training/trainer.py": [
        (
            "a run without end asks an iterator for more",
            "if run is None and math.isinf(end) and feed.is_over_after_epoch:",
            "if False:",
            "test_streams.py::test_a_run_without_end_ends_with_an_iterator",
        ),
        (
            "all blocks have the rows of the first",
            "self._feed.load(self._run)",
            "pass",
            "test_streams.py::test_results_are_those_of_blocks_by_hand",
        ),
    ],
    "aevb/storage/checkpoint.py": [
        (
            "a pass may start after its model",
            "mark.n_samples > n_seen:",
            "False:",
            "test_stream_errors.py::test_a_damaged_place_is_named",
        ),
    ],
}
MUTANTS = [
    Mutant(what=what, file=file, text=text, replacement=replacement, tests=(test,))
    for file, mistakes in _PYTHON.items()
    for what, text, replacement, test in mistakes
]
