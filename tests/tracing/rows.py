"""Rows for hand-made ledgers."""

from typing import Any

from evokd.messages import Analysis, CallRecord, Case, Confusion, FeedbackPacket
from evokd.tracing.ledger import Ledger, Sample
from evokd.tracing.rows import CURATION, GATE, TRAINING


def call(id: str = "c001-analyst-1", **changes: Any) -> CallRecord:
    fields = {
        "id": id,
        "key": "k1",
        "cycle": 1,
        "role": "analyst",
        "span": "c001",
        "attempt": 1,
        "endpoint": "http://here/v1",
        "model": "big",
        "ability": "json_schema",
        "request": {"turns": [["user", "Grüße \u2028 <x>"]], "parameters": {"seed": 1}},
        "prompts": "abc",
        "status": "ok",
        "raw": '{"weaknesses": []}',
        "flags": ["fence"],
        "faults": [],
        "input_tokens": 100,
        "output_tokens": 10,
        "estimated": False,
        "cost_usd": 0.01,
        "price_source": "own",
        "seconds": 1.5,
    }
    return CallRecord.model_validate({**fields, **changes})


def sample(id: str = "c001-l01-d01", **changes: Any) -> Sample:
    fields = {
        "id": id,
        "cycle": 1,
        "lesson": id.rsplit("-", 1)[0],
        "weakness": None,
        "text": f"text of {id}",
        "difficulty": "hard",
        "intended": "cat",
        "draft_call": "c001-l01-generator-1",
    }
    return Sample(**{**fields, **changes})


def weakness(id: str = "c001-w1", **changes: Any) -> dict[str, Any]:
    fields = {
        "id": id,
        "cycle": 1,
        "name": "cats for dogs",
        "pattern": "says meow late",
        "labels": ["cat", "dog"],
        "evidence": ["v1", "v2"],
        "advice": "write quiet cats",
        "state": "improving",
        "effect": 0.125,
        "mastery": None,
        "tested": None,
    }
    return {**fields, **changes}


def lesson(
    id: str = "c001-l01", cycle: int = 1, weakness: str | None = "c001-w1", topic: str = "cats"
) -> dict[str, Any]:
    quotas = [{"label": "cat", "hard": 1, "easy": 2}, {"label": "[dog]", "hard": 0, "easy": 1}]
    variety = {"variety": ["a few words; plain", "one long sentence; casual"]} if weakness is None else {}
    about = {"name": topic, "pattern": "", "labels": [], "advice": ""}
    plan = {"kind": "lesson_plan", "id": id, "weakness": about, "labels": {}, "quotas": quotas, **variety}
    kind = "plain" if weakness is None else "weakness"
    return {"id": id, "cycle": cycle, "weakness": weakness, "kind": kind, "plan": plan}


def case(id: str, verdict: str = "wrong", text: str | None = None) -> Case:
    fields = {"id": id, "text": text or f"case {id}", "gold": "cat", "predicted": "dog", "confidence": 0.75}
    return Case.model_validate({**fields, "verdict": verdict})


def packet(*cases: Case, notices: tuple[str, ...] = ()) -> FeedbackPacket:
    return FeedbackPacket(
        cycle=1,
        task="classification",
        labels={"cat": "a cat", "dog": "a dog"},
        report=[],
        confusions=[Confusion(gold="cat", predicted="dog", count=4)],
        weaknesses=[],
        cases=list(cases),
        notices=list(notices),
    )


REPORT = "Robin saw two robins near Grebe 3."
"""A text with entities."""
PERSON = {"start": 0, "end": 5, "label": "person"}
SPECIES = {"start": 14, "end": 20, "label": "species"}
BOAT = {"start": 26, "end": 33, "label": "boat"}


