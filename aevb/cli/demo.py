"""``aevb demo``: train a model on the digits, evaluate it and draw it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aevb.cli.evaluate import nats
from aevb.cli.files import check_folder
from aevb.cli.options import RUN_OPTIONS, add_options, given

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from aevb.estimators.aevb import AEVB

_EPOCHS = 250  # about a second on two cores


def add(commands: Any) -> None:
    """Add the command to the parsers of ``aevb``."""
    parser = commands.add_parser("demo", help="learn scikit-learn's digits and draw the model")
    parser.add_argument("--out", type=Path, default=Path("aevb-demo.png"), help="the picture")
    add_options(parser, RUN_OPTIONS)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Run the command."""
    check_folder(args.out)
    import numpy as np

    from aevb import datasets
    from aevb.estimators.aevb import AEVB
    from aevb.evaluation.evaluator import Evaluator
    from aevb.training.trainer import Trainer

    X, labels = datasets.load_digits(return_X_y=True)
    # A second thread does not speed up such a small network.
    options = {"n_threads": 1, "random_state": 0} | given(args, RUN_OPTIONS)
    order = np.random.RandomState(options["random_state"]).permutation(len(X))
    test, train = np.split(order, [len(X) // 5])
    model = AEVB(n_components=2, hidden_layer_sizes=(200, 100), n_epochs=_EPOCHS, **options)
    print(f"Learning {len(train)} images of handwritten digits, 8x8 pixels, 2 latent units.")
    Trainer(model, X[train], progress=True).run()

    evaluator = Evaluator(model, **options)
    for name, rows in (("train", train), ("test", test)):
        print(f"{name:5} bound {nats(evaluator.bound(X[rows], n_draws=16))}")
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
    """Return the mean log-likelihood of `test` under independent Bernoulli pixels, nats per row."""
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

    # The plot reconstructs the first 20 rows. Put test images there, each digit twice.
    of_digit = [test[labels[test] == digit] for digit in range(10)]
    shown = [rows[i] for i in range(2) for rows in of_digit]
    order = np.concatenate([shown, np.setdiff1d(np.arange(len(X)), shown)])
    figure = plots.offscreen_figure(11, 8)
    plots.overview(
        model, X[order], datasets.DIGITS_SHAPE, labels=labels[order], cmap="gray_r", figure=figure
    )
    figure.savefig(path, dpi=150)
