"""A ledger's database: opening, versions, transactions, errors."""

import json
import re
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Self

from evokd.messages import EvokdError
from evokd.messages.escape import clean
from evokd.tracing.group_commit import GroupCommit
from evokd.tracing.read_only import copy_to_read
from evokd.tracing.shapes import check_json, check_value, make
from evokd.tracing.sqlite_store import SqliteStore, define_columns
from evokd.tracing.store import LedgerError, Row, Statement, Store, is_in_database

SCHEMA = Path(__file__).with_name("schema.sql")
VERSION = 3
"""Counts up with every column that is added to the schema, so that earlier programs leave such a ledger alone."""
OLDEST = 2
"""The earliest version that can be opened: columns that it lacks are added."""
_TABLES = frozenset(re.findall(r"CREATE TABLE IF NOT EXISTS (\w+)", SCHEMA.read_text(encoding="utf-8")))
_NOT_NEEDED = frozenset({"reviews", "batches", "batch_rows"})
"""Tables that a reader can do without: a ledger that lacks only these is read as it is, not as a copy."""
_KEYS = {
    "meta": ("key",),
    "calls": ("id",),
    "abilities": ("endpoint", "model"),
    "messages": ("span", "kind"),
    "weaknesses": ("id",),
    "lessons": ("id",),
    "samples": ("id",),
    "cycles": ("cycle", "part"),
}
"""Table -> the columns that tell its rows apart: a row takes the place of one with the same values there."""
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


class Database:
    """A run's database: an SQLite file, or a schema in Postgres.

    Args:
        path: the file, made when it is not there; or the pointer to the schema.
        read_only: open what exists without changing it; an SQLite file of an earlier version is copied, and what it
            lacks is added to the copy.

    Raises:
        LedgerError: the database cannot be opened or is of another version.
        InputError: the server of the database refuses.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self._name = str(path)  # of a database, its address once the pointer is read
        self._copy: tempfile.TemporaryDirectory[str] | None = None
        self._opened: Store | None = None
        self._gathered: list[Statement] | None = None
        self._groups = GroupCommit(lambda: self._store.fork())
        with self._closed_on_errors():
            if read_only:
                self._open_to_read()
            else:
                self._opened = self._open_server() if is_in_database(path) else SqliteStore(path)
                self._bring_up_to_date()

    @property
    def _store(self) -> Store:
        assert self._opened is not None, "the ledger is closed"
        return self._opened

    def _open_to_read(self) -> None:
        on_server = is_in_database(self.path)
        self._opened = self._open_server(read_only=True) if on_server else SqliteStore.to_read(self.path)
        if self._opened is not None:
            version = self._read_version()
            if version == VERSION and not _TABLES - _NOT_NEEDED - self._tables():
                return
            if on_server:
                resume = "resume the run, which brings it up to date"
                told = f"ledger of version {version}; {resume}"
                if version is None:
                    told = f"nothing is in it; if the run was deleted there, delete its folder too, else {resume}"
                raise LedgerError(f"{self._name}: {told}")
            self._opened.close()
        self._copy = copy_to_read(self.path)
        self._opened = SqliteStore(Path(self._copy.name, self.path.name))
        self._bring_up_to_date()

    def _open_server(self, read_only: bool = False) -> Store:
        from evokd.tracing.postgres.store import PostgresStore

        store = PostgresStore.of_pointer(self.path, read_only)
        self._name = store.name
        return store

    def _bring_up_to_date(self) -> None:
        # Read before anything is written: the file may be of another program or of a later version.
        version = self._read_version()
        if version is not None and version < VERSION:
            self._add_columns()
        self._store.create(SCHEMA.read_text(encoding="utf-8"))
        self._store.commit([("INSERT INTO meta VALUES ('version', ?) ON CONFLICT DO NOTHING", (str(VERSION),))])

    def _tables(self) -> set[str]:
        with self._named_errors():
            return self._store.tables()

    def _read_version(self) -> int | None:
        """Read the version of the database, None where nothing is in it yet.

        Raises:
            LedgerError: it is no ledger, or of a version that cannot be opened.
        """
        tables = self._tables()
        if tables and "meta" not in tables:
            raise LedgerError(f"{self._name}: not the ledger of a run; it is another SQLite file")
        rows = self._rows("SELECT value FROM meta WHERE key = 'version'") if tables else []
        if not rows:
            return None
        written = rows[0]["value"]
        version = next((number for number in range(OLDEST, VERSION + 1) if written == str(number)), None)
        if version is None:
            raise LedgerError(
                f"{self._name}: ledger of version {written}, this program knows version {VERSION}; open it"
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
            raise LedgerError(f"{self._name}: the ledger cannot be opened: {exc}") from exc

    def _add_columns(self) -> None:
        """Add the columns that the schema has and a ledger of an earlier version lacks."""
        with closing(sqlite3.connect(":memory:")) as current:
            current.executescript(SCHEMA.read_text(encoding="utf-8"))
            wanted = {table: define_columns(current, table) for table in sorted(self._tables() & _TABLES)}
        statements: list[Statement] = []
        for table, columns in wanted.items():
            present = self._store.columns(table)
            missing = [definition for name, definition in columns.items() if name not in present]
            statements += [self._store.add_column(table, definition) for definition in missing]
        self._store.commit([*statements, ("UPDATE meta SET value = ? WHERE key = 'version'", (str(VERSION),))])

    def close(self) -> None:
        """Close the database."""
        self._release()

    def _release(self) -> None:
        self._groups.close()
        if self._opened is not None:
            self._opened.close()
        if self._copy is not None:
            self._copy.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _execute(self, statement: str, *values: Any) -> int:
        """Run a statement; returns how many rows it has changed. In a transaction it runs at its end."""
        if self._gathered is not None:
            self._gathered.append((statement, values))
            return 0
        with self._named_errors():
            return self._store.commit([(statement, values)])

    def _rows(self, query: str, *values: Any) -> Sequence[Row]:
        with self._named_errors():
            try:
                return self._store.read(query, values)
            except self._store.errors as exc:
                damage = self._store.find_damage(exc)
                if damage is not None:
                    raise self._damaged(damage) from exc
                raise

    def query(self, statement: str, *values: Any) -> Sequence[Row]:
        """Read rows with a SELECT statement; for pages that show more than the nodes of the graph read."""
        return self._rows(statement, *values)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Store everything written inside, or nothing; what is read inside is what was there before.

        The statements are gathered first, so that they can be run again if the server is lost meanwhile.
        """
        gathered: list[Statement] = []
        self._gathered = gathered
        try:
            yield
        finally:
            self._gathered = None
        if gathered:
            with self._named_errors():
                self._store.commit(gathered)

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except EvokdError:
            raise
        except Exception as exc:
            if not isinstance(exc, self._store.errors) or self._store.is_mistake(exc):
                raise
            fault = " ".join(str(exc).split())
            raise LedgerError(f"{self._name}: the ledger cannot be read or written: {fault}") from exc

    # What is read is checked here, so that nothing above meets a row of another form.

    def _damaged(self, fault: str) -> LedgerError:
        on_server = is_in_database(self.path)
        mend = "restore the schema from a backup" if on_server else "put the file of a copy in its place"
        return LedgerError(f"{self._name}: damaged ({clean(fault, 300)}); {mend}")

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

    def _read(self, table: str, row: Row, shape: Any) -> dict[str, Any]:
        """Read a row that holds a TypedDict."""
        try:
            fields = decode(row)
            check_value(fields, shape)
        except (ValueError, TypeError) as exc:
            raise self._damaged(f"{_name_row(table, row)}: {exc}") from exc
        return fields

    def _make(self, table: str, row: Row, shape: type[Any], without: tuple[str, ...] = ()) -> Any:
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

    def _of_cycle(self, table: str, cycle: int | None, order: str) -> Sequence[Row]:
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


