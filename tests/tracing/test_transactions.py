import sqlite3
import threading
import time
from contextlib import closing

import pytest

from evokd.tracing.ledger import Ledger
from evokd.tracing.sqlite_store import SqliteStore
from tests.tracing.rows import fill


def test_a_transaction_that_reads_first_waits_for_another_writer(ledger: Ledger) -> None:
    """What it has read is older than what the other writes, and both writes stay."""
    fill(ledger)
    (before,) = ledger.query("SELECT drafts, labelled FROM lessons LIMIT 1")
    with closing(sqlite3.connect(ledger.path, isolation_level=None, check_same_thread=False)) as other:
        with ledger._transaction():
            ledger.query("SELECT count(*) FROM lessons")
            other.execute("BEGIN IMMEDIATE")
            other.execute("UPDATE lessons SET labelled = labelled + 1")
            beside = threading.Timer(0.2, lambda: other.execute("COMMIT"))
            beside.start()
            ledger._execute("UPDATE lessons SET faults = '[]'")
            ledger._execute("UPDATE lessons SET drafts = drafts + 1")
        (after,) = ledger.query("SELECT drafts, labelled FROM lessons LIMIT 1")
        assert tuple(after) == (before["drafts"] + 1, before["labelled"] + 1)
        beside.join()


def test_nothing_of_a_transaction_is_stored_before_its_end(ledger: Ledger) -> None:
    fill(ledger)
    count = "SELECT count(*) AS n FROM lessons"
    with ledger._transaction():
        assert ledger._execute("DELETE FROM lessons") == 0
        assert ledger.query(count)[0]["n"]
    assert ledger.query(count)[0]["n"] == 0


@pytest.mark.parametrize("statements", [1, 2])
def test_a_write_beside_an_older_read_is_tried_until_that_has_ended(ledger: Ledger, statements: int) -> None:
    """SQLite does not wait there: it says at once that the database is locked."""
    fill(ledger)
    store = ledger._store
    assert isinstance(store, SqliteStore)
    write = "INSERT INTO meta VALUES (?, 'x')"
    with closing(store._db.cursor()) as reading:
        reading.execute("SELECT value FROM meta UNION ALL SELECT id FROM lessons")
        other = store.fork()
        other.commit([(write, ("other",))])
        with pytest.raises(sqlite3.OperationalError, match="database is locked"):
            store._db.execute(write, ("at once",))
        beside = threading.Timer(0.2, reading.close)
        beside.start()
        began = time.monotonic()
        store.commit([(write, (f"mine {number}",)) for number in range(statements)])
        beside.join()
    assert 0.1 < time.monotonic() - began < 5
    kept = {row["key"] for row in ledger.query("SELECT key FROM meta")}
    assert {"other", *(f"mine {number}" for number in range(statements))} <= kept
    assert "at once" not in kept
    other.close()
