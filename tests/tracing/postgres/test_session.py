import re
from pathlib import Path

import pytest

pytest.importorskip("psycopg", reason="needs evokd[postgres]")

import evokd.tracing.postgres.connection as connection
import evokd.tracing.postgres.session as session_module
from evokd.messages import InputError
from evokd.tracing.ledger import Ledger
from evokd.tracing.postgres.address import StoreAddress, parse_address
from evokd.tracing.postgres.connection import Link
from evokd.tracing.postgres.session import RunSession, find_config, find_session, hold_run, list_schemas, make_schema
from evokd.tracing.postgres.store import PostgresStore
from evokd.tracing.store import LedgerError, RunHeldError, StoreLostError, StoreRefusedError
from tests.postgres_server import PostgresServer
from tests.tracing.postgres.conftest import DROP
from tests.tracing.rows import call

END_ALL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'evokd %'"


def test_a_run_is_held_once_and_the_holder_is_named(address: StoreAddress) -> None:
    with hold_run(address):
        assert find_session(address) is not None
        with pytest.raises(RunHeldError, match=r"^evokd \d+ on "), hold_run(address):
            pass
    assert find_session(address) is None
    with hold_run(address):
        pass


def test_after_a_crash_of_the_server_the_lock_is_taken_again(
    pointer: Path, address: StoreAddress, postgres: PostgresServer
) -> None:
    with hold_run(address), Ledger(pointer) as ledger:
        postgres.restart()
        ledger.record_call(call())
        with pytest.raises(RunHeldError):
            RunSession(address)


def test_a_connection_of_the_lock_that_ends_is_made_again_before_the_next_call(
    pointer: Path, address: StoreAddress, postgres: PostgresServer
) -> None:
    with hold_run(address), Ledger(pointer) as ledger:
        postgres.query(END_ALL)
        ledger.check_room()
        with pytest.raises(RunHeldError):
            RunSession(address)