def entity_case(id: str, verdict: str, *errors: dict[str, Any], answered: str = "") -> Case:
    """A case on REPORT."""
    return Case.model_validate(
        {
            "id": id,
            "text": REPORT,
            "gold": [{"text": "Robin", "label": "person"}],
            "predicted": [],
            "confidence": 0.625,
            "verdict": verdict,
            "marked": "[Robin](person) saw two [robins](species) near [Grebe 3](boat).",
            "answered": answered or REPORT,
            "errors": errors,
        }
    )


def mistake(kind: str, gold: tuple[str, str] | None, predicted: tuple[str, str] | None) -> dict[str, Any]:
    sides = {"gold": gold, "predicted": predicted}
    told = {side: item and {"text": item[0], "label": item[1]} for side, item in sides.items()}
    return {"kind": kind, **told}


def fill(ledger: Ledger) -> None:
    """Write a run of two cycles: the seeds alone, then one with a weakness, two lessons and a promoted student."""
    ledger.put_cycle_record(0, TRAINING, training(samples=2))
    ledger.put_cycle_record(0, GATE, {"before": None, "after": 0.4, "promoted": True})
    shown = packet(case("v1"), case("v2", "confident_wrong"), case("v3", "right"), notices=("cycle 0 was odd",))
    ledger.put_message(1, "c001", "student", "analyst", shown)
    ledger.record_call(call())
    ledger.put_message(1, "c001", "analyst", "generator", Analysis(cycle=1, weaknesses=[]))
    ledger.put_weaknesses([weakness()])
    ledger.put_lessons(1, [lesson(), lesson("c001-l02", weakness=None, topic="breadth")])
    ledger.record_call(call("c001-l01-generator-1", key="k2", role="generator", span="c001-l01"))
    ledger.record_call(call("c001-l01-labeler-1", key="k3", role="labeler", span="c001-l01", model="judge"))
    ledger.put_drafts("c001-l01", [sample(weakness="c001-w1"), sample("c001-l01-d02", weakness="c001-w1")])
    ledger.put_drafts("c001-l02", [sample("c001-l02-d01")])
    ledger.close_lesson("c001-l01", 2, 1, ["1 draft(s): empty text"])
    exam = {"answer": "dog", "confidence": 0.9}
    accepted = {"state": "accepted", "purpose": "train", "label": "dog", "candidates": ["dog", "cat"], "exam": exam}
    ledger.update_samples(
        [
            ("c001-l01-d01", {**accepted, "label_call": "c001-l01-labeler-1", "disputed": 1, "confidence": 0.8}),
            ("c001-l01-d02", {"state": "rejected", "reason": "duplicate"}),
            ("c001-l02-d01", {"state": "tombstoned", "reason": "rolled_back"}),
        ]
    )
    ledger.put_cycle_record(1, CURATION, {"drafts": 3, "accepted": 1, "disputed": 1})
    ledger.put_cycle_record(1, TRAINING, training(samples=3))
    ledger.put_cycle_record(1, GATE, {"before": 0.4, "after": 0.6, "promoted": True})
    for cycle, node, seconds in ((0, "train", 1.0), (1, "analyze", 0.5), (1, "train", 2.0), (1, "train", 0.25)):
        ledger.add_time(cycle, node, seconds)


def training(samples: int) -> dict[str, Any]:
    return {"tune": "head", "steps": 20, "samples": samples, "seconds": 1.25, "loss": 0.5}


SUMMARY: dict[str, Any] = {
    "run_id": "r1",
    "domain": "toy",
    "preset": "evokd",
    "teacher": "big",
    "rehearsal": False,
    "student": "embedded",
    "seed": 3,
    "stop_reason": "cycles",
    "metric": "macro_f1",
    "gate_metric": "macro_f1",
    "cycles": [],
    "start": {"validation": {"macro_f1": 0.4}, "test": None},
    "final": {"validation": {"macro_f1": 0.6}, "test": None},
    "totals": {
        "samples": 1,
        "calls": 3,
        "input_tokens": 1300,
        "output_tokens": 30,
        "tokens_estimated": True,
        "cost_usd": 0.03,
        "seconds": 3.75,
    },
}
