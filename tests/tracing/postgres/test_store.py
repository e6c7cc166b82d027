"""A ledger in Postgres does what one in a file does: the same tests on the same code."""

import asyncio
import inspect
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("psycopg", reason="needs evokd[postgres]")

import psycopg

import evokd.tracing.database as database
import evokd.tracing.postgres.address as address_module
import evokd.tracing.postgres.connection as connection
from evokd.messages import InputError
from evokd.tracing.database import _to_insert
from evokd.tracing.ledger import Ledger, open_ledger
from evokd.tracing.postgres.address import StoreAddress, parse_address
from evokd.tracing.postgres.connection import Link, escape_nul, unescape_nul
from evokd.tracing.postgres.store import PostgresStore
from evokd.tracing.queries import count_samples_by, find_calls, find_samples, list_messages
from evokd.tracing.store import LedgerError, StoreLostError
from tests.postgres_server import PASSWORD, PostgresServer
from tests.tracing import test_ledger, test_samples
from tests.tracing.rows import call, fill, sample

Check = Callable[..., Any]
OF_SQLITE = (
    "test_a_change_that_fails_in_the_middle_leaves_nothing",
    "test_lessons_of_an_interrupted_attempt_are_replaced",
)
"""Tests that name errors or the file of SQLite."""


@pytest.fixture
def ledger(pointer: Path) -> Iterator[Ledger]:
    """An empty ledger in a database."""
    opened = Ledger(pointer)
    yield opened
    opened.close()


def find_checks(*modules: ModuleType) -> dict[str, Check]:
    """The tests of modules that take nothing but a ledger."""
    found = {name: check for module in modules for name, check in vars(module).items() if name.startswith("test_")}
    return {
        name: check
        for name, check in found.items()
        if list(inspect.signature(check).parameters) == ["ledger"] and name not in OF_SQLITE
    }


CHECKS = find_checks(test_ledger, test_samples)


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_it_does_what_a_file_does(check: Check, ledger: Ledger) -> None:
    done = check(ledger)
    if inspect.isawaitable(done):
        asyncio.run(done)  # type: ignore[arg-type]


def test_there_are_checks_enough() -> None:
    assert len(CHECKS) > 20


@pytest.fixture
def both(ledger: Ledger, tmp_path: Path) -> Iterator[tuple[Ledger, Ledger]]:
    """The same rows in a database and in a file."""
    other = Ledger(tmp_path / "ledger.db")
    fill(ledger)
    fill(other)
    yield ledger, other
    other.close()


QUERIES: dict[str, Callable[[Ledger], Any]] = {
    "one page of samples": lambda ledger: find_samples(ledger, {"state": "accepted"}, 1, 1),
    "samples with a text": lambda ledger: find_samples(ledger, {"search": "TEXT of"}),
    "samples of a label": lambda ledger: find_samples(ledger, {"label": "cat", "disputed": False}),
    "calls": lambda ledger: find_calls(ledger, {"role": "generator"}),
    "messages": lambda ledger: list_messages(ledger, 1),
    "counts": lambda ledger: count_samples_by(ledger, "weakness", "reason", "state"),
    "usage": lambda ledger: (ledger.usage(), ledger.usage(1, "labeler"), ledger.spent(None), ledger.count_tokens(0, 9)),
    "weaknesses": lambda ledger: (ledger.newest_weaknesses(5), ledger.newest_weaknesses(5, before=1)),
    "decisions": lambda ledger: (ledger.decisions(), ledger.decisions(1)),
    "times": lambda ledger: ledger.times(),
}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_pages_get_the_same_from_both(query: Callable[[Ledger], Any], both: tuple[Ledger, Ledger]) -> None:
    assert query(both[0]) == query(both[1])


def test_texts_are_sorted_by_code_points_and_nul_comes_back(ledger: Ledger) -> None:
    texts = ["b", "B", "ä", "a", "Z", "a\x00b", "\ufdd0", "\ufdd00\x00", "\\", "'; DROP TABLE samples; --", "%s ? %"]
    ledger.put_drafts("c001-l01", [sample(f"c001-l01-{text}", text=text) for text in texts])
    assert [item.text for item in ledger.samples()] == sorted(texts, key=lambda text: (len(escape_nul(text)), text))
    assert all(unescape_nul(escape_nul(text)) == text for text in texts)


def test_a_change_that_fails_in_the_middle_leaves_nothing(ledger: Ledger) -> None:
    ledger.put_drafts("c001-l01", [sample()])
    with pytest.raises(psycopg.errors.UndefinedColumn):
        ledger.update_samples([("c001-l01-d01", {"state": "accepted"}), ("c001-l01-d01", {"colour": "red"})])  # type: ignore[typeddict-unknown-key]
    assert ledger.samples() == [sample()]


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.tracing.rows import call, sample
from evokd.tracing.database import _to_insert
from evokd.tracing.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
ledger.record_call(call())
def work(connection):
    from evokd.tracing.postgres.store import _adapt
    connection.execute(*_adapt(*_to_insert("samples", vars(sample()))))
    os.kill(os.getpid(), signal.SIGKILL)