def test_of_two_that_believe_to_hold_a_run_only_the_later_one_writes(
    pointer: Path, address: StoreAddress, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the network of a machine was cut for so long that the server gave its lock to another one."""
    monkeypatch.setattr(session_module, "_SETTLES", 0.2)
    with hold_run(address), Ledger(pointer) as ledger:
        postgres.query(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
        )  # its other connections live on
        other = RunSession(address)
        try:
            with pytest.raises(LedgerError, match=r"another process \(evokd \d+ on .*\) has taken over this run"):
                ledger.record_call(call())
            with pytest.raises(LedgerError, match="taken over"):
                ledger.check_room()
            assert ledger.calls() == []
        finally:
            other.close()


def test_who_is_asked_to_stop_does_not_wait_long_for_a_server(
    pointer: Path, address: StoreAddress, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HURRY", 0.2)
    with hold_run(address), Ledger(pointer) as ledger:
        session = find_session(address)
        assert session is not None
        session.in_hurry = lambda: True
        postgres.stop()
        try:
            with pytest.raises(StoreLostError, match="has not answered for"):
                ledger.record_call(call())
        finally:
            postgres.start()


def test_a_server_that_was_given_up_is_not_waited_for_as_long_again(
    pointer: Path, address: StoreAddress, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "PATIENCE", 0.4)
    monkeypatch.setattr(connection, "HURRY", 0.0)
    patience: list[bool] = []
    choose = connection.choose_patience

    def note(in_hurry: bool) -> float:
        patience.append(in_hurry)
        return choose(in_hurry)

    monkeypatch.setattr(connection, "choose_patience", note)
    with hold_run(address), Ledger(pointer) as ledger:
        postgres.stop()
        try:
            for is_known in (False, True):
                patience.clear()
                with pytest.raises(StoreLostError, match="has not answered for"):
                    ledger.record_call(call())
                assert set(patience) == {is_known}
        finally:
            postgres.start()
        ledger.record_call(call())
        postgres.stop()
        patience.clear()
        try:
            with pytest.raises(StoreLostError):
                ledger.record_call(call())
        finally:
            postgres.start()
        assert set(patience) == {False}, "it was back meanwhile"


def test_a_run_that_was_dropped_is_told(address: StoreAddress, postgres: PostgresServer) -> None:
    assert list_schemas(address) == {"evokd_one": True}
    postgres.query(DROP)
    assert list_schemas(address) == {}
    with pytest.raises(InputError, match="holds no run 'one'"), hold_run(address):
        pass


@pytest.mark.parametrize("granted", [None, "USAGE ON SCHEMA evokd_one", "SELECT ON evokd_one.run_owner"])
def test_a_run_of_another_user_of_the_database_is_told(
    granted: str | None, address: StoreAddress, postgres: PostgresServer
) -> None:
    if not postgres.query("SELECT 1 FROM pg_roles WHERE rolname = 'colleague'"):
        postgres.query("CREATE ROLE colleague LOGIN")
    if granted is not None:
        postgres.query(f"GRANT {granted} TO colleague")
    other = parse_address(postgres.url.replace("evokd@", "colleague@"), "one")
    assert list_schemas(other) == {"evokd_one": False}
    for ask in (find_config, lambda address: hold_run(address).__enter__()):
        with pytest.raises(InputError, match="the run 'one' there belongs to the database user 'evokd'; connect as"):
            ask(other)
    assert find_config(address) is None


FOREIGN = {
    "a table": ("CREATE TABLE evokd_one.orders (a int)", "orders"),
    "tables with our names": ("CREATE TABLE evokd_one.files (a int); CREATE VIEW evokd_one.v AS SELECT 1", "files, v"),
    "an owner of something else": ("CREATE TABLE evokd_one.run_owner (a int)", "run_owner"),
}


@pytest.mark.parametrize(("made", "named"), FOREIGN.values(), ids=FOREIGN)
def test_a_schema_that_holds_something_else_is_left_alone(
    made: str, named: str, address: StoreAddress, postgres: PostgresServer
) -> None:
    """It would be deleted with the run."""
    postgres.query(f"{DROP}; CREATE SCHEMA evokd_one; {made}")
    assert list_schemas(address) == {}
    assert find_config(address) is None
    told = f"the schema evokd_one there holds other tables ({named}); choose another --run-id"
    with pytest.raises(InputError, match=re.escape(told)):
        make_schema(address)
    tables = postgres.query("SELECT relname FROM pg_class WHERE relnamespace = 'evokd_one'::regnamespace ORDER BY 1")
    assert ", ".join(row["relname"] for row in tables) == named
    postgres.query(f"{DROP}; CREATE SCHEMA evokd_one")
    make_schema(address)
    assert list_schemas(address) == {"evokd_one": True}, "of a start that was killed"


def test_texts_are_stored_as_they_are_whatever_encoding_an_address_asks_for(
    address: StoreAddress, postgres: PostgresServer
) -> None:
    for encoding in ("LATIN1", "SQL_ASCII"):
        link = Link(parse_address(f"{postgres.url}&client_encoding={encoding}", "one"))
        rows = link.run(lambda connection: connection.execute("SELECT %s || '水' AS text", ("naïve 水泵",)).fetchall())
        assert rows == [{"text": "naïve 水泵水"}]
        link.close()


READ_ONLY = "&options=-c%20default_transaction_read_only%3Don"


@pytest.mark.usefixtures("address")
def test_a_read_only_database_is_told_in_one_line(postgres: PostgresServer) -> None:
    told = r"read-only transaction; let the database be written to again"
    with pytest.raises(StoreRefusedError, match=told), hold_run(parse_address(postgres.url + READ_ONLY, "one")):
        pass
    with pytest.raises(InputError, match=told):
        make_schema(parse_address(postgres.url + READ_ONLY, "new"))


@pytest.mark.parametrize(
    ("code", "mend"), [("53100", "make room on the server's disk"), ("58030", "look at the server's log")]
)
def test_a_server_that_refuses_the_work_is_no_traceback(
    pointer: Path, address: StoreAddress, code: str, mend: str
) -> None:
    """Files of a run are stored past the ledger, and the student is the largest of them."""
    raised = f"DO $$ BEGIN RAISE EXCEPTION 'No space left' USING ERRCODE = '{code}'; END $$"
    with hold_run(address), Ledger(pointer) as ledger:
        store = PostgresStore(address)
        with pytest.raises(StoreRefusedError, match=f"No space left; {mend}"):
            store.run(lambda connection: connection.execute(raised))
        store.close()
        ledger.record_call(call())
