"""Readers and writers of one process open and close a ledger at any moment, and none of them hinders another."""

import threading
import time
from pathlib import Path

import pytest

import evokd.tracing.sqlite_store
from evokd.tracing.ledger import Ledger, LedgerError, open_ledger
from tests.tracing.rows import call
from tests.tracing.test_read_only import end, leave


def test_a_writer_waits_until_a_reader_of_its_process_lets_the_index_go(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    path = leave(tmp_path / "run", "-wal", "-shm")
    reader = open_ledger(path)  # SQLite gives it the index of the log as read-only, and all connections share that
    assert len(reader.calls()) == 1
    closing = threading.Timer(0.3, reader.close)
    closing.start()
    with Ledger(path) as writer:
        writer.add_time(1, "train", 2.0)
    closing.join()
    with open_ledger(path) as again:
        assert again.times() == {"train": 2.0}


def test_a_writer_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evokd.tracing.sqlite_store, "PATIENCE", 0.2)
    (tmp_path / "run").mkdir()
    path = leave(tmp_path / "run", "-wal", "-shm")
    with open_ledger(path) as reader:
        assert len(reader.calls()) == 1
        with pytest.raises(LedgerError, match="readonly database"):
            Ledger(path)


def test_what_is_written_since_a_quiet_file_was_opened_is_read(tmp_path: Path) -> None:
    path = end(tmp_path)
    with open_ledger(path) as reader:
        assert reader.times() == {}
        with Ledger(path) as writer:
            writer.add_time(1, "train", 2.0)
        assert reader.times() == {"train": 2.0}  # from the file itself
        with Ledger(path) as writer:
            writer.add_time(1, "gate", 1.0)
            assert reader.times() == {"train": 2.0, "gate": 1.0}  # from the log
            writer.add_time(1, "gate", 1.0)
            assert reader.times() == {"train": 2.0, "gate": 2.0}


def test_many_open_and_close_at_once(tmp_path: Path) -> None:
    path = end(tmp_path)
    found, faults, end_of_test = [0.0], list[str](), time.monotonic() + 1.5

    def read() -> None:
        while time.monotonic() < end_of_test:
            try:
                with open_ledger(path) as ledger:
                    assert [one.id for one in ledger.calls()] == [call().id]
                    found.append(ledger.times().get("train", 0.0))
            except Exception as exc:
                faults.append(repr(exc))

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    written = 0
    while time.monotonic() < end_of_test:
        with Ledger(path) as writer:
            writer.add_time(1, "train", 1.0)
        written += 1
        with open_ledger(path) as ledger:
            assert ledger.times() == {"train": float(written)}
    for reader in readers:
        reader.join()
    assert faults == []
    assert written > 3
    assert max(found) > 1.0
