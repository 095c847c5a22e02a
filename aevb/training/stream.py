"""What a run trains on: a source of chunks, which a thread reads ahead."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from aevb.core.checks import check_integer
from aevb.core.engine import Config, Engine, Rows, Subset
from aevb.core.state import Mark, Place, RunState
from aevb.core.units import Units
from aevb.data.join import joined, joined_data
from aevb.data.reader import Reader, located, n_rows_of
from aevb.data.rows import as_rows
from aevb.data.sources import Chunk, Source, source_of
from aevb.data.validation import Data, check_data
from aevb.training.exchange import Exchange
from aevb.training.feed import N_SOME_ROWS, Facts, Feed
from aevb.training.length import stops_early
from aevb.training.trainable import Trainable
from aevb.training.validation import Validation

ENTRY_ROWS = 100_000  # from one entry of the history to the next, while no epoch's end is known


class _Checked(NamedTuple):
    """Rows that the model accepts."""

    data: Data
    rows: Rows


class _Block(NamedTuple):
    """Some whole chunks of a pass, which are shuffled together."""

    epoch: int | None
    n_before: int
    n_chunks: int
    checked: _Checked


class _Checker:
    """Checks chunks. Until there is a judge, it leaves them as they are."""

    judge: Any = None
    units: Units
    config: Config

    def __call__(self, chunk: Chunk) -> Chunk | _Checked:
        if self.judge is None or n_rows_of(chunk.X) == 0:
            return chunk
        return located(chunk, self._check)

    def _check(self, X: Any) -> _Checked:
        data = check_data(self.judge, X)
        if not isinstance(X, np.ndarray) and not sparse.issparse(X):
            # a frame stores columns, but a minibatch has rows from anywhere
            data = data._replace(X=np.ascontiguousarray(data.X))
        return _Checked(data, as_rows(data, self.units, self.config))


def feed_of(
    model: Trainable,
    X: Any,
    X_val: Any,
    buffer_rows: int | None,
    resumed: RunState | None,
    exchange: Exchange,
    facts: Facts,
) -> Feed:
    """Return what a run trains on: a table, or a stream if X is a source of chunks.

    Raises
    ------
    ValueError, TypeError
        If an argument is not valid, or if a resumed run was training on the other kind.
    """
    source = source_of(X)
    if resumed is not None and (resumed.place is None) != (source is None):
        kinds = ("one table", "a source of chunks")
        got, want = kinds if source is None else kinds[::-1]
        raise ValueError(f"X: got {got}, but the run was training on {want}")
    if source is not None:
        if exchange.n_ranks > 1:
            raise ValueError("comm: X is a source of chunks; want one table on each rank")
        if buffer_rows is not None:
            buffer_rows = check_integer("buffer_rows", buffer_rows)
        place = None if resumed is None else resumed.place
        return Stream(model, source, X_val, buffer_rows, place)
    if buffer_rows is not None:
        raise ValueError(f"buffer_rows: got {buffer_rows!r}, but X is one table; want None")
    return Feed(model, X, X_val, exchange, facts)


class Stream(Feed):
    """The rows of a source, in blocks of whole chunks.

    A block has at least `buffer_rows` rows, and at least a minibatch. The core shuffles its rows as
    it shuffles those of a table in an epoch. The first chunks of the source determine the columns,
    their units and the likelihood.
    """

    def __init__(
        self,
        model: Trainable,
        source: Source,
        X_val: Any,
        buffer_rows: int | None,
        place: Place | None,
    ) -> None:
        if model._has_chains:
            raise TypeError(
                f"X: got a source of chunks, but {type(model).__name__} keeps a Markov chain for "
                f"each row; want one table"
            )
        self._source, self._checker, self._X_val = source, _Checker(), X_val
        self._verbose = bool(model.verbose)
        self._block_rows = max(int(model.batch_size), buffer_rows or 0)
        n_steps = 0 if model._state is None else model._state.engine.n_steps
        if place is not None:
            self._block_rows, n_steps = place.block_rows, place.epoch.n_steps
        self.n_rows = self.n_train = source.n_rows or (place and place.n_rows) or math.inf
        self._n_val = 0
        self._decides = self._is_stopped_by(model, given=X_val is not None)
        self._current: _Block | None = None
        self._reader: Reader[Chunk | _Checked] | None = None
        self._items: dict[int, Chunk | _Checked] = {}  # of the block that is being gathered
        self._epoch = None if source.is_numbered else n_steps
        self.data = self._first_data(model)

    @staticmethod
    def _is_stopped_by(model: Trainable, *, given: bool) -> bool:
        """Tell whether held-out rows decide, which must be given."""
        wants = not isinstance(model.early_stopping, str) and bool(model.early_stopping)
        if wants and not given:
            raise ValueError(
                f"early_stopping: got {model.early_stopping!r}, but no rows of a source of chunks "
                f"are held out; want Trainer(..., X_val=...), or early_stopping='auto'"
            )
        decides = given and stops_early(model.early_stopping, 0, given=True)
        if model.patience is not None and not decides:
            raise ValueError(
                f"patience: got {model.patience}, but no rows of a source of chunks are held out "
                f"to stop by; want Trainer(..., X_val=...)"
            )
        return decides

    def _first_data(self, model: Trainable) -> Data:
        """Return the rows of the first block, in the source's own order."""
        items = self._gather(self._epoch, 0)
        chunks = [chunk for chunk in items if isinstance(chunk, Chunk) and n_rows_of(chunk.X) > 0]
        if not chunks:
            raise ValueError("X: got a source without rows, want at least 1")
        name = chunks[0].name if len(chunks) == 1 else f"{chunks[0].name} to {chunks[-1].name}"
        is_new = model._state is None
        whole = Chunk(name, joined(chunks))
        return located(whole, lambda X: check_data(model, X, is_new=is_new))

    def set_rows(self, engine: Engine, config: Config) -> None:
        """Check the first block for the core, and the rows that are held out."""
        checker, units = self._checker, engine.units
        checker.units, checker.config = units, config
        self._seed = int(config.as_dict()["seed"])
        checker.judge = self.data.judge  # last: the thread looks for it
        block = self._block(self._epoch, 0)
        assert block is not None
        data = block.checked.data
        some = data._replace(X=data.X[:N_SOME_ROWS].copy())  # a view would keep all rows
        self.data = some
        self.some_rows = as_rows(some, units, config)
        self._use(block)
        if self._source.is_numbered:
            self._reader = None  # an epoch has another order
        self.validation = Validation(self.some_rows, Subset(0, 0, split=False), decides=False)
        self._set_given_rows(units, config)
        if self._verbose:
            _print_memory(block)

    def n_epochs(self, n_epochs: int | str) -> int:
        """Return the number of epochs that a model's `n_epochs` stands for.

        Raises
        ------
        ValueError
            If the source has its rows fewer times.
        """
        if n_epochs == "auto" and self._source.n_passes == 1:
            return 1
        n = super().n_epochs(n_epochs)
        if n > self._source.n_passes:
            raise ValueError(
                f"X: got an iterator, which has its rows once, but n_epochs={n_epochs}; want "
                f"n_epochs=1, or a callable that returns a new iterator"
            )
        return n

    @property
    def checkpoint_every(self) -> int:
        """Rows from one checkpoint to the next, unless the caller says it."""
        return int(self.n_train) if math.isfinite(self.n_train) else ENTRY_ROWS

    @property
    def is_over_after_epoch(self) -> bool:
        """Whether there are no rows after this epoch."""
        return self._source.n_passes == 1

    def first(self, engine: Engine) -> RunState:
        """Return the state of a run before its first block."""
        mark, n_rows = Mark.of(engine), self._source.n_rows or 0
        place = Place(mark, mark, self._block_rows, n_rows)
        return RunState(mark, n_prior=n_rows, n_train=0, place=place)

    def load(self, run: RunState) -> None:
        """Make `rows` and `subset` those of a run's block.

        Raises
        ------
        ValueError
            If the source no longer has these rows.
        """
        place = _place(run)
        block = self._block(place.epoch.n_steps, place.n_before)
        if block is None or block.checked.data.n_rows != run.n_train:
            raise ValueError("X: got other rows than before; want the same rows in each pass")
        self._use(block)

    def next_block(self, run: RunState, engine: Engine) -> RunState | None:
        """Return the run at the next block of its epoch, or None at the end of the epoch.

        While the number of rows is not known, the prior on the weights counts those seen.
        """
        place = _place(run)
        n_before = place.n_before + place.n_chunks
        block = self._block(place.epoch.n_steps, n_before)
        if block is None:
            if n_before == 0:
                raise ValueError(
                    "X: got no rows in a new pass over the source; want a new iterator each time"
                )
            return None
        n_rows = block.checked.data.n_rows
        return run._replace(
            start=Mark.of(engine),
            n_train=n_rows,
            n_prior=run.n_prior + (n_rows if place.n_rows == 0 else 0),
            place=place._replace(n_before=n_before, n_chunks=block.n_chunks),
        )

    def due(self, run: RunState, engine: Engine, *, run_ends: bool = False) -> bool | None:
        """Tell whether an entry of the history is due. True: at the end of the epoch."""
        place, n_seen = _place(run), engine.n_samples_seen
        if place.n_rows == 0:
            n_new = n_seen - place.entry.n_samples
            block_ends = n_seen - run.start.n_samples >= run.n_train
            is_due = n_new > 0 if run_ends else block_ends and n_new >= ENTRY_ROWS
            return False if is_due else None
        # Only reading tells whether a pass has as many rows as the last.
        is_sure = run_ends or self._source.n_rows is not None
        return True if is_sure and n_seen - place.epoch.n_samples >= place.n_rows else None

    def after_entry(self, run: RunState, engine: Engine, *, epoch_ends: bool) -> RunState:
        """Return a run after an entry of the history, before its next block if the epoch ends."""
        place, mark = _place(run), Mark.of(engine)
        if not epoch_ends:
            return run._replace(place=place._replace(entry=mark))
        n_rows = self._source.n_rows or mark.n_samples - place.epoch.n_samples
        self.n_train = n_rows
        return run._replace(
            start=mark, n_train=0, place=Place(mark, mark, place.block_rows, n_rows)
        )

    def _use(self, block: _Block) -> None:
        self.rows = block.checked.rows
        self.subset = Subset(0, block.checked.data.n_rows, split=False)

    def _block(self, epoch: int | None, n_before: int) -> _Block | None:
        """Return the block after the first `n_before` chunks of a pass, or None after the last."""
        block = self._current
        if block is not None and (block.epoch, block.n_before) == (epoch, n_before):
            return block
        if block is not None:  # give back its memory before the next is read
            self._current, self.rows, block = None, self.some_rows, None
        items = self._gather(epoch, n_before)
        parts = [item for item in items if isinstance(item, _Checked)]
        if not parts:
            return None
        checked = parts[0]
        if len(parts) > 1:
            data = joined_data([part.data for part in parts])
            rows = as_rows(data, self._checker.units, self._checker.config)
            checked = _Checked(data, rows)
        block = _Block(epoch, n_before, len(items), checked)
        self._current, self._items = block, {}
        return block

    def _gather(self, epoch: int | None, n_before: int) -> list[Chunk | _Checked]:
        """Return chunks with enough rows for a block, or all that are left of the pass."""
        items: list[Chunk | _Checked] = []
        n_rows = 0
        while n_rows < self._block_rows:
            item = self._item(epoch, n_before + len(items))
            if item is None:
                break
            items.append(item)
            n_rows += item.data.n_rows if isinstance(item, _Checked) else n_rows_of(item.X)
        return items

    def _item(self, epoch: int | None, i: int) -> Chunk | _Checked | None:
        """Return chunk i of a pass, which is checked if the model is known and it has rows."""
        reader = self._reader
        if epoch != self._epoch or reader is None or (i not in self._items and i < reader.begin):
            reader = self._open(epoch, i)
        if i not in self._items:
            try:
                item = reader.get(i)
            except KeyboardInterrupt:
                raise
            except BaseException:
                self._reader = None  # which has ended; another try opens the source anew
                raise
            if item is None:
                return None
            self._items[i] = item
        item = self._items[i]
        if isinstance(item, Chunk):  # that was read before the model was known
            item = self._items[i] = self._checker(item)
        return item

    def _open(self, epoch: int | None, begin: int) -> Reader[Chunk | _Checked]:
        order = (self._seed, epoch) if self._source.is_numbered and epoch is not None else None
        chunks: Iterator[Chunk] = self._source.chunks(order, begin)
        self._epoch, self._items = epoch, {}
        self._reader = Reader(map(self._checker, chunks), begin)
        return self._reader


def _place(run: RunState) -> Place:
    assert run.place is not None
    return run.place


def _print_memory(block: _Block) -> None:
    """Print how much memory the rows take: two chunks, or two blocks and one while it is joined."""
    X, n = block.checked.data.X, block.n_chunks
    n_bytes = X.data.nbytes + X.indices.nbytes if sparse.issparse(X) else X.nbytes
    most = 2 * n_bytes + (n_bytes / n if n > 1 else 0)
    print(
        f"blocks of {block.checked.data.n_rows} rows, about {most / 1e6:.3g} MB in memory",
        file=sys.stderr,
    )
