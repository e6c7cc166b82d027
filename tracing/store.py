"""Where the rows of a ledger are kept: what an SQLite file and a Postgres schema have in common.

All SQL above this line is written once, in words that both know: `?` for a value, ON CONFLICT, TRUE, NULLS FIRST.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from evokd.messages import EvokdError

Statement = tuple[str, Sequence[Any]]
"""SQL and its values."""
ALL = 2**63 - 1
"""Above every number of a row or a cycle."""
FILE = "ledger.db"
POINTER = "store.json"
"""File of a run folder that names the database in which the run is kept, instead of an SQLite file."""


class LedgerError(EvokdError):
    """The ledger cannot be read or written."""


class StoreLostError(LedgerError):
    """The server of the database has not answered for a while; the run can be resumed once it does."""


class StoreRefusedError(LedgerError):
    """The server of the database answers, and refuses the work: it is full, read-only, or took a right away."""


class RunHeldError(EvokdError):
    """A process, perhaps of another machine, works on the run in the database; the text names it."""


class Row(Protocol):
    """A row; its columns are found by their names. It is not iterated over: the two databases differ in that."""

    def keys(self) -> Any:
        """Names of the columns."""

    def __getitem__(self, key: str, /) -> Any:
        """The value of a column."""


class Store(Protocol):
    """A database that holds one ledger."""

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What its library raises."""

    def read(self, query: str, values: Sequence[Any] = ()) -> Sequence[Row]:
        """Read rows."""

    def commit(self, statements: Sequence[Statement]) -> int:
        """Run statements in one transaction, all or none; returns how many rows the last one has changed."""

    def tables(self) -> set[str]:
        """Names of the tables."""

    def columns(self, table: str) -> set[str]:
        """Names of the columns of a table."""

    def create(self, schema: str) -> None:
        """Make what is missing of a schema, written for SQLite."""

    def add_column(self, table: str, definition: str) -> Statement:
        """The statement that adds a column, which is defined as SQLite does."""

    def fork(self) -> "Store":
        """The same database over another connection, for another thread."""

    def check(self) -> None:
        """Check that a server answers; a file always does."""

    def is_mistake(self, exc: Exception) -> bool:
        """Whether one of our statements is wrong, which no disk and no server causes."""

    def find_damage(self, exc: Exception) -> str | None:
        """What an error says of a missing part of the schema or of a text that is none; None: it says neither."""

    def close(self) -> None:
        """Close the connection."""


def limit_to(count: int) -> int:
    """What LIMIT is given for at most so many rows; -1: for all of them."""
    return count if count >= 0 else ALL


def find_ledger(folder: Path) -> Path:
    """What is opened as the ledger of a run: its SQLite file, or the pointer to its database."""
    pointer = folder / POINTER
    return pointer if pointer.is_file() else folder / FILE


def is_in_database(path: Path) -> bool:
    """Whether what is opened as a ledger points to a database server."""
    return path.name == POINTER
