"""Each parameter has one declaration, from which checks, settings, docs and options follow."""

import argparse
import ast
import doctest
import re
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from aevb import AEVB, MCEM, WakeSleep
from aevb.cli import fit
from aevb.cli.options import add_options, given, options_of
from aevb.core import catalogue
from aevb.core.engine import Config
from aevb.estimators import kinds, parameters
from aevb.estimators.documentation import documented
from aevb.estimators.parameters import (
    PARAMETERS,
    Parameter,
    check_parameters,
    check_unchanged,
    declared,
    make_config,
    signature,
)

PACKAGE = Path(__file__).resolve().parents[1] / "aevb"
ESTIMATORS = [AEVB, WakeSleep, MCEM]
X = np.random.default_rng(0).random((20, 5), dtype=np.float32)


def entries(documented_class):
    """{name: (type line, text)} of the section "Parameters" of a numpydoc docstring."""
    section = re.search(
        r"^Parameters\n-+\n(.*?)\n\n(?=\w+\n-+\n|\Z)", documented_class.__doc__, re.M | re.S
    )[1]
    found = re.findall(r"^(\w+) : (.+)\n((?:    .+\n?)+)", section, re.M)
    assert "".join(f"{name} : {kind}\n{text}" for name, kind, text in found) == section
    return {name: (kind, " ".join(text.split())) for name, kind, text in found}


# ------------------------------------------------------------------------------- one of each
@pytest.mark.parametrize("cls", ESTIMATORS)
def test_every_parameter_is_declared_and_documented(cls):
    names = list(signature(cls))
    assert sorted(names) == sorted(cls().get_params())
    assert [parameter.name for parameter in declared(cls)] == names
    documentation = entries(cls)
    assert list(documentation) == names
    for name, parameter in signature(cls).items():
        default = parameter.default
        shown = f'"{default}"' if isinstance(default, str) else repr(default)
        kind, text = documentation[name]
        long = len(f"{name} : {PARAMETERS[name].kind.type}, default={shown}") > 96
        assert kind == f"{'str' if long else PARAMETERS[name].kind.type}, default={shown}"
        assert text.endswith(".")
    assert "{parameters}" not in cls.__doc__


def test_every_declaration_is_of_some_estimator():
    assert set().union(*map(signature, ESTIMATORS)) == set(PARAMETERS)
    assert all(name == parameter.name for name, parameter in PARAMETERS.items())
    for parameter in PARAMETERS.values():
        everywhere = all(
            parameter.name in signature(cls) and parameter.name not in cls._not_in_core
            for cls in ESTIMATORS
        )
        # needed if an estimator lacks the parameter; unused if all have it
        assert (parameter.core_default is not None) == (parameter.in_core and not everywhere)


def test_an_estimator_may_say_something_else():
    other = entries(MCEM)
    assert other["n_draws"][1].startswith("Draws of p(z|x) whose mean")
    assert entries(AEVB)["n_draws"][1] == PARAMETERS["n_draws"].text
    with pytest.raises(TypeError, match=r"^documented: got \['n_draw'\], want parameters of AEVB"):
        documented(n_draw="None of its parameters.")(AEVB)


def test_lines_of_the_documentation_are_short():
    for cls in ESTIMATORS:
        assert max(map(len, cls.__doc__.splitlines())) <= 100 - 4


def test_documentation_may_be_left_out():
    """python -OO removes docstrings."""

    class Silent(AEVB):
        pass

    assert documented()(Silent).__doc__ is None


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_examples_of_the_documentation_run(cls):
    examples = doctest.DocTestFinder(recurse=False).find(cls, cls.__name__)
    assert sum(len(test.examples) for test in examples) > 3
    runner = doctest.DocTestRunner(verbose=False)
    assert all(runner.run(test).failed == 0 for test in examples)


def test_the_core_s_fields_are_those_declared():
    fields = AEVB.published(1, hidden_layer_sizes=2, n_epochs=1).fit(X)._engine.config.as_dict()
    in_core = {name for name, parameter in PARAMETERS.items() if parameter.in_core}
    assert in_core | {"n_visible", "seed", "algorithm"} == set(fields)
    Config(**fields)


# ---------------------------------------------------------------------------- the command line
def actions_of(parser):
    return {action.dest: action for action in parser._actions}


def test_the_command_offers_what_is_declared():
    parser = argparse.ArgumentParser()
    fit.add(parser.add_subparsers())
    [commands] = [action for action in parser._actions if action.choices]
    actions = actions_of(commands.choices["fit"])
    offered = {parameter.name for parameter in declared(AEVB) if parameter.help is not None}
    assert set(actions) == offered | {
        "help",
        "data",
        "drop",
        "out",
        "verbose",
        "sync_every",
        "outer_momentum",
    }
    for name in offered:
        action, parameter = actions[name], PARAMETERS[name]
        assert action.option_strings == ["--" + name.replace("_", "-")]
        assert (action.help, action.default) == (parameter.help, argparse.SUPPRESS)
        choices = tuple(action.choices or ())
        assert choices == tuple(c for c in parameter.kind.choices if c is not None)
        assert choices or action.type is parameter.kind.read


