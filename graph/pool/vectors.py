"""The vectors of a large pool on disk, in shards: half precision, mapped into memory, computed once.

A shard is a file of its own, written whole or not at all, so that an interruption costs one shard and any file may be
deleted: what is missing is computed again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evokd.graph.pool.texts import Rows

SHARD = 8_192
"""Texts per shard."""
Matrix = NDArray[np.float32]


class Shard(NamedTuple):
    """A part of the pool whose vectors stand in one file."""

    start: int
    """First row."""
    stop: int
    """Row behind the last."""
    path: Path


@dataclass(frozen=True, eq=False)
class PoolVectors:
    """Vectors of the first `count` texts of a pool, of length 1 each."""

    folder: Path
    count: int

    @cached_property
    def shards(self) -> tuple[Shard, ...]:
        """All shards, in order."""
        starts = range(0, self.count, SHARD)
        stops = [min(start + SHARD, self.count) for start in starts]
        paths = [self._place(number, stops[number] - starts[number]) for number in range(len(starts))]
        return tuple(map(Shard, starts, stops, paths))

    def _place(self, number: int, size: int) -> Path:
        """Find the file of a shard, which may hold that of a larger pool, or name it.

        A shard that is not full has its size in its name, so that no run with a smaller `curriculum.pool.lines` puts
        it in the place of the larger one that another run has just written.
        """
        name = f"{number:05d}"
        for path in sorted(self.folder.glob(f"{name}*.npy")):
            if _is_whole(Shard(0, size, path)):
                return path
        return self.folder / (f"{name}.npy" if size == SHARD else f"{name}-{size}.npy")

    @cached_property
    def mean(self) -> Matrix:
        """The mean vector, (features,), of the first shard, whose texts are a uniform sample."""
        first = self.shards[0]
        mean: Matrix = _widen(_open(first)[: first.stop]).mean(axis=0)
        return mean

    def missing(self) -> list[Shard]:
        """List the shards that are not there, or not whole."""
        return [shard for shard in self.shards if not _is_whole(shard)]

    def blocks(self) -> Iterator[tuple[int, Matrix]]:
        """Give shard after shard: its first row, and its vectors (texts, features), float32."""
        for shard in self.shards:
            yield shard.start, _widen(_open(shard)[: shard.stop - shard.start])

    def take(self, rows: Rows | Sequence[int]) -> Matrix:
        """Give the vectors of some texts, (rows, features), float32."""
        wanted = np.asarray(rows, dtype=np.int64)
        found: Matrix | None = None
        for number in np.unique(wanted // SHARD):
            table = _open(self.shards[number])
            if found is None:
                found = np.empty((len(wanted), table.shape[1]), dtype=np.float32)
            here = np.flatnonzero(wanted // SHARD == number)
            found[here] = table[wanted[here] - number * SHARD]
        return np.zeros((0, 0), dtype=np.float32) if found is None else found

    def nearest(self, queries: Matrix, each: int, but: NDArray[np.bool_]) -> Rows:
        """Find the texts of the whole pool that are nearest to some vectors: an exact search, shard by shard.

        Likeness is the scalar product with what sets a vector apart from the mean of the pool: what all texts share
        says nothing (of the eight nearest, 3 to 6 % more have the same label than by the plain product).

        Args:
            queries: (q, features), of length 1.
            each: how many texts for each of them.
            but: (count,), which texts are passed over.

        Returns:
            Rows of at most q * each texts, ascending, each once.
        """
        queries = queries - self.mean
        best = np.full((len(queries), each), -np.inf, dtype=np.float32)
        rows = np.full((len(queries), each), -1, dtype=np.int64)
        for start, block in self.blocks():
            likeness = queries @ block.T
            likeness[:, but[start : start + len(block)]] = -np.inf
            count = min(each, likeness.shape[1])
            top = np.argpartition(-likeness, count - 1, axis=1)[:, :count]
            merged = np.concatenate([best, np.take_along_axis(likeness, top, axis=1)], axis=1)
            places = np.concatenate([rows, top + start], axis=1)
            keep = np.argsort(-merged, axis=1, kind="stable")[:, :each]
            best, rows = np.take_along_axis(merged, keep, axis=1), np.take_along_axis(places, keep, axis=1)
        return np.unique(rows[np.isfinite(best)])


def _open(shard: Shard) -> NDArray[np.float16]:
    table: NDArray[np.float16] = np.load(shard.path, mmap_mode="r", allow_pickle=False)
    return table


_WIDE = np.arange(2**16, dtype=np.uint16).view(np.float16).astype(np.float32)
"""Every number of half precision in single precision; looking numbers up takes a fifth of the time of a conversion."""


def _widen(table: NDArray[np.float16]) -> Matrix:
    wide: Matrix = _WIDE[table.view(np.uint16)]
    return wide


def _is_whole(shard: Shard) -> bool:
    """Whether a file holds the vectors of a shard; one of a larger pool has more of them, in the same order."""
    try:
        table = _open(shard)
    except (OSError, ValueError, EOFError):
        return False
    return table.ndim == 2 and len(table) >= shard.stop - shard.start
