"""Rows that another program has changed: reading them is one error that names the file and the row."""

import json
import sqlite3
from pathlib import Path

import pytest

from evokd.cli import main
from evokd.tracing.ledger import Ledger, LedgerError, open_ledger
from evokd.tracing.rows import GATE, TRAINING
from tests.tracing.rows import fill


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text("settings: {}\n", encoding="utf-8")
    ledger = Ledger(tmp_path / "ledger.db")
    fill(ledger)
    ledger.close()
    return tmp_path / "ledger.db"


def change(path: Path, statement: str, *values: object) -> None:
    with sqlite3.connect(path) as db:
        db.execute(statement, values)
    db.close()


ODD = {
    "a column dropped": ("ALTER TABLE samples DROP COLUMN exam", ()),
    "a counted column dropped": ("ALTER TABLE samples DROP COLUMN reason", ()),
    "a record that is no JSON": ("UPDATE cycles SET body = '{' WHERE part = 'gate'", ()),
    "a record that is a list": ("UPDATE cycles SET body = '[]' WHERE part = 'training'", ()),
    "a number as text": ("UPDATE cycles SET body = ? WHERE part = 'gate'", ('{"before": "0.5"}',)),
    "a key missing": ("UPDATE cycles SET body = '{\"steps\": 3}' WHERE part = 'training'", ()),
    "a plan of another form": ("UPDATE lessons SET plan = '{\"topic\": 1}'", ()),
    "a plan without quotas": ("UPDATE lessons SET plan = json_remove(plan, '$.quotas')", ()),
    "evidence that is a number": ("UPDATE weaknesses SET evidence = '5'", ()),
    "an effect that is text": ("UPDATE weaknesses SET effect = 'large'", ()),
    "an answer that is a number": ("UPDATE samples SET label = '7'", ()),
    "an entity without its end": ('UPDATE samples SET label = \'[{"start": 1, "label": "x"}]\'', ()),
    "a message of other keys": ("UPDATE messages SET body = json_set(body, '$.odd', 1)", ()),
    "a text that is none": ("UPDATE samples SET text = CAST(x'ff41' AS TEXT)", ()),
    "faults as bytes": ("UPDATE lessons SET faults = x'ff00'", ()),
}


@pytest.mark.parametrize(("statement", "values"), ODD.values(), ids=ODD)
def test_show_tells_it_in_a_line(
    statement: str, values: tuple[object, ...], filled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(filled, statement, *values)
    assert main.run_cli(["show", str(filled.parent), "--cycle", "1"]) == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("evokd: ")]
    assert line.startswith(f"evokd: {filled}: ")
    assert "damaged (" in line or "cannot be read by this version" in line


def test_the_error_names_the_row_and_the_key(filled: Path) -> None:
    change(filled, "UPDATE cycles SET body = '{}' WHERE part = 'gate' AND cycle = 1")
    change(filled, "UPDATE calls SET request = '[]' WHERE id = 'c001-analyst-1'")
    with open_ledger(filled) as ledger:
        with pytest.raises(LedgerError, match=r"ledger\.db: damaged \(gate of cycle 1: before: Field required\)"):
            ledger.cycle_record(1, GATE)
        with pytest.raises(LedgerError, match=r"damaged \(calls c001-analyst-1: request: Input should be"):
            ledger.calls()


def test_keys_and_columns_of_a_later_version_are_no_damage(filled: Path) -> None:
    change(filled, "UPDATE cycles SET body = json_set(body, '$.later', 1)")
    change(filled, "ALTER TABLE samples ADD COLUMN later TEXT")
    change(filled, "INSERT INTO meta VALUES ('odd', ?)", json.dumps({"a": 1}))
    with open_ledger(filled) as ledger:
        assert ledger.cycle_record(1, TRAINING)["steps"] == 20  # type: ignore[index]
        assert len(ledger.samples()) == 3
        assert ledger.recall("odd") == {"a": 1}
