"""Ledgers of earlier versions are opened: columns that were added since are added to them."""

import sqlite3
from pathlib import Path

import pytest

import evokd.tracing.database as database
from evokd.tracing.ledger import Ledger, LedgerError, open_ledger
from tests.tracing.rows import fill, lesson


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A ledger with the rows of a run, as the program of now writes it."""
    ledger = Ledger(tmp_path / "ledger.db")
    fill(ledger)
    ledger.close()
    return tmp_path / "ledger.db"


@pytest.fixture
def later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program after two columns were added: one with a default, one that may be empty, with an index."""
    text = database.SCHEMA.read_text(encoding="utf-8")
    last = "    faults TEXT NOT NULL DEFAULT '[]'\n"
    assert last in text
    text = text.replace(last, last.rstrip() + ",\n    hours REAL NOT NULL DEFAULT 1.5,\n    teacher TEXT\n")
    schema = tmp_path / "schema.sql"
    schema.write_text(f"{text}\nCREATE INDEX IF NOT EXISTS lessons_by_teacher ON lessons (teacher);", encoding="utf-8")
    monkeypatch.setattr(database, "SCHEMA", schema)
    monkeypatch.setattr(database, "VERSION", database.VERSION + 1)


def read_version(path: Path) -> str:
    with sqlite3.connect(path) as db:
        (version,) = db.execute("SELECT value FROM meta WHERE key = 'version'").fetchone()
    db.close()
    return str(version)


@pytest.mark.usefixtures("later")
def test_a_column_of_the_schema_is_added_to_a_ledger_made_before(filled: Path) -> None:
    for _ in range(2):  # the second time nothing is left to add
        ledger = Ledger(filled)
        row = ledger.lesson("c001-l01")
        assert (row["hours"], row["teacher"], row["drafts"]) == (1.5, None, 2)
        assert len(ledger.samples()) == 3
        ledger.close()
    assert read_version(filled) == str(database.VERSION)


@pytest.mark.usefixtures("later")
def test_a_reader_adds_the_column_to_a_copy_alone(filled: Path) -> None:
    before = filled.read_bytes()
    with open_ledger(filled) as ledger:
        assert ledger.lesson("c001-l01")["hours"] == 1.5
    assert filled.read_bytes() == before


def test_a_program_leaves_the_ledger_of_a_later_one_alone(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "VERSION", database.VERSION - 1)
    with pytest.raises(LedgerError, match=f"ledger of version {database.VERSION + 1}, this program knows version"):
        Ledger(filled)


def test_a_ledger_of_version_2_is_written_on(filled: Path) -> None:
    with sqlite3.connect(filled) as db:
        db.execute("UPDATE meta SET value = '2' WHERE key = 'version'")
        db.execute("ALTER TABLE lessons DROP COLUMN kind")
        for column in ("kind", "source", "pair", "audited"):
            db.execute(f"ALTER TABLE samples DROP COLUMN {column}")
    db.close()
    ledger = Ledger(filled)
    assert {row["kind"] for row in ledger.lessons(1)} == {""}
    first = ledger.samples()[0]
    assert (first.id, first.kind, first.source, first.pair, first.audited) == ("c001-l01-d01", "", None, "", False)
    ledger.put_lessons(2, [lesson("c002-l01", cycle=2)])
    assert ledger.lesson("c002-l01")["kind"] == "weakness"
    ledger.close()
    assert read_version(filled) == "3"
