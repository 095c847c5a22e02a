"""Two ranks by MPI: the same bits on both, errors and Ctrl-C that reach both, checkpoints."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from aevb import AEVB, Trainer, datasets

pytest.importorskip("mpi4py")
MPIEXEC = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
if MPIEXEC is None:
    pytest.skip("there is no mpiexec", allow_module_level=True)
HERE = Path(__file__).resolve().parent
SAME_ON_ALL = "want the same on all ranks"
SECONDS = 120  # a launch that hangs fails


def launch(*words, n=2, **options):
    """Run a command on n ranks. Return its result."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [MPIEXEC, "-n", str(n), sys.executable, *map(str, words)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env=environment,
        **options,
    )


def results_of(folder, *scenarios, n=2):
    done = launch(HERE / "mpi_ranks.py", folder, *scenarios, n=n)
    assert done.returncode == 0, done.stderr
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(n)]


@pytest.fixture(scope="module", name="folder")
def shared_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("ranks")


SAME = (
    "every_step", "every_third_step", "every_third_step_in_parts", "units", "likelihoods",
    "ranges", "rounds", "momentum", "rates", "few_and_many",
    "trials", "wake_sleep", "validation", "callbacks", "divergence", "resumed_every_step",
    "resumed_every_third_step", "interrupt",
)  # fmt: skip


ERRORS = ("other_parameters", "midround", "unwritable")


@pytest.fixture(scope="module", name="ranks")
def both(folder):
    return results_of(folder, *SAME, "wrong_arguments", "failing_callback", "calls", *ERRORS)


@pytest.mark.parametrize("scenario", SAME)
def test_both_ranks_see_the_same(ranks, scenario):
    assert ranks[0][scenario] == ranks[1][scenario]


def test_an_epoch_has_as_many_rows_of_each_rank(ranks):
    """Rank 0 holds out 21 of its 201 rows, rank 1 20 of 190: 170 of each are left."""
    for scenario in ("every_step", "every_third_step"):
        history = ranks[0][scenario]["history"]
        assert history["samples_seen"] == ["340", "680", "1020", "1360"]
        assert history["held_out"] == ["41"] * 4
        assert ranks[0][scenario]["bits"][1:] == [4 * 7, 1360]  # 6 whole minibatches and 20 rows
        bounds = [float(b) for b in history["validation_bound"]]
        assert bounds[-1] > bounds[0]


def test_the_same_launch_gives_the_same_bits(ranks, folder, tmp_path):
    again = results_of(tmp_path, "every_step")
    ranks[0]["every_step"]["history"]["seconds"] = again[0]["every_step"]["history"]["seconds"]
    assert again[0]["every_step"] == ranks[0]["every_step"]


def test_weights_of_many_steps_are_averaged(ranks):
    """After the same rows, they differ from those of gradients that are added up."""
    one, many = ranks[0]["every_step"], ranks[0]["every_third_step"]
    assert one["bits"][1:] == many["bits"][1:]
    assert one["bits"][0] != many["bits"][0]
    bounds = [float(ranks[0][s]["history"]["train_bound"][-1]) for s in SAME[:2]]
    assert bounds[0] == pytest.approx(bounds[1], abs=0.5)


def test_a_rank_trains_alone_between_two_exchanges(ranks):
    """Each has its own order of rows. Then arrays are averaged, and rows and bounds added up."""
    for rank, found in enumerate(rank["calls"] for rank in ranks):
        for i, (_, options) in enumerate(found["calls"]):
            assert options["position"] == 10 * i
            assert options["max_steps"] == 2 - i
            assert options["rate_factors"] == [1, 2, 3][i:]
            assert (options["kl_factors"], options["exchange"]) == (None, None)
            assert (options["rank"], options["epoch"]) == (rank, 7 + rank * 2**40)
        assert len(found["calls"]) == 2
        assert found["averaged"] == [0.5] * 3
        assert found["counts"] == [100 + 40, -7 - 10]
        assert found["trained"] == [2, 40, -10, False, 1]


def test_an_epoch_of_the_rank_with_more_rows_begins_anywhere(ranks):
    """Rank 0 has 10 rows more than the 170 of an epoch. 60 draws of 11 miss one in 4 of 100."""
    begins = [{begin for begin, size, split in rank["calls"]["begins"]} for rank in ranks]
    assert begins[1] == {20}
    assert min(begins[0]) == 21
    assert max(begins[0]) == 31
    assert len(begins[0]) >= 9
    assert all(part[1:] == [170, True] for rank in ranks for part in rank["calls"]["begins"])


def test_calls_do_not_shift_the_exchanges_of_weights(ranks):
    assert ranks[0]["rounds"][0] == ranks[0]["rounds"][1]


def test_units_are_those_of_all_rows(ranks):
    from_ranks = ranks[0]["units"]
    x = [np.random.default_rng(rank).normal(size=(n, 6)) for rank, n in ((0, 201), (1, 190))]
    X = np.concatenate([1e3 + (r + 1) * x + 3 * x[:, :1] for r, x in enumerate(x)])
    location, scale = np.transpose(from_ranks["columns"])
    # sums of 391 numbers near 1000, in another order
    np.testing.assert_allclose(location, X.mean(axis=0), rtol=391 * 2**-52)
    np.testing.assert_allclose(scale, 1 / X.std(axis=0), rtol=1e-10)
    np.testing.assert_allclose(from_ranks["bias"], 0, atol=1e-6)


