"""``aevb sample``: draw rows from a model."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

from aevb.cli.columns import feature_names
from aevb.cli.csv_file import write_csv
from aevb.cli.csv_words import rows_of_frame
from aevb.cli.files import add_model, check_folder, check_suffix, check_words, load_model
from aevb.cli.options import UsageError, add_options, image_shape, options_of
from aevb.estimators.aevb import AEVB


def add(commands: Any) -> None:
    """Add the command to the parsers of ``aevb``."""
    parser = commands.add_parser("sample", help="draw from a model")
    add_model(parser)
    parser.add_argument(
        "--out", type=Path, required=True, help="a .npy array, a .csv table or a .png picture"
    )
    parser.add_argument("--n-samples", type=int, default=100, help="how many (default: 100)")
    parser.add_argument("--mean", action="store_true", help="decoder means, without pixel noise")
    parser.add_argument(
        "--totals", type=int, metavar="N", help="the total of each row's multinomial counts"
    )
    parser.add_argument(
        "--image-shape", type=image_shape, metavar="HxW", help="for .png; square by default"
    )
    add_options(parser, options_of(AEVB.sample))
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Run the command."""
    check_suffix(args.out, ".npy", ".csv", ".png")
    check_folder(args.out)
    if args.n_samples < 1:
        raise UsageError(f"--n-samples must be at least 1, got {args.n_samples}")
    is_draw = args.out.suffix != ".png" and not args.mean
    if args.totals is not None and not is_draw:
        raise UsageError("--totals is for draws in a .csv or .npy file")
    model = load_model(args.model)
    check_words(args.out, model)
    n_features = model.n_features_in_
    side = math.isqrt(n_features)
    height, width = args.image_shape or (side, side)
    if args.out.suffix == ".png" and height * width != n_features:
        raise UsageError(
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
        seed = what["random_state"]
        rows = (
            model.sample(args.n_samples, seed, args.totals)
            if is_draw
            else plots.sample_images(model, **what)
        )
        _save(args.out, feature_names(model), rows)
    print(f"{args.n_samples} samples: {args.out}")


def _save(path: Path, names: list[str] | None, rows: Any) -> None:
    import numpy as np

    is_frame = hasattr(rows, "columns")
    if path.suffix == ".csv":
        write_csv(path, names, rows_of_frame(rows) if is_frame else rows)
    else:
        np.save(path, np.asarray(rows, dtype=np.float64) if is_frame else rows)
