"""The files of a run's folder in its database, so that the run can be resumed where there is no such folder.

Whatever the folder holds after a node is stored before the checkpoint that says so, in pieces of a few megabytes. The
event log only grows, so of it only what is new is sent.
"""

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

import psycopg

from evokd.messages import EvokdError
from evokd.tracing.postgres.address import StoreAddress
from evokd.tracing.postgres.connection import Connection
from evokd.tracing.postgres.faults import damage_told
from evokd.tracing.postgres.session import RunSession, find_session
from evokd.tracing.postgres.store import PostgresStore
from evokd.tracing.store import POINTER

EVENTS = "events.jsonl"
DOMAIN = "domain"
"""Folder of the copy of the domain."""
_RECORD = ("config.yaml", EVENTS, "summary.json")
PIECE = 4 * 2**20
"""Bytes of a file in one row."""
_NOT_SENT = frozenset(
    {POINTER, ".lock", ".holder", "student.log", "report.html", DOMAIN, ".student.partial", ".evokd_pool"}
)
"""What belongs to a machine or can be made again, a large pool among it; the domain is stored once, at the start."""
_GOES = "work"
"""The folder whose files are deleted in the database as well when the run no longer needs them."""
_MIRRORS: dict[RunSession, "FolderMirror"] = {}
"""The mirrors of the runs that this process holds."""
Stamp = tuple[int, int]
"""Size in bytes and time of the last change in nanoseconds: tells whether a file is known."""


class FolderMirror:
    """Stores the files of a run's folder, and makes them anew from what is stored.

    Args:
        folder: the run's.
        store: its ledger's; this process holds the run.
    """

    def __init__(self, folder: Path, store: PostgresStore) -> None:
        self._folder = folder
        self._store = store
        self._known: dict[str, Stamp] = {}
        self._mutex = threading.Lock()

    def push(self) -> None:
        """Store every file that is not stored as it is now.

        Raises:
            StoreLostError: the server did not come back in time.
            OSError: a file cannot be read.
        """
        with self._mutex:
            found, stored = dict(_list_files(self._folder)), self._stored()
            for name, path in found.items():
                if name != EVENTS:
                    self._send(name, path, stored)
            gone = [name for name in stored if name.startswith(f"{_GOES}/") and name not in found]
            for name in gone:
                self._store.run(_deleting(name))
                self._known.pop(name, None)
            if EVENTS in found:
                self._send_events(found[EVENTS])

    def push_domain(self, folder: Path, files: Iterable[Path]) -> None:
        """Store a copy of the files of the domain that are in its folder."""
        with self._mutex:
            stored = self._stored()
            for path in files:
                if path.is_relative_to(folder):
                    self._send(f"{DOMAIN}/{path.relative_to(folder).as_posix()}", path, stored)

    def pull(self, needs_domain: Callable[[], bool]) -> None:
        """Write every stored file into the folder that is not there as it is stored.

        Args:
            needs_domain: asked once the other files are there; whether the copy of the domain is to be written, too.

        Raises:
            OSError: a file cannot be written.
            EvokdError: a stored name leads out of the folder.
        """
        with self._mutex:
            stored = self._stored()
            for name in sorted(stored, key=lambda name: name.startswith(f"{DOMAIN}/")):
                if name.startswith(f"{DOMAIN}/") and not needs_domain():
                    break
                self._fetch(name, stored[name])

    def pull_record(self) -> None:
        """Write what says how far the run is: its configuration, events and summary.

        Raises:
            OSError: a file cannot be written.
        """
        with self._mutex:
            stored = self._stored()
            for name in _RECORD:
                if name in stored:
                    self._fetch(name, stored[name])

    def _stored(self) -> dict[str, str]:
        """Name -> digest of what is stored."""
        with damage_told(self._store.address):
            rows = self._store.read("SELECT path, digest FROM files ORDER BY path")
        return {row["path"]: row["digest"] for row in rows}

    # ------------------------------------------------------------------------------------------------ one file

    def _send(self, name: str, path: Path, stored: Mapping[str, str]) -> None:
        stamp = _stamp(path)
        if self._known.get(name) == stamp:
            return
        digest = _digest(path)
        if stored.get(name) != digest:
            self._store.run(_replacing(name, path, digest))
        self._known[name] = stamp

    def _send_events(self, path: Path) -> None:
        """Store what the event log has grown by."""
        rows = self._store.read("SELECT size FROM files WHERE path = ?", (EVENTS,))
        start = int(rows[0]["size"]) if rows else 0
        with path.open("rb") as file:
            file.seek(start)
            news = file.read()
        if news:
            self._store.run(_appending(EVENTS, start, news))

    def _fetch(self, name: str, digest: str) -> None:
        path = _place(self._folder, name)
        if name == EVENTS:
            # a piece per node: small ones, so many that they are read at once
            rows = self._store.read("SELECT body FROM file_parts WHERE path = ? ORDER BY part", (name,))
            stored = b"".join(bytes(row["body"]) for row in rows)
            # a folder in which the run was killed may have events that came after the last ones that were stored
            if not path.is_file() or not path.read_bytes().startswith(stored):
                _write(path, [stored])
            return
        if not path.is_file() or _digest(path) != digest:
            _write(path, self._pieces(name))
        self._known[name] = _stamp(path)

    def _pieces(self, name: str) -> Iterator[bytes]:
        query = "SELECT body FROM file_parts WHERE path = ? AND part = ?"
        rows = self._store.read("SELECT part FROM file_parts WHERE path = ? ORDER BY part", (name,))
        for row in rows:
            yield bytes(self._store.read(query, (name, row["part"]))[0]["body"])


