"""This process' hold on a run in a database: an advisory lock, and an owner's mark that fences off whoever lost it.

The lock belongs to a connection, so it ends with the process or with the server. When the server comes back, somebody
else may be faster. So the owner is written down as well, and every transaction of a writer checks that it still is
the owner: of two processes that both believe to hold a run, only one can write.
"""

import hashlib
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
from psycopg import sql

from evokd.messages import InputError
from evokd.tracing.postgres.address import PREFIX, StoreAddress, name_run
from evokd.tracing.postgres.connection import Connection, Link, describe_connection
from evokd.tracing.postgres.faults import damage_told
from evokd.tracing.postgres.schema import RUN_TABLES
from evokd.tracing.postgres.shared import open_read_link, share_connection
from evokd.tracing.store import LedgerError, RunHeldError, StoreRefusedError

_SETTLES = 5.0
"""Seconds that a connection of this process may live on in the server after it was lost here."""
_HELD: dict[tuple[str, str], "RunSession"] = {}
"""The runs that this process holds: address and schema -> the hold."""


class RunSession:
    """A run that this process holds.

    Args:
        address: of the run, whose schema is there.

    Raises:
        RunHeldError: another process holds it.
        InputError: the server does not let us in.
    """

    def __init__(self, address: StoreAddress) -> None:
        self.address = address
        self.owner = uuid.uuid4().hex
        self.resources = ExitStack()
        """What is closed when the run is given up."""
        self.in_hurry: Callable[[], bool] = lambda: False
        """Tells whether somebody has asked this process to stop."""
        self._mutex = threading.RLock()
        self._key = _make_key(address.schema)
        self._is_lost = False
        self._link = Link(address, on_return=self._note_loss, in_hurry=lambda: self.in_hurry())
        self._process = self._link.run(_read_process)
        try:
            if not self._link.run(self._try_lock):
                raise RunHeldError(self._link.run(_name_owner))
            self._link.run(self._sign)
        except BaseException:
            self._link.close()
            raise

    def _try_lock(self, connection: Connection) -> bool:
        row = connection.execute("SELECT pg_try_advisory_lock(%s) AS got", (self._key,)).fetchone()
        return bool(row and row["got"])

    def _sign(self, connection: Connection) -> None:
        connection.execute(
            "INSERT INTO run_owner (slot, id, name) VALUES (1, %s, %s)"
            " ON CONFLICT (slot) DO UPDATE SET id = excluded.id, name = excluded.name",
            (self.owner, str(describe_connection(self.address)["application_name"])),
        )

    def check_owner(self, connection: Connection) -> None:
        """Check inside a transaction that this process still owns the run, and keep it so until the end of it.

        Raises:
            LedgerError: another process has taken it over.
        """
        row = connection.execute("SELECT id, name FROM run_owner FOR SHARE").fetchone()
        if row is None or row["id"] != self.owner:
            other = f" ({row['name']})" if row else ""
            raise LedgerError(f"{self.address}: another process{other} has taken over this run; this one stops")

    def keep(self) -> None:
        """Check that the lock is still held; take it again if the server was away meanwhile.

        Raises:
            LedgerError: another process has taken over the run.
            StoreLostError: the server did not come back in time.
        """
        with self._mutex:
            self._link.run(_read_process)
            if self._is_lost:
                self._take_again()

    def _take_again(self) -> None:
        until = time.monotonic() + _SETTLES
        while not self._link.run(self._try_lock):
            self._link.run(self.check_owner)
            # what holds it may be this process' own connection, of which the server has not heard that it is gone
            self._link.run(self._end_old_connection)
            if time.monotonic() > until:
                raise LedgerError(f"{self.address}: another process is using this run; this one stops")
            time.sleep(0.1)
        self._process, self._is_lost = self._link.run(_read_process), False

    def _note_loss(self) -> None:
        """The connection is a new one: the server gave up the lock of the old one."""
        self._is_lost = True

    def _end_old_connection(self, connection: Connection) -> None:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid = %s", (self._process,)
        )

    def close(self) -> None:
        """Give the run up."""
        self.resources.close()
        self._link.close()


def _make_key(schema: str) -> int:
    """The number of a run's lock; locks of other programs in the database have other ones."""
    return int.from_bytes(hashlib.sha256(f"evokd:{schema}".encode()).digest()[:8], "big", signed=True)


def _read_process(connection: Connection) -> int:
    """Number of the server's process behind a connection that answers."""
    connection.execute("SELECT 1")
    return connection.info.backend_pid


def _name_owner(connection: Connection) -> str:
    row = connection.execute("SELECT name FROM run_owner").fetchone()
    return str(row["name"]) if row else ""


@contextmanager
def hold_run(address: StoreAddress) -> Iterator[None]:
    """Hold a run while the block goes on.

    Raises:
        RunHeldError: another process holds it; the text names that process.
        InputError: the server does not let us in, or does not have the run.
    """
    if not has_run_tables(address):
        raise InputError(f"{address}: holds no run {name_run(address.schema)!r} (any more)")
    session = RunSession(address)
    _HELD[address.url, address.schema] = session
    try:
        yield
    finally:
        del _HELD[address.url, address.schema]
        session.close()