ledger._store.run(work)
"""


def test_half_a_transaction_of_a_killed_process_is_not_there(pointer: Path) -> None:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[3]), *sys.path])}
    done = subprocess.run([sys.executable, "-c", KILLED, str(pointer)], env=env, capture_output=True, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr
    with open_ledger(pointer) as ledger:
        assert (ledger.calls(), ledger.samples()) == ([call()], [])


def test_a_reader_changes_nothing_and_a_ledger_that_was_not_begun_is_told(pointer: Path) -> None:
    with pytest.raises(LedgerError, match="if the run was deleted there, delete its folder too"):
        open_ledger(pointer)
    Ledger(pointer).close()
    with open_ledger(pointer) as ledger, pytest.raises(LedgerError, match="read-only transaction"):
        ledger.record_call(call())


def test_a_ledger_of_an_earlier_version_gets_its_columns_and_a_later_one_is_left_alone(
    pointer: Path, address: StoreAddress, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Ledger(pointer) as ledger:
        fill(ledger)
    postgres.query("UPDATE evokd_one.meta SET value = '2' WHERE key = 'version'")
    postgres.query("ALTER TABLE evokd_one.lessons DROP COLUMN kind")
    with pytest.raises(LedgerError, match="ledger of version 2; resume the run, which brings it up to date"):
        open_ledger(pointer)
    with Ledger(pointer) as ledger:
        assert {row["kind"] for row in ledger.lessons(1)} == {""}
        assert {row["label"] for row in ledger.query("SELECT kind AS label FROM lessons")} == {""}
    monkeypatch.setattr(database, "VERSION", database.VERSION - 1)
    with pytest.raises(LedgerError, match="ledger of version 3, this program knows version 2"):
        Ledger(pointer)


def test_a_damaged_ledger_is_told_with_what_mends_it(pointer: Path, postgres: PostgresServer) -> None:
    with Ledger(pointer) as ledger:
        fill(ledger)
        postgres.query("ALTER TABLE evokd_one.samples DROP COLUMN text")
        with pytest.raises(
            LedgerError, match=r"damaged \(samples .*no column text\); restore the schema from a backup"
        ):
            ledger.samples()


# ---------------------------------------------------------------------------------------------- a server that goes


def test_what_is_asked_of_a_server_that_goes_away_is_done_when_it_is_back(
    ledger: Ledger, postgres: PostgresServer
) -> None:
    ledger.record_call(call())
    postgres.stop()
    beside = threading.Timer(0.3, postgres.start)
    beside.start()
    ledger.record_call(call("c001-analyst-2", key="k2"))
    asyncio.run(ledger.keep_call(call("c001-analyst-3", key="k3")))
    beside.join()
    assert [record.id for record in ledger.calls()] == ["c001-analyst-1", "c001-analyst-2", "c001-analyst-3"]


def test_the_first_reply_waits_for_a_server_that_is_away(ledger: Ledger, postgres: PostgresServer) -> None:
    postgres.stop()
    beside = threading.Timer(0.3, postgres.start)
    beside.start()
    asyncio.run(ledger.keep_call(call()))
    beside.join()
    assert ledger.calls() == [call()]


def test_a_connection_that_the_server_ends_is_made_again(ledger: Ledger, postgres: PostgresServer) -> None:
    fill(ledger)
    before = ledger.usage()
    postgres.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'evokd %'")
    assert ledger.usage() == before


def test_a_server_that_stays_away_is_told(
    pointer: Path, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "PATIENCE", 0.3)
    with Ledger(pointer) as ledger:
        postgres.stop()
        try:
            with pytest.raises(StoreLostError, match=r"has not answered for 0 s .*what was stored is safe") as caught:
                ledger.usage()
            with pytest.raises(InputError, match="check the address, and that the server runs"):
                Ledger(pointer)
        finally:
            postgres.start()
        assert "\n" not in str(caught.value)


def test_a_refusal_says_what_to_do(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGPASSWORD", raising=False)
    monkeypatch.setattr(address_module, "_KNOWN", {})
    for url, advice in (
        (postgres.tcp, "PGPASSWORD"),
        (postgres.tcp.replace("evokd@", "evokd:wrong@"), "PGPASSWORD"),
        (postgres.url.replace("/postgres?", "/absent?"), "createdb NAME"),
        (postgres.url.replace("evokd@", "nobody_here@"), "check the user"),
        (postgres.tcp.replace(str(postgres.port), "1"), "check the address"),
        (postgres.tcp.replace("127.0.0.1", "no-such-host.invalid"), "check the name of the host"),
        (f"{postgres.url}&nonsense=1", "invalid"),
    ):
        with pytest.raises(InputError, match=advice) as caught:
            Link(parse_address(url, "one"))
        assert "\n" not in str(caught.value)
        assert "wrong" not in str(caught.value)
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    Link(StoreAddress(postgres.tcp.replace("/postgres", "/template1"), "one")).close()


def test_statements_are_written_for_both_databases() -> None:
    statement, _ = _to_insert("cycles", {"cycle": 1, "part": "gate", "body": {}})
    assert statement.endswith("ON CONFLICT (cycle, part) DO UPDATE SET body = excluded.body")
    assert PostgresStore.errors == (psycopg.Error,)
