"""A ledger in a schema of a Postgres database."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import psycopg

from evokd.tracing.postgres.address import StoreAddress, read_pointer
from evokd.tracing.postgres.connection import Connection, Link, escape_nul
from evokd.tracing.postgres.schema import BESIDE, translate_schema, translate_type
from evokd.tracing.postgres.session import find_session
from evokd.tracing.postgres.shared import ReadLink, open_read_link
from evokd.tracing.store import Statement

ResultT = TypeVar("ResultT")


class PostgresStore:
    """A connection to the ledger of a run. If this process holds the run, it writes only as long as it does.

    Args:
        address: of the run, whose schema is there.
        read_only: whether nothing can be changed.
        is_patient: whether a server that is away now is waited for.

    Raises:
        InputError: the server does not let us in.
    """

    errors: tuple[type[Exception], ...] = (psycopg.Error,)

    def __init__(self, address: StoreAddress, read_only: bool = False, is_patient: bool = False) -> None:
        self.address = address
        self._session = None if read_only else find_session(address)
        session = self._session
        self._link: ReadLink
        if read_only:
            self._link = open_read_link(address)
            return
        self._link = Link(
            address,
            on_return=session.keep if session else None,
            in_hurry=lambda: session is not None and session.in_hurry(),
            is_patient=is_patient,
        )

    @classmethod
    def of_pointer(cls, path: Path, read_only: bool = False) -> "PostgresStore":
        """Open the ledger of a run by the file in its folder that says where it is."""
        return cls(read_pointer(path), read_only)

    @property
    def name(self) -> str:
        """Address and schema, without password."""
        return self.address.full_name

    def read(self, query: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Read rows."""
        return self._link.run(lambda connection: connection.execute(*_adapt(query, values)).fetchall())

    def commit(self, statements: Sequence[Statement]) -> int:
        """Run statements in one transaction; returns how many rows the last one has changed."""
        adapted = [_adapt(statement, values) for statement, values in statements]

        def work(connection: Connection) -> int:
            changed = 0
            for statement, values in adapted:
                changed = connection.execute(statement, values).rowcount
            return changed

        return self.run(work)

    def run(self, work: Callable[[Connection], ResultT]) -> ResultT:
        """Do work in one transaction, as the owner of the run; it is done again if the server is lost meanwhile."""

        def guarded(connection: Connection) -> ResultT:
            with connection.transaction():
                if self._session is not None:
                    self._session.check_owner(connection)
                return work(connection)

        return self._link.run(guarded)

    def tables(self) -> set[str]:
        """Names of the ledger's tables."""
        rows = self.read("SELECT tablename FROM pg_tables WHERE schemaname = ?", (self.address.schema,))
        names = {str(row["tablename"]) for row in rows}
        return {name for name in names - BESIDE if not name.startswith("checkpoint")}

    def columns(self, table: str) -> set[str]:
        """Names of the columns of a table."""
        query = "SELECT column_name FROM information_schema.columns WHERE table_schema = ? AND table_name = ?"
        return {str(row["column_name"]) for row in self.read(query, (self.address.schema, table))}

    def create(self, schema: str) -> None:
        """Make what is missing of a schema."""
        self.commit([(statement, ()) for statement in translate_schema(schema)])

    def add_column(self, table: str, definition: str) -> Statement:
        """The statement that adds a column."""
        return f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {translate_type(definition)}", ()

    def fork(self) -> "PostgresStore":
        """Another connection to the ledger."""
        return PostgresStore(self.address, is_patient=True)

    def check(self) -> None:
        """Check that the server answers and that this process holds the run, so that a reply can be stored."""
        if self._session is not None:
            self._session.keep()
        self._link.run(lambda connection: connection.execute("SELECT 1"))

    def is_mistake(self, exc: Exception) -> bool:
        """Whether one of our statements is wrong: errors of syntax, types and constraints."""
        return (getattr(exc, "sqlstate", None) or "")[:2] in ("22", "23", "42")

    def find_damage(self, exc: Exception) -> str | None:
        """What an error says of a missing table or column."""
        is_damage = isinstance(exc, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn)
        return str(exc).splitlines()[0] if is_damage else None

    def close(self) -> None:
        """Close the connection."""
        self._link.close()


def _adapt(statement: str, values: Sequence[Any]) -> tuple[str, list[Any]]:
    """Write a statement as the driver reads it, with values that fit the types of the columns."""
    marked = statement.replace("%", "%%").replace("?", "%s")
    return marked, [_adapt_value(value) for value in values]


def _adapt_value(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    return escape_nul(value) if isinstance(value, str) else value
