"""The ``aevb`` command: ``demo``, ``fit``, ``evaluate``, ``sample``, ``reproduce`` and ``info``.

Whatever takes time to import is imported by the command that needs it. A mistake of the user
ends in one line on stderr and exit code 2 (how the command was called) or 1 (anything else).
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from aevb.paper.command import add_reproduce

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from aevb import AEVB, Estimate, Trainer

__all__ = ["main"]

_DATA_HELP = (
    "a .npy, .npz or .csv file of rows, or digits, mnist, mnist:validation, mnist:test or frey"
)
_DEMO_EPOCHS = 250  # about a second on two cores


class _UsageError(Exception):
    """The command was called in a way it cannot be."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _UsageError(f"{message} (see {self.prog} --help)")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the ``aevb`` command.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; those of the process by default.

    Returns
    -------
    int
        The exit code: 0, 1 for an error, 2 for a wrong call, 130 after Ctrl-C.
    """
    try:
        args = _parser().parse_args(argv)
        args.run(args)
        sys.stdout.flush()
    except SystemExit as stop:  # argparse, after --help and --version
        return int(stop.code or 0)
    except KeyboardInterrupt:
        return _complain("interrupted", 130)
    except _UsageError as error:
        return _complain(error, 2)
    except BrokenPipeError:  # the reader of our output has gone; so may the rest of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ArithmeticError, ImportError, MemoryError, OSError, TypeError, ValueError) as error:
        return _complain(error, 1)
    return 0


def _complain(message: object, code: int) -> int:
    line = " ".join(str(message).split()) or type(message).__name__
    print(f"aevb: {line}", file=sys.stderr)
    return code


# --- arguments ------------------------------------------------------------------------------


def _layers(text: str) -> tuple[int, ...]:
    return tuple(int(size) for size in text.split(","))


def _auto_or_float(text: str) -> str | float:
    return text if text == "auto" else float(text)


def _image_shape(text: str) -> tuple[int, int]:
    height, width = text.lower().split("x")
    return int(height), int(width)


_layers.__name__ = "list of layer sizes"  # argparse names the type in its messages
_auto_or_float.__name__ = "number or 'auto'"
_image_shape.__name__ = "image shape"

# The constructor's parameters as options: name, type or choices, help. The defaults are AEVB's.
_MODEL_OPTIONS: tuple[tuple[str, Any, str], ...] = (
    ("n_components", int, "latent units"),
    ("hidden_layer_sizes", _layers, "units of the encoder's hidden layers, as in 500 or 500,200"),
    ("activation", ("tanh", "relu", "softplus", "sigmoid"), "of the hidden layers"),
    ("likelihood", ("auto", "bernoulli", "gaussian", "bounded-gaussian"), "of the decoder"),
    (
        "bound_estimator",
        ("analytic-kl", "monte-carlo", "score-function"),
        "of the bound and its gradient",
    ),
    ("n_draws", int, "draws of z per row"),
    ("optimizer", ("adagrad", "adam", "sgd"), "that climbs the bound"),
    ("learning_rate", _auto_or_float, "step size, or auto"),
    ("weight_decay", float, "precision of the weights' Gaussian prior"),
    ("init_scale", float, "standard deviation of the first weights"),
    ("batch_size", int, "rows per step"),
    ("n_epochs", int, "passes over the rows"),
    ("binarize", ("threshold", "dynamic"), "make grey levels 0/1"),
    ("input_scale", _auto_or_float, "factor on the data, or auto"),
    ("validation_fraction", float, "part of the rows held out to watch the bound"),
    ("patience", int, "stop after so many epochs without a better validation bound"),
)
_RUN_OPTIONS: tuple[tuple[str, Any, str], ...] = (
    ("n_threads", int, "threads"),
    ("random_state", int, "seed of everything random"),
)


def _add_options(parser: argparse.ArgumentParser, options: Any) -> None:
    """Add options that are absent from the namespace unless given."""
    for name, kind, text in options:
        known: dict[str, Any] = {"choices": kind} if isinstance(kind, tuple) else {"type": kind}
        if "choices" not in known:
            known["metavar"] = name.rsplit("_", 1)[-1].upper()
        flag = "--" + name.replace("_", "-")
        parser.add_argument(flag, default=argparse.SUPPRESS, help=text, **known)


def _given(args: argparse.Namespace, options: Any) -> dict[str, Any]:
    return {name: getattr(args, name) for name, _, _ in options if hasattr(args, name)}


def _parser() -> _Parser:
    parser = _Parser(prog="aevb", description="Auto-Encoding Variational Bayes on the CPU.")
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="learn scikit-learn's digits and draw the model")
    demo.add_argument("--out", type=Path, default=Path("aevb-demo.png"), help="the picture")
    _add_options(demo, _RUN_OPTIONS)
    demo.set_defaults(run=_demo)

    fit = commands.add_parser(
        "fit", help="learn a model", description="Options left out take the defaults of aevb.AEVB."
    )
    fit.add_argument("data", metavar="DATA", help=_DATA_HELP)
    fit.add_argument("--out", type=Path, required=True, help="the model, a .safetensors file")
    _add_options(fit, _MODEL_OPTIONS + _RUN_OPTIONS)
    fit.set_defaults(run=_fit)

    evaluate = commands.add_parser("evaluate", help="bound of a model on data")
    evaluate.add_argument("model", metavar="MODEL", type=Path, help="a model written by fit")
    evaluate.add_argument("data", metavar="DATA", help=_DATA_HELP)
    evaluate.add_argument("--n-draws", type=int, default=1, help="draws of z per row (default: 1)")
    _add_options(evaluate, _RUN_OPTIONS)
    evaluate.set_defaults(run=_evaluate)

    sample = commands.add_parser("sample", help="draw from a model")
    sample.add_argument("model", metavar="MODEL", type=Path, help="a model written by fit")
    sample.add_argument("--out", type=Path, required=True, help="a .npy array or a .png picture")
    sample.add_argument("--n-samples", type=int, default=100, help="how many (default: 100)")
    sample.add_argument("--mean", action="store_true", help="decoder means, without pixel noise")
    sample.add_argument(
        "--image-shape", type=_image_shape, metavar="HxW", help="for .png; square by default"
    )
    _add_options(sample, _RUN_OPTIONS[1:])
    sample.set_defaults(run=_sample)

    add_reproduce(commands)

    info = commands.add_parser("info", help="versions, instruction set, threads and BLAS")
    info.set_defaults(run=_info)
    return parser


class _Version(argparse.Action):
    """Looks the version up only when asked for it."""

    def __call__(self, parser: argparse.ArgumentParser, *args: Any, **kwargs: Any) -> NoReturn:
        print(f"aevb {_version('aevb')}")
        parser.exit()


# --- commands -------------------------------------------------------------------------------


def _demo(args: argparse.Namespace) -> None:
    _check_folder(args.out)
    import numpy as np

    from aevb import AEVB, Evaluator, Trainer, datasets

    X, labels = datasets.load_digits(return_X_y=True)
    # So small a net gains nothing from a second thread.
    run = {"n_threads": 1, "random_state": 0} | _given(args, _RUN_OPTIONS)
    order = np.random.RandomState(run["random_state"]).permutation(len(X))
    test, train = np.split(order, [len(X) // 5])
    model = AEVB(
        n_components=2, hidden_layer_sizes=(200, 100), optimizer="adam", learning_rate=0.003, **run
    )
    print(f"Learning {len(train)} images of handwritten digits, 8x8 pixels, 2 latent units.")
    Trainer(model, X[train], X_val=X[test], progress=True).run(_DEMO_EPOCHS * len(train))

    evaluator = Evaluator(model, **run)
    for name, rows in (("train", train), ("test", test)):
        print(f"{name:5} bound {_nats(evaluator.bound(X[rows], n_draws=16))}")
    blind = _independent_pixels(X[train], X[test])
    print(
        "On average log p(image) is at least the bound, so higher is better; "
        f"pixels modelled one by one reach {blind:.2f} on the test images."
    )
    try:
        _draw_demo(model, X, labels, test, args.out)
    except ImportError as error:
        print(f"No picture: {error}")
    else:
        print(f"Picture: {args.out}")


def _independent_pixels(train: NDArray[np.float32], test: NDArray[np.float32]) -> float:
    """Mean log-likelihood of `test` if every pixel is Bernoulli on its own, nats per row."""
    from scipy.special import xlog1py, xlogy

    p = (train.sum(axis=0, dtype=float) + 0.5) / (len(train) + 1)
    return float((xlogy(test, p) + xlog1py(1 - test, -p)).sum(axis=1).mean())


def _draw_demo(
    model: AEVB,
    X: NDArray[np.float32],
    labels: NDArray[np.int64],
    test: NDArray[np.int64],
    path: Path,
) -> None:
    import numpy as np

    from aevb import datasets, plots

    # Reconstructed are the first 20 rows: let them be test images, each digit twice.
    of_digit = [test[labels[test] == digit] for digit in range(10)]
    shown = [rows[i] for i in range(2) for rows in of_digit]
    order = np.concatenate([shown, np.setdiff1d(np.arange(len(X)), shown)])
    figure = plots.offscreen_figure(11, 8)
    plots.overview(
        model, X[order], datasets.DIGITS_SHAPE, labels=labels[order], cmap="gray_r", figure=figure
    )
    figure.savefig(path, dpi=150)


def _fit(args: argparse.Namespace) -> None:
    _check_folder(args.out)
    X = _read(args.data)
    from aevb import AEVB, Trainer

    model = AEVB(**_given(args, _MODEL_OPTIONS + _RUN_OPTIONS))
    # What AEVB.fit does, but heard from after every epoch.
    trainer = Trainer(model, X, callbacks=[_print_epoch])
    print("Bounds in nats per row.")
    print("epoch     samples      bound validation  seconds")
    trainer.run(model.n_epochs * trainer.n_train)
    model.save(args.out)
    print(f"Model: {args.out}")


def _print_epoch(trainer: Trainer) -> None:
    history = trainer.history
    last = {key: values[-1] for key, values in history.items()}
    validation = "" if math.isnan(last["validation_bound"]) else f"{last['validation_bound']:.2f}"
    print(
        f"{len(history['seconds']):5} {last['samples_seen']:11,} {last['train_bound']:10.2f} "
        f"{validation:>10} {last['seconds']:8.1f}",
        flush=True,
    )


def _evaluate(args: argparse.Namespace) -> None:
    model = _load(args.model)
    X = _read(args.data)
    from aevb import Evaluator

    evaluator = Evaluator(model, **_given(args, _RUN_OPTIONS))
    estimate = evaluator.bound(X, n_draws=args.n_draws)
    active = evaluator.active_units(X)
    print(f"bound         {_nats(estimate)}, {len(estimate.per_row)} rows")
    print(f"active units  {int(active.sum())} of {len(active)}")


def _sample(args: argparse.Namespace) -> None:
    _check_folder(args.out)
    if args.out.suffix not in (".npy", ".png"):
        raise _UsageError(f"--out must end in .npy or .png, got {args.out}")
    if args.n_samples < 1:
        raise _UsageError(f"--n-samples must be at least 1, got {args.n_samples}")
    model = _load(args.model)
    n_features = model.n_features_in_
    side = math.isqrt(n_features)
    height, width = args.image_shape or (side, side)
    if args.out.suffix == ".png" and height * width != n_features:
        raise _UsageError(
            f"a picture of rows of {n_features} values needs --image-shape HxW "
            f"with H * W = {n_features}"
        )
    from aevb import plots

    what: dict[str, Any] = {
        "n_samples": args.n_samples,
        "kind": "mean" if args.mean else "draw",
        "random_state": getattr(args, "random_state", None),
    }
    if args.out.suffix == ".png":
        figure = plots.offscreen_figure(6, 6)
        plots.samples(model, (height, width), ax=figure.add_subplot(), **what)
        figure.savefig(args.out, dpi=150)
    else:
        import numpy as np

        np.save(args.out, plots.sample_images(model, **what))
    print(f"{args.n_samples} samples: {args.out}")


def _info(args: argparse.Namespace) -> None:
    import scipy.linalg  # loads the BLAS that threadpoolctl then finds
    import threadpoolctl

    from aevb import _core

    blas = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
    folder = Path(scipy.__file__).parent.parent
    # NumPy's wheels bring one too, perhaps under SciPy's name; SciPy's own lies in its folders.
    blas.sort(key=lambda pool: not os.path.relpath(pool["filepath"], folder).startswith("scipy"))
    found = "{internal_api} {version}".format(**blas[0]) if blas else "unknown to threadpoolctl"
    facts = {
        "aevb": _version("aevb"),
        "instructions": f"{_core.isa()} (available: {', '.join(_core.isa_names())})",
        "threads": str(_core.max_threads()),
        "SciPy's BLAS": found,
        "python": sys.version.split()[0],
        "numpy": _version("numpy"),
        "scipy": _version("scipy"),
        "scikit-learn": _version("scikit-learn"),
    }
    for name, value in facts.items():
        print(f"{name:13} {value}")


# --- files ----------------------------------------------------------------------------------


def _read(name: str) -> Any:
    """Rows named on the command line: (n, n_features)."""
    from aevb import datasets

    if name == "digits":
        return datasets.load_digits()
    if name == "frey":
        return datasets.load_frey_face()
    if name in ("mnist", "mnist:validation", "mnist:test"):
        return getattr(datasets.load_mnist(), name.partition(":")[2] or "train")
    readers = {".npy": _read_npy, ".npz": _read_npz, ".csv": _read_csv}
    path = Path(name)
    if path.suffix not in readers:
        raise _UsageError(f"DATA must be {_DATA_HELP}; got {name}")
    try:
        return readers[path.suffix](path)
    except (EOFError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: {error}") from error


def _read_npy(path: Path) -> Any:
    import numpy as np

    X = np.load(path, mmap_mode="r", allow_pickle=False)
    return X.reshape(len(X), -1) if X.ndim > 2 else X


def _read_npz(path: Path) -> Any:
    """Return the array called X, or the only one, or a matrix of scipy.sparse.save_npz."""
    import numpy as np

    with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
        names = archive.files
        if "X" in names or len(names) == 1:
            X = archive["X" if "X" in names else names[0]]
            return X.reshape(len(X), -1) if X.ndim > 2 else X
    if {"format", "shape", "data"} <= set(names):
        from scipy import sparse

        return sparse.load_npz(path).tocsr()
    raise ValueError(f"none of its arrays is called X: {', '.join(names)}")


def _read_csv(path: Path) -> Any:
    """Numbers with commas between them; a first line that is not numbers is a header."""
    import numpy as np

    with open(path, encoding="utf-8") as lines:
        first = lines.readline()
    try:
        [float(field) for field in first.split(",")]
        header = 0
    except ValueError:
        header = 1
    X = np.loadtxt(path, np.float32, delimiter=",", skiprows=header, ndmin=2, encoding="utf-8")
    if X.size == 0:
        raise ValueError("no rows")
    return X


def _load(path: Path) -> AEVB:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such model file")
    from aevb import AEVB

    return AEVB.load(path)


def _check_folder(path: Path) -> None:
    """Complain before the work, not after it."""
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent}: no such folder to write {path.name} in")


def _nats(estimate: Estimate) -> str:
    return f"{estimate.mean:.2f} +- {estimate.mean_stderr:.2f} nats per row (mean, standard error)"


def _version(package: str) -> str:
    from importlib import metadata

    return metadata.version(package)