def _name_row(table: str, row: Row) -> str:
    return f"{table} {row['id']}" if "id" in row.keys() else table  # noqa: SIM118 - it iterates over values


def _to_insert(table: str, row: Mapping[str, Any]) -> tuple[str, list[Any]]:
    columns = ", ".join(row)
    marks = ", ".join("?" * len(row))
    values = [_encode_column(column, value) for column, value in row.items()]
    return f"INSERT INTO {table} ({columns}) VALUES ({marks}){_replacing(table, row)}", values


def _replacing(table: str, row: Mapping[str, Any]) -> str:
    """The end of an INSERT that puts a row in the place of one with the same key."""
    key = _KEYS.get(table, ())
    rest = ", ".join(f"{column} = excluded.{column}" for column in row if column not in key)
    return f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {rest}" if key else ""


def _encode_column(column: str, value: Any) -> Any:
    if column == "intended" and value is None:  # the column of a real text, which holds JSON always
        return "null"
    return encode(value) if column in JSON_COLUMNS else value


def encode(value: Any) -> str | None:
    """Write a value of a JSON column."""
    return None if value is None else json.dumps(value, ensure_ascii=False)


def decode(row: Row) -> dict[str, Any]:
    """Read a row, its JSON columns as values."""
    fields = {}
    for name in row.keys():  # noqa: SIM118 - a row of SQLite iterates over values
        value = row[name]
        fields[name] = json.loads(value) if name in JSON_COLUMNS and value is not None else value
    for name in ("disputed", "audited", "rest"):
        if name in fields:
            fields[name] = bool(fields[name])
    return fields
