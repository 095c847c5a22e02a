"""Every default of the package, written out, so that none changes by accident."""

import inspect

import numpy as np
import pytest

from aevb import AEVB, MCEM, Estimate, Evaluator, Trainer, WakeSleep, sample_posterior
from aevb.estimators.base import LatentVariableModel
from aevb.estimators.encoder_model import EncoderModel
from aevb.estimators.learner import Learner
from aevb.evaluation.methods import (
    AnnealedImportanceSampling,
    ImportanceSampling,
    PosteriorSampling,
)

COMMON = {
    "n_components": 20,
    "hidden_layer_sizes": (500,),
    "activation": "tanh",
    "likelihood": "auto",
    "n_draws": 1,
    "optimizer": "adam",
    "learning_rate": "auto",
    "learning_rate_schedule": "cosine",
    "weight_decay": 1.0,
    "init_scale": "auto",
    "batch_size": 100,
    "n_epochs": "auto",
    "binarize": None,
    "scale": "auto",
    "early_stopping": "auto",
    "validation_fraction": "auto",
    "patience": None,
    "n_threads": None,
    "random_state": None,
    "warm_start": False,
    "verbose": 0,
}
Q_AND_P = {"posterior": "gaussian", "prior": "auto", "mask_inputs": "auto"}
DEFAULTS = {
    AEVB: COMMON
    | Q_AND_P
    | {
        "bound_estimator": "analytic-kl",
        "renyi_order": 0.5,
        "kl_weight": 1.0,
        "kl_warmup": 0.0,
        "kl_cycles": 1,
        "free_bits": 0.0,
        "weight_posterior": None,
        "n_weight_draws": 0,
    },
    WakeSleep: COMMON | Q_AND_P,
    MCEM: COMMON
    | {
        "prior": "auto",
        "n_leapfrog": 10,
        "target_accept": 0.9,
        "n_updates": 5,
        "n_draws": 100,
        "batch_size": None,
        "n_epochs": 200,
        "early_stopping": False,
    },
    Learner.published: {"n_components": 20},
    LatentVariableModel.fit: {"y": None},
    LatentVariableModel.partial_fit: {"y": None, "forgetting": 1.0, "weight_prior": "fixed"},
    LatentVariableModel.transform: {},
    LatentVariableModel.inverse_transform: {},
    LatentVariableModel.reconstruct: {},
    LatentVariableModel.sample: {"n_samples": 1, "random_state": None, "totals": None},
    LatentVariableModel.score_samples: {},
    LatentVariableModel.score: {"y": None},
    EncoderModel.bound_and_gradient: {"noise": None},
    EncoderModel.impute: {
        "mask": None,
        "method": "mean",
        "sampler": "auto",
        "n_draws": 1000,
        "n_starts": 10,
        "n_iterations": 200,
        "n_imputations": None,
        "return_std": False,
        "random_state": None,
    },
    Trainer: {
        "X_val": None,
        "checkpoint": None,
        "checkpoint_every": None,
        "callbacks": (),
        "progress": None,
        "buffer_rows": None,
        "comm": None,
        "sync_every": 1,
        "outer_momentum": 0.0,
        "_resumed": None,
    },
    Trainer.resume: {
        "X_val": None,
        "checkpoint_every": None,
        "callbacks": (),
        "progress": None,
        "comm": None,
        "sync_every": 1,
        "outer_momentum": 0.0,
    },
    Trainer.step: {"n": 1},
    Trainer.run: {"n_samples": None},
    Evaluator: {"n_threads": None, "random_state": None, "progress": None},
    Evaluator.bound: {"n_draws": 1},
    Evaluator.log_likelihood: {"method": "importance", "n_weight_draws": 0},
    Evaluator.conditional_log_likelihood: {"n_draws": 1000, "n_adaptations": 0},
    ImportanceSampling: {"n_draws": 1000, "n_adaptations": 0},
    PosteriorSampling: {"n_draws": 50, "n_leapfrog": 20, "n_warmup": 200, "max_components": 5},
    AnnealedImportanceSampling: {
        "n_draws": 10,
        "n_leapfrog": 10,
        "schedule": "sigmoid",
        "n_temperatures": 200,
        "start": None,
        "bidirectional": False,
        "n_simulated": 100,
    },
    Evaluator.active_units: {"threshold": 0.01},
    sample_posterior: {
        "n_leapfrog": 10,
        "n_warmup": 200,
        "target_accept": 0.9,
        "adaptation": "dual-averaging",
        "step_size_per": "chain",
        "random_state": None,
        "n_threads": None,
        "progress": None,
    },
}


def defaults(what):
    parameters = inspect.signature(what).parameters.items()
    return {k: p.default for k, p in parameters if p.default is not inspect.Parameter.empty}


@pytest.mark.parametrize("what", DEFAULTS, ids=lambda what: what.__qualname__)
def test_defaults_are_the_documented_ones(what):
    assert defaults(what) == DEFAULTS[what]
    for name, default in DEFAULTS[what].items():  # 0 is not False, 1 is not 1.0
        assert type(defaults(what)[name]) is type(default), name


@pytest.mark.parametrize("kind", [AEVB, WakeSleep, MCEM])
def test_each_parameter_is_kept_under_its_own_name(kind):
    """No parameter is kept under another's name: each one gets a different value here."""
    values = {name: object() for name in kind().get_params()}
    assert kind(**values).get_params(deep=False) == values
    assert kind().get_params() == DEFAULTS[kind]


@pytest.mark.parametrize(
    ("method", "meant"),
    [
        ("importance", {"n_draws": 1000}),
        ("ais", {"n_draws": 10, "n_leapfrog": 10, "start": "encoder"}),
        ("hmc", {"n_draws": 50, "n_leapfrog": 20}),
    ],
)
def test_defaults_that_depend_on_the_method(method, meant):
    X = np.random.default_rng(0).random((3, 4))
    evaluator = Evaluator(
        AEVB.published(1, hidden_layer_sizes=(2,), n_epochs=1, random_state=0).fit(X)
    )
    by_default = evaluator.log_likelihood(X, method).per_row
    assert by_default.tobytes() == evaluator.log_likelihood(X, method, **meant).per_row.tobytes()
    for name in meant.keys() - {"start"}:
        other = evaluator.log_likelihood(X, method, **meant | {name: meant[name] + 1})
        assert (other.per_row != by_default).all()


def test_nothing_public_is_left_out():
    """The defaults of a new public callable must be written down here."""
    public = {
        value
        for owner in (Learner, LatentVariableModel, EncoderModel, Trainer, Evaluator)
        for name, value in vars(owner).items()
        if not name.startswith("_") and inspect.isfunction(value) and defaults(value)
    }
    listed = {getattr(what, "__func__", what) for what in DEFAULTS}
    assert public <= listed
    assert not defaults(Estimate).keys() - {"diagnostics"}
