import sqlite3
import threading
from contextlib import closing

from evokd.tracing.ledger import Ledger
from tests.tracing.rows import fill


def test_a_transaction_that_reads_first_waits_for_another_writer(ledger: Ledger) -> None:
    """A deferred one would fail at once, whatever the patience: its view is older than the other's write."""
    fill(ledger)
    written = threading.Event()

    def write_beside() -> None:
        with closing(sqlite3.connect(ledger.path, timeout=30)) as other, other:
            other.execute("UPDATE lessons SET labelled = labelled + 1")
        written.set()

    beside = threading.Thread(target=write_beside)
    with ledger._transaction():
        ledger.query("SELECT count(*) FROM lessons")
        beside.start()
        written.wait(0.2)
        ledger._execute("UPDATE lessons SET drafts = drafts + 1")
    beside.join()
    assert written.is_set()
