"""The SQLite file of the ledger: opening, versions, transactions, errors."""

import json
import re
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from evokd.messages import EvokdError
from evokd.messages.escape import clean
from evokd.tracing.group_commit import GroupCommit
from evokd.tracing.read_only import connect_to_read, copy_to_read
from evokd.tracing.shapes import check_json, check_value, make

SCHEMA = Path(__file__).with_name("schema.sql")
VERSION = 3
"""Counts up with every column that is added to the schema, so that earlier programs leave such a ledger alone."""
OLDEST = 2
"""The earliest version that can be opened: columns that it lacks are added."""
_TABLES = frozenset(re.findall(r"CREATE TABLE IF NOT EXISTS (\w+)", SCHEMA.read_text(encoding="utf-8")))
_NOT_NEEDED = frozenset({"reviews"})
"""Tables that a reader can do without: a ledger that lacks only these is read as it is, not as a copy."""
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
        "answer",
        "proposed",
    }
)
_MISTAKES = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_MISUSE}
"""Errors of SQLite that no disk causes: one of our statements is wrong."""
_DAMAGE = ("no such column", "no such table", "could not decode")
"""How SQLite begins to say that a file lacks a part of the schema, or that a text in it is none."""


class LedgerError(EvokdError):
    """The ledger cannot be read or written."""


