"""The judges find what they are there to find, and nothing in what is as it should be."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evokd.messages import CallRecord
from evokd.tracing.ledger import Ledger, Sample
from evokd.tracing.rows import GATE
from tests.chaos.book import Book, Entry, call_hash
from tests.chaos.caps import judge_cap
from tests.chaos.disk import find_halves
from tests.chaos.judge import find_invalid, find_orphans, judge_calls, name_call, stored_calls
from tests.chaos.killer import KILLED, Life
from tests.chaos.parking import count_in_flight, find_missing, find_repeated
from tests.chaos.secrets import find_key, make_key
from tests.chaos.storm import ledger_calls, unrecorded
from tests.graph.toy import write_domain, write_reports


def entry(body: str, arrived: float, answered: float | None = None, **changes: Any) -> Entry:
    """A request for the call of the same name, with 100 tokens."""
    made = Entry(1, "t", body, body, "draft_batch", 0, arrived, begun=answered, answered=answered, ended=answered)
    made.done = answered
    return replace(made, **{"status": 200, "prompt_tokens": 60, "completion_tokens": 40, **changes})


def lives(*ends: float) -> list[Life]:
    """Processes one after the other, all killed but the last."""
    starts = [0.0, *ends[:-1]]
    codes = [KILLED] * (len(ends) - 1) + [0]
    return [Life((), start, end, code, "", "") for start, end, code in zip(starts, ends, codes, strict=True)]


# ------------------------------------------------------------------------------------------------ asked twice or not


def test_a_call_in_flight_at_a_kill_may_be_asked_once_more() -> None:
    log = [entry("a", 1, 2), entry("b", 9, None, ended=10), entry("b", 11, 12)]
    found = judge_calls(log, lives(10, 20), [{"a"}, {"a", "b"}])
    assert (found.repeats, found.in_flight, found.ends_in_flight) == (1, 1, 1)
    assert found.too_many == found.stored_again == found.lost == []


def test_a_reply_on_its_way_at_a_kill_may_be_asked_once_more() -> None:
    log = [entry("a", 8, 9.9), entry("a", 11, 12)]
    found = judge_calls(log, lives(10, 20), [set(), {"a"}])
    assert (found.in_flight, found.on_the_way, found.too_many, found.lost) == (1, 1, [], [])


def test_a_reply_that_was_stored_is_not_in_flight_and_must_not_be_asked_again() -> None:
    log = [entry("a", 8, 9.9), entry("a", 11, 12)]
    found = judge_calls(log, lives(10, 20), [{"a"}, {"a"}])
    assert found.in_flight == 0
    assert len(found.stored_again) == len(found.too_many) == 1


def test_a_reply_that_came_long_before_a_kill_and_was_not_stored_is_lost() -> None:
    log = [entry("a", 1, 2), entry("a", 11, 12)]
    found = judge_calls(log, lives(10, 20), [set(), {"a"}])
    assert len(found.lost) == len(found.too_many) == 1


def test_a_reply_that_the_process_never_read_was_in_flight() -> None:
    log = [entry("a", 1, 2, unread=True), entry("a", 11, 12)]
    found = judge_calls(log, lives(10, 20), [set(), {"a"}])
    assert (found.in_flight, found.lost, found.too_many) == (1, [], [])


def test_one_kill_pardons_one_repeat() -> None:
    log = [entry("a", 9, None, ended=10), entry("a", 11, 12), entry("a", 13, 14)]
    assert judge_calls(log, lives(10, 20), [set(), {"a"}]).too_many != []
    twice = [entry("a", 9, None, ended=10), entry("a", 19, None, ended=20), entry("a", 21, 22)]
    found = judge_calls(twice, lives(10, 20, 30), [set(), set(), {"a"}])
    assert (found.too_many, found.repeats, found.in_flight) == ([], 2, 2)


# ---------------------------------------------------------------------------------------------------------- budgets


def test_a_budget_allows_for_what_was_in_flight_when_it_was_spent() -> None:
    log = [entry("a", 0, 1), entry("b", 1, 2), entry("c", 1.9, 3), entry("d", 1.9, 3)]
    spent = judge_cap(log, 150)
    assert (spent.total, spent.in_flight, spent.within) == (400, 300, True)
    late = judge_cap([*log, entry("e", 3.1, 4)], 150)
    assert (late.total, late.in_flight, late.within) == (500, 300, False)
    assert judge_cap(log, 1_000).within


def test_half_an_answer_costs_its_tokens_and_one_that_never_began_does_not() -> None:
    half = entry("a", 0, None, begun=1, ended=1)
    assert (half.tokens, entry("a", 0, None, ended=1).tokens, entry("a", 0, 1, status=429).tokens) == (100, 0, 0)
    assert judge_cap([half, entry("b", 2, 3)], 80).within is False


def test_the_book_counts() -> None:
    book = Book()
    one = book.open("a", b"x", [("user", "u")], 1, "lesson_plan", 1.0)
    two = book.open("a", b"x", [("user", "u")], 1, "lesson_plan", 2.0)
    book.close(one, 3.0)
    book.close(one, 4.0)
    three = book.open("b", b"x", [("user", "u")], 2, "lesson_plan", 5.0)
    assert [(e.nth, e.in_flight) for e in (one, two, three)] == [(0, 1), (1, 2), (0, 2)]
    assert one.ended == 3.0
    assert one.call == two.call != three.call
    assert (book.stats("a")["requests"], book.stats()["most_in_flight"]) == (2, 2)


# ------------------------------------------------------------------------------------------------- faults on record


SENT = [
    entry("a", 1, fault="rate_limit", done=1.1, status=429, marker="chaos-1", sent='{"chaos-1"}'),
    entry("a", 2, fault="dropped", done=2.1, marker="chaos-2"),
    entry("a", 3, fault="half_body", done=3.1, marker="chaos-3", sent='{"id": "chaos-3", "choi'),
    entry("a", 4, fault="cut_off", done=4.1, marker="chaos-4", sent='{"drafts": ['),
    entry("a", 5, fault="slow", done=5.1, marker="chaos-5", sent="{}"),
    entry("a", 6, marker="chaos-6", sent="{}"),
]
KEPT = [
    {"call": "a", "status": "error", "raw": "HTTP 429: chaos-1"},
    {"call": "a", "status": "lost", "raw": "RemoteProtocolError"},
    {"call": "a", "status": "lost", "raw": '{"id": "chaos-3", "ch'},
    {"call": "a", "status": "fault", "raw": '{"drafts": ['},
    {"call": "a", "status": "ok", "raw": "{}"},
]


def test_faults_that_are_all_on_record() -> None:
    assert unrecorded(SENT, KEPT) == []


@pytest.mark.parametrize("number", range(4))
def test_a_fault_without_its_row_is_missed(number: int) -> None:
    assert unrecorded(SENT, KEPT[:number] + KEPT[number + 1 :]) == [SENT[number]]


@pytest.mark.parametrize(
    ("number", "change"),
    [
        (0, {"raw": "HTTP 429"}),
        (0, {"call": "b"}),
        (1, {"status": "ok"}),
        (2, {"status": "error"}),
        (2, {"raw": ""}),
        (2, {"raw": "something else"}),
        (3, {"raw": '{"drafts"'}),
    ],
)
def test_a_row_that_does_not_hold_what_was_sent_is_no_record(number: int, change: dict[str, str]) -> None:
    rows: list[dict[str, Any]] = [{**row, **change} if at == number else row for at, row in enumerate(KEPT)]
    assert SENT[number] in unrecorded(SENT, rows)


def test_a_fault_that_nobody_waited_for_was_not_sent() -> None:
    unsent = replace(SENT[0], done=None)
    assert unrecorded([unsent], []) == []
    assert unrecorded([SENT[0]], [], ends=[1.2]) == []
    assert unrecorded([SENT[0]], [], ends=[1.0, 9.0]) == [SENT[0]]


def test_one_row_is_the_record_of_one_fault() -> None:
    assert unrecorded([SENT[0], SENT[0]], KEPT[:1]) == [SENT[0]]


# --------------------------------------------------------------------------------------------------- ledger and data


REQUEST = {"turns": [["user", "u"]], "parameters": {"seed": 1}}


def call(name: str, role: str, status: str = "ok") -> CallRecord:
    fixed = {
        "key": name,
        "cycle": 1,
        "span": "c001-l01",
        "attempt": 1,
        "endpoint": "e",
        "model": "m",
        "ability": "plain",
    }
    costs = {"input_tokens": 1, "output_tokens": 1, "estimated": False, "cost_usd": None, "price_source": None}
    rest = {"request": REQUEST, "prompts": "p", "raw": "{}", "flags": [], "faults": [], "seconds": 0.1}
    return CallRecord.model_validate({"id": name, "role": role, "status": status, **fixed, **costs, **rest})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run folder with one accepted sample and all that belongs to it."""
    run = tmp_path / "run"
    (run / "dataset").mkdir(parents=True)
    ledger = Ledger(run / "ledger.db")
    ledger.record_call(call("g1", "generator"))
    ledger.record_call(call("l1", "labeler"))
    ledger.put_lessons(1, [{"id": "c001-l01", "cycle": 1, "weakness": None, "plan": {}}])
    sample = Sample("c001-l01-d01", 1, "c001-l01", None, "a text", "hard", "cancel_plan", "g1", label_call="l1")
    ledger.put_drafts(
        "c001-l01",
        [replace(sample, state="accepted", label="cancel_plan", purpose="train", candidates=["cancel_plan"])],
    )
    ledger.close_lesson("c001-l01", 1, 1, [])
    ledger.put_cycle_record(1, GATE, {})
    ledger.close()
    write_set(run, [{"id": "c001-l01-d01", "text": "a text", "label": "cancel_plan"}])
    return run


