"""``aevb evaluate``: the bound and the active units of a model on data."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from aevb.cli.files import add_data, add_model, load_model, read_table_for
from aevb.cli.options import RUN_OPTIONS, add_options, given

if TYPE_CHECKING:
    from aevb.evaluation.estimate import Estimate


def add(commands: Any) -> None:
    """Add the command to the parsers of ``aevb``."""
    parser = commands.add_parser("evaluate", help="bound of a model on data")
    add_model(parser)
    add_data(parser)
    parser.add_argument("--n-draws", type=int, default=1, help="draws of z per row (default: 1)")
    add_options(parser, RUN_OPTIONS)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Run the command."""
    model = load_model(args.model)
    table = read_table_for(model, args.data, args.drop)
    from aevb.evaluation.evaluator import Evaluator

    evaluator = Evaluator(model, **given(args, RUN_OPTIONS))
    estimate = evaluator.bound(table.X, n_draws=args.n_draws)
    active = evaluator.active_units(table.X)
    print(f"bound         {nats(estimate)}, {len(estimate.per_row)} rows")
    print(f"active units  {int(active.sum())} of {len(active)}")


def nats(estimate: Estimate) -> str:
    """Return the text that the commands print for an estimate."""
    return f"{estimate.mean:.2f} +- {estimate.mean_stderr:.2f} nats per row (mean, standard error)"
