import dataclasses
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evokd.messages import Analysis, EvokdError, FeedbackPacket, LessonPlan
from evokd.tracing.ledger import Ledger, LedgerError
from evokd.tracing.rows import GATE
from tests.tracing.rows import call, case, lesson, packet, sample, weakness


def test_a_call_comes_back_as_it_was_and_the_same_again_is_no_second_row(ledger: Ledger) -> None:
    record = call(cost_usd=None, price_source=None, faults=["é"])
    for _ in range(2):
        ledger.record_call(record)
    assert ledger.calls() == [record]
    assert (ledger.count_calls("analyst", "c001"), ledger.count_calls("labeler", "c001")) == (1, 0)


async def test_a_listener_hears_of_a_call_once_it_is_stored(ledger: Ledger) -> None:
    heard: list[tuple[str, int]] = []
    ledger.on_call = lambda record: heard.append((record.id, len(ledger.calls())))
    await ledger.keep_call(call("a"))
    await ledger.keep_call(call("b", key="k2"))
    assert heard == [("a", 1), ("b", 2)]


@pytest.mark.parametrize(
    ("statuses", "found"),
    [
        ([], None),
        (["ok"], 0),
        (["fault"], 0),
        (["error"], None),
        (["spent"], None),
        (["fault", "ok"], 1),
        (["ok", "fault"], 1),
        (["ok", "error"], 0),
        (["fault", "spent"], 0),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else None,
)
def test_the_newest_reply_that_may_be_used_again_is_found(
    ledger: Ledger, statuses: list[str], found: int | None
) -> None:
    records = [call(f"a{number}", status=status) for number, status in enumerate(statuses)]
    for record in records:
        ledger.record_call(record)
    ledger.record_call(call("other", key="k9"))
    assert ledger.find_call("k1") == (None if found is None else records[found])


def test_spent_faults_are_asked_anew_but_only_those_of_the_cycle(ledger: Ledger) -> None:
    for number, (cycle, status) in enumerate([(1, "fault"), (1, "ok"), (2, "fault"), (2, "fault"), (2, "error")]):
        ledger.record_call(call(f"a{number}", key=f"k{number}", cycle=cycle, status=status))
    assert (ledger.spend_faults(2), ledger.spend_faults(2)) == (2, 0)
    assert [record.status for record in ledger.calls()] == ["fault", "ok", "spent", "spent", "error"]
    assert [record.id for record in ledger.calls(2)] == ["a2", "a3", "a4"]
    assert ledger.find_call("k2") is None
    assert ledger.find_call("k0") is not None


def test_usage_and_what_was_spent_are_told_by_role_and_cycle(ledger: Ledger) -> None:
    assert ledger.spent(None) == ledger.spent(1) == (0, 0.0)
    ledger.record_call(call("a", role="analyst"))
    ledger.record_call(call("b", role="labeler", key="k2", input_tokens=1, cost_usd=None))
    ledger.record_call(call("c", role="labeler", key="k3", cycle=2, status="lost", estimated=True))
    ledger.record_call(
        call("d", role="labeler", key="k4", status="error", input_tokens=0, output_tokens=0, cost_usd=None)
    )
    found = {(cycle, role): ledger.usage(cycle, role) for cycle in (None, 1, 2) for role in ("analyst", "labeler")}
    assert {place: usage["calls"] for place, usage in found.items()} == {
        (None, "analyst"): 1,
        (None, "labeler"): 2,
        (1, "analyst"): 1,
        (1, "labeler"): 1,
        (2, "analyst"): 0,
        (2, "labeler"): 1,
    }
    assert found[1, "labeler"]["input_tokens"] == 1
    assert found[None, "labeler"]["input_tokens"] == 101
    assert (found[1, "analyst"]["cost_usd"], found[1, "labeler"]["cost_usd"]) == (0.01, None)
    assert (found[1, "labeler"]["estimated"], found[2, "labeler"]["estimated"]) == (False, True)
    assert ledger.spent(1) == (121, 0.01)
    assert ledger.spent(2) == (110, 0.01)
    assert ledger.spent(None) == (231, 0.02)
    assert ledger.find_call("k3") is None, "what was lost is no reply"


def test_usage_counts_paid_calls_and_leaves_those_without_a_reply_out(ledger: Ledger) -> None:
    nothing = {"calls": 0, "input_tokens": 0, "output_tokens": 0, "cost_usd": None, "estimated": False}
    assert ledger.usage() == ledger.usage(1) == nothing
    ledger.record_call(call("a"))
    ledger.record_call(call("b", status="fault", estimated=True))
    ledger.record_call(call("c", status="spent", cycle=2))
    ledger.record_call(call("d", status="error", cost_usd=None, input_tokens=999))
    assert ledger.usage(1) == {
        "calls": 2,
        "input_tokens": 200,
        "output_tokens": 20,
        "cost_usd": pytest.approx(0.02),
        "estimated": True,
    }
    assert (ledger.usage()["calls"], ledger.usage(2)["estimated"]) == (3, False)


def test_an_outage_makes_no_kind_of_text_dearer(ledger: Ledger) -> None:
    ledger.put_lessons(1, [lesson("c001-l01", weakness=None)])
    sizes = {"lost": 9_000, "ok": 100, "fault": 10, "spent": 1, "error": 0}
    for number, (status, size) in enumerate(sizes.items()):
        fields = {"span": "c001-l01", "status": status, "input_tokens": size, "output_tokens": size}
        ledger.record_call(call(f"c001-l01-generator-{number}", key=f"k{number}", **fields))
    assert ledger.count_tokens(1, 2) == {"plain": 2 * 111}
    assert ledger.count_tokens(2, 3) == {}
    assert ledger.spent(1)[0] == 2 * 9_111


def test_one_unknown_price_makes_the_cost_unknown_and_a_price_of_zero_does_not(ledger: Ledger) -> None:
    ledger.record_call(call("a", cost_usd=0.0))
    assert ledger.usage()["cost_usd"] == 0.0
    ledger.record_call(call("b", cycle=2, cost_usd=None))
    assert ledger.usage()["cost_usd"] is None
    assert ledger.usage(1)["cost_usd"] == 0.0


def test_abilities_are_kept_per_endpoint_and_model(ledger: Ledger) -> None:
    ledger.remember_ability("http://a", "m", "json_schema")
    ledger.remember_ability("http://a", "m", "plain")
    ledger.remember_ability("http://a", "m", "plain")
    assert ledger.find_ability("http://a", "m") == "plain"
    assert ledger.find_ability("http://b", "m") is ledger.find_ability("http://a", "n") is None


def test_messages_are_kept_by_span_and_kind(ledger: Ledger) -> None:
    for text in ("old", "new \u2028 [/nope]"):
        ledger.put_message(1, "c001", "student", "analyst", packet(case("v1", text=text)))
    ledger.put_message(1, "c001", "analyst", "generator", Analysis(cycle=1, weaknesses=[]))
    assert ledger.message("c001", FeedbackPacket) == packet(case("v1", text="new \u2028 [/nope]"))
    assert ledger.message("c001", Analysis) == Analysis(cycle=1, weaknesses=[])
    assert ledger.message("c002", Analysis) is ledger.message("c001", LessonPlan) is None


def test_weaknesses_are_replaced_by_id_and_come_in_order(ledger: Ledger) -> None:
    names = [f"c001-w{number}" for number in range(1, 12)]
    ledger.put_weaknesses(weakness(name) for name in reversed(names))
    ledger.put_weaknesses([weakness("c002-w1", cycle=2), weakness("c001-w3", state="fixed", effect=None)])
    assert [row["id"] for row in ledger.weaknesses()] == [*names, "c002-w1"]
    assert ledger.weaknesses(1)[2] == weakness("c001-w3", state="fixed", effect=None)


def test_lessons_of_an_interrupted_attempt_are_replaced(ledger: Ledger) -> None:
    ledger.put_lessons(1, [lesson("c001-l01"), lesson("c001-l02")])
    ledger.put_lessons(2, [lesson("c002-l01", cycle=2)])
    names = [f"c001-l{number:02d}" for number in (99, 100, 2)]
    ledger.put_lessons(1, [lesson(name) for name in names])
    assert [row["id"] for row in ledger.lessons(1)] == ["c001-l02", "c001-l99", "c001-l100"]
    ledger.close_lesson("c001-l99", 5, 4, ["one", "tŵo"])
    assert ledger.lesson("c001-l99") == {**lesson("c001-l99"), "drafts": 5, "labelled": 4, "faults": ["one", "tŵo"]}
    assert ledger.lesson("c002-l01")["faults"] == []
    with pytest.raises(LedgerError, match=r"ledger\.db: no lesson 'c001-l01'"):
        ledger.lesson("c001-l01")


FULL = {
    "candidates": ["dog", "cat"],
    "confidence": 0.5,
    "label": "dog",
    "state": "accepted",
    "disputed": True,
    "purpose": "gate",
    "exam": {"answer": "cat", "confidence": 0.1},
    "label_call": "c001-l01-labeler-1",
    "reason": None,
    "masked": [[2, 5], [9, 12]],
}
ENTITIES = {
    "intended": [{"start": 0, "end": 3, "label": "cat"}],
    "label": [],
    "candidates": [[]],
    "masked": [[0, 3]],
}


@pytest.mark.parametrize(
    "fields", [{}, FULL, ENTITIES, {"text": "a 'quote' \u0000 \U0001f600"}], ids=["draft", "full", "ner", "text"]
)
def test_a_sample_comes_back_as_it_was(ledger: Ledger, fields: dict[str, Any]) -> None:
    row = sample(**fields)
    ledger.put_drafts(row.lesson, [row])
    assert ledger.samples() == [row]
    assert isinstance(ledger.samples()[0].disputed, bool)


def test_changing_all_columns_is_the_same_as_writing_them(ledger: Ledger) -> None:
    ledger.put_drafts("c001-l01", [sample(), sample("c001-l01-d02")])
    for _ in range(2):
        ledger.update_samples([("c001-l01-d01", FULL)])
    assert ledger.samples() == [sample(**FULL), sample("c001-l01-d02")]


def test_drafts_of_an_interrupted_attempt_are_replaced(ledger: Ledger) -> None:
    ledger.put_drafts("c001-l01", [sample(f"c001-l01-d0{number}") for number in (1, 2, 3)])
    ledger.put_drafts("c001-l02", [sample("c001-l02-d01")])
    ledger.put_drafts("c001-l01", [sample("c001-l01-d01", text="other")])
    assert [(row.id, row.text) for row in ledger.samples()] == [
        ("c001-l01-d01", "other"),
        ("c001-l02-d01", "text of c001-l02-d01"),
    ]


def test_a_change_that_fails_in_the_middle_leaves_nothing(ledger: Ledger) -> None:
    ledger.put_drafts("c001-l01", [sample()])
    with pytest.raises(sqlite3.OperationalError, match="no such column"):
        ledger.update_samples([("c001-l01-d01", {"state": "accepted"}), ("c001-l01-d01", {"colour": "red"})])
    with pytest.raises(sqlite3.IntegrityError):
        ledger.put_drafts("c001-l01", [dataclasses.replace(sample(), text=None)])  # type: ignore[arg-type]
    assert ledger.samples() == [sample()]


def test_samples_come_by_lesson_and_draft_also_beyond_99(ledger: Ledger) -> None:
    names = {lesson: [f"{lesson}-d{number:02d}" for number in range(1, 103)] for lesson in ("c001-l02", "c001-l100")}
    for name in reversed(names):
        ledger.put_drafts(name, [sample(draft) for draft in reversed(names[name])])
    ledger.put_drafts("c000-l01", [sample("c000-l01-d01", cycle=0)])
    assert [row.id for row in ledger.samples()] == ["c000-l01-d01", *names["c001-l02"], *names["c001-l100"]]


def test_samples_are_narrowed_down_and_counted(ledger: Ledger) -> None:
    ledger.put_drafts("c001-l01", [sample(f"c001-l01-d0{number}") for number in range(1, 6)])
    ledger.put_drafts("c002-l01", [sample("c002-l01-d01", cycle=2, state="accepted", purpose="train")])
    ledger.update_samples(
        [
            ("c001-l01-d01", {"state": "accepted", "purpose": "train"}),
            ("c001-l01-d02", {"state": "accepted", "purpose": "gate"}),
            ("c001-l01-d03", {"state": "rejected", "reason": "leak"}),
            ("c001-l01-d04", {"state": "tombstoned", "reason": "rolled_back"}),
        ]
    )

    def numbers(**wanted: Any) -> list[str]:
        return [row.id.replace("-l01-d0", ".") for row in ledger.samples(**wanted)]

    assert numbers(state="accepted") == ["c001.1", "c001.2", "c002.1"]
    assert numbers(state="accepted", purpose="train") == ["c001.1", "c002.1"]
    assert numbers(cycle=1, state="accepted", purpose="train") == ["c001.1"]
    assert numbers(cycle=0) == []
    assert numbers(lesson="c002-l01") == ["c002.1"]
    assert (ledger.count_samples(), ledger.count_samples("drafted"), ledger.count_samples("lost")) == (3, 1, 0)
    assert ledger.count_rejected(1) == {"leak": 1, "rolled_back": 1}
    assert ledger.count_rejected(2) == {}


def test_prompts_are_added_when_they_change(ledger: Ledger) -> None:
    assert ledger.prompt_sets() == []
    prompt = {"name": "labeler", "version": 1, "hash": "h", "path": "base/x/labeler.md", "body": "é {{ labels }}"}
    for digest in ("one", "one", "two", "one"):
        ledger.add_prompts(digest, {"labeler": prompt})
        ledger.put_cycle_record(3, GATE, {"before": None, "after": 0.1, "promoted": True})
    assert [(entry["hash"], entry["from_cycle"]) for entry in ledger.prompt_sets()] == [
        ("one", 0),
        ("two", 3),
        ("one", 3),
    ]
    ledger.start_over()
    assert ledger.prompt_sets()[0]["roles"] == {"labeler": prompt}


def test_parts_times_and_the_last_cycle(ledger: Ledger) -> None:
    assert (ledger.last_cycle(), ledger.cycle_record(1, GATE), ledger.times()) == (0, None, {})
    for after in (0.5, 0.6):
        ledger.put_cycle_record(2, GATE, {"after": after, "before": None, "promoted": True})
    ledger.put_cycle_record(1, GATE, {"before": None, "after": 0.1, "promoted": True})
    assert (ledger.cycle_record(2, GATE), ledger.last_cycle()) == ({"before": None, "after": 0.6, "promoted": True}, 2)
    for cycle, node, seconds in ((1, "train", 1.0), (1, "label", 0.25), (2, "train", 0.5), (2, "train", 0.1)):
        ledger.add_time(cycle, node, seconds)
    assert list(ledger.times().items()) == [("train", 1.6), ("label", 0.25)]
    assert ledger.times(2) == {"train": 0.6}


def test_a_cycle_that_was_interrupted_after_its_plan_counts_but_a_packet_alone_does_not(ledger: Ledger) -> None:
    ledger.put_cycle_record(1, GATE, {})
    ledger.put_message(2, "c002", "student", "analyst", packet())
    assert ledger.last_cycle() == 1
    ledger.put_lessons(2, [lesson("c002-l01", cycle=2)])
    assert ledger.last_cycle() == 2


def test_everything_survives_closing_and_opening(tmp_path: Path) -> None:
    first = Ledger(tmp_path / "ledger.db")
    first.record_call(call())
    first.put_drafts("c001-l01", [sample()])
    first.close()
    again = Ledger(tmp_path / "ledger.db")
    assert (again.calls(), again.samples()) == ([call()], [sample()])
    again.close()


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.tracing.rows import call, sample
from evokd.tracing.database import _to_insert
from evokd.tracing.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
ledger.record_call(call())
ledger.put_drafts("c001-l01", [sample()])
ledger._store._db.execute("BEGIN")
ledger._store._db.execute(*_to_insert("samples", vars(sample("c001-l01-d02"))))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_written_before_a_kill_is_there_and_half_a_transaction_is_not(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])}
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], env=env, capture_output=True, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr
    ledger = Ledger(path)
    assert (ledger.calls(), ledger.samples()) == ([call()], [sample()])
    ledger.close()


