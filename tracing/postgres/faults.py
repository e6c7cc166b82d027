"""What goes wrong with a Postgres server, in plain words: it does not let us in, refuses the work, or went away."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from evokd.messages import InputError
from evokd.messages.escape import clean
from evokd.tracing.postgres.address import VARIABLE, StoreAddress, name_run
from evokd.tracing.store import StoreLostError, StoreRefusedError

_PASSING = ("40001", "40P01", "57P01", "57P02", "57P03", "57P05", "25P03")
"""Errors after which the same work may succeed: conflicts of transactions; the server goes down, comes up, or has ended
a connection on which nothing happened."""
_PASSWORD = (
    f"set the password in PGPASSWORD, in ~/.pgpass, or in {VARIABLE} as postgresql://user:password@host/database"
)
_MENDS = (
    (("starting up", "shutting down", "recovery mode"), "wait until the server is up"),
    (("too many", "remaining connection slots"), "raise its max_connections; a run takes up to six"),
    (("password authentication failed", "no password supplied", "password"), _PASSWORD),
    (("role", "Peer authentication", "pg_hba"), "check the user in the address, and what pg_hba.conf lets in"),
    (("database",), "check its name, or make it with: createdb NAME"),
    (("translate host name", "resolve host"), "check the name of the host"),
)
_REFUSALS = {
    "25006": "let the database be written to again (it is a standby, or default_transaction_read_only is on)",
    "42501": "give this user the rights of the run's owner back",
    "53100": "make room on the server's disk",
    "53200": "give the server more memory",
    "53": "raise the limit on the server",
    "55P03": "end what holds the lock: SELECT * FROM pg_locks",
    "57014": "the server took too long or somebody cancelled the statement; look at its load",
    "58": "look at the server's log",
    "XX": "look at the server's log",
}
"""Codes of errors, or their first two characters, that no statement of ours causes -> what to do."""


def is_lost(exc: Exception) -> bool:
    """Whether work failed because the server went away, so that it may succeed over a new connection."""
    if not isinstance(exc, psycopg.OperationalError | psycopg.InterfaceError):
        return False
    # an error without a code did not come from the server: it could not be reached
    return exc.sqlstate is None or exc.sqlstate in _PASSING or exc.sqlstate.startswith("08")


def explain_refusal(address: StoreAddress, exc: psycopg.Error) -> InputError:
    """Say in one line why a server does not let us in, and what to do."""
    told = first_line(exc)
    for words, mend in _MENDS:
        if any(word in told for word in words):
            return InputError(f"{address}: {told}; {mend}")
    return InputError(f"{address}: {told}; check the address, and that the server runs")


def find_refusal(address: StoreAddress, exc: psycopg.Error) -> StoreRefusedError | None:
    """Say in one line why a server that answers refuses our work, and what to do; None: the work itself is wrong."""
    code = exc.sqlstate or ""
    mend = _REFUSALS.get(code) or _REFUSALS.get(code[:2])
    return StoreRefusedError(f"{address}: {first_line(exc)}; {mend}; what was stored is safe") if mend else None


@contextmanager
def damage_told(address: StoreAddress) -> Iterator[None]:
    """Say in one line that tables of a run are missing, or are others than a run makes.

    Raises:
        InputError: names the run, and what to do.
    """
    try:
        yield
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as exc:
        run = name_run(address.schema)
        mend = f"restore the database, or delete the run: evokd runs --delete {run} --store {address}"
        raise InputError(f"{address}: the run {run!r} there is damaged ({first_line(exc)}); {mend}") from exc


def tell_lost(address: StoreAddress, exc: Exception, seconds: float) -> StoreLostError:
    """Say that a server did not come back."""
    return StoreLostError(
        f"{address}: the server has not answered for {seconds:.0f} s ({first_line(exc)}); what was stored is safe"
    )


def first_line(exc: Exception) -> str:
    """The first line of what libpq says, without the attempt that it belongs to."""
    lines = [line.strip() for line in str(exc).splitlines() if line.strip()]
    told = lines[0] if lines else type(exc).__name__
    told = re.sub(r"^(connection failed: )?connection to server (at|on) .*? failed: ", "", told)
    told = re.sub(r"^(FATAL|ERROR): +", "", told)
    return clean(told, 200)
