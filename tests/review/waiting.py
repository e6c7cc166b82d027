"""A run that waits for people, made by hand: its ledger with a review of a few texts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evokd.messages.spans import Span
from evokd.review.pending import Pending, ReviewSession
from evokd.student.tasks.ner.spans import to_gold
from evokd.tracing.ledger import Ledger, Sample
from evokd.tracing.reviews import REVIEW_QUEUE
from tests.tracing.rows import lesson, sample

LABELS = {"billing": "money", "login": "passwords", "=delivery": "parcels"}
TEXTS = {
    "c001-l01-d01": ("=SUM(A1) was charged twice", "billing"),
    "c001-l01-d02": ("I cannot sign in, my code is 😀 <b>", "login"),
    "c001-l01-d03": ("where,\nis; my parcel", "billing"),
}
"""Id -> text and the teacher's answer."""
ENTITIES = {
    "c001-l01-d01": ("Robin saw 😀 two robins", [Span(0, 5, "person")]),
    "c001-l01-d02": ("no [thing] here", []),
}
SETS = {
    "c001-l01-d01": ("Charged twice, and now I cannot sign in", ["billing", "login"]),
    "c001-l01-d02": ("Thank you", []),
    "c001-l01-d03": ("Where is the parcel", ["=delivery"]),
}


def wait(path: Path, texts: dict[str, Any] | None = None, task: str = "classification") -> ReviewSession:
    """Write the ledger, and open its review for the reviewer `ana`."""
    given = texts or TEXTS
    answers = {name: to_gold(answer) if task == "ner" else answer for name, (_, answer) in given.items()}
    samples = [_make(name, text, answers[name]) for name, (text, _) in given.items()]
    labels = {"person": "people", "species": "animals"} if task == "ner" else LABELS
    with Ledger(path) as ledger:
        ledger.put_lessons(1, [lesson("c001-l01")])
        ledger.put_drafts("c001-l01", samples)
        queued = [{"id": name, "why": "disputed", "proposed": answers[name]} for name in given]
        queue: Any = {"task": task, "labels": labels, "texts": queued, "over_budget": 0}
        ledger.put_cycle_record(1, REVIEW_QUEUE, queue)
    return ReviewSession(path, "one", lambda: False, "ana")


def _make(name: str, text: str, answer: Any) -> Sample:
    fields: dict[str, Any] = {"state": "accepted", "purpose": "train", "label": answer, "candidates": [answer]}
    return sample(name, text=text, intended=answer, exam={"answer": answer, "confidence": 0.4}, **fields)


def decided(session: ReviewSession) -> dict[str, tuple[str, Any, str]]:
    """Id -> action, answer and reviewer of the decisions in force."""
    found = {item.id: item.decision for item in session.read().items}
    return {name: (made.action, made.answer, made.reviewer) for name, made in found.items() if made is not None}


def names(pending: Pending) -> Sequence[str]:
    return [item.id for item in pending.items]
