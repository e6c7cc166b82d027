import sqlite3
import threading
from contextlib import closing

from evokd.tracing.ledger import Ledger
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
