"""``aevb impute``: fill in the missing values of a file."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from aevb.cli.columns import wanted_columns
from aevb.cli.csv_file import write_filled
from aevb.cli.csv_words import are_whole, rows_of_frame
from aevb.cli.files import (
    add_data,
    add_model,
    check_folder,
    check_suffix,
    check_words,
    load_model,
    read_table_for,
)
from aevb.cli.options import UsageError, add_options, given, options_of
from aevb.cli.table import BOOLEANS, WORDS
from aevb.core.catalogue import SUPPORTS
from aevb.estimators.encoder_model import EncoderModel

_OPTIONS = options_of(EncoderModel.impute)


def add(commands: Any) -> None:
    """Add the command to the parsers of ``aevb``."""
    parser = commands.add_parser(
        "impute",
        help="fill in missing values",
        description="Known cells of a .csv file keep their text. Of a file of numbers, columns of "
        "counts and those whose known numbers are whole get whole numbers. In a file with words, "
        "each column gets values of the type that it had in fit.",
    )
    add_model(parser)
    add_data(parser)
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        help="a .npy array; for a .csv file also a .csv file, whose other cells keep their text",
    )
    parser.add_argument("--method", default="mean", help="mean (the default), sample or mode")
    parser.add_argument(
        "--sampler",
        default="auto",
        help="importance, mcmc, or auto (the default): importance for a model of data with gaps",
    )
    add_options(parser, _OPTIONS)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Run the command."""
    check_folder(args.out)
    model = load_model(args.model)
    of_csv = Path(args.data).suffix == ".csv"
    if not of_csv and WORDS in wanted_columns(model).kinds:
        raise UsageError(
            f"DATA must be a .csv file for a model with columns of words, got {args.data}"
        )
    check_suffix(args.out, ".npy", *[".csv"] * of_csv)
    if not isinstance(model, EncoderModel):
        raise ValueError(f"{args.model}: a {type(model).__name__} cannot impute: it has no encoder")
    check_words(args.out, model)
    kinds = wanted_columns(model).kinds
    families = [column.family for column in model.columns_]
    table = read_table_for(model, args.data, args.drop)
    options = {"method": args.method, "sampler": args.sampler} | given(args, _OPTIONS)
    filled = model.impute(table.X, **options)
    if args.out.suffix == ".csv":
        assert table.csv is not None
        n_missing = write_filled(args.out, table.csv, _rows(filled, table.X, families, kinds))
    else:
        n_missing = int(np.isnan(_numbers(table.X)).sum())
        np.save(args.out, _numbers(filled))
    print(f"{n_missing:,} missing values of {len(filled):,} rows filled in: {args.out}")


def _numbers(X: Any) -> Any:
    """Return the numbers of a frame without words, or an array as it is."""
    return X.to_numpy(dtype=np.float64, na_value=np.nan) if hasattr(X, "columns") else X


def _rows(filled: Any, X: Any, families: list[str], kinds: list[str]) -> Iterator[tuple[Any, ...]]:
    """Yield rows of values. Columns of an array are of whole numbers if those of `X` are.

    A probability of True becomes the more probable value.
    """
    if hasattr(filled, "columns"):
        for row in rows_of_frame(filled):
            yield tuple(
                bool(value >= 0.5) if kind == BOOLEANS else value
                for kind, value in zip(kinds, row, strict=True)
            )
        return
    whole = [
        SUPPORTS[family] == "counts" or are_whole(column)
        for family, column in zip(families, X.T, strict=True)
    ]
    for row in filled:
        yield tuple(
            int(np.rint(value)) if is_whole else value
            for value, is_whole in zip(row, whole, strict=True)
        )