def test_a_column_is_binary_if_it_is_on_every_rank(ranks):
    assert ranks[0]["likelihoods"] == ["gaussian", "bernoulli", "bernoulli"]


def test_scale_and_missing_values_are_those_of_all_rows(ranks):
    assert ranks[0]["ranges"]["scales"] == [1 / 255] * 40
    assert ranks[0]["ranges"]["bits"][2] == 2 * 190 + 50  # an epoch and a minibatch
    assert ranks[0]["ranges"]["cores"] == [2, 1]


def test_trials_are_of_all_rows(ranks):
    trials = {float(rate): score for rate, score in ranks[0]["trials"]["trials"].items()}
    assert ranks[0]["trials"]["rate"] == max(trials, key=trials.get)


def test_given_rows_of_all_ranks_are_held_out(ranks):
    assert ranks[0]["validation"]["history"]["held_out"] == ["40"]
    assert ranks[0]["validation"]["n_train"] == 2 * 190


WRONG = [
    (r"ValueError", r"infinity", "X"),
    (r"ValueError", r"batch_size: rank 0 has 25, rank 1 has 26; want the same", None),
    (r"ValueError", r"X: columns: rank 0 has 64, rank 1 has 63", None),
    (r"ValueError", r"sync_every: got 0", None),
    (r"ValueError", r"sync_every: rank 0 has 2, rank 1 has 3", None),
    (r"ValueError", r"outer_momentum: got 1.0, want a number from 0 to below 1", None),
    (r"ValueError", r"outer_momentum: got 0.5, which is for weights that are averaged", None),
    (r"ValueError", r"sync_every: got 1, which is for AEVB without a weight_posterior", None),
    (r"ValueError", r"sync_every: got 1, which is for AEVB", None),
    (r"ValueError", r"comm: got a model of class MCEM", None),
    (r"ValueError", r"model: its weights differ", None),
    (r"ValueError", r"X_val: rank 0 has 'none', rank 1 has 'given'", None),
    (r"ValueError", r"n_samples: got -1", "n_samples"),
    (r"ValueError", r"comm: X is a source of chunks", None),
]


@pytest.mark.parametrize("case", range(len(WRONG)))
def test_an_error_of_one_rank_reaches_both(ranks, case):
    """If only rank 1 is wrong, rank 0 says so."""
    kind, text, of_one = WRONG[case]
    errors = [rank["wrong_arguments"][case] for rank in ranks]
    assert errors[1][0] == kind
    assert text in errors[1][1]
    if of_one is None:
        assert errors[0] == errors[1]
    else:
        assert errors[0] == ["RankError", f"rank 1 of 2 has failed: {kind}: {errors[1][1]}"]


def test_momentum_is_that_of_the_means(ranks):
    """v <- mu v + d, and the weights move by d + mu v."""
    velocity = 0.0
    for start, mean, end in np.array(ranks[0]["momentum"]["rounds"]):
        distance = mean - start
        velocity = 0.5 * velocity + distance
        assert abs(distance).max() > 1e-4
        np.testing.assert_allclose(end, start + distance + 0.5 * velocity, atol=1e-7)


def test_three_ranks_have_the_same_bits(tmp_path):
    results = results_of(tmp_path, "every_step", "momentum", n=3)
    assert results[0] == results[1] == results[2]
    assert results[0]["momentum"]["bits"][2] >= 1500


def test_a_bound_does_not_depend_on_who_has_the_rows(ranks):
    even, uneven = ranks[0]["few_and_many"]
    assert even == pytest.approx(uneven, rel=1e-6)


def test_parameters_of_one_rank_end_the_run(ranks):
    """At the end of the epoch, or of the call before it takes a step."""
    first, second, third = ranks[0]["other_parameters"]
    assert first == ["ValueError", "weight_decay: rank 0 has 50, rank 1 has 1.0; " + SAME_ON_ALL]
    assert second == third == ["ValueError", "n_epochs: rank 0 has 5, rank 1 has 6; " + SAME_ON_ALL]
    assert ranks[0]["other_parameters"] == ranks[1]["other_parameters"]


def test_ranks_that_stand_at_different_steps_do_not_go_on(ranks):
    for rank, kind in enumerate(["RankError", "MemoryError"]):
        failed, again = ranks[rank]["midround"]
        assert failed[0] == kind
        assert again[0] == "ValueError"
        assert "its weights differ from rank to rank" in again[1]


def test_an_error_of_the_file_reaches_both(ranks):
    first, second = (rank["unwritable"] for rank in ranks)
    assert first[0] == "FileNotFoundError"
    assert second[0] == "RankError"


