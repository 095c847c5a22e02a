"""Mistakes in the command line, the data sets, the pictures and the paper's experiments."""

from mutants.mutant import Mutant

_DATASETS = "aevb/datasets.py"
_COMMAND = "aevb/paper/command.py"
_CURVES = "aevb/paper/curves.py"
_RUNS = "aevb/paper/runs.py"
_FIGURE2 = "aevb/paper/figure2.py"
_FIGURE3 = "aevb/paper/figure3.py"
_GALLERY = "aevb/paper/gallery.py"

_EVALUATE = "test_cli_options.py::test_evaluate_takes_its_seed_and_draws"
_THREADS = "test_cli_options.py::test_evaluate_takes_its_threads"
_DEMO = "test_cli_options.py::test_demo_says_what_it_did[argv1-5-2]"
_FOLDER = "test_cli_failures.py::test_a_folder_that_is_not_there_is_said_before_the_work"
_MANIFOLD = "test_plots_details.py::test_the_manifold_s_axes_are_prior_quantiles_both_ways[4]"
_RUNS_VALUES = "test_plots_details.py::test_each_run_has_its_own_values_and_colour"
_TABLE = "test_paper_curves.py::test_the_table_has_the_published_values_beside_ours"
_PANELS = "test_paper_curves.py::test_panels_of_curves"
_POINTS = "test_paper_settings.py::test_a_run_is_judged_at_its_points"
_SPOILT = "test_gallery.py::test_a_fifth_of_the_pixels_is_black_or_white"
_ERROR = "test_gallery.py::test_the_error_is_counted_where_pixels_were_judged"

