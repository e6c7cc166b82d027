"""Open the SQLite file of a run for reading, without changing its folder or stopping a process that writes there."""

import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

from evokd.messages import EvokdError

_LOGS = ("-wal", "-journal")
"""Endings of the files beside a database that may hold newer rows."""
_NEEDS_TO_WRITE = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
"""Errors of SQLite where it cannot use the index of a log without writing to it."""
_PAUSE = 0.005
"""Seconds until the next attempt where SQLite does not wait itself."""


BUSY = frozenset({sqlite3.SQLITE_BUSY})
"""Primary codes of errors that pass when another connection has done its work."""

T = TypeVar("T")
FileState = tuple[int, int, int | None]
"""Time in ns and size of a database, and the size of its log; None: it has no log."""


class Reading(NamedTuple):
    """A connection for reading only."""

    connection: sqlite3.Connection
    still: FileState | None
    """Set where SQLite takes no locks, as nobody had the file open: what is read holds as long as the file is in this
    state. None: SQLite heeds those who write."""


def connect_to_read(path: Path, patience: float) -> Reading | None:
    """Connect to a database for reading only, without a copy.

    Args:
        path: the file.
        patience: seconds to wait for a writer.

    Returns:
        The connection; None where SQLite would have to write files beside the database, so that only a copy can be
        read.

    Raises:
        sqlite3.Error: the file cannot be opened.
    """
    log, index = (path.with_name(path.name + ending) for ending in ("-wal", "-shm"))
    if path.with_name(f"{path.name}-journal").exists():
        return None
    if log.exists() and index.exists():
        # As during a run and after a kill: SQLite reads the log as well, and does not change the index.
        try:
            return Reading(_connect(path, "mode=ro&readonly_shm=1", patience), None)
        except sqlite3.OperationalError as exc:
            if _code(exc) not in _NEEDS_TO_WRITE:
                raise
            if log.exists():
                return None
            # else its last writer has just closed the file
    state = find_state(path)
    if state[2]:
        return None
    # Nobody has the file open, for a writer keeps a log beside it. Without `immutable` SQLite would make one too.
    return Reading(_connect(path, "mode=ro&immutable=1", patience), state)


def find_state(path: Path) -> FileState:
    """Look at what changes when somebody opens a database to write.

    Raises:
        sqlite3.OperationalError: the file is gone.
    """
    try:
        own = path.stat()
    except OSError as exc:
        raise sqlite3.OperationalError(str(exc)) from exc
    try:
        size = path.with_name(f"{path.name}-wal").stat().st_size
    except FileNotFoundError:
        size = None
    return own.st_mtime_ns, own.st_size, size


def insist(attempt: Callable[[], T], patience: float, codes: frozenset[int] = BUSY) -> T:
    """Try again for `patience` seconds where SQLite gives up at once, as beside the last writer that closes its file.

    Args:
        attempt: leaves nothing behind where it fails.
        patience: seconds.
        codes: primary error codes of SQLite that may pass.

    Raises:
        sqlite3.Error: it failed otherwise, or to the end.
    """
    until = time.monotonic() + patience
    while True:
        try:
            return attempt()
        except sqlite3.Error as exc:
            if _code(exc) not in codes or time.monotonic() > until:
                raise
        time.sleep(_PAUSE)


def _code(exc: sqlite3.Error) -> int:
    """The primary error code."""
    return getattr(exc, "sqlite_errorcode", 0) & 0xFF


def copy_to_read(path: Path) -> "tempfile.TemporaryDirectory[str]":
    """Copy a database to a temporary folder, under the same name and with its log.

    Raises:
        EvokdError: there is no room for the copy.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix="evokd-", ignore_cleanup_errors=True)
    except OSError as exc:
        raise EvokdError(_explain(path, exc)) from exc
    try:
        for name in (path.name, *(path.name + ending for ending in _LOGS)):
            source = path.with_name(name)
            if name == path.name or source.exists():
                shutil.copyfile(source, Path(folder.name, name))
    except OSError as exc:
        folder.cleanup()
        raise EvokdError(_explain(path, exc)) from exc
    return folder


def _connect(path: Path, how: str, patience: float) -> sqlite3.Connection:
    return insist(lambda: _connect_once(path, how, patience), patience)


def _connect_once(path: Path, how: str, patience: float) -> sqlite3.Connection:
    db = sqlite3.connect(
        f"{path.absolute().as_uri()}?{how}", patience, check_same_thread=False, isolation_level=None, uri=True
    )
    try:
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()  # nothing is opened before the first query
    except sqlite3.Error:
        db.close()
        raise
    return db


def _explain(path: Path, exc: OSError) -> str:
    reason = exc.strerror or exc
    return f"{path}: can be read as a copy alone, and none can be made ({reason}); set TMPDIR to a folder with room"