def write_set(run: Path, rows: Sequence[dict[str, Any]]) -> None:
    (run / "dataset" / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def test_a_sound_ledger_has_no_orphans(folder: Path) -> None:
    assert find_orphans(folder) == []
    assert stored_calls(folder) == {call_hash([("user", "u")], 1)} == {name_call(json.dumps(REQUEST))}
    assert [row["status"] for row in ledger_calls(folder)] == ["ok", "ok"]


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("DELETE FROM lessons", "sample without its lesson"),
        ("DELETE FROM calls WHERE id = 'g1'", "sample without its draft call"),
        ("UPDATE calls SET status = 'error' WHERE id = 'g1'", "sample without its draft call"),
        ("DELETE FROM calls WHERE id = 'l1'", "sample without its label call"),
        ("UPDATE samples SET weakness = 'c001-w1'", "sample without its weakness"),
        ("UPDATE lessons SET weakness = 'c001-w1'", "lesson without its weakness"),
        ("UPDATE lessons SET drafts = 2", "lesson with other drafts"),
        ("UPDATE samples SET label = NULL", "accepted sample without label"),
        ("UPDATE samples SET candidates = NULL", "accepted sample that nobody labelled"),
        ("UPDATE samples SET candidates = NULL", "lesson with other labels"),
        ("UPDATE samples SET label_call = NULL, intended = '\"how_to\"'", "that the student cannot have confirmed"),
        ("UPDATE samples SET purpose = NULL", "accepted sample without purpose"),
        ("UPDATE samples SET state = 'drafted'", "sample that nobody judged"),
        ("UPDATE samples SET state = 'rejected'", "rejected sample without reason"),
        ("UPDATE samples SET id = 'other'", "accepted sample that the data set lacks: other"),
        ("UPDATE samples SET cycle = 2", "sample in another cycle"),
        ("UPDATE calls SET span = 'c009'", "call of no lesson and no cycle"),
        ("UPDATE calls SET key = 'one'", "answer under one key twice"),
        ("INSERT INTO messages VALUES (1, 'c001-l09', 'lesson_plan', 'a', 'b', '{}')", "message of no lesson"),
        (
            "INSERT INTO weaknesses VALUES ('c001-w1', 1, 'n', 'p', '[]', '[\"x1\"]', 'a', 'open', NULL, NULL, NULL)",
            "evidence that is no case: x1",
        ),
    ],
)
def test_an_orphan_is_found(damage: str, told: str, folder: Path) -> None:
    database = sqlite3.connect(folder / "ledger.db")
    database.execute(damage)
    database.commit()
    database.close()
    assert any(told in line for line in find_orphans(folder)), find_orphans(folder)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"text": "fine", "label": "cancel_plan"}, None),
        ({"text": "fine", "label": "sports"}, "unknown label"),
        ({"text": "not \x1b[31m fine", "label": "cancel_plan"}, "control character"),
        ({"text": "x" * 5_000, "label": "cancel_plan"}, "5000 characters"),
        ({"text": "SEED", "label": "cancel_plan"}, "a text of seeds"),
    ],
)
def test_an_invalid_sample_is_found(row: dict[str, Any], told: str | None, folder: Path, tmp_path: Path) -> None:
    domain = write_domain(tmp_path / "toy")
    if row["text"] == "SEED":
        row = {**row, "text": json.loads((domain / "seeds.jsonl").read_text().splitlines()[0])["text"].upper()}
    write_set(folder, [{"id": "a", **row}])
    found = find_invalid(folder, domain)
    assert found == [] if told is None else told in found[0]


