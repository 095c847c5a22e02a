"""The declarations of the estimators' parameters, and the functions that use them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from aevb.core.catalogue import (
    ACTIVATIONS,
    BINARIZE,
    BOUND_ESTIMATORS,
    OPTIMIZERS,
    POSTERIORS,
    PRIORS,
    TEXTS,
    WEIGHT_POSTERIORS,
)
from aevb.core.engine import Config
from aevb.data.families import FAMILIES
from aevb.estimators import kinds
from aevb.training.learning_rate import ADAM_RATE, LEARNING_RATES
from aevb.training.length import N_ROWS
from aevb.training.schedule import SCHEDULES

_ALL_ROWS = 2**62  # the core's batch_size if a step takes all rows


@dataclass(frozen=True)
class Parameter:
    """The declaration of a constructor parameter.

    An estimator has the parameters in the signature of its constructor. A value may be None if
    None is the default.

    Attributes
    ----------
    name : str
        Name of the parameter.
    kind : Kind
        Values that it accepts.
    text : str
        Text for the documentation.
    help : str, default=None
        Text for the command line. None means that the commands have no such option.
    fixed : bool, default=False
        Whether the value cannot change once the model is fitted.
    in_core : bool, default=False
        Whether the core's configuration has a field of this name.
    core_default : object, default=None
        Value of that field for an estimator without this parameter, or with another meaning of it.
    """

    name: str
    kind: kinds.Kind
    text: str
    help: str | None = None
    fixed: bool = False
    in_core: bool = False
    core_default: Any = None


def _scale(value: str | float) -> str | float:
    if isinstance(value, str):
        return 1.0 if value == "none" else value
    return float(value)


_DECLARATIONS = (
    Parameter(
        "n_components",
        kinds.count(),
        "Dimension J of the latent variable z.",
        help="latent units",
        fixed=True,
        in_core=True,
    ),
    Parameter(
        "hidden_layer_sizes",
        kinds.widths(),
        "Widths of the encoder's hidden layers. The decoder has them in reverse order.",
        help="units of the encoder's hidden layers, as in 500 or 500,200",
        fixed=True,
        in_core=True,
    ),
    Parameter(
        "activation",
        kinds.choice(*ACTIVATIONS),
        "Activation of the hidden layers.",
        help="of the hidden layers",
        fixed=True,
        in_core=True,
    ),
    Parameter(
        "likelihood",
        kinds.families("auto", *FAMILIES),
        "p(x|z), appendix C of the paper. "
        + "; ".join(f'"{name}": {TEXTS[name]}' for name in FAMILIES)
        + ". "
        "A dict gives some columns, by name or number, a likelihood of their own, as in "
        '{"age": "gaussian", "city": "categorical"}; so does a list of (likelihood, columns). The '
        'others have "auto". '
        '"auto" chooses categorical for categories and strings of a frame, ordinal for ordered '
        "categories, and Bernoulli for bools, for columns of only 0 and 1, and for images: at "
        "least 32 columns of uint8 values from 0 to 250 or more, or of numbers in [0, 1] of which "
        "a fifth or more are exactly 0 or 1, unless each column goes from 0 to 1, as after "
        "`MinMaxScaler`. It chooses Gaussian otherwise. "
        "The Notes of `AEVB` describe the floor of a log-variance.",
        help="likelihood of all columns, or COLUMN=LIKELIHOOD for a column, by its name or its "
        "number from 0, counted after --drop; may be repeated",
        fixed=True,
        in_core=True,
    ),
    Parameter(
        "posterior",
        kinds.choice(*POSTERIORS),
        "q(z|x), section 2.4 of the paper. "
        + "; ".join(f'"{name}": {info["text"]}' for name, info in POSTERIORS.items())
        + '. "Posteriors and priors" in docs/method.md has a table of their outputs.',
        help="approximate posterior of the encoder",
        fixed=True,
        in_core=True,
        core_default="gaussian",
    ),
    Parameter(
        "prior",
        kinds.choice("auto", *PRIORS),
        "p(z), with the support of the posterior. "
        + "; ".join(f'"{name}": {text}' for name, (_, text) in PRIORS.items())
        + '. "auto" is the standard prior of the posterior: N(0, I) of the Gaussian.',
        help="prior of the latent variable, or auto",
        fixed=True,
        in_core=True,
    ),
    Parameter(
        "weight_posterior",
        kinds.choice(None, *WEIGHT_POSTERIORS, convert=lambda value: value or "none"),
        "Posterior of the weights and biases: full variational Bayes, appendix F of the paper. "
        '"gaussian" gives each of them a mean and a standard deviation, and the prior '
        'N(0, 1 / ``weight_decay``). "gaussian-decoder" does so for the decoder, and the encoder '
        "has one value per weight. So has every weight with None.",
        help="posterior of the weights: full variational Bayes",
        fixed=True,
        in_core=True,
        core_default="none",
    ),
    Parameter(
        "n_weight_draws",
        kinds.count(lowest=0),
        "Draws of the weights from their posterior, over which `transform`, `encode`, "
        "`inverse_transform`, `reconstruct` and `score_samples` average. `sample` shares its rows "
        "among them. 0 means the posterior mean of the weights. No effect without a "
        "``weight_posterior``.",
        help="draws of the weights that results are averaged over; 0: their posterior mean",
    ),
    Parameter(
        "bound_estimator",
        kinds.choice(*BOUND_ESTIMATORS),
        "Estimator of the bound and its gradient. "
        + "; ".join(f'"{name}": {text}' for name, text in BOUND_ESTIMATORS.items())
        + ".",
        help="estimator of the bound and its gradient",
        in_core=True,
        core_default="analytic-kl",
    ),
    Parameter(
        "renyi_order",
        kinds.number("[)", 0.0, 1e6),
        'Order of Renyi\'s bound, not 1, for ``bound_estimator="renyi"``. With 0 it is the '
        "importance-weighted bound. It falls with the order, and tends to SGVB A at 1.",
        help="order of Renyi's bound",
        in_core=True,
        core_default=0.5,
    ),
    Parameter(
        "kl_weight",
        kinds.number("[]", 0.0, 1e6),
        "Factor, in training, on the gradient of the KL divergence, or of log p(z) - log q(z|x). "
        "All bounds are reported without it.",
        help="factor on the KL divergence in training",
        in_core=True,
        core_default=1.0,
    ),
    Parameter(
        "kl_warmup",
        kinds.number("[]", 0.0, 1.0),
        "Fraction of a run, or of each cycle, in which ``kl_weight`` rises from 0 along a straight "
        "line. In `partial_fit`, in `Trainer.step` and in endless runs it does not.",
        help="fraction of the run in which the KL weight rises",
    ),
    Parameter(
        "kl_cycles",
        kinds.count(),
        "Number of equal parts of a run, each with a warm-up of ``kl_weight`` of its own.",
        help="number of warm-ups of the KL weight in a run",
    ),
    Parameter(
        "free_bits",
        kinds.number("[]", 0.0, 1e6),
        "Nats per latent unit that cost nothing in training: the KL divergence of a unit has no "
        "gradient while its mean over the minibatch is below. It needs a KL divergence in closed "
        "form.",
        help="nats per latent unit that cost nothing in training",
        in_core=True,
        core_default=0.0,
    ),
    Parameter(
        "n_leapfrog",
        kinds.count(),
        "Leapfrog steps per HMC transition.",
    ),
    Parameter(
        "target_accept",
        kinds.number("()", 0.0, 1.0),
        "Target of the acceptance probability, to which the HMC step sizes adapt. Training has one "
        "step size for all chains, and `transform` has one for each row.",
    ),
    Parameter(
        "n_updates",
        kinds.count(),
        "Updates of the weights after each HMC transition of the chains.",
    ),
    Parameter(
        "n_draws",
        kinds.count(),
        "Draws L of z per row, in training and in `score_samples`.",
        help="draws of z per row",
        in_core=True,
        core_default=1,
    ),
    Parameter(
        "optimizer",
        kinds.choice(*OPTIMIZERS),
        "Update rule of the weights. The paper uses Adagrad.",
        help="update rule of the weights",
        fixed=True,
        in_core=True,
    ),
    Parameter(
        "learning_rate",
        kinds.number_or_auto(
            "(]",
            0.0,
            1e37,
            convert=lambda rate: LEARNING_RATES[0] if kinds.is_auto(rate) else float(rate),
        ),
        f'Learning rate of the optimizer. "auto" means {ADAM_RATE:g} for Adam. A run of more '
        "than two million rows takes less, by the cube root. If an epoch loses half of what the "
        "bound had gained, early stopping then returns to the best weights and halves the rate. "
        "For the other optimizers it tries 0.01, 0.02 and 0.1, as the paper did, before the first "
        "training. A trial takes a tenth of ``n_epochs``, and at most a million samples. Training "
        "then uses the rate with the best score on training rows.",
        help="learning rate, or auto",
        in_core=True,
    ),
    Parameter(
        "learning_rate_schedule",
        kinds.choice_or_function(*SCHEDULES),
        "Factor on the learning rate over a run: 1, a straight line from 1 to 0, or half a cosine "
        "from 1 to 0. A callable takes the fraction of the run, in [0, 1), and returns the factor. "
        "A run is a call of `fit` or of `Trainer.run`. In `partial_fit`, in `Trainer.step` and in "
        "endless runs the learning rate is constant.",
        help="factor on the learning rate over the run",
    ),
    Parameter(
        "weight_decay",
        kinds.number("[]", 0.0, 1e37),
        "Precision of the Gaussian prior on the weights (not on the biases, unless they have a "
        "``weight_posterior``, for which it must be positive). The mean gradient of "
        "a minibatch gets the term ``-weight_decay / n_samples * w``. The paper's MAP estimate has "
        "1.",
        help="precision of the weights' Gaussian prior",
        in_core=True,
    ),
    Parameter(
        "init_scale",
        kinds.number_or_auto(
            "[]", 0.0, 1e37, convert=lambda scale: 1.0 if kinds.is_auto(scale) else float(scale)
        ),
        'Standard deviation of the initial weights and biases. "auto" gives the weights of each '
        "layer the variance 2 / (inputs + outputs), and sets the biases: those of the decoder's "
        "outputs to the mean and the variance of each column, the others to 0.",
        help="standard deviation of the initial parameters, or auto",
        in_core=True,
    ),
    Parameter(
        "batch_size",
        kinds.count(convert=lambda size: _ALL_ROWS if size is None else int(size)),
        "Rows M per minibatch. The last minibatch of an epoch may be smaller.",
        help="rows per minibatch",
        in_core=True,
    ),
    Parameter(
        "n_epochs",
        kinds.count_or_auto(),
        f'Passes over the data in `fit`. "auto" means as many as visit {N_ROWS:,} rows, but '
        "between 5 and 2000, and at most 20 per training row.",
        help="passes over the rows, or auto",
    ),
    Parameter(
        "binarize",
        kinds.choice(None, *BINARIZE, convert=lambda value: value or "none"),
        '"threshold" replaces x by 1 if x > 0.5 and by 0 otherwise. "dynamic" draws a new value '
        "from Bernoulli(x) at each visit.",
        help="rule to replace grey levels by 0 or 1",
        in_core=True,
    ),
    Parameter(
        "early_stopping",
        kinds.bool_or_auto(),
        "Whether to hold out rows of X, and to return to the weights with the best validation "
        'bound. "auto" does so if X has at least 40 rows. `partial_fit` holds out no rows.',
        help="whether to hold out rows and to keep the weights that suit them best",
    ),
    Parameter(
        "validation_fraction",
        kinds.number_or_auto("()", 0.0, 1.0),
        'Fraction of the rows that early stopping holds out. "auto" means a tenth of the rows, but '
        "at least 20 and at most 2000.",
        help="fraction of the rows that early stopping holds out, or auto",
    ),
    Parameter(
        "patience",
        kinds.count(),
        "With early stopping, training ends if the validation bound has not improved for this many "
        "validations. A run of `fit` has about 50. None trains for all ``n_epochs``.",
        help="stop after this number of validations without a better validation bound",
    ),
    Parameter(
        "scale",
        kinds.number_or_choice("()", 1e-37, 1e37, "auto", "none", "standard", convert=_scale),
        'Units of the model. "standard" subtracts the mean of each column and divides by its '
        'standard deviation. A number multiplies all values. "none" leaves them as they are. '
        '"auto" means standard for the Gaussian likelihood, 1/255 for uint8 pixels with another '
        "likelihood, and none otherwise. All results are in the units of the data.",
        help="units of the model: a number, auto, none or standard",
        fixed=True,
    ),
    Parameter(
        "mask_inputs",
        kinds.bool_or_auto(),
        'Whether the encoder also reads which values are missing: 1 if so, else 0. "auto" does so '
        "if the data of the first fit have missing values.",
        help="whether the encoder reads which values are missing",
        fixed=True,
        in_core=True,
        core_default=False,
    ),
    Parameter(
        "n_threads",
        kinds.count(),
        "Threads of the core. None takes all cores that this process may use; in training, as many "
        "as trials find quickest. Results do not depend on it.",
        help="number of threads",
    ),
    Parameter(
        "random_state",
        kinds.random_state(),
        "Seed of the initial weights, the minibatches and all noise.",
        help="seed of all random numbers",
    ),
    Parameter(
        "warm_start",
        kinds.flag("bool"),
        "Whether `fit` continues from the weights of the previous call.",
    ),
    Parameter(
        "verbose",
        kinds.flag("int"),
        "Whether to show a progress bar. 0 means no.",
    ),
)
PARAMETERS = {parameter.name: parameter for parameter in _DECLARATIONS}


def declared(what: Callable[..., Any]) -> list[Parameter]:
    """Return the declarations of the parameters of an estimator or another callable."""
    return [PARAMETERS[name] for name in signature(what) if name in PARAMETERS]


def declared_defaults(model: Any) -> dict[str, Any]:
    """Return the declared parameters of an estimator's class and of its bases, with their defaults.

    A subclass may set some of them itself, and have others in its constructor.
    """
    return {
        name: parameter.default
        for base in reversed(type(model).__mro__)
        for name, parameter in signature(base.__init__).items()  # type: ignore[misc]
        if name in PARAMETERS
    }


@cache
def signature(what: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """Return the parameters of a callable by name. The cache is there for speed."""
    return inspect.signature(what).parameters


def check_parameters(model: Any, *names: str) -> None:
    """Check the named constructor parameters. Without names, check all.

    Raises
    ------
    TypeError, ValueError
        If a value is wrong. The message names the parameter, its value and what it accepts.
    """
    for name, default in declared_defaults(model).items():
        value = getattr(model, name)
        is_default = value is None and default is None
        if not is_default and (not names or name in names):
            PARAMETERS[name].kind.check(name, value)


def make_config(model: Any, n_visible: int, seed: int, chosen: Mapping[str, Any]) -> Config:
    """Return the core's configuration of a model.

    Parameters
    ----------
    model : object
        An estimator.
    n_visible : int
        Dimension D of x.
    seed : int
        Seed of all random numbers.
    chosen : mapping
        Values by name that stand for "auto", as chosen for the data.
    """
    own = [
        PARAMETERS[name]
        for name in declared_defaults(model)
        if _reaches_core(model, PARAMETERS[name])
    ]
    fields = {
        parameter.name: (
            _in_use(model, parameter, chosen) if parameter in own else parameter.core_default
        )
        for parameter in PARAMETERS.values()
        if parameter.in_core
    }
    fixed = {"n_visible": n_visible, "seed": seed, "algorithm": model._algorithm}
    return Config(**fixed, **fields)


def check_unchanged(model: Any, now: Mapping[str, Any], chosen: Mapping[str, Any]) -> None:
    """Check that the fixed parameters of a fitted model have not changed.

    Parameters
    ----------
    model : object
        An estimator.
    now : mapping
        The values that the fitted model has, by name.
    chosen : mapping
        As in `make_config`.

    Raises
    ------
    ValueError
        If one has changed. The message names it.
    """
    own = (PARAMETERS[name] for name in declared_defaults(model))
    for parameter in (one for one in own if one.fixed):
        name, asked = parameter.name, _in_use(model, parameter, chosen)
        if asked != now[name]:
            raise ValueError(
                f"{name}: got {asked!r}, but the fitted model has {now[name]!r}; only a new fit "
                f"with warm_start=False can change it"
            )


def _reaches_core(model: Any, parameter: Parameter) -> bool:
    return parameter.in_core and parameter.name not in model._not_in_core


def _in_use(model: Any, parameter: Parameter, chosen: Mapping[str, Any]) -> Any:
    """Return the core's value of a parameter. "auto" stands for the chosen value, if any."""
    value = getattr(model, parameter.name)
    if kinds.is_auto(value) or parameter.kind.depends_on_data:
        value = chosen.get(parameter.name, value)
    return parameter.kind.convert(value)


def draw_seed(random_state: Any) -> int:
    """Draw a seed for the core from scikit-learn's ``random_state``."""
    try:
        generator = check_random_state(random_state)
    except ValueError as error:
        raise ValueError(
            f"random_state: got {random_state!r}, want None, an integer in [0, 2**32) or a "
            f"RandomState"
        ) from error
    return int(generator.randint(np.iinfo(np.int32).max))
