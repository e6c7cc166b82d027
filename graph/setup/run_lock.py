"""A lock on a folder that ends with its process, on every system, and a note of the process that holds it.

A run in a database has a second lock there, against other machines.
"""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, SoftFileLock, Timeout

from evokd.tracing.postgres.address import read_pointer
from evokd.tracing.store import is_in_database

LOCK = ".lock"
HOLDER = ".holder"
"""The number of the process that holds the lock. A separate file: on Windows, nobody can read a locked one."""

_TICKS = 100
"""Clock ticks per second in which Linux tells when a process began (USER_HZ)."""
_SLACK = 5.0
"""Seconds by which a file's time and a process' start may differ although the process wrote the file at its start."""
_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL}


class NoLocksError(Exception):
    """The file system of the folder has no locks."""


class HeldError(Exception):
    """Another process holds the lock."""

    def __init__(self, holder: int | None) -> None:
        super().__init__(holder)
        self.holder = holder
        """Number of that process; None if it is unknown."""


def hold_in_database(ledger: Path) -> contextlib.AbstractContextManager[None]:
    """Lock a run in its database for this process; nothing is done for a run that is kept in its folder alone.

    Raises:
        RunHeldError: another process holds it.
        InputError: the server refuses, or does not have the run.
    """
    if not is_in_database(ledger):
        return contextlib.nullcontext()
    address = read_pointer(ledger)  # tells if the driver is missing
    from evokd.tracing.postgres.session import hold_run

    return hold_run(address)


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


def is_held(folder: Path) -> bool:
    """Tell whether a living process holds the lock of a folder, without touching the lock.

    A process that tried the lock to find out could make the one that wants it fail. A process of another machine or
    container that shares the folder is not seen.
    """
    if os.name == "nt":
        try:
            (folder / LOCK).read_bytes()
        except PermissionError:  # the locked byte cannot be read
            return True
        except OSError:
            return False
        return False
    holder = _read_holder(folder / HOLDER)
    return holder is not None and _lives(holder, folder / HOLDER)


def _lives(number: int, note: Path) -> bool:
    """Whether the process with this number lives and may be the one that wrote the note."""
    try:
        os.kill(number, 0)
    except PermissionError:  # it is another user's
        pass
    except (OSError, OverflowError):
        return False
    # after a kill the number may have gone to a process that began later
    started, noted = _read_start(number), note.stat().st_mtime if note.exists() else None
    return started is None or noted is None or started <= noted + _SLACK


def _read_start(number: int) -> float | None:
    """When a process began, in seconds of the system's clock; None where nobody knows."""
    try:
        told = Path(f"/proc/{number}/stat").read_text(encoding="utf-8", errors="replace")
        ticks = int(told.rsplit(")", 1)[1].split()[19])  # field 22; a name in brackets may hold anything
        system = Path("/proc/stat").read_text(encoding="ascii").split()
        return float(system[system.index("btime") + 1]) + ticks / _TICKS
    except (OSError, ValueError, IndexError, AttributeError):
        return None


def _read_holder(path: Path) -> int | None:
    try:
        written = path.read_text(encoding="ascii")[:20]
    except (OSError, ValueError):
        return None
    return int(written) if written.isdigit() else None