def test_a_callbacks_error_ends_both_and_the_run_can_go_on(ranks):
    first, second = (rank["failing_callback"] for rank in ranks)
    assert second["error"] == ["RuntimeError", "of the callback"]
    assert first["error"] == [
        "RankError",
        "rank 1 of 2 has failed: RuntimeError: of the callback",
    ]
    assert first["bits"] == second["bits"]
    assert first["history"]["samples_seen"][:3] == ["340", "680", "1020"]


def test_any_rank_may_stop_and_the_first_sets_the_rate(ranks):
    assert ranks[0]["callbacks"]["history"]["samples_seen"] == ["340", "680", "1020"]
    assert ranks[0]["callbacks"]["rate"] == 0.0005


def test_divergence_is_that_of_all(ranks):
    assert ranks[0]["divergence"]["error"][0] == "DivergenceError"
    assert ranks[0]["divergence"]["same"]


@pytest.mark.parametrize("sync_every", ["every_step", "every_third_step"])
def test_an_interrupted_run_goes_on_to_the_same_bits(ranks, sync_every):
    found = ranks[0][f"resumed_{sync_every}"]
    assert found["error"] == ["KeyboardInterrupt", ""]
    assert found["stopped"] == found["read"]
    assert found["stopped"][2] == 1020
    assert found["resumed"] == found["whole"]
    assert found["same data"] == "ValueError"


def test_ctrl_c_ends_both_after_the_same_step(ranks):
    for found in ranks[0]["interrupt"]:
        assert found["error"] == ["KeyboardInterrupt", ""]
        assert not found["slow"]
        assert found["bits"][1] > 0


def test_one_process_goes_on_where_two_have_stopped(ranks, folder):
    """It has other rows, so it begins an epoch."""
    X = datasets.load_digits()[:391]
    trainer = Trainer.resume(folder / "run3.safetensors", X)
    n_seen, n_steps = trainer.model.n_samples_seen_, trainer.model.n_steps_
    assert n_seen >= 2500
    trainer.run(n_seen + 391)
    assert trainer.model.n_steps_ > n_steps
    assert trainer.history["samples_seen"][-1] == n_seen + trainer.n_train
    assert trainer._run.n_ranks == 1
    assert trainer._run.n_prior == trainer.n_train


def test_a_killed_rank_ends_the_run_and_leaves_a_whole_checkpoint(tmp_path):
    done = launch(HERE / "mpi_ranks.py", tmp_path, "die")
    assert done.returncode != 0
    assert "signal 9" in done.stdout + done.stderr
    model = AEVB.load(tmp_path / "killed.safetensors")
    assert model.n_samples_seen_ >= 340


def test_the_command_trains_on_shares_of_a_table(tmp_path):
    """Both have every other row. One prints and writes the model."""
    X = np.random.default_rng(0).normal(size=(203, 4)).round(3)
    words = np.where(X[:, :1] > 0, "up", "down")
    words[7] = "rare"  # on rank 1 alone
    lines = ["a,b,c,d,e", *(",".join(map(str, [*x, w])) for x, (w,) in zip(X, words, strict=True))]
    (tmp_path / "x.csv").write_text("\n".join(lines))
    options = ("--n-epochs", 2, "--hidden-layer-sizes", 5, "--n-components", 2)
    fit = ("-m", "aevb", "fit", "x.csv", "--out", "m.safetensors", *options)
    done = launch(*fit, "--sync-every", 4, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("rows     203") == 1
    assert done.stdout.count("Model: ") == 1
    model = AEVB.load(tmp_path / "m.safetensors")
    assert list(model.feature_names_in_) == list("abcde")
    assert model.columns_[4].levels == ("down", "rare", "up")
    np.testing.assert_allclose(model.columns_[0].location, X[:, 0].mean(), atol=1e-12)
    assert model.n_samples_seen_ % 4 == 0
    done = launch(*fit, "--drop", "z", cwd=tmp_path)
    assert done.returncode == 2
    assert "--drop" in done.stderr


def test_ctrl_c_ends_the_command(tmp_path):
    """The launcher passes it on. Both end after the same step, and the file is not written."""
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(200, 30)))
    words = [MPIEXEC, "-n", "2", sys.executable, "-u", "-m", "aevb", "fit", "x.npy"]
    options = ["--out", "m.safetensors", "--n-epochs", "1000000", "--sync-every", "5"]
    with subprocess.Popen(
        words + options, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        while not process.stdout.readline().startswith("    2 "):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 130
    assert "aevb: interrupted" in errors
    assert not (tmp_path / "m.safetensors").exists()


def test_one_rank_is_a_process_alone(tmp_path):
    X = np.random.default_rng(0).normal(size=(50, 3))
    np.save(tmp_path / "x.npy", X)
    fit = ("-m", "aevb", "fit", "x.npy", "--out", "m.safetensors", "--n-epochs", 1)
    done = launch(*fit, "--random-state", 3, "--n-components", 2, n=1, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    model = AEVB(2, n_epochs=1, random_state=3).fit(X)
    loaded = AEVB.load(tmp_path / "m.safetensors")
    assert all((loaded.weights_[k] == w).all() for k, w in model.weights_.items())
