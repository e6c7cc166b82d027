"""A ledger in an SQLite file, the default."""

import sqlite3
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from evokd.tracing.read_only import connect_to_read
from evokd.tracing.store import Statement

PATIENCE = 30.0
"""Seconds to wait for another writer of the file."""
_PAUSE = 0.005
"""Seconds until the next attempt where SQLite does not wait itself."""
_MISTAKES = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_MISUSE}
_DAMAGE = ("no such column", "no such table", "could not decode")
"""How SQLite begins to say that a file lacks a part of the schema, or that a text in it is none."""


class SqliteStore:
    """A connection to an SQLite file.

    Args:
        path: the file; made when it is not there.
        connection: one that is open for reading alone; None: one for writing is opened.

    Raises:
        sqlite3.Error: the file cannot be opened.
    """

    errors: tuple[type[Exception], ...] = (sqlite3.Error,)

    def __init__(self, path: Path, connection: sqlite3.Connection | None = None) -> None:
        self._path = path
        self._reads_only = connection is not None
        self._db = connection or sqlite3.connect(path, PATIENCE, check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row

    @classmethod
    def to_read(cls, path: Path) -> "SqliteStore | None":
        """Open an existing file without changing it or its folder; None where only a copy can be read."""
        connection = connect_to_read(path, PATIENCE)
        return None if connection is None else cls(path, connection)

    def read(self, query: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Read rows."""
        return self._db.execute(query, values).fetchall()

    def commit(self, statements: Sequence[Statement]) -> int:
        """Run statements in one transaction; returns how many rows the last one has changed.

        SQLite waits for another writer, but gives up at once where this connection still reads what is older than the
        other's rows; nothing is written then, and the next attempt sees them.
        """
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return self._try_commit(statements)
            except sqlite3.OperationalError as exc:
                is_busy = getattr(exc, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
                if not is_busy or time.monotonic() > until:
                    raise
            time.sleep(_PAUSE)

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
