"""The feedback packet, and that nobody is asked twice for what it is made of."""

from dataclasses import replace
from typing import Any

import pytest

from evokd.graph.nodes.evaluation import LEAST_REAL, evaluate_cycle
from evokd.graph.nodes.examine import examine
from evokd.graph.nodes.gate import gate
from evokd.messages import FeedbackPacket
from evokd.student.tasks.classification.codec import ClassificationCodec
from evokd.tracing.rows import GATE, TRAINING
from tests.graph.nodes.conftest import MakeToy
from tests.graph.nodes.toy_context import ToyContext, accepted, make_state, without_validation
from tests.graph.toy import LABELS


def packet_of(toy: ToyContext, span: str = "c002") -> dict[str, Any]:
    """The feedback packet of a span as JSON."""
    packet = toy.context.ledger.message(span, FeedbackPacket)
    assert packet is not None
    return packet.model_dump(mode="json")


def examined(name: str, answer: str, **changes: Any) -> Any:
    return accepted(name, exam={"answer": answer, "confidence": 0.75}, **changes)


async def test_the_packet_shows_what_the_champion_made_of_validation_data(make_toy: MakeToy) -> None:
    toy = make_toy()
    toy.teach_nonsense("c000")
    assert await examine(make_state(), toy.context) == {}
    packet = packet_of(toy)
    rows = toy.context.domain.validation
    assert (packet["cycle"], packet["examined"], packet["origin"]) == (2, len(rows), "real")
    assert sum(line["support"] for line in packet["report"]) == len(rows)
    assert {line["label"]: line["recall"] for line in packet["report"]}[LABELS[0]] == 1.0
    for case in packet["cases"]:
        row = rows[int(case["id"].removeprefix("v")) - 1]
        assert (case["text"], case["gold"], case["predicted"]) == (row.text, row.gold, LABELS[0])
        assert (case["verdict"] == "right") is (row.gold == LABELS[0])
    wrong = sum(case["verdict"] != "right" for case in packet["cases"])
    assert wrong > 0
    assert toy.event("examined") == {"event": "examined", "cycle": 2, "cases": len(packet["cases"]), "wrong": wrong}


async def test_the_scores_of_the_gate_are_not_computed_again(
    make_toy: MakeToy, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy = make_toy()
    toy.teach("c001")
    toy.context.ledger.put_cycle_record(
        1, TRAINING, {"tune": "head", "samples": 1, "steps": 1, "seconds": 0.1, "loss": 0.5}
    )
    update = await gate(make_state(champion=None), toy.context)
    monkeypatch.delattr(ClassificationCodec, "evaluate")
    monkeypatch.delattr(ClassificationCodec, "from_wire")
    asked = len(toy.student.calls)
    await examine(make_state(champion="c001"), toy.context)
    scores = [line["f1"] for line in packet_of(toy)["report"]]
    assert sum(scores) / len(scores) == pytest.approx(update["score"], abs=0.01)
    assert len(toy.student.calls) == asked


async def test_the_texts_of_the_cycle_are_cases_with_the_answers_of_before_their_training(make_toy: MakeToy) -> None:
    toy = make_toy(curriculum={"packet": {"source": "exam"}})
    right, wrong = examined("c001-l01-d01", LABELS[0]), examined("c001-l01-d02", LABELS[1])
    masked, rejected = examined("c001-l01-d03", LABELS[0], masked=[[0, 4]]), accepted("c001-l01-d04", state="rejected")
    toy.add_lesson("c001-l01", [right, wrong, masked, rejected])
    await examine(make_state(), toy.context)
    packet = packet_of(toy)
    cases = {case["id"]: (case["text"], case["verdict"], case["origin"]) for case in packet["cases"]}
    assert cases == {"e1": (right.text, "right", "written"), "e2": (wrong.text, "wrong", "written")}
    assert (packet["examined"], packet["origin"]) == (2, "written")
    assert toy.student.calls == []


async def test_written_texts_are_left_out_where_there_are_enough_real_ones(make_toy: MakeToy) -> None:
    toy = without_validation(make_toy())
    real = [examined(f"c001-l01-d{n:02d}", LABELS[1], source=f"pool:{n}") for n in range(1, LEAST_REAL + 1)]
    toy.add_lesson("c001-l01", [*real, examined("c001-l01-d90", LABELS[0])])
    await examine(make_state(), toy.context)
    packet = packet_of(toy)
    assert {case["origin"] for case in packet["cases"]} == {packet["origin"]} == {"real"}
    assert packet["examined"] == LEAST_REAL


async def test_at_the_very_start_the_seeds_are_examined_and_answered_once(make_toy: MakeToy) -> None:
    toy = without_validation(make_toy())
    toy.teach("c000")
    await examine(make_state(cycle=0), toy.context)
    seeds = {seed.text for seed in toy.context.domain.seeds}
    assert {case["text"] for case in packet_of(toy, "c001")["cases"]} <= seeds
    first = await evaluate_cycle(toy.context, 0, "c000")
    # another process has nothing but the ledger
    later = await evaluate_cycle(replace(toy.context, vectors={}), 0, "c000")
    assert first == later
    assert [item.id for item in first.texts] == [f"s{n}" for n in range(1, len(seeds) + 1)]
    assert toy.student.calls == [("c000", len(seeds))]


async def test_a_roll_back_is_noticed_and_history_can_be_left_out(make_toy: MakeToy) -> None:
    toy = make_toy()
    toy.teach("c000")
    toy.context.ledger.put_cycle_record(1, GATE, {"before": 0.75, "after": 0.5, "promoted": False})
    await examine(make_state(), toy.context)
    (notice,) = packet_of(toy)["notices"]
    assert "macro_f1 fell from 0.750 to 0.500" in notice
    settings = toy.context.settings
    packet = settings.curriculum.packet.model_copy(update={"history": False, "report": False})
    curriculum = settings.curriculum.model_copy(update={"packet": packet})
    toy.context = replace(toy.context, settings=settings.model_copy(update={"curriculum": curriculum}))
    await examine(make_state(), toy.context)
    assert (packet_of(toy).get("notices", []), packet_of(toy)["report"], packet_of(toy)["examined"]) == ([], [], 0)
