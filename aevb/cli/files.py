"""The files that the commands read, and checks of their output folders."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aevb.cli.options import UsageError

if TYPE_CHECKING:
    from aevb.estimators.aevb import AEVB

DATA_HELP = (
    "a .npy, .npz or .csv file of rows, or digits, mnist, mnist:validation, mnist:test or frey"
)


def read_rows(name: str) -> Any:
    """Return the rows that the command line names (n, n_features)."""
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
        raise UsageError(f"DATA must be {DATA_HELP}; got {name}")
    try:
        return readers[path.suffix](path)
    except (EOFError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: {error}") from error


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


def _read_csv(path: Path) -> Any:
    """Read numbers with commas between them. The first line may be a header."""
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


def load_model(path: Path) -> AEVB:
    """Return the model of a file."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such model file")
    from aevb.estimators.aevb import AEVB

    return AEVB.load(path)


def check_folder(path: Path) -> None:
    """Raise an error before the work starts if the folder of `path` does not exist."""
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent}: no such folder to write {path.name} in")