class Database:
    """A run's SQLite file.

    Args:
        path: the file; made when it is not there.
        read_only: open an existing file without changing it or its folder; a file of an earlier version is copied,
            and what it lacks is added to the copy.

    Raises:
        LedgerError: the file cannot be opened or is of another version.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self._read_only = read_only
        self._groups = GroupCommit(path, PATIENCE)
        self._copy: tempfile.TemporaryDirectory[str] | None = None
        self._db: sqlite3.Connection | None = None
        with self._closed_on_errors():
            if read_only:
                self._open_to_read()
            else:
                self._open_to_write(path)

    @property
    def _base(self) -> sqlite3.Connection:
        assert self._db is not None, "the ledger is closed"
        return self._db

    def _open_to_read(self) -> None:
        self._db = connect_to_read(self.path, PATIENCE)
        if self._db is not None:
            self._db.row_factory = sqlite3.Row
            if self._read_version() == VERSION and not _TABLES - _NOT_NEEDED - self._tables():
                return
            self._db.close()
        self._copy = copy_to_read(self.path)
        self._open_to_write(Path(self._copy.name, self.path.name))

    def _open_to_write(self, path: Path) -> None:
        self._db = sqlite3.connect(path, PATIENCE, check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        # Read before anything is written: the file may be of another program or of a later version.
        version = self._read_version()
        if version is not None and version < VERSION:
            self._add_columns()
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(SCHEMA.read_text(encoding="utf-8"))
        self._db.execute("INSERT OR IGNORE INTO meta VALUES ('version', ?)", (str(VERSION),))

    def _tables(self) -> set[str]:
        return {row["name"] for row in self._rows("SELECT name FROM sqlite_master WHERE type = 'table'")}

    def _read_version(self) -> int | None:
        """Read the version of the file, None where nothing is in it yet.

        Raises:
            LedgerError: it is no ledger, or of a version that cannot be opened.
        """
        tables = self._tables()
        if tables and "meta" not in tables:
            raise LedgerError(f"{self.path}: not the ledger of a run; it is another SQLite file")
        rows = self._rows("SELECT value FROM meta WHERE key = 'version'") if tables else []
        if not rows:
            return None
        written = rows[0]["value"]
        version = next((number for number in range(OLDEST, VERSION + 1) if written == str(number)), None)
        if version is None:
            raise LedgerError(
                f"{self.path}: ledger of version {written}, this program knows version {VERSION}; open it"
                " with the evokd that wrote it"
            )
        return version

    @contextmanager
    def _closed_on_errors(self) -> Iterator[None]:
        try:
            yield
        except (EvokdError, OSError, sqlite3.Error) as exc:
            self._release()
            if isinstance(exc, EvokdError):
                raise
            raise LedgerError(f"{self.path}: the ledger cannot be opened: {exc}") from exc

    def _add_columns(self) -> None:
        """Add the columns that the schema has and a ledger of an earlier version lacks."""
        with closing(sqlite3.connect(":memory:")) as current:
            current.executescript(SCHEMA.read_text(encoding="utf-8"))
            wanted = {table: _define_columns(current, table) for table in self._tables() & _TABLES}
        with self._transaction():
            for table, columns in wanted.items():
                present = _define_columns(self._base, table)
                for definition in (columns[name] for name in columns if name not in present):
                    self._execute(f"ALTER TABLE {table} ADD COLUMN {definition}")
            self._execute("UPDATE meta SET value = ? WHERE key = 'version'", str(VERSION))

    def close(self) -> None:
        """Close the file."""
        self._groups.close()
        if self._db is not None and not self._read_only:
            # A reader keeps SQLite from moving the rows out of the log when the connection closes.
            with suppress(sqlite3.Error):
                self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")
        self._release()

    def _release(self) -> None:
        self._groups.close()
        if self._db is not None:
            self._db.close()
        if self._copy is not None:
            self._copy.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        with self._named_errors():
            return self._base.execute(statement, values)

    def _rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        with self._named_errors():
            try:
                return self._base.execute(query, values).fetchall()
            except sqlite3.OperationalError as exc:
                if str(exc).lower().startswith(_DAMAGE):
                    raise self._damaged(str(exc)) from exc
                raise

    def query(self, statement: str, *values: Any) -> list[sqlite3.Row]:
        """Read rows with a SELECT statement; for pages that show more than the nodes of the graph read."""
        return self._rows(statement, *values)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Store everything written inside, or nothing."""
        with self._named_errors(), self._base:
            # Deferred, it could not begin to write once it has read and the group commit has written meanwhile.
            self._base.execute("BEGIN IMMEDIATE")
            yield

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as exc:
            if getattr(exc, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF in _MISTAKES:
                raise
            raise LedgerError(f"{self.path}: the ledger cannot be read or written: {exc}") from exc

    # What is read is checked here, so that nothing above meets a row of another form.

    def _damaged(self, fault: str) -> LedgerError:
        return LedgerError(f"{self.path}: damaged ({clean(fault, 300)}); put the file of a copy in its place")

    def _load(self, text: Any, shape: Any = Any, place: str = "a JSON column") -> Any:
        """Read JSON of this type; `place` names it in an error.

        Raises:
            LedgerError: it is not JSON, or not of this type.
        """
        try:
            if shape is not Any:
                check_json(text, shape)
            return json.loads(text)
        except (ValueError, TypeError) as exc:
            raise self._damaged(f"{place}: {exc}") from exc

    def _read(self, table: str, row: sqlite3.Row, shape: Any) -> dict[str, Any]:
        """Read a row that holds a TypedDict."""
        try:
            fields = decode(row)
            check_value(fields, shape)
        except (ValueError, TypeError) as exc:
            raise self._damaged(f"{_name_row(table, row)}: {exc}") from exc
        return fields

    def _make(self, table: str, row: sqlite3.Row, shape: type[Any], without: tuple[str, ...] = ()) -> Any:
        """Read a row that holds a dataclass or a model; `without`: columns that are not part of it."""
        try:
            fields = decode(row)
            for column in without:
                fields.pop(column, None)
            for column in sorted(shape.__annotations__.keys() - fields.keys()):  # one with a default is missed as well
                raise ValueError(f"no column {column}")
            return make(fields, shape)
        except (ValueError, TypeError) as exc:
            raise self._damaged(f"{_name_row(table, row)}: {exc}") from exc

    def _of_cycle(self, table: str, cycle: int | None, order: str) -> list[sqlite3.Row]:
        if cycle is None:
            return self._rows(f"SELECT * FROM {table} ORDER BY {order}")
        return self._rows(f"SELECT * FROM {table} WHERE cycle = ? ORDER BY {order}", cycle)

    def _insert(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        for row in rows:
            statement, values = _to_insert(table, row)
            self._execute(statement, *values)

    async def _insert_in_group(self, table: str, row: Mapping[str, Any]) -> None:
        """Store a row in one commit with others that come at the same time; return when it is on the disk."""
        with self._named_errors():
            await self._groups.write(*_to_insert(table, row))


def _name_row(table: str, row: sqlite3.Row) -> str:
    return f"{table} {row['id']}" if "id" in row.keys() else table  # noqa: SIM118 - it iterates over values


def _define_columns(db: sqlite3.Connection, table: str) -> dict[str, str]:
    """Column -> its definition, as `ALTER TABLE ... ADD COLUMN` takes it."""
    rows = db.execute('SELECT name, type, "notnull", dflt_value FROM pragma_table_info(?)', (table,))
    return {
        name: f"{name} {type_}{' NOT NULL' if required else ''}{'' if default is None else f' DEFAULT {default}'}"
        for name, type_, required, default in rows
    }


def _to_insert(table: str, row: Mapping[str, Any]) -> tuple[str, list[Any]]:
    columns = ", ".join(row)
    marks = ", ".join("?" * len(row))
    values = [_encode_column(column, value) for column, value in row.items()]
    return f"INSERT OR REPLACE INTO {table} ({columns}) VALUES ({marks})", values


def _encode_column(column: str, value: Any) -> Any:
    if column == "intended" and value is None:  # the column of a real text, which holds JSON always
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
    for name in ("disputed", "audited", "rest"):
        if name in fields:
            fields[name] = bool(fields[name])
    return fields
