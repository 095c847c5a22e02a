"""`DaskAEVB` on two worker processes: any collection, scores, lazy results, and lost workers."""

import os
import pickle
import signal
import warnings
from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from test_readme import blocks

import aevb
from aevb import AEVB, DaskAEVB
from aevb.distributed import team as team_module
from aevb.paper.curves import run_all
from aevb.paper.runs import Run

SMALL = {"n_components": 2, "hidden_layer_sizes": (10,), "random_state": 0}

LENGTH = {"n_epochs": 15, "batch_size": 20, "learning_rate": 0.02}


@pytest.fixture(scope="module", name="client")
def two_workers():
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with (
        distributed.LocalCluster(**options, silence_logs=50) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def table(n_rows, seed):
    """Rows of a known Gaussian with two factors."""
    rng = np.random.default_rng(seed)
    loadings = np.random.default_rng(9).normal(size=(2, 8))
    return 5 + rng.normal(size=(n_rows, 2)) @ loadings + 0.3 * rng.normal(size=(n_rows, 8))


X = table(2000, 0)
X_TEST = table(1000, 1)


@pytest.fixture(scope="module", name="array")
def dask_array(client):
    return pytest.importorskip("dask.array").from_array(X, chunks=(300, 5))


@pytest.fixture(scope="module", name="model")
def fitted(client, array):
    return DaskAEVB(client, **SMALL, **LENGTH, sync_every=30).fit(array)


def same_weights(one, two):
    return all((two.weights_[name] == w).all() for name, w in one.weights_.items())


# --------------------------------------------------------------------------------------- the fit
def test_the_fit_is_as_good_as_a_local_one(model):
    """The rows' log density is -6.3 nats, and that of independent columns -13.0.

    With as many rows, two workers take half as many steps. They may lose 0.3 nats by that.
    """
    local = AEVB(**SMALL, **LENGTH).fit(X)
    assert -7 < local.score(X_TEST) < -6.3
    assert model.score(X_TEST) > local.score(X_TEST) - 0.3


def test_the_history_has_an_entry_for_each_epoch(model):
    history = model.history_
    assert history["samples_seen"] == [1800 * (i + 1) for i in range(15)]
    assert history["held_out"] == [200] * 15
    assert np.isfinite(history["validation_bound"]).all()
    assert history["train_bound"][-1] > history["train_bound"][0]
    assert history["seconds"] == sorted(history["seconds"])
    assert history["seconds"][0] > 0
    assert model.n_samples_seen_ == 15 * 1800
    assert 15 * 45 <= model.n_steps_ <= 15 * 60  # of 90 minibatches of two workers
    assert (model.n_features_in_, model.likelihood_) == (8, "gaussian")


def test_units_are_those_of_all_rows(model):
    location, scale = np.transpose([(c.location, c.scale) for c in model.columns_])
    np.testing.assert_allclose(location, X.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(scale, 1 / X.std(axis=0), rtol=1e-12)


def test_lazy_results_have_the_chunks_of_x(model, array, client):
    local = model.to_local()
    for method, shape in (("transform", (2,)), ("score_samples", ()), ("reconstruct", (8,))):
        lazy = getattr(model, method)(array)
        assert lazy.chunks == (array.chunks[0], *((n,) for n in shape))
        want = getattr(local, method)(X)
        assert lazy.dtype == want.dtype
        np.testing.assert_array_equal(lazy.compute(), want)
        np.testing.assert_array_equal(getattr(model, method)(X), want)
    Z = model.transform(array)
    np.testing.assert_array_equal(
        model.inverse_transform(Z).compute(), local.inverse_transform(local.transform(X))
    )
    # another order of 2000 summands
    assert model.score(array) == pytest.approx(local.score(X), rel=1e-10)
    assert model.score(X) == local.score(X)
    assert repr(model.transform(array)) == repr(model.set_params(n_threads=2).transform(array))
    model.set_params(n_threads=None)


def test_a_model_without_its_cluster(model, client, tmp_path):
    for twin in (model.to_local(), pickle.loads(pickle.dumps(model))):
        assert same_weights(model, twin)
        assert twin.history_ == model.history_
    assert type(model.to_local()) is AEVB
    assert twin.client is None
    assert model.client is client
    model.to_local().set_weights({name: w + 1 for name, w in model.weights_.items()})
    assert same_weights(model, twin)
    model.save(tmp_path / "m.safetensors")
    assert same_weights(model, AEVB.load(tmp_path / "m.safetensors"))
    with pytest.raises(ValueError, match=r"want AEVB\.load"):
        DaskAEVB.load(tmp_path / "m.safetensors")
    other = clone(model)
    assert other.client is client
    assert other.get_params() == model.get_params()
    assert not hasattr(other, "weights_")


def test_a_second_fit_continues_with_warm_start(client, array):
    model = DaskAEVB(client, **SMALL, n_epochs=1, sync_every=1000, warm_start=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        n_steps = model.fit(array).n_steps_
        weights = model.weights_
        model.set_params(n_epochs=2).fit(array)
    assert model.n_samples_seen_ == 3 * 1800
    assert model.n_steps_ > 2 * n_steps
    assert not (weights["encoder.mean.weight"] == model.weights_["encoder.mean.weight"]).all()
    model.partial_fit(array)
    assert model.n_samples_seen_ == 3 * 1800 + 2000
    with pytest.raises(ValueError, match="X has 5 features, but"):
        model.fit(array[:, :5])
    assert model.n_samples_seen_ == 3 * 1800 + 2000


def test_trials_of_learning_rates_and_other_settings(client, array):
    model = DaskAEVB(
        client, **SMALL, n_epochs=1, optimizer="adagrad", early_stopping=False, kl_warmup=0.5,
        weight_posterior="gaussian",
    ).fit(array)  # fmt: skip
    assert set(model.learning_rate_trials_) == {0.01, 0.02, 0.1}
    assert model.learning_rate_ == max(
        model.learning_rate_trials_, key=model.learning_rate_trials_.get
    )
    assert model.history_["held_out"] == [0]
    assert np.isnan(model.history_["validation_bound"]).all()
    assert model.weight_kl_ > 0
    assert model.n_samples_seen_ == 2000


def test_a_long_run_has_the_rate_of_all_rows(client, array):
    many = DaskAEVB(client, **SMALL, n_epochs=8000)
    one = AEVB(**SMALL, n_epochs=8000)
    many._n_all = 2000
    assert many._auto_rate(17) == one._auto_rate(2000) < one._auto_rate(17)


# ------------------------------------------------------------------------------ other collections
def frame(n_rows):
    rng = np.random.default_rng(3)
    x = rng.normal(size=n_rows)
    return pd.DataFrame(
        {
            "x": x,
            "n": rng.integers(0, 9, size=n_rows),
            "city": pd.Series(np.where(x > 0, "Rome", "Oslo"), dtype=object),
            "flag": x > 1,
        }
    )


def test_a_frame_has_the_levels_of_all_partitions(client, monkeypatch):
    dd = pytest.importorskip("dask.dataframe")
    monkeypatch.setattr(team_module, "_N_SOME_ROWS", 40)
    rows = frame(400)
    rows.loc[[399], "city"] = "Bern"  # in the last partition alone
    rows.loc[[5], "city"] = None
    parts = dd.from_pandas(rows, npartitions=4)
    model = DaskAEVB(client, **SMALL, n_epochs=2, n_draws=2).fit(parts)
    assert list(model.feature_names_in_) == list(rows)
    assert model.columns_[2].levels == ("Bern", "Oslo", "Rome")
    assert model.likelihood_["city"] == "categorical"
    assert model.likelihood_["flag"] == "bernoulli"
    local = model.to_local()
    for method in ("transform", "score_samples"):
        lazy = getattr(model, method)(parts)
        assert lazy.dtype == getattr(local, method)(rows).dtype
        np.testing.assert_array_equal(lazy.compute(), getattr(local, method)(rows))
    means = model.reconstruct(parts)
    assert list(means.columns) == list(rows)
    pd.testing.assert_frame_equal(
        means.compute(), local.reconstruct(rows), check_dtype=False, check_column_type=False
    )
    assert model.score(parts) == pytest.approx(local.score(rows), rel=1e-10)


@pytest.mark.parametrize("container", [sp.csr_matrix, np.asarray])
def test_lists_of_delayed_tables(client, container):
    dask = pytest.importorskip("dask")
    counts = np.random.default_rng(0).poisson(0.3, size=(300, 6)) + np.eye(6)[np.arange(300) % 6]
    parts = [dask.delayed(container)(counts[i : i + 60]) for i in range(0, 300, 60)]
    parts.insert(2, dask.delayed(container)(np.zeros((0, 6))))
    model = DaskAEVB(client, **SMALL, n_epochs=2, likelihood="poisson").fit(parts)
    assert model.n_samples_seen_ == 2 * 270
    want = model.to_local().score_samples(counts)
    np.testing.assert_array_equal(model.score_samples(parts).compute(), want)
    np.testing.assert_array_equal(
        model.transform(parts).compute(), model.to_local().transform(container(counts))
    )


def test_the_same_places_give_the_same_bits(client):
    dask = pytest.importorskip("dask")
    one, two = client.nthreads()
    parts = []
    for i, worker in enumerate((one, two, two, one)):
        with dask.annotate(workers=[worker], allow_other_workers=False):
            parts.append(dask.delayed(table)(150, i))
    settings = {"n_epochs": 2, "batch_size": 20, "sync_every": 4}
    models = [
        DaskAEVB(client, **{**SMALL, **settings, **options}).fit(parts)
        for options in ({}, {"n_threads": 2}, {"sync_every": 5}, {"random_state": 1})
    ]
    assert same_weights(models[0], models[1])
    assert not same_weights(models[0], models[2])
    assert not same_weights(models[0], models[3])


def test_workers_have_their_own_noise_and_place(client, array, monkeypatch):
    """Each trains where its rows are, and goes on where it has stopped."""

    def note(team, function, *arguments, **options):
        if function is team_module.train_share:
            (worker,) = options["workers"]
            orders.append((worker, *arguments[2:]))
        return submit(team, function, *arguments, **options)

    orders, submit = [], team_module.Team._submit
    monkeypatch.setattr(team_module.Team, "_submit", note)
    model = DaskAEVB(client, **SMALL, n_epochs=1, batch_size=50, sync_every=4).fit(array)
    assert model.learning_rate_ == 2 * AEVB(n_epochs=1)._auto_rate(2000)
    ranks = {order.rank for _, order, _ in orders}  # each is the worker's first partition
    assert len(ranks) == 2
    assert min(ranks) == 0
    for rank in ranks:
        own = [order for order in orders if order[1].rank == rank]
        assert len({worker for worker, *_ in own}) == 1
        assert {n_threads for *_, n_threads in own} == {1}
        steps = [order.max_steps for _, order, _ in own]
        assert len(steps) >= 4
        assert max(steps) <= 4
        assert [o.position for _, o, _ in own] == [50 * sum(steps[:i]) for i in range(len(steps))]
        assert {order.n_train for _, order, _ in own} == {1800}
    assert len({worker for worker, *_ in orders}) == 2


def test_the_likelihoods_are_those_of_all_rows(client):
    """One value of each of two columns is not binary, and the client does not read it."""
    da = pytest.importorskip("dask.array")
    codes = np.random.default_rng(0).integers(0, 2, (4000, 3)).astype(float)
    codes[3001, 0], codes[17, 1] = 0.5, 0.25
    chunks = da.from_array(codes, chunks=(1000, 3))
    model = DaskAEVB(client, **SMALL, n_epochs=1).fit(chunks)
    assert [c.family for c in model.columns_] == ["gaussian", "gaussian", "bernoulli"]


def test_a_second_fit_holds_out_the_same_rows(client, array, monkeypatch):
    def note(team):
        found = some_rows(team)
        held_out.append(found[1])
        return found

    held_out, some_rows = [], team_module.Team.some_rows
    monkeypatch.setattr(team_module.Team, "some_rows", note)
    model = DaskAEVB(client, **SMALL | {"random_state": None}, n_epochs=1, warm_start=True)
    model.fit(array).fit(array)
    np.testing.assert_array_equal(*held_out)


def test_rounds_leave_no_records_in_the_scheduler(client, array):
    """It keeps one for each kind of task, not one for each task."""

    def n_groups(dask_scheduler):
        return sum(len(span.groups) for span in dask_scheduler.extensions["spans"].spans.values())

    counts = []
    for sync_every in (2, 20):
        before = client.run_on_scheduler(n_groups)
        DaskAEVB(client, **SMALL, n_epochs=2, sync_every=sync_every).fit(array)
        counts.append(client.run_on_scheduler(n_groups) - before)
    assert abs(counts[0] - counts[1]) <= 5


def test_lazy_results_need_no_cluster(model, array):
    Z = model.transform(array)
    np.testing.assert_array_equal(Z.compute(scheduler="synchronous"), model.transform(X))


def test_what_is_no_table_is_named(client):
    dask = pytest.importorskip("dask")
    parts = [dask.delayed(X[:5]), dask.delayed([1.0, 2.0])]
    with pytest.raises(TypeError, match=r"partition 1 of X: got builtins.list, want a table"):
        DaskAEVB(client, **SMALL).fit(parts)


def test_ctrl_c_keeps_the_last_whole_round(client, array, monkeypatch):
    def interrupt(team, engine, **options):
        calls.append(engine.n_steps)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return round_of(team, engine, **options)

    calls, round_of = [], team_module.Team._round
    monkeypatch.setattr(team_module.Team, "_round", interrupt)
    model = DaskAEVB(client, **SMALL, n_epochs=5, sync_every=2)
    with pytest.raises(KeyboardInterrupt):
        model.fit(array)
    assert model.n_steps_ == calls[2] > 0


# ------------------------------------------------------------------------------------ lost workers
def test_a_killed_worker_loses_a_round(client, monkeypatch, caplog):
    """Its partitions go to the other, which repeats the round. The epoch has as many rows."""
    dask = pytest.importorskip("dask")
    parts = [dask.delayed(table)(200, i) for i in range(6)]
    killed = []
    submit = team_module.Team._submit

    def submit_and_kill(team, function, *arguments, **options):
        future = submit(team, function, *arguments, **options)
        if function is team_module.train_share and len(team._members) == 2:
            n_rounds.append(1)
            if len(n_rounds) == 4:  # of the second worker in the second round
                (worker,) = options["workers"]
                killed.append(worker)
                os.kill(client.run(os.getpid, workers=[worker])[worker], signal.SIGKILL)
        return future

    n_rounds = []
    monkeypatch.setattr(team_module.Team, "_submit", submit_and_kill)
    model = DaskAEVB(client, **SMALL, n_epochs=3, sync_every=3, early_stopping=False).fit(parts)
    client.wait_for_workers(2, timeout=60)  # Dask starts another one, which later tests need
    assert len(killed) == 1
    assert f"lost the worker {killed[0]}" in caplog.text
    assert model.history_["samples_seen"] == [1200, 2400, 3600]
    assert model.history_["train_bound"][-1] > model.history_["train_bound"][0]


def test_workers_that_die_again_and_again_end_the_run(client, array, monkeypatch):
    def die(team, engine, **options):
        calls.append(1)
        raise team_module.WorkerLostError

    calls = []
    monkeypatch.setattr(team_module.Team, "_round", die)
    with pytest.raises(RuntimeError, match="lost workers 3 times in one round of training"):
        DaskAEVB(client, **SMALL, n_epochs=1).fit(array)
    assert len(calls) == 3


# -------------------------------------------------------------------------------- searches, figures
def test_a_search_on_the_cluster(client):
    import joblib
    from sklearn.model_selection import GridSearchCV

    grid = {"n_components": [1, 2]}
    search = GridSearchCV(AEVB(**SMALL, n_epochs=3, n_threads=1), grid, cv=2, refit=False)
    with joblib.parallel_config(backend="dask"):
        search.fit(X[:300])
    local = GridSearchCV(AEVB(**SMALL, n_epochs=3, n_threads=1), grid, cv=2, refit=False)
    local.fit(X[:300])
    assert (search.cv_results_["mean_test_score"] == local.cv_results_["mean_test_score"]).all()


def test_runs_of_the_paper_on_the_cluster(client, tmp_path):
    """Each has all cores of its machine. They run on the workers, and write where they are told."""
    import joblib

    runs = [Run("some", "aevb", 2, seed, None, 0.1, [1]) for seed in range(3)]
    with joblib.parallel_config(backend="dask"):
        rows = run_all(runs, trace_one, tmp_path / "rows.csv", n_jobs=2, progress=False)
    assert [row["seed"] for row in rows] == [0, 1, 2]
    assert os.getpid() not in {row["process"] for row in rows}
    assert {row["n_threads"] for row in rows} == {None}
    assert {row["folder"] for row in rows} == {str(tmp_path / "runs")}


def trace_one(run, folder, n_threads, *, progress):
    return [
        {"seed": run.seed, "process": os.getpid(), "n_threads": n_threads, "folder": str(folder)}
    ]


@pytest.mark.filterwarnings("ignore::aevb.exceptions.FitWarning")  # of a short search
def test_the_examples_of_the_guide(client, capsys):
    cluster = "Client(n_workers=2, threads_per_worker=1, dashboard_address=None)"
    fit, search = (e for e in blocks("python", "docs/scale.md") if cluster in e)
    names = {"__name__": "__main__", "here": nullcontext(client)}
    exec(fit.replace(cluster, "here"), names)
    printed = capsys.readouterr().out
    assert -14 < float(printed.split()[0]) < -12
    assert type(names["local"]) is AEVB
    exec(search.replace(cluster, "here"), names)
    assert names["search"].best_params_["n_components"] in (2, 5)


# --------------------------------------------------------------------------------------- the face
def test_a_client_that_is_not_the_default(client, array, monkeypatch):
    def none():
        raise ValueError("No global client found")

    assert DaskAEVB().client_ is client
    monkeypatch.setattr("distributed.get_client", none)
    with pytest.raises(ValueError, match=r"^client: got None, but this process has no default"):
        DaskAEVB(**SMALL).fit(array)
    model = DaskAEVB(client, **SMALL, n_epochs=1).fit(array)
    assert np.isfinite(model.score(array))


def test_wrong_arguments(client, array):
    da = pytest.importorskip("dask.array")
    with pytest.raises(TypeError, match=r"^X: got ndarray, want a Dask array"):
        DaskAEVB(client).fit(X)
    with pytest.raises(TypeError, match=r"^X: got list, want a Dask array"):
        DaskAEVB(client).fit([])
    with pytest.raises(ValueError, match=r"^X: got shape \(2000,\), want"):
        DaskAEVB(client).fit(array[:, 0])
    with pytest.raises(ValueError, match=r"^X: got no rows"):
        DaskAEVB(client).fit(array[:0])
    with pytest.raises(ValueError, match=r"^sync_every: got 0"):
        DaskAEVB(client, sync_every=0).fit(array)
    with pytest.raises(ValueError, match=r"^batch_size: got 0"):
        DaskAEVB(client, batch_size=0).fit(array)
    infinite = da.concatenate([array, da.full((3, 8), np.inf)])
    with pytest.raises(ValueError, match=r"partition 7 of X: .*infinity"):
        DaskAEVB(client, **SMALL).fit(infinite)
    with pytest.raises(TypeError, match=r"^client: got 3, want"):
        _ = DaskAEVB(3).client_
    with pytest.raises(aevb.DivergenceError):
        DaskAEVB(client, **SMALL, learning_rate=1e30, n_epochs=2).fit(array)


def test_without_dask(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(ImportError, match=r"pip install 'aevb\[dask\]'"):
        _ = DaskAEVB().client_
