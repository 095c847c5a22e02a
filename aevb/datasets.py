"""The paper's data sets, MNIST and Frey Face, and scikit-learn's bundled digits.

The environment variable ``AEVB_DATA`` names a folder with the files ``mnist/*.gz`` and
``frey/frey_rawface.mat``. The functions look for a file there, and then in the user's cache. They
download a missing file once. They check the SHA-256 hash of every file before they read it.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "DIGITS_SHAPE",
    "FREY_FACE_SHAPE",
    "MNIST_SHAPE",
    "Mnist",
    "load_digits",
    "load_frey_face",
    "load_mnist",
    "read_idx",
]

DIGITS_SHAPE = (8, 8)
MNIST_SHAPE = (28, 28)
FREY_FACE_SHAPE = (28, 20)

_MNIST_URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_FREY_URL = "https://cs.nyu.edu/~roweis/data/"

# path below AEVB_DATA and below the cache: (URL of the folder to download from, SHA-256)
_REGISTRY: dict[str, tuple[str, str]] = {
    "mnist/train-images-idx3-ubyte.gz": (
        _MNIST_URL,
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    ),
    "mnist/train-labels-idx1-ubyte.gz": (
        _MNIST_URL,
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    ),
    "mnist/t10k-images-idx3-ubyte.gz": (
        _MNIST_URL,
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    ),
    "mnist/t10k-labels-idx1-ubyte.gz": (
        _MNIST_URL,
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
    "frey/frey_rawface.mat": (
        _FREY_URL,
        "265a83a23adb081755cd3de375509828e690324d1d60f076b8ecebc840d59c64",
    ),
}


@dataclass(frozen=True, eq=False)
class Mnist:
    """MNIST as uint8 pixels 0..255, one image per row.

    Attributes
    ----------
    train, validation, test : ndarray of uint8, shape (n, 784)
        50 000, 10 000 and 10 000 images.
    train_labels, validation_labels, test_labels : ndarray of uint8, shape (n,)
        The digit that each image shows.
    """

    train: NDArray[np.uint8]
    train_labels: NDArray[np.uint8]
    validation: NDArray[np.uint8]
    validation_labels: NDArray[np.uint8]
    test: NDArray[np.uint8]
    test_labels: NDArray[np.uint8]


@overload
def load_digits(*, return_X_y: Literal[False] = ...) -> NDArray[np.float32]: ...
@overload
def load_digits(*, return_X_y: Literal[True]) -> tuple[NDArray[np.float32], NDArray[np.int64]]: ...
def load_digits(*, return_X_y: bool = False) -> Any:
    """Load the digits that scikit-learn bundles: images of 8 x 8 pixels, without a download.

    Parameters
    ----------
    return_X_y : bool, default=False
        Whether to return the labels too.

    Returns
    -------
    X : ndarray of float32, shape (1797, 64)
        Grey levels scaled from 0..16 to [0, 1].
    y : ndarray of int64, shape (1797,)
        The digit that each image shows, if `return_X_y` is true.
    """
    from sklearn.datasets import load_digits as load

    images, labels = load(return_X_y=True)
    X = (np.asarray(images) / 16.0).astype(np.float32)  # 17 levels: exact in float32
    return (X, np.asarray(labels, np.int64)) if return_X_y else X


def load_mnist(*, n_validation: int = 10_000) -> Mnist:
    """Load MNIST. The first call downloads it if necessary.

    Parameters
    ----------
    n_validation : int, default=10000
        Number of the last of the 60 000 training images that become validation images. With 0,
        all stay in ``train``.

    Returns
    -------
    Mnist
        Images and labels of the three parts.

    Raises
    ------
    OSError
        If a file is not on this machine and the download fails.
    ValueError
        If a file differs from the published one, or `n_validation` is out of range.
    """
    images = _images("mnist/train-images-idx3-ubyte.gz")
    labels = _labels("mnist/train-labels-idx1-ubyte.gz", len(images))
    test = _images("mnist/t10k-images-idx3-ubyte.gz")
    test_labels = _labels("mnist/t10k-labels-idx1-ubyte.gz", len(test))
    if not 0 <= n_validation < len(images):
        raise ValueError(f"n_validation must lie in 0..{len(images) - 1}, got {n_validation}")
    n_train = len(images) - n_validation
    return Mnist(
        train=images[:n_train],
        train_labels=labels[:n_train],
        validation=images[n_train:],
        validation_labels=labels[n_train:],
        test=test,
        test_labels=test_labels,
    )


def load_frey_face() -> NDArray[np.uint8]:
    """Load the frames of the Frey Face video. The first call downloads them if necessary.

    Returns
    -------
    ndarray of uint8, shape (1965, 560)
        One frame per row, in the order of the video. A frame is 28 pixels high and 20 wide.

    Raises
    ------
    OSError
        If the file is not on this machine and the download fails.
    ValueError
        If the file differs from the published one.
    """
    from scipy.io import loadmat

    # ff: (560, 1965), one frame per column
    frames = np.asarray(loadmat(_fetch("frey/frey_rawface.mat"))["ff"])
    n_pixels = math.prod(FREY_FACE_SHAPE)
    if frames.ndim != 2 or frames.shape[0] != n_pixels or frames.dtype != np.uint8:
        raise ValueError(
            f"frey_rawface.mat: 'ff' must be uint8 of shape ({n_pixels}, n), "
            f"got {frames.dtype} of shape {frames.shape}"
        )
    return np.ascontiguousarray(frames.T)


def read_idx(path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes, gzipped or plain. IDX is the format of MNIST.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    ndarray of uint8
        The array, with the shape that the header states.

    Raises
    ------
    ValueError
        If the file is damaged, is not IDX, or its size does not match its header.
    """
    raw = Path(path).read_bytes()
    if raw[:2] == b"\x1f\x8b":
        try:
            raw = gzip.decompress(raw)
        except (EOFError, OSError, zlib.error) as error:
            raise ValueError(f"{path}: damaged gzip stream ({error})") from error
    if len(raw) < 4 or raw[:3] != b"\0\0\x08":
        raise ValueError(f"{path}: not an IDX file of unsigned bytes, it starts {raw[:4].hex()!r}")
    n_dims = raw[3]
    start = 4 + 4 * n_dims
    if n_dims == 0 or len(raw) < start:
        raise ValueError(f"{path}: the header of {n_dims} dimensions is cut off or empty")
    shape = tuple(int.from_bytes(raw[at : at + 4], "big") for at in range(4, start, 4))
    if len(raw) - start != math.prod(shape):
        raise ValueError(
            f"{path}: the header states shape {shape}, {math.prod(shape)} bytes, "
            f"but {len(raw) - start} follow"
        )
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape).copy()


