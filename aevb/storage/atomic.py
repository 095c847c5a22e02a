"""Atomic writes of safetensors files with a JSON header."""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import save_file

from aevb.core.platform import sync_file, sync_folder


def write_file(
    path: str | os.PathLike[str], arrays: dict[str, NDArray[Any]], header: dict[str, Any]
) -> None:
    """Write arrays and a header. If writing fails, an existing file is unchanged."""
    metadata = {"aevb": json.dumps(header, default=_plain, allow_nan=False)}
    path = Path(path)
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        mode = os.fstat(descriptor).st_mode & 0o777  # of a new file; save_file may change it
        os.close(descriptor)
        try:
            save_file(arrays, temporary, metadata=metadata)
        except SafetensorError as error:  # wraps the system's error
            code = re.search(r"os error (\d+)", str(error))
            raise OSError(int(code[1]) if code else errno.EIO, str(error), str(path)) from error
        os.chmod(temporary, mode)
        sync_file(temporary)
        os.replace(temporary, path)
        sync_folder(path.parent)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename == str(temporary):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def _plain(value: Any) -> Any:
    """Convert NumPy scalars and arrays for JSON."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise TypeError(f"cannot write a {type(value).__name__} to the metadata")
