"""A weakness from its naming to what became of it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from evokd.graph.nodes.evaluation import CycleEvaluation, EvaluatedText
from evokd.graph.nodes.feedback_packet import write_case
from evokd.graph.nodes.weaknesses import adopt_weaknesses, follow_weaknesses, mark_rolled_back, show_weaknesses
from evokd.graph.setup.run_settings import Settings
from evokd.messages import Analysis, CaseVerdict, FeedbackPacket, Weakness
from evokd.student.tasks.base import LabeledExample
from evokd.student.tasks.registry import codec
from evokd.tracing.ledger import Ledger
from evokd.tracing.rows import GATE, GateRecord
from tests.graph.conftest import run_quick
from tests.graph.toy import WordStudent

CODEC = codec("classification", ["a", "b", "c"])
LATE = "my order is late again and I wait"
LOCKED = "the password is locked and I cannot get in"


class Reader:
    """Reads a text as one of two directions, by whether it is about waiting."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def embed(self, base: str, texts: list[str]) -> list[list[float]]:
        self.asked += texts
        return [[1.0, 0.0] if "late" in text else [0.0, 1.0] for text in texts]


def make_texts(prefix: str, text: str, count: int, verdict: CaseVerdict, gold: str = "a") -> list[EvaluatedText]:
    answer = gold if verdict == "right" else "b"
    examples = [LabeledExample(text=f"{text} {'x' * i}", gold=gold) for i in range(count)]
    return [EvaluatedText(f"{prefix}{i}", item, answer, 0.6, verdict, "written") for i, item in enumerate(examples)]


def weakness(*evidence: str, labels: tuple[str, ...] = ("a", "b")) -> Weakness:
    return Weakness(name="late ones", pattern="p", labels=list(labels), evidence=list(evidence), advice="x")


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Any]:
    ledger = Ledger(tmp_path / "ledger.db")
    events: list[dict[str, Any]] = []
    yield SimpleNamespace(
        ledger=ledger,
        settings=Settings(),
        domain=SimpleNamespace(codec=CODEC),
        student=Reader(),
        vectors={},
        events=events,
        emit=lambda event, **fields: events.append({"event": event, **fields}),
    )
    ledger.close()


def packet_of(evaluation: CycleEvaluation, cycle: int = 1) -> FeedbackPacket:
    return FeedbackPacket(
        cycle=cycle,
        task="t",
        labels={"a": "", "b": ""},
        report=[],
        confusions=[],
        weaknesses=[],
        cases=[write_case(CODEC, item) for item in evaluation.texts],
    )


async def adopt(context: Any, evaluation: CycleEvaluation, *named: Weakness, cycle: int = 1) -> dict[str, Weakness]:
    analysis = Analysis(cycle=cycle, weaknesses=list(named))
    return await adopt_weaknesses(context, packet_of(evaluation, cycle), analysis, evaluation, f"c{cycle:03d}")


def evaluation(wrong: int = 4, right: int = 5) -> CycleEvaluation:
    validation = make_texts("v", LATE, wrong, "wrong") + make_texts("r", LOCKED, right, "right")
    return CycleEvaluation([], validation)


def known_well(prefix: str, text: str, count: int) -> list[EvaluatedText]:
    """Texts that the student answers rightly and without a doubt."""
    return [replace(item, confidence=0.9) for item in make_texts(prefix, text, count, "right")]


async def test_a_statement_that_its_evidence_bears_out_is_adopted_and_counted(context: Any) -> None:
    adopted = await adopt(context, evaluation(), weakness("v0", "v1", "v2", "v3"))
    assert list(adopted) == ["c001-w1"]
    (row,) = context.ledger.weaknesses()
    assert (row["state"], row["tested"]["verdict"], row["effect"]) == ("open", "holds", None)
    assert row["mastery"]["counts"] == [[0, 0, 4]]
    assert row["mastery"]["first"] == row["mastery"]["now"] == 0.1
    assert context.events == [
        {
            "event": "weakness",
            "cycle": 1,
            "id": "c001-w1",
            "name": "late ones",
            "labels": ["a", "b"],
            "state": "open",
            "tested": "holds",
        }
    ]


async def test_one_that_its_evidence_does_not_bear_out_is_dropped(context: Any) -> None:
    cases = [*make_texts("v", LOCKED, 1, "wrong"), *known_well("r", LOCKED, 8)]
    assert await adopt(context, CycleEvaluation([], cases), weakness("v0", "r0", "r1", "r2")) == {}
    (row,) = context.ledger.weaknesses()
    assert (row["state"], row["tested"]["verdict"], row["mastery"]["probe"]) == ("dropped", "fails", None)
    assert show_weaknesses(context)[0].state == "dropped"


async def test_evidence_that_looks_right_is_left_out(context: Any) -> None:
    cases = [*evaluation().validation, *known_well("w", LATE, 2)]
    adopted = await adopt(context, CycleEvaluation([], cases), weakness("v0", "v1", "v2", "v3", "w0", "w1"))
    assert adopted["c001-w1"].evidence == ["v0", "v1", "v2", "v3"]
    assert context.ledger.weaknesses()[0]["tested"]["verdict"] == "refined"


