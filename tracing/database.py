"""The SQLite file under the ledger: opened, checked, written in transactions, its errors named."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agents.messages import EvokdError
from tracing.group_commit import GroupCommit

SCHEMA = Path(__file__).with_name("schema.sql")
VERSION = "3"
_ADDED = {
    "lessons": ("kind TEXT NOT NULL DEFAULT ''",),
    "samples": (
        "kind TEXT NOT NULL DEFAULT ''",
        "source TEXT",
        "pair TEXT NOT NULL DEFAULT ''",
        "audited INTEGER NOT NULL DEFAULT 0",
    ),
}
"""Columns that ledgers of version 2 lack."""
PATIENCE = 30.0
"""Seconds to wait for another writer of the file."""
JSON_COLUMNS = frozenset(
    {
        "request",
        "flags",
        "faults",
        "labels",
        "evidence",
        "mastery",
        "tested",
        "plan",
        "intended",
        "candidates",
        "label",
        "exam",
        "body",
        "masked",
    }
)
_MISTAKES = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_MISUSE}
"""Errors of SQLite that no disk makes: a statement of ours is wrong."""


class LedgerError(EvokdError):
    """The ledger cannot be read or written."""


class Database:
    """A run's SQLite file.

    Args:
        path: the file; made when it is not there.

    Raises:
        LedgerError: the file cannot be opened or is of another version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._groups = GroupCommit(path, PATIENCE)
        try:
            self._db = sqlite3.connect(path, PATIENCE, check_same_thread=False, isolation_level=None)
        except sqlite3.Error as exc:
            raise LedgerError(f"{path}: the ledger cannot be opened: {exc}") from exc
        try:
            self._open()
        except sqlite3.Error as exc:
            self._db.close()
            raise LedgerError(f"{path}: the ledger cannot be opened: {exc}") from exc
        except LedgerError:
            self._db.close()
            raise

    def _open(self) -> None:
        self._db.row_factory = sqlite3.Row
        # Looked at before anything is written: the file may be another program's, or a later version's.
        tables = {row["name"] for row in self._rows("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if tables and "meta" not in tables:
            raise LedgerError(f"{self.path}: not the ledger of a run; it is another SQLite file")
        found = self._rows("SELECT value FROM meta WHERE key = 'version'") if tables else []
        if found and found[0]["value"] == "2":
            self._add_columns()
        elif found and found[0]["value"] != VERSION:
            raise LedgerError(
                f"{self.path}: ledger of version {found[0]['value']}, this program knows version {VERSION}; open it"
                " with the evokd that wrote it"
            )
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(SCHEMA.read_text(encoding="utf-8"))
        self._db.execute("INSERT OR IGNORE INTO meta VALUES ('version', ?)", (VERSION,))

    def _add_columns(self) -> None:
        """Bring a ledger of version 2 up to this one."""
        with self._transaction():
            for table, columns in _ADDED.items():
                for column in columns:
                    self._execute(f"ALTER TABLE {table} ADD COLUMN {column}")
            self._execute("UPDATE meta SET value = ? WHERE key = 'version'", VERSION)

    def close(self) -> None:
        """Close the file."""
        self._groups.close()
        self._db.close()

    def _execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        with self._named_errors():
            return self._db.execute(statement, values)

    def _rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        with self._named_errors():
            return self._db.execute(query, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Everything inside is stored, or nothing of it."""
        with self._named_errors(), self._db:
            self._db.execute("BEGIN")
            yield

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as exc:
            if getattr(exc, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF in _MISTAKES:
                raise
            raise LedgerError(f"{self.path}: the ledger cannot be read or written: {exc}") from exc

    def _of_cycle(self, table: str, cycle: int | None, order: str) -> list[sqlite3.Row]:
        if cycle is None:
            return self._rows(f"SELECT * FROM {table} ORDER BY {order}")
        return self._rows(f"SELECT * FROM {table} WHERE cycle = ? ORDER BY {order}", cycle)

    def _insert(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        for row in rows:
            statement, values = _to_insert(table, row)
            self._execute(statement, *values)

    async def _insert_in_group(self, table: str, row: Mapping[str, Any]) -> None:
        """Store a row together with others that come at the same time; returns when it is on the disk."""
        with self._named_errors():
            await self._groups.write(*_to_insert(table, row))


def _to_insert(table: str, row: Mapping[str, Any]) -> tuple[str, list[Any]]:
    columns = ", ".join(row)
    marks = ", ".join("?" * len(row))
    values = [_encode_column(column, value) for column, value in row.items()]
    return f"INSERT OR REPLACE INTO {table} ({columns}) VALUES ({marks})", values


def _encode_column(column: str, value: Any) -> Any:
    if column == "intended" and value is None:  # a real text was written for nothing; the column holds JSON always
        return "null"
    return encode(value) if column in JSON_COLUMNS else value


def encode(value: Any) -> str | None:
    """Write a value of a JSON column."""
    return None if value is None else json.dumps(value, ensure_ascii=False)


def decode(row: sqlite3.Row) -> dict[str, Any]:
    """Read a row, its JSON columns as values."""
    fields = {}
    for name in row.keys():  # noqa: SIM118 - sqlite3.Row iterates over values
        value = row[name]
        fields[name] = json.loads(value) if name in JSON_COLUMNS and value is not None else value
    for name in ("disputed", "audited"):
        if name in fields:
            fields[name] = bool(fields[name])
    return fields