def _list_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Name and path of the files of a run that are stored."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        is_own = name.parts[0] not in _NOT_SENT and not name.name.endswith((".part", ".new"))
        if is_own and path.is_file() and not path.is_symlink():
            yield name.as_posix(), path


def _place(folder: Path, name: str) -> Path:
    """Where a stored file belongs.

    Raises:
        EvokdError: outside the folder; no run stores such a name.
    """
    parts = PurePosixPath(name).parts
    leads_out = PurePosixPath(name).is_absolute() or ".." in parts or bool({*name} & {*"\\:\x00"})
    if not parts or leads_out or parts[0] in (POINTER, ".lock", ".holder"):
        raise EvokdError(f"the database holds a file {name[:100]!r}, which no run stores; nothing was written for it")
    return folder.joinpath(*parts)


def _write(path: Path, pieces: Iterable[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.new")
    with part.open("wb") as file:
        for piece in pieces:
            file.write(piece)
    part.replace(path)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _stamp(path: Path) -> Stamp:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


# -------------------------------------------------------------------------------------- work of one transaction each

_PUT = (
    "INSERT INTO files (path, digest, size) VALUES (%(path)s, %(digest)s, %(size)s)"
    " ON CONFLICT (path) DO UPDATE SET digest = excluded.digest, size = excluded.size"
)


def _replacing(name: str, path: Path, digest: str) -> Callable[[Connection], None]:
    def work(connection: Connection) -> None:
        connection.execute("DELETE FROM file_parts WHERE path = %s", (name,))
        size = 0
        with path.open("rb") as file:
            for number, piece in enumerate(iter(lambda: file.read(PIECE), b"")):
                _put_piece(connection, name, number, piece)
                size += len(piece)
        connection.execute(_PUT, _row(name, digest, size))

    return work


def _appending(name: str, start: int, news: bytes) -> Callable[[Connection], None]:
    def work(connection: Connection) -> None:
        found = connection.execute("SELECT size FROM files WHERE path = %s", (name,)).fetchone()
        if (found["size"] if found else 0) != start:  # it was stored, and the server was lost before it said so
            return
        last = connection.execute("SELECT max(part) AS part FROM file_parts WHERE path = %s", (name,)).fetchone()
        number = 0 if last is None or last["part"] is None else last["part"] + 1
        _put_piece(connection, name, number, news)
        connection.execute(_PUT, _row(name, "", start + len(news)))

    return work


def _deleting(name: str) -> Callable[[Connection], None]:
    def work(connection: Connection) -> None:
        connection.execute("DELETE FROM file_parts WHERE path = %s", (name,))
        connection.execute("DELETE FROM files WHERE path = %s", (name,))

    return work


def _put_piece(connection: Connection, name: str, number: int, piece: bytes) -> None:
    # as bytes beside the statement: inside it they would take twice as many
    with psycopg.Cursor(connection) as cursor:
        cursor.execute("INSERT INTO file_parts (path, part, body) VALUES (%s, %s, %b)", (name, number, piece))


def _row(name: str, digest: str, size: int) -> Mapping[str, str | int]:
    return {"path": name, "digest": digest, "size": size}


def find_mirror(folder: Path, address: StoreAddress) -> FolderMirror | None:
    """The mirror of the folder of a run that this process holds; None where it holds no such run."""
    session = find_session(address)
    if session is None:
        return None
    if session not in _MIRRORS:
        store = PostgresStore(address, is_patient=True)
        session.resources.callback(store.close)
        session.resources.callback(_MIRRORS.pop, session)
        _MIRRORS[session] = FolderMirror(folder, store)
    return _MIRRORS[session]