@pytest.mark.parametrize(
    ("spans", "told"),
    [
        ([(0, 4, "person")], None),
        ([(0, 4, "robot")], "unknown type"),
        ([(0, 99, "person")], "outside the text"),
        ([(0, 4, "person"), (2, 8, "site")], "overlaps"),
        ([(0, 5, "person")], "white space"),
    ],
)
def test_an_invalid_span_is_found(
    spans: list[tuple[int, int, str]], told: str | None, folder: Path, tmp_path: Path
) -> None:
    entities = [{"start": start, "end": end, "label": label} for start, end, label in spans]
    write_set(folder, [{"id": "a", "text": "Anna saw it.", "entities": entities}])
    found = find_invalid(folder, write_reports(tmp_path / "reports"))
    assert found == [] if told is None else told in found[0]


# ---------------------------------------------------------------------------------------------------- key and disk


def test_a_key_is_found_whole_in_pieces_and_encoded() -> None:
    key = make_key(1)
    assert find_key("x", b"nothing of it, sk- alone", key) == []
    assert find_key("x", key[:14].encode(), key) == []
    for leak in (key.encode(), key[:20].encode(), key[-12:].encode(), key.encode().hex().encode()):
        assert find_key("x", b"before " + leak, key) != []
    assert make_key(1) != make_key(2)


