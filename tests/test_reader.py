"""Reading ahead, what errors in a chunk are called, and results by chunk."""

import gc
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from aevb.data.reader import Reader, by_chunk, located
from aevb.data.sources import Chunk, OnePass, Passes

X = np.random.default_rng(0).random((50, 4), dtype=np.float32)


# ---------------------------------------------------------------------------------- reading ahead
def wait_until(happens):
    end = time.monotonic() + 10
    while not happens():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.001)


def test_a_reader_has_the_items_by_their_number():
    reader = Reader(iter("abcdef"), 10)
    assert [reader.get(i) for i in (10, 10, 11, 14, 15, 16, 16)] == [*"aabef", None, None]
    assert reader.begin == 16
    assert Reader(iter("ab"), 0).get(7) is None


def test_it_reads_one_ahead_and_no_more():
    read = []

    def items():
        for i in range(9):
            read.append(threading.current_thread())
            yield i

    reader = Reader(items(), 0)
    time.sleep(0.02)
    assert read == []
    for i in range(4):
        assert reader.get(i) == i
        wait_until(lambda n=i + 2: len(read) == n)
        time.sleep(0.01)
        assert len(read) == i + 2
    assert len(set(read)) == 1
    assert read[0] is not threading.current_thread()


def test_an_error_comes_in_its_place():
    def items():
        yield 0
        raise OSError("the disk is gone")

    reader = Reader(items(), 0)
    assert reader.get(0) == 0
    for _ in range(2):
        with pytest.raises(OSError, match="the disk is gone"):
            reader.get(1)


def test_the_thread_ends_with_its_reader():
    closed = []

    def items():
        try:
            yield from range(9)
        finally:
            closed.append(True)

    others = set(threading.enumerate())  # some of which may end meanwhile
    reader = Reader(items(), 0)
    assert reader.get(0) == 0
    (own,) = set(threading.enumerate()) - others
    del reader
    gc.collect()
    wait_until(lambda: not own.is_alive() and closed)


def test_ctrl_c_ends_the_wait_for_a_reader_that_blocks_and_loses_nothing():
    go_on = threading.Event()

    def items():
        yield 0
        go_on.wait()
        yield 1

    reader = Reader(items(), 0)
    reader.get(0)
    default = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        with pytest.raises(KeyboardInterrupt):
            reader.get(1)
    finally:
        signal.signal(signal.SIGALRM, default)
    go_on.set()
    assert [reader.get(1), reader.get(2)] == [1, None]


def test_a_program_ends_though_its_reader_blocks(tmp_path):
    code = (
        "import threading\n"
        "from aevb.data.reader import Reader\n"
        "def items():\n"
        "    yield 0\n"
        "    threading.Event().wait()\n"
        "reader = Reader(items(), 0)\n"
        "print(reader.get(0))\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert (done.stdout, done.stderr, done.returncode) == ("0\n", "", 0)


# --------------------------------------------------------------------------------- where it fails
def refuse(*rows):
    """Work that fails at these rows, which column 0 names."""

    def work(table):
        values = table.iloc[:, 0] if hasattr(table, "iloc") else np.asarray(table)[:, 0]
        for row in rows:
            if row in list(values):
                raise ValueError(f"X: got {row}")
        return len(values)

    return work


NUMBERED = np.arange(20.0)[:, None]


@pytest.mark.parametrize("table", [NUMBERED, NUMBERED.tolist(), pd.DataFrame(NUMBERED)])
@pytest.mark.parametrize(("rows", "first"), [([0], 0), ([7], 7), ([19], 19), ([9, 3], 3)])
def test_an_error_names_chunk_and_row(table, rows, first):
    assert located(Chunk("chunk 4", table), refuse(77)) == 20
    with pytest.raises(ValueError, match=rf"^chunk 4, row {first}: X: got \d+$"):
        located(Chunk("chunk 4", table), refuse(*rows))


@pytest.mark.parametrize("table", [NUMBERED, 3, sp.coo_matrix(NUMBERED)])
def test_an_error_of_all_rows_names_the_chunk(table):
    def work(_):
        raise TypeError("X: wrong")

    with pytest.raises(TypeError, match=r"^chunk 4: X: wrong$"):
        located(Chunk("chunk 4", table), work)


def test_results_by_chunk_leave_out_what_is_empty():
    source = Passes(lambda: [X[:0], X[:20], X[20:]])
    assert by_chunk(source, len) == [20, 30]
    for empty in (OnePass(iter([])), Passes(lambda: [X[:0]])):
        with pytest.raises(ValueError, match=r"^X: got a source without rows, want at least 1$"):
            by_chunk(empty, len)
