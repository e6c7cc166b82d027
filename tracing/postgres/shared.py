"""One connection for reading many runs of a database, one after the other, where each would open its own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, TypeVar

from psycopg import sql

from evokd.tracing.postgres.address import StoreAddress
from evokd.tracing.postgres.connection import Connection, Link

ResultT = TypeVar("ResultT")


class ReadLink(Protocol):
    """What reads from the schema of a run."""

    def run(self, work: Callable[[Connection], ResultT]) -> ResultT:
        """Do work over the connection; see `connection.Link`."""

    def close(self) -> None:
        """Close the connection, if nobody else reads over it."""


class _SharedConnection:
    """A connection that looks things up in the schema that is asked for."""

    def __init__(self, address: StoreAddress) -> None:
        self.url = address.url
        self.link = Link(address, read_only=True)
        self._at: tuple[Connection, str] | None = None
        """The connection, and the schema that it was last told; another connection knows nothing of it."""

    def run(self, schema: str, work: Callable[[Connection], ResultT]) -> ResultT:
        def work_there(connection: Connection) -> ResultT:
            if self._at is None or self._at[0] is not connection or self._at[1] != schema:
                connection.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(schema)))
                self._at = connection, schema
            return work(connection)

        return self.link.run(work_there)


class _SchemaLink:
    """A run's part of a shared connection, which stays open when the part is closed."""

    def __init__(self, shared: _SharedConnection, schema: str) -> None:
        self._shared = shared
        self._schema = schema

    def run(self, work: Callable[[Connection], ResultT]) -> ResultT:
        return self._shared.run(self._schema, work)

    def close(self) -> None:
        pass


_SHARED: ContextVar[_SharedConnection | None] = ContextVar("shared", default=None)


@contextmanager
def share_connection(address: StoreAddress) -> Iterator[None]:
    """Let everything that the block reads from a database go over one connection, whichever run it is of.

    Args:
        address: of any run; only the database counts.

    Raises:
        InputError: the server does not let us in.
    """
    known = _SHARED.get()
    if known is not None and known.url == address.url:
        yield
        return
    shared = _SharedConnection(address)
    token = _SHARED.set(shared)
    try:
        yield
    finally:
        _SHARED.reset(token)
        shared.link.close()


def open_read_link(address: StoreAddress) -> ReadLink:
    """Open what reads from the schema of a run: a connection of its own, or its part of the shared one.

    Raises:
        InputError: the server does not let us in.
    """
    shared = _SHARED.get()
    if shared is not None and shared.url == address.url:
        return _SchemaLink(shared, address.schema)
    return Link(address, read_only=True)