def test_half_a_file_is_found(folder: Path) -> None:
    (folder / "config.yaml").write_text("a: b\n")
    (folder / "events.jsonl").write_text('{"event": "a"}\n')
    assert find_halves(folder) == []
    (folder / "events.jsonl").write_text('{"event": "a"}\n{"eve')
    assert "not whole" in find_halves(folder)[0]
    (folder / "events.jsonl").unlink()
    (folder / "summary.json").write_text("")
    assert "summary.json" in find_halves(folder)[0]
    (folder / "summary.json").unlink()
    whole = (folder / "ledger.db").read_bytes()
    (folder / "ledger.db").write_bytes(whole[: len(whole) // 2])
    assert "ledger.db" in find_halves(folder)[0]


# ------------------------------------------------------------------------------------------------ parked in between


def parked_log(tmp_path: Path) -> list[Entry]:
    """A log of two answers and a refusal between them, and a ledger that holds the answers."""
    name = name_call(json.dumps(REQUEST))
    ledger = Ledger(tmp_path / "ledger.db")
    for number in (1, 2):
        row = call(f"c001-l01-generator-{number}", "generator")
        ledger.record_call(row.model_copy(update={"input_tokens": 60, "output_tokens": 40 * number}))
    ledger.record_call(call("c001-l01-generator-3", "generator", "error"))
    ledger.close()
    answers = [entry(f"b{n}", n, 4.0 + n, call=name, completion_tokens=40 * n) for n in (1, 2)]
    return [*answers, entry("b3", 3, None, done=4.0, status=401, fault="revoked")]


def test_a_run_that_was_parked_in_order_has_all_answers_once(tmp_path: Path) -> None:
    log = parked_log(tmp_path)
    assert find_missing(tmp_path, log) == find_repeated(log) == []
    assert count_in_flight(log) == 2


def test_an_answer_without_its_row_a_row_without_its_answer_and_a_repeat_are_found(tmp_path: Path) -> None:
    log = parked_log(tmp_path)
    (missing,) = find_missing(tmp_path, [*log, replace(log[0], completion_tokens=7)])
    assert missing.startswith("answered, not in the ledger")
    (extra,) = find_missing(tmp_path, log[1:])
    assert extra.startswith("in the ledger, not answered")
    assert find_repeated([*log, log[0]]) == ["answered 2 times: b1"]
    assert count_in_flight(log[:2]) == 0
