"""A lock on a folder that ends with its process, on every system, and a note of the process that holds it."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, SoftFileLock, Timeout

LOCK = ".lock"
HOLDER = ".holder"
"""The number of the process that holds the lock. A separate file: on Windows, nobody can read a locked one."""


_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL}


class NoLocksError(Exception):
    """The file system of the folder has no locks."""


class HeldError(Exception):
    """Another process holds the lock."""

    def __init__(self, holder: int | None) -> None:
        super().__init__(holder)
        self.holder = holder
        """Number of that process; None if it is unknown."""


@contextlib.contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Lock a folder for this process; the system releases it when the process ends, however that happens.

    Raises:
        HeldError: another process, or another part of this one, holds it.
        NoLocksError: the file system has no locks.
        OSError: the folder cannot be written.
    """
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as exc:
        raise HeldError(_read_holder(folder / HOLDER)) from exc
    except (NotImplementedError, OSError) as exc:
        if isinstance(exc, OSError) and exc.errno not in _NO_LOCKS:
            raise
        raise NoLocksError from exc
    try:
        if isinstance(lock, SoftFileLock) and FileLock is not SoftFileLock:
            raise NoLocksError  # filelock would fall back to a file that outlives a kill
        with contextlib.suppress(OSError):  # a full disk: the lock holds without the number
            (folder / HOLDER).write_text(str(os.getpid()), encoding="ascii", newline="\n")
        yield
    finally:
        with contextlib.suppress(OSError):
            (folder / HOLDER).unlink(missing_ok=True)
        lock.release()


def _read_holder(path: Path) -> int | None:
    try:
        written = path.read_text(encoding="ascii")[:20]
    except (OSError, ValueError):
        return None
    return int(written) if written.isdigit() else None