MUTANTS = [
    # ------------------------------------------------------------------------------------- cli
    Mutant(
        what="aevb evaluate --random-state is ignored",
        file="aevb/cli/evaluate.py",
        text="Evaluator(model, **given(args, RUN_OPTIONS))",
        replacement="Evaluator(model, **given(args, RUN_OPTIONS[:1]))",
        tests=(_EVALUATE, _THREADS),
    ),
    Mutant(
        what="aevb evaluate --n-threads is ignored",
        file="aevb/cli/evaluate.py",
        text="Evaluator(model, **given(args, RUN_OPTIONS))",
        replacement="Evaluator(model, **given(args, RUN_OPTIONS[1:]))",
        tests=(_THREADS,),
    ),
    Mutant(
        what="aevb evaluate --n-draws is ignored",
        file="aevb/cli/evaluate.py",
        text="evaluator.bound(table.X, n_draws=args.n_draws)",
        replacement="evaluator.bound(table.X)",
        tests=(_EVALUATE,),
    ),
    Mutant(
        what="aevb sample --random-state is ignored",
        file="aevb/cli/sample.py",
        text='"random_state": getattr(args, "random_state", None),',
        replacement='"random_state": None,',
        tests=("test_cli_options.py::test_sample_takes_its_seed[True]",),
    ),
    Mutant(
        what="--image-shape is read as width times height",
        file="aevb/cli/options.py",
        text="return int(height), int(width)",
        replacement="return int(width), int(height)",
        tests=("test_cli_options.py::test_a_picture_has_height_times_width[3x4-pixels0-True]",),
    ),
    Mutant(
        what="pictures have another number of samples than asked for",
        file="aevb/cli/sample.py",
        text="plots.samples(model, (height, width), ax=figure.add_subplot(), **what)",
        replacement=(
            "plots.samples(model, (height, width), ax=figure.add_subplot(), "
            '**{**what, "n_samples": 100})'
        ),
        tests=("test_cli_options.py::test_a_picture_has_height_times_width[3x4-pixels0-True]",),
    ),
    Mutant(
        what="the demo does not train with its options",
        file="aevb/cli/demo.py",
        text="n_epochs=_EPOCHS, **options)",
        replacement="n_epochs=_EPOCHS, n_threads=1, random_state=0)",
        tests=(_DEMO,),
    ),
    Mutant(
        what="the demo's evaluator has none of its options",
        file="aevb/cli/demo.py",
        text="evaluator = Evaluator(model, **options)",
        replacement="evaluator = Evaluator(model)",
        tests=(_DEMO,),
    ),
    Mutant(
        what="the demo splits by the same seed always",
        file="aevb/cli/demo.py",
        text='np.random.RandomState(options["random_state"])',
        replacement="np.random.RandomState(0)",
        tests=(_DEMO,),
    ),
    Mutant(
        what="the demo gives the bound of the training rows for both sets",
        file="aevb/cli/demo.py",
        text="evaluator.bound(X[rows], n_draws=16)",
        replacement="evaluator.bound(X[train], n_draws=16)",
        tests=(_DEMO,),
    ),
    Mutant(
        what="the demo's labels are in another order than its rows",
        file="aevb/cli/demo.py",
        text="labels=labels[order]",
        replacement="labels=labels",
        tests=(_DEMO,),
    ),
    Mutant(
        what="independent pixels are judged on the training rows",
        file="aevb/cli/demo.py",
        text="_independent_pixels(X[train], X[test])",
        replacement="_independent_pixels(X[train], X[train])",
        tests=(_DEMO,),
    ),
    Mutant(
        what="a missing folder is found after the training",
        file="aevb/cli/fit.py",
        text="    check_folder(args.out)\n    table = read_table(args.data, args.drop)",
        replacement="    table = read_table(args.data, args.drop)\n    check_folder(args.out)",
        tests=(_FOLDER,),
    ),
    Mutant(
        what="a usage error has the exit code of other errors",
        file="aevb/cli/entry.py",
        text="return _complain(error, 2)",
        replacement="return _complain(error, 1)",
        tests=("test_cli_failures.py::test_python_dash_m_has_the_exit_code[argv0-2]",),
    ),
    Mutant(
        what="mistakes in the code end in one line too",
        file="aevb/cli/entry.py",
        text="except (ArithmeticError, ImportError, MemoryError,",
        replacement="except (ArithmeticError, ImportError, MemoryError, RuntimeError,",
        tests=("test_cli_failures.py::test_a_mistake_of_ours_is_not_swallowed[RuntimeError]",),
    ),
    Mutant(
        what="a .npy file is read into memory",
        file="aevb/cli/files.py",
        text='np.load(path, mmap_mode="r", allow_pickle=False)',
        replacement="np.load(path, allow_pickle=False)",
        tests=("test_cli_failures.py::test_rows_of_a_npy_stay_on_disk",),
    ),
    Mutant(
        what="an archive gives its first array, not the one called X",
        file="aevb/cli/files.py",
        text='archive["X" if "X" in names else names[0]]',
        replacement="archive[names[0]]",
        tests=("test_cli_failures.py::test_which_array_of_a_npz[names2]",),
    ),
    Mutant(
        what="info names any BLAS, not SciPy's",
        file="aevb/cli/info.py",
        text='not os.path.relpath(pool["filepath"], folder).startswith("scipy")',
        replacement='"scipy" not in pool["filepath"]',
        tests=("test_cli_failures.py::test_info_gives_the_blas_of_scipy",),
    ),
    # -------------------------------------------------------------------------------- datasets
    Mutant(
        what="the labels of the digits are in another order",
        file=_DATASETS,
        text="return (X, np.asarray(labels, np.int64)) if return_X_y else X",
        replacement="return (X, np.sort(labels).astype(np.int64)) if return_X_y else X",
        tests=("test_datasets.py::test_digits",),
    ),
    Mutant(
        what="other files in the cache are taken for the published ones",
        file=_DATASETS,
        text='pooch.retrieve(url, f"sha256:{sha256}",',
        replacement="pooch.retrieve(url, None,",
        tests=("test_datasets.py::test_what_is_downloaded_is_checked_and_kept",),
    ),
    Mutant(
        what="files in AEVB_DATA are not checked",
        file=_DATASETS,
        text="if found != sha256:",
        replacement="if len(found) != len(sha256):",
        tests=("test_datasets.py::test_wrong_hash_in_the_folder",),
    ),
    Mutant(
        what="validation rows are labelled from the front",
        file=_DATASETS,
        text="validation_labels=labels[n_train:]",
        replacement="validation_labels=labels[:n_validation]",
        tests=("test_datasets.py::test_mnist_split",),
    ),
    Mutant(
        what="another number of rows is held out by default",
        file=_DATASETS,
        text="n_validation: int = 10_000",
        replacement="n_validation: int = 5_000",
        tests=("test_datasets.py::test_mnist_split_out_of_range[None]",),
    ),
    Mutant(
        what="bytes after the array are ignored",
        file=_DATASETS,
        text="if len(raw) - start != math.prod(shape):",
        replacement="if len(raw) - start < math.prod(shape):",
        tests=("test_datasets.py::test_damaged_idx[bytes too many]",),
    ),
    # ----------------------------------------------------------------------------------- plots
    Mutant(
        what="every curve is the first run's",
        file="aevb/plots/curve.py",
        text='ax.plot(seen, history["train_bound"], color',
        replacement='ax.plot(seen, next(iter(named.values()))["train_bound"], color',
        tests=(_RUNS_VALUES,),
    ),
    Mutant(
        what="validation bounds have the colour of the training bound of another run",
        file="aevb/plots/curve.py",
        text='ax.plot(seen, validation, "--", color=color',
        replacement='ax.plot(seen, validation, "--", color=colors[-1]',
        tests=(_RUNS_VALUES,),
    ),
    Mutant(
        what="the ticks of one axis are left out",
        file="aevb/plots/generated.py",
        text="axis.set_ticks(ndtr(ticks),",
        replacement="ax.xaxis.set_ticks(ndtr(ticks),",
        tests=(_MANIFOLD,),
    ),
    Mutant(
        what="the manifold has no half gap about it",
        file="aevb/plots/generated.py",
        text="ax.images[0].set_extent((right, 1 - right, up, 1 - up))",
        replacement="ax.images[0].set_extent((0, 1, 0, 1))",
        tests=(_MANIFOLD,),
    ),
    Mutant(
        what="z1 grows downwards",
        file="aevb/plots/generated.py",
        text="np.meshgrid(quantiles, quantiles[::-1])",
        replacement="np.meshgrid(quantiles, quantiles)",
        tests=("test_plots_details.py::test_the_corners_of_the_manifold",),
    ),
    Mutant(
        what="samples forget their colour map",
        file="aevb/plots/generated.py",
        text="return image_grid(images, image_shape, cmap=cmap, limits=limits(model), ax=ax)",
        replacement="return image_grid(images, image_shape, limits=limits(model), ax=ax)",
        tests=("test_plots_details.py::test_the_colour_map_is_passed_on",),
    ),
    Mutant(
        what="the page's samples are of no seed",
        file="aevb/plots/page.py",
        text="cmap=cmap, random_state=random_state, ax=panels",
        replacement="cmap=cmap, random_state=None, ax=panels",
        tests=("test_plots_details.py::test_what_the_panels_of_a_page_are_given[3]",),
    ),
    Mutant(
        what="ten classes are too many for colours of their own",
        file="aevb/plots/latent.py",
        text="if len(classes) > len(HUES):",
        replacement="if len(classes) >= len(HUES):",
        tests=("test_plots_details.py::test_up_to_ten_classes_have_colours_of_their_own[10]",),
    ),
    # ----------------------------------------------------------------------------------- paper
    Mutant(
        what="--seeds reaches nothing",
        file=_FIGURE2,
        text="for seed in range(n_seeds)",
        replacement="for seed in range(1)",
        tests=("test_paper_settings.py::test_figure_2_takes_what_it_is_told",),
    ),
    Mutant(
        what="models of all seeds are the same",
        file=_FIGURE2,
        text="**shape, random_state=seed",
        replacement="**shape, random_state=0",
        tests=("test_paper_settings.py::test_the_networks_of_figure_2[aevb-AEVB-mnist-hidden0]",),
    ),
    Mutant(
        what="faces are split in the order of the video",
        file=_FIGURE2,
        text="np.random.default_rng(0).permutation(len(faces))",
        replacement="np.arange(len(faces))",
        tests=("test_paper_settings.py::test_faces_are_split_at_random",),
    ),
    Mutant(
        what="the test bound is that of training rows",
        file=_FIGURE2,
        text='"test_bound": model.score(test)',
        replacement='"test_bound": model.score(train)',
        tests=("test_paper_settings.py::test_figure_2_judges_by_the_bound_of_both_sets",),
    ),
    Mutant(
        what="the judge has a seed of its own",
        file=_FIGURE3,
        text="random_state=run.seed",
        replacement="random_state=0",
        tests=(
            "test_paper_settings.py::test_figure_3_judges_the_first_thousand_rows_of_both_sets",
        ),
    ),
    Mutant(
        what="all training rows are judged",
        file=_FIGURE3,
        text='("train", train[:_N_JUDGED])',
        replacement='("train", train)',
        tests=(
            "test_paper_settings.py::test_figure_3_judges_the_first_thousand_rows_of_both_sets",
        ),
    ),
    Mutant(
        what="--learning-rate does not reach figure 3",
        file=_FIGURE3,
        text="            learning_rate,\n            points,",
        replacement='            "auto",\n            points,',
        tests=("test_paper_settings.py::test_figure_3_takes_what_it_is_told",),
    ),
    Mutant(
        what="the default number of jobs is not one",
        file=_COMMAND,
        text='"--jobs", dest="n_jobs", type=_count, default=1',
        replacement='"--jobs", dest="n_jobs", type=_count, default=2',
        tests=(
            "test_cli_options.py::test_reproduce_left_alone_has_the_experiment_s_defaults[figure4]",
        ),
    ),
    Mutant(
        what="options of a figure are not passed on",
        file=_COMMAND,
        text='if k not in ("run", "figure")',
        replacement='if k not in ("run", "figure", "init_scale")',
        tests=("test_cli_options.py::test_reproduce_takes_its_options[figure2]",),
    ),
    Mutant(
        what="runs at once have all cores each",
        file=_CURVES,
        text="n_threads = n_cores // n_jobs",
        replacement="n_threads = n_cores",
        tests=("test_paper_curves.py::test_runs_share_the_cores[2-8-2-4]",),
    ),
    Mutant(
        what="more runs at once than there are cores",
        file=_CURVES,
        text="n_jobs = min(n_jobs, n_cores)",
        replacement="n_jobs = min(n_jobs, 99)",
        tests=("test_paper_curves.py::test_runs_share_the_cores[20-8-8-1]",),
    ),
    Mutant(
        what="published values are read beyond their points",
        file=_CURVES,
        text="xs[0] <= at <= xs[-1]",
        replacement="xs[0] <= at",
        tests=(_TABLE,),
    ),
    Mutant(
        what="published values beside the test column are those of training",
        file=_CURVES,
        text='(panel_of(row), row["algorithm"], which), []))',
        replacement='(panel_of(row), row["algorithm"], "train"), []))',
        tests=(_TABLE,),
    ),
    Mutant(
        what="published curves are drawn beyond ours",
        file=_CURVES,
        text="if p[0] <= most]",
        replacement="if p[0] <= most * unit]",
        tests=(_PANELS,),
    ),
    Mutant(
        what="curves of all seeds are one line",
        file=_CURVES,
        text='(row["algorithm"], which, row["seed"])',
        replacement='(row["algorithm"], which, "0")',
        tests=(_PANELS,),
    ),
    Mutant(
        what="a visit of Monte Carlo EM counts as one sample",
        file=_RUNS,
        text="trainer.run(point / _n_updates(trainer.model))",
        replacement="trainer.run(point)",
        tests=(f"{_POINTS}[MCEM]",),
    ),
    Mutant(
        what="the scale of the first parameters is not passed on",
        file=_RUNS,
        text="init_scale=run.init_scale)",
        replacement="init_scale=0.1)",
        tests=(f"{_POINTS}[AEVB]",),
    ),
    Mutant(
        what="a run that goes on has the threads of its checkpoint",
        file=_RUNS,
        text="    trainer.model.set_params(n_threads=n_threads)\n",
        replacement="",
        tests=("test_paper_settings.py::test_a_run_has_its_threads_when_it_goes_on_too[2]",),
    ),
    Mutant(
        what="rows of a lost checkpoint are kept",
        file=_RUNS,
        text="        rows = []\n        model",
        replacement="        model",
        tests=("test_paper_settings.py::test_a_curve_whose_checkpoint_is_lost_begins_anew",),
    ),
    Mutant(
        what="a curve is written over the old one in place",
        file=_RUNS,
        text='    part = path.with_name(f"{path.name}.part")\n    with open(part, "w"',
        replacement='    part = path\n    with open(part, "w"',
        tests=("test_paper_settings.py::test_a_csv_is_there_whole_or_as_it_was",),
    ),
    Mutant(
        what="the manifold of Frey faces has MNIST's number of images",
        file="aevb/paper/figure4.py",
        text="n=SIDES[dataset], ",
        replacement="n=20, ",
        tests=("test_paper_settings.py::test_figure_4",),
    ),
    Mutant(
        what="titles of figure 5 are in another order than its models",
        file="aevb/paper/figure5.py",
        text="zip(n_components, models, panels, strict=True)",
        replacement="zip(n_components, models[::-1], panels, strict=True)",
        tests=("test_paper_settings.py::test_figure_5",),
    ),
    Mutant(
        what="the step size does not reach the figures of trained models",
        file="aevb/paper/trained.py",
        text="learning_rate=learning_rate, n_samples",
        replacement='learning_rate="auto", n_samples',
        tests=("test_paper_settings.py::test_models_are_trained_as_figure_2_s_are",),
    ),
    Mutant(
        what="flipped pixels are all black",
        file=_GALLERY,
        text="generator.integers(0, 2, truth.shape)",
        replacement="generator.integers(0, 1, truth.shape)",
        tests=(_SPOILT,),
    ),
    Mutant(
        what="four fifths of the pixels are flipped",
        file=_GALLERY,
        text="generator.random(truth.shape) < _SHARE_FLIPPED",
        replacement="generator.random(truth.shape) > _SHARE_FLIPPED",
        tests=(_SPOILT,),
    ),
    Mutant(
        what="the upper half is missing",
        file=_GALLERY,
        text="missing[:, truth.shape[1] // 2 :] = True",
        replacement="missing[:, : truth.shape[1] // 2] = True",
        tests=("test_gallery.py::test_the_lower_half_is_missing",),
    ),
    Mutant(
        what="half of the pixels are kept",
        file=_GALLERY,
        text="kept[:, ::2, ::2] = True",
        replacement="kept[:, ::2] = True",
        tests=("test_gallery.py::test_one_pixel_of_four_is_kept",),
    ),
    Mutant(
        what="pixels that were given count in the error too",
        file=_GALLERY,
        text="np.square(images - truth)[task.judged].mean()",
        replacement="np.square(images - truth).mean()",
        tests=(_ERROR,),
    ),
    Mutant(
        what="the pixel means are those of the test set",
        file=_GALLERY,
        text="mean = training.mean(",
        replacement="mean = test.mean(",
        tests=(_ERROR,),
    ),
    Mutant(
        what="errors are of grey levels up to 255",
        file="aevb/paper/gallery.py",
        text=".mean()) / _WHITE:.4f}",
        replacement=".mean()):.4f}",
        tests=(_ERROR,),
    ),
]
