from typing import Any

import pytest

from evokd.agents.analyst import analyze, find_faults
from evokd.messages import AnalystReply, Case, CaseError, ErrorCount, FeedbackPacket
from evokd.tracing.ledger import Ledger
from tests.agents.asks import brief, make_packet, make_weakness
from tests.agents.conftest import Open
from tests.agents.entity_asks import TYPES, brief_entities, entities
from tests.scripted import message_of


def reply_of(*weaknesses: dict[str, Any]) -> dict[str, Any]:
    return {"weaknesses": list(weaknesses)}


async def test_a_sound_analysis_is_taken_as_it_is(door: Open) -> None:
    teacher, script = door([reply_of(make_weakness(evidence=["k2", "k1"], labels=["bug", "how"]))])
    packet = make_packet("ww", cycle=4)
    analysis = await analyze(teacher, brief(), packet, "c4", 1)
    assert analysis.cycle == 4
    assert [(found.evidence, found.labels) for found in analysis.weaknesses] == [(["k2", "k1"], ["bug", "how"])]
    kind, sent = message_of(script.requests[0])
    assert kind == "feedback_packet"
    assert FeedbackPacket.model_validate(sent) == packet
    weakness = script.requests[0]["response_format"]["json_schema"]["schema"]["$defs"]["Weakness"]["properties"]
    assert weakness["evidence"]["items"]["enum"] == ["k1", "k2"]
    assert weakness["labels"]["items"]["enum"] == ["bug", "bill", "how"]


@pytest.mark.parametrize(
    ("weakness", "fault"),
    [
        (make_weakness(evidence=["k1", "k9"]), "evidence 'k9' is not among the packet's case ids"),
        (make_weakness(evidence=[]), "no evidence given"),
        (make_weakness(labels=["bug", "bugs"]), "unknown label 'bugs'"),
        (make_weakness(labels=[]), "no label named"),
        (None, "no weakness named, but 2 cases are wrong"),
    ],
    ids=["invented-evidence", "no-evidence", "unknown-label", "no-label", "empty"],
)
async def test_a_faulty_analysis_is_asked_again(
    door: Open, ledger: Ledger, weakness: dict[str, Any] | None, fault: str
) -> None:
    teacher, script = door([reply_of(*([weakness] if weakness else [])), reply_of(make_weakness())])
    analysis = await analyze(teacher, brief(), make_packet("wcr"), "c1", 1)
    assert [found.evidence for found in analysis.weaknesses] == [["k1"]]
    assert any(fault in told for told in ledger.calls()[0].faults)
    assert fault in script.requests[1]["messages"][-1]["content"]


async def test_what_stays_faulty_is_pruned(door: Open) -> None:
    stubborn = reply_of(
        make_weakness(name="half", evidence=["k9", "k1", "k1"], labels=["bugs", "bug", "bug"]),
        make_weakness(name="invented", evidence=["k8", "k9"]),
        make_weakness(name="homeless", labels=["bugs"]),
    )
    teacher, _ = door([stubborn] * 3)
    analysis = await analyze(teacher, brief(), make_packet("ww"), "c1", 1)
    assert [(found.name, found.evidence, found.labels) for found in analysis.weaknesses] == [("half", ["k1"], ["bug"])]


async def test_an_analyst_that_never_answers_yields_an_empty_analysis(door: Open) -> None:
    teacher, _ = door(["no", reply_of(), "no"])
    assert (await analyze(teacher, brief(), make_packet("w"), "c1", 1)).weaknesses == []


async def test_no_more_weaknesses_than_wanted_and_the_gravest_stay(door: Open) -> None:
    teacher, _ = door([reply_of(*(make_weakness(name=f"w{i}") for i in range(5)))])
    analysis = await analyze(teacher, brief(max_weaknesses=2), make_packet("w"), "c1", 1)
    assert [found.name for found in analysis.weaknesses] == ["w0", "w1"]


def test_a_student_without_wrong_cases_may_have_no_weakness() -> None:
    assert find_faults(AnalystReply(weaknesses=[]), make_packet("rr")) == []


async def test_a_packet_without_cases_needs_no_evidence(door: Open) -> None:
    teacher, script = door([reply_of(make_weakness(evidence=[]))])
    analysis = await analyze(teacher, brief(), make_packet(""), "c1", 1)
    assert len(analysis.weaknesses) == 1
    weakness = script.requests[0]["response_format"]["json_schema"]["schema"]["$defs"]["Weakness"]["properties"]
    assert "enum" not in weakness["evidence"]["items"], "servers refuse an empty enum"


async def test_mistakes_with_entities_reach_the_analyst_and_are_cited(door: Open) -> None:
    robin, robins = entities("Robin/person", "robins/species")
    case = Case(
        id="k1",
        text="Robin counted robins.",
        gold=[robin, robins],
        predicted=entities("Robin/species"),
        confidence=0.7,
        verdict="wrong",
        marked="[Robin](person) counted [robins](species).",
        answered="[Robin](species) counted robins.",
        errors=[
            CaseError(kind="type", gold=robin, predicted=entities("Robin/species")[0]),
            CaseError(kind="missed", gold=robins, predicted=None),
        ],
    )
    packet = make_packet("").model_copy(
        update={
            "task": "ner",
            "labels": TYPES,
            "cases": [case],
            "errors": [ErrorCount(kind="type", label="person", count=4)],
        }
    )
    named = make_weakness(labels=["person", "species"])
    teacher, script = door([reply_of(make_weakness(labels=["O"])), reply_of(named)])
    analysis = await analyze(teacher, brief_entities(), packet, "c1", 1)
    assert [(found.labels, found.evidence) for found in analysis.weaknesses] == [(["person", "species"], ["k1"])]
    _, sent = message_of(script.requests[0])
    plain = case.model_copy(update={"marked": None, "answered": None})
    assert FeedbackPacket.model_validate(sent) == packet.model_copy(update={"cases": [plain]}), "nothing is said twice"
    assert [error["kind"] for error in sent["cases"][0]["errors"]] == ["type", "missed"]
    assert "unknown label 'O'" in script.requests[1]["messages"][-1]["content"]
