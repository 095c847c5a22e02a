"""Mistakes in the training loop, its checkpoints and files, the trials of step sizes, the bars."""

from mutants.mutant import Mutant

# file: (what, text, replacement, test) of each
_PYTHON = {
    "aevb/training/trainer.py": [
        (
            "the train bound is divided by all rows",
            "/ n_rows,",
            "/ self._feed.rows.shape[0],",
            "test_validation.py::test_the_history_has_means_over_its_own_rows[0.25-3]",
        ),
        (
            "the best model is no copy",
            "return (bound, self._state.engine.copy()), 0",
            "return (bound, self._state.engine), 0",
            "test_patience.py::test_it_stops_when_it_should_and_takes_back_the_best[falls]",
        ),
        (
            "an equal bound is an improvement",
            "bound > best[0]",
            "bound >= best[0]",
            "test_patience.py::test_it_stops_when_it_should_and_takes_back_the_best",
        ),
        (
            "an improvement does not start the count of worse epochs anew",
            "self._state.engine.copy()), 0",
            "self._state.engine.copy()), n_worse",
            "test_patience.py::test_it_stops_when_it_should_and_takes_back_the_best",
        ),
        (
            "patience lasts an epoch longer",
            "self._run.n_worse >= self.model.patience",
            "self._run.n_worse > self.model.patience",
            "test_patience.py::test_it_stops_when_it_should_and_takes_back_the_best[falls]",
        ),
        (
            "a run whose patience is out goes on when asked again",
            "self._stopped = self._patience_is_out()",
            "self._stopped = False",
            "test_patience.py::test_it_stops_when_it_should_and_takes_back_the_best[one]",
        ),
        (
            "the callbacks after one that stops are left out",
            "if wants_to_stop(callback, callback(self)):\n                self._stopped = True",
            (
                "if wants_to_stop(callback, callback(self)):\n"
                "                self._stopped = True\n"
                "                break"
            ),
            "test_history.py::test_every_callback_is_called_though_one_has_said_stop",
        ),
        (
            "an epoch whose end was interrupted is not ended by a run with nothing else to do",
            "self._make_due_entry(end(), run_ends=True)",
            "pass",
            "test_history.py::test_an_epoch_whose_end_was_interrupted_ends_once",
        ),
        (
            "checkpoints wait for the end of a slice of time",
            "n_together = min(n_steps, self._loop.n_steps_to(self._checkpoint_due))",
            "n_together = n_steps",
            (
                "test_run_state.py::test_checkpoints_are_written_when_they_are_due"
                "[each minibatch-100.0]"
            ),
        ),
        (
            "a checkpoint is due so long after the last was due",
            "self._checkpoint_due = self._n_seen + self",
            "self._checkpoint_due += self",
            (
                "test_run_state.py::test_checkpoints_are_written_when_they_are_due"
                "[counted from the last-0.0]"
            ),
        ),
        (
            "a checkpoint is written a minibatch after it is due",
            "self._n_seen >= self._checkpoint_due",
            "self._n_seen > self._checkpoint_due",
            (
                "test_run_state.py::test_checkpoints_are_written_when_they_are_due"
                "[each epoch by default-0.0]"
            ),
        ),
        (
            "a resumed run forgets how often it wrote checkpoints",
            "every = run.checkpoint_every if checkpoint_every is None else checkpoint_every",
            "every = checkpoint_every",
            "test_run_state.py::test_a_resumed_run_goes_on_writing_and_does_as_it_is_told",
        ),
        (
            "a resumed run has no callbacks",
            "callbacks=callbacks,\n",
            "callbacks=(),\n",
            "test_run_state.py::test_a_resumed_run_goes_on_writing_and_does_as_it_is_told",
        ),
        (
            "a resumed run takes N of the prior from its data",
            "        self._run = run._replace(\n",
            "        self._run = run._replace(\n            n_prior=self.n_train,\n",
            "test_run_state.py::test_every_part_of_a_run_comes_back[AEVB]",
        ),
        (
            "steps that diverge go back to the last epoch's end",
            "engine.training(), undoing(self):",
            "engine.training(), undoing(self, by_epoch=True):",
            "test_divergence.py::test_steps_that_diverge_go_back_to_where_they_began[AEVB]",
        ),
        (
            "a trial's length counts held-out rows",
            "length_of_trial(self.n_epochs, n_train,",
            "length_of_trial(self.n_epochs, feed.rows.shape[0],",
            "test_learning_rate.py::test_how_long_a_trial_is[of the rows that train]",
        ),
        (
            "trials have bars though none is wanted",
            "shown=bool(self.progress),",
            "shown=True,",
            "test_progress.py::test_trials_have_bars_of_their_own",
        ),
    ],
    "aevb/training/position.py": [
        (
            "a run that ends restores no way back to the run around it",
            "trainer._undo = outer",
            "trainer._undo = None",
            "test_divergence.py::test_a_run_whose_callbacks_train_keeps_its_epochs_too",
        ),
        (
            "chains do not go back where training diverges",
            "None if chains is None else chains.copy(),",
            "chains,",
            "test_divergence.py::test_steps_that_diverge_go_back_to_where_they_began[MCEM]",
        ),
    ],
    "aevb/training/checks.py": [
        (
            "a NumPy bool of a callback does not stop",
            "if isinstance(result, (bool, np.bool_)):",
            "if isinstance(result, bool):",
            "test_history.py::test_only_true_stops",
        ),
        (
            "any answer of a callback that counts as true stops",
            '    raise TypeError(\n        f"callbacks: {callback!r} returned',
            (
                "    return bool(result)\n"
                '    raise TypeError(\n        f"callbacks: {callback!r} returned'
            ),
            "test_history.py::test_another_answer_of_a_callback_is_an_error[yes]",
        ),
    ],
    "aevb/training/fit.py": [
        (
            "the prior of partial_fit counts the rows of the last call",
            "n_prior=trainer._run.n_prior + round(n_seen)",
            "n_prior=trainer._run.n_prior",
            "test_prior_weight.py::test_partial_fit_counts_the_rows_of_all_calls",
        ),
    ],
    "aevb/training/length.py": [
        (
            "the number of held-out rows is rounded down",
            "math.ceil(validation_fraction * n_rows)",
            "math.floor(validation_fraction * n_rows)",
            "test_validation.py::test_the_number_of_held_out_rows_is_rounded_up",
        ),
        (
            "all rows may be held out",
            "if not 1 <= n_val < n_rows:",
            "if not 1 <= n_val <= n_rows:",
            "test_validation.py::test_a_fraction_that_leaves_no_row_to_train_on_is_named",
        ),
    ],
    "aevb/training/loop.py": [
        (
            "all epochs have the rows in one order",
            "epoch=start.n_steps,",
            "epoch=0,",
            (
                "test_validation.py::test_an_epoch_visits_each_training_row_once_in_a_new_order"
                "[0.25-3]"
            ),
        ),
    ],
    "aevb/core/progress.py": [
        (
            "a second bar begins at the rows of the first",
            "None, n_seen, until",
            "None, 0, until",
            "test_progress.py::test_a_bar_shows_the_rows_of_its_own_run[AEVB]",
        ),
        (
            "a second bar's total is that of all runs",
            "max(0.0, end - begin)",
            "max(0.0, end)",
            "test_progress.py::test_a_bar_shows_the_rows_of_its_own_run[AEVB]",
        ),
        (
            "a bar begins at all rows seen",
            "initial=n_seen - begin,",
            "initial=n_seen,",
            "test_progress.py::test_a_bar_shows_the_rows_of_its_own_run[AEVB]",
        ),
        (
            "the bar counts minibatches",
            "bar.update(n_rows)",
            "bar.update(1)",
            "test_progress.py::test_a_bar_shows_the_rows_of_its_own_run[AEVB]",
        ),
        (
            "a bar over one call adds up what is told",
            "min(done, 1.0) * n_rows - bar.n",
            "min(done, 1.0) * n_rows",
            "test_progress.py::test_the_bar_of_one_call_counts_rows",
        ),
        (
            "a bar over one call ends where it was told last",
            "report(1.0)",
            "pass",
            "test_progress.py::test_the_bar_of_one_call_counts_rows",
        ),
    ],
    "aevb/core/engine.py": [
        (
            "a trainer that fails to start leaves its options in the model",
            "            self.config = before\n            raise",
            "            raise",
            (
                "test_trainer.py::test_a_trainer_that_fails_to_start_leaves_a_fitted_model_as_it_was"
                "[X_val]"
            ),
        ),
    ],
    "aevb/training/learning_rate.py": [
        (
            "the cap of a trial leaves out that MCEM has several updates a step",
            "_MOST_SAMPLES / n_updates_per_visit",
            "_MOST_SAMPLES",
            "test_learning_rate.py::test_how_long_a_trial_is[a million of updates]",
        ),
        (
            "a trial may be as long as the run wants",
            "min(_MOST_SAMPLES / n_updates_per_visit, _SHARE",
            "min(math.inf, _SHARE",
            "test_learning_rate.py::test_how_long_a_trial_is[a million at most]",
        ),
        (
            "a trial scores all training rows",
            "min(size, _N_SCORED)",
            "size",
            "test_learning_rate.py::test_a_trial_scores_the_first_thousand_rows",
        ),
        (
            "a trial goes on where the last one ended",
            "engine = loop.engine.copy()",
            "engine = loop.engine",
            (
                "test_learning_rate.py::test_what_is_chosen_scored_best_and_trains_as_if_it_had_b"
                "een_given[AEVB]"
            ),
        ),
        (
            "a score of infinity wins",
            "if not math.isfinite(score):",
            "if math.isnan(score):",
            "test_learning_rate.py::test_a_score_that_is_not_finite_is_of_a_rate_that_diverged",
        ),
        (
            "where all rates diverge the largest is named",
            "raise diverged[0]",
            "raise diverged[-1]",
            "test_learning_rate.py::test_all_diverge",
        ),
        (
            "trials move the chains of the training",
            "None if loop.chains is None else loop.chains.copy()",
            "loop.chains",
            (
                "test_learning_rate.py::test_what_is_chosen_scored_best_and_trains_as_if_it_had_b"
                "een_given[MCEM]"
            ),
        ),
    ],
    "aevb/training/fingerprint.py": [
        (
            "the number of rows held out elsewhere is not compared",
            "if (now.n_train, now.n_validation) != (then.n_train, then.n_validation):",
            "if now.n_train != then.n_train:",
            "test_run_state.py::test_other_held_out_rows_are_named[5]",
        ),
        (
            "any data will do to go on with",
            "if now.fingerprint != then.fingerprint:",
            "if False:",
            "test_run_state.py::test_the_fingerprint_is_of_rows_all_over_the_data[7]",
        ),
        (
            "the fingerprint is of the first thousand rows",
            "np.linspace(0, n_rows - 1, n).round()",
            "np.arange(n)",
            "test_run_state.py::test_the_fingerprint_is_of_rows_all_over_the_data[2500]",
        ),
        (
            "the fingerprint leaves out the last row",
            "np.linspace(0, n_rows - 1, n).round()",
            "np.linspace(0, n_rows - 1, n, endpoint=False)",
            "test_run_state.py::test_the_fingerprint_is_of_rows_all_over_the_data[7]",
        ),
    ],
    "aevb/storage/checkpoint.py": [
        (
            "a checkpoint forgets the worse epochs",
            '"n_worse": run.n_worse,',
            '"n_worse": 0,',
            "test_run_state.py::test_every_part_of_a_run_comes_back[AEVB]",
        ),
        (
            "a checkpoint has an epoch start where it is written",
            "list(run.start)",
            "list(Mark.of(saved.state.engine))",
            "test_run_state.py::test_every_part_of_a_run_comes_back[AEVB]",
        ),
        (
            "the best weights that a checkpoint gives back are the last",
            "best_engine.set_arrays(found, arena)",
            "pass",
            "test_run_state.py::test_every_part_of_a_run_comes_back[AEVB]",
        ),
        (
            "an epoch may start after the last step",
            "0 <= n_steps <= engine.n_steps",
            "0 <= n_steps",
            "test_run_state.py::test_where_the_epoch_starts_is_checked[a step after now]",
        ),
    ],
    "aevb/estimators/mcem.py": [
        (
            "the chains' step size is forgotten",
            "        old.step_state = chains.step_state\n",
            "",
            "test_run_state.py::test_every_part_of_a_run_comes_back[MCEM]",
        ),
    ],
    "aevb/storage/atomic.py": [
        (
            "a file's new name is not synced to disk",
            "sync_folder(path.parent)",
            "pass",
            (
                "test_full_disk.py::test_a_file_is_on_disk_before_it_has_its_name_and_then_the_na"
                "me_is"
            ),
        ),
        (
            "a file is renamed before it is on disk",
            "sync_file(temporary)\n",
            "pass\n",
            (
                "test_full_disk.py::test_a_file_is_on_disk_before_it_has_its_name_and_then_the_na"
                "me_is"
            ),
        ),
        (
            "Ctrl-C leaves half a file",
            "except BaseException as error:",
            "except Exception as error:",
            "test_full_disk.py::test_ctrl_c_while_a_file_is_written_leaves_what_was_there",
        ),
        (
            "two writers share a file",
            "{path.name}.{secrets.token_hex(4)}.part",
            "{path.name}.x.part",
            "test_full_disk.py::test_two_writers_have_files_of_their_own",
        ),
        (
            "the system's error number is lost",
            "int(code[1]) if code else errno.EIO",
            "errno.EIO",
            "test_full_disk.py::test_the_writers_own_errors_are_the_systems",
        ),
        (
            "a file has the permissions that its writer gave it",
            "os.chmod(temporary, mode)",
            "os.chmod(temporary, 0o600)",
            "test_full_disk.py::test_a_file_has_the_permissions_of_any_new_file",
        ),
    ],
    "aevb/storage/model_file.py": [
        (
            "the next format is read as if it were this one",
            'header["format_version"] > FORMAT_VERSION:',
            'header["format_version"] > FORMAT_VERSION + 1:',
            "test_persistence.py::test_damaged_headers[next format]",
        ),
        (
            "the score of a rate that diverged comes back as no number",
            "-math.inf if score is None",
            "math.nan if score is None",
            "test_learning_rate.py::test_scores_of_rates_that_diverged_come_back_from_files",
        ),
        (
            "minus infinity in a history becomes no number",
            "return value if math.isfinite(value) else str(value)",
            "return value if math.isfinite(value) else None",
            "test_persistence.py::test_a_history_of_any_numbers_comes_back",
        ),
        (
            "counts in a history come back as real numbers",
            "[int(v) for v in history[key]]",
            "[float(v) for v in history[key]]",
            "test_persistence.py::test_a_history_of_any_numbers_comes_back",
        ),
        (
            "seconds that are no number are taken",
            'for name in ("bound_sum", "seconds"):',
            'for name in ("bound_sum",):',
            "test_persistence.py::test_damaged_headers[nan seconds]",
        ),
        (
            "more names than features are taken",
            "if len(names) != n_features:",
            "if len(names) < n_features:",
            "test_persistence.py::test_damaged_headers[many names]",
        ),
    ],
}

MUTANTS = [
    *(
        Mutant(what, file, text, replacement, (test,))
        for file, mistakes in _PYTHON.items()
        for what, text, replacement, test in mistakes
    ),
    Mutant(
        what="a history's seconds are those of the last call into the core",
        file="csrc/algorithms/loop.cc",
        text="model_.seconds += std::chrono::duration<double>(Clock::now() - start_).count();",
        replacement=(
            "model_.seconds = std::chrono::duration<double>(Clock::now() - start_).count();"
        ),
        tests=("test_history.py::test_seconds_count_on_over_epochs_runs_and_files[AEVB]",),
    ),
    Mutant(
        what="a history's seconds of MCEM are those of the last call into the core",
        file="csrc/algorithms/monte_carlo_em.cc",
        text="model.seconds += spent();",
        replacement="model.seconds = spent();",
        tests=("test_history.py::test_seconds_count_on_over_epochs_runs_and_files[MCEM]",),
    ),
    Mutant(
        what="a call into the core does not end when its time is up",
        file="csrc/algorithms/loop.cc",
        text="!deadline_.has_passed()",
        replacement="true",
        tests=("test_progress.py::test_a_bar_shows_the_rows_of_its_own_run[AEVB]",),
    ),
]
