"""One connection serves what is read of many runs; each looks into its own schema."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

pytest.importorskip("psycopg_pool", reason="needs evokd[postgres]")

from evokd import api
from evokd.api.run_deletion import find_stored_runs_to_delete
from evokd.graph.setup.stored_runs import find_stored_runs
from evokd.messages import InputError
from evokd.tracing.ledger import open_ledger
from evokd.tracing.postgres import shared
from evokd.tracing.postgres.address import StoreAddress, write_pointer
from evokd.tracing.postgres.session import find_config, has_run_tables, hold_run
from evokd.tracing.postgres.shared import share_connection
from evokd.tracing.postgres.store import PostgresStore
from evokd.tracing.store import POINTER
from tests.postgres_server import PostgresServer
from tests.stored_runs import make_stored_run

RUNS = ("first", "second", "third", "fourth")


@pytest.fixture(scope="module")
def places(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[StoreAddress]]:
    """Runs in a database that holds no others."""
    for row in postgres.query("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'evokd%'"):
        postgres.query(f'DROP SCHEMA "{row["nspname"]}" CASCADE')
    base = tmp_path_factory.mktemp("stored")
    yield [make_stored_run(postgres.url, name, base / name) for name in RUNS]
    for name in RUNS:
        postgres.query(f"DROP SCHEMA evokd_{name} CASCADE")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The connections that are opened from now on."""
    made: list[str] = []
    connect = psycopg.connect

    def note(*args: object, **options: object) -> object:
        made.append(str(options.get("application_name")))
        return connect(*args, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(psycopg, "connect", note)
    return made


def test_all_runs_are_listed_over_one_connection(places: list[StoreAddress], opened: list[str]) -> None:
    rows, hidden = api.list_stored_runs(places[0].url)
    assert len(opened) == 1
    assert hidden == 0
    assert {row["run_id"]: row["domain"] for row in rows} == {name: name for name in RUNS}, "each from its own schema"
    assert all(row["holder"] is None and row["tokens"] == 0 for row in rows)
    opened.clear()
    assert [run.run_id for run in find_stored_runs_to_delete(RUNS, places[0].url)] == list(RUNS)
    assert len(opened) == 1
    opened.clear()
    assert find_config(places[1]) is not None
    assert len(opened) == 1


def test_who_works_on_a_run_is_told_of_that_run(places: list[StoreAddress]) -> None:
    with hold_run(places[2]):
        rows, _ = api.list_stored_runs(places[0].url)
    assert [row["run_id"] for row in rows if row["holder"]] == ["third"]


def test_the_connection_heals_and_finds_its_schema_again(places: list[StoreAddress], postgres: PostgresServer) -> None:
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'evokd %'"
    with share_connection(places[0]):
        second = PostgresStore(places[1], read_only=True)
        domain = "SELECT body FROM file_parts WHERE path = 'config.yaml'"
        assert bytes(second.read(domain)[0]["body"]) == b"name: second\n"
        postgres.query(end)
        assert bytes(second.read(domain)[0]["body"]) == b"name: second\n"
        second.close()
        assert has_run_tables(places[3]), "closing a part leaves the connection open"


def test_only_readers_of_the_same_database_in_this_thread_share(
    places: list[StoreAddress], opened: list[str], tmp_path: Path
) -> None:
    other = replace(places[0], url=f"{places[0].url}&connect_timeout=9")
    write_pointer(tmp_path / POINTER, places[0])
    with share_connection(places[0]):
        with share_connection(places[1]):
            open_ledger(tmp_path / POINTER).close()
        assert len(opened) == 1
        PostgresStore(places[0]).close()
        assert has_run_tables(other)
        assert len(opened) == 3
        thread = threading.Thread(target=find_config, args=(places[0],))
        thread.start()
        thread.join()
        assert len(opened) == 4
    assert shared._SHARED.get() is None
    open_ledger(tmp_path / POINTER).close()
    assert len(opened) == 5


def test_a_server_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="check the address, and that the server runs"):
        find_stored_runs(f"postgresql:///postgres?host={tmp_path}&port=1")
    with pytest.raises(InputError, match="check the address, and that the server runs"):
        api.list_stored_runs(f"postgresql:///postgres?host={tmp_path}&port=1")
