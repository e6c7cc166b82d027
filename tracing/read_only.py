"""Open a run's SQLite file to read it: nothing in its folder is made or changed, whoever writes there goes on."""

import shutil
import sqlite3
import tempfile
from pathlib import Path

from evokd.messages import EvokdError

_LOGS = ("-wal", "-journal")
"""Endings of the files beside a database that may hold rows which it lacks."""


_NEEDS_TO_WRITE = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
"""What SQLite says where it cannot use the index of a log as it is."""


def connect_to_read(path: Path, patience: float) -> sqlite3.Connection | None:
    """Connect to a database where it lies, for reading alone.

    Args:
        path: the file.
        patience: seconds to wait for whoever writes.

    Returns:
        The connection; None where only a copy can be read, since SQLite would have to write files beside the database.

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
        # As it is while a run goes on, and after a kill: SQLite reads the log as well, and leaves the index alone.
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
    """Copy a database to a temporary folder, under its own name, with the rows that only its log holds.

    Raises:
        EvokdError: there is no room for the copy.
    """
    try:
        place = tempfile.TemporaryDirectory(prefix="evokd-", ignore_cleanup_errors=True)
    except OSError as exc:
        raise EvokdError(_tell(path, exc)) from exc
    try:
        for name in (path.name, *(path.name + ending for ending in _LOGS)):
            source = path.with_name(name)
            if name == path.name or source.exists():
                shutil.copyfile(source, Path(place.name, name))
    except OSError as exc:
        place.cleanup()
        raise EvokdError(_tell(path, exc)) from exc
    return place


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


def _tell(path: Path, exc: OSError) -> str:
    told = exc.strerror or exc
    return f"{path}: can be read as a copy alone, and none can be made ({told}); set TMPDIR to a folder with room"
