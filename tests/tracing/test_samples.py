"""What is asked of all samples in few columns, against the same asked of whole samples; facts, and starting over."""

import random
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from evokd.messages import DraftBatch, FeedbackPacket
from evokd.tracing.ledger import Ledger, LedgerError, Sample
from evokd.tracing.rows import GATE
from evokd.tracing.samples import TrainingSample
from tests.tracing.rows import call, fill, lesson, packet, sample, weakness

STATES = ("accepted", "accepted", "accepted", "rejected", "tombstoned", "drafted")


@pytest.fixture
def many(ledger: Ledger) -> Ledger:
    """Samples of 12 cycles, up to 3 lessons and 104 drafts, in all states, written in no order."""
    rng = random.Random(0)
    places = [(cycle, number) for cycle in range(1, 13) for number in range(1, 4)]
    rng.shuffle(places)
    for cycle, number in places:
        name = f"c{cycle:03d}-l{number:02d}"
        rows = [_make(rng, f"{name}-d{draft:02d}", cycle) for draft in range(1, 105 if number == 3 else 5)]
        rng.shuffle(rows)
        ledger.put_drafts(name, rows)
    return ledger


def _make(rng: random.Random, name: str, cycle: int) -> Sample:
    label = rng.choice(["cat", "dog", [], [{"start": 0, "end": 3, "label": "cat"}]])
    masked = rng.choice([[], [], [[0, 3]]])
    purpose = rng.choice(["train", "gate"])
    weakness = rng.choice([None, f"c{cycle:03d}-w1"])
    state = rng.choice(STATES)
    found = {
        "kind": rng.choice(["plain", "toned"]),
        "source": rng.choice([None, None, f"pool.jsonl:{name}"]),
        "candidates": rng.choice([None, [], [label], [label]]),
        "confidence": rng.choice([None, 0.3, 0.9]),
        "label_call": rng.choice([None, "call"]),
        "disputed": rng.random() < 0.3,
        "audited": rng.random() < 0.3,
    }
    where = {"cycle": cycle, "purpose": purpose, "state": state, "weakness": weakness}
    return sample(name, label=label, masked=masked, **where, **found)


def test_what_a_cycle_asks_is_the_same_as_from_whole_samples(many: Ledger) -> None:
    accepted = many.samples(state="accepted")
    assert len(accepted) > 600
    assert sorted(many.accepted_texts(2, 5)) == sorted(row.text for row in accepted if 2 <= row.cycle < 5)
    assert many.count_samples("accepted", but_of=5) == sum(row.cycle != 5 for row in accepted)
    for count in (0, 1, 150, 10_000):
        newest = accepted[-count:] if count else []
        assert many.newest_answers(count) == [(row.text, row.label, not row.masked, row.is_real) for row in newest]
    for since, before in ((0, 99), (3, 8), (4, 5), (0, 0)):
        expected = Counter(repr(row.label) for row in accepted if since <= row.cycle < before)
        assert {repr(label): count for label, count in many.count_answers(before, since)} == expected


@pytest.mark.parametrize(("first", "end"), [(0, 99), (3, 8), (4, 5), (0, 0)])
def test_what_is_read_of_settled_cycles_is_the_same_as_from_whole_samples(many: Ledger, first: int, end: int) -> None:
    rows = [row for row in many.samples() if first <= row.cycle < end]
    accepted = [row for row in rows if row.state == "accepted"]
    written = [row for row in rows if row.label_call and not row.is_real]
    trained = [row for row in accepted if row.purpose == "train"]
    assert [vars(row) for row in many.training_samples(first, end)] == [
        {name: getattr(row, name) for name in TrainingSample.__annotations__} for row in trained
    ]
    assert many.count_kinds(first, end) == Counter(row.kind for row in accepted)
    assert many.count_drafts(first, end) == (len(rows), sum(row.candidates is not None for row in rows))
    assert many.count_checks(first, end) == (len(written), sum(row.disputed for row in written))
    assert many.used_sources(first, end) == {row.source for row in rows if row.is_real}
    answers = [row.label for row in accepted if row.is_real]
    assert sorted(map(repr, many.real_answers(first, end))) == sorted(map(repr, answers))


def test_what_the_summary_asks_is_the_same_as_from_whole_samples(many: Ledger) -> None:
    accepted = many.samples(state="accepted")
    confidences = [row.confidence for row in accepted if row.is_real and row.confidence is not None]
    assert many.real_confidences() == confidences != []
    audited = [row for row in many.samples() if row.audited and row.candidates]
    assert many.count_audited() == (len(audited), sum(row.disputed for row in audited))
    assert 0 < many.count_audited()[1] < len(audited)
    assert many.count_accepted(3) == sum(row.cycle == 3 for row in accepted)


def test_what_show_asks_is_the_same_as_from_whole_samples(many: Ledger) -> None:
    samples = many.samples()
    for name in {row.lesson for row in samples}:
        own = [row for row in samples if row.lesson == name]
        shown = next((row.id for row in own if row.state != "rejected"), None)
        assert many.outline_lesson(name) == (sum(row.state == "accepted" for row in own), shown)
    refused = [row for row in samples if row.cycle == 3 and row.state == "rejected"]
    assert many.samples(cycle=3, state="rejected", first=3) == refused[:3]
    assert many.samples(cycle=3, weakness="c003-w1") == [
        row for row in samples if row.cycle == 3 and row.weakness == "c003-w1"
    ]
    assert many.first_and_last_sample() == (samples[0].id, samples[-1].id)
    assert many.sample(samples[77].id) == samples[77]
    assert many.sample("c999-l01-d01") is None


