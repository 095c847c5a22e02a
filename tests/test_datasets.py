"""Data sets: valid and damaged IDX files, the hash check, the split; the real files if present."""

import gzip
import hashlib
import os
from pathlib import Path

import numpy as np
import pooch
import pytest
import sklearn.datasets
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import savemat

from aevb import datasets

N_TRAIN, N_TEST = 7, 3
REGISTRY = dict(datasets._REGISTRY)


def idx(array, *, shape=None):
    """The bytes of an IDX file. `shape` is what its header claims."""
    shape = array.shape if shape is None else shape
    sizes = b"".join(size.to_bytes(4, "big") for size in shape)
    return bytes([0, 0, 8, len(shape)]) + sizes + array.astype(np.uint8).tobytes()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty AEVB_DATA and an empty cache. Every download fails."""
    data = tmp_path / "data"
    data.mkdir()
    monkeypatch.setenv("AEVB_DATA", str(data))
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / "cache" / project)
    registry = {name: ("http://127.0.0.1:9/", sha) for name, (_, sha) in REGISTRY.items()}
    monkeypatch.setattr(datasets, "_REGISTRY", registry)
    return data


def publish(root, name, content):
    """Write a file and register its hash, as if the file were the published one."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    source, _ = datasets._REGISTRY[name]
    datasets._REGISTRY[name] = (source, hashlib.sha256(content).hexdigest())
    return path


def publish_mnist(root, n_labels=N_TRAIN):
    random = np.random.default_rng(0)
    made = {}
    for part, n, n_named in (("train", N_TRAIN, n_labels), ("t10k", N_TEST, N_TEST)):
        images = random.integers(0, 256, (n, 28, 28), np.uint8)
        labels = random.integers(0, 10, n_named, np.uint8)
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            publish(root, f"mnist/{part}-{kind}-ubyte.gz", gzip.compress(idx(array)))
            made[part, kind[:6]] = array
    return made


def test_digits():
    X, y = datasets.load_digits(return_X_y=True)
    assert X.dtype == np.float32
    assert X.shape == (1797, 64)
    assert (X.min(), X.max()) == (0, 1)
    images, labels = sklearn.datasets.load_digits(return_X_y=True)
    assert np.array_equal(X * 16, images)
    assert np.array_equal(y, labels)
    assert y.dtype == np.int64
    assert np.array_equal(datasets.load_digits(), X)


@pytest.mark.parametrize("shape", [(5,), (2, 3), (4, 2, 3), (0, 28, 28), (1, 1, 1, 1)])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_read_idx(tmp_path, shape, pack):
    array = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    path = tmp_path / "file"
    path.write_bytes(pack(idx(array)))
    read = datasets.read_idx(path)
    assert read.dtype == np.uint8
    assert read.flags.writeable
    assert np.array_equal(read, array)


