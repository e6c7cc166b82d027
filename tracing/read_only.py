"""Open the SQLite file of a run for reading, without changing its folder or stopping a process that writes there."""

import shutil
import sqlite3
import tempfile
from pathlib import Path

from evokd.messages import EvokdError

_LOGS = ("-wal", "-journal")
"""Endings of the files beside a database that may hold newer rows."""
_NEEDS_TO_WRITE = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
"""Errors of SQLite where it cannot use the index of a log without writing to it."""


def connect_to_read(path: Path, patience: float) -> sqlite3.Connection | None:
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
    if not log.exists():
        # Nobody has the file open, for a writer keeps a log beside it. Without `immutable` SQLite would make one too.
        return _connect(path, "mode=ro&immutable=1", patience)
    if index.exists():
        # As during a run and after a kill: SQLite reads the log as well, and does not change the index.
        try:
            return _connect(path, "mode=ro&readonly_shm=1", patience)
        except sqlite3.OperationalError as exc:
            if getattr(exc, "sqlite_errorcode", 0) & 0xFF in _NEEDS_TO_WRITE:
                return None
            raise
    if not log.stat().st_size:
        return _connect(path, "mode=ro&immutable=1", patience)
    return None


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