def _images(name: str) -> NDArray[np.uint8]:
    """Return the images of a registered IDX file, one per row: (n, 784)."""
    images = read_idx(_fetch(name))
    if images.shape[1:] != MNIST_SHAPE:
        raise ValueError(f"{name}: expected images of shape {MNIST_SHAPE}, got {images.shape[1:]}")
    return images.reshape(len(images), -1)


def _labels(name: str, n_images: int) -> NDArray[np.uint8]:
    labels = read_idx(_fetch(name))
    if labels.shape != (n_images,):
        raise ValueError(f"{name}: expected {n_images} labels, got shape {labels.shape}")
    return labels


def _fetch(name: str) -> Path:
    """Return the path of the registered file `name`, once its hash is right."""
    source, sha256 = _REGISTRY[name]
    folder = os.environ.get("AEVB_DATA")
    if folder and (local := Path(folder, name)).is_file():
        found = hashlib.sha256(local.read_bytes()).hexdigest()
        if found != sha256:
            raise ValueError(
                f"{local} is not the published file: its SHA-256 is {found}, not {sha256}; "
                "replace it, or move it away and aevb will download it"
            )
        return local
    return _download(name, source, sha256)


def _download(name: str, source: str, sha256: str) -> Path:
    """Return the path of the cached copy of `name`. Download it if there is none."""
    import pooch

    cache = Path(pooch.os_cache("aevb"))
    target = cache / name
    url = source + target.name
    try:
        found = pooch.retrieve(url, f"sha256:{sha256}", fname=target.name, path=target.parent)
    except (OSError, ValueError) as error:  # no network, or a wrong file
        folder = os.environ.get("AEVB_DATA")
        place = Path(folder, name) if folder else f"{Path('FOLDER', name)} with AEVB_DATA=FOLDER"
        raise OSError(
            f"could not download {url} ({error}); "
            f"download that file yourself and put it at {place}, or at {target}"
        ) from error
    return Path(found)