WHOLE = idx(np.arange(12).reshape(3, 2, 2))
DAMAGED = {
    "empty": (b"", "not an IDX file"),
    "too short": (WHOLE[:3], "not an IDX file"),
    "text": (b"<!doctype html>", "not an IDX file"),
    "floats": (WHOLE[:2] + b"\x0d" + WHOLE[3:], "not an IDX file"),
    "no dimensions": (b"\0\0\x08\0", "header"),
    "header cut off": (WHOLE[:15], "header"),
    "body cut off": (WHOLE[:-1], r"\(3, 2, 2\), 12 bytes, but 11 follow"),
    "bytes too many": (WHOLE + b"\0", "12 bytes, but 13 follow"),
    "claims too much": (idx(np.zeros(4), shape=(2**32 - 1,) * 3), "but 4 follow"),
    "claims 2**64 + 4": (idx(np.zeros(4), shape=(2**31, 2**31, 4)), "but 4 follow"),
    "255 dimensions": (b"\0\0\x08\xff" + bytes(100), "header"),
    "gzip cut off": (gzip.compress(WHOLE)[:-9], "damaged gzip"),
    "gzip checksum": (gzip.compress(WHOLE)[:-8] + bytes(8), "damaged gzip"),
    "gzip noise": (b"\x1f\x8b\x08" + bytes(30), "damaged gzip"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_idx(tmp_path, case):
    content, message = DAMAGED[case]
    path = tmp_path / "damaged-file"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as raised:
        datasets.read_idx(path)
    assert "damaged-file" in str(raised.value)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("idx") / "file"


@given(
    st.binary(max_size=40), st.sampled_from([b"", b"\0\0\x08", b"\0\0\x08\1\0\0\0", b"\x1f\x8b"])
)
def test_any_bytes_are_read_or_refused(scratch, tail, head):
    scratch.write_bytes(head + tail)
    try:
        read = datasets.read_idx(scratch)
    except ValueError:
        return
    assert read.nbytes <= len(head + tail)


def test_mnist_split(folder):
    made = publish_mnist(folder)
    mnist = datasets.load_mnist(n_validation=2)
    images, labels = made["train", "images"].reshape(N_TRAIN, 784), made["train", "labels"]
    assert np.array_equal(mnist.train, images[:5])
    assert np.array_equal(mnist.validation, images[5:])
    assert np.array_equal(mnist.test, made["t10k", "images"].reshape(N_TEST, 784))
    assert np.array_equal(mnist.train_labels, labels[:5])
    assert np.array_equal(mnist.validation_labels, labels[5:])
    assert np.array_equal(mnist.test_labels, made["t10k", "labels"])
    assert np.array_equal(datasets.load_mnist(n_validation=0).train, images)


@pytest.mark.parametrize("n_validation", [0, 1, N_TRAIN - 1])
def test_mnist_splits_at_the_ends(folder, n_validation):
    made = publish_mnist(folder)
    mnist = datasets.load_mnist(n_validation=n_validation)
    assert len(mnist.validation) == len(mnist.validation_labels) == n_validation
    assert np.array_equal(np.concatenate([mnist.train_labels, mnist.validation_labels]),
                          made["train", "labels"])  # fmt: skip


@pytest.mark.parametrize("given", [-1, N_TRAIN, None])
def test_mnist_split_out_of_range(folder, given):
    publish_mnist(folder)
    options = {} if given is None else {"n_validation": given}
    named = 10_000 if given is None else given
    with pytest.raises(ValueError, match=rf"n_validation must lie in 0\.\.6, got {named}$"):
        datasets.load_mnist(**options)


def test_mnist_labels_must_fit_the_images(folder):
    publish_mnist(folder, n_labels=N_TRAIN - 1)
    with pytest.raises(ValueError, match=r"train-labels.*expected 7 labels, got shape \(6,\)"):
        datasets.load_mnist(n_validation=2)


def test_mnist_images_must_be_28x28(folder):
    publish_mnist(folder)
    name = "mnist/t10k-images-idx3-ubyte.gz"
    publish(folder, name, idx(np.zeros((N_TEST, 14, 56))))
    with pytest.raises(ValueError, match=r"t10k-images.*got \(14, 56\)"):
        datasets.load_mnist(n_validation=2)


def test_frey_face_rows_are_frames(folder, tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (5, 560), np.uint8)
    savemat(tmp_path / "made.mat", {"ff": frames.T})
    publish(folder, "frey/frey_rawface.mat", (tmp_path / "made.mat").read_bytes())
    read = datasets.load_frey_face()
    assert read.flags.c_contiguous
    assert np.array_equal(read, frames)


def test_frey_face_of_another_shape(folder, tmp_path):
    savemat(tmp_path / "made.mat", {"ff": np.zeros((5, 560), np.uint8)})
    publish(folder, "frey/frey_rawface.mat", (tmp_path / "made.mat").read_bytes())
    with pytest.raises(ValueError, match=r"shape \(560, n\), got uint8 of shape \(5, 560\)"):
        datasets.load_frey_face()


def test_wrong_hash_in_the_folder(folder):
    publish_mnist(folder)
    path = folder / "mnist" / "train-labels-idx1-ubyte.gz"
    path.write_bytes(b"something else")
    with pytest.raises(ValueError, match="not the published file: its SHA-256 is") as raised:
        datasets.load_mnist(n_validation=2)
    message = str(raised.value)
    assert str(path) in message
    assert hashlib.sha256(b"something else").hexdigest() in message
    assert datasets._REGISTRY["mnist/train-labels-idx1-ubyte.gz"][1] in message


def test_cache_is_used_and_checked(folder, tmp_path):
    made = publish_mnist(tmp_path / "cache" / "aevb")
    mnist = datasets.load_mnist(n_validation=2)
    assert np.array_equal(mnist.test_labels, made["t10k", "labels"])
    (tmp_path / "cache" / "aevb" / "mnist" / "t10k-labels-idx1-ubyte.gz").write_bytes(b"damaged")
    with pytest.raises(OSError, match=r"could not download .*t10k-labels"):
        datasets.load_mnist(n_validation=2)


@pytest.mark.parametrize("set_folder", [True, False])
def test_no_network_says_what_to_do(folder, monkeypatch, set_folder):
    if not set_folder:
        monkeypatch.delenv("AEVB_DATA")
    with pytest.raises(OSError, match="could not download") as raised:
        datasets.load_frey_face()
    message = str(raised.value)
    assert "http://127.0.0.1:9/frey_rawface.mat" in message
    if set_folder:
        assert f"put it at {folder / 'frey' / 'frey_rawface.mat'}" in message
    else:
        assert "put it at FOLDER/frey/frey_rawface.mat with AEVB_DATA=FOLDER" in message


def test_the_folder_goes_before_the_cache(folder, tmp_path):
    publish(tmp_path / "cache" / "aevb", "frey/frey_rawface.mat", b"cached")
    path = publish(folder, "frey/frey_rawface.mat", b"in the folder")
    assert datasets._fetch("frey/frey_rawface.mat") == path


def test_an_empty_folder_s_name_is_none(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(folder)
    publish(folder, "frey/frey_rawface.mat", b"where we stand")
    monkeypatch.setenv("AEVB_DATA", "")
    with pytest.raises(OSError, match=r"with AEVB_DATA=FOLDER, or at .*cache") as raised:
        datasets._fetch("frey/frey_rawface.mat")
    assert str(raised.value).endswith(str(tmp_path / "cache/aevb/frey/frey_rawface.mat"))


@pytest.mark.parametrize("sent", [b"published", b"an error page"])
def test_what_is_downloaded_is_checked_and_kept(folder, tmp_path, monkeypatch, sent):
    source = tmp_path / "source"
    source.mkdir()
    (source / "frey_rawface.mat").write_bytes(sent)
    asked = []

    def download(url, output_file, pooch):
        asked.append(url)
        Path(output_file).write_bytes((source / url.rpartition("/")[2]).read_bytes())

    monkeypatch.setattr(pooch.core, "choose_downloader", lambda *args, **kwargs: download)
    name = "frey/frey_rawface.mat"
    good = hashlib.sha256(b"published").hexdigest()
    datasets._REGISTRY[name] = ("http://127.0.0.1:9/", good)
    for _ in range(2):
        if sent == b"published":
            path = datasets._fetch(name)
            assert path == tmp_path / "cache" / "aevb" / name
            assert path.read_bytes() == sent
        else:
            with pytest.raises(OSError, match=r"could not download .*hash"):
                datasets._fetch(name)
    n_asked = 1 if sent == b"published" else 2
    assert asked == ["http://127.0.0.1:9/frey_rawface.mat"] * n_asked


def test_the_published_files_are_named():
    """With AEVB_DATA, other tests check the hashes. Only this test checks the addresses."""
    mnist = "https://ossci-datasets.s3.amazonaws.com/mnist/"
    assert {name: source for name, (source, _) in REGISTRY.items()} == {
        **{
            f"mnist/{part}-{kind}-ubyte.gz": mnist
            for part in ("train", "t10k")
            for kind in ("images-idx3", "labels-idx1")
        },
        "frey/frey_rawface.mat": "https://cs.nyu.edu/~roweis/data/",
    }
    assert len({sha for _, sha in REGISTRY.values()}) == 5


@pytest.fixture
def published():
    """Load the real files. Without AEVB_DATA, a test run downloads nothing."""
    if not os.environ.get("AEVB_DATA"):
        pytest.skip("AEVB_DATA is not set")


@pytest.mark.usefixtures("published")
def test_real_mnist():
    mnist = datasets.load_mnist()
    parts = (mnist.train, mnist.validation, mnist.test)
    assert [part.shape for part in parts] == [(50_000, 784), (10_000, 784), (10_000, 784)]
    assert all(part.dtype == np.uint8 and part.max() == 255 for part in parts)
    assert mnist.train_labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    counts = np.bincount(np.concatenate([mnist.train_labels, mnist.validation_labels]))
    # the last 10 000 rows are the validation set
    assert mnist.validation_labels[:5].tolist() == [3, 8, 6, 9, 6]
    assert counts.tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    counts = np.bincount(mnist.test_labels)
    assert counts.tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


@pytest.mark.usefixtures("published")
def test_real_frey_face():
    faces = datasets.load_frey_face()
    assert faces.shape == (1965, 560)
    assert (faces.min(), faces.max()) == (8, 238)
    images = faces.reshape(-1, *datasets.FREY_FACE_SHAPE).astype(float)
    turned = faces.reshape(-1, *datasets.FREY_FACE_SHAPE[::-1]).astype(float)
    # Neighbouring pixels are alike only if rows and columns are in the right order.
    assert np.abs(np.diff(images, axis=1)).mean() < 0.5 * np.abs(np.diff(turned, axis=1)).mean()
    # Neighbouring frames of the video are alike too.
    step = np.abs(np.diff(images, axis=0)).mean()
    assert step < 0.5 * np.abs(images - images[::-1]).mean()
