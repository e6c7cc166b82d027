"""Connections to a Postgres server: their settings, and how they heal."""

import os
import re
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import RowMaker

from evokd.messages import InputError
from evokd.tracing.postgres.address import StoreAddress
from evokd.tracing.postgres.faults import explain_refusal, find_refusal, first_line, is_lost, tell_lost

ResultT = TypeVar("ResultT")
Connection = psycopg.Connection[dict[str, Any]]

PATIENCE = 60.0
"""Seconds to wait for a server that has gone away before the run stops."""
HURRY = 5.0
"""Seconds to wait for it where somebody has asked the run to stop."""
_PAUSES = (0.05, 1.0)
"""Seconds between two attempts, from and to."""
_DEFAULTS = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
"""So that a connection over which nothing comes any more is noticed within a minute."""

# ------------------------------------------------------------------------------------------- texts that hold NUL

_ESCAPE = "\ufdd0"
"""Stands before what replaces NUL, which no text of Postgres can hold. Unicode keeps it for a program's own use."""


def escape_nul(text: str) -> str:
    """Write NUL in other characters; `unescape_nul` undoes it."""
    if "\x00" not in text and _ESCAPE not in text:
        return text
    return text.replace(_ESCAPE, f"{_ESCAPE}1").replace("\x00", f"{_ESCAPE}0")


def unescape_nul(text: str) -> str:
    """Undo `escape_nul`."""
    return re.sub(f"{_ESCAPE}([01])", lambda found: "\x00" if found[1] == "0" else _ESCAPE, text)


def make_rows(cursor: psycopg.Cursor[Any]) -> RowMaker[dict[str, Any]]:
    """Column -> value, NUL as it was."""
    names = [column.name for column in cursor.description or ()]

    def make_row(values: Sequence[Any]) -> dict[str, Any]:
        row = dict(zip(names, values, strict=True))
        for name, value in row.items():
            if isinstance(value, str) and _ESCAPE in value:
                row[name] = unescape_nul(value)
        return row

    return make_row


# ---------------------------------------------------------------------------------------------------- one connection


def describe_connection(address: StoreAddress) -> dict[str, Any]:
    """Everything that a connection needs to begin.

    Raises:
        InputError: the address names something that no connection has.
    """
    try:
        given = conninfo_to_dict(address.url)
    except psycopg.Error as exc:
        raise InputError(f"--store {address}: {first_line(exc)}") from exc
    password = address.password
    # with another encoding some texts could not be stored, or would come back as bytes
    own = {"client_encoding": "UTF8", **({"password": password} if password else {})}
    return {**_DEFAULTS, "application_name": _name_process(), **given, **own}


def _name_process() -> str:
    return f"evokd {os.getpid()} on {socket.gethostname()}"[:63]


def session_settings(address: StoreAddress, version: int, read_only: bool = False) -> sql.Composed:
    """SQL that makes a new connection one of ours.

    Args:
        address: whose schema everything is looked up in.
        version: of the server, as libpq counts it: 140000 is 14.
        read_only: whether the server refuses to change anything.
    """
    lines = [
        sql.SQL("SET search_path TO {}").format(sql.Identifier(address.schema)),
        *map(sql.SQL, _SETTINGS),
        # a reply counts as stored once it is on the disk, however the server is set up
        sql.SQL(
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
        ),
    ]
    if version >= 140000:
        lines.append(sql.SQL("SET idle_session_timeout = 0"))
    if read_only:
        lines.append(sql.SQL("SET default_transaction_read_only = on"))
    return sql.SQL("; ").join(lines)


_SETTINGS = (
    "SET standard_conforming_strings = on",
    "SET client_min_messages = warning",
    "SET statement_timeout = '60s'",
    "SET lock_timeout = '30s'",
    "SET idle_in_transaction_session_timeout = '60s'",
    # the server gives up the lock of a machine that is gone within a minute
    "SET tcp_keepalives_idle = 30",
    "SET tcp_keepalives_interval = 10",
    "SET tcp_keepalives_count = 3",
)


def connect(address: StoreAddress, read_only: bool = False) -> Connection:
    """Connect once.

    Raises:
        psycopg.Error: the server does not let us in.
        InputError: the database cannot hold every text.
    """
    made: Connection = psycopg.connect(
        **describe_connection(address),
        autocommit=True,
        row_factory=make_rows,
        # values go into the statement on this side: the server need not guess the type of each
        cursor_factory=psycopg.ClientCursor,
    )
    try:
        if made.info.parameter_status("server_encoding") != "UTF8":
            raise InputError(
                f"{address}: the database has another encoding than UTF8; create one with: createdb -E UTF8"
            )
        with psycopg.Cursor(made) as cursor:
            cursor.execute(session_settings(address, made.info.server_version, read_only))
    except BaseException:
        made.close()
        raise
    return made


# ------------------------------------------------------------------------------------------- connections that heal


class Link:
    """A connection that is made again when the server was away; the work that was cut off is done again.

    Args:
        address: of the run.
        read_only: whether the server refuses to change anything.
        on_return: called once the server is back, before work is done again; None: nothing is to be done.
        in_hurry: tells whether somebody has asked this process to stop, so that a server is not waited for long.
        is_patient: whether the first work connects, and waits for a server that is away; else it must be there now.

    Raises:
        InputError: the server does not let us in.
    """

    def __init__(
        self,
        address: StoreAddress,
        *,
        read_only: bool = False,
        on_return: Callable[[], None] | None = None,
        in_hurry: Callable[[], bool] = lambda: False,
        is_patient: bool = False,
    ) -> None:
        self.address = address
        self._read_only = read_only
        self._on_return = on_return
        self._in_hurry = in_hurry
        self._mutex = threading.RLock()
        self._closed = False
        self._is_given_up = False
        """Whether the server stayed away the last time: who asks next does not wait as long once more."""
        try:
            self._connection: Connection | None = None if is_patient else connect(address, read_only)
        except psycopg.Error as exc:
            raise explain_refusal(address, exc) from exc

    def run(self, work: Callable[[Connection], ResultT]) -> ResultT:
        """Do work over the connection, again if the server is lost meanwhile: it must not matter if it is done twice.

        Raises:
            StoreLostError: the server did not come back in time.
            StoreRefusedError: it answers and refuses the work, such as with a full disk.
            psycopg.Error: the work itself is wrong.
        """
        with self._mutex:
            since: float | None = None
            pause = _PAUSES[0]
            while True:
                try:
                    done = work(self._reconnect())
                    self._is_given_up = False
                    return done
                except psycopg.Error as exc:
                    refusal = find_refusal(self.address, exc)
                    if refusal is not None:
                        raise refusal from exc
                    if self._closed or not is_lost(exc):
                        raise
                    self._drop()
                    since = since or time.monotonic()
                    waited = time.monotonic() - since
                    if waited > choose_patience(self._in_hurry() or self._is_given_up):
                        self._is_given_up = True
                        raise tell_lost(self.address, exc, waited) from exc
                time.sleep(pause)
                pause = min(2 * pause, _PAUSES[1])

    def _reconnect(self) -> Connection:
        if self._connection is None:
            self._connection = connect(self.address, self._read_only)
            if self._on_return is not None:
                self._on_return()
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def close(self) -> None:
        """Close the connection."""
        with self._mutex:
            self._closed = True
            self._drop()


def choose_patience(in_hurry: bool) -> float:
    """Seconds to wait for a server that has gone away."""
    return HURRY if in_hurry else PATIENCE
