"""Turns disk errors into one line each: full, read-only, over a limit, no permission, damaged."""

import errno
import os
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evokd.graph.setup.run_folder import RunFolder
from evokd.messages import EvokdError
from evokd.student.process.client import StudentError
from evokd.tracing.store import LedgerError, StoreLostError, StoreRefusedError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_CLOSED = {errno.EROFS, errno.EACCES, errno.EPERM}
_BROKEN = {errno.EIO, errno.ESTALE, errno.ENXIO}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_SQLITE = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_PERM: errno.EACCES,
    sqlite3.SQLITE_CANTOPEN: errno.EACCES,
    sqlite3.SQLITE_IOERR: errno.EIO,
}
"""SQLite errors and the system errors they stand for; SQLite reports a file size limit as an I/O error."""
_NOTHING = 64 * 1024
"""Free bytes below which an I/O error of SQLite means a full disk: some of its files are mapped, not written."""
_TOLD = {
    "no space left": errno.ENOSPC,
    "disk quota": errno.EDQUOT,
    "file too large": errno.EFBIG,
    "read-only file system": errno.EROFS,
    "permission denied": errno.EACCES,
    "input/output error": errno.EIO,
}
"""The same in words, as the student process and `shutil.copytree` report them."""


class DiskError(EvokdError):
    """A file or the database of the run fails; once that is mended, the run resumes from its last checkpoint."""

    def __init__(self, message: str, folder: Path | None) -> None:
        super().__init__(message)
        self.folder = folder
        """The run to resume; None if none was started."""


@contextmanager
def disk_errors(folder: RunFolder) -> Iterator[None]:
    """Turn every disk error of a run into one kind of error.

    Raises:
        DiskError: what could not be written, where, how much is free, and what to do.
    """
    try:
        yield
    except (OSError, sqlite3.Error, LedgerError, StudentError) as exc:
        message = _tell(exc, folder)
        if message is None:
            raise
        raise DiskError(message, folder.path if folder.config.is_file() else None) from exc


def _tell(exc: Exception, folder: RunFolder) -> str | None:
    """Say what happened to which file or server; None if it was neither."""
    if isinstance(exc, StoreLostError | StoreRefusedError):
        return str(exc)
    cause = exc.__cause__ if isinstance(exc, LedgerError) else exc
    if isinstance(cause, sqlite3.Error):
        path = folder.ledger if isinstance(exc, LedgerError) else folder.checkpoints
        return _tell_sqlite(cause, path)
    if isinstance(cause, shutil.Error | StudentError):
        return _tell_words(cause, folder)
    if isinstance(cause, OSError) and cause.errno is not None:
        return _tell_code(cause.errno, Path(cause.filename or folder.path), cause.strerror or str(cause))
    return None


def _tell_sqlite(exc: sqlite3.Error, path: Path) -> str | None:
    # extended codes hold the basic one in their lowest byte
    code = getattr(exc, "sqlite_errorcode", 0) & 0xFF
    if code in _DAMAGED:
        again = (
            "remove it to start again from the stored replies" if path.name == "checkpoints.db" else "start a new run"
        )
        return f"{path}: damaged ({exc}); restore a copy of the file, or {again}"
    if code == sqlite3.SQLITE_IOERR and _free_bytes(path) < _NOTHING:
        return _tell_code(errno.ENOSPC, path, f"{exc}: {os.strerror(errno.ENOSPC)}")
    return _tell_code(_SQLITE[code], path, str(exc)) if code in _SQLITE else None


def _tell_words(exc: Exception, folder: RunFolder) -> str | None:
    text = str(exc)
    for words, code in _TOLD.items():
        if words in text.lower():
            named = re.findall(r"'(/[^']+)'", text)
            path = folder.work if isinstance(exc, StudentError) else folder.student
            path = Path(named[-1]) if named else path
            return _tell_code(code, path, os.strerror(code))
    return None


def _tell_code(code: int, path: Path, reason: str) -> str | None:
    if code in _FULL:
        return f"{path}: cannot be written ({reason}); {_free(path)}; make room first"
    if code in _CLOSED:
        return f"{path}: cannot be written ({reason}); give this user write permission there first"
    if code in _BROKEN:
        return f"{path}: cannot be written or read ({reason}); {_free(path)}; make room or repair the disk first"
    return None


def _free_bytes(path: Path) -> float:
    """Free bytes on the disk of a file; infinite if unknown."""
    folder = next((parent for parent in (path, *path.parents) if parent.is_dir()), None)
    try:
        return shutil.disk_usage(folder or "/").free
    except OSError:
        return float("inf")


def _free(path: Path) -> str:
    """How much space is free on the disk of a file, in words."""
    free = _free_bytes(path)
    if free == float("inf"):
        return "free space there is unknown"
    size = int(free)
    units = ["bytes", "KB", "MB", "GB"]
    while size >= 1024 and len(units) > 1:
        size //= 1024
        units.pop(0)
    return f"{size} {units[0]} free there"