def test_a_start_that_was_killed_before_the_version_was_written_is_mended(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "ledger.db") as db:
        db.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
    db.close()
    ledger = Ledger(tmp_path / "ledger.db")
    ledger.record_call(call())
    assert ledger.calls() == [call()]
    ledger.close()


def write_other_version(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
        db.execute("INSERT INTO meta VALUES ('version', '7')")
        db.execute("CREATE TABLE samples (id TEXT PRIMARY KEY)")
    db.close()


def write_other_tables(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE checkpoints (id TEXT)")
    db.close()


UNUSABLE = {
    "version": (write_other_version, "ledger of version 7, this program knows version 3; open it with"),
    "other_program": (write_other_tables, "not the ledger of a run"),
    "text": (lambda path: path.write_text("no database, but long enough to be one " * 20), "file is not a database"),
    "folder": (lambda path: path.mkdir(), "unable to open database file"),
}


@pytest.mark.parametrize(("spoil", "fault"), UNUSABLE.values(), ids=UNUSABLE.keys())
def test_a_file_that_is_no_ledger_is_named_and_left_alone(tmp_path: Path, spoil: Any, fault: str) -> None:
    path = tmp_path / "ledger.db"
    spoil(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(LedgerError, match=fault) as caught:
        Ledger(path)
    assert isinstance(caught.value, EvokdError)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert (path.read_bytes() if path.is_file() else None) == before
