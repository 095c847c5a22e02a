"""Sources of rows: what is one, and which chunks it has in which order."""

import weakref
from collections import deque
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from aevb.data import files, parts, sources
from aevb.data.join import joined, joined_data
from aevb.data.sources import Chunk, Parts, Passes, source_of
from aevb.data.validation import Data

N, D = 50, 4
X = np.random.default_rng(0).random((N, D), dtype=np.float32)
FRAME = pd.DataFrame(X, columns=list("abcd")).assign(kind=["x", "y"] * (N // 2))


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(parts, "_BLOCK_BYTES", 20 * D * X.itemsize)  # 20 rows
    monkeypatch.setattr(files, "_CSV_ROWS", 20)
    monkeypatch.setattr(files, "_GROUP_VALUES", 25 * FRAME.shape[1])


# ------------------------------------------------------------------------------ what is a source
def npy(folder):
    np.save(folder / "x.npy", X)
    return [folder / "x.npy"]


def fortran_npy(folder):
    np.save(folder / "x.npy", np.asfortranarray(X))
    return (str(folder / "x.npy"),)


def npz(folder):
    np.savez(folder / "x.npz", X)
    return [folder / "x.npz"]


def sparse_npz(folder):
    sp.save_npz(folder / "x.npz", sp.csr_matrix(X))
    return [folder / "x.npz"]


def csv(folder):
    FRAME.to_csv(folder / "x.csv", index=False)
    return [folder / "x.csv"]


def parquet(folder):
    pytest.importorskip("pyarrow")
    FRAME.to_parquet(folder / "x.parquet", row_group_size=20)
    return [folder / "x.parquet"]


def large_row_groups(folder):
    pytest.importorskip("pyarrow")
    FRAME.to_parquet(folder / "x.parquet", row_group_size=30)
    return [folder / "x.parquet"]


def dask_array(_):
    return pytest.importorskip("dask.array").from_array(X, chunks=(20, 3))


def dask_frame(_):
    return pytest.importorskip("dask.dataframe").from_pandas(FRAME, npartitions=3)


def hdf5(folder):
    file = pytest.importorskip("h5py").File(folder / "x.h5", "w")
    return file.create_dataset("x", data=X, chunks=(7, 2))


def hdf5_without_chunks(folder):
    return pytest.importorskip("h5py").File(folder / "x.h5", "w").create_dataset("x", data=X)


def zarr(_):
    made = pytest.importorskip("zarr").create_array(
        store={}, shape=X.shape, chunks=(7, 2), dtype="f4"
    )
    made[:] = X
    return made


class Chunked:
    """The least that an array in a file has."""

    shape, dtype, chunks = X.shape, X.dtype, (7, 2)

    def __getitem__(self, rows):
        return X[rows]


class StoredCsr:
    """The least that a CSR matrix in a file has, as AnnData shows it."""

    shape, dtype, format = X.shape, X.dtype, "csr"

    def __getitem__(self, rows):
        return sp.csr_matrix(X[rows])

    def to_memory(self):
        raise AssertionError("it may not fit in memory")


class Again:
    def __iter__(self):
        return iter([X[:20], X[20:40], X[40:]])


ARRAYS = {
    "npy": (npy, [20, 20, 10]),
    "fortran npy": (fortran_npy, [20, 20, 10]),
    "one path": (lambda folder: npy(folder)[0], [20, 20, 10]),
    "name of one file": (lambda folder: str(npy(folder)[0]), [20, 20, 10]),
    "npz": (npz, [50]),
    "sparse npz": (sparse_npz, [50]),
    "Dask array": (dask_array, [20, 20, 10]),
    "HDF5": (hdf5, [14, 14, 14, 8]),
    "HDF5 without chunks": (hdf5_without_chunks, [20, 20, 10]),
    "zarr": (zarr, [14, 14, 14, 8]),
    "array with chunks": (lambda _: Chunked(), [14, 14, 14, 8]),
    "CSR in a file": (lambda _: StoredCsr(), [20, 20, 10]),
    "iterable": (lambda _: Again(), [20, 20, 10]),
    "callable": (lambda _: Again().__iter__, [20, 20, 10]),
    "callable that returns a list": (lambda _: lambda: [X[:20], X[20:]], [20, 30]),
    "iterator": (lambda _: iter(Again()), [20, 20, 10]),
    "generator": (lambda _: (x for x in Again()), [20, 20, 10]),
}
FRAMES = {
    "csv": (csv, [20, 20, 10]),
    "parquet": (parquet, [20, 20, 10]),
    "parquet with large row groups": (large_row_groups, [25, 5, 20]),
    "Dask": (dask_frame, [17, 17, 16]),
}


def dense(chunk):
    return chunk.X.toarray() if sp.issparse(chunk.X) else chunk.X


@pytest.mark.parametrize("kind", ARRAYS)
def test_a_source_of_arrays_has_all_rows_in_their_order(kind, tmp_path):
    make, sizes = ARRAYS[kind]
    source = source_of(make(tmp_path))
    chunks = list(source.chunks())
    assert [chunk.X.shape for chunk in chunks] == [(n, D) for n in sizes]
    for chunk in chunks:
        assert dense(chunk).dtype == X.dtype
        assert sp.issparse(chunk.X) == (kind in ("sparse npz", "CSR in a file"))
        if kind.endswith("npy"):
            assert chunk.X.flags.owndata  # it is no map: the thread that reads ahead has read it
    np.testing.assert_array_equal(np.concatenate([dense(chunk) for chunk in chunks]), X)
    counted = {"npz", "sparse npz", "iterable", "callable", "iterator", "generator"}
    assert source.n_rows == (None if kind.split(" that")[0] in counted else N)
    assert source.n_passes == (1 if kind in ("iterator", "generator") else np.inf)
    assert source.is_numbered == isinstance(source, Parts)


@pytest.mark.parametrize("kind", FRAMES)
def test_a_source_of_frames_has_all_rows_in_their_order(kind, tmp_path):
    make, sizes = FRAMES[kind]
    source = source_of(make(tmp_path))
    chunks = list(source.chunks())
    assert [len(chunk.X) for chunk in chunks] == sizes
    got = pd.concat([chunk.X for chunk in chunks], ignore_index=True)
    pd.testing.assert_frame_equal(got, FRAME, check_dtype=False)
    assert source.n_rows == (N if kind.startswith("parquet") else None)


def test_a_parquet_file_says_once_what_it_holds(tmp_path):
    """Unless it is written anew."""
    for n in (N, N - 1):
        (path,) = parquet(tmp_path)
        FRAME[:n].to_parquet(path, row_group_size=20)
        n_read = files._metadata.cache_info().misses
        assert sum(len(chunk.X) for chunk in source_of(path).chunks()) == n
        assert files._metadata.cache_info().misses == n_read + 1


def test_a_large_row_group_is_not_read_at_once(tmp_path, monkeypatch):
    """pyarrow keeps some pages of each column, of 1 MB."""
    pyarrow = pytest.importorskip("pyarrow")
    monkeypatch.setattr(files, "_GROUP_VALUES", 4 * 50_000)
    table = np.random.default_rng(0).random((1_200_000, 4), dtype=np.float32)  # 19 MB
    path = tmp_path / "x.parquet"
    pd.DataFrame(table, columns=list("abcd")).to_parquet(path, row_group_size=len(table))
    before = pyarrow.total_allocated_bytes()
    most = [pyarrow.total_allocated_bytes() - before for _ in source_of(path).chunks()]
    assert len(most) == 24
    assert max(most) < 15e6, most


def test_chunks_of_a_large_row_group_have_names(tmp_path):
    source = source_of(large_row_groups(tmp_path))
    path = str(tmp_path / "x.parquet")
    names = [f"chunk {i} of row group 0 of {path!r}" for i in range(2)]
    assert [chunk.name for chunk in source.chunks()] == [*names, f"row group 1 of {path!r}"]
    assert [chunk.name for chunk in source.chunks(None, 2)] == [f"row group 1 of {path!r}"]


@pytest.mark.parametrize(
    "table",
    [
        X,
        X.tolist(),
        tuple(map(tuple, X.tolist())),
        sp.csr_matrix(X),
        FRAME,
        np.memmap,
        3,
        None,
        b"x.npy",
        {"x": X},
        {1.0},
        range(3),
        [],
        [X, X],
        memoryview(X),
    ],
    ids=lambda table: type(table).__name__,
)
def test_a_table_is_no_source(table):
    assert source_of(table) is None


def test_polars_is_no_source():
    pl = pytest.importorskip("polars")
    assert source_of(pl.DataFrame(X)) is None
    assert source_of(pl.LazyFrame({"a": [1.0]})) is None


@pytest.mark.parametrize("kind", ["callable", "iterable"])
def test_each_pass_asks_for_a_new_iterator(kind):
    asked = []

    class Counted:
        def __iter__(self):
            asked.append(1)
            return iter([X])

    source = source_of(Counted() if kind == "iterable" else Counted().__iter__)
    assert not asked
    for n in (1, 2, 3):
        assert len(list(source.chunks((0, n)))) == 1
        assert len(asked) == n


def test_an_iterator_has_its_rows_once():
    source = source_of(x for x in Again())
    assert len(list(source.chunks())) == 3
    with pytest.raises(ValueError, match=r"^X: got a generator, which has its rows once.*callable"):
        source.chunks()


@pytest.mark.parametrize("result", [3, None, "text"])
def test_what_a_callable_returns_is_checked(result):
    with pytest.raises(TypeError, match=r"^X: got a callable that returns .*, want one that"):
        source_of(lambda: result).chunks()


@pytest.mark.parametrize("path", ["x.npy", Path("x.npy")])
def test_an_iterator_of_paths_is_no_list(path):
    with pytest.raises(TypeError, match=r"^chunk 1: X: got the path 'x\.npy', want .* a list of"):
        list(source_of(iter([X, path])).chunks())


def test_files_are_checked_at_once(tmp_path):
    pytest.importorskip("pyarrow")
    np.save(tmp_path / "cube.npy", np.zeros((2, 3, 4)))
    np.savez(tmp_path / "two.npz", a=X, b=X)
    for name, error, said in [
        ("x.txt", ValueError, r"got the file '.*x\.txt', want \.npy, \.npz, \.csv, \.parquet"),
        ("cube.npy", ValueError, r"shape \(2, 3, 4\) in .*cube\.npy', want two dimensions"),
        ("two.npz", ValueError, r"the arrays \['a', 'b'\] in .*two\.npz', want one array"),
        *[(f"none{s}", FileNotFoundError, "none") for s in (".npy", ".npz", ".csv", ".parquet")],
    ]:
        for one in (tmp_path / name, [tmp_path / name]):
            with pytest.raises(error, match=said):
                source_of(one)


def test_an_array_of_other_dimensions_is_named():
    class Cube(Chunked):
        shape, chunks = (2, 3, 4), (1, 3, 4)

    with pytest.raises(ValueError, match=r"^X: got an array of shape \(2, 3, 4\), want two"):
        source_of(Cube())


# -------------------------------------------------------------------------------- order and names
def first_values(source, *args):
    return [float(dense(chunk)[0, 0]) for chunk in source.chunks(*args)]


def many_files(folder, n=8):
    for i in range(n):
        np.save(folder / f"{i}.npy", np.full((30, D), i, np.float32))  # two chunks
    return source_of([folder / f"{i}.npy" for i in range(n)])


def test_numbered_parts_come_in_an_order_of_seed_and_epoch(tmp_path):
    source = many_files(tmp_path)
    natural = first_values(source)
    assert natural == sorted(natural)
    orders = [first_values(source, (seed, epoch)) for seed in range(3) for epoch in range(3)]
    assert all(sorted(order) == natural for order in orders)
    assert len(set(map(tuple, orders))) == 9
    assert first_values(source, (2, 1)) == orders[7]
    assert natural not in orders


def test_the_order_never_changes():
    """A later version of NumPy must give the same order, or runs could not be resumed."""
    assert sources.permutation(8, (7, 100)).tolist() == ORDER
    assert sources.permutation(0, (7, 100)).tolist() == []


ORDER = [0, 6, 1, 7, 4, 3, 5, 2]


@pytest.mark.parametrize("kind", ["files", "csv", "iterable", "iterator"])
def test_chunks_that_are_left_out(kind, tmp_path):
    def make():
        if kind == "csv":
            csv(tmp_path)
            return source_of([tmp_path / "x.csv", tmp_path / "x.csv"])
        if kind == "files":
            return many_files(tmp_path, 3)
        return source_of(Again() if kind == "iterable" else iter(Again()))

    whole = [(chunk.name, len(chunk.X)) for chunk in make().chunks((0, 1))]
    for begin in range(len(whole) + 2):
        left = [(chunk.name, len(chunk.X)) for chunk in make().chunks((0, 1), begin)]
        assert left == whole[begin:]


def test_parts_that_are_left_out_are_not_read():
    read = []

    def part(i):
        return parts.Part(f"part {i}", parts.one_chunk(lambda: read.append(i) or X), N)

    source = Parts([part(i) for i in range(5)])
    assert len(list(source.chunks((3, 1), 3))) == 2
    assert len(read) == 2


def test_chunks_have_names(tmp_path):
    np.save(tmp_path / "x.npy", X)
    FRAME.to_csv(tmp_path / "x.csv", index=False)
    names = [chunk.name for chunk in source_of([tmp_path / "x.npy", tmp_path / "x.csv"]).chunks()]
    stored, table = (f"{str(tmp_path / name)!r}" for name in ("x.npy", "x.csv"))
    assert names == [f"chunk {i} of {stored}" for i in range(3)] + [
        f"chunk {i} of {table}" for i in range(3)
    ]
    assert [chunk.name for chunk in source_of(Again()).chunks(None, 1)] == ["chunk 1", "chunk 2"]


def test_a_chunk_is_given_back_before_the_next_is_read():
    made = []

    def read():
        for _ in range(3):
            assert all(ref() is None for ref in made)
            x = X.copy()
            made.append(weakref.ref(x))
            yield x
            del x

    one, two = parts.Part("a", read, 3 * N, is_one_chunk=False), parts.Part("b", read, 3 * N)
    deque(Parts([one, two]).chunks(), maxlen=0)
    deque(Passes(read).chunks(), maxlen=0)
    assert len(made) == 9


def test_blocks_of_rows():
    assert parts.row_blocks((50, D), 4) == [(0, 20), (20, 40), (40, 50)]
    assert parts.row_blocks((50, D), 4, 7) == [(0, 14), (14, 28), (28, 42), (42, 50)]
    assert parts.row_blocks((50, D), 4, 30) == [(0, 30), (30, 50)]  # more than fits, but stored so
    assert parts.row_blocks((0, D), 4) == []


# ------------------------------------------------------------------------------- several chunks
def chunks_of(*tables):
    return [Chunk(f"chunk {i}", table) for i, table in enumerate(tables)]


def test_joined_chunks():
    assert joined(chunks_of(X)) is X
    one, two = X[:20], X[20:]
    np.testing.assert_array_equal(joined(chunks_of(one, two)), X)
    assert joined(chunks_of(one, two)).dtype == X.dtype
    assert joined(chunks_of(one, two.astype(float))).dtype == float
    mixed = joined(chunks_of(one, sp.csr_matrix(two)))
    assert mixed.format == "csr"
    np.testing.assert_array_equal(mixed.toarray(), X)
    frame = joined(chunks_of(FRAME[:20], FRAME[20:]))
    pd.testing.assert_frame_equal(frame, FRAME)
    pl = pytest.importorskip("polars")
    frame = joined(chunks_of(pl.DataFrame({"a": [1]}), pl.DataFrame({"a": [2.5]})))
    assert frame["a"].to_list() == [1.0, 2.5]


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (X[:, :3], "chunk 1 has 3 columns, but chunk 0 has 4 columns"),
        (X[0], "chunk 1 has 1 dimensions, but chunk 0 has 4 columns"),
        (FRAME, "chunk 1 has the columns ['a', 'b', 'c', 'd', 'kind'], but chunk 0 has 4 columns"),
    ],
)
def test_joined_chunks_have_the_same_columns(other, said):
    with pytest.raises(ValueError, match="want the same columns in all chunks") as caught:
        joined(chunks_of(X, other))
    assert said in str(caught.value)


def test_joined_data():
    one, two = Data(X[:2], -1.0, 2.0, None), Data(X[2:], 0.0, 3.0, None, holes=True)
    both = joined_data([one, two])
    assert (both.low, both.high, both.holes) == (-1.0, 3.0, True)
    np.testing.assert_array_equal(both.X, X)
