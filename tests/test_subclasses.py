"""Subclasses of the estimators in files and runs, and paths of checkpoints."""

import os

import numpy as np
import pytest

from aevb import AEVB, Trainer, WakeSleep

X = np.random.default_rng(0).normal(size=(90, 4))
OPTIONS = {"hidden_layer_sizes": (5,), "random_state": 0, "n_epochs": 2, "early_stopping": False}


class Renamed(AEVB):
    """The same estimator under another name."""


class Narrow(AEVB):
    """An estimator with parameters of its own."""

    def __init__(self, n_components=2, width=5, n_epochs=2, random_state=None, n_threads=None):
        super().__init__(n_components, hidden_layer_sizes=(width,), early_stopping=False)
        self.width = width
        self.n_epochs = n_epochs
        self.random_state = random_state
        self.n_threads = n_threads


@pytest.mark.parametrize("model", [Renamed(2, **OPTIONS), Narrow(random_state=0)])
def test_a_subclass_is_resumed_and_loaded(model, tmp_path):
    path = tmp_path / "run"
    kind = type(model)
    whole = Trainer(kind(**model.get_params()), X).run(270)
    trainer = Trainer(
        model, X, checkpoint=path, callbacks=[lambda t: len(t.history["seconds"]) == 2]
    )
    trainer.run(270)
    resumed = Trainer.resume(path, X)
    assert type(resumed.model) is kind
    assert resumed.model.get_params().keys() == model.get_params().keys()
    assert kind.load(path).score(X) == model.score(X)
    assert type(whole.model) is kind


def test_another_class_is_refused(tmp_path):
    path = tmp_path / "model"
    Renamed(2, **OPTIONS).fit(X).save(path)
    for other in (AEVB, WakeSleep):
        with pytest.raises(ValueError, match=r"model: .* holds a 'Renamed', want Renamed\.load"):
            other.load(path)


def test_an_unknown_class_is_named(tmp_path):
    path = tmp_path / "run"
    local = type("Local", (AEVB,), {})
    Trainer(local(2, **OPTIONS), X, checkpoint=path).run(90)
    from aevb.training import trainable

    trainable._KINDS.pop("Local")
    with pytest.raises(ValueError, match=r"run: .* 'Local', which is not defined here; define or"):
        Trainer.resume(path, X)


def test_a_class_of_the_same_name_does_not_replace_ours(tmp_path):
    path = tmp_path / "run"
    type("AEVB", (AEVB,), {})
    Trainer(AEVB(2, **OPTIONS), X, checkpoint=path).run(90)
    assert type(Trainer.resume(path, X).model) is AEVB


def test_the_folder_of_a_checkpoint_is_checked_first(tmp_path):
    model = AEVB(2, **OPTIONS)
    path = str(tmp_path / "no" / "run.ckpt")
    with pytest.raises(FileNotFoundError, match=r"checkpoint: no such folder") as error:
        Trainer(model, X, checkpoint=path)
    assert error.value.filename == path
    with pytest.raises(IsADirectoryError, match=r"checkpoint: want a file, got a folder"):
        Trainer(model, X, checkpoint=tmp_path)
    assert not hasattr(model, "weights_")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_to(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError, match=r"checkpoint: cannot write in its folder"):
        Trainer(AEVB(2, **OPTIONS), X, checkpoint=tmp_path / "run")


def test_an_error_of_writing_names_the_path_of_the_user(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    trainer = Trainer(AEVB(2, **OPTIONS), X, checkpoint=folder / "run")
    folder.rmdir()
    with pytest.raises(FileNotFoundError) as error:
        trainer.run(90)
    assert error.value.filename == str(folder / "run")