async def test_without_tests_every_statement_is_adopted_and_nothing_is_read(context: Any) -> None:
    curriculum = context.settings.curriculum.model_copy(update={"test_statements": False})
    context.settings = context.settings.model_copy(update={"curriculum": curriculum})
    cases = CycleEvaluation([], make_texts("v", LOCKED, 4, "wrong") + make_texts("r", LOCKED, 8, "right"))
    assert list(await adopt(context, cases, weakness("v0", "v1"))) == ["c001-w1"]
    await follow_weaknesses(context, 1, cases)
    assert context.student.asked == []


async def test_mastery_is_followed_on_texts_of_its_kind_and_asking_twice_changes_nothing(context: Any) -> None:
    await adopt(context, evaluation(), weakness("v0", "v1", "v2", "v3"))
    others = make_texts("r", LOCKED, 5, "wrong")
    then = CycleEvaluation([], make_texts("v", LATE, 4, "right") + others)
    rows = []
    for _ in range(2):
        await follow_weaknesses(context, 1, then)
        rows.append(context.ledger.weaknesses()[0])
    assert rows[0] == rows[1]
    assert rows[0]["mastery"]["counts"] == [[0, 0, 4], [1, 4, 4]]
    assert (rows[0]["mastery"]["now"], rows[0]["effect"], rows[0]["state"]) == (0.6429, 0.5429, "improving")
    await follow_weaknesses(context, 2, then)
    (shown,) = show_weaknesses(context)
    assert (shown.state, shown.mastery, shown.effect) == ("improving", 0.8125, 0.7125)
    assert context.ledger.weaknesses()[0]["mastery"]["counts"][-1] == [2, 4, 4]


async def test_a_batch_answered_before_its_own_training_is_no_effect_of_it(context: Any) -> None:
    await adopt(context, evaluation(), weakness("v0", "v1", "v2", "v3"))
    batch = CycleEvaluation(make_texts("e", LATE, 4, "right"), [])
    await follow_weaknesses(context, 1, batch)
    assert context.ledger.weaknesses()[0]["effect"] is None
    await follow_weaknesses(context, 2, batch)
    assert context.ledger.weaknesses()[0]["effect"] == pytest.approx(0.5429)


async def test_a_cycle_that_trained_nothing_has_no_effect_on_a_weakness(context: Any) -> None:
    await adopt(context, evaluation(), weakness("v0", "v1", "v2", "v3"))
    before = context.ledger.weaknesses()
    context.ledger.put_cycle_record(1, GATE, GateRecord(before=0.5, after=None, promoted=False))
    await follow_weaknesses(context, 1, evaluation())
    assert context.ledger.weaknesses() == before
    await follow_weaknesses(context, 2, CycleEvaluation(make_texts("e", LATE, 4, "right"), []))
    assert context.ledger.weaknesses()[0]["effect"] is None  # answered before the first training on it
    await follow_weaknesses(context, 2, CycleEvaluation([], make_texts("v", LATE, 4, "right")))
    assert context.ledger.weaknesses()[0]["effect"] == pytest.approx(0.5429)


async def test_a_weakness_that_no_lesson_helped_is_given_up(context: Any) -> None:
    evidence = ("v0", "v1", "v2", "v3")
    for cycle in (1, 2, 3):
        assert await adopt(context, evaluation(), weakness(*evidence), cycle=cycle)
    named = (weakness(*evidence), weakness(*evidence, labels=("a", "c")))
    assert list(await adopt(context, evaluation(), *named, cycle=4)) == ["c004-w2"]
    assert context.ledger.weaknesses(4)[0]["state"] == "given_up"


async def test_a_rolled_back_cycle_says_so_and_stays_so(context: Any) -> None:
    await adopt(context, evaluation(), weakness("v0", "v1", "v2", "v3"))
    mark_rolled_back(context, 1)
    await follow_weaknesses(context, 2, CycleEvaluation([], make_texts("v", LATE, 4, "right")))
    assert context.ledger.weaknesses()[0]["state"] == "rolled_back"


def test_in_a_run_lessons_are_given_on_adopted_weaknesses_alone(
    toy_domain: Path, word_students: list[WordStudent]
) -> None:
    ledger = Ledger(run_quick(toy_domain, "--set", "curriculum.test_statements=true").ledger)
    rows = {row["id"]: row for row in ledger.weaknesses()}
    taught = {lesson["weakness"] for cycle in (1, 2) for lesson in ledger.lessons(cycle)} - {None}
    packet = ledger.message("c002", FeedbackPacket)
    ledger.close()
    assert rows
    assert all(row["tested"]["verdict"] in ("holds", "refined", "fails", "untested") for row in rows.values())
    assert taught <= {name for name, row in rows.items() if row["tested"]["verdict"] != "fails"}
    assert packet is not None
    assert {item.id for item in packet.weaknesses} == {name for name in rows if name.startswith("c001")}
    assert all(item.mastery is not None for item in packet.weaknesses)