def find_session(address: StoreAddress) -> RunSession | None:
    """This process' hold on a run; None: it has none."""
    return _HELD.get((address.url, address.schema))


# ------------------------------------------------------------------------------------------- schemas of runs


def _ask(address: StoreAddress, query: str, *values: Any) -> list[dict[str, Any]]:
    link = open_read_link(address)
    try:
        with damage_told(address):
            return link.run(lambda connection: connection.execute(query, values).fetchall())
    finally:
        link.close()


def has_run_tables(address: StoreAddress) -> bool:
    """Whether a run has been put into the database under this name.

    Raises:
        InputError: the server does not let us in, or this user may not work on the run.
    """
    rows = _ask(address, _FIND_RUN, address.schema)
    if rows and not rows[0]["may_work"]:
        run, owner = name_run(address.schema), rows[0]["owner"]
        told = f"the run {run!r} there belongs to the database user {owner!r}"
        raise InputError(f"{address}: {told}; connect as that user, or choose another name for your run")
    return bool(rows)


_MAY_WORK = "has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'UPDATE') AS may_work"
_OF_RUNS = (
    "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relname = 'run_owner' AND 3 ="
    " (SELECT count(*) FROM pg_attribute WHERE attrelid = c.oid AND attname IN ('slot', 'id', 'name'))"
)
_FIND_RUN = f"SELECT pg_get_userbyid(c.relowner) AS owner, {_MAY_WORK} {_OF_RUNS} AND n.nspname = %s"


def find_config(address: StoreAddress) -> str | None:
    """The SHA-256 of the configuration of a run in the database; None where there is no run of this name.

    Raises:
        InputError: the server does not let us in.
    """
    with share_connection(address):
        if not has_run_tables(address):
            return None
        rows = _ask(address, "SELECT digest FROM files WHERE path = 'config.yaml'")
    return str(rows[0]["digest"]) if rows else None


def list_schemas(address: StoreAddress) -> dict[str, bool]:
    """The schemas of all runs in the database, in order -> whether this user may work on them.

    Raises:
        InputError: the server does not let us in.
    """
    return {str(row["schema"]): bool(row["may_work"]) for row in _ask(address, _LIST_RUNS)}


_LIST_RUNS = (
    f"SELECT n.nspname AS schema, {_MAY_WORK} {_OF_RUNS} AND starts_with(n.nspname, '{PREFIX}') ORDER BY n.nspname"
)


def find_holder(address: StoreAddress) -> str | None:
    """The process that works on a run, and its machine; None: nobody does.

    Raises:
        InputError: the server does not let us in.
    """
    key = _make_key(address.schema).to_bytes(8, "big", signed=True)
    rows = _ask(address, _FIND_HOLDER, int.from_bytes(key[:4], "big"), int.from_bytes(key[4:], "big"))
    return str(rows[0]["name"]) if rows else None


_FIND_HOLDER = (
    "SELECT name FROM run_owner WHERE EXISTS (SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
    " WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
    " AND l.classid = %s::bigint::oid AND l.objid = %s::bigint::oid)"
)
"""A lock's number stands in two halves there."""


def drop_schema(address: StoreAddress) -> None:
    """Delete a run that this process holds, with everything that the database has of it.

    Raises:
        StoreLostError: the server did not come back in time.
    """
    link = Link(address)
    try:
        dropped = sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(address.schema))
        link.run(lambda connection: connection.execute(dropped))
    finally:
        link.close()


_LIST_TABLES = (
    "SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = %s AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') ORDER BY 1 LIMIT 4"
)


def make_schema(address: StoreAddress) -> None:
    """Make the schema of a run, and the tables that are no part of its ledger.

    Raises:
        InputError: the server does not let us in, cannot be written to, or this user may not make a schema; or there
            is a schema of this name that holds something else, which would be deleted with the run.
    """
    strangers = [] if has_run_tables(address) else [row["name"] for row in _ask(address, _LIST_TABLES, address.schema)]
    if strangers:
        told = f"the schema {address.schema} there holds other tables ({', '.join(strangers)})"
        raise InputError(f"{address}: {told}; choose another --run-id")
    link = Link(address)
    made = sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(address.schema))
    try:
        link.run(lambda connection: connection.execute(made))
        link.run(lambda connection: connection.execute(RUN_TABLES))
    except StoreRefusedError as exc:
        if not isinstance(exc.__cause__, psycopg.errors.InsufficientPrivilege):
            raise InputError(str(exc)) from exc
        grant = "GRANT CREATE ON DATABASE {} TO {}"
        told = link.run(lambda connection: grant.format(connection.info.dbname, connection.info.user))
        raise InputError(f"{address}: this user may not make a schema; as the database's owner: {told}") from exc
    finally:
        link.close()
