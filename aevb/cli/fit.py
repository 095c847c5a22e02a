"""``aevb fit``: train a model."""

from __future__ import annotations

import argparse
import math
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aevb.cli.columns import feature_names, set_feature_names, summary, table_of
from aevb.cli.files import add_data, check_folder, read_table
from aevb.cli.options import MODEL_OPTIONS, UsageError, add_options, given
from aevb.cli.table import Table, number_of

if TYPE_CHECKING:
    from aevb.training.exchange import Exchange
    from aevb.training.trainer import Trainer

_MOST_COLUMNS = 40  # that are described without --verbose


def add(commands: Any) -> None:
    """Add the command to the parsers of ``aevb``."""
    parser = commands.add_parser(
        "fit", help="learn a model", description="Options left out take the defaults of aevb.AEVB."
    )
    add_data(parser)
    parser.add_argument("--out", type=Path, required=True, help="the model, a .safetensors file")
    parser.add_argument(
        "--verbose", action="store_true", help="describe each column, of a wide table too"
    )
    parser.add_argument(
        "--sync-every",
        type=int,
        default=1,
        metavar="STEPS",
        help="with several processes (mpiexec): minibatches from one exchange to the next. 1: "
        "every step takes the gradient of all. More: the weights are averaged. Default: 1",
    )
    parser.add_argument(
        "--outer-momentum",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="the momentum of weights that are averaged, from 0 to below 1. Default: 0",
    )
    add_options(parser, MODEL_OPTIONS)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Run the command."""
    from aevb.distributed.launch import launched_exchange

    exchange = launched_exchange(args.sync_every, args.outer_momentum)
    if exchange.rank > 0:
        warnings.simplefilter("ignore")  # rank 0 warns
    with exchange.together():
        _fit(args, exchange)


def _fit(args: argparse.Namespace, exchange: Exchange) -> None:
    check_folder(args.out)
    table = read_table(args.data, args.drop)
    from aevb.distributed.launch import share_of
    from aevb.estimators.aevb import AEVB
    from aevb.training.trainer import Trainer

    options = given(args, MODEL_OPTIONS)
    if isinstance(options.get("likelihood"), dict):
        options["likelihood"] = _by_number(options["likelihood"], table)
    model = AEVB(**options)
    # This is AEVB.fit with one line of output per epoch.
    is_first = exchange.rank == 0
    trainer = Trainer(
        model,
        share_of(table.X, exchange),
        callbacks=[_print_epoch] if is_first else [],
        comm=exchange,
    )
    set_feature_names(model, table.names)
    if is_first:
        _print_plan(trainer, table.X.shape[0], verbose=args.verbose)
        print("Bounds in nats per row.")
        print("epoch     samples      bound validation  seconds")
    trainer.run()
    if is_first:
        model.save(args.out)
        print(f"Model: {args.out}")


def _by_number(likelihood: dict[str, str], table: Table) -> dict[int, str]:
    """Return the likelihoods of columns that the command line names."""
    n = table.X.shape[1]
    numbers = [number_of("--likelihood", word, n, table.names) for word in likelihood]
    if len(set(numbers)) < len(numbers):
        raise UsageError("--likelihood: got a column twice")
    return dict(zip(numbers, likelihood.values(), strict=True))


def _print_plan(trainer: Trainer[Any], n_rows: int, *, verbose: bool) -> None:
    """Print what the model learns, and from what."""
    model = trainer.model
    columns = model.columns_
    print(f"rows     {n_rows:,}, {n_rows - trainer.n_train:,} of them held out")
    print(f"columns  {summary(columns)}")
    print(f"epochs   {trainer.n_epochs}")
    # Of columns without names that are of one kind, the summary says enough.
    has_kinds = feature_names(model) is not None or len({column.family for column in columns}) > 1
    if verbose or (has_kinds and len(columns) <= _MOST_COLUMNS):
        print(*table_of(columns), sep="\n")


def _print_epoch(trainer: Trainer[Any]) -> None:
    history = trainer.history
    last = {key: values[-1] for key, values in history.items()}
    validation = "" if math.isnan(last["validation_bound"]) else f"{last['validation_bound']:.2f}"
    print(
        f"{len(history['seconds']):5} {last['samples_seen']:11,} {last['train_bound']:10.2f} "
        f"{validation:>10} {last['seconds']:8.1f}",
        flush=True,
    )
