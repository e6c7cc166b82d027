"""The texts of a large pool on disk, each once, in the order of their digests; their tables are mapped, not read.

The order of digests has no relation to that of the file: the first n texts are a uniform sample of all, the same
whatever the order of the lines, and a larger sample begins with the smaller one (bottom-k sketches, Cohen and Kaplan,
PODC 2007).
"""

import errno
import json
import os
import shutil
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from evokd.student.similar_texts import digest_form, normalise

TEXTS = "texts"
_BYTES = "texts.utf8"
_COUNTS = "counts.json"
_LEFT = 3_600.0
"""Seconds after which a file that nobody writes to is a killed run's."""
_TABLES = ("starts", "sizes", "numbers", "digests")
Rows = NDArray[np.int64]
"""Places of texts in the store, from 0."""


@dataclass(frozen=True, eq=False)
class PoolTexts:
    """Texts on disk, of which the first `count` are used. The tables are mapped into memory, not read."""

    file: Path
    count: int
    starts: NDArray[np.int64]
    sizes: NDArray[np.uint32]
    numbers: NDArray[np.int64]
    """Line of each text in the user's file."""
    digests: NDArray[np.uint64]
    """Ascending."""
    counts: Mapping[str, int]
    """Lines read, and how many of them were left out for which reason."""

    def __len__(self) -> int:
        """Count the texts that are used."""
        return self.count

    def read(self, rows: Iterable[int]) -> list[str]:
        """Read texts by their rows."""
        texts = []
        with self.file.open("rb") as file:
            for row in rows:
                file.seek(int(self.starts[row]))
                texts.append(file.read(int(self.sizes[row])).decode("utf-8"))
        return texts

    def find(self, forms: Iterable[str]) -> Rows:
        """Find the rows of normalised texts; those that are not there are passed over."""
        wanted = np.array(sorted({digest_form(form) for form in forms}), dtype=np.uint64)
        if not len(wanted) or not self.count:
            return np.zeros(0, dtype=np.int64)
        digests = self.digests[: self.count]
        places = np.minimum(np.searchsorted(digests, wanted), self.count - 1)
        rows: Rows = places[digests[places] == wanted].astype(np.int64)
        return rows

    def find_numbers(self, numbers: Sequence[int]) -> Rows:
        """Find the rows of lines of the user's file, ascending."""
        return np.flatnonzero(np.isin(self.numbers[: self.count], np.array(numbers, dtype=np.int64)))


def open_texts(folder: Path, limit: int | None) -> PoolTexts | None:
    """Open the texts in a folder; None where there are none, or not all of their files.

    Args:
        folder: that `build_texts` wrote.
        limit: use so many of them at most; None: all.
    """
    place = folder / TEXTS
    try:
        tables = {name: np.load(place / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in _TABLES}
        counts = json.loads((place / _COUNTS).read_text(encoding="utf-8"))
        is_whole = (place / _BYTES).stat().st_size == counts["bytes"]
    except (OSError, ValueError, EOFError, KeyError):
        return None
    sizes = {len(table) for table in tables.values()}
    if len(sizes) > 1 or not is_whole:
        return None
    kept = sizes.pop()
    return PoolTexts(place / _BYTES, kept if limit is None else min(limit, kept), counts=counts, **tables)


def build_texts(
    folder: Path,
    lines: Iterable[tuple[int, str]],
    is_valid: Callable[[str], bool],
    tell: Callable[[int], None] = lambda _: None,
) -> None:
    """Write the valid texts of a pool into a folder, each once; they appear whole or not at all.

    In memory are 28 bytes per line while lines are read, about 60 while they are put in order.

    Args:
        folder: made where it is missing; texts that stand there already are kept if another process was quicker.
        lines: number and text of each.
        is_valid: whether a text has a length that is accepted.
        tell: hears the number of lines read so far, now and then.

    Raises:
        InputError: a line cannot be read.
        OSError: the folder cannot be written; it is named.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sweep(folder, "part-*")
    part = folder / f"part-{uuid4().hex}"
    part.mkdir()
    try:
        _write(part, lines, is_valid, tell)
        _put(part, folder)
    except OSError as exc:
        if exc.filename is not None or isinstance(exc, InterruptedError):
            raise
        # an open file that cannot be written does not say which one it is, and numpy not even why
        code = exc.errno or errno.ENOSPC
        raise OSError(code, os.strerror(code), str(folder)) from exc
    finally:
        shutil.rmtree(part, ignore_errors=True)


def sweep(folder: Path, pattern: str) -> None:
    """Delete what killed runs have left half written; what was touched within the last hour may be another run's."""
    oldest = time.time() - _LEFT
    for path in folder.glob(pattern):
        with suppress(OSError):  # another run was quicker
            if max(item.stat().st_mtime for item in (path, *path.glob("*"))) < oldest:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _put(part: Path, folder: Path) -> None:
    """Give the finished texts their name, unless whole ones have it: another run may be reading them by now."""
    for _ in range(2):
        try:
            part.rename(folder / TEXTS)
        except OSError:
            if open_texts(folder, None) is not None:
                return
            shutil.rmtree(folder / TEXTS, ignore_errors=True)
        else:
            return
    part.rename(folder / TEXTS)


_TOLD_EVERY = 10_000


def _write(
    part: Path,
    lines: Iterable[tuple[int, str]],
    is_valid: Callable[[str], bool],
    tell: Callable[[int], None],
) -> None:
    counts: Counter[str] = Counter()
    ends, numbers, digests = array("q"), array("q"), array("Q")
    with (part / _BYTES).open("wb") as file:
        for number, text in lines:
            counts["lines"] += 1
            if counts["lines"] % _TOLD_EVERY == 0:
                tell(counts["lines"])
            if not is_valid(text):
                counts["invalid"] += 1
                continue
            counts["bytes"] += file.write(text.encode())
            ends.append(counts["bytes"])
            numbers.append(number)
            digests.append(digest_form(normalise(text)))
        file.flush()
        os.fsync(file.fileno())
    stops = np.array(ends, dtype=np.int64)
    starts = np.concatenate([np.zeros(min(1, len(stops)), dtype=np.int64), stops[:-1]])
    # of repeats, the first line in the file is the one that stays
    found, order = np.unique(np.array(digests, dtype=np.uint64), return_index=True)
    counts["repeated"] = len(digests) - len(found)
    _save(part / "starts.npy", starts[order])
    _save(part / "sizes.npy", (stops - starts)[order].astype(np.uint32))
    _save(part / "numbers.npy", np.array(numbers, dtype=np.int64)[order])
    _save(part / "digests.npy", found)
    (part / _COUNTS).write_text(json.dumps({"bytes": 0, **counts}), encoding="utf-8", newline="\n")


def _save(path: Path, table: NDArray[Any]) -> None:
    with path.open("wb") as file:
        np.save(file, table)
        file.flush()
        os.fsync(file.fileno())
