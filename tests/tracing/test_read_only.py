"""A ledger is read where it lies: whatever a writer or a kill has left beside it, nothing there is made or changed."""

import errno
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import evokd.tracing.read_only
from evokd.messages import EvokdError
from evokd.tracing.ledger import Ledger, LedgerError, open_ledger
from tests.tracing.rows import call

Snapshot = dict[str, tuple[int, int]]


def snapshot(folder: Path) -> Snapshot:
    """Names of the files of a folder with their sizes in bytes and times of change in nanoseconds."""
    return {path.name: (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.iterdir()}


def leave(folder: Path, *endings: str) -> Path:
    """Leave a ledger as a kill does, with these files beside it; its one call stands in the log alone."""
    source = folder.parent / "source"
    source.mkdir()
    with Ledger(source / "ledger.db") as ledger:
        ledger.record_call(call())
        for ending in ("", *endings):
            shutil.copyfile(source / f"ledger.db{ending}", folder / f"ledger.db{ending}")
    return folder / "ledger.db"


def end(folder: Path) -> Path:
    """A ledger that was closed in order: one file alone."""
    with Ledger(folder / "ledger.db") as ledger:
        ledger.record_call(call())
    assert [path.name for path in folder.iterdir()] == ["ledger.db"]
    return folder / "ledger.db"


def empty_log(folder: Path) -> Path:
    path = end(folder)
    path.with_name("ledger.db-wal").touch()
    return path


def index_alone(folder: Path) -> Path:
    path = end(folder)
    path.with_name("ledger.db-shm").write_bytes(bytes(32768))
    return path


def version_2(folder: Path) -> Path:
    path = end(folder)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE meta SET value = '2' WHERE key = 'version'")
        db.execute("ALTER TABLE lessons DROP COLUMN kind")
        for column in ("kind", "source", "pair", "audited"):
            db.execute(f"ALTER TABLE samples DROP COLUMN {column}")
    db.close()
    return path


def without_a_table(folder: Path) -> Path:
    path = end(folder)
    with sqlite3.connect(path) as db:
        db.execute("DROP TABLE timings")
    db.close()
    return path


STATES: dict[str, Callable[[Path], Path]] = {
    "ended": end,
    "killed": lambda folder: leave(folder, "-wal", "-shm"),
    "killed, index lost": lambda folder: leave(folder, "-wal"),
    "empty log": empty_log,
    "index alone": index_alone,
    "version 2": version_2,
    "without a table": without_a_table,
}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that is read-only in the end; to root as well, as far as names, sizes and times tell."""
    path = tmp_path / "run"
    path.mkdir()
    yield path
    path.chmod(0o755)


@pytest.mark.parametrize("make", STATES.values(), ids=STATES)
def test_a_ledger_is_read_whole_and_nothing_beside_it_changes(make: Callable[[Path], Path], folder: Path) -> None:
    path = make(folder)
    for file in folder.iterdir():
        file.chmod(0o444)
    folder.chmod(0o555)
    before = snapshot(folder)
    with open_ledger(path) as ledger:
        assert [found.id for found in ledger.calls()] == [call().id]
        assert ledger.times() == {}
        assert ledger.samples() == ledger.lessons(1) == []
        assert snapshot(folder) == before
    assert snapshot(folder) == before


@pytest.mark.parametrize("name", ["a b", "per%20cent", "what?#", "quo'te", "ünï"])
def test_a_folder_may_have_any_name(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    with open_ledger(end(tmp_path / name)) as ledger:
        assert len(ledger.calls()) == 1


def test_a_reader_writes_nothing(folder: Path) -> None:
    with open_ledger(end(folder)) as ledger, pytest.raises(LedgerError, match="readonly database"):
        ledger.record_call(call())


def test_what_a_run_writes_is_read_while_it_goes_on_and_nobody_waits(folder: Path) -> None:
    writer = Ledger(folder / "ledger.db")
    writer.record_call(call())
    with open_ledger(folder / "ledger.db") as reader:
        before = snapshot(folder)
        assert len(reader.calls()) == 1
        assert snapshot(folder) == before
        writer.add_time(1, "train", 2.0)
        assert reader.times() == {"train": 2.0}
        writer.add_time(1, "gate", 1.0)
        writer.close()
        # the file is whole although somebody still reads it
        alone = folder.parent / "alone.db"
        shutil.copyfile(folder / "ledger.db", alone)
        assert reader.times() == {"train": 2.0, "gate": 1.0}
    with open_ledger(alone) as copy:
        assert copy.times() == {"train": 2.0, "gate": 1.0}


@pytest.mark.parametrize("place", ["TemporaryDirectory", "copyfile"])
def test_a_copy_that_cannot_be_made_is_told(place: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = leave(folder, "-wal")

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    module = evokd.tracing.read_only.tempfile if place == "TemporaryDirectory" else evokd.tracing.read_only.shutil
    monkeypatch.setattr(module, place, refuse)
    before = snapshot(folder)
    with pytest.raises(EvokdError, match=r"ledger\.db: can be read as a copy alone.*No space left.*TMPDIR"):
        open_ledger(path)
    assert snapshot(folder) == before


def test_an_index_that_cannot_be_used_makes_a_copy(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = leave(folder, "-wal", "-shm")

    def refuse(*_: Any) -> None:
        error = sqlite3.OperationalError("attempt to write a readonly database")
        error.sqlite_errorcode = sqlite3.SQLITE_READONLY_RECOVERY
        raise error

    monkeypatch.setattr(evokd.tracing.read_only, "_connect", refuse)
    with open_ledger(path) as ledger:
        assert len(ledger.calls()) == 1


@pytest.mark.parametrize("written", [b"\x00\xffnothing" * 900, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_file_that_is_none_is_told(written: bytes, folder: Path) -> None:
    (folder / "ledger.db").write_bytes(written)
    with pytest.raises(LedgerError, match=r"ledger\.db: "):
        open_ledger(folder / "ledger.db")
