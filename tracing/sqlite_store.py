"""A ledger in an SQLite file, the default."""

import os
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from evokd.tracing.read_only import BUSY, FileState, Reading, connect_to_read, find_state, insist
from evokd.tracing.store import Statement

PATIENCE = 30.0
"""Seconds to wait for another writer of the file."""
_PASSING = BUSY | {sqlite3.SQLITE_READONLY}
"""Errors at opening that pass; the second comes where a reader of this process holds the log's index as read-only."""
_MISTAKES = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_MISUSE}
_DAMAGE = ("no such column", "no such table", "could not decode")
"""How SQLite begins to say that a file lacks a part of the schema, or that a text in it is none."""


class SqliteStore:
    """A connection to an SQLite file.

    Args:
        path: the file; made when it is not there.
        reading: a connection for reading alone; None: one for writing is opened.

    Raises:
        sqlite3.Error: the file cannot be opened.
    """

    errors: tuple[type[Exception], ...] = (sqlite3.Error,)

    def __init__(self, path: Path, reading: Reading | None = None) -> None:
        self._path = path
        self._reads_only = reading is not None
        if reading is None:
            self._take(_connect_to_write(path))
        else:
            self._take(*reading)

    def _take(self, db: sqlite3.Connection, still: FileState | None = None) -> None:
        self._db, self._still = db, still
        self._db.row_factory = sqlite3.Row

    @classmethod
    def to_read(cls, path: Path) -> "SqliteStore | None":
        """Open an existing file without changing it or its folder; None where only a copy can be read."""
        reading = connect_to_read(path, PATIENCE)
        return None if reading is None else cls(path, reading)

    def read(self, query: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Read rows."""
        while True:
            rows, fault = list[sqlite3.Row](), None
            try:
                rows = self._db.execute(query, values).fetchall()
            except sqlite3.Error as exc:
                fault = exc
            if self._still is not None and self._still != find_state(self._path):
                self._heed_writers()
                continue
            if fault is not None:
                raise fault
            return rows

    def _heed_writers(self) -> None:
        """Open the file anew, for somebody has begun to write since it was opened to be read without locks."""
        self._db.close()
        reading = connect_to_read(self._path, PATIENCE)
        if reading is None:
            raise sqlite3.OperationalError("somebody began to write to it and broke off meanwhile; try again")
        self._take(*reading)

    def commit(self, statements: Sequence[Statement]) -> int:
        """Run statements in one transaction; returns how many rows the last one has changed.

        SQLite waits for another writer, but gives up at once where this connection still reads what is older than the
        other's rows; nothing is written then, and the next attempt sees them.
        """
        return insist(lambda: self._try_commit(statements), PATIENCE)

    def _try_commit(self, statements: Sequence[Statement]) -> int:
        if len(statements) == 1:
            return self._db.execute(*statements[0]).rowcount
        changed = 0
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")  # waits for another writer, such as the group commit
            for statement, values in statements:
                changed = self._db.execute(statement, values).rowcount
        return changed

    def tables(self) -> set[str]:
        """Names of the tables."""
        return {row["name"] for row in self.read("SELECT name FROM sqlite_master WHERE type = 'table'")}

    def columns(self, table: str) -> set[str]:
        """Names of the columns of a table."""
        return set(define_columns(self._db, table))

    def create(self, schema: str) -> None:
        """Make what is missing of a schema."""
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(schema)

    def add_column(self, table: str, definition: str) -> Statement:
        """The statement that adds a column."""
        return f"ALTER TABLE {table} ADD COLUMN {definition}", ()

    def fork(self) -> "SqliteStore":
        """Another connection to the file, on which nothing is lost when the power fails."""
        other = SqliteStore(self._path)
        other._db.execute("PRAGMA synchronous=FULL")
        return other

    def check(self) -> None:
        """A file needs no check."""

    def is_mistake(self, exc: Exception) -> bool:
        """Whether one of our statements is wrong."""
        return getattr(exc, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF in _MISTAKES

    def find_damage(self, exc: Exception) -> str | None:
        """What an error says of a missing part of the schema, or of a text that is none."""
        is_damage = isinstance(exc, sqlite3.OperationalError) and str(exc).lower().startswith(_DAMAGE)
        return str(exc) if is_damage else None

    def close(self) -> None:
        """Close the file."""
        if not self._reads_only:
            # A reader keeps SQLite from moving the rows out of the log when the connection closes.
            with suppress(sqlite3.Error):
                self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")
        self._db.close()


def define_columns(db: sqlite3.Connection, table: str) -> dict[str, str]:
    """Column -> its definition, as `ALTER TABLE ... ADD COLUMN` takes it."""
    rows = db.execute('SELECT name, type, "notnull", dflt_value FROM pragma_table_info(?)', (table,))
    return {
        name: f"{name} {type_}{' NOT NULL' if required else ''}{'' if default is None else f' DEFAULT {default}'}"
        for name, type_, required, default in rows
    }


def _connect_to_write(path: Path) -> sqlite3.Connection:
    """Connect, and make sure that one can write.

    Raises:
        sqlite3.Error: one cannot.
    """
    may_write = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    return insist(lambda: _try_to_connect(path), PATIENCE, _PASSING if may_write else BUSY)


def _try_to_connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, PATIENCE, check_same_thread=False, isolation_level=None)
    try:
        db.execute("BEGIN IMMEDIATE")
        db.execute("ROLLBACK")
    except sqlite3.Error:
        db.close()
        raise
    return db
