"""``aevb reproduce``: the paper's experiments on the command line."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from typing import Any


def add_reproduce(commands: Any) -> None:
    """Add the command to the parsers of ``aevb``."""
    reproduce = commands.add_parser(
        "reproduce",
        help="the paper's experiments",
        description="You may stop a run. The same command then continues it.",
    )
    figures = reproduce.add_subparsers(title="figures", required=True, metavar="FIGURE")
    figure2 = figures.add_parser("figure2", help="bounds against training samples")
    _add_datasets(figure2)
    _add_components(figure2)
    _add_curves(figure2, ("aevb", "wake-sleep"))
    figure3 = figures.add_parser("figure3", help="likelihoods against training samples")
    figure3.add_argument("--n-train", nargs="+", type=_count, metavar="N", help="default: both")
    _add_curves(figure3, ("aevb", "wake-sleep", "mcem"))
    figure4 = figures.add_parser("figure4", help="manifolds of two latent variables")
    _add_datasets(figure4)
    figure5 = figures.add_parser("figure5", help="random samples")
    _add_components(figure5)
    for parser in (figure2, figure3, figure4, figure5):
        parser.add_argument(
            "--jobs", dest="n_jobs", type=_count, default=1, help="parallel runs (default: 1)"
        )
    figures.add_parser("gallery", help="denoising, inpainting, super-resolution")
    for parser in figures.choices.values():
        _add_options(parser, n_samples="1e7", learning_rate="the best of three trials")
    iwae = figures.add_parser("iwae", help="importance weighted autoencoders")
    iwae.add_argument(
        "--k", nargs="+", type=_count, metavar="K", help="draws per row (default: 1 5 50)"
    )
    iwae.add_argument("--n-threads", type=_count, help="threads (default: all cores)")
    _add_options(iwae, n_samples="2.4e7", learning_rate="2e-3")
    for name, parser in figures.choices.items():
        parser.set_defaults(run=_reproduce, figure=name)


def _add_datasets(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dataset", dest="chosen", nargs="+", choices=("mnist", "frey"), help="default: both"
    )


def _add_components(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--n-components", nargs="+", type=_count, metavar="J", help="latent units (default: all)"
    )


def _add_curves(parser: argparse.ArgumentParser, algorithms: tuple[str, ...]) -> None:
    parser.add_argument("--algorithms", nargs="+", choices=algorithms, help="default: all")
    parser.add_argument(
        "--seeds", dest="n_seeds", type=_count, default=1, help="runs per curve (default: 1)"
    )
    parser.add_argument(
        "--init-scale", type=float, help="s.d. of the initial parameters (default: the figure's)"
    )
    parser.add_argument("--published", type=Path, help="CSV file of the published curves")


def _add_options(parser: argparse.ArgumentParser, *, n_samples: str, learning_rate: str) -> None:
    """Add the options of all experiments. The texts say the defaults of ``reproduce``."""
    parser.add_argument(
        "--samples", dest="n_samples", type=_count, help=f"samples (default: {n_samples})"
    )
    parser.add_argument(
        "--learning-rate", type=float, help=f"learning rate (default: {learning_rate})"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("reproduction"),
        help="folder of the results (default: reproduction)",
    )


def _count(text: str) -> int:
    value = float(text)
    if value != int(value) or value < 1:
        raise ValueError(text)
    return int(value)


_count.__name__ = "number, at least 1"  # argparse names the type in its messages


def _reproduce(args: argparse.Namespace) -> None:
    figure = importlib.import_module(f"aevb.paper.{args.figure}")
    options = {k: v for k, v in vars(args).items() if k not in ("run", "figure") and v is not None}
    figure.reproduce(**options, progress=sys.stderr.isatty())
    results = args.out / args.figure
    picture = "" if args.figure == "iwae" else f", picture: {results}.png"
    print(f"Numbers: {results}.csv{picture}")