def test_an_empty_ledger_answers_as_well(ledger: Ledger) -> None:
    assert (ledger.accepted_texts(0, 9), ledger.newest_answers(9), ledger.count_answers(9)) == ([], [], [])
    assert (ledger.first_and_last_sample(), ledger.outline_lesson("c001-l01")) == (None, (0, None))
    assert (ledger.newest_weaknesses(3), ledger.call("c001-analyst-1"), ledger.recall("plan")) == ([], None, None)


QUERIES = {
    "usage": "SELECT count(*), sum(input_tokens), sum(output_tokens), sum(cost_usd), max(estimated) FROM calls"
    " WHERE status != 'error'",
    "count": "SELECT count(*) FROM samples WHERE state = 'accepted' AND cycle != 3",
    "outline": "SELECT id FROM samples WHERE lesson = 'l' AND state != 'rejected' ORDER BY length(id), id LIMIT 1",
}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_counting_reads_an_index_and_no_row(query: str, ledger: Ledger) -> None:
    plan = ledger._rows(f"EXPLAIN QUERY PLAN {query}")
    assert "COVERING INDEX" in plan[0]["detail"]


def test_facts_of_the_run_are_kept_and_replaced(ledger: Ledger) -> None:
    ledger.remember("plan", {"a": [1, None, "é"]})
    ledger.remember("plan", {"a": 2})
    assert ledger.recall("plan") == {"a": 2}
    again = Ledger(ledger.path)
    assert again.recall("plan") == {"a": 2}
    again.close()


def test_starting_over_keeps_the_replies_and_nothing_that_came_of_them(ledger: Ledger) -> None:
    fill(ledger)
    ledger.remember("plan", {"a": 1})
    ledger.remember_ability("here", "big", "plain")
    calls = ledger.calls()
    ledger.start_over()
    assert calls == ledger.calls() != []
    assert (ledger.recall("plan"), ledger.find_ability("here", "big")) == ({"a": 1}, "plain")
    assert (ledger.samples(), ledger.weaknesses(), ledger.lessons(1), ledger.times()) == ([], [], [], {})
    assert ledger.message("c001", FeedbackPacket) is ledger.cycle_record(0, GATE) is None
    assert ledger.last_cycle() == 0


def test_weaknesses_of_an_earlier_attempt_are_replaced_and_others_stay(ledger: Ledger) -> None:
    ledger.put_weaknesses([weakness("c001-w1"), weakness("c001-w2"), weakness("c002-w1", cycle=2)])
    ledger.put_weaknesses([weakness("c001-w1", name="new")], instead_of=1)
    assert [(row["id"], row["name"]) for row in ledger.weaknesses()] == [
        ("c001-w1", "new"),
        ("c002-w1", "cats for dogs"),
    ]
    ledger.put_weaknesses([], instead_of=1)
    assert [row["id"] for row in ledger.weaknesses()] == ["c002-w1"]


def test_the_newest_weaknesses_come_in_order(ledger: Ledger) -> None:
    names = [f"c{cycle:03d}-w{number}" for cycle in (1, 2) for number in range(1, 12)]
    ledger.put_weaknesses(weakness(name, cycle=int(name[1:4])) for name in reversed(names))
    assert [row["id"] for row in ledger.newest_weaknesses(12)] == names[-12:]
    assert [row["id"] for row in ledger.newest_weaknesses(99)] == names


def test_messages_of_lessons_that_were_planned_anew_are_gone_and_the_packet_stays(ledger: Ledger) -> None:
    ledger.put_message(1, "c001", "student", "analyst", packet())
    ledger.put_lessons(1, [lesson(), lesson("c001-l02")])
    for name in ("c001-l01", "c001-l02"):
        ledger.put_message(1, name, "generator", "labeler", DraftBatch(labels={}, drafts=[]))
    ledger.put_lessons(1, [lesson()])
    assert ledger.message("c001-l02", DraftBatch) is None
    assert ledger.message("c001", FeedbackPacket) is not None


def test_a_call_is_found_by_its_id(ledger: Ledger) -> None:
    ledger.record_call(call())
    ledger.record_call(call("c001-analyst-2", key="k2"))
    assert ledger.call("c001-analyst-2") == call("c001-analyst-2", key="k2")


class _Full:
    """A connection whose disk is full."""

    def execute(self, *_: Any) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass

    def close(self) -> None:
        pass


def test_an_error_of_the_disk_names_the_file(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    ledger.close()
    ledger._store._db = _Full()  # type: ignore[attr-defined]
    for work in (
        lambda: ledger.record_call(call()),
        lambda: ledger.put_drafts("c001-l01", [sample()]),
        lambda: ledger.add_time(1, "train", 1.0),
        ledger.usage,
    ):
        with pytest.raises(LedgerError, match=r"ledger\.db: .*database or disk is full") as caught:
            work()
        assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
