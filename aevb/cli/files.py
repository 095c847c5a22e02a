"""The files that the commands read, and checks of the files that they write."""

from __future__ import annotations

import argparse
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from aevb.cli.columns import set_feature_names, wanted_columns
from aevb.cli.csv_file import read_csv
from aevb.cli.options import UsageError
from aevb.cli.table import WORDS, Table, Wanted, without

if TYPE_CHECKING:
    from aevb.estimators.base import LatentVariableModel

_DATA_HELP = (
    "a .npy, .npz or .csv file of rows, or digits, mnist, mnist:validation, mnist:test or frey"
)
_CSV_HELP = (
    "The first row of a .csv file is a header if it has a word above a number, or words alone. "
    "A column with more words than numbers is one of categories, or of booleans if it has only "
    "True and False; any other word is an error. With a model, a column is what it was in fit. "
    "Blank cells, NA, N/A, n/a, #N/A, <NA>, NaN, nan, None, NULL, null and ? are missing values"
)


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add the argument MODEL."""
    parser.add_argument("model", metavar="MODEL", type=Path, help="a model written by fit")


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add the argument DATA and the option --drop."""
    parser.add_argument("data", metavar="DATA", help=f"{_DATA_HELP}. {_CSV_HELP}")
    parser.add_argument(
        "--drop",
        metavar="COLUMN",
        action="append",
        default=[],
        help="leave out a column, by its name or its number from 0; may be repeated",
    )


def read_table(name: str, drop: Sequence[str] = (), wanted: Wanted | None = None) -> Table:
    """Return the rows (n, n_features) that the command line names.

    Parameters
    ----------
    name : str
        A file or a data set.
    drop : sequence of str
        Names or numbers of columns to leave out.
    wanted : Wanted, default=None
        The columns that a model needs.

    Raises
    ------
    UsageError
        If the name means nothing, or `drop` has a word that is no column.
    ValueError
        If the file is damaged, a cell in a CSV file's column of numbers is not a number, or its
        columns are not those that a model needs. The message names the file.
    """
    path = Path(name)
    if path.suffix == ".csv":
        with _naming(path):
            return read_csv(path, drop, wanted)
    return Table(without(_read_array(name), drop))


def read_table_for(model: LatentVariableModel, name: str, drop: Sequence[str] = ()) -> Table:
    """Return the rows that the command line names, in the columns of a model.

    The names of the columns are compared here. So the model gets those of the rows, or none, and
    then accepts them without a warning.
    """
    wanted = wanted_columns(model)
    table = read_table(name, drop, wanted)
    set_feature_names(model, wanted.labels if table.is_frame else None)
    return table


@contextmanager
def _naming(path: object) -> Iterator[None]:
    """Put the name of the file before the message of an error."""
    try:
        yield
    except (EOFError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: {error}") from error


def _read_array(name: str) -> Any:
    from aevb import datasets

    if name == "digits":
        return datasets.load_digits()
    if name == "frey":
        return datasets.load_frey_face()
    if name in ("mnist", "mnist:validation", "mnist:test"):
        return getattr(datasets.load_mnist(), name.partition(":")[2] or "train")
    readers = {".npy": _read_npy, ".npz": _read_npz}
    path = Path(name)
    if path.suffix not in readers:
        raise UsageError(f"DATA must be {_DATA_HELP}; got {name}")
    with _naming(path):
        return readers[path.suffix](path)


def _read_npy(path: Path) -> Any:
    import numpy as np

    X = np.load(path, mmap_mode="r", allow_pickle=False)
    return X.reshape(len(X), -1) if X.ndim > 2 else X


def _read_npz(path: Path) -> Any:
    """Return the array named X, or the only array, or a matrix of scipy.sparse.save_npz."""
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


def load_model(path: Path) -> LatentVariableModel:
    """Return the model of a file. Its class is the one that was saved."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such model file")
    from aevb.storage.model_file import read_model, reading
    from aevb.training.trainable import restored

    with reading(path, "model"):
        return cast("LatentVariableModel", restored(read_model(path)))


def check_folder(path: Path) -> None:
    """Raise an error before the work starts if the folder of `path` does not exist."""
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent}: no such folder to write {path.name} in")


def check_words(path: Path, model: LatentVariableModel) -> None:
    """Raise an error before the work starts if a file cannot hold a model's words."""
    if path.suffix != ".csv" and WORDS in wanted_columns(model).kinds:
        raise UsageError(f"--out must end in .csv for a model with columns of words, got {path}")


def check_suffix(path: Path, *suffixes: str) -> None:
    """Raise an error before the work starts if a file's name has another ending."""
    if path.suffix not in suffixes:
        raise UsageError(f"--out must end in {' or '.join(suffixes)}, got {path}")