def test_an_option_is_read_as_its_parameter_is_checked():
    """The command line reads values that the checks accept. Without an option there is no value."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    options = options_of(AEVB)
    add_options(parser, options)
    words = {"n_components": "3", "hidden_layer_sizes": "5,4", "learning_rate": "auto",
             "init_scale": "0.5", "binarize": "dynamic", "n_threads": "2",
             "n_epochs": "auto", "early_stopping": "true", "validation_fraction": "0.25",
             "scale": "standard"}  # fmt: skip
    args = parser.parse_args([f"--{k.replace('_', '-')}={v}" for k, v in words.items()])
    values = given(args, options)
    assert values == {"n_components": 3, "hidden_layer_sizes": (5, 4), "learning_rate": "auto",
                      "init_scale": 0.5, "binarize": "dynamic", "n_threads": 2,
                      "n_epochs": "auto", "early_stopping": True, "validation_fraction": 0.25,
                      "scale": "standard"}  # fmt: skip
    check_parameters(AEVB(**values))


# ---------------------------------------------------------------------------------- no second list
KINDS = {name: set(names) for name, names in vars(catalogue).items() if isinstance(names, tuple)}


def words_of(node):
    """The strings of a list, tuple or set, the keys of a dict, or the quoted words of a string."""
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        elements = node.elts
    elif isinstance(node, ast.Dict):
        elements = node.keys
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        return set(re.findall(r"""["']([\w-]+)["']""", node.value))
    else:
        return set()
    return {element.value for element in elements if isinstance(element, ast.Constant)}


def second_lists(package):
    """Places with two names of a family, or a list with three parameters."""
    for path in sorted(package.rglob("*.py")):
        file = path.relative_to(package).as_posix()
        for node in ast.walk(ast.parse(path.read_text())):
            words = words_of(node)
            named = [kind for kind, names in KINDS.items() if len(words & names) > 1]
            is_list = isinstance(node, (ast.List, ast.Tuple, ast.Set))
            if is_list and len(words & set(PARAMETERS)) > 2:
                named.append("PARAMETERS")
            yield from ((file, kind) for kind in named)


def test_nobody_keeps_a_second_list():
    assert set(second_lists(PACKAGE)) == {
        ("estimators/parameters.py", "BINARIZE"),
        ("estimators/parameters.py", "WEIGHT_POSTERIORS"),
    }  # their texts describe each choice


def test_a_second_list_would_be_seen(tmp_path):
    texts = {
        "a.py": "CHOICES = {'activation': ('tanh', 'relu')}",
        "b.py": "FIXED = ['n_components', 'activation', 'optimizer']",
        "c.py": 'def f():\n    \'Takes {"adam", "sgd"}.\'\n',
        "d.py": "ROW = {'bernoulli': 1, 'gaussian': 2}",
        "e.py": "fine = ('tanh', 'gaussian', 'n_draws', 'n_epochs')",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    assert list(second_lists(tmp_path)) == [
        ("a.py", "ACTIVATIONS"),
        ("b.py", "PARAMETERS"),
        ("c.py", "OPTIMIZERS"),
        ("d.py", "LIKELIHOODS"),
    ]


# ------------------------------------------------------------- what one more parameter would cost
TEXT = """
    One more.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    weights_ : dict
"""


def more(monkeypatch, **options):
    """Declare one more parameter, and return an estimator that has it."""
    monkeypatch.setitem(
        PARAMETERS, "speed", Parameter("speed", kinds.count(), "How fast.", **options)
    )

    class Faster(AEVB):
        __doc__ = dedent(TEXT)

        def __init__(self, n_components=20, *, hidden_layer_sizes=(3,), speed=2):
            super().__init__(n_components, hidden_layer_sizes=hidden_layer_sizes)
            self.speed = speed

    return documented()(Faster)


def test_one_more_is_checked_and_documented(monkeypatch):
    cls = more(monkeypatch)
    assert entries(cls)["speed"] == ("int, default=2", "How fast.")
    assert list(entries(cls)) == ["n_components", "hidden_layer_sizes", "speed"]
    check_parameters(cls())
    for value in (0, "fast", None):
        with pytest.raises((TypeError, ValueError), match=r"^speed: got "):
            check_parameters(cls(speed=value))
        check_parameters(cls(speed=value), "n_components")  # checks only that parameter
    check_parameters(AEVB())


def test_one_more_is_an_option(monkeypatch):
    assert "speed" not in [option.name for option in options_of(more(monkeypatch))]
    cls = more(monkeypatch, help="how fast")
    parser = argparse.ArgumentParser()
    add_options(parser, options_of(cls))
    assert actions_of(parser)["speed"].help == "how fast"
    assert given(parser.parse_args(["--speed=9"]), options_of(cls)) == {"speed": 9}


def test_one_more_reaches_the_core_and_stays(monkeypatch):
    monkeypatch.setattr(parameters, "Config", lambda **fields: fields)
    cls = more(monkeypatch, in_core=True, fixed=True, core_default=7)
    model, other = cls(speed=np.int64(3)), AEVB()
    chosen = {"likelihood": "gaussian", "scale": 1.0, "learning_rate": 0.5}
    assert make_config(model, 5, 1, chosen)["speed"] == 3
    assert type(make_config(model, 5, 1, chosen)["speed"]) is int
    assert make_config(other, 5, 1, chosen)["speed"] == 7
    now = make_config(model, 5, 1, chosen) | chosen
    check_unchanged(model, now, chosen)
    model.speed = 4
    with pytest.raises(ValueError, match=r"^speed: got 4, but the fitted model has 3; only"):
        check_unchanged(model, now, chosen)
    monkeypatch.setattr(cls, "_not_in_core", {"speed"})
    assert make_config(model, 5, 1, chosen)["speed"] == 7
