"""Texts that go to the Labeler: which ones, what it is shown with them, and what is stored from its answers."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from evokd.agents import labeler
from evokd.agents.llm.budget import BudgetSpent
from evokd.graph.context import RunContext, cycle_name
from evokd.graph.nodes.reference_texts import guide_labeler
from evokd.graph.nodes.settled_cycles import settle
from evokd.messages import DraftBatch, DraftText, LabelPlan, Message
from evokd.tracing.ledger import Sample
from evokd.tracing.rows import LessonRow
from evokd.tracing.samples import SampleChange

REAL = "real"
"""Kind of a lesson whose texts come from the pool."""
NO_CALL = ""
"""Stands in for the call that wrote a text if no call did."""
Changes = dict[str, SampleChange]
"""Sample id -> columns that change."""


def take_texts(lesson: LessonRow) -> list[Sample]:
    """The real texts of a lesson as samples that are not labelled yet."""
    plan = LabelPlan.model_validate(lesson["plan"])
    return [
        Sample(
            id=f"{lesson['id']}-d{number:02d}",
            cycle=lesson["cycle"],
            lesson=lesson["id"],
            weakness=lesson["weakness"],
            text=item.text,
            difficulty="",
            intended=None,
            draft_call=NO_CALL,
            kind=REAL,
            source=item.source,
        )
        for number, item in enumerate(plan.texts, start=1)
    ]


def label_rule(context: RunContext) -> str:
    """Whose label of a written text counts; see `curriculum.labels`."""
    return context.settings.curriculum.label_rule


@dataclass(frozen=True)
class Labelled:
    """The Labeler's answers to some texts."""

    changes: Changes = field(default_factory=dict)
    """Changes of the texts with a usable answer."""
    faults: Sequence[str] = ()
    messages: Sequence[tuple[str, str, Message]] = ()
    """Sender, receiver and message, for the record."""

    def apply(self, samples: Sequence[Sample]) -> list[Sample]:
        """The samples with these changes."""
        return [replace(sample, **self.changes.get(sample.id, {})) for sample in samples]

    def store_messages(self, context: RunContext, cycle: int, span: str) -> None:
        """Store the messages."""
        for sender, receiver, message in self.messages:
            context.ledger.put_message(cycle, span, sender, receiver, message)


async def ask_labeler(context: RunContext, lesson: LessonRow, samples: Sequence[Sample]) -> Labelled:
    """Send texts to the Labeler without saying where they come from."""
    texts = {sample.id: sample.text for sample in samples}
    seed = context.seed(lesson["id"], "label")
    guidance = await guide_labeler(context, list(texts.values()), seed)
    try:
        labelling = await labeler.label(
            context.teacher, context.briefing, texts, lesson["cycle"], lesson["id"], seed, guidance
        )
    except BudgetSpent as exc:
        context.emit("budget_spent", cycle=lesson["cycle"], role="labeler", lesson=lesson["id"], reason=str(exc))
        return Labelled(faults=[str(exc)])
    batch = DraftBatch(
        labels=dict(context.domain.file.labels),
        guide=dict(guidance.guide),
        examples=list(guidance.examples),
        drafts=[DraftText(id=name, text=text) for name, text in texts.items()],
    )
    codec = context.domain.codec
    changes: Changes = {
        name: {
            "candidates": [codec.from_wire(texts[name], item) for item in verdict.candidates],
            "confidence": verdict.confidence,
            "label_call": verdict.call_id,
        }
        for name, verdict in labelling.labels.items()
    }
    sender = "curriculum" if lesson["kind"] == REAL else "generator"
    messages = [(sender, "labeler", batch), ("labeler", "student", labelling.batch)]
    return Labelled(changes, labelling.faults, messages)


async def trust_drafts(
    context: RunContext, lesson: LessonRow, samples: Sequence[Sample], version: str | None, rule: str
) -> tuple[Changes, set[str]]:
    """Choose the drafts whose intended label counts without asking the Labeler.

    A student trained only on the seeds confirms nothing. A few doubtful texts are not worth a request. A Generator that
    was right in enough checks is no longer checked.

    Returns:
        Changes of these drafts, and the ids of those that are checked although the student confirms them: otherwise a
        wrong label that the student agrees with would go unnoticed.
    """
    curriculum = context.settings.curriculum
    everything: Changes = {sample.id: {"candidates": [sample.intended], "confidence": None} for sample in samples}
    if version is None or version == cycle_name(0) or _is_proven(context, lesson["cycle"]):
        return everything, set()
    answers = await context.student.predict(context.folder.version(version), [sample.text for sample in samples])
    key = context.domain.codec.key
    doubted: list[str] = []
    confirmed: Changes = {}
    for sample, answer in zip(samples, answers, strict=True):
        sure = answer.confidence >= curriculum.confirm
        same = key(answer.answer) == key(sample.intended)
        if (sure and not same) if rule == "contested" else not (sure and same):
            doubted.append(sample.id)
        else:
            confirmed[sample.id] = {"candidates": [sample.intended], "confidence": answer.confidence}
    if len(doubted) < curriculum.check_least:
        return everything, set()
    names = sorted(confirmed)
    audited = set(random.Random(context.seed(lesson["id"], "audit")).sample(names, min(curriculum.audit, len(names))))
    return {name: change for name, change in confirmed.items() if name not in audited}, audited


def _is_proven(context: RunContext, cycle: int) -> bool:
    """Whether enough checks were made and the Labeler disputed none of the intended labels."""
    enough = context.settings.curriculum.trust_after
    settled = settle(context, cycle)
    return 0 < enough <= settled.checked and not settled.disputed
