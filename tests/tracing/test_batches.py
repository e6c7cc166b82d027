"""Which calls of which batches have no outcome yet, and what batches have saved."""

import sqlite3
from pathlib import Path

import pytest

from evokd.messages import BatchRecord
from evokd.tracing.ledger import Ledger
from tests.tracing.rows import call

WHERE = ("http://a/v1", "m")


def make_batch(token: str, *keys: str, created: float = 1.0) -> BatchRecord:
    return BatchRecord(token, *WHERE, keys, created)


def open_keys(ledger: Ledger) -> dict[str, tuple[str, ...]]:
    return {record.token: record.keys for record in ledger.open_batches(*WHERE)}


def test_a_call_is_open_until_it_has_a_reply_or_is_settled(ledger: Ledger) -> None:
    ledger.add_batch(make_batch("late", "d", created=2.0))
    ledger.add_batch(make_batch("early", "a", "b", "c"))
    assert open_keys(ledger) == {"early": ("a", "b", "c"), "late": ("d",)}
    assert list(open_keys(ledger)) == ["early", "late"], "the oldest first"
    ledger.record_call(call("c001-labeler-1", key="a"))
    ledger.record_call(call("c001-labeler-2", key="b", status="error", cost_usd=None))
    assert open_keys(ledger)["early"] == ("b", "c"), "a failure that is stored is not settled yet"
    ledger.settle_row("early", "b")
    ledger.record_call(call("c001-labeler-3", key="c", status="fault"))
    assert open_keys(ledger) == {"late": ("d",)}
    ledger.drop_batch("late")
    assert open_keys(ledger) == {}


def test_a_settled_call_is_open_in_its_next_batch(ledger: Ledger) -> None:
    ledger.add_batch(make_batch("one", "a"))
    ledger.settle_row("one", "a")
    ledger.add_batch(make_batch("two", "a", created=2.0))
    assert open_keys(ledger) == {"two": ("a",)}
    ledger.name_batch("two", "batch_2")
    assert ledger.open_batches(*WHERE)[0].batch == "batch_2"
    assert ledger.open_batches("http://b/v1", "m") == ledger.open_batches("http://a/v1", "n") == []


def test_a_call_that_is_asked_anew_after_a_fault_is_open_in_its_new_batch_alone(ledger: Ledger) -> None:
    ledger.add_batch(make_batch("one", "a", "b"))
    ledger.record_call(call("c001-labeler-1", key="a", status="fault"))
    assert ledger.spend_faults(1) == 1
    assert open_keys(ledger) == {"one": ("b",)}, "its old reply is not fetched again"
    ledger.add_batch(make_batch("two", "a", created=2.0))
    assert open_keys(ledger) == {"one": ("b",), "two": ("a",)}, "its new one is paid for"


def test_batches_outlive_lost_checkpoints(ledger: Ledger) -> None:
    ledger.add_batch(make_batch("one", "a"))
    ledger.start_over()
    assert open_keys(ledger) == {"one": ("a",)}


def test_what_batches_saved_is_summed_by_the_share_that_was_charged(ledger: Ledger) -> None:
    ledger.record_call(call("c001-labeler-1", cost_usd=5.0))
    assert ledger.batch_use() is None
    ledger.record_call(call("c001-labeler-2", flags=["batch"], cost_usd=1.0, price_source="user x 0.5"))
    ledger.record_call(call("c001-labeler-3", flags=["fence", "batch"], cost_usd=1.0, price_source="user x 0.25"))
    ledger.record_call(call("c001-labeler-4", flags=["batch"], status="error", cost_usd=None, price_source=None))
    assert ledger.batch_use() == {"calls": 2, "cost_usd": 2.0, "saved_usd": pytest.approx(1.0 + 3.0)}
    ledger.record_call(call("c001-labeler-5", flags=["batch"], cost_usd=None, price_source=None))
    assert ledger.batch_use() == {"calls": 3, "cost_usd": None, "saved_usd": None}


def test_a_ledger_of_before_is_read_without_a_copy(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    Ledger(path).close()
    with sqlite3.connect(path) as db:
        db.executescript("DROP TABLE batch_rows; DROP TABLE batches; PRAGMA journal_mode=DELETE")
    db.close()
    with Ledger(path, read_only=True) as ledger:
        assert ledger._copy is None
        assert (ledger.batch_use(), ledger.usage()["calls"]) == (None, 0)
    with Ledger(path) as ledger:
        assert open_keys(ledger) == {}
