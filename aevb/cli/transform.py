"""``aevb transform``: the posterior means of z for the rows of a file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from aevb.cli.csv_file import write_csv
from aevb.cli.files import (
    add_data,
    add_model,
    check_folder,
    check_suffix,
    load_model,
    read_table_for,
)


def add(commands: Any) -> None:
    """Add the command to the parsers of ``aevb``."""
    parser = commands.add_parser("transform", help="posterior means of the latent variables")
    add_model(parser)
    add_data(parser)
    parser.add_argument(
        "--out", type=Path, required=True, help="a .npy array, or a .csv table of z0, z1, ..."
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Run the command."""
    check_suffix(args.out, ".npy", ".csv")
    check_folder(args.out)
    model = load_model(args.model)
    table = read_table_for(model, args.data, args.drop)
    means = model.transform(table.X)
    if args.out.suffix == ".csv":
        write_csv(args.out, [f"z{i}" for i in range(means.shape[1])], means)
    else:
        np.save(args.out, means)
    print(f"{len(means):,} rows of {means.shape[1]} latent units: {args.out}")
